//! The store in one SQLite file: a thread that writes, and a few connections that read.

pub(crate) mod backup;
mod devices;
mod facts;
mod fleet;
mod operators;
mod rows;
mod sites;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_wire::box_side::Most;
use machiai_wire::hub_side::Judged;
use machiai_wire::offset::{Incarnation, Offset};
use machiai_wire::said::Run;
use rusqlite::{Connection, OpenFlags};

use super::{Before, Lines, SentBy, Standing, StoreError};
use crate::chance;
use crate::stream::{About, Append, Appended, Made, Read, Wanted};
use tokio::sync::Semaphore;
use writer::Writer;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Connections for readers; who finds none free waits for one.
const MOST_READERS: usize = 4;

/// How long a connection waits for another's lock.
const BUSY_FOR: std::time::Duration = std::time::Duration::from_secs(5);

/// The store.
#[derive(Clone, Debug)]
pub struct Sqlite {
    writer: Writer,
    readers: Arc<Readers>,
    /// What was last seen of other programs' changes to the file.
    version: Arc<Mutex<Option<i64>>>,
}

#[derive(Debug)]
struct Readers {
    path: PathBuf,
    free: Semaphore,
    kept: Mutex<Vec<Connection>>,
}

/// Says what was tried when SQLite fails.
pub(crate) trait Tried<T> {
    /// Names the step.
    fn tried(self, step: &'static str) -> Result<T, StoreError>;
}

impl<T> Tried<T> for rusqlite::Result<T> {
    fn tried(self, step: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sqlite { step, source })
    }
}

impl Sqlite {
    /// Opens a file, which is made if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// [`StoreError`] when it is no store of ours, or of a later version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let db = opened(path)?;
        let (free, kept) = (Semaphore::new(MOST_READERS), Mutex::default());
        let readers = Readers { path: path.to_owned(), free, kept };
        Ok(Self { writer: Writer::start(db)?, readers: Arc::new(readers), version: Arc::default() })
    }

    pub(crate) async fn make(&self, path: &str, content_type: &str, first: Vec<Bytes>) -> Result<Made, StoreError> {
        let incarnation = Incarnation(u64::from_le_bytes(chance::bytes().map_err(StoreError::Chance)?));
        let (path, content_type) = (path.to_owned(), content_type.to_owned());
        self.writer.write(move |db| rows::make(db, &path, (&content_type, incarnation), &first)).await
    }

    pub(crate) async fn remove(&self, path: &str) -> Result<bool, StoreError> {
        let path = path.to_owned();
        self.writer.write(move |db| rows::remove(db, &path)).await
    }

    pub(crate) async fn append(&self, path: &str, append: Append) -> Result<Appended, StoreError> {
        let path = path.to_owned();
        self.writer.write(move |db| rows::append(db, &path, &append)).await
    }

    pub(crate) async fn about(&self, path: &str) -> Result<Option<About>, StoreError> {
        let path = path.to_owned();
        self.ask(move |db| Ok(rows::find(db, &path)?.map(|stream| stream.about()))).await
    }

    pub(crate) async fn read(&self, path: &str, wanted: Wanted) -> Result<Read, StoreError> {
        let path = path.to_owned();
        self.ask(move |db| rows::read(db, &path, wanted)).await
    }

    pub(crate) async fn tails(&self, paths: Vec<String>) -> Result<BTreeMap<String, Offset>, StoreError> {
        self.ask(move |db| rows::tails(db, paths)).await
    }

    /// Returns whether another program has changed the file since this was last asked; the first time, it may have.
    pub(crate) async fn is_changed_elsewhere(&self) -> Result<bool, StoreError> {
        // The number changes with what other connections commit, and the writer's own are the only others of this program.
        let ask = |db: &Connection| db.query_row("PRAGMA data_version", [], |row| row.get(0)).tried("ask for changes");
        let version = self.writer.write(ask).await?;
        let before = self.version.lock().unwrap_or_else(PoisonError::into_inner).replace(version);
        Ok(before != Some(version))
    }

    pub(crate) async fn add_site(&self, site: SiteId) -> Result<bool, StoreError> {
        let draw = || Ok(Incarnation(u64::from_le_bytes(chance::bytes().map_err(StoreError::Chance)?)));
        let incarnations = (draw()?, draw()?);
        self.writer.write(move |db| facts::add_site(db, site, incarnations)).await
    }

    pub(crate) async fn standing(&self, site: SiteId) -> Result<Option<Standing>, StoreError> {
        self.ask(move |db| facts::standing(db, site)).await
    }

    pub(crate) async fn keep(&self, site: SiteId, run: Run, by: SentBy) -> Result<Option<Judged>, StoreError> {
        self.writer.write(move |db| facts::keep(db, site, &run, by)).await
    }

    pub(crate) async fn write_own(&self, site: SiteId, origin: Origin, lines: Lines) -> Result<bool, StoreError> {
        self.writer.write(move |db| facts::write_own(db, (site, origin), lines)).await
    }

    pub(crate) async fn facts(
        &self,
        (site, origin): (SiteId, Origin),
        after: Seq,
        most: Most,
    ) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        self.ask(move |db| facts::facts(db, (site, origin), after, most)).await
    }

    pub(crate) async fn note_seen(&self, heard: BTreeMap<SiteId, i64>) -> Result<(), StoreError> {
        if heard.is_empty() {
            return Ok(());
        }
        self.writer.write(move |db| sites::note_seen(db, &heard)).await
    }

    pub(crate) async fn seen_ms(&self, site: SiteId) -> Result<Option<i64>, StoreError> {
        self.ask(move |db| sites::seen_ms(db, site)).await
    }

    pub(crate) async fn adopt(&self, site: SiteId, until_ms: i64) -> Result<bool, StoreError> {
        self.writer.write(move |db| sites::adopt(db, site, until_ms)).await
    }

    pub(crate) async fn adopted_ms(&self, site: SiteId) -> Result<i64, StoreError> {
        self.ask(move |db| sites::adopted_ms(db, site)).await
    }

    pub(crate) async fn service(&self) -> Result<Option<String>, StoreError> {
        self.ask(sites::service).await
    }

    pub(crate) async fn say_service(&self, said: String) -> Result<(), StoreError> {
        self.writer.write(move |db| sites::say_service(db, &said)).await
    }

    pub(crate) async fn secret(&self, name: &'static str) -> Result<[u8; 32], StoreError> {
        let drawn = chance::bytes().map_err(StoreError::Chance)?;
        self.writer.write(move |db| sites::secret(db, name, drawn)).await
    }

    /// Asks something of the file on a thread that may wait for the disk.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let readers = Arc::clone(&self.readers);
        // A thread for each who waits would cost more than the wait.
        let _turn = self.readers.free.acquire().await.map_err(|_closed| StoreError::Stopped)?;
        let asked = tokio::task::spawn_blocking(move || readers.ask(question)).await;
        asked.unwrap_or(Err(StoreError::Stopped))
    }
}

