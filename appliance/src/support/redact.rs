//! Strikes out what is nobody's business but the clinic's: secrets of the configuration, and what a log line could hold.
//!
//! What is let through is named; everything else is struck.

/// What stands for something that was struck out.
pub(crate) const STRUCK: &str = "…";
