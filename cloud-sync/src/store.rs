//! Where streams are kept: one story, told by every store.

pub mod devices;
pub mod fleet;
pub mod operators;
pub mod postgres;
mod row;
mod service;
pub mod sqlite;

use std::collections::BTreeMap;
use std::path::Path;

use axum::body::Bytes;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_core::time::AtMs;
use machiai_wire::box_side::Most;
use machiai_wire::hub_side::Judged;
use machiai_wire::offset::Offset;
use machiai_wire::run::{Head, Heads};
use machiai_wire::said::Run;
use thiserror::Error;

use crate::chance::NoChance;
use crate::stream::{About, Append, Appended, Made, Read, Wanted};
use postgres::Postgres;
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
    /// PostgreSQL failed, or what was said of it cannot be read.
    #[error("cannot {step}")]
    Postgres {
        /// What was tried.
        step: &'static str,
        /// Why.
        #[source]
        source: tokio_postgres::Error,
    },
    /// PostgreSQL gives no connection: it is away, refuses, or all are taken for long.
    #[error("cannot connect to PostgreSQL")]
    NoConnection(#[source] deadpool_postgres::PoolError),
    /// The connections to PostgreSQL cannot be kept.
    #[error("cannot keep connections to PostgreSQL")]
    Connections(#[source] deadpool_postgres::BuildError),
    /// A store that nobody knows.
    #[error("a store is named by sqlite:PATH or postgres://…")]
    Name,
    /// The tables cannot be brought up to date.
    #[error("cannot bring the tables up to date")]
    Migrate(#[source] refinery::Error),
    /// No random bytes.
    #[error("cannot make a stream")]
    Chance(#[source] NoChance),
    /// A site without its streams, or an origin without its facts: the file is damaged.
    #[error("the store lacks {what}")]
    Lacks {
        /// What.
        what: &'static str,
    },
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

/// What the hub holds of a site.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How far each origin reaches.
    pub heads: Heads,
    /// The highest session that any of them was appended in.
    pub epoch: u64,
    /// The tail of the hub's own facts.
    pub down: Offset,
}

/// What stands when facts of the hub's own are to be written.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// How far their origin reaches.
    pub head: Head,
    /// The tail of the hub's own facts.
    pub down: Offset,
}

/// Makes the lines of facts that follow what stands; none when they are not to be written after all.
pub type Lines = Box<dyn FnOnce(Before) -> Vec<Vec<u8>> + Send>;

/// A store.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file of this node alone.
    Sqlite(Sqlite),
    /// A server that many nodes share.
    Postgres(Postgres),
}

/// Which box of a site sends facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentBy {
    /// The one that it has.
    TheBox,
    /// One that was replaced: its facts go down, where the one that the site has hears of them at once.
    OneBefore,
}

