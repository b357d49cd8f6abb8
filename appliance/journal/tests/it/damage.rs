//! Damage of every kind: the journal opens again with what can be saved, says so, and deletes nothing.

use std::fs;
use std::path::Path;

use machiai_core::call::told::Evidence;
use machiai_core::envelope::Envelope;
use machiai_core::facts::OpenedAfter;
use machiai_journal::store::Batch;
use machiai_journal::{LeaseChange, Open, Position, SecretChange, Store, StoreError, backup, verify};

use crate::desk::{about, fact, lines, open, origin};

const PAGE: usize = 4_096;

/// A journal of a few origins, with facts that overflow their page, secrets, and everything written back.
fn fill(folder: &Path, n_facts: u64) -> Vec<Vec<u8>> {
    let mut store = open(folder, 1);
    let mut kept = Vec::new();
    for seq in 1..=n_facts {
        let n_bytes = if seq % 10 == 0 { 9_000 } else { 120 };
        let facts = vec![fact(origin(1), seq, n_bytes), fact(origin(2), seq, 10)];
        kept.extend(facts.iter().map(|fact| fact.line().to_vec()));
        let key_id = seq.to_be_bytes().to_vec();
        let secrets = vec![SecretChange::Put { key_id, purpose: "visit".into(), value: vec![7; 32] }];
        store.append(&Batch { facts, secrets, ..Batch::default() }).unwrap();
    }
    store.tidy().unwrap();
    store.end();
    kept
}

/// Opens what may be damaged; a damage that a start does not read is found by verifying, as in quiet moments.
fn open_damaged(about: Open) -> Store {
    let store = Store::open(about.clone()).unwrap();
    let report = verify(&about.disk, &about.path).unwrap();
    if report.is_good() {
        return store;
    }
    assert_eq!(store.opened().after, OpenedAfter::Run, "a salvaged journal is whole");
    store.raise_suspicion().unwrap();
    drop(store);
    Store::open(about).unwrap()
}

/// Everything that came back was kept once, byte for byte, in an order that the chains allow.
fn assert_genuine(store: &Store, kept: &[Vec<u8>], about: &Open) -> usize {
    let found = lines(store.reader().unwrap());
    assert!(found.iter().all(|line| kept.contains(line)), "a fact was invented");
    assert!(verify(&about.disk, &about.path).unwrap().is_good());
    found.len()
}

#[test]
fn any_damaged_page_costs_no_more_than_its_own_facts() {
    let folder = crate::desk::folder();
    let kept = fill(folder.path(), 40);
    let whole = fs::read(folder.path().join("journal.db")).unwrap();
    let n_pages = whole.len() / PAGE;
    assert!(n_pages > 25, "{n_pages} pages are too few to be a test");
    let mut n_salvaged = 0;
    for page in 0..n_pages {
        for pattern in 0..3_u8 {
            let scene = crate::desk::folder();
            let mut bytes = whole.clone();
            let range = page * PAGE..(page + 1) * PAGE;
            match pattern {
                0 => bytes[range].iter_mut().for_each(|byte| *byte ^= 0x55),
                1 => bytes[range].fill(0),
                _ => bytes[page * PAGE + 37 * (page + 1) % PAGE] ^= 1,
            }
            fs::write(scene.path().join("journal.db"), &bytes).unwrap();
            let about = about(scene.path(), 9);
            let store = open_damaged(about.clone());
            let n_found = assert_genuine(&store, &kept, &about);
            let what = format!("page {page}, pattern {pattern}: {n_found} of {} facts", kept.len());
            // A page holds some 15 of these facts; with the one after them, whose forerunner is gone, of each origin.
            assert!(n_found + 20 >= kept.len(), "{what}");
            if store.opened().after == OpenedAfter::Damage {
                n_salvaged += 1;
                let aside = store.opened().aside.clone().unwrap();
                assert_eq!(fs::read(aside).unwrap(), bytes, "{what}: the damaged file is kept as it was");
            } else {
                assert_eq!(n_found, kept.len(), "{what}, and nothing was said");
            }
        }
    }
    assert!(n_salvaged > n_pages, "only {n_salvaged} damages were noticed");
}

