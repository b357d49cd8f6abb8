//! The journal under power cuts: every write, sync, resize, rename and removal of the real code is cut.

use std::path::{Path, PathBuf};

use machiai_core::call::told::Evidence;
use machiai_core::facts::OpenedAfter;
use machiai_hw_tests::chance::Chance;
use machiai_hw_tests::power::cuts::{Plan, Promises, Recording, Tally, cut_everywhere, times_torture};
use machiai_hw_tests::power::desk::{Desk, Give, about, ask, turns};
use machiai_hw_tests::power::disk::Disk;
use machiai_hw_tests::power::platter::{Keep, Platter};
use machiai_journal::files::Files;
use machiai_journal::store::Batch;
use machiai_journal::{LeaseChange, Open, OpenError, Position, Reader, Store, backup, restore, verify};
use rusqlite::{Connection, OpenFlags};

/// Cuts of ordinary work, which is most of what a journal does; a quarter of them in each of four tests.
const N_CUTS: u64 = 20_000;

/// Cuts of each rare act: backup, restore, salvage.
const N_RARE_CUTS: u64 = 500;

fn path(name: &str) -> PathBuf {
    PathBuf::from("/state").join(name)
}

fn open_at(disk: &Disk, opening: u64) -> Open {
    Open { ballast_bytes: 20_000, ..about(disk.for_journal(), &path("journal.db"), opening) }
}

fn give(number: u64) -> Give {
    let n_facts = if number.is_multiple_of(5) { 3 } else { 1 };
    // One in seven does not fit its page, and overflows into others.
    let n_bytes = if number.is_multiple_of(7) { 5_000 } else { 150 };
    let secret = number.is_multiple_of(3).then(|| vec![0x5a; 40]);
    Give { n_facts, n_bytes, secret }
}

/// Work of one opening: commands alone and in batches, secrets, the log written back, quiet moments.
fn work(disk: &Disk, promises: &mut Promises, store: Store, batches: &[u64]) {
    let mut turns = turns(store).unwrap();
    let mut n_given = turns.rules().n_given();
    for (idx, n_commands) in batches.iter().enumerate() {
        let commands: Vec<_> = (1..=*n_commands).map(|idx| give(n_given + idx)).collect();
        for answer in ask(&mut turns, &commands) {
            n_given += 1;
            assert_eq!(answer.unwrap(), n_given);
        }
        promises.note(disk, n_given);
        turns.after_answers();
        if idx % 3 == 2 {
            turns.idle();
        }
    }
    // An opening in two ends in good order, the other as by a kill.
    if n_given.is_multiple_of(2) {
        turns.finish();
    }
}

/// A journal's first days: the tables are made, and it is opened again and again.
fn first_days(disk: &Disk, promises: &mut Promises, open: fn(Open) -> Result<Store, OpenError>) {
    for opening in 1..=3 {
        work(disk, promises, open(open_at(disk, opening)).unwrap(), &[1, 1, 4, 1, 1]);
    }
}

/// Starts the journal after a cut: all that was promised is there, and work goes on.
fn goes_on(disk: &Disk, n_promised: u64, seed: u64) -> Result<(), String> {
    let store = Store::open(open_at(disk, 1_000 + seed)).map_err(|error| format!("{error:?}"))?;
    let after = store.opened().after;
    if !matches!(after, OpenedAfter::Nothing | OpenedAfter::Run) {
        return Err(format!("opened after {after:?}, as if damaged"));
    }
    if go_on(store)? < n_promised {
        return Err(format!("lost: {n_promised} numbers were answered"));
    }
    Ok(())
}

/// Checks that two more numbers can be given; returns how many there were before.
fn go_on(store: Store) -> Result<u64, String> {
    let mut turns = turns(store).map_err(|torn| torn.0)?;
    let n_given = turns.rules().n_given();
    match ask(&mut turns, &[give(1), give(1)]).as_slice() {
        [Ok(first), Ok(second)] if *first == n_given + 1 && *second == n_given + 2 => Ok(n_given),
        answers => Err(format!("cannot go on after number {n_given}: {answers:?}")),
    }
}

