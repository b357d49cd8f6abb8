//! Export, backup and restore.

use std::collections::BTreeMap;
use std::fs;

use machiai_core::call::told::Evidence;
use machiai_core::facts::OpenedAfter;
use machiai_core::ids::{BootId, FactId, Seq};
use machiai_core::time::AtMs;
use machiai_journal::store::Batch;
use machiai_journal::{
    LeaseChange, Position, Reader, RestoreError, SecretChange, Store, backup, export, restore, verify,
};

use crate::desk::{about, fact, files, lines, open, origin};

fn append(store: &mut Store, seq: u64) -> Vec<u8> {
    let fact = fact(store.origin(), seq, 30);
    let line = fact.line().to_vec();
    store.append(&Batch { facts: vec![fact], ..Batch::default() }).unwrap();
    line
}

#[test]
fn an_export_is_the_facts_as_kept_one_a_line() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    let kept: Vec<_> = (1..=30).map(|seq| append(&mut store, seq)).collect();
    let mut exported = Vec::new();
    assert_eq!(store.readers().ask(|reader| Ok(export(reader, &mut exported).unwrap())).unwrap(), 30);
    let expected: Vec<u8> = kept.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
    assert_eq!(exported, expected);
}

#[test]
fn a_backup_beside_the_writer_holds_every_fact_and_no_secret() {
    let folder = crate::desk::folder();
    let about = about(folder.path(), 1);
    let mut store = Store::open(about.clone()).unwrap();
    let kept: Vec<_> = (1..=300).map(|seq| append(&mut store, seq)).collect();
    let secret = b"a secret that no backup may hold".to_vec();
    let put = SecretChange::Put { key_id: vec![1; 16], purpose: "visit".into(), value: secret.clone() };
    store.append(&Batch { secrets: vec![put], ..Batch::default() }).unwrap();
    let to = folder.path().join("backup-1.db");
    assert_eq!(backup(&about.disk, &about.path, &to).unwrap(), 300);
    append(&mut store, 301);
    let reader = Reader::open(&about.disk, &to).unwrap();
    assert_eq!(lines(&reader), kept);
    assert_eq!(reader.secret(&[1; 16]).unwrap(), None);
    assert!(verify(&about.disk, &to).unwrap().is_good());
    let bytes = fs::read(&to).unwrap();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    assert_eq!(store.reader().unwrap().secret(&[1; 16]).unwrap(), Some(secret), "the journal still has it");
    let left_over = files(folder.path()).into_iter().filter(|path| path.to_string_lossy().contains(".part"));
    assert_eq!(left_over.count(), 0);
}

#[test]
fn a_restored_journal_says_so_until_its_first_fact_and_reuses_no_origin() {
    let folder = crate::desk::folder();
    let about_1 = about(folder.path(), 1);
    let mut store = Store::open(about_1.clone()).unwrap();
    let mut kept = vec![append(&mut store, 1), append(&mut store, 2)];
    let to = folder.path().join("backup-1.db");
    backup(&about_1.disk, &about_1.path, &to).unwrap();
    append(&mut store, 3);
    let put = SecretChange::Put { key_id: vec![1; 16], purpose: "password".into(), value: vec![3; 40] };
    store.append(&Batch { secrets: vec![put], ..Batch::default() }).unwrap();
    drop(store);
    restore(&about(folder.path(), 2), &to).unwrap();
    for opening in [3, 4] {
        let store = open(folder.path(), opening);
        assert_eq!(store.opened().after, OpenedAfter::Restore, "until the first fact is on disk");
        assert_eq!(lines(store.reader().unwrap()), kept);
        assert_eq!(store.reader().unwrap().secret(&[1; 16]).unwrap(), Some(vec![3; 40]), "secrets are not lost");
    }
    let mut store = open(folder.path(), 5);
    kept.push(append(&mut store, 1));
    drop(store);
    let store = open(folder.path(), 6);
    assert_eq!(store.opened().after, OpenedAfter::Run);
    assert_eq!(lines(store.reader().unwrap()), kept);
    let set_aside = folder.path().join(format!("journal.db.replaced-{}", about(folder.path(), 2).at.0));
    assert!(files(folder.path()).contains(&set_aside), "the replaced file is kept");
}

/// Returns the last evidence of the call that the first fact of an origin began, so long after it.
fn seen_after(store: &Store, ms: u64) -> LeaseChange {
    let kept = store.reader().unwrap().facts_after(Position(0), 1).unwrap();
    let head = kept[0].envelope().unwrap().head;
    let at_ms = head.at_ms.plus_ms(i64::try_from(ms).unwrap());
    LeaseChange::Renew { call: head.id(), seen: Evidence { boot: head.boot, mono_ms: head.mono_ms + ms, at_ms } }
}

