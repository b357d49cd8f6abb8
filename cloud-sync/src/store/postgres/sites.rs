//! What is known of sites beside their facts, and the secrets that nodes share.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use machiai_core::ids::SiteId;

use super::StoreError;
use super::server::{Tried as _, change, row};

/// Notes when sites were last heard of.
pub(super) async fn note_seen(tx: &Transaction<'_>, heard: BTreeMap<SiteId, i64>) -> Result<(), StoreError> {
    let step = "note who was heard of";
    // In the order of their numbers, as every node does it: none waits for another that waits for it.
    let (sites, at_ms): (Vec<i64>, Vec<i64>) = heard.into_iter().map(|(site, at)| (i64::from(site.0), at)).unzip();
    let lock = "SELECT FROM sites WHERE site = ANY($1) ORDER BY site FOR UPDATE";
    change(tx, lock, &[&sites]).await.tried(step)?;
    let sql = "UPDATE sites SET seen_ms = greatest(seen_ms, heard.at_ms)
               FROM unnest($1::bigint[], $2::bigint[]) AS heard (site, at_ms) WHERE sites.site = heard.site";
    change(tx, sql, &[&sites, &at_ms]).await.tried(step).map(drop)
}

/// Returns when a site was last heard of.
pub(super) async fn seen_ms(tx: &Transaction<'_>, site: SiteId) -> Result<Option<i64>, StoreError> {
    let step = "read when a site was heard of";
    let sql = "SELECT seen_ms FROM sites WHERE site = $1 AND seen_ms > 0";
    let found = row(tx, sql, &[&i64::from(site.0)]).await.tried(step)?;
    found.map(|row| row.try_get(0)).transpose().tried(step)
}

/// Has facts of an earlier hub be taken in for a site until an instant; returns whether the site is known.
pub(super) async fn adopt(tx: &Transaction<'_>, site: SiteId, until_ms: i64) -> Result<bool, StoreError> {
    let update = "UPDATE sites SET adopted_ms = $2 WHERE site = $1";
    let changed = change(tx, update, &[&i64::from(site.0), &until_ms]).await;
    changed.tried("adopt an earlier hub's facts").map(|n_rows| n_rows > 0)
}

/// Returns until when facts of an earlier hub are taken in for a site; 0 where they never were.
pub(super) async fn adopted_ms(tx: &Transaction<'_>, site: SiteId) -> Result<i64, StoreError> {
    let step = "read whether an earlier hub's facts are adopted";
    let found = row(tx, "SELECT adopted_ms FROM sites WHERE site = $1", &[&i64::from(site.0)]).await.tried(step)?;
    found.map_or(Ok(0), |row| row.try_get(0)).tried(step)
}

/// Returns what was said of when the hub serves.
pub(super) async fn service(tx: &Transaction<'_>) -> Result<Option<String>, StoreError> {
    let step = "read when the hub serves";
    let found = row(tx, "SELECT said FROM service", &[]).await.tried(step)?;
    found.map(|row| row.try_get(0)).transpose().tried(step)
}

/// Says when the hub serves.
pub(super) async fn say_service(tx: &Transaction<'_>, said: &str) -> Result<(), StoreError> {
    let put = "INSERT INTO service (one, said) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET said = excluded.said";
    change(tx, put, &[&said]).await.tried("say when the hub serves").map(drop)
}

/// Returns a secret; the one drawn by the caller where there is none yet.
pub(super) async fn secret(tx: &Transaction<'_>, name: &str, drawn: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let step = "read a secret";
    let put = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    change(tx, put, &[&name, &drawn.as_slice()]).await.tried(step)?;
    let found = row(tx, "SELECT value FROM secrets WHERE name = $1", &[&name]).await.tried(step)?;
    let lacks = || StoreError::Lacks { what: "a secret of 32 bytes" };
    let bytes: Vec<u8> = found.ok_or_else(lacks)?.try_get(0).tried(step)?;
    bytes.try_into().map_err(|_other_length| lacks())
}
