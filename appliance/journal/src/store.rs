//! One opening of a journal for writing: appends in one transaction, checkpoints, secrets.
//!
//! Everything here is synchronous, so that a fault harness can drive it step by step. After a commit whose outcome
//! is unknown the connection is not used again: [`Store::reopen`] makes another, and what is on disk is the truth.

use std::collections::BTreeMap;

use machiai_core::ids::{Origin, Seq};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::anchor;
use crate::ballast;
use crate::chain::Hash;
use crate::check::{self, Chains, FactRow, SLICE_FACTS};
use crate::error::{OpenError, Step, StoreError};
use crate::files::Lock;
use crate::kept::{NewFact, Position, SecretChange, day_column};
use crate::open::{Open, Opened};
use crate::reader::{Checkpoint, Newest, Reader, Readers};
use crate::schema::Synchronous;
use crate::suspicion::{self, Suspicion};

/// Pages of log, roughly, after which the log is written back into the file: 4 MiB.
const LOG_PAGES: u32 = 1_000;

/// Pages of log that one commit writes beside those of its facts.
const PAGES_PER_COMMIT: u32 = 4;

/// What one transaction keeps.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Facts, each following the newest of its origin.
    pub facts: Vec<NewFact>,
    /// Changes of the secrets.
    pub secrets: Vec<SecretChange>,
}

impl Batch {
    /// Whether there is nothing to keep.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.secrets.is_empty()
    }
}

/// The newest fact of an origin as the writer remembers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tip {
    pub(crate) origin_id: i64,
    pub(crate) seq: Seq,
    pub(crate) hash: Hash,
}

/// What the writer knows of its file without reading it.
#[derive(Debug)]
pub(crate) struct Tips {
    pub(crate) origins: BTreeMap<Origin, Tip>,
    pub(crate) position: Position,
}

impl Tips {
    pub(crate) fn read(reader: &Reader) -> Result<Self, StoreError> {
        let tip = |(origin_id, (origin, newest)): (i64, (Origin, Option<Newest>))| {
            let (seq, hash) = newest.map_or((Seq(0), Hash::START), |newest| (newest.seq, newest.hash));
            (origin, Tip { origin_id, seq, hash })
        };
        let origins = reader.origins()?.into_iter().map(tip).collect();
        Ok(Self { origins, position: reader.newest_position()? })
    }
}

/// One opening of a journal for writing.
pub struct Store {
    pub(crate) reader: Option<Reader>,
    pub(crate) given_up: Option<Reader>,
    pub(crate) about: Open,
    pub(crate) synchronous: Synchronous,
    pub(crate) opened: Opened,
    pub(crate) tips: Tips,
    pub(crate) must_clear_mark: bool,
    pub(crate) log_pages: u32,
    pub(crate) must_scrub: bool,
    pub(crate) anchored: Position,
    pub(crate) _lock: Lock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("about", &self.about).field("opened", &self.opened).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a journal for writing, making it if there is none.
    ///
    /// # Errors
    /// [`OpenError`]: say why and end; nothing was lost or changed.
    pub fn open(about: Open) -> Result<Self, OpenError> {
        crate::open::open(about, Synchronous::Full)
    }

    /// Opens a journal whose commits do not wait for the disk: the fault harness' control, which must lose facts.
    ///
    /// # Errors
    /// [`OpenError`] as for [`Store::open`].
    #[doc(hidden)]
    pub fn open_as_losing_control(about: Open) -> Result<Self, OpenError> {
        crate::open::open(about, Synchronous::Normal)
    }

