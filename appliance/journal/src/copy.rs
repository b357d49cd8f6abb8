//! Copies of a journal: export as lines, backup beside the running writer, restore.
//!
//! A backup is filled fact by fact from one snapshot, so that secrets never touch the medium it lies on.

use std::io::Write;
use std::path::Path;

use machiai_core::call::Leases;
use machiai_core::ids::{Origin, Seq};
use rusqlite::{Row, params};

use crate::carve::{self, CarveError, Carved};
use crate::check::{self, FactRow, ROW_COLUMNS};
use crate::error::{ExportError, OnFile, OpenError, RestoreError, Step, StoreError};
use crate::filling::{Filling, Gap, Medium};
use crate::kept::Position;
use crate::open::{Disk, Open, take_lock};
use crate::reader::Reader;
use crate::swap;
use machiai_wire::chain::Hash;

/// Writes every fact's bytes, one per line, in the order of knowing; returns how many.
///
/// # Errors
/// [`ExportError`] when the journal cannot be read or the lines cannot be written.
pub fn export(reader: &Reader, to: &mut dyn Write) -> Result<u64, ExportError> {
    let step = "read facts to export";
    let mut query = reader.db.prepare("SELECT line FROM facts ORDER BY position").step(step)?;
    let mut n_facts = 0_u64;
    for line in query.query_map([], |row| row.get::<_, Vec<u8>>(0)).step(step)? {
        let mut line = line.step(step)?;
        line.push(b'\n');
        to.write_all(&line).map_err(ExportError::Write)?;
        n_facts = n_facts.saturating_add(1);
    }
    to.flush().map_err(ExportError::Write)?;
    Ok(n_facts)
}

/// Copies a journal's facts to a file of their own, beside the running writer; returns how many.
///
/// The copy holds no secrets. It is written aside, checked, put on disk and only then named `to`.
///
/// # Errors
/// [`OpenError`] when a step fails: an older file named `to` is as it was.
pub fn backup(disk: &Disk, journal: &Path, to: &Path) -> Result<u64, OpenError> {
    let failed = |source| OpenError::Store { path: to.to_owned(), source };
    let from = Reader::open(disk, journal).map_err(failed)?;
    let mut filling = Filling::begin(disk, to)?;
    let n_facts = copy_all(&from, &mut filling).map_err(failed)?;
    filling.finish(to).map_err(failed)?;
    Ok(n_facts)
}

/// Puts a backup in the place of a journal that no process has open; the next opening says so.
///
/// The present file is set aside, never deleted, and its secrets go on to be used where they can be read.
///
/// # Errors
/// [`RestoreError`]: the present journal is as it was.
pub fn restore(about: &Open, backup: &Path) -> Result<(), RestoreError> {
    let report = check::verify(&about.disk, backup).map_err(RestoreError::Backup)?;
    if let Some(fault) = report.into_fault(backup) {
        return Err(RestoreError::Backup(fault));
    }
    let _lock = take_lock(about)?;
    let failed = |source| OpenError::Store { path: about.path.clone(), source };
    swap::finish(about).map_err(failed)?;
    let next = swap::waiting(about, "replaced");
    let mut filling = Filling::begin(&about.disk, &next)?;
    let from = Reader::open(&about.disk, backup).map_err(RestoreError::Backup)?;
    copy_all(&from, &mut filling).map_err(failed)?;
    copy_secrets(about, &mut filling).map_err(failed)?;
    // What is replaced may have seen calls of the backup for longer.
    let replaced = last_evidence(Reader::open(&about.disk, &about.path));
    filling.put_leases(&replaced, Medium::Damaged).map_err(failed)?;
    filling.mark("restore").map_err(failed)?;
    filling.finish(&next).map_err(failed)?;
    swap::finish(about).map_err(failed)?;
    Ok(())
}

fn copy_secrets(about: &Open, filling: &mut Filling) -> Result<(), StoreError> {
    let mut take = |carved: Carved| match carved {
        Carved::Fact(_) => Ok(()),
        Carved::Secret(secret) => filling.put_secret(&secret.key_id, &secret.purpose, &secret.value),
    };
    match carve::carve(about.disk.files(), &about.path, &mut take) {
        Ok(()) => Ok(()),
        Err(CarveError::Take(error)) => Err(error),
        Err(CarveError::Read(error)) => Err(error).on("read", &about.path),
    }
}

fn copy_all(from: &Reader, filling: &mut Filling) -> Result<u64, StoreError> {
    // One snapshot for all that is read, whatever the writer does meanwhile.
    from.db.execute_batch("BEGIN").step("begin to copy")?;
    let mut n_facts = 0_u64;
    each_fact(from, &mut |origin, row| {
        n_facts = n_facts.saturating_add(1);
        filling.put(origin, row)
    })?;
    let step = "copy gaps";
    let query = "SELECT origin, first_seq, last_seq, hash FROM gaps JOIN origins USING (origin_id)";
    let mut query = from.db.prepare(query).step(step)?;
    let read = |row: &Row<'_>| {
        Ok(Gap {
            origin: Origin::from_bytes(row.get(0)?),
            first_seq: Seq(row.get(1)?),
            last_seq: Seq(row.get(2)?),
            hash: Hash(row.get(3)?),
        })
    };
    for gap in query.query_map(params![], read).step(step)? {
        filling.put_gap(&gap.step(step)?)?;
    }
    filling.put_leases(&last_evidence(Ok(from)), Medium::Whole)?;
    from.db.execute_batch("COMMIT").step("end the copy")?;
    Ok(n_facts)
}

/// Returns the last evidence of calls that a file gives: none where it cannot be read, or is of a version before them.
pub(crate) fn last_evidence(from: Result<impl std::borrow::Borrow<Reader>, StoreError>) -> Leases {
    from.and_then(|from| from.borrow().leases()).unwrap_or_default()
}

/// Hands every fact with its origin to `take`, in the order of knowing.
pub(crate) fn each_fact(
    from: &Reader,
    take: &mut dyn FnMut(Origin, FactRow) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let step = "read facts to copy";
    let origins = from.origins()?;
    let mut query = from.db.prepare(&format!("SELECT {ROW_COLUMNS} FROM facts ORDER BY position")).step(step)?;
    for row in query.query_map([], FactRow::read).step(step)? {
        let row = row.step(step)?;
        let at = row.position;
        let origin = origins.get(&row.origin_id).map(|(origin, _)| *origin);
        let origin = origin.ok_or(StoreError::BadFact { at, source: crate::error::BadFact::OtherIdentity })?;
        take(origin, row)?;
    }
    Ok(())
}

/// Returns the newest position among the facts that a damaged file still gives.
pub(crate) fn newest_carved(about: &Open) -> Result<Position, StoreError> {
    let mut newest = Position(0);
    let mut take = |carved: Carved| {
        if let Carved::Fact(fact) = carved {
            newest = newest.max(fact.position);
        }
        Ok::<(), StoreError>(())
    };
    match carve::carve(about.disk.files(), &about.path, &mut take) {
        Ok(()) => Ok(newest),
        Err(CarveError::Take(error)) => Err(error),
        Err(CarveError::Read(error)) => Err(error).on("read", &about.path),
    }
}
