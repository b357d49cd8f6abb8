//! Decide, commit, publish, answer: each command once, and nothing answered that is not kept.

use machiai_journal::turn::Turns;
use machiai_journal::{JournalError, verify};

use crate::desk::{Answers, Ask, Desk, Ticks, about, cmd, lines, open, submissions};

fn turns(folder: &std::path::Path, n: u8) -> Turns<Desk, Ticks> {
    let store = open(folder, n);
    let desk = Desk::folded(store.reader().unwrap());
    Turns::new(store, desk, Ticks(1_000 * i64::from(n)))
}

fn given(answers: &Answers) -> Vec<u64> {
    answers.lock().unwrap().values().map(|answer| *answer.as_ref().unwrap()).collect()
}

#[test]
fn commands_of_one_batch_see_each_other_and_share_one_commit() {
    let folder = crate::desk::folder();
    let mut turns = turns(folder.path(), 1);
    let asked = [(Ask::Give(1), None), (Ask::Refuse, None), (Ask::Give(3), None), (Ask::Give(1), None)];
    let (batch, answers) = submissions(&asked);
    turns.turn(batch);
    assert_eq!(given(&answers), [1, 0, 2, 3]);
    assert_eq!(turns.n_commits(), 1);
    assert_eq!(turns.rules().published, 3);
    assert_eq!(lines(turns.store().reader().unwrap()).len(), 5);
}

#[test]
fn a_batch_that_changes_nothing_commits_nothing() {
    let folder = crate::desk::folder();
    let mut turns = turns(folder.path(), 1);
    let (batch, answers) = submissions(&[(Ask::Refuse, None), (Ask::Refuse, Some(cmd("k", "d")))]);
    turns.turn(batch);
    assert_eq!(given(&answers), [0, 0]);
    assert_eq!(turns.n_commits(), 0);
}

#[test]
fn a_repeated_command_is_answered_from_its_facts() {
    let folder = crate::desk::folder();
    let mut first = turns(folder.path(), 1);
    let asked =
        [(Ask::Give(2), Some(cmd("press", "d"))), (Ask::Give(1), None), (Ask::Give(2), Some(cmd("press", "d")))];
    let (batch, answers) = submissions(&asked);
    first.turn(batch);
    assert_eq!(given(&answers), [1, 2, 1], "also among those not yet committed");
    let (batch, answers) = submissions(&asked[..1]);
    first.turn(batch);
    assert_eq!(given(&answers), [1]);
    first.finish();
    let mut second = turns(folder.path(), 2);
    let (batch, answers) = submissions(&asked[..1]);
    second.turn(batch);
    assert_eq!(given(&answers), [1], "also after a restart");
    assert_eq!(lines(second.store().reader().unwrap()).len(), 3);
}

#[test]
fn the_same_key_with_another_body_is_a_conflict() {
    let folder = crate::desk::folder();
    let mut turns = turns(folder.path(), 1);
    let asked = [(Ask::Give(1), Some(cmd("press", "one"))), (Ask::Give(1), Some(cmd("press", "two")))];
    for n_conflicts in [1, 1] {
        let (batch, answers) = submissions(&asked);
        turns.turn(batch);
        let answers = answers.lock().unwrap();
        let is_conflict = |answer: &&Result<u64, JournalError>| matches!(answer, Err(JournalError::Conflict));
        assert_eq!(answers.values().filter(is_conflict).count(), n_conflicts);
    }
    assert_eq!(lines(turns.store().reader().unwrap()).len(), 1);
}

#[test]
fn a_command_whose_fact_cannot_be_written_changes_nothing() {
    let folder = crate::desk::folder();
    let mut turns = turns(folder.path(), 1);
    let (batch, answers) = submissions(&[(Ask::Give(1), None), (Ask::Overflow, None), (Ask::Give(1), None)]);
    turns.turn(batch);
    let answers = answers.lock().unwrap();
    assert!(matches!(answers[&1], Err(JournalError::Unwritable(_))));
    assert_eq!(*answers[&2].as_ref().unwrap(), 2);
    assert_eq!(lines(turns.store().reader().unwrap()).len(), 2);
    assert!(verify(&about(folder.path(), 0).disk, &folder.path().join("journal.db")).unwrap().is_good());
}

#[test]
fn facts_carry_origin_number_stamp_and_command() {
    let folder = crate::desk::folder();
    let mut turns = turns(folder.path(), 3);
    let (batch, _) = submissions(&[(Ask::Give(2), Some(cmd("press", "d"))), (Ask::Give(1), None)]);
    turns.turn(batch);
    let facts = turns.store().reader().unwrap().facts_after(machiai_journal::Position(0), 9).unwrap();
    let heads: Vec<_> = facts.iter().map(|kept| kept.envelope().unwrap().head).collect();
    assert!(heads.iter().all(|head| head.origin == crate::desk::origin(3)));
    assert_eq!(heads.iter().map(|head| head.seq.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(heads.iter().map(|head| head.at_ms.0).collect::<Vec<_>>(), [3_001, 3_001, 3_002]);
    assert_eq!(heads.iter().filter(|head| head.cmd == Some(cmd("press", "d"))).count(), 2);
}