    /// Returns what the opening found.
    #[must_use]
    pub const fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Returns the origin of this opening.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.about.origin
    }

    /// Returns the seq that this opening's next fact gets.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        let newest = self.tips.origins.get(&self.about.origin).map_or(0, |tip| tip.seq.0);
        Seq(newest.saturating_add(1))
    }

    /// Returns the newest position.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.tips.position
    }

    /// Returns the writer's own connection, for reading.
    ///
    /// # Errors
    /// [`StoreError::Closed`] after a failure, until [`Store::reopen`] succeeds.
    pub fn reader(&self) -> Result<&Reader, StoreError> {
        self.reader.as_ref().ok_or(StoreError::Closed)
    }

    /// Makes a pool of readers beside the writer.
    #[must_use]
    pub fn readers(&self) -> Readers {
        Readers::new(self.about.disk.clone(), self.about.path.clone())
    }

    /// Keeps a batch in one transaction; when this returns, it is on disk.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing was kept, unless [`Store::must_reopen`] says that it is unknown.
    pub fn append(&mut self, batch: &Batch) -> Result<Position, StoreError> {
        let placed = Placed::after(&self.tips, batch)?;
        let db = &self.reader.as_ref().ok_or(StoreError::Closed)?.db;
        match write(db, batch, &placed, self.must_clear_mark) {
            Ok(must_scrub) => self.must_scrub |= must_scrub,
            Err(error) => {
                // A full disk is told before the last page is written, so nothing can have been kept.
                let is_certain = error.is_full() && (db.is_autocommit() || run(db, "ROLLBACK").is_ok());
                if !is_certain {
                    self.give_up();
                }
                return Err(error);
            }
        }
        let n_facts = u32::try_from(batch.facts.len()).unwrap_or(u32::MAX);
        self.log_pages = self.log_pages.saturating_add(PAGES_PER_COMMIT).saturating_add(n_facts);
        self.must_clear_mark = false;
        self.tips.position = placed.tips.position;
        self.tips.origins.extend(placed.tips.origins);
        Ok(self.tips.position)
    }

    /// Whether the file is closed after a failure: [`Store::reopen`] comes before anything else.
    #[must_use]
    pub const fn must_reopen(&self) -> bool {
        self.reader.is_none()
    }

    /// Takes the connection out of use, without closing it yet; see [`Store::reopen`].
    fn give_up(&mut self) {
        if let Some(reader) = self.reader.take() {
            let rolled_back = if reader.db.is_autocommit() { Ok(()) } else { run(&reader.db, "ROLLBACK") };
            let noted = suspicion::raise(&self.about, Suspicion::Unsettled);
            tracing::debug!(?rolled_back, ?noted, "gave a connection up");
            self.given_up = Some(reader);
        }
    }

    /// Opens the file again after a failure, and makes certain what it holds.
    ///
    /// A sync that failed leaves a transaction in the log that reads well and may or may not be on disk. Readers do
    /// not see it, because the log's index in shared memory was not told of it. So the new connection is opened while
    /// the old one still keeps that memory, and commits something small in the same place of the log: from then on
    /// the transaction is gone for certain. Nothing is ever tried again through the old descriptors.
    ///
    /// # Errors
    /// [`StoreError`]: the outcome stays unknown; try again later.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.give_up();
        let reader = crate::open::connect_writer(&self.about, self.synchronous)?;
        self.given_up = None;
        let settled = settle(&reader, self.tips.position);
        self.reader = Some(reader);
        if let Err(error) = settled.and_then(|()| suspicion::clear(&self.about, Suspicion::Unsettled)) {
            self.give_up();
            return Err(error);
        }
        self.tips = Tips::read(self.reader()?)?;
        Ok(())
    }

    /// Whether all of a batch is in the journal.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be learned.
    pub fn holds(&self, batch: &Batch) -> Result<bool, StoreError> {
        let reader = self.reader()?;
        if let Some(last) = batch.facts.last() {
            return Ok(reader.line_of(last.head.id())?.is_some_and(|line| line == last.line));
        }
        for change in &batch.secrets {
            let is_done = match change {
                SecretChange::Put { key_id, value, .. } => reader.secret(key_id)?.as_ref() == Some(value),
                SecretChange::Delete { key_id } => reader.secret(key_id)?.is_none(),
            };
            if !is_done {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts a fold's checkpoint in the place of its older one.
    ///
    /// # Errors
    /// [`StoreError`]: go on without it.
    pub fn put_checkpoint(&mut self, fold: &str, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let put = "INSERT OR REPLACE INTO checkpoints (fold, version, position, state) VALUES (?1, ?2, ?3, ?4)";
        let values = params![fold, checkpoint.version, checkpoint.position.0, checkpoint.state];
        let kept = self.reader()?.db.execute(put, values).step("keep a checkpoint");
        self.close_unless_full(kept).map(drop)
    }

    /// Writes the log back into the file if it has grown; call it when the answers are out.
    ///
    /// # Errors
    /// [`StoreError`]: the file is closed then, unless the disk is full.
    pub fn write_back(&mut self) -> Result<(), StoreError> {
        if self.log_pages < LOG_PAGES { Ok(()) } else { self.write_back_all() }
    }

    /// Writes the whole log back into the file.
    ///
    /// # Errors
    /// [`StoreError`]: the file is closed then, unless the disk is full.
    pub fn write_back_all(&mut self) -> Result<(), StoreError> {
        if self.log_pages == 0 {
            return Ok(());
        }
        let written = checkpoint(&self.reader()?.db, "PASSIVE");
        self.close_unless_full(written)?;
        self.log_pages = 0;
        Ok(())
    }

    /// Clears the log of what deleted secrets left in it, if any were deleted.
    ///
    /// # Errors
    /// [`StoreError`]: try again later.
    pub fn scrub(&mut self) -> Result<(), StoreError> {
        if !self.must_scrub {
            return Ok(());
        }
        let cleared = checkpoint(&self.reader()?.db, "TRUNCATE");
        self.close_unless_full(cleared)?;
        self.log_pages = 0;
        self.must_scrub = false;
        Ok(())
    }

    /// Verifies the next slice of the history after a position; returns where the slice ended, none at the end.
    ///
    /// # Errors
    /// [`StoreError`]; if it is damage, end the process: the next start salvages what it can.
    pub fn verify_slice(&self, after: Position) -> Result<Option<Position>, StoreError> {
        check::check_slice(self.reader()?, &mut Chains::default(), after, SLICE_FACTS)
    }

    /// Has the next opening verify the whole file, because something in it was found damaged.
    ///
    /// # Errors
    /// [`StoreError`] when the mark cannot be set.
    pub fn raise_suspicion(&self) -> Result<(), StoreError> {
        suspicion::raise(&self.about, Suspicion::Damaged)
    }

    /// Tidies up in a quiet moment: log written back, deleted secrets scrubbed, ballast there.
    ///
    /// # Errors
    /// [`StoreError`]: try again later.
    pub fn tidy(&mut self) -> Result<(), StoreError> {
        self.scrub()?;
        self.write_back_all()?;
        if self.tips.position > self.anchored {
            anchor::write(&self.about, self.reader()?, self.tips.position)?;
            self.anchored = self.tips.position;
        }
        self.make_ballast()
    }

    /// Closes the file in good order: its log is written back and removed.
    pub fn end(self) {
        if let Some(reader) = &self.reader {
            // Failing, it leaves the log for the next opening to read.
            drop(reader.db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false));
        }
    }

    /// Whether the ballast is there to be freed.
    #[must_use]
    pub fn has_ballast(&self) -> bool {
        ballast::is_held(&self.about)
    }

    /// Makes the ballast where it is missing.
    ///
    /// # Errors
    /// [`StoreError`]: go on without it and try again later.
    pub fn make_ballast(&mut self) -> Result<(), StoreError> {
        ballast::make(&self.about)
    }

    /// Gives the ballast's space back to the disk; whether there was any.
    ///
    /// # Errors
    /// [`StoreError`]: the space stays taken.
    pub fn free_ballast(&mut self) -> Result<bool, StoreError> {
        ballast::free(&self.about)
    }

    fn close_unless_full<T>(&mut self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.as_ref().is_err_and(|error| !error.is_full()) {
            self.give_up();
        }
        outcome
    }
}

/// A batch with everything the columns need, and what the writer will know once it is on disk.
struct Placed {
    tips: Tips,
    rows: Vec<FactRow>,
    new_origins: Vec<(i64, Origin)>,
}

impl Placed {
    fn after(known: &Tips, batch: &Batch) -> Result<Self, StoreError> {
        let tips = Tips { origins: BTreeMap::new(), position: known.position };
        let mut placed = Self { tips, rows: Vec::with_capacity(batch.facts.len()), new_origins: Vec::new() };
        for fact in &batch.facts {
            placed.add(known, fact)?;
        }
        Ok(placed)
    }

    fn add(&mut self, known: &Tips, fact: &NewFact) -> Result<(), StoreError> {
        let id = fact.head.id();
        let before = self.before(known, id.origin);
        if id.seq.0 != before.seq.0.saturating_add(1) {
            return Err(StoreError::OutOfOrder { id, newest: before.seq });
        }
        let tip = Tip { seq: id.seq, hash: before.hash.after(&fact.line), ..before };
        self.tips.origins.insert(id.origin, tip);
        self.tips.position = self.tips.position.next();
        let (cmd, cmd_digest) = fact.head.cmd.clone().map(|cmd| (cmd.key, cmd.digest)).unzip();
        self.rows.push(FactRow {
            position: self.tips.position,
            origin_id: tip.origin_id,
            seq: tip.seq,
            at_ms: fact.head.at_ms.0,
            at_n: fact.head.at_n,
            day: day_column(fact.day),
            kind: fact.kind.clone(),
            cmd,
            cmd_digest,
            line: fact.line.clone(),
            hash: tip.hash,
        });
        Ok(())
    }

    /// Returns the tip of an origin before the next fact; a new origin gets a short name.
    fn before(&mut self, known: &Tips, origin: Origin) -> Tip {
        if let Some(tip) = self.tips.origins.get(&origin).or_else(|| known.origins.get(&origin)) {
            return *tip;
        }
        let known_ids = known.origins.values().map(|tip| tip.origin_id);
        let new_ids = self.new_origins.iter().map(|(origin_id, _)| *origin_id);
        let origin_id = known_ids.chain(new_ids).max().unwrap_or(0).saturating_add(1);
        self.new_origins.push((origin_id, origin));
        Tip { origin_id, seq: Seq(0), hash: Hash::START }
    }
}

/// Writes a batch; whether secrets were destroyed, so that the log must be cleared of them.
fn write(db: &Connection, batch: &Batch, placed: &Placed, must_clear_mark: bool) -> Result<bool, StoreError> {
    run(db, "BEGIN IMMEDIATE").step("begin a transaction")?;
    for (id, origin) in &placed.new_origins {
        db.execute("INSERT INTO origins (origin_id, origin) VALUES (?1, ?2)", params![id, origin.bytes()])
            .step("keep an origin")?;
    }
    for row in &placed.rows {
        insert_row(db, row).step("keep a fact")?;
    }
    let mut must_scrub = false;
    for change in &batch.secrets {
        must_scrub |= change_secret(db, change).step("keep a secret")?;
    }
    if must_scrub {
        rewrite_secrets(db).step("destroy a secret")?;
    }
    if must_clear_mark {
        db.execute("DELETE FROM meta WHERE name = 'came_from'", []).step("clear the mark of a restore")?;
    }
    run(db, "COMMIT").step("commit")?;
    Ok(must_scrub)
}

const INSERT_FACT: &str = "INSERT INTO facts
    (position, origin_id, seq, at_ms, at_n, day, kind, cmd, cmd_digest, line, hash)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

pub(crate) fn insert_row(db: &Connection, row: &FactRow) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(INSERT_FACT)?;
    insert
        .execute(params![
            row.position.0,
            row.origin_id,
            row.seq.0,
            row.at_ms,
            row.at_n,
            row.day,
            row.kind,
            row.cmd,
            row.cmd_digest,
            row.line,
            row.hash.0,
        ])
        .map(drop)
}

