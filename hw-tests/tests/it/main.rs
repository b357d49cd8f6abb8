//! The scenes: emulated devices, the real daemon, and the house rules.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod accept;
mod browser;
mod consultations;
mod content;
mod devices;
mod faults;
mod hostile;
mod hub;
mod incoming;
mod install;
mod journal_faults;
mod journal_kill;
mod journal_power;
mod morning;
mod printer;
mod screen;
mod tidy;
mod walk;
