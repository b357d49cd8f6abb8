//! Facts come back as they were kept, in order, and by every question.

use machiai_core::envelope::Stamp;
use machiai_core::facts::OpenedAfter;
use machiai_core::ids::{FactId, Seq};
use machiai_core::time::AtMs;
use machiai_journal::reader::Checkpoint;
use machiai_journal::store::Batch;
use machiai_journal::{NewFact, OpenError, Position, Store, StoreError, verify};
use proptest::prelude::*;

use crate::desk::{about, day, fact, lines, open, origin};

fn batch(facts: Vec<NewFact>) -> Batch {
    Batch { facts, ..Batch::default() }
}

#[test]
fn a_new_journal_is_opened_after_nothing_and_then_after_a_run() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    assert_eq!(store.opened().after, OpenedAfter::Nothing);
    assert_eq!(store.opened().newest, None);
    store.append(&batch(vec![fact(origin(1), 1, 0), fact(origin(1), 2, 0)])).unwrap();
    drop(store);
    let store = open(folder.path(), 2);
    assert_eq!(store.opened().after, OpenedAfter::Run);
    assert_eq!(store.opened().newest, Some(Stamp { at: AtMs(2), n: 0 }));
    assert_eq!(store.opened().position, Position(2));
    assert_eq!(store.next_seq(), Seq(1), "a new opening numbers anew");
}

#[test]
fn unknown_kinds_and_fields_come_back_byte_for_byte() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    let line = format!(
        r#"{{ "kind":"Sn\u006fwed", "body":{{"depth_mm" : 1.50}},"site":1,"origin":"{}","seq":1,"at_ms":5,"at_n":0,"boot":"{}","mono_ms":0,"clock":"free","by":{{"device":"roof"}}, "later":[1e3,"髙"] }}"#,
        origin(7),
        origin(8)
    );
    store.append(&batch(vec![NewFact::received(line.clone().into_bytes(), None).unwrap()])).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(lines(reader), [line.as_bytes()]);
    assert_eq!(reader.facts_of_kinds(&["Snowed"]).unwrap().len(), 1, "the kind is read as JSON has it");
    assert!(verify(&about(folder.path(), 0).disk, &folder.path().join("journal.db")).unwrap().is_good());
}

#[test]
fn what_is_no_fact_is_not_taken() {
    for bad in ["", "{}", "[]", "{\"kind\":\"LinePaused\"}", "{\n}"] {
        assert!(NewFact::received(bad.as_bytes().to_vec(), None).is_err(), "{bad:?} was taken");
    }
}

#[test]
fn a_fact_that_does_not_follow_its_origin_is_refused_with_its_whole_batch() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    store.append(&batch(vec![fact(origin(1), 1, 0)])).unwrap();
    for wrong in [vec![1], vec![3], vec![2, 4], vec![2, 2]] {
        let facts = wrong.iter().map(|seq| fact(origin(1), *seq, 0)).collect();
        let error = store.append(&batch(facts)).unwrap_err();
        assert!(matches!(error, StoreError::OutOfOrder { .. }), "{wrong:?}: {error}");
    }
    store.append(&batch(vec![fact(origin(1), 2, 0)])).unwrap();
    assert_eq!(store.reader().unwrap().count().unwrap(), 2);
}

#[test]
fn origins_that_interleave_keep_their_own_numbers_and_hashes() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    for seq in 1..=20 {
        store.append(&batch(vec![fact(origin(1), seq, 0), fact(origin(5), seq, 3), fact(origin(3), seq, 9)])).unwrap();
    }
    let reader = store.reader().unwrap();
    let heads = reader.heads().unwrap();
    assert_eq!(heads.values().map(|newest| newest.seq).collect::<Vec<_>>(), [Seq(20); 3]);
    let lines_of_5 = reader.facts_of_origin(origin(5), Seq(0), 100).unwrap();
    let hash = lines_of_5.iter().fold(machiai_wire::chain::Hash::START, |hash, kept| hash.after(&kept.line));
    assert_eq!(heads[&origin(5)].hash, hash);
    assert_eq!(reader.facts_of_origin(origin(5), Seq(18), 100).unwrap(), lines_of_5[18..]);
    let id = FactId { origin: origin(3), seq: Seq(4) };
    assert_eq!(reader.line_of(id).unwrap().as_deref(), Some(fact(origin(3), 4, 9).line()));
}