#[expect(clippy::print_stdout, reason = "how many cuts there were is what a run has to show")]
fn cut(recording: &Recording, plan: Plan, check: &dyn Fn(&Disk, u64, u64) -> Result<(), String>) -> Tally {
    let tally = cut_everywhere(recording, plan, check).unwrap();
    println!("{} cuts at {} changes, {} failed", tally.n_cuts, recording.n_changes(), tally.n_failed);
    assert!(tally.n_cuts >= plan.n_cuts);
    tally
}

fn plan(n_cuts: u64, seed: u64) -> Plan {
    Plan { n_cuts: times_torture(n_cuts), seed }
}

fn assert_none_failed(tally: &Tally) {
    assert_eq!(tally.n_failed, 0, "{:#?}", tally.failures);
}

fn first_days_are_safe(seed: u64) {
    let run = |disk: &Disk, promises: &mut Promises| first_days(disk, promises, Store::open);
    let recording = Recording::of(Platter::default(), run).unwrap();
    assert_none_failed(&cut(&recording, plan(N_CUTS / 4, seed), &goes_on));
}

fn a_busy_hour_is_safe(seed: u64) {
    let start = Recording::of(Platter::default(), |disk, promises| {
        work(disk, promises, Store::open(open_at(disk, 1)).unwrap(), &[1, 3, 2]);
    });
    let run = |disk: &Disk, promises: &mut Promises| {
        work(disk, promises, Store::open(open_at(disk, 2)).unwrap(), &[6, 1, 3, 1, 5]);
        work(disk, promises, Store::open(open_at(disk, 3)).unwrap(), &[1, 1]);
    };
    let recording = Recording::of(start.unwrap().end(), run).unwrap();
    assert_none_failed(&cut(&recording, plan(N_CUTS / 4, seed), &goes_on));
}

#[test]
fn no_power_cut_in_the_first_days_loses_what_was_answered() {
    first_days_are_safe(1);
}

#[test]
fn no_power_cut_in_the_first_days_loses_it_with_other_sectors_kept() {
    first_days_are_safe(2);
}

#[test]
fn no_power_cut_in_a_busy_hour_loses_what_was_answered() {
    a_busy_hour_is_safe(3);
}

#[test]
fn no_power_cut_in_a_busy_hour_loses_it_with_other_sectors_kept() {
    a_busy_hour_is_safe(4);
}

#[test]
fn commits_that_do_not_wait_for_the_disk_do_lose_what_was_answered() {
    let run = |disk: &Disk, promises: &mut Promises| first_days(disk, promises, Store::open_as_losing_control);
    let recording = Recording::of(Platter::default(), run).unwrap();
    let tally = cut(&recording, Plan { n_cuts: 700, seed: 5 }, &goes_on);
    let n_lost = tally.failures.iter().filter(|failure| failure.contains("lost:")).count();
    assert!(n_lost > 0, "the harness cannot see a loss: {:#?}", tally.failures);
}

/// How often a call is seen to stand before it ends.
const N_SEEN: u64 = 12;

/// Returns the fact that begins the call of the scene, the journal's first, and its clocks so many heartbeats later.
fn seen_after(store: &Store, n_beats: u64) -> LeaseChange {
    let kept = store.reader().unwrap().facts_after(Position(0), 1).unwrap();
    let head = kept[0].envelope().unwrap().head;
    LeaseChange::Renew {
        call: head.id(),
        seen: Evidence { boot: head.boot, mono_ms: head.mono_ms + n_beats, at_ms: head.at_ms },
    }
}

/// Returns after how many heartbeats the call was last seen; none where nothing is known of it any more.
fn last_seen(store: &Store) -> Result<Option<u64>, String> {
    let reader = store.reader().map_err(|error| format!("{error:?}"))?;
    let LeaseChange::Renew { call, seen: begun } = seen_after(store, 0) else { unreachable!() };
    let leases = reader.leases().map_err(|error| format!("{error:?}"))?;
    Ok(leases.get(&call).map(|seen| seen.mono_ms - begun.mono_ms))
}