#[test]
fn a_backup_closes_the_gap_of_a_damaged_page() {
    let folder = crate::desk::folder();
    let kept = fill(folder.path(), 40);
    let about = about(folder.path(), 9);
    let copy = folder.path().join("backup-1.db");
    backup(&about.disk, &about.path, &copy).unwrap();
    let mut store = open(folder.path(), 3);
    store.append(&Batch { facts: vec![fact(origin(3), 1, 5)], ..Batch::default() }).unwrap();
    store.end();
    let whole = fs::read(&about.path).unwrap();
    for page in 0..whole.len() / PAGE {
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0xff);
        fs::write(&about.path, &bytes).unwrap();
        let about = Open { backups: vec![folder.path().join("missing.db"), copy.clone()], ..about.clone() };
        let store = open_damaged(about.clone());
        let found = lines(store.reader().unwrap());
        let n_of_old = found.iter().filter(|line| kept.contains(line)).count();
        assert_eq!(n_of_old, kept.len(), "page {page}");
    }
}

#[test]
fn facts_of_a_salvaged_journal_keep_their_positions_and_gaps_are_noted() {
    let folder = crate::desk::folder();
    fill(folder.path(), 40);
    let about = about(folder.path(), 9);
    let positions = |store: &Store| {
        let facts = store.reader().unwrap().facts_after(Position(0), 1_000).unwrap();
        facts.into_iter().map(|kept| (kept.position, kept.line)).collect::<Vec<_>>()
    };
    let before = {
        let store = open(folder.path(), 3);
        positions(&store)
    };
    let mut bytes = fs::read(&about.path).unwrap();
    // The page that holds the bytes of a fact in the middle.
    let (_, line) = &before[40];
    let at = bytes.windows(line.len()).position(|window| window == line).unwrap() / PAGE * PAGE;
    bytes[at..at + PAGE].fill(0);
    fs::write(&about.path, &bytes).unwrap();
    let mut store = open_damaged(about.clone());
    assert_eq!(store.opened().after, OpenedAfter::Damage);
    let after = positions(&store);
    assert!(after.len() < before.len());
    assert!(after.iter().all(|fact| before.contains(fact)), "a fact moved");
    assert_eq!(after.last(), before.last(), "facts behind the gap are there");
    let next = fact(origin(9), 1, 0);
    store.append(&Batch { facts: vec![next], ..Batch::default() }).unwrap();
    drop(store);
    let again = open(folder.path(), 10);
    assert_eq!(again.opened().after, OpenedAfter::Run, "said once, until the first fact is written");
    assert!(verify(&about.disk, &about.path).unwrap().is_good());
}

#[test]
fn secrets_come_back_from_the_pages_that_are_left() {
    let folder = crate::desk::folder();
    fill(folder.path(), 40);
    let about = about(folder.path(), 9);
    let mut bytes = fs::read(&about.path).unwrap();
    bytes[..PAGE].fill(0);
    fs::write(&about.path, &bytes).unwrap();
    let store = Store::open(about).unwrap();
    assert_eq!(store.opened().after, OpenedAfter::Damage);
    assert_eq!(store.reader().unwrap().secrets_for("visit").unwrap().len(), 40);
}

