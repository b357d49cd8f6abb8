//! Every schema that was ever shipped still opens, with all that was in it.
//!
//! `golden/journal-v1.sql` is never edited while that version is supported; a new version adds a file of its own.

use std::path::Path;

use machiai_core::call::Leases;
use machiai_core::call::told::Evidence;
use machiai_core::facts::OpenedAfter;
use machiai_core::ids::{BootId, FactId, Seq};
use machiai_core::time::AtMs;
use machiai_journal::store::Batch;
use machiai_journal::{OpenError, Position, Store, verify};
use rusqlite::Connection;

use crate::desk::{about, fact, lines, open, origin};

const GOLDEN_V1: &str = include_str!("../golden/journal-v1.sql");
const GOLDEN_V2: &str = include_str!("../golden/journal-v2.sql");

fn schema_of(path: &Path) -> Vec<(String, String)> {
    let db = Connection::open(path).unwrap();
    let mut query = db.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name").unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// Writes a file as a version left it.
fn make(path: &Path, golden: &str) {
    let db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
    db.execute_batch(golden).unwrap();
}

#[test]
fn a_journal_of_version_1_opens_with_all_that_was_in_it() {
    let leases = opens_with_all(GOLDEN_V1);
    assert!(leases.is_empty(), "{leases:?}");
}

#[test]
fn a_journal_of_version_2_opens_with_its_calls() {
    let begun = FactId { origin: origin(1), seq: Seq(3) };
    let seen = Evidence { boot: BootId::from_bytes([7; 16]), mono_ms: 15_000, at_ms: AtMs(1_795_478_400_000) };
    assert_eq!(opens_with_all(GOLDEN_V2), Leases::from([(begun, seen)]));
}

/// Opens a journal as a version left it, looks for all that is in each of them, and returns the calls that run.
fn opens_with_all(golden: &str) -> Leases {
    let (old, new) = (crate::desk::folder(), crate::desk::folder());
    let about = about(old.path(), 9);
    make(&about.path, golden);
    let mut store = Store::open(about.clone()).unwrap();
    assert_eq!(store.opened().after, OpenedAfter::Run);
    let reader = store.reader().unwrap();
    let leases = reader.leases().unwrap();
    let expected: Vec<_> = (1..=4).map(|seq| fact(origin(1), seq, 20).line().to_vec()).collect();
    assert_eq!(lines(reader), expected);
    assert_eq!(reader.by_cmd("key-3").unwrap().len(), 1);
    assert_eq!(reader.secret(&[1; 16]).unwrap(), Some(vec![2; 32]));
    assert_eq!(reader.checkpoint("queue").unwrap().unwrap().position, Position(2));
    store.append(&Batch { facts: vec![fact(origin(9), 1, 0)], ..Batch::default() }).unwrap();
    assert_eq!(store.next_seq(), Seq(2));
    store.end();
    assert!(verify(&about.disk, &about.path).unwrap().is_good());
    open(new.path(), 1).end();
    assert_eq!(schema_of(&about.path), schema_of(&new.path().join("journal.db")), "as in a fresh journal");
    leases
}

#[test]
fn a_journal_of_a_later_version_is_refused_and_left_as_it_is() {
    let folder = crate::desk::folder();
    let about = about(folder.path(), 9);
    make(&about.path, GOLDEN_V1);
    let later = "INSERT INTO refinery_schema_history VALUES (3, 'later', '2030-01-01T00:00:00Z', '1');
        PRAGMA user_version = 3;";
    Connection::open(&about.path).unwrap().execute_batch(later).unwrap();
    let before = std::fs::read(&about.path).unwrap();
    assert!(matches!(Store::open(about.clone()), Err(OpenError::Newer { found: 3, known: 2, .. })));
    assert_eq!(std::fs::read(&about.path).unwrap(), before);
}

#[test]
fn a_version_that_only_one_mark_claims_is_damage() {
    let folder = crate::desk::folder();
    let about = about(folder.path(), 9);
    make(&about.path, GOLDEN_V1);
    Connection::open(&about.path).unwrap().execute_batch("PRAGMA user_version = 129").unwrap();
    let store = Store::open(about).unwrap();
    assert_eq!(store.opened().after, OpenedAfter::Damage);
    assert_eq!(lines(store.reader().unwrap()).len(), 4);
}

#[test]
fn every_column_has_a_comment_and_every_table_is_strict() {
    let folder = crate::desk::folder();
    open(folder.path(), 1).end();
    let tables = schema_of(&folder.path().join("journal.db"));
    let ours: Vec<_> = tables
        .iter()
        .filter(|(name, sql)| sql.starts_with("CREATE TABLE") && name != "refinery_schema_history")
        .collect();
    assert_eq!(ours.len(), 7);
    for (name, sql) in ours {
        assert!(sql.contains("STRICT"), "{name}");
        let body: Vec<&str> = sql.lines().skip(1).map(str::trim).collect();
        for pair in body.windows(2).filter(|pair| pair[1].starts_with(|first: char| first.is_ascii_lowercase())) {
            assert!(pair[0].starts_with("--"), "{name}: no comment on {}", pair[1]);
        }
    }
}
