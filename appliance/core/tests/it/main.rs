//! The queue core from outside: facts and commands in, facts, refusals and views out.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the facts it speaks of")]

mod people;
mod play;
mod program;

mod board;
mod calls;
mod consultations;
mod days;
mod estimates;
mod golden;
mod hostile;
mod journey;
mod numbers;
mod order;
mod properties;
mod reception;
mod refusals;
mod remote;
mod reports;
mod rooms;
mod settings;
mod states;
mod support;
mod tickets;
mod undo;
