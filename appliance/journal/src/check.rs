//! Checking facts that are kept: hashes, numbers without gaps, columns and indexes that agree with the bytes.
//!
//! The tail is checked at start, the rest slice by slice in quiet moments, all of it by `machiai journal verify`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use machiai_core::envelope::Envelope;
use machiai_core::ids::{Origin, Seq};
use rusqlite::{OptionalExtension, Row, params};

use crate::error::{BadFact, Step, StoreError};
use crate::kept::{Position, kind_of};
use crate::open::Disk;
use crate::reader::{Newest, Reader};
use machiai_wire::chain::Hash;

/// Facts at the end that are checked at every start: more than a busy day's morning.
pub const TAIL_FACTS: u32 = 1_000;

/// Facts that one slice of verification takes, a few milliseconds of work.
pub const SLICE_FACTS: u32 = 500;

/// A fact's row with all its columns.
#[derive(Clone, Debug)]
pub(crate) struct FactRow {
    pub(crate) position: Position,
    pub(crate) origin_id: i64,
    pub(crate) seq: Seq,
    pub(crate) at_ms: i64,
    pub(crate) at_n: u32,
    pub(crate) day: i64,
    pub(crate) kind: String,
    pub(crate) cmd: Option<String>,
    pub(crate) cmd_digest: Option<String>,
    pub(crate) line: Vec<u8>,
    pub(crate) hash: Hash,
}

pub(crate) const ROW_COLUMNS: &str = "position, origin_id, seq, at_ms, at_n, day, kind, cmd, cmd_digest, line, hash";

impl FactRow {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            position: Position(row.get(0)?),
            origin_id: row.get(1)?,
            seq: Seq(row.get(2)?),
            at_ms: row.get(3)?,
            at_n: row.get(4)?,
            day: row.get(5)?,
            kind: row.get(6)?,
            cmd: row.get(7)?,
            cmd_digest: row.get(8)?,
            line: row.get(9)?,
            hash: Hash(row.get(10)?),
        })
    }

    /// Checks that the columns say what the bytes say.
    fn check_columns(&self, origin: Origin) -> Result<(), BadFact> {
        let head = Envelope::read(&self.line).map_err(BadFact::Unreadable)?.head;
        let kind = kind_of(&self.line).map_err(BadFact::Unreadable)?;
        let (key, digest) = head.cmd.map(|cmd| (cmd.key, cmd.digest)).unzip();
        let columns = [
            ("origin_id", head.origin == origin),
            ("seq", head.seq == self.seq),
            ("at_ms", head.at_ms.0 == self.at_ms),
            ("at_n", head.at_n == self.at_n),
            ("kind", kind == self.kind),
            ("cmd", key == self.cmd),
            ("cmd_digest", digest == self.cmd_digest),
        ];
        match columns.into_iter().find(|(_, agrees)| !agrees) {
            Some((column, _)) => Err(BadFact::Column { column }),
            None => Ok(()),
        }
    }
}

/// Where each origin's chain stands in the course of a check.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    origins: BTreeMap<i64, Origin>,
    tips: BTreeMap<i64, (Seq, Hash)>,
}

/// Checks up to `limit` facts after a position; returns the last position checked, or none where there is no more.
pub(crate) fn check_slice(
    reader: &Reader,
    chains: &mut Chains,
    after: Position,
    limit: u32,
) -> Result<Option<Position>, StoreError> {
    let step = "read facts to check";
    let query = format!("SELECT {ROW_COLUMNS} FROM facts WHERE position > ?1 ORDER BY position LIMIT ?2");
    let mut query = reader.db.prepare_cached(&query).step(step)?;
    let mut last = None;
    for row in query.query_map(params![after.0, limit], FactRow::read).step(step)? {
        let row = row.step(step)?;
        check_row(reader, chains, &row)?;
        last = Some(row.position);
    }
    Ok(last)
}

fn check_row(reader: &Reader, chains: &mut Chains, row: &FactRow) -> Result<(), StoreError> {
    let bad = |source| StoreError::BadFact { at: row.position, source };
    if let Entry::Vacant(unknown) = chains.origins.entry(row.origin_id) {
        let origin = reader
            .db
            .query_row("SELECT origin FROM origins WHERE origin_id = ?1", [row.origin_id], |row| row.get(0))
            .step("read an origin")?;
        unknown.insert(Origin::from_bytes(origin));
    }
    let before = match chains.tips.get(&row.origin_id) {
        Some(&(seq, hash)) if seq.0.checked_add(1) == Some(row.seq.0) => Some(hash),
        Some(_) | None => hash_before(reader, row)?,
    };
    let expected = before.ok_or_else(|| bad(BadFact::NoPredecessor))?.after(&row.line);
    if expected != row.hash {
        return Err(bad(BadFact::Hash { found: row.hash, expected }));
    }
    chains.tips.insert(row.origin_id, (row.seq, row.hash));
    let origin = chains.origins.get(&row.origin_id).copied();
    row.check_columns(origin.ok_or_else(|| bad(BadFact::OtherIdentity))?).map_err(bad)?;
    check_indexes(reader, row)
}

