//! The order and durability of facts, on SQLite.
//!
//! A fact is kept by its bytes, numbered within its origin, chained by a running hash, and never edited or deleted.
//! Nothing is answered before it is on disk. This is the appliance's only crate that names rusqlite. It reads no
//! clock and draws no random number: instants, stamps and the origin of an opening are arguments.
//!
//! [`Store`] is one opening of the file, [`turn::Turns`] decides, commits, publishes and answers, and [`Journal`]
//! does so on a thread of its own.
#![warn(clippy::arithmetic_side_effects, clippy::indexing_slicing, clippy::as_conversions)]

mod anchor;
mod ballast;
mod carve;
pub mod check;
pub mod copy;
pub mod error;
pub mod files;
mod filling;
pub mod kept;
mod log;
pub mod open;
pub mod reader;
pub mod rules;
pub mod running;
mod salvage;
mod schema;
pub mod store;
mod suspicion;
mod swap;
pub mod turn;
mod write;

pub use check::{Report, verify};
pub use copy::{backup, export, restore};
pub use error::{ExportError, JournalError, OpenError, RestoreError, StartError, StoreError};
pub use kept::{Kept, LeaseChange, NewFact, Position, Redated, SecretChange};
pub use open::{Disk, Open, Opened};
pub use reader::{Reader, Readers};
pub use rules::{AnswerTo, Decision, Draft, Heard, Received, Rules, StampParts, Stamper, Submission};
pub use running::{Health, Journal, Parts};
pub use store::Store;
