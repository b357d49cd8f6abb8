//! The journal's tables: migrations that are applied together in one transaction, and the pragmas of a connection.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::{Step, StoreError};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The newest schema this version knows.
pub(crate) const NEWEST: u32 = 2;

/// The oldest SQLite without the fault that could corrupt a journal while it is written and checkpointed at once.
pub(crate) const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a connection waits for another's lock, in milliseconds.
const BUSY_MS: u32 = 5_000;

/// What the connection that writes keeps of the file in memory, and what each of the readers, in KiB as SQLite has it (a
/// negative number): they fill theirs within days. What is not kept there, the system keeps.
const WRITER_CACHE: i32 = -256;
const READER_CACHE: i32 = -64;

/// How hard a commit presses its bytes to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Synchronous {
    /// Every commit waits for the disk: the only way a journal is opened by configuration.
    Full,
    /// Commits do not wait: the fault harness' control, which must lose facts.
    Normal,
}

/// Returns the schema that a file has, 0 for an empty one.
///
/// It is told twice; where the two differ, the file is damaged, and must not pass for one of a later version.
pub(crate) fn found(db: &Connection) -> Result<u32, StoreError> {
    let step = "read the schema's version";
    let marked: u32 = db.query_row("PRAGMA user_version", [], |row| row.get(0)).step(step)?;
    let history = "SELECT count(*) FROM sqlite_schema WHERE name = 'refinery_schema_history'";
    let n_tables: u32 = db.query_row(history, [], |row| row.get(0)).step(step)?;
    let newest = "SELECT coalesce(max(version), 0) FROM refinery_schema_history";
    let applied: u32 = if n_tables == 0 { 0 } else { db.query_row(newest, [], |row| row.get(0)).step(step)? };
    if marked == applied { Ok(applied) } else { Err(StoreError::BadSchema { marked, applied }) }
}

/// Brings a file's tables up to date: all that is missing, or nothing.
///
/// A migration and its mark in the history stand in one transaction only when grouped: a power cut between the two
/// would leave a file that no version can open.
pub(crate) fn migrate(db: &mut Connection) -> Result<(), refinery::Error> {
    embedded::migrations::runner().set_grouped(true).set_abort_missing(true).run(db).map(drop)
}

/// Sets a connection that writes.
pub(crate) fn set_writer(db: &Connection, synchronous: Synchronous) -> Result<(), StoreError> {
    set_both(db, WRITER_CACHE)?;
    let synchronous = match synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    // A damaged file must stay as it is, and a failed descriptor must not be used again.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).step("keep the log")?;
    // Checkpoints are the store's own, because those of SQLite hide their failures.
    db.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;
         PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF; PRAGMA journal_size_limit = 16777216;"
    ))
    .step("set up the writer")?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Sets a connection that fills a fresh file, which nobody reads before it is whole.
pub(crate) fn set_filling(db: &Connection) -> Result<(), StoreError> {
    set_both(db, WRITER_CACHE)?;
    db.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;")
        .step("set up a fresh file")?;
    db.set_prepared_statement_cache_capacity(32);
    Ok(())
}

/// Sets a connection that only reads.
pub(crate) fn set_reader(db: &Connection) -> Result<(), StoreError> {
    set_both(db, READER_CACHE)?;
    db.execute_batch("PRAGMA query_only = ON;").step("set up a reader")
}

fn set_both(db: &Connection, cache: i32) -> Result<(), StoreError> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).step("make the schema safe")?;
    // A plan that may depend on a bound value is made anew for each: a quarter of what a ticket costs.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).step("keep the plans of queries")?;
    db.execute_batch(&format!(
        "PRAGMA busy_timeout = {BUSY_MS}; PRAGMA mmap_size = 0; PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = {cache};"
    ))
    .step("set up a connection")
}
