//! The hub: its streams as a public suite judges them, the channel to a box, and who may speak.

mod channel;
mod cloud;
mod conformance;
mod enrol;
mod limits;
