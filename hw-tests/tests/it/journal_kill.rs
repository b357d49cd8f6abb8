//! The journal's process killed at any moment: the file reopens to a beginning with nothing answered lost.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use machiai_core::facts::OpenedAfter;
use machiai_hw_tests::chance::Chance;
use machiai_hw_tests::power::cuts::times_torture;
use machiai_hw_tests::power::desk::{Desk, about};
use machiai_journal::{Disk, Store, verify};

fn writer(path: &Path, opening: u64) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_journal-writer"));
    command.arg(path).arg(opening.to_string()).stdout(Stdio::piped()).stdin(Stdio::null());
    command.spawn().unwrap()
}

/// Opens what a kill left and checks it; returns how many numbers are there.
fn n_given_after(path: &Path, opening: u64, n_answered: u64) -> u64 {
    let store = Store::open(about(Disk::real(), path, opening)).unwrap();
    let after = store.opened().after;
    assert!(matches!(after, OpenedAfter::Run | OpenedAfter::Nothing), "opened after {after:?}");
    let n_given = Desk::folded(store.reader().unwrap()).unwrap().n_given();
    assert!(n_given >= n_answered, "{n_answered} numbers were answered, {n_given} are there");
    drop(store);
    let report = verify(&Disk::real(), path).unwrap();
    assert!(report.is_good(), "{report:?}");
    n_given
}

/// A folder in memory where there is such a place: a killed process leaves the same file there.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[test]
fn a_kill_right_after_any_answer_loses_nothing() {
    for n_wanted in 1..=100 {
        let folder = folder();
        let path = folder.path().join("journal.db");
        let mut n_given = 0;
        // Twice, so that the second opening finds what the first kill left.
        for opening in [1, 3] {
            let mut child = writer(&path, opening);
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let answered: Vec<u64> = lines.take(n_wanted).map(|line| line.unwrap().parse().unwrap()).collect();
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(answered.first(), Some(&(n_given + 1)), "goes on where the last one ended");
            n_given = n_given_after(&path, opening + 1, *answered.last().unwrap());
        }
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let mut chance = Chance::new(11);
    for _ in 0..times_torture(10) {
        let folder = folder();
        let path = folder.path().join("journal.db");
        for opening in 1..=5 {
            let mut child = writer(&path, 2 * opening);
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            // Somewhere between two answers: so many of them, and a random span of busy work.
            let mut last = 0;
            for _ in 0..chance.below(12) {
                last = lines.next().unwrap().unwrap().parse().unwrap();
            }
            (0..chance.below(400_000)).for_each(|n| {
                std::hint::black_box(n);
            });
            child.kill().unwrap();
            child.wait().unwrap();
            // Answers that were written before the kill and not yet read count too.
            let unread = lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok()).last();
            n_given_after(&path, 2 * opening + 1, unread.unwrap_or(last));
        }
    }
}
