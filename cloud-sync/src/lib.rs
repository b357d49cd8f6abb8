//! The hub: the cloud with which the clinics' boxes reconcile whenever the line allows.
//!
//! It keeps what boxes send by its bytes, hands it to whoever may read it, and never trusts a clinic's clock, nor one
//! clinic with another's data.

pub mod adopt;
pub mod backup;
pub mod blobs;
pub mod calls;
pub mod causes;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod door;
pub mod folder;
pub mod hub;
pub mod nodes;
pub mod operator;
mod patient;
mod public;
pub mod publish;
pub mod pulse;
pub mod serve;
pub mod service;
mod site;
pub mod store;
pub mod stream;
pub mod support;
mod wake;
mod watch;
mod words;
