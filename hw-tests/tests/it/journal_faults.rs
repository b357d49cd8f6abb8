//! The journal on a disk that fails or fills up: what it answers is the truth, and it goes on when it can.

use std::path::PathBuf;

use machiai_core::ids::Origin;
use machiai_hw_tests::chance::Chance;
use machiai_hw_tests::power::desk::{Desk, Give, Ticks, about, ask, turns};
use machiai_hw_tests::power::disk::{Disk, Faults};
use machiai_hw_tests::power::platter::{Keep, Platter};
use machiai_journal::files::Files;
use machiai_journal::store::Batch;
use machiai_journal::turn::Turns;
use machiai_journal::{JournalError, NewFact, Open, Store};

const MIB: usize = 1024 * 1024;

fn path() -> PathBuf {
    PathBuf::from("/state/journal.db")
}

fn open_at(disk: &Disk, opening: u64, ballast_bytes: u64) -> Open {
    Open { ballast_bytes, ..about(disk.for_journal(), &path(), opening) }
}

fn give(n_bytes: usize) -> Give {
    Give { n_facts: 2, n_bytes, secret: None }
}

/// What a run was told.
#[derive(Debug, Default)]
struct Told {
    n_given: u64,
    n_unknown: u64,
    n_full: u64,
    n_refused: u64,
}

