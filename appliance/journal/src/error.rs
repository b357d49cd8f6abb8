//! What can go wrong with a journal, and what it means for whoever asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use machiai_core::envelope::Malformed;
use machiai_core::ids::{FactId, Seq};

use crate::kept::Position;
use machiai_wire::chain::Hash;

/// A step on the open file that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused or failed.
    #[error("cannot {step} in the journal")]
    Sql {
        /// What was tried.
        step: &'static str,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// A file beside the journal could not be used.
    #[error("cannot {step} {path}")]
    File {
        /// What was tried.
        step: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A fact read back is not what was kept.
    #[error("fact at position {at} is damaged")]
    BadFact {
        /// Where.
        at: Position,
        /// What is wrong with it.
        #[source]
        source: BadFact,
    },
    /// A fact does not follow the newest of its origin.
    #[error("fact {id:?} does not follow seq {newest}")]
    OutOfOrder {
        /// The fact.
        id: FactId,
        /// The newest seq held of its origin, 0 for none.
        newest: Seq,
    },
    /// The log holds committed facts that SQLite would pass over.
    #[error("log {path} is damaged")]
    BadLog {
        /// Which log.
        path: PathBuf,
    },
    /// The two marks of the schema's version differ.
    #[error("schema is marked {marked}, but {applied} was applied")]
    BadSchema {
        /// What the file's header says.
        marked: u32,
        /// What the history of migrations says.
        applied: u32,
    },
    /// SQLite's own check of the pages failed.
    #[error("pages of {path} are damaged: {said}")]
    BadPages {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        said: String,
    },
    /// All readers stayed in use for too long.
    #[error("no reader of the journal became free")]
    NoReader,
    /// The file was closed after a failure and could not be opened again yet.
    #[error("journal is closed after a failure")]
    Closed,
}

/// What is wrong with a fact that was read back.
#[derive(Debug, thiserror::Error)]
pub enum BadFact {
    /// Its bytes are no fact.
    #[error("bytes are no fact")]
    Unreadable(#[source] Malformed),
    /// The envelope names another origin or seq than its row.
    #[error("envelope is of another fact")]
    OtherIdentity,
    /// Its running hash does not follow from the one before.
    #[error("running hash is {found}, expected {expected}")]
    Hash {
        /// The hash kept beside it.
        found: Hash,
        /// The hash that follows from the fact before.
        expected: Hash,
    },
    /// The fact before it in its origin is missing.
    #[error("fact before it is missing")]
    NoPredecessor,
    /// A column beside the bytes says something else than they do.
    #[error("column {column} is of another fact")]
    Column {
        /// Which column.
        column: &'static str,
    },
    /// An index does not lead to it.
    #[error("index {index} does not lead to it")]
    NotIndexed {
        /// Which index.
        index: &'static str,
    },
    /// The journal knew of it before, and it is gone.
    #[error("fact is gone")]
    Gone,
}

impl StoreError {
    /// Whether the file itself is damaged: it must be set aside and its facts salvaged.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::BadFact { .. } | Self::BadLog { .. } | Self::BadSchema { .. } | Self::BadPages { .. } => true,
            Self::Sql { source, .. } => is_damage(source),
            Self::File { .. } | Self::OutOfOrder { .. } | Self::NoReader | Self::Closed => false,
        }
    }

    /// Whether the disk is full: nothing was kept, and the same may succeed once there is space.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sql { source, .. } => is_full(source),
            Self::File { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            Self::BadFact { .. } | Self::BadLog { .. } | Self::BadSchema { .. } | Self::BadPages { .. } => false,
            Self::OutOfOrder { .. } | Self::NoReader | Self::Closed => false,
        }
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode, ffi};
    match error.sqlite_error() {
        // Also a table that is not there, and a sector that cannot be read.
        Some(error) => {
            matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
                || matches!(error.extended_code, ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_CORRUPTFS)
        }
        // A value that the schema forbids, or none where there must be one.
        None => matches!(
            error,
            Error::InvalidColumnType(..)
                | Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::QueryReturnedNoRows
                | Error::Utf8Error(..)
        ),
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    use rusqlite::{ErrorCode, ffi};
    error
        .sqlite_error()
        .is_some_and(|error| error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// Names the step when SQLite fails.
pub(crate) trait Step<T> {
    /// Says which step failed.
    fn step(self, step: &'static str) -> Result<T, StoreError>;
}

impl<T> Step<T> for Result<T, rusqlite::Error> {
    fn step(self, step: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sql { step, source })
    }
}

/// Names the step and the file when the file system fails.
pub(crate) trait OnFile<T> {
    /// Says which step failed on which file.
    fn on(self, step: &'static str, path: &std::path::Path) -> Result<T, StoreError>;
}

impl<T> OnFile<T> for io::Result<T> {
    fn on(self, step: &'static str, path: &std::path::Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::File { step, path: path.to_owned(), source })
    }
}

/// Why a journal could not be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes it.
    #[error("journal {path} is in use by another process")]
    InUse {
        /// Which journal.
        path: PathBuf,
    },
    /// A later version of the program wrote it: refuse, never convert backwards.
    #[error("journal {path} has schema {found}, this version knows up to {known}")]
    Newer {
        /// Which journal.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema this version knows.
        known: u32,
    },
    /// The SQLite linked in is one that can corrupt a journal in WAL mode.
    #[error("SQLite {found} is older than 3.51.3")]
    OldSqlite {
        /// Its version number, as in 3051003.
        found: i32,
    },
    /// The schema could not be brought up to date.
    #[error("cannot migrate journal {path}")]
    Migrate {
        /// Which journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<refinery::Error>,
    },
    /// A step failed.
    #[error("cannot open journal {path}")]
    Store {
        /// Which journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: StoreError,
    },
}

impl OpenError {
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.is_damage(),
            Self::InUse { .. } | Self::Newer { .. } | Self::OldSqlite { .. } | Self::Migrate { .. } => false,
        }
    }
}

/// Why a journal could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal could not be read.
    #[error("cannot read the journal")]
    Read(#[from] StoreError),
    /// The lines could not be written.
    #[error("cannot write the facts")]
    Write(#[source] io::Error),
}

/// Why a backup could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is no good.
    #[error("backup is no good")]
    Backup(#[source] StoreError),
    /// The new journal could not be made or put in place.
    #[error("cannot put the backup in place")]
    Place(#[from] OpenError),
}

/// Why a command has no answer of its own.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The same idempotency key came with another body.
    #[error("idempotency key was used for another command")]
    Conflict,
    /// The command's facts cannot be written, and nothing of it was kept.
    #[error("a fact of the command cannot be written")]
    Unwritable(#[source] Arc<Malformed>),
    /// The disk is full: nothing was kept; the next command tries again.
    #[error("disk is full")]
    DiskFull,
    /// Nothing of the command was kept.
    #[error("command was not kept")]
    NotKept(#[source] Arc<StoreError>),
    /// It could not be learned whether the command was kept: ask again with the same idempotency key.
    #[error("cannot learn whether the command was kept")]
    Unknown(#[source] Arc<StoreError>),
    /// The file is damaged: end the process, the next start salvages it.
    #[error("journal is damaged")]
    Damaged(#[source] Arc<StoreError>),
    /// Too many commands are waiting.
    #[error("too many commands are waiting")]
    Busy,
    /// The journal has stopped.
    #[error("journal has stopped")]
    Stopped,
}

/// The journal's thread could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the journal's thread")]
pub struct StartError(#[source] pub io::Error);

/// Returns an error as tracing takes it: with its causes.
pub(crate) fn told<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    error
}
