//! One opening of a journal for writing: appends in one transaction, checkpoints, secrets.
//!
//! Everything here is synchronous, so that a fault harness can drive it step by step. After a commit whose outcome
//! is unknown the connection is not used again: [`Store::reopen`] makes another, and what is on disk is the truth.

use machiai_core::ids::{Origin, Seq};
use machiai_wire::run::of_airings;
use rusqlite::config::DbConfig;
use rusqlite::params;

use crate::check::{self, Chains, SLICE_FACTS};
use crate::error::{OpenError, Step, StoreError};
use crate::files::Lock;
use crate::kept::{LeaseChange, NewFact, Position, Redated, SecretChange};
use crate::open::{Open, Opened};
use crate::reader::{Checkpoint, Reader, Readers};
use crate::schema::Synchronous;
use crate::suspicion::{self, Suspicion};
use crate::write::{Placed, Tips, checkpoint, run, settle, write};
use crate::{anchor, ballast};

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
    /// Changes of what is known of calls that run.
    pub leases: Vec<LeaseChange>,
    /// Facts that count to another day than was thought.
    pub redated: Vec<Redated>,
}

impl Batch {
    /// Whether there is nothing to keep.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.secrets.is_empty() && self.leases.is_empty()
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

    /// Returns the origin under which this opening writes its airings, which go to the hub after all else.
    #[must_use]
    pub fn airings_origin(&self) -> Origin {
        of_airings(self.about.origin)
    }

    /// Returns the seq that this opening's next fact gets.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next_seq_of(self.about.origin)
    }

    /// Returns the seq that an origin's next fact has.
    #[must_use]
    pub fn next_seq_of(&self, origin: Origin) -> Seq {
        let newest = self.tips.origins.get(&origin).map_or(0, |tip| tip.seq.0);
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
        let leases = reader.leases()?;
        Ok(batch.leases.iter().all(|change| match change {
            LeaseChange::Renew { call, seen } => leases.get(call) == Some(seen),
            LeaseChange::End { call } => !leases.contains_key(call),
        }))
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
        if outcome.as_ref().is_err_and(|error| !error.is_full() && !matches!(error, StoreError::NoReader)) {
            self.give_up();
        }
        outcome
    }
}
