//! Reading the journal: one connection's questions, and the small pool that serves them beside the writer.
//!
//! Facts come out in the order of knowing; folds order them canonically themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machiai_core::call::Leases;
use machiai_core::call::told::Evidence;
use machiai_core::envelope::Stamp;
use machiai_core::ids::{BootId, FactId, Origin, Seq};
use machiai_core::time::{AtMs, Day};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Step, StoreError};
use crate::kept::{Kept, Position, day_column};
use crate::open::Disk;
use crate::schema;
use machiai_wire::chain::Hash;

/// The newest fact of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub seq: Seq,
    /// The running hash after it.
    pub hash: Hash,
    /// Its place on the hybrid clock.
    pub stamp: Stamp,
}

/// A fold as it stood at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Version of the fold's code.
    pub version: u32,
    /// The last position that it holds.
    pub position: Position,
    /// The fold's state in its own form.
    pub state: Vec<u8>,
}

/// A secret's name and the secret.
pub type NamedSecret = (Vec<u8>, Vec<u8>);

/// One connection to a journal, for reading.
#[derive(Debug)]
pub struct Reader {
    pub(crate) db: Connection,
}

const FACTS_OF_DAY: &str = "WITH RECURSIVE kinds (kind) AS (
        SELECT min(kind) FROM facts
        UNION ALL SELECT (SELECT min(kind) FROM facts WHERE kind > kinds.kind) FROM kinds WHERE kinds.kind IS NOT NULL
    ) SELECT facts.position, facts.line FROM kinds JOIN facts ON facts.kind = kinds.kind AND facts.day = ?1
    ORDER BY facts.position";

impl Reader {
    /// Opens a journal for reading beside its writer, or with none.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened.
    pub fn open(disk: &Disk, path: &Path) -> Result<Self, StoreError> {
        let db = disk.connect(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        schema::set_reader(&db)?;
        Ok(Self { db })
    }

    /// Returns the facts of a business day.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn facts_of_day(&self, day: Day) -> Result<Vec<Kept>, StoreError> {
        self.facts(FACTS_OF_DAY, params![day_column(Some(day))])
    }