/// Changes a secret; whether an older value was there, of which nothing may stay behind.
fn change_secret(db: &Connection, change: &SecretChange) -> rusqlite::Result<bool> {
    let (SecretChange::Put { key_id, .. } | SecretChange::Delete { key_id }) = change;
    let n_gone = db.prepare_cached("DELETE FROM secrets WHERE key_id = ?1")?.execute([key_id])?;
    if let SecretChange::Put { key_id, purpose, value } = change {
        let put = "INSERT INTO secrets (key_id, purpose, value) VALUES (?1, ?2, ?3)";
        db.prepare_cached(put)?.execute(params![key_id, purpose, value])?;
    }
    Ok(n_gone > 0)
}

/// Writes the secrets that are left to fresh pages.
///
/// SQLite overwrites what it deletes, but not the copies that it leaves behind when it moves rows between pages;
/// pages that are freed it overwrites whole. There are a few thousand secrets at most.
fn rewrite_secrets(db: &Connection) -> rusqlite::Result<()> {
    let mut query = db.prepare_cached("SELECT secret_no, key_id, purpose, value FROM secrets ORDER BY secret_no")?;
    let read = |row: &Row<'_>| -> rusqlite::Result<(i64, Vec<u8>, String, Vec<u8>)> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    };
    let secrets = query.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
    db.execute("DELETE FROM secrets", [])?;
    let put = "INSERT INTO secrets (secret_no, key_id, purpose, value) VALUES (?1, ?2, ?3, ?4)";
    let mut put = db.prepare_cached(put)?;
    for secret in secrets {
        put.execute(secret)?;
    }
    Ok(())
}

/// Commits something that changes nothing.
fn settle(reader: &Reader, position: Position) -> Result<(), StoreError> {
    let put = "INSERT OR REPLACE INTO meta (name, value) VALUES ('settled_at', ?1)";
    reader.db.execute(put, [position.to_string()]).step("settle after a failure").map(drop)
}

fn run(db: &Connection, statement: &str) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute([]).map(drop)
}

/// Writes the log back; `TRUNCATE` also waits for readers and empties it.
pub(crate) fn checkpoint(db: &Connection, mode: &str) -> Result<(), StoreError> {
    let step = "write the log back";
    let is_busy: Option<bool> =
        db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| row.get(0)).optional().step(step)?;
    if is_busy == Some(true) && mode == "TRUNCATE" {
        return Err(StoreError::NoReader);
    }
    Ok(())
}