impl Readers {
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match kept {
            Some(db) => db,
            None => self.open()?,
        };
        let answer = in_one_view(&db, question)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(db);
        Ok(answer)
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&self.path, flags).tried("open the store to read")?;
        db.busy_timeout(BUSY_FOR).tried("set how long to wait")?;
        Ok(db)
    }
}

/// Opens a file to write, and brings its tables up to date.
fn opened(path: &Path) -> Result<Connection, StoreError> {
    let mut db = Connection::open(path).tried("open the store")?;
    db.busy_timeout(BUSY_FOR).tried("set how long to wait")?;
    for pragma in ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA mmap_size = 0"] {
        db.query_row(pragma, [], |_| Ok(())).or_else(none).tried("set the store's safety")?;
    }
    let runner = embedded::migrations::runner().set_grouped(true).set_abort_missing(true);
    runner.run(&mut db).map_err(StoreError::Migrate)?;
    Ok(db)
}

/// Asks several questions of the same state of the file.
fn in_one_view<T>(
    db: &Connection,
    question: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    db.execute_batch("BEGIN").tried("begin to read")?;
    let answer = question(db);
    db.execute_batch("COMMIT").tried("end reading")?;
    answer
}

/// A pragma may answer with a row or none.
fn none(cause: rusqlite::Error) -> rusqlite::Result<()> {
    if matches!(cause, rusqlite::Error::QueryReturnedNoRows) { Ok(()) } else { Err(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_another_program_changes_is_told_once_and_what_this_one_does_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        let (own, other) = (Sqlite::open(&path).unwrap(), Sqlite::open(&path).unwrap());
        assert!(own.is_changed_elsewhere().await.unwrap(), "nobody knows what was before");
        assert!(!own.is_changed_elsewhere().await.unwrap());
        own.add_site(SiteId(1)).await.unwrap();
        assert!(!own.is_changed_elsewhere().await.unwrap(), "its own change");
        other.add_site(SiteId(2)).await.unwrap();
        assert!(own.is_changed_elsewhere().await.unwrap());
        assert!(!own.is_changed_elsewhere().await.unwrap());
    }

    #[tokio::test]
    async fn many_questions_at_once_share_a_few_connections() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&folder.path().join("hub.db")).unwrap();
        let mut asking = tokio::task::JoinSet::new();
        for site in 0..200 {
            let store = store.clone();
            asking.spawn(async move { store.seen_ms(SiteId(site)).await.unwrap() });
        }
        assert_eq!(asking.join_all().await, vec![None; 200]);
        let kept = store.readers.kept.lock().unwrap().len();
        assert!((1..=MOST_READERS).contains(&kept), "{kept}");
    }
}
