//! The vendor's people who look after the fleet: their accounts, how they come in, and the pages that they work on.
//!
//! They come in by a listener of their own, with a password and a code of their authenticator; nothing that they do or try
//! goes without a line in the audit. No page holds a patient's data, nor a clinic's people by their names.

pub mod account;
mod calls;
mod day;
mod form;
pub mod orders;
mod pages;
mod routes;
mod session;
mod signs;
pub mod totp;

pub(crate) use routes::Operators;
pub(crate) use signs::Tally;