/// Returns how long after its beginning each call was last seen.
fn seen_ms(reader: &Reader) -> Vec<u64> {
    let facts: BTreeMap<_, _> = reader
        .facts_after(Position(0), u32::MAX)
        .unwrap()
        .iter()
        .map(|kept| kept.envelope().unwrap().head)
        .map(|head| (head.id(), head.mono_ms))
        .collect();
    reader.leases().unwrap().into_iter().map(|(call, seen)| seen.mono_ms - facts[&call]).collect()
}

#[test]
fn the_last_evidence_of_a_call_comes_back_with_a_backup_and_later_evidence_of_what_is_replaced_counts() {
    let folder = crate::desk::folder();
    let about_1 = about(folder.path(), 1);
    let mut store = Store::open(about_1.clone()).unwrap();
    append(&mut store, 1);
    let renew = |store: &mut Store, ms| {
        let leases = vec![seen_after(store, ms)];
        store.append(&Batch { leases, ..Batch::default() }).unwrap();
    };
    renew(&mut store, 10_000);
    // A lease of something that began after the backup, or never.
    let none = LeaseChange::Renew {
        call: FactId { origin: store.origin(), seq: Seq(9) },
        seen: Evidence { boot: BootId::from_bytes([1; 16]), mono_ms: 1, at_ms: AtMs(1) },
    };
    store.append(&Batch { leases: vec![none], ..Batch::default() }).unwrap();
    let to = folder.path().join("backup-1.db");
    backup(&about_1.disk, &about_1.path, &to).unwrap();
    assert_eq!(seen_ms(&Reader::open(&about_1.disk, &to).unwrap()), [10_000]);
    renew(&mut store, 20_000);
    drop(store);
    restore(&about(folder.path(), 2), &to).unwrap();
    assert_eq!(seen_ms(open(folder.path(), 3).reader().unwrap()), [20_000]);

    // What is replaced knows of it no more, or cannot be read: the backup's word counts.
    let mut store = open(folder.path(), 4);
    let end = match seen_after(&store, 0) {
        LeaseChange::Renew { call, .. } | LeaseChange::End { call } => LeaseChange::End { call },
    };
    store.append(&Batch { leases: vec![end], ..Batch::default() }).unwrap();
    drop(store);
    restore(&about(folder.path(), 5), &to).unwrap();
    assert_eq!(seen_ms(open(folder.path(), 6).reader().unwrap()), [10_000]);
    fs::write(folder.path().join("journal.db"), vec![0x55; 8_192]).unwrap();
    restore(&about(folder.path(), 7), &to).unwrap();
    assert_eq!(seen_ms(open(folder.path(), 8).reader().unwrap()), [10_000]);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let folder = crate::desk::folder();
    let about = about(folder.path(), 1);
    let mut store = Store::open(about.clone()).unwrap();
    let kept: Vec<_> = (1..=30).map(|seq| append(&mut store, seq)).collect();
    let to = folder.path().join("backup-1.db");
    backup(&about.disk, &about.path, &to).unwrap();
    drop(store);
    let mut bytes = fs::read(&to).unwrap();
    // Also where SQLite left a copy when it split the page.
    for at in 0..bytes.len() - kept[9].len() {
        if bytes[at..].starts_with(&kept[9]) {
            bytes[at + 5] ^= 1;
        }
    }
    fs::write(&to, bytes).unwrap();
    let refusal = restore(&about, &to);
    assert!(matches!(refusal, Err(RestoreError::Backup(_))), "{refusal:?}");
    assert!(matches!(restore(&about, &folder.path().join("missing.db")), Err(RestoreError::Backup(_))));
    let store = open(folder.path(), 2);
    assert_eq!(store.opened().after, OpenedAfter::Run);
    assert_eq!(lines(store.reader().unwrap()), kept);
}

#[test]
fn a_journal_in_use_is_not_replaced() {
    let folder = crate::desk::folder();
    let about = about(folder.path(), 1);
    let mut store = Store::open(about.clone()).unwrap();
    append(&mut store, 1);
    let to = folder.path().join("backup-1.db");
    backup(&about.disk, &about.path, &to).unwrap();
    assert!(restore(&about, &to).is_err());
    append(&mut store, 2);
    assert_eq!(lines(store.reader().unwrap()).len(), 2);
    assert_eq!(store.origin(), origin(1));
}