    /// Returns all facts of some kinds, as settings and staff are folded from.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn facts_of_kinds(&self, kinds: &[&str]) -> Result<Vec<Kept>, StoreError> {
        let mut facts = Vec::new();
        for kind in kinds {
            facts.extend(self.facts("SELECT position, line FROM facts WHERE kind = ?1", params![kind])?);
        }
        facts.sort_by_key(|kept| kept.position);
        Ok(facts)
    }

    /// Returns the facts of some kinds that were written on business days from one to another, both included, and those
    /// written before any day was opened.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn facts_of_kinds_in(&self, kinds: &[&str], (first, last): (Day, Day)) -> Result<Vec<Kept>, StoreError> {
        let query = "SELECT position, line FROM facts WHERE kind = ?1 AND (day BETWEEN ?2 AND ?3 OR day = ?4)";
        let [first, last, none] = [Some(first), Some(last), None].map(day_column);
        let mut facts = Vec::new();
        for kind in kinds {
            facts.extend(self.facts(query, params![kind, first, last, none])?);
        }
        facts.sort_by_key(|kept| kept.position);
        Ok(facts)
    }

    /// Returns up to `limit` facts after a position.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn facts_after(&self, position: Position, limit: u32) -> Result<Vec<Kept>, StoreError> {
        let query = "SELECT position, line FROM facts WHERE position > ?1 ORDER BY position LIMIT ?2";
        self.facts(query, params![position.0, limit])
    }

    /// Returns up to `limit` facts of one origin after a number, in the origin's order.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn facts_of_origin(&self, origin: Origin, after: Seq, limit: u32) -> Result<Vec<Kept>, StoreError> {
        let query =
            "SELECT position, line FROM facts WHERE origin_id = (SELECT origin_id FROM origins WHERE origin = ?1)
            AND seq > ?2 ORDER BY seq LIMIT ?3";
        self.facts(query, params![origin.bytes(), after.0, limit])
    }

    /// Returns the facts that a command made, by its idempotency key; none if the key is new.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn by_cmd(&self, key: &str) -> Result<Vec<Kept>, StoreError> {
        // The index holds no fact without a key, and a plan that is kept must not ask the bound value whether it is one.
        let query = "SELECT position, line FROM facts WHERE cmd = ?1 AND cmd IS NOT NULL ORDER BY position";
        self.facts(query, params![key])
    }

    /// Returns the last evidence of calls that have not ended, by the facts that began them.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn leases(&self) -> Result<Leases, StoreError> {
        let step = "read the last evidence of calls";
        let mut query = self.db.prepare_cached("SELECT origin, seq, boot, mono_ms, at_ms FROM leases").step(step)?;
        let read = |row: &Row<'_>| {
            let call = FactId { origin: Origin::from_bytes(row.get(0)?), seq: Seq(row.get(1)?) };
            let (boot, at_ms) = (BootId::from_bytes(row.get(2)?), AtMs(row.get(4)?));
            Ok((call, Evidence { boot, mono_ms: row.get(3)?, at_ms }))
        };
        query.query_map([], read).and_then(Iterator::collect).step(step)
    }

    /// Returns the newest fact of each origin, found by index.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn heads(&self) -> Result<BTreeMap<Origin, Newest>, StoreError> {
        Ok(self.origins()?.into_values().filter_map(|(origin, newest)| Some((origin, newest?))).collect())
    }

    /// Returns the newest fact of each origin that wrote one after a position, found by index.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn heads_after(&self, position: Position) -> Result<BTreeMap<Origin, Newest>, StoreError> {
        let step = "read the newest facts";
        let query = "SELECT origin_id, origin FROM origins
            WHERE origin_id IN (SELECT origin_id FROM facts WHERE position > ?1)";
        let mut names = self.db.prepare_cached(query).step(step)?;
        let names = names.query_map([position.0], |row| Ok((row.get(0)?, row.get(1)?))).step(step)?;
        let mut heads = BTreeMap::new();
        for name in names {
            let (id, origin): (i64, [u8; 16]) = name.step(step)?;
            heads.extend(self.newest(id)?.map(|newest| (Origin::from_bytes(origin), newest)));
        }
        Ok(heads)
    }

    /// Returns the running hash of an origin after a fact; zeros before the first, none where it is not held.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read; if it is damage, the journal must be set aside.
    pub fn hash_at(&self, origin: Origin, seq: Seq) -> Result<Option<Hash>, StoreError> {
        if seq == Seq(0) {
            return Ok(Some(Hash::START));
        }
        let step = "read a running hash";
        let query = "SELECT hash FROM facts
            WHERE origin_id = (SELECT origin_id FROM origins WHERE origin = ?1) AND seq = ?2";
        let mut query = self.db.prepare_cached(query).step(step)?;
        let hash = query.query_row(params![origin.bytes(), seq.0], |row| row.get(0).map(Hash)).optional();
        hash.step(step)
    }

    /// Returns every origin by its short name in this file, with its newest fact if it has any.
    pub(crate) fn origins(&self) -> Result<BTreeMap<i64, (Origin, Option<Newest>)>, StoreError> {
        let step = "read the newest facts";
        let mut names = self.db.prepare_cached("SELECT origin_id, origin FROM origins").step(step)?;
        let names = names.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).step(step)?;
        let mut origins = BTreeMap::new();
        for name in names {
            let (id, origin): (i64, [u8; 16]) = name.step(step)?;
            origins.insert(id, (Origin::from_bytes(origin), self.newest(id)?));
        }
        Ok(origins)
    }

    fn newest(&self, origin_id: i64) -> Result<Option<Newest>, StoreError> {
        let query = "SELECT seq, hash, at_ms, at_n FROM facts WHERE origin_id = ?1 ORDER BY seq DESC LIMIT 1";
        let step = "read the newest fact of an origin";
        let mut newest = self.db.prepare_cached(query).step(step)?;
        let read = |row: &Row<'_>| {
            let stamp = Stamp { at: AtMs(row.get(2)?), n: row.get(3)? };
            Ok(Newest { seq: Seq(row.get(0)?), hash: Hash(row.get(1)?), stamp })
        };
        newest.query_row([origin_id], read).optional().step(step)
    }

    /// Returns the newest position, 0 when there is no fact.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read; if it is damage, the journal must be set aside.
    pub fn newest_position(&self) -> Result<Position, StoreError> {
        let query = "SELECT coalesce(max(position), 0) FROM facts";
        self.db.query_row(query, [], |row| row.get(0)).map(Position).step("read the newest position")
    }

    /// Counts the facts, by a scan.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn count(&self) -> Result<u64, StoreError> {
        self.db.query_row("SELECT count(*) FROM facts", [], |row| row.get(0)).step("count the facts")
    }

    /// Returns a fold's checkpoint if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read: fold from the facts instead.
    pub fn checkpoint(&self, fold: &str) -> Result<Option<Checkpoint>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(Checkpoint { version: row.get(0)?, position: Position(row.get(1)?), state: row.get(2)? })
        };
        self.db
            .query_row("SELECT version, position, state FROM checkpoints WHERE fold = ?1", [fold], read)
            .optional()
            .step("read a checkpoint")
    }

    /// Returns a secret if there is one of that name.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn secret(&self, key_id: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut query = self.db.prepare_cached("SELECT value FROM secrets WHERE key_id = ?1").step("read a secret")?;
        query.query_row([key_id], |row| row.get(0)).optional().step("read a secret")
    }

    /// Returns the names and values of all secrets of a purpose, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn secrets_for(&self, purpose: &str) -> Result<Vec<NamedSecret>, StoreError> {
        let step = "read secrets";
        let mut query = self
            .db
            .prepare_cached("SELECT key_id, value FROM secrets WHERE purpose = ?1 ORDER BY secret_no")
            .step(step)?;
        let rows = query.query_map([purpose], |row| Ok((row.get(0)?, row.get(1)?))).step(step)?;
        rows.collect::<Result<_, _>>().step(step)
    }

    /// Returns the bytes of a fact by its identity.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read; if it is damage, the journal must be set aside.
    pub fn line_of(&self, id: FactId) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT line FROM facts
            WHERE origin_id = (SELECT origin_id FROM origins WHERE origin = ?1) AND seq = ?2";
        let mut query = self.db.prepare_cached(query).step("read a fact")?;
        query.query_row(params![id.origin.bytes(), id.seq.0], |row| row.get(0)).optional().step("read a fact")
    }

    fn facts(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Kept>, StoreError> {
        let step = "read facts";
        let mut query = self.db.prepare_cached(query).step(step)?;
        let rows = query
            .query_map(parameters, |row| Ok(Kept { position: Position(row.get(0)?), line: row.get(1)? }))
            .step(step)?;
        rows.collect::<Result<_, _>>().step(step)
    }
}

