//! The scenes: emulated devices, the real daemon, and the house rules.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod journal_faults;
mod journal_power;
mod printer;
mod tidy;