#[test]
fn facts_are_found_by_day_kind_and_command() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    let facts: Vec<_> = (1..=35).map(|seq| fact(origin(1), seq, 0)).collect();
    let all: Vec<_> = facts.iter().map(|fact| fact.line().to_vec()).collect();
    store.append(&batch(facts)).unwrap();
    let reader = store.reader().unwrap();
    let of_day = |n| reader.facts_of_day(day(n)).unwrap().into_iter().map(|kept| kept.line).collect::<Vec<_>>();
    assert_eq!(of_day(15), all[10..20]);
    assert_eq!(of_day(35), all[30..]);
    assert_eq!(of_day(45), Vec::<Vec<u8>>::new());
    assert_eq!(reader.facts_of_kinds(&["DayOpened", "MessageSet"]).unwrap().len(), 35);
    assert_eq!(reader.facts_of_kinds(&["DayOpened"]).unwrap().len(), 0);
    let of_days = |first, last| reader.facts_of_kinds_in(&["MessageSet"], (day(first), day(last))).unwrap();
    let lines_of = |first, last| of_days(first, last).into_iter().map(|kept| kept.line).collect::<Vec<_>>();
    assert_eq!((lines_of(15, 25), lines_of(25, 15)), (all[10..30].to_vec(), Vec::new()));
    assert_eq!(reader.facts_of_kinds_in(&["DayOpened"], (day(15), day(25))).unwrap(), []);
    assert_eq!(reader.by_cmd("key-9").unwrap()[0].line, all[8]);
    assert_eq!(reader.by_cmd("key-10").unwrap(), []);
    let after: Vec<_> = reader.facts_after(Position(30), 3).unwrap().iter().map(|kept| kept.position.0).collect();
    assert_eq!(after, [31, 32, 33]);
}

#[test]
fn readers_see_what_was_committed_while_the_writer_goes_on() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    let readers = store.readers();
    for seq in 1..=50 {
        store.append(&batch(vec![fact(origin(1), seq, 100)])).unwrap();
        assert_eq!(readers.ask(|reader| reader.newest_position()).unwrap(), Position(seq));
    }
    let error = readers.ask(|reader| {
        // Nested questions take further connections of the pool.
        readers.ask(|_| reader.secret(b"nothing").map(|secret| secret.is_none()))
    });
    assert!(error.unwrap());
}

#[test]
fn a_second_writer_is_refused_while_the_first_is_there() {
    let folder = crate::desk::folder();
    let store = open(folder.path(), 1);
    assert!(matches!(Store::open(about(folder.path(), 2)), Err(OpenError::InUse { .. })));
    drop(store);
    open(folder.path(), 3);
}

#[test]
fn a_checkpoint_takes_the_place_of_its_older_one() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    for position in [3, 5] {
        let checkpoint = Checkpoint { version: 1, position: Position(position), state: vec![7; 9] };
        store.put_checkpoint("queue", &checkpoint).unwrap();
        assert_eq!(store.reader().unwrap().checkpoint("queue").unwrap(), Some(checkpoint));
    }
    assert_eq!(store.reader().unwrap().checkpoint("standing").unwrap(), None);
}

#[test]
fn a_journal_ended_in_good_order_leaves_no_log() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    store.append(&batch(vec![fact(origin(1), 1, 0)])).unwrap();
    assert!(folder.path().join("journal.db-wal").exists());
    store.end();
    assert!(!folder.path().join("journal.db-wal").exists());
    assert_eq!(open(folder.path(), 2).opened().position, Position(1));
}

#[test]
fn the_ballast_is_made_once_and_freed_once() {
    let folder = crate::desk::folder();
    let mut about = about(folder.path(), 1);
    about.ballast_bytes = 100_000;
    let mut store = Store::open(about).unwrap();
    assert!(!store.has_ballast());
    store.tidy().unwrap();
    store.tidy().unwrap();
    assert!(store.has_ballast());
    assert!(store.free_ballast().unwrap());
    assert!(!store.free_ballast().unwrap());
    assert!(!folder.path().join("journal.db.ballast").exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_batches_of_any_sizes_come_back_whole(sizes in prop::collection::vec((0_usize..9_000, 1_u64..5), 1..12)) {
        let folder = crate::desk::folder();
        let mut expected = Vec::new();
        let mut seq = 0;
        let mut store = open(folder.path(), 1);
        for (n_bytes, n_facts) in sizes {
            let facts: Vec<_> = (0..n_facts).map(|idx| fact(origin(1), seq + idx + 1, n_bytes)).collect();
            expected.extend(facts.iter().map(|fact| fact.line().to_vec()));
            store.append(&batch(facts)).unwrap();
            seq += n_facts;
        }
        prop_assert_eq!(lines(store.reader().unwrap()), expected.clone());
        drop(store);
        let store = open(folder.path(), 2);
        prop_assert_eq!(store.opened().after, OpenedAfter::Run);
        prop_assert_eq!(lines(store.reader().unwrap()), expected);
    }
}
