//! What clinics install: the units as they stand, and the packages under a real systemd.

mod machine;
mod package;
mod units;

use std::path::Path;

/// Writes a file of a test's own.
#[expect(clippy::disallowed_methods, reason = "a test's own file, in a folder that goes with it")]
fn put(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
