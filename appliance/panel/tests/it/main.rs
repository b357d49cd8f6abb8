//! The drawings, looked at by machine: what is on them, where it stands, and what they refuse.
#![expect(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "what helps a test may fail it")]

mod boards;
mod colours;
mod looker;
mod notices;
mod overrides;
mod pictures;
mod tickets;
