//! Where streams are kept: one story, told by every store.

pub mod sqlite;

use axum::body::Bytes;
use thiserror::Error;

use crate::chance::NoChance;
use crate::stream::{About, Append, Appended, Made, Read, Wanted};
use sqlite::Sqlite;

/// A store that failed; what was asked may or may not have been done.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("cannot {step}")]
    Sqlite {
        /// What was tried.
        step: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The tables cannot be brought up to date.
    #[error("cannot bring the tables up to date")]
    Migrate(#[source] refinery::Error),
    /// No random bytes.
    #[error("cannot make a stream")]
    Chance(#[source] NoChance),
    /// The transaction that held the change was not committed.
    #[error("the change was not committed")]
    NotCommitted,
    /// The system gives no thread.
    #[error("cannot start the store's thread")]
    Thread(#[source] std::io::Error),
    /// The store's thread has ended.
    #[error("the store has stopped")]
    Stopped,
}

/// A store.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file of this node alone.
    Sqlite(Sqlite),
}

impl Store {
    /// Makes a stream with its first messages, or finds it.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn make(&self, path: &str, content_type: &str, first: Vec<Bytes>) -> Result<Made, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.make(path, content_type, first).await,
        }
    }

    /// Removes a stream; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn remove(&self, path: &str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.remove(path).await,
        }
    }

    /// Returns what is known of a stream, if there is one.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn about(&self, path: &str) -> Result<Option<About>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.about(path).await,
        }
    }

    /// Appends messages; when it returns, they are on disk.
    ///
    /// # Errors
    /// [`StoreError`]: ask again with the same turn.
    pub async fn append(&self, path: &str, append: Append) -> Result<Appended, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.append(path, append).await,
        }
    }

    /// Reads messages.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn read(&self, path: &str, wanted: Wanted) -> Result<Read, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(path, wanted).await,
        }
    }
}
