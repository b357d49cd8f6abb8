//! The hub: its streams as a public suite judges them.

mod channel;
mod conformance;
