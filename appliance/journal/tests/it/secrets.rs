//! Secrets: kept with the facts of their command, and gone without a trace when destroyed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use machiai_journal::store::Batch;
use machiai_journal::turn::Turns;
use machiai_journal::{SecretChange, Store};
use proptest::prelude::*;

use crate::desk::{Ask, Desk, Ticks, files, open, submissions};

fn key_id(n: u8) -> Vec<u8> {
    vec![n; 16]
}

const MARK: &[u8; 9] = b"a secret:";

/// A secret that can be told by its mark wherever a part of it is left.
fn value(n: u8, n_bytes: usize) -> Vec<u8> {
    let marked = [MARK.as_slice(), &[n]].concat();
    marked.repeat(n_bytes / 10)
}

/// The secrets that have left a trace in any of the journal's files.
fn traces(folder: &Path) -> BTreeSet<u8> {
    let bytes: Vec<u8> = files(folder).iter().flat_map(|path| fs::read(path).unwrap()).collect();
    let marked = bytes.windows(MARK.len() + 1).filter(|window| window.starts_with(MARK));
    marked.map(|window| window[MARK.len()]).collect()
}

#[test]
fn a_destroyed_secret_leaves_no_trace_when_the_answer_is_out() {
    let folder = crate::desk::folder();
    let mut turns = Turns::new(open(folder.path(), 1), Desk::default(), Ticks(0));
    let (batch, _) = submissions(&[
        (Ask::Keep(key_id(1), value(1, 32)), None),
        (Ask::Keep(key_id(2), value(2, 32)), None),
        (Ask::Give(1), None),
    ]);
    turns.turn(batch);
    assert_eq!(traces(folder.path()), BTreeSet::from([1, 2]), "the scan finds what is there");
    let (batch, answers) = submissions(&[(Ask::Destroy(key_id(1)), None)]);
    turns.turn(batch);
    assert_eq!(*answers.lock().unwrap()[&0].as_ref().unwrap(), 4);
    assert_eq!(traces(folder.path()), BTreeSet::from([2]));
    let reader = turns.store().reader().unwrap();
    assert_eq!(reader.secret(&key_id(1)).unwrap(), None);
    assert_eq!(reader.secret(&key_id(2)).unwrap(), Some(value(2, 32)));
}

#[test]
fn a_secret_destroyed_just_before_a_kill_leaves_no_trace_after_the_next_start() {
    let folder = crate::desk::folder();
    let mut store = open(folder.path(), 1);
    let put = |n| SecretChange::Put { key_id: key_id(n), purpose: "visit".into(), value: value(n, 40) };
    store.append(&Batch { secrets: vec![put(1), put(2)], ..Batch::default() }).unwrap();
    store.append(&Batch { secrets: vec![SecretChange::Delete { key_id: key_id(1) }], ..Batch::default() }).unwrap();
    drop(store);
    assert_eq!(traces(folder.path()), BTreeSet::from([1, 2]), "the log has not been cleared yet");
    open(folder.path(), 2).tidy().unwrap();
    assert_eq!(traces(folder.path()), BTreeSet::from([2]));
}

fn apply(store: &mut Store, secrets: Vec<SecretChange>) {
    store.append(&Batch { secrets, ..Batch::default() }).unwrap();
    store.scrub().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_order_of_keeping_and_destroying_leaves_a_trace(
        acts in prop::collection::vec((0_u8..200, 32_usize..700, prop::bool::weighted(0.6)), 1..250)
    ) {
        let folder = crate::desk::folder();
        let mut store = open(folder.path(), 1);
        let mut kept = BTreeSet::new();
        for act in acts.chunks(20) {
            let change = |(n, n_bytes, is_put): &(u8, usize, bool)| {
                if *is_put {
                    kept.insert(*n);
                    SecretChange::Put { key_id: key_id(*n), purpose: "visit".into(), value: value(*n, *n_bytes) }
                } else {
                    kept.remove(n);
                    SecretChange::Delete { key_id: key_id(*n) }
                }
            };
            apply(&mut store, act.iter().map(change).collect());
        }
        // One more, so that a log that was left is cleared in any case.
        apply(&mut store, vec![SecretChange::Delete { key_id: key_id(255) }]);
        prop_assert_eq!(traces(folder.path()), kept);
    }
}