/// Connections for reading that may be open at once.
const MAX_READERS: usize = 4;

/// How long a question waits for a free connection.
const READER_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Pooled {
    free: Vec<Reader>,
    n_lent: usize,
}

#[derive(Debug)]
struct Pool {
    disk: Disk,
    path: PathBuf,
    pooled: Mutex<Pooled>,
    freed: Condvar,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, Pooled> {
        self.pooled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A small pool of connections for reading, shared by all who ask.
#[derive(Clone, Debug)]
pub struct Readers(Arc<Pool>);

impl Readers {
    /// Makes a pool over a journal; connections open as they are needed.
    #[must_use]
    pub fn new(disk: Disk, path: PathBuf) -> Self {
        Self(Arc::new(Pool { disk, path, pooled: Mutex::default(), freed: Condvar::new() }))
    }

    /// Asks on a connection of the pool, waiting up to 5 s for one: call it from a thread that may wait.
    ///
    /// # Errors
    /// [`StoreError::NoReader`] when all stay in use, why one could not be opened, or the question's own.
    pub fn ask<T>(&self, question: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let all_lent = |pooled: &mut Pooled| pooled.n_lent >= MAX_READERS;
        let waited = self.0.freed.wait_timeout_while(self.0.lock(), READER_WAIT, all_lent);
        let (mut pooled, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            return Err(StoreError::NoReader);
        }
        pooled.n_lent = pooled.n_lent.saturating_add(1);
        let free = pooled.free.pop();
        drop(pooled);
        let _loan = Loan(&self.0);
        let reader = match free {
            Some(reader) => reader,
            None => Reader::open(&self.0.disk, &self.0.path)?,
        };
        let answer = question(&reader)?;
        self.0.lock().free.push(reader);
        Ok(answer)
    }

    /// Closes the connections that are not lent, so that the writer closes last and leaves no log behind.
    pub fn close(&self) {
        self.0.lock().free.clear();
    }
}

/// Counts a connection as lent until it is dropped, whatever the question did.
struct Loan<'a>(&'a Pool);

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut pooled = self.0.lock();
        pooled.n_lent = pooled.n_lent.saturating_sub(1);
        drop(pooled);
        self.0.freed.notify_one();
    }
}
