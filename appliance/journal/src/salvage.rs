//! Bringing a journal back from a damaged file: the newest good backup, and every fact of the file that proves itself.
//!
//! A fact proves itself by its running hash, which must follow from the hash kept with the fact before it. What is
//! lost between two such facts becomes a gap, which the hub may close later.

use machiai_core::envelope::Envelope;
use machiai_core::ids::{Origin, Seq};
use rusqlite::{Connection, Row, params};

use crate::carve::{self, CarveError, Carved, CarvedFact};
use crate::check::{self, FactRow};
use crate::copy;
use crate::error::{OnFile, OpenError, Step, StoreError};
use crate::filling::{Filling, Gap, Medium};
use crate::kept::{Position, kind_of};
use crate::open::{Open, beside};
use crate::reader::Reader;
use crate::swap;
use machiai_wire::chain::Hash;

/// Makes a journal out of what can be saved and leaves it ready to take the place of the damaged one.
pub(crate) fn salvage(about: &Open) -> Result<(), OpenError> {
    let failed = |source| OpenError::Store { path: about.path.clone(), source };
    let next = swap::waiting(about, "damaged");
    let mut filling = Filling::begin(&about.disk, &next)?;
    let found = Found::new().map_err(failed)?;
    let backup = newest_good(about);
    if let Some(backup) = &backup {
        copy::each_fact(backup, &mut |origin, row| found.add(origin, &row)).map_err(failed)?;
    }
    collect(about, &found, &mut filling).map_err(failed)?;
    found.prove(&mut filling).map_err(failed)?;
    found.give_out(&mut filling).map_err(failed)?;
    let kept = backup.as_ref().map(|backup| copy::last_evidence(Ok(backup))).unwrap_or_default();
    filling.put_leases(&kept, Medium::Whole).map_err(failed)?;
    let damaged = copy::last_evidence(Reader::open(&about.disk, &about.path));
    filling.put_leases(&damaged, Medium::Damaged).map_err(failed)?;
    filling.mark("damage").map_err(failed)?;
    filling.finish(&next).map_err(failed)
}

fn newest_good(about: &Open) -> Option<Reader> {
    let is_good = |path: &&std::path::PathBuf| {
        about.disk.files().exists(path).unwrap_or(false)
            && check::verify(&about.disk, path).is_ok_and(|report| report.is_good())
    };
    about.backups.iter().find(is_good).and_then(|path| Reader::open(&about.disk, path).ok())
}

/// Takes what the damaged file still gives.
fn collect(about: &Open, found: &Found, filling: &mut Filling) -> Result<(), StoreError> {
    let mut take = |carved: Carved| match carved {
        Carved::Fact(fact) => found.add_carved(fact),
        Carved::Secret(secret) => filling.put_secret(&secret.key_id, &secret.purpose, &secret.value),
    };
    match carve::carve(about.disk.files(), &about.path, &mut take) {
        Ok(()) => Ok(()),
        Err(CarveError::Take(error)) => Err(error),
        Err(CarveError::Read(error)) => Err(error).on("read", &beside(&about.path, "")),
    }
}

/// Facts found in several places, not yet proved.
struct Found {
    db: Connection,
}

