//! The file as a copy of it: made while others write, and brought back before anybody opens it.

use std::path::Path;

use machiai_core::time::AtMs;
use rusqlite::{Connection, params};

use super::{Sqlite, StoreError, Tried as _, opened};
use crate::chance;

impl Sqlite {
    /// Copies what stands now into a file that is not there yet.
    pub(crate) async fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let (readers, path) = (self.readers.clone(), path.to_owned());
        let copied = tokio::task::spawn_blocking(move || {
            let db = readers.open()?;
            db.execute("VACUUM INTO ?1", [path.to_string_lossy()]).tried("copy the store").map(drop)
        });
        copied.await.unwrap_or(Err(StoreError::Stopped))
    }

    pub(crate) async fn begin_life(&self, at: AtMs) -> Result<(), StoreError> {
        self.writer.write(move |db| begin_life(db, at)).await
    }

    pub(crate) async fn life_began(&self) -> Result<Option<AtMs>, StoreError> {
        let sql = "SELECT max(began_ms) FROM lives";
        let step = "read when this life began";
        let asked = self.ask(move |db| db.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).tried(step));
        Ok(asked.await?.map(AtMs))
    }
}

/// Checks the file of a copy, brings its tables up to date and begins a new life in it; it is whole and alone then.
///
/// # Errors
/// [`StoreError`]: it is no store of ours, or damaged.
pub(crate) fn revive(path: &Path, at: AtMs) -> Result<(), StoreError> {
    let db = opened(path)?;
    let sound: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).tried("check the store")?;
    if sound != "ok" {
        return Err(StoreError::Lacks { what: "what its check looks for: the file is damaged" });
    }
    begin_life(&db, at)?;
    db.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(())).tried("write the store back")?;
    db.close().map_err(|(_, cause)| cause).tried("close the store")
}

fn begin_life(db: &Connection, at: AtMs) -> Result<(), StoreError> {
    let step = "begin a new life";
    db.execute("INSERT INTO lives (began_ms) VALUES (?1)", [at.0]).tried(step)?;
    let mut ids = db.prepare("SELECT stream_id FROM streams").tried(step)?;
    let ids: Vec<i64> = ids.query_map([], |row| row.get(0)).and_then(Iterator::collect).tried(step)?;
    let mut update = db.prepare("UPDATE streams SET incarnation = ?2 WHERE stream_id = ?1").tried(step)?;
    for id in ids {
        let drawn = i64::from_le_bytes(chance::bytes().map_err(StoreError::Chance)?);
        update.execute(params![id, drawn]).tried(step)?;
    }
    Ok(())
}