/// Returns the running hash before a fact, as its predecessor's row or a known gap has it.
fn hash_before(reader: &Reader, row: &FactRow) -> Result<Option<Hash>, StoreError> {
    if row.seq == Seq(1) {
        return Ok(Some(Hash::START));
    }
    let step = "read the fact before";
    let seq_before = row.seq.0.saturating_sub(1);
    let queries = [
        "SELECT hash FROM facts WHERE origin_id = ?1 AND seq = ?2",
        "SELECT hash FROM gaps WHERE origin_id = ?1 AND last_seq = ?2",
    ];
    for query in queries {
        let mut query = reader.db.prepare_cached(query).step(step)?;
        let hash = query.query_row(params![row.origin_id, seq_before], |row| row.get(0)).optional().step(step)?;
        if hash.is_some() {
            return Ok(hash.map(Hash));
        }
    }
    Ok(None)
}

/// Checks that each index leads to the fact: what a start reads, it reads by index.
fn check_indexes(reader: &Reader, row: &FactRow) -> Result<(), StoreError> {
    let leads = |query: &str, parameters: &[&dyn rusqlite::ToSql]| {
        let step = "look a fact up by index";
        let mut query = reader.db.prepare_cached(query).step(step)?;
        query.exists(parameters).step(step)
    };
    let position = row.position.0;
    let by_kind = "SELECT 1 FROM facts INDEXED BY facts_by_kind_and_day WHERE kind = ?1 AND day = ?2 AND position = ?3";
    let by_identity =
        "SELECT 1 FROM facts INDEXED BY facts_by_identity WHERE origin_id = ?1 AND seq = ?2 AND position = ?3";
    let by_cmd = "SELECT 1 FROM facts INDEXED BY facts_by_cmd WHERE cmd = ?1 AND position = ?2";
    let missing = if !leads(by_kind, &[&row.kind, &row.day, &position])? {
        Some("facts_by_kind_and_day")
    } else if !leads(by_identity, &[&row.origin_id, &row.seq.0, &position])? {
        Some("facts_by_identity")
    } else if row.cmd.is_some() && !leads(by_cmd, &[&row.cmd, &position])? {
        Some("facts_by_cmd")
    } else {
        None
    };
    match missing {
        Some(index) => Err(StoreError::BadFact { at: row.position, source: BadFact::NotIndexed { index } }),
        None => Ok(()),
    }
}

/// Checks the newest facts.
pub(crate) fn check_tail(reader: &Reader) -> Result<(), StoreError> {
    let query = "SELECT position FROM facts ORDER BY position DESC LIMIT 1 OFFSET ?1";
    let step = "find the tail";
    let before: Option<u64> = reader.db.query_row(query, [TAIL_FACTS], |row| row.get(0)).optional().step(step)?;
    check_slice(reader, &mut Chains::default(), Position(before.unwrap_or(0)), TAIL_FACTS).map(drop)
}

/// What a whole verification found.
#[derive(Debug)]
pub struct Report {
    /// Facts that were checked and are good.
    pub n_facts: u64,
    /// The newest fact of each origin.
    pub heads: BTreeMap<Origin, Newest>,
    /// The first fault, after which nothing was checked.
    pub fault: Option<StoreError>,
    /// What SQLite says about the file's pages; empty when all is well.
    pub integrity: Vec<String>,
}

impl Report {
    /// Whether the journal is whole.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.fault.is_none() && self.integrity.is_empty()
    }

    /// Returns the first thing that is wrong.
    pub(crate) fn into_fault(self, path: &Path) -> Option<StoreError> {
        let Self { fault, integrity, .. } = self;
        let said = integrity.into_iter().next();
        fault.or_else(|| said.map(|said| StoreError::BadPages { path: path.to_owned(), said }))
    }
}

/// Checks a whole journal, beside its writer or without one: pages, hashes, numbers, columns, indexes.
///
/// # Errors
/// [`StoreError`] when there is nothing to read; everything found wrong stands in the report.
pub fn verify(disk: &Disk, path: &Path) -> Result<Report, StoreError> {
    Ok(verify_open(&Reader::open(disk, path)?))
}

pub(crate) fn verify_open(reader: &Reader) -> Report {
    let mut report = Report { n_facts: 0, heads: BTreeMap::new(), fault: None, integrity: Vec::new() };
    if let Err(fault) = verify_facts(reader, &mut report) {
        report.fault = Some(fault);
    }
    match integrity(reader) {
        Ok(lines) => report.integrity = lines,
        Err(fault) => report.fault = report.fault.or(Some(fault)),
    }
    report
}

fn verify_facts(reader: &Reader, report: &mut Report) -> Result<(), StoreError> {
    let (mut chains, mut after) = (Chains::default(), Position(0));
    while let Some(last) = check_slice(reader, &mut chains, after, SLICE_FACTS)? {
        after = last;
    }
    report.n_facts = reader.count()?;
    report.heads = reader.heads()?;
    Ok(())
}

fn integrity(reader: &Reader) -> Result<Vec<String>, StoreError> {
    let step = "check the pages";
    let mut query = reader.db.prepare("PRAGMA integrity_check(20)").step(step)?;
    let lines = query.query_map([], |row| row.get::<_, String>(0)).step(step)?;
    let lines = lines.collect::<Result<Vec<_>, _>>().step(step)?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}