#[test]
fn no_power_cut_in_a_call_loses_its_last_evidence_or_makes_one_up() {
    let start = Recording::of(Platter::default(), |disk, promises| {
        work(disk, promises, Store::open(open_at(disk, 1)).unwrap(), &[1, 3, 2]);
    });
    // Heartbeats come between what is written otherwise; the last change ends the call.
    let run = |disk: &Disk, promises: &mut Promises| {
        let mut store = Store::open(open_at(disk, 2)).unwrap();
        for n_beats in 1..=N_SEEN {
            let leases = vec![seen_after(&store, n_beats)];
            store.append(&Batch { leases, ..Batch::default() }).unwrap();
            promises.note(disk, n_beats);
        }
        let LeaseChange::Renew { call, .. } = seen_after(&store, 0) else { unreachable!() };
        store.append(&Batch { leases: vec![LeaseChange::End { call }], ..Batch::default() }).unwrap();
        promises.note(disk, N_SEEN + 1);
    };
    let recording = Recording::of(start.unwrap().end(), run).unwrap();
    let check = |disk: &Disk, n_promised: u64, seed: u64| {
        let store = Store::open(open_at(disk, 1_000 + seed)).map_err(|error| format!("{error:?}"))?;
        match last_seen(&store)? {
            Some(seen) if (n_promised..=N_SEEN).contains(&seen) => Ok(()),
            None if n_promised == 0 || n_promised >= N_SEEN => Ok(()),
            seen => Err(format!("last seen after {seen:?} heartbeats when {n_promised} were answered")),
        }
    };
    assert_none_failed(&cut(&recording, plan(N_RARE_CUTS, 9), &check));
}

/// A journal of 12 numbers, and a backup made after 6 of them.
fn with_backup() -> Platter {
    let run = |disk: &Disk, promises: &mut Promises| {
        work(disk, promises, Store::open(open_at(disk, 1)).unwrap(), &[1, 2, 3]);
        backup(&disk.for_journal(), &path("journal.db"), &path("backup-1.db")).unwrap();
        work(disk, promises, Store::open(open_at(disk, 2)).unwrap(), &[1, 2, 3]);
    };
    Recording::of(Platter::default(), run).unwrap().end()
}

fn n_given_in(disk: &Disk, name: &str) -> Result<u64, String> {
    let report = verify(&disk.for_journal(), &path(name)).map_err(|error| format!("{name}: {error:?}"))?;
    if !report.is_good() {
        return Err(format!("{name}: {report:?}"));
    }
    let reader = Reader::open(&disk.for_journal(), &path(name)).map_err(|error| format!("{error:?}"))?;
    Desk::folded(&reader).map(|desk| desk.n_given()).map_err(|torn| torn.0)
}

#[test]
fn a_power_cut_while_backing_up_leaves_the_old_backup_or_the_new_one() {
    let run = |disk: &Disk, promises: &mut Promises| {
        backup(&disk.for_journal(), &path("journal.db"), &path("backup-1.db")).unwrap();
        promises.note(disk, 12);
    };
    let recording = Recording::of(with_backup(), run).unwrap();
    let check = |disk: &Disk, n_promised: u64, seed: u64| match n_given_in(disk, "backup-1.db")? {
        12 => goes_on(disk, 12, seed),
        6 if n_promised == 0 => goes_on(disk, 12, seed),
        n_given => Err(format!("a backup of {n_given} numbers")),
    };
    assert_none_failed(&cut(&recording, plan(N_RARE_CUTS, 6), &check));
}

