//! Remote support from the operator's side: orders are signed with a key that lies with the operator and never here.
//!
//! The hub passes an order on as it passes any fact on; whether it counts is for the box to say.

pub mod key;
pub mod orders;
