//! What is known of sites beside their facts, and the secrets that nodes share.

use std::collections::BTreeMap;

use machiai_core::ids::SiteId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{StoreError, Tried as _};

/// Notes when sites were last heard of.
pub(super) fn note_seen(db: &Connection, heard: &BTreeMap<SiteId, i64>) -> Result<(), StoreError> {
    let step = "note who was heard of";
    let mut update = db.prepare_cached("UPDATE sites SET seen_ms = max(seen_ms, ?2) WHERE site = ?1").tried(step)?;
    for (site, at_ms) in heard {
        update.execute(params![site.0, at_ms]).tried(step)?;
    }
    Ok(())
}

/// Returns when a site was last heard of.
pub(super) fn seen_ms(db: &Connection, site: SiteId) -> Result<Option<i64>, StoreError> {
    let step = "read when a site was heard of";
    let mut query = db.prepare_cached("SELECT seen_ms FROM sites WHERE site = ?1 AND seen_ms > 0").tried(step)?;
    query.query_row([site.0], |row| row.get(0)).optional().tried(step)
}

/// Has facts of an earlier hub be taken in for a site until an instant; returns whether the site is known.
pub(super) fn adopt(db: &Connection, site: SiteId, until_ms: i64) -> Result<bool, StoreError> {
    let update = "UPDATE sites SET adopted_ms = ?2 WHERE site = ?1";
    db.execute(update, params![site.0, until_ms]).tried("adopt an earlier hub's facts").map(|n_rows| n_rows > 0)
}

/// Returns until when facts of an earlier hub are taken in for a site; 0 where they never were.
pub(super) fn adopted_ms(db: &Connection, site: SiteId) -> Result<i64, StoreError> {
    let step = "read whether an earlier hub's facts are adopted";
    let found = db.query_row("SELECT adopted_ms FROM sites WHERE site = ?1", [site.0], |row| row.get(0));
    Ok(found.optional().tried(step)?.unwrap_or_default())
}

/// Returns what was said of when the hub serves.
pub(super) fn service(db: &Connection) -> Result<Option<String>, StoreError> {
    db.query_row("SELECT said FROM service", [], |row| row.get(0)).optional().tried("read when the hub serves")
}

/// Says when the hub serves.
pub(super) fn say_service(db: &Connection, said: &str) -> Result<(), StoreError> {
    let put = "INSERT INTO service (one, said) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET said = excluded.said";
    db.execute(put, [said]).tried("say when the hub serves").map(drop)
}

/// Returns a secret; the one drawn by the caller where there is none yet.
pub(super) fn secret(db: &Connection, name: &str, drawn: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let step = "read a secret";
    let put = "INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    db.execute(put, params![name, drawn]).tried(step)?;
    db.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0)).tried(step)
}
