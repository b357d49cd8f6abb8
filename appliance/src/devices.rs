//! Button boxes, number displays, keypads and readers: what their bytes mean, and how their lines are kept open.
//!
//! What comes in is [`protocol`]'s, [`frames`]', [`bounce`]'s and [`typed`]'s to understand, purely; `intake` makes
//! commands of it and `surface` shows numbers. Nobody waits for a device but its own thread.

pub mod bounce;
pub mod frames;
pub(crate) mod kept_open;
pub(crate) mod known;
pub mod notation;
pub mod protocol;
pub mod record;
pub mod transcript;
pub mod typed;
