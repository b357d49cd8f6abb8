//! The hub's program, run as its operators do.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod command_line;