impl Store {
    /// Opens the store of a name, and brings its tables up to date: `sqlite:PATH` is a file, which is made if it is not
    /// there; what begins with `postgres:` is a server, see [`Postgres::open`].
    ///
    /// # Errors
    /// [`StoreError`] when it is no store of ours, is of a later version, or cannot be reached.
    pub async fn open(name: &str) -> Result<Self, StoreError> {
        match name.split_once(':') {
            Some(("sqlite", path)) => Sqlite::open(Path::new(path)).map(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => Postgres::open(name).await.map(Self::Postgres),
            Some(_) | None => Err(StoreError::Name),
        }
    }

    /// Makes a stream with its first messages, or finds it.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn make(&self, path: &str, content_type: &str, first: Vec<Bytes>) -> Result<Made, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.make(path, content_type, first).await,
            Self::Postgres(postgres) => postgres.make(path, content_type, first).await,
        }
    }

    /// Removes a stream; returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn remove(&self, path: &str) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.remove(path).await,
            Self::Postgres(postgres) => postgres.remove(path).await,
        }
    }

    /// Returns what is known of a stream, if there is one.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn about(&self, path: &str) -> Result<Option<About>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.about(path).await,
            Self::Postgres(postgres) => postgres.about(path).await,
        }
    }

    /// Appends messages; when it returns, they are on disk.
    ///
    /// # Errors
    /// [`StoreError`]: ask again with the same turn.
    pub async fn append(&self, path: &str, append: Append) -> Result<Appended, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.append(path, append).await,
            Self::Postgres(postgres) => postgres.append(path, append).await,
        }
    }

    /// Reads messages.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn read(&self, path: &str, wanted: Wanted) -> Result<Read, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.read(path, wanted).await,
            Self::Postgres(postgres) => postgres.read(path, wanted).await,
        }
    }

    /// Returns the tails of those streams that are there.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn tails(&self, paths: Vec<String>) -> Result<BTreeMap<String, Offset>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.tails(paths).await,
            Self::Postgres(postgres) => postgres.tails(paths).await,
        }
    }

    /// Returns whether streams may have grown by another node or program since this was last asked.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn is_changed_elsewhere(&self) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.is_changed_elsewhere().await,
            // Nodes share the server, and what any of them does is a change.
            Self::Postgres(_) => Ok(true),
        }
    }

    /// Makes a site's two streams; returns whether it is new.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn add_site(&self, site: SiteId) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.add_site(site).await,
            Self::Postgres(postgres) => postgres.add_site(site).await,
        }
    }

    /// Returns what is held of a site; none for one that is not known.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn standing(&self, site: SiteId) -> Result<Option<Standing>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.standing(site).await,
            Self::Postgres(postgres) => postgres.standing(site).await,
        }
    }

    /// Keeps a box's facts if they follow; returns how they were judged, none for a site that is not known.
    ///
    /// # Errors
    /// [`StoreError`]: ask again with the same turn.
    pub async fn keep(&self, site: SiteId, (run, by): (Run, SentBy)) -> Result<Option<Judged>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.keep(site, run, by).await,
            Self::Postgres(postgres) => postgres.keep(site, run, by).await,
        }
    }

    /// Writes facts of the hub's own; returns whether there were any, they followed, and the site is known.
    ///
    /// # Errors
    /// [`StoreError`]: look what is held before writing them again.
    pub async fn write_own(&self, site: SiteId, origin: Origin, lines: Lines) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.write_own(site, origin, lines).await,
            Self::Postgres(postgres) => postgres.write_own(site, origin, lines).await,
        }
    }

    /// Notes when sites were last heard of, in milliseconds of UTC; an older instant changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]: note it again later.
    pub async fn note_seen(&self, heard: BTreeMap<SiteId, i64>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.note_seen(heard).await,
            Self::Postgres(postgres) => postgres.note_seen(heard).await,
        }
    }

    /// Returns when a site was last heard of, in milliseconds of UTC.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn seen_ms(&self, site: SiteId) -> Result<Option<i64>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.seen_ms(site).await,
            Self::Postgres(postgres) => postgres.seen_ms(site).await,
        }
    }

    /// Begins a new life, at an instant of the hub's clock: the store came back from a backup, and whoever reads on from a
    /// place of the life before is told that it is gone. No node may serve meanwhile.
    ///
    /// # Errors
    /// [`StoreError`]: begin it again.
    pub async fn begin_life(&self, at: AtMs) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.begin_life(at).await,
            Self::Postgres(postgres) => postgres.begin_life(at).await,
        }
    }

    /// Returns when this life began; none for a store that never came back from a backup.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn life_began(&self) -> Result<Option<AtMs>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.life_began().await,
            Self::Postgres(postgres) => postgres.life_began().await,
        }
    }

    /// Copies a store that is a file into another one, which is not there yet; one on a server is left to the server's
    /// own tools. Returns whether it was copied.
    ///
    /// # Errors
    /// [`StoreError`]: the disk is full, or the file is there.
    pub async fn copy_to(&self, path: &Path) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.copy_to(path).await.map(|()| true),
            Self::Postgres(_) => Ok(false),
        }
    }

    /// Has facts of an earlier hub be taken in for a site until an instant; returns whether the site is known.
    ///
    /// # Errors
    /// [`StoreError`]: do it again.
    pub async fn adopt(&self, site: SiteId, until: AtMs) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.adopt(site, until.0).await,
            Self::Postgres(postgres) => postgres.adopt(site, until.0).await,
        }
    }

    /// Returns until when facts of an earlier hub are taken in for a site.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn adopted_until(&self, site: SiteId) -> Result<AtMs, StoreError> {
        let until_ms = match self {
            Self::Sqlite(sqlite) => sqlite.adopted_ms(site).await?,
            Self::Postgres(postgres) => postgres.adopted_ms(site).await?,
        };
        Ok(AtMs(until_ms))
    }

    /// Returns a secret that all nodes share, which is drawn at the first question.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn secret(&self, name: &'static str) -> Result<[u8; 32], StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.secret(name).await,
            Self::Postgres(postgres) => postgres.secret(name).await,
        }
    }

    /// Returns facts of an origin after a number, in order; none for a site that is not known.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn facts(
        &self,
        of: (SiteId, Origin),
        after: Seq,
        most: Most,
    ) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.facts(of, after, most).await,
            Self::Postgres(postgres) => postgres.facts(of, after, most).await,
        }
    }
}
