//! The statements that write: one transaction's facts and secrets, and the log's way back into the file.
//!
//! Nothing here decides what a failure means; that is the store's.

use std::collections::BTreeMap;

use machiai_core::ids::{Origin, Seq};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::check::FactRow;
use crate::error::{Step, StoreError};
use crate::kept::{LeaseChange, NewFact, Position, Redated, SecretChange, day_column};
use crate::reader::{Newest, Reader};
use crate::store::Batch;
use machiai_wire::chain::Hash;

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

/// A batch with everything the columns need, and what the writer will know once it is on disk.
pub(crate) struct Placed {
    pub(crate) tips: Tips,
    rows: Vec<FactRow>,
    new_origins: Vec<(i64, Origin)>,
}

impl Placed {
    pub(crate) fn after(known: &Tips, batch: &Batch) -> Result<Self, StoreError> {
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
pub(crate) fn write(
    db: &Connection,
    batch: &Batch,
    placed: &Placed,
    must_clear_mark: bool,
) -> Result<bool, StoreError> {
    run(db, "BEGIN IMMEDIATE").step("begin a transaction")?;
    for (id, origin) in &placed.new_origins {
        db.execute("INSERT INTO origins (origin_id, origin) VALUES (?1, ?2)", params![id, origin.bytes()])
            .step("keep an origin")?;
    }
    for row in &placed.rows {
        insert_row(db, row).step("keep a fact")?;
    }
    for redated in &batch.redated {
        redate(db, redated).step("give facts their day")?;
    }
    for change in &batch.leases {
        change_lease(db, change).step("keep the last evidence of a call")?;
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

/// Inserts a fact's row.
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

const REDATE: &str = "WITH RECURSIVE kinds (kind) AS (
        SELECT min(kind) FROM facts
        UNION ALL SELECT (SELECT min(kind) FROM facts WHERE kind > kinds.kind) FROM kinds WHERE kinds.kind IS NOT NULL
    ) UPDATE facts SET day = ?2 WHERE position IN (
        SELECT facts.position FROM kinds JOIN facts ON facts.kind = kinds.kind AND facts.day = ?1
        WHERE (facts.at_ms, facts.at_n) >= (?3, ?4) AND (?5 IS NULL OR (facts.at_ms, facts.at_n) < (?5, ?6)))";

/// Has facts count to the day that was opened before them.
fn redate(db: &Connection, redated: &Redated) -> rusqlite::Result<()> {
    let (from, to) = (day_column(redated.from), day_column(Some(redated.to)));
    let (first, end) = (redated.first, redated.end);
    let (end_at, end_n) = (end.map(|end| end.at.0), end.map(|end| end.n));
    db.prepare_cached(REDATE)?.execute(params![from, to, first.at.0, first.n, end_at, end_n]).map(drop)
}

/// Changes what is known of a call that runs.
fn change_lease(db: &Connection, change: &LeaseChange) -> rusqlite::Result<()> {
    let done = match change {
        LeaseChange::Renew { call, seen } => {
            let put = "INSERT OR REPLACE INTO leases (origin, seq, boot, mono_ms, at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![call.origin.bytes(), call.seq.0, seen.boot.bytes(), seen.mono_ms, seen.at_ms.0];
            db.prepare_cached(put)?.execute(values)
        }
        LeaseChange::End { call } => {
            let end = "DELETE FROM leases WHERE origin = ?1 AND seq = ?2";
            db.prepare_cached(end)?.execute(params![call.origin.bytes(), call.seq.0])
        }
    };
    done.map(drop)
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
pub(crate) fn settle(reader: &Reader, position: Position) -> Result<(), StoreError> {
    let put = "INSERT OR REPLACE INTO meta (name, value) VALUES ('settled_at', ?1)";
    reader.db.execute(put, [position.to_string()]).step("settle after a failure").map(drop)
}

/// Runs a statement that has neither parameters nor rows.
pub(crate) fn run(db: &Connection, statement: &str) -> rusqlite::Result<()> {
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
