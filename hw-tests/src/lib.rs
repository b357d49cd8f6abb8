//! Placeholder.

pub mod demo;
pub mod power;
pub mod printer;
