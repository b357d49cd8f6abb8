//! Placeholder.

pub mod power;
pub mod printer;
