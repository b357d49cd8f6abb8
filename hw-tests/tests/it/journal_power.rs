//! The journal under power cuts: every write, sync, resize, rename and removal of the real code is cut.

use std::path::{Path, PathBuf};

use machiai_core::facts::OpenedAfter;
use machiai_hw_tests::power::cuts::{Promises, Recording, Tally, cut_everywhere, times_torture};
use machiai_hw_tests::power::desk::{Give, about, ask, turns};
use machiai_hw_tests::power::disk::Disk;
use machiai_hw_tests::power::platter::Platter;
use machiai_journal::{Open, OpenError, Store};

/// Cuts that `make test` makes of ordinary work, which is most of what a journal does.
const N_CUTS: u64 = 20_000;

fn path() -> PathBuf {
    PathBuf::from("/state/journal.db")
}

fn open_at(disk: &Disk, opening: u64) -> Open {
    Open { ballast_bytes: 20_000, ..about(disk.for_journal(), &path(), opening) }
}

fn give(number: u64) -> Give {
    let n_facts = if number % 5 == 0 { 3 } else { 1 };
    // One in seven does not fit its page, and overflows into others.
    let n_bytes = if number % 7 == 0 { 5_000 } else { 150 };
    let secret = (number % 3 == 0).then(|| vec![0x5a; 40]);
    Give { n_facts, n_bytes, secret }
}

/// A morning of the journal: openings, lone commands, batches, secrets, the log written back, quiet moments.
fn morning(disk: &Disk, promises: &mut Promises, open: fn(Open) -> Result<Store, OpenError>) {
    let mut n_given = 0;
    for opening in 1..=3 {
        let mut turns = turns(open(open_at(disk, opening)).unwrap()).unwrap();
        for turn in 1..=8_u64 {
            let n_commands = if turn % 4 == 0 { 5 } else { 1 };
            let commands: Vec<_> = (1..=n_commands).map(|idx| give(n_given + idx)).collect();
            for answer in ask(&mut turns, &commands) {
                n_given += 1;
                assert_eq!(answer.unwrap(), n_given);
            }
            promises.note(disk, n_given);
            turns.after_answers();
            if turn % 3 == 0 {
                turns.idle();
            }
        }
        // The second opening ends as by a kill, the others in good order.
        if opening != 2 {
            turns.finish();
        }
    }
}

/// Starts the journal after a cut: all that was promised is there, and work goes on.
fn goes_on(disk: &Disk, n_promised: u64, seed: u64) -> Result<(), String> {
    let store = Store::open(open_at(disk, 1_000 + seed)).map_err(|error| format!("{error:?}"))?;
    let after = store.opened().after;
    if !matches!(after, OpenedAfter::Nothing | OpenedAfter::Run) {
        return Err(format!("opened after {after:?}, as if damaged"));
    }
    let mut turns = turns(store).map_err(|torn| torn.0)?;
    let n_given = turns.rules().n_given();
    if n_given < n_promised {
        return Err(format!("lost: {n_promised} numbers were answered, {n_given} are there"));
    }
    match ask(&mut turns, &[give(1), give(1)]).as_slice() {
        [Ok(first), Ok(second)] if *first == n_given + 1 && *second == n_given + 2 => Ok(()),
        answers => Err(format!("cannot go on after number {n_given}: {answers:?}")),
    }
}

fn say(what: &str, tally: &Tally) {
    println!("{what}: {} cuts, {} failed", tally.n_cuts, tally.n_failed);
}

#[test]
fn no_power_cut_loses_what_was_answered() {
    let recording = Recording::of(Platter::default(), |disk, promises| morning(disk, promises, Store::open)).unwrap();
    let tally = cut_everywhere(&recording, times_torture(N_CUTS), &goes_on).unwrap();
    say("synchronous=FULL", &tally);
    assert!(tally.n_cuts >= N_CUTS);
    assert_eq!(tally.n_failed, 0, "{:#?}", tally.failures);
}

#[test]
fn commits_that_do_not_wait_for_the_disk_do_lose_what_was_answered() {
    let recording =
        Recording::of(Platter::default(), |disk, promises| morning(disk, promises, Store::open_as_losing_control))
            .unwrap();
    let tally = cut_everywhere(&recording, 3_000, &goes_on).unwrap();
    say("synchronous=NORMAL", &tally);
    let n_lost = tally.failures.iter().filter(|failure| failure.contains("lost:")).count();
    assert!(n_lost > 0, "the harness cannot see a loss: {:#?}", tally.failures);
}

#[expect(dead_code, reason = "to come")]
fn unused(_: &Path) {}
