//! Secrets: kept with the facts of their command, and gone without a trace when destroyed.

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

/// A secret that occurs nowhere else.
fn value(n: u8, n_bytes: usize) -> Vec<u8> {
    let seed = blake3_of(n);
    seed.iter().copied().cycle().take(n_bytes.max(32)).collect()
}

fn blake3_of(n: u8) -> [u8; 32] {
    machiai_journal::chain::Hash::START.after(&[n]).0
}

/// How many of the journal's files hold a secret's first bytes.
fn n_traces(folder: &Path, n: u8) -> usize {
    let trace = &blake3_of(n)[..12];
    let holds = |path: &std::path::PathBuf| fs::read(path).unwrap().windows(trace.len()).any(|window| window == trace);
    files(folder).iter().filter(|path| holds(path)).count()
}

#[test]
fn a_destroyed_secret_leaves_no_trace_when_the_answer_is_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut turns = Turns::new(open(folder.path(), 1), Desk::default(), Ticks(0));
    let (batch, _) = submissions(&[
        (Ask::Keep(key_id(1), value(1, 32)), None),
        (Ask::Keep(key_id(2), value(2, 32)), None),
        (Ask::Give(1), None),
    ]);
    turns.turn(batch);
    assert_eq!((n_traces(folder.path(), 1), n_traces(folder.path(), 2)), (1, 1), "the scan finds what is there");
    let (batch, answers) = submissions(&[(Ask::Destroy(key_id(1)), None)]);
    turns.turn(batch);
    assert_eq!(*answers.lock().unwrap()[&0].as_ref().unwrap(), 4);
    assert_eq!((n_traces(folder.path(), 1), n_traces(folder.path(), 2)), (0, 1));
    let reader = turns.store().reader().unwrap();
    assert_eq!(reader.secret(&key_id(1)).unwrap(), None);
    assert_eq!(reader.secret(&key_id(2)).unwrap(), Some(value(2, 32)));
}

fn apply(store: &mut Store, secrets: Vec<SecretChange>) {
    store.append(&Batch { facts: vec![], secrets }).unwrap();
    store.scrub().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_order_of_keeping_and_destroying_leaves_a_trace(
        acts in prop::collection::vec((0_u8..200, 32_usize..700, prop::bool::weighted(0.6)), 1..250)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path(), 1);
        let mut kept = std::collections::BTreeSet::new();
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
        for n in 0..200 {
            prop_assert_eq!(n_traces(folder.path(), n) > 0, kept.contains(&n), "secret {}", n);
        }
    }
}