#[test]
fn the_last_evidence_of_a_call_outlives_damage_elsewhere_and_one_that_cannot_be_is_left_out() {
    let folder = crate::desk::folder();
    fill(folder.path(), 40);
    let mut store = open(folder.path(), 2);
    let heads: Vec<_> = store.reader().unwrap().facts_after(Position(0), 4).unwrap();
    let heads: Vec<_> = heads.iter().map(|kept| kept.envelope().unwrap().head).collect();
    let leased = |nth: usize, mono_ms: u64, at_ms: i64| LeaseChange::Renew {
        call: heads[nth].id(),
        seen: Evidence {
            boot: heads[nth].boot,
            mono_ms: heads[nth].mono_ms + mono_ms,
            at_ms: heads[nth].at_ms.plus_ms(at_ms),
        },
    };
    // The second one's clocks contradict each other, as after a changed bit.
    let leases = vec![leased(0, 30_000, 30_010), leased(1, 4_200_000, 30_010)];
    store.append(&Batch { leases, ..Batch::default() }).unwrap();
    store.tidy().unwrap();
    store.end();
    let whole = fs::read(folder.path().join("journal.db")).unwrap();
    let n_pages = whole.len() / PAGE;
    let (mut n_salvaged, mut n_kept) = (0, 0);
    for page in 0..n_pages {
        let scene = crate::desk::folder();
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].iter_mut().for_each(|byte| *byte ^= 0x55);
        fs::write(scene.path().join("journal.db"), &bytes).unwrap();
        let store = open_damaged(about(scene.path(), 9));
        if store.opened().after != OpenedAfter::Damage {
            continue;
        }
        n_salvaged += 1;
        let leases = store.reader().unwrap().leases().unwrap();
        let seen: Vec<_> = leases.iter().map(|(call, seen)| (*call, seen.mono_ms)).collect();
        if seen == [(heads[0].id(), heads[0].mono_ms + 30_000)] {
            n_kept += 1;
        } else {
            assert_eq!(seen, [], "page {page}: what was not seen is kept");
        }
    }
    // Where the schema, the lease's own page or the fact that began the call is gone, the call ends where it began.
    assert!(n_salvaged > 20 && n_kept * 4 >= n_salvaged * 3, "{n_kept} of {n_salvaged}");
}

#[test]
fn a_file_cut_short_at_any_page_gives_what_is_left_of_it() {
    let folder = crate::desk::folder();
    let kept = fill(folder.path(), 40);
    let whole = fs::read(folder.path().join("journal.db")).unwrap();
    let anchor = fs::read(folder.path().join("journal.db.anchor")).unwrap();
    for size in (0..whole.len()).step_by(PAGE).chain([1, 99, 512, 10_000]) {
        let scene = crate::desk::folder();
        fs::write(scene.path().join("journal.db"), &whole[..size]).unwrap();
        fs::write(scene.path().join("journal.db.anchor"), &anchor).unwrap();
        let about = about(scene.path(), 9);
        let store = open_damaged(about.clone());
        assert_eq!(store.opened().after, OpenedAfter::Damage, "{size} bytes of {}", whole.len());
        assert_genuine(&store, &kept, &about);
    }
}

#[test]
fn garbage_in_place_of_a_journal_is_set_aside() {
    for (name, bytes) in [("text", b"not a journal\n".repeat(1_000)), ("noise", vec![0xa5; 50_000])] {
        let folder = crate::desk::folder();
        let about = about(folder.path(), 9);
        fs::write(&about.path, &bytes).unwrap();
        let store = Store::open(about).unwrap();
        assert_eq!(store.opened().after, OpenedAfter::Damage, "{name}");
        assert_eq!(fs::read(store.opened().aside.clone().unwrap()).unwrap(), bytes, "{name}");
        assert_eq!(store.reader().unwrap().count().unwrap(), 0, "{name}");
    }
}

#[test]
fn a_log_that_is_gone_is_noticed_by_the_anchor() {
    let folder = crate::desk::folder();
    let kept = fill(folder.path(), 5);
    let old = fs::read(folder.path().join("journal.db")).unwrap();
    let mut store = open(folder.path(), 3);
    for seq in 1..=5 {
        store.append(&Batch { facts: vec![fact(origin(3), seq, 5)], ..Batch::default() }).unwrap();
    }
    store.tidy().unwrap();
    drop(store);
    // The file as it was before: as if the facts since had been in a log that was deleted.
    fs::write(folder.path().join("journal.db"), old).unwrap();
    fs::remove_file(folder.path().join("journal.db-wal")).unwrap();
    let store = Store::open(about(folder.path(), 9)).unwrap();
    assert_eq!(store.opened().after, OpenedAfter::Damage);
    assert_eq!(lines(store.reader().unwrap()), kept);
}