const FOUND: &str = "PRAGMA journal_mode = OFF; PRAGMA temp_store = FILE;
    CREATE TABLE found (
        origin BLOB NOT NULL, seq INTEGER NOT NULL, position INTEGER NOT NULL, day INTEGER NOT NULL,
        line BLOB NOT NULL, hash BLOB NOT NULL, is_proved INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX found_in_order ON found (origin, seq);
    BEGIN;";

impl Found {
    /// Makes the working table in a file without a name that SQLite removes by itself.
    fn new() -> Result<Self, StoreError> {
        let step = "make room for salvaged facts";
        let db = Connection::open("").step(step)?;
        db.execute_batch(FOUND).step(step)?;
        Ok(Self { db })
    }

    fn add(&self, origin: Origin, row: &FactRow) -> Result<(), StoreError> {
        let add = "INSERT INTO found (origin, seq, position, day, line, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let step = "note a salvaged fact";
        let values = params![origin.bytes(), row.seq.0, row.position.0, row.day, row.line, row.hash.0];
        self.db.prepare_cached(add).step(step)?.execute(values).step(step).map(drop)
    }

    fn add_carved(&self, fact: CarvedFact) -> Result<(), StoreError> {
        let CarvedFact { position, day, line, hash } = fact;
        match row_of(position, day, line, hash) {
            Some((origin, row)) => self.add(origin, &row),
            None => Ok(()),
        }
    }

    /// Marks one good copy of each fact that follows from the one before it, and notes the gaps between them.
    fn prove(&self, filling: &mut Filling) -> Result<(), StoreError> {
        let step = "prove salvaged facts";
        let query = "SELECT rowid, origin, seq, position, line, hash FROM found ORDER BY origin, seq";
        let mut query = self.db.prepare(query).step(step)?;
        let mut mark = self.db.prepare("UPDATE found SET is_proved = 1, position = ?2 WHERE rowid = ?1").step(step)?;
        let mut proof: Option<Proof> = None;
        for copy in query.query_map([], Copy::read).step(step)? {
            let copy = copy.step(step)?;
            let of_origin = match proof.take() {
                Some(proof) if proof.origin == copy.origin => proof,
                Some(_) | None => Proof::of(copy.origin),
            };
            let (after, gap) = of_origin.after(&copy);
            if after.is_new {
                mark.execute(params![copy.row_id, after.position.0]).step(step)?;
            }
            if let Some(gap) = gap {
                filling.put_gap(&gap)?;
            }
            proof = Some(after);
        }
        Ok(())
    }

    /// Gives the proved facts to the new journal in the order of knowing, at their old positions where possible.
    fn give_out(&self, filling: &mut Filling) -> Result<(), StoreError> {
        let step = "give salvaged facts out";
        let query = "SELECT position, day, line, hash FROM found WHERE is_proved = 1 ORDER BY position, seq";
        let mut query = self.db.prepare(query).step(step)?;
        let read = |row: &Row<'_>| Ok((Position(row.get(0)?), row.get(1)?, row.get(2)?, Hash(row.get(3)?)));
        let mut last = Position(0);
        for fact in query.query_map([], read).step(step)? {
            let (position, day, line, hash) = fact.step(step)?;
            last = position.max(last.next());
            if let Some((origin, row)) = row_of(last, day, line, hash) {
                filling.put(origin, row)?;
            }
        }
        Ok(())
    }
}

/// Makes all columns of a fact from its bytes; none when they are no fact.
fn row_of(position: Position, day: i64, line: Vec<u8>, hash: Hash) -> Option<(Origin, FactRow)> {
    let head = Envelope::read(&line).ok()?.head;
    let kind = kind_of(&line).ok()?;
    let (cmd, cmd_digest) = head.cmd.map(|cmd| (cmd.key, cmd.digest)).unzip();
    let (seq, at_ms, at_n) = (head.seq, head.at_ms.0, head.at_n);
    Some((head.origin, FactRow { position, origin_id: 0, seq, at_ms, at_n, day, kind, cmd, cmd_digest, line, hash }))
}

/// One copy of a fact, as found.
struct Copy {
    row_id: i64,
    origin: Origin,
    seq: Seq,
    position: Position,
    line: Vec<u8>,
    hash: Hash,
}

impl Copy {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            row_id: row.get(0)?,
            origin: Origin::from_bytes(row.get(1)?),
            seq: Seq(row.get(2)?),
            position: Position(row.get(3)?),
            line: row.get(4)?,
            hash: Hash(row.get(5)?),
        })
    }
}

/// How far an origin's facts are proved.
struct Proof {
    origin: Origin,
    /// The number last looked at, and the hashes that copies of it and of the one before claim.
    seq: Seq,
    claims: Vec<Hash>,
    claims_before: Vec<Hash>,
    /// The newest fact that is proved, and its place in the order of knowing.
    proved: Seq,
    position: Position,
    /// Whether the copy last looked at was proved by itself.
    is_new: bool,
}

impl Proof {
    fn of(origin: Origin) -> Self {
        Self {
            origin,
            seq: Seq(0),
            claims: vec![Hash::START],
            claims_before: Vec::new(),
            proved: Seq(0),
            position: Position(0),
            is_new: false,
        }
    }

    fn after(mut self, copy: &Copy) -> (Self, Option<Gap>) {
        if copy.seq != self.seq {
            let is_next = self.seq.0.checked_add(1) == Some(copy.seq.0);
            self.claims_before = if is_next { std::mem::take(&mut self.claims) } else { Vec::new() };
            self.claims = Vec::new();
            self.seq = copy.seq;
        }
        self.claims.push(copy.hash);
        let before = self.claims_before.iter().find(|before| before.after(&copy.line) == copy.hash).copied();
        self.is_new = before.is_some() && self.proved < copy.seq;
        let Some(hash) = before.filter(|_| self.is_new) else {
            return (self, None);
        };
        let first_seq = Seq(self.proved.0.saturating_add(1));
        let last_seq = Seq(copy.seq.0.saturating_sub(1));
        let gap = (first_seq <= last_seq).then_some(Gap { origin: self.origin, first_seq, last_seq, hash });
        self.proved = copy.seq;
        self.position = self.position.max(copy.position);
        (self, gap)
    }
}