impl Told {
    fn take(&mut self, answers: Vec<Result<u64, JournalError>>) {
        for answer in answers {
            match answer {
                Ok(_) => self.n_given += 1,
                Err(JournalError::Unknown(_)) => self.n_unknown += 1,
                Err(JournalError::DiskFull) => self.n_full += 1,
                Err(JournalError::NotKept(_)) => self.n_refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

/// A run that does not end when the disk fails: it asks, and goes by what it is told.
fn run(disk: &Disk) -> Told {
    let mut told = Told::default();
    for opening in [1, 2] {
        // The disk fails once, so the second attempt opens.
        let store = Store::open(open_at(disk, opening, 20_000));
        let store = store.or_else(|_| Store::open(open_at(disk, opening, 20_000))).unwrap();
        let mut turns = turns(store).unwrap();
        for n_commands in [1, 3, 1, 1, 4, 1] {
            told.take(ask(&mut turns, &vec![give(200); n_commands]));
            turns.after_answers();
            if n_commands == 3 {
                turns.idle();
            }
        }
        if opening == 1 {
            turns.finish();
        }
    }
    told
}

/// Cuts the power in the worst way and checks that all that was told is true.
fn assert_true(disk: &Disk, told: &Told, what: &str) {
    let after = disk.platter().after_cut(Keep::Nothing, &mut Chance::new(1));
    let disk = Disk::new(after, 1).unwrap();
    let store = Store::open(open_at(&disk, 9, 0)).unwrap();
    let n_given = Desk::folded(store.reader().unwrap()).unwrap().n_given();
    assert!(n_given >= told.n_given, "{what}: lost, {n_given} are there: {told:?}");
    assert!(n_given <= told.n_given + told.n_unknown, "{what}: kept though refused, {n_given} are there: {told:?}");
    let mut turns = turns(store).unwrap();
    assert_eq!(*ask(&mut turns, &[give(1)])[0].as_ref().unwrap(), n_given + 1, "{what}");
}

#[test]
fn a_sync_that_fails_at_any_point_is_answered_with_the_truth() {
    let whole = Disk::new(Platter::default(), 7).unwrap();
    let told = run(&whole);
    assert_eq!((told.n_given, told.n_unknown, told.n_refused), (22, 0, 0));
    let mut n_kept_all_the_same = 0;
    for failing in 1..=whole.n_syncs() {
        let disk = Disk::new(Platter::default(), 7).unwrap();
        disk.set_faults(Faults { failing_sync: Some(failing), ..Faults::default() });
        let told = run(&disk);
        n_kept_all_the_same += u64::from(told.n_given == 22);
        assert_true(&disk, &told, &format!("sync {failing}"));
    }
    println!("{} syncs failed in turn, after {n_kept_all_the_same} all was kept", whole.n_syncs());
    assert!(whole.n_syncs() > 20);
}

#[test]
fn a_write_that_fails_at_any_point_is_answered_with_the_truth() {
    let whole = Disk::new(Platter::default(), 7).unwrap();
    run(&whole);
    for failing in 1..=whole.n_writes() {
        let disk = Disk::new(Platter::default(), 7).unwrap();
        disk.set_faults(Faults { failing_write: Some(failing), ..Faults::default() });
        let told = run(&disk);
        assert_true(&disk, &told, &format!("write {failing}"));
    }
    assert!(whole.n_writes() > 150);
}

#[test]
fn a_process_that_ends_after_a_failed_sync_leaves_nothing_that_takes_later_answers_with_it() {
    let appended = |store: &mut Store, seq: u64| {
        let facts = vec![fact(store.origin(), seq)];
        store.append(&Batch { facts, ..Batch::default() }).is_ok()
    };
    let mut n_failed = 0;
    for failing in 1..=31 {
        let disk = Disk::new(Platter::default(), 7).unwrap();
        let mut store = Store::open(open_at(&disk, 1, 0)).unwrap();
        disk.set_faults(Faults { failing_sync: Some(disk.n_syncs() + failing), ..Faults::default() });
        let n_before = (1..=30).take_while(|seq| appended(&mut store, *seq)).count();
        n_failed += u64::from(n_before < 30);
        drop(store);
        disk.set_faults(Faults::default());
        let mut store = Store::open(open_at(&disk, 2, 0)).unwrap();
        assert!((1..=3).all(|seq| appended(&mut store, seq)), "sync {failing}");
        let after = disk.platter().after_cut(Keep::Nothing, &mut Chance::new(1));
        let disk = Disk::new(after, 1).unwrap();
        let store = Store::open(open_at(&disk, 9, 0)).unwrap();
        let heads = store.reader().unwrap().heads().unwrap();
        let n_facts: u64 = heads.values().map(|newest| newest.seq.0).sum();
        assert!(n_facts >= u64::try_from(n_before).unwrap() + 3, "sync {failing}: {n_facts} of {n_before} and 3");
    }
    assert!(n_failed > 20, "only {n_failed} appends failed");
}

fn fact(origin: Origin, seq: u64) -> NewFact {
    let line = format!(
        r#"{{"kind":"LinePaused","site":1,"origin":"{origin}","seq":{seq},"at_ms":{seq},"at_n":0,"boot":"{origin}","mono_ms":0,"clock":"free","by":{{"device":"kiosk"}}}}"#
    );
    NewFact::received(line.into_bytes(), None).unwrap()
}

#[test]
fn a_disk_that_fills_up_at_any_point_is_answered_with_the_truth_and_recovers() {
    let start = Disk::new(Platter::default(), 7).unwrap();
    Store::open(open_at(&start, 1, 0)).unwrap().end();
    let start = start.platter();
    for more in (0..120_000).step_by(1_500) {
        let disk = Disk::new(start.clone(), 7).unwrap();
        let size_bytes = Some(disk.used_bytes() + more);
        disk.set_faults(Faults { size_bytes, ..Faults::default() });
        let mut told = Told::default();
        // On a disk without room for a log, there is nothing to open yet.
        if let Ok(store) = Store::open(open_at(&disk, 2, 0)) {
            let mut turns = turns(store).unwrap();
            for n_commands in [1, 3, 1, 1, 4, 1] {
                told.take(ask(&mut turns, &vec![give(200); n_commands]));
                turns.after_answers();
            }
            disk.set_faults(Faults::default());
            told.take(ask(&mut turns, &[give(200)]));
            assert!(told.n_given > 0, "does not recover: {told:?}");
        }
        disk.set_faults(Faults::default());
        assert_true(&disk, &told, &format!("{more} bytes free"));
    }
}

fn desk_on(disk: &Disk, opening: u64) -> Turns<Desk, Ticks> {
    turns(Store::open(open_at(disk, opening, 32 * 1024 * 1024)).unwrap()).unwrap()
}

#[test]
fn a_full_disk_frees_the_ballast_for_two_thousand_facts_then_refuses_then_recovers() {
    let disk = Disk::new(Platter::default(), 7).unwrap();
    disk.set_faults(Faults { size_bytes: Some(100 * MIB), ..Faults::default() });
    let mut turns = desk_on(&disk, 1);
    turns.idle();
    assert!(turns.has_ballast());
    let others = PathBuf::from("/state/others");
    disk.fill(&others, u64::try_from(100 * MIB - disk.used_bytes() - 60_000).unwrap()).unwrap();

    let mut n_given = 0;
    while turns.has_ballast() {
        n_given = *ask(&mut turns, &[give(200)])[0].as_ref().unwrap();
        turns.after_answers();
        assert!(n_given < 1_000, "the disk does not fill up");
    }
    let n_before = n_given;
    for _ in 0..1_000 {
        n_given = *ask(&mut turns, &[give(200)])[0].as_ref().unwrap();
        turns.after_answers();
    }
    assert_eq!(n_given, n_before + 1_000, "two facts each");
    turns.idle();
    assert!(!turns.has_ballast(), "the disk has no room for it");

    disk.set_faults(Faults { size_bytes: Some(disk.used_bytes()), ..Faults::default() });
    // What is left of the log's own space is used up first.
    while let Ok(number) = ask(&mut turns, &[give(200)])[0] {
        n_given = number;
        assert!(n_given < n_before + 3_000, "the disk does not fill up");
    }
    for _ in 0..3 {
        let answers = ask(&mut turns, &[give(200), give(200)]);
        assert!(answers.iter().all(|answer| matches!(answer, Err(JournalError::DiskFull))), "{answers:?}");
        assert_eq!(turns.rules().n_given(), n_given, "the board shows what is on disk");
        assert!(turns.is_full());
    }

    disk.remove(&others).unwrap();
    disk.set_faults(Faults { size_bytes: Some(100 * MIB), ..Faults::default() });
    assert_eq!(*ask(&mut turns, &[give(200)])[0].as_ref().unwrap(), n_given + 1);
    assert!(!turns.is_full());
    turns.idle();
    assert!(turns.has_ballast(), "made anew when there is room");
}

#[test]
fn a_disk_that_takes_nothing_any_more_is_told_and_works_again_as_soon_as_it_does() {
    let disk = Disk::new(Platter::default(), 3).unwrap();
    let mut turns = desk_on(&disk, 1);
    assert!(ask(&mut turns, &[give(200)])[0].is_ok());
    assert!(!turns.is_refused());
    disk.set_faults(Faults { is_read_only: true, ..Faults::default() });
    for _ in 0..3 {
        let answers = ask(&mut turns, &[give(200), give(200)]);
        let is_honest = |answer: &Result<u64, JournalError>| {
            matches!(answer, Err(JournalError::NotKept(_) | JournalError::Unknown(_)))
        };
        assert!(answers.iter().all(is_honest), "{answers:?}");
        assert!(turns.is_refused() && !turns.is_full() && !turns.is_damaged());
        turns.after_answers();
        turns.idle();
    }
    disk.set_faults(Faults::default());
    let given = *ask(&mut turns, &[give(200)])[0].as_ref().unwrap();
    assert!(!turns.is_refused());
    assert_eq!(turns.rules().n_given(), given);
    assert!((2..=4).contains(&given), "{given}: what was unknown may have been kept, and nothing twice");
}
