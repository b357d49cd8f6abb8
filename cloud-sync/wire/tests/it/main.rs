//! The channel as a whole: boxes and a hub over a line that does all that lines do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod simulation;
mod world;
