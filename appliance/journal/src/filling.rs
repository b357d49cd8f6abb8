//! Filling a fresh journal from facts that are kept elsewhere: a backup, and what was salvaged.
//!
//! The new file gets its name only when it is whole and on disk; until then it ends in `.part` and is swept away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use machiai_core::call::Leases;
use machiai_core::call::told::Evidence;
use machiai_core::envelope::Envelope;
use machiai_core::ids::{Origin, Seq};
use rusqlite::{OpenFlags, OptionalExtension as _, params};

use crate::check::FactRow;
use crate::error::{OnFile, OpenError, Step, StoreError};
use crate::open::{Disk, beside};
use crate::reader::Reader;
use crate::schema;
use crate::swap::folder_of;
use crate::write::insert_row;
use machiai_wire::chain::Hash;

/// A journal in the making.
pub(crate) struct Filling {
    disk: Disk,
    part: PathBuf,
    reader: Reader,
    origins: BTreeMap<Origin, i64>,
}

/// A stretch of facts that is missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    pub(crate) origin: Origin,
    pub(crate) first_seq: Seq,
    pub(crate) last_seq: Seq,
    pub(crate) hash: Hash,
}

/// How far what is read may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// It was found to be whole.
    Whole,
    /// It is damaged: a bit may have changed anywhere.
    Damaged,
}

/// Longer than this no call stands.
const LONGEST_MS: i64 = 24 * 60 * 60 * 1_000;

/// How far the two clocks of a lease may be apart where a bit may have changed: a time server steps less than that.
const APART_MS: u64 = 60_000;

/// Whether something can be the last evidence of a call that began at an instant.
fn is_of(start: &Evidence, seen: &Evidence, from: Medium) -> bool {
    let Some(length_ms) = seen.since(start).filter(|_| seen.mono_ms >= start.mono_ms) else { return false };
    let is_alike = seen.at_ms.since(start.at_ms).abs_diff(length_ms) <= APART_MS;
    length_ms <= LONGEST_MS && (from == Medium::Whole || is_alike)
}

impl Filling {
    /// Begins a fresh journal that will be named `path`.
    pub(crate) fn begin(disk: &Disk, path: &Path) -> Result<Self, OpenError> {
        let part = beside(path, ".part");
        let failed = |source| OpenError::Store { path: part.clone(), source };
        disk.files().remove(&part).on("remove", &part).map_err(failed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut db = disk.connect(&part, flags).map_err(failed)?;
        schema::set_filling(&db).map_err(failed)?;
        schema::migrate(&mut db)
            .map_err(|source| OpenError::Migrate { path: part.clone(), source: Box::new(source) })?;
        db.execute_batch("BEGIN").step("begin to fill").map_err(failed)?;
        Ok(Self { disk: disk.clone(), part, reader: Reader { db }, origins: BTreeMap::new() })
    }

    /// Adds a fact; the origin's short name in the row is not looked at.
    pub(crate) fn put(&mut self, origin: Origin, mut row: FactRow) -> Result<(), StoreError> {
        row.origin_id = self.origin_id(origin)?;
        insert_row(&self.reader.db, &row).step("keep a fact")
    }

    pub(crate) fn put_gap(&mut self, gap: &Gap) -> Result<(), StoreError> {
        let origin_id = self.origin_id(gap.origin)?;
        let put = "INSERT INTO gaps (origin_id, first_seq, last_seq, hash) VALUES (?1, ?2, ?3, ?4)";
        let values = params![origin_id, gap.first_seq.0, gap.last_seq.0, gap.hash.0];
        self.reader.db.execute(put, values).step("keep a gap").map(drop)
    }

    pub(crate) fn put_secret(&mut self, key_id: &[u8], purpose: &str, value: &[u8]) -> Result<(), StoreError> {
        let put = "INSERT OR IGNORE INTO secrets (key_id, purpose, value) VALUES (?1, ?2, ?3)";
        self.reader.db.execute(put, params![key_id, purpose, value]).step("keep a secret").map(drop)
    }

    /// Adds the last evidence of calls whose beginnings were put; of two of one start the later stays.
    ///
    /// No chain proves a lease: one that cannot be of its call is left out, and the call ends where it began.
    pub(crate) fn put_leases(&self, leases: &Leases, from: Medium) -> Result<(), StoreError> {
        let step = "keep the last evidence of calls";
        let begun = "SELECT line FROM facts JOIN origins USING (origin_id) WHERE origin = ?1 AND seq = ?2";
        let put = "INSERT INTO leases (origin, seq, boot, mono_ms, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (origin, seq) DO UPDATE SET mono_ms = excluded.mono_ms, at_ms = excluded.at_ms
                   WHERE excluded.mono_ms > leases.mono_ms";
        for (call, seen) in leases {
            let key = params![call.origin.bytes(), call.seq.0];
            let line = self.reader.db.query_row(begun, key, |row| row.get::<_, Vec<u8>>(0)).optional().step(step)?;
            let start = line.and_then(|line| Envelope::read(&line).ok()).map(|begun| Evidence::of(&begun.head));
            if start.is_some_and(|start| is_of(&start, seen, from)) {
                let values = params![call.origin.bytes(), call.seq.0, seen.boot.bytes(), seen.mono_ms, seen.at_ms.0];
                self.reader.db.execute(put, values).step(step)?;
            }
        }
        Ok(())
    }

    /// Notes where the journal came from, for its first opening.
    pub(crate) fn mark(&mut self, came_from: &str) -> Result<(), StoreError> {
        let put = "INSERT INTO meta (name, value) VALUES ('came_from', ?1)";
        self.reader.db.execute(put, [came_from]).step("mark the journal").map(drop)
    }

    /// Puts the journal on disk, checks it and gives it its name.
    pub(crate) fn finish(self, path: &Path) -> Result<(), StoreError> {
        let Self { disk, part, reader, .. } = self;
        reader.db.execute_batch("COMMIT").step("finish to fill")?;
        reader.db.close().map_err(|(_, error)| error).step("close the filled file")?;
        let report = crate::check::verify(&disk, &part)?;
        if let Some(fault) = report.into_fault(&part) {
            return Err(fault);
        }
        let files = disk.files();
        files.sync(&part).on("sync", &part)?;
        files.rename(&part, path).on("rename", &part)?;
        let folder = folder_of(path);
        files.sync_folder(folder).on("sync", folder)
    }

    fn origin_id(&mut self, origin: Origin) -> Result<i64, StoreError> {
        if let Some(origin_id) = self.origins.get(&origin) {
            return Ok(*origin_id);
        }
        let origin_id = i64::try_from(self.origins.len()).unwrap_or(i64::MAX).saturating_add(1);
        self.reader
            .db
            .execute("INSERT INTO origins (origin_id, origin) VALUES (?1, ?2)", params![origin_id, origin.bytes()])
            .step("keep an origin")?;
        self.origins.insert(origin, origin_id);
        Ok(origin_id)
    }
}
