//! Placeholder.

pub mod printer;
