//! What reads bytes that strangers send to the daemon, each by itself, for whoever tries them with anything at all.
//!
//! Nothing here is part of what the daemon does: `hw-tests` alone calls it.

use std::path::Path;

use crate::config::Config;
use crate::intake::{api, vendor};

/// Reads a configuration.
pub fn configuration(text: &str) {
    drop(Config::of(Path::new("machiai.toml"), text));
}

/// Reads a body of the API as each command that takes one does.
pub fn body(bytes: &[u8]) {
    api::taste(bytes);
}

/// Reads what a vendor of video calls tells: a body of LiveKit's with its token, a form of Twilio's, a list.
pub fn vendors(bytes: &[u8]) {
    vendor::taste(bytes);
}