#[test]
fn a_power_cut_while_restoring_leaves_the_old_journal_or_the_backup() {
    let run = |disk: &Disk, promises: &mut Promises| {
        restore(&open_at(disk, 9), &path("backup-1.db")).unwrap();
        promises.note(disk, 6);
        work(disk, promises, Store::open(open_at(disk, 3)).unwrap(), &[1]);
    };
    let recording = Recording::of(with_backup(), run).unwrap();
    let check = |disk: &Disk, n_promised: u64, seed: u64| {
        let store = Store::open(open_at(disk, 1_000 + seed)).map_err(|error| format!("{error:?}"))?;
        let after = store.opened().after;
        match (after, go_on(store)?) {
            (OpenedAfter::Run, 12) if n_promised == 0 => {}
            (OpenedAfter::Restore, 6) if n_promised <= 6 => {}
            (OpenedAfter::Run, 7) if n_promised >= 6 => {}
            found => return Err(format!("{found:?} when {n_promised} were promised")),
        }
        let names = disk.names(Path::new("/state")).map_err(|error| error.to_string())?;
        let is_kept =
            after == OpenedAfter::Run && n_promised == 0 || names.iter().any(|name| name.contains("replaced"));
        if is_kept { Ok(()) } else { Err(format!("the replaced journal is gone: {names:?}")) }
    };
    assert_none_failed(&cut(&recording, plan(N_RARE_CUTS, 6), &check));
}

/// A journal of one number as the first version kept it, which knew nothing of calls that run.
fn of_an_earlier_version() -> Platter {
    let run = |disk: &Disk, promises: &mut Promises| {
        work(disk, promises, Store::open(open_at(disk, 1)).unwrap(), &[1]);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let db = Connection::open_with_flags_and_vfs(path("journal.db"), flags, disk.vfs()).unwrap();
        db.execute_batch(
            "BEGIN; DROP TABLE leases; DELETE FROM refinery_schema_history WHERE version > 1; PRAGMA user_version = 1;
             COMMIT;",
        )
        .unwrap();
    };
    Recording::of(Platter::default(), run).unwrap().end()
}

#[test]
fn a_power_cut_while_the_journal_is_brought_up_to_date_loses_nothing_and_it_is_brought_on() {
    let run = |disk: &Disk, promises: &mut Promises| {
        promises.note(disk, 1);
        work(disk, promises, Store::open(open_at(disk, 2)).unwrap(), &[1, 2]);
    };
    let recording = Recording::of(of_an_earlier_version(), run).unwrap();
    let has_leases = |disk: &Disk| {
        let reader = Reader::open(&disk.for_journal(), &path("journal.db")).map_err(|error| format!("{error:?}"))?;
        reader.leases().map(drop).map_err(|error| format!("{error:?}"))
    };
    let check = |disk: &Disk, n_promised: u64, seed: u64| {
        goes_on(disk, n_promised, seed)?;
        has_leases(disk)
    };
    assert_none_failed(&cut(&recording, plan(N_RARE_CUTS, 6), &check));
    let before = Disk::new(of_an_earlier_version(), 1).unwrap();
    assert!(has_leases(&before).is_err(), "it was up to date already");
}

#[test]
fn a_power_cut_while_salvaging_loses_no_more_than_the_damage_did() {
    let disk = Disk::new(with_backup(), 1).unwrap();
    disk.note(&path("journal.db"), &[0; 4_096]).unwrap();
    disk.sync(&path("journal.db")).unwrap();
    let damaged = disk.platter().after_cut(Keep::Nothing, &mut Chance::new(1));
    let open =
        |disk: &Disk, opening: u64| Store::open(Open { backups: vec![path("backup-1.db")], ..open_at(disk, opening) });
    let run = |disk: &Disk, promises: &mut Promises| work(disk, promises, open(disk, 3).unwrap(), &[1]);
    let recording = Recording::of(damaged, run).unwrap();
    let check = |disk: &Disk, n_promised: u64, seed: u64| {
        let store = open(disk, 1_000 + seed).map_err(|error| format!("{error:?}"))?;
        let after = store.opened().after;
        match (after, go_on(store)?) {
            (OpenedAfter::Damage, 12) if n_promised == 0 => {}
            (OpenedAfter::Run, 13) => {}
            found => return Err(format!("{found:?} when {n_promised} were promised")),
        }
        let names = disk.names(Path::new("/state")).map_err(|error| error.to_string())?;
        let is_kept = names.iter().any(|name| name.starts_with("journal.db.damaged"));
        if is_kept { Ok(()) } else { Err(format!("the damaged journal is gone: {names:?}")) }
    };
    assert_none_failed(&cut(&recording, plan(N_RARE_CUTS, 6), &check));
}
