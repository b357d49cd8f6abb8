//! Placeholder.

pub mod bench;
pub mod browser;
pub mod demo;
pub mod power;
pub mod printer;
