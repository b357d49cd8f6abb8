//! The journal's promises, each tried on files of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the tests damage files of their own")]

mod copies;
mod damage;
mod desk;
mod running;
mod schema;
mod secrets;
mod store;
mod turns;