#[test]
fn a_log_of_another_journal_does_not_pass_for_ours() {
    let (ours, theirs) = (crate::desk::folder(), crate::desk::folder());
    let kept = fill(ours.path(), 10);
    let mut store = open(theirs.path(), 5);
    for seq in 1..=200 {
        store.append(&Batch { facts: vec![fact(origin(5), seq, 900)], ..Batch::default() }).unwrap();
    }
    drop(store);
    fs::copy(theirs.path().join("journal.db-wal"), ours.path().join("journal.db-wal")).unwrap();
    let about = about(ours.path(), 9);
    let store = open_damaged(about.clone());
    assert_eq!(store.opened().after, OpenedAfter::Damage);
    let found = lines(store.reader().unwrap());
    assert!(kept.iter().all(|line| found.contains(line)), "our own facts were lost");
}

#[test]
fn any_damaged_frame_of_the_log_costs_no_more_than_its_own_facts() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    store.tidy().unwrap();
    let mut kept = Vec::new();
    for seq in 1..=30 {
        let facts = vec![fact(origin(1), seq, 400)];
        kept.extend(facts.iter().map(|fact| fact.line().to_vec()));
        store.append(&Batch { facts, ..Batch::default() }).unwrap();
    }
    drop(store);
    let file = fs::read(folder.path().join("journal.db")).unwrap();
    let log = fs::read(folder.path().join("journal.db-wal")).unwrap();
    let n_frames = (log.len() - 32) / (PAGE + 24);
    assert!(n_frames > 60);
    for at in std::iter::once(5).chain((0..n_frames).map(|frame| 32 + frame * (PAGE + 24) + 1_000 * (frame % 4))) {
        let scene = crate::desk::folder();
        let mut bytes = log.clone();
        bytes[at] ^= 0x10;
        fs::write(scene.path().join("journal.db"), &file).unwrap();
        fs::write(scene.path().join("journal.db-wal"), &bytes).unwrap();
        let about = about(scene.path(), 9);
        let store = open_damaged(about.clone());
        let n_found = assert_genuine(&store, &kept, &about);
        if store.opened().after == OpenedAfter::Damage {
            assert!(n_found + 2 >= kept.len(), "byte {at}: {n_found} of {}", kept.len());
        } else {
            // Nobody can tell the end of a log that was torn by a power cut from one that was damaged.
            assert!(n_found + 2 >= kept.len(), "byte {at}: {n_found} of {} and nothing said", kept.len());
        }
    }
}

#[test]
fn a_fact_changed_in_place_is_found_and_named() {
    let folder = crate::desk::folder();
    let kept = fill(folder.path(), 20);
    let about = about(folder.path(), 9);
    let mut bytes = fs::read(&about.path).unwrap();
    let line = kept.iter().find(|line| Envelope::read(line).unwrap().head.seq.0 == 15).unwrap();
    let at = bytes.windows(line.len()).position(|window| window == line).unwrap();
    // A digit of the text, so that the fact still reads well.
    let digit = at + line.windows(4).position(|window| window == b"\"15x").unwrap() + 1;
    bytes[digit] = b'9';
    fs::write(&about.path, &bytes).unwrap();
    let report = verify(&about.disk, &about.path).unwrap();
    assert!(matches!(report.fault, Some(StoreError::BadFact { at, .. }) if at.0 == 29), "{report:?}");
    assert!(report.integrity.is_empty(), "SQLite itself sees nothing wrong");
    let store = Store::open(about).unwrap();
    assert_eq!(store.opened().after, OpenedAfter::Damage);
    assert_eq!(lines(store.reader().unwrap()).len(), kept.len() - 1, "only the forged fact is left out");
}

#[test]
fn every_slice_of_the_history_is_verified_in_turn() {
    let folder = crate::desk::folder();
    fill(folder.path(), 700);
    let store = open(folder.path(), 3);
    let (mut after, mut n_slices) = (Position(0), 0);
    while let Some(last) = store.verify_slice(after).unwrap() {
        (after, n_slices) = (last, n_slices + 1);
    }
    assert_eq!((after, n_slices), (store.position(), 3));
}
