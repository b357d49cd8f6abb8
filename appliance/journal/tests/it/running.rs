//! The writer thread: group commit, bounded queue, stopping.

use std::sync::mpsc::{Receiver, channel, sync_channel};
use std::sync::{Arc, Barrier};
use std::thread;

use machiai_core::envelope::Envelope;
use machiai_core::time::Day;
use machiai_journal::running::MAX_WAITING;
use machiai_journal::{
    Decision, Journal, JournalError, Parts, Position, Reader, Rules, StampParts, StoreError, Submission, verify,
};

use crate::desk::{Ask, Desk, Ticks, about, lines, open};

/// A desk that can be held up, and counts how often it published.
struct Slow {
    desk: Desk,
    gate: Receiver<()>,
    n_published: std::sync::mpsc::Sender<()>,
}

impl Rules for Slow {
    type Command = Ask;
    type Answer = u64;

    fn decide(&mut self, command: &Ask, now: &StampParts) -> Decision<u64> {
        if *command == Ask::Refuse {
            self.gate.recv().unwrap();
        }
        self.desk.decide(command, now)
    }
    fn take_in(&mut self, fact: &Envelope, position: Position) {
        self.desk.take_in(fact, position);
    }
    fn day(&self) -> Option<Day> {
        self.desk.day()
    }
    fn replay(&mut self, command: &Ask, facts: &[Envelope]) -> u64 {
        self.desk.replay(command, facts)
    }
    fn publish(&mut self) {
        self.n_published.send(()).unwrap();
    }
    fn refold(&mut self, from: &Reader) -> Result<(), StoreError> {
        self.desk.refold(from)
    }
}

struct Scene {
    journal: Arc<Journal<Slow>>,
    open_gate: std::sync::mpsc::Sender<()>,
    published: Receiver<()>,
    ended: Receiver<()>,
}

fn scene(folder: &std::path::Path) -> Scene {
    let store = open(folder, 1);
    let (open_gate, gate) = channel();
    let (n_published, published) = channel();
    let (say_ended, ended) = channel();
    let rules = Slow { desk: Desk::default(), gate, n_published };
    let ended_by = Box::new(move || say_ended.send(()).unwrap());
    let parts = Parts { store, rules, stamper: Ticks(0), ended: ended_by };
    Scene { journal: Arc::new(Journal::start(parts).unwrap()), open_gate, published, ended }
}

fn ask(journal: &Journal<Slow>, command: Ask) -> Result<Receiver<Result<u64, JournalError>>, JournalError> {
    let (answer, answered) = sync_channel(1);
    let answer = Box::new(move |outcome| answer.send(outcome).unwrap());
    journal.submit(Submission { command, cmd: None, answer }).map(|()| answered)
}

#[test]
fn commands_that_queue_up_share_a_commit() {
    let folder = crate::desk::folder();
    let Scene { journal, open_gate, published, .. } = scene(folder.path());
    let held_up = ask(&journal, Ask::Refuse).unwrap();
    let start = Arc::new(Barrier::new(64));
    let submitters: Vec<_> = (0..64)
        .map(|_| {
            let (journal, start) = (Arc::clone(&journal), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                let first = ask(&journal, Ask::Give(1)).unwrap();
                (first, ask(&journal, Ask::Give(2)).unwrap())
            })
        })
        .collect();
    let answers: Vec<_> = submitters.into_iter().map(|submitter| submitter.join().unwrap()).collect();
    open_gate.send(()).unwrap();
    held_up.recv().unwrap().unwrap();
    let mut numbers: Vec<_> =
        answers.iter().flat_map(|(first, second)| [first, second]).map(|each| each.recv().unwrap().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=128).collect::<Vec<_>>(), "each number once");
    let n_commits = published.try_iter().count();
    assert!(n_commits <= 2, "{n_commits} commits for 128 commands that were waiting");
}

#[test]
fn a_full_queue_refuses_at_once() {
    let folder = crate::desk::folder();
    let Scene { journal, open_gate, published: _published, .. } = scene(folder.path());
    let held_up = ask(&journal, Ask::Refuse).unwrap();
    let mut waiting = Vec::new();
    let refusal = loop {
        match ask(&journal, Ask::Give(1)) {
            Ok(answered) => waiting.push(answered),
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, JournalError::Busy));
    assert!(waiting.len() >= MAX_WAITING - 1, "refused after {}", waiting.len());
    open_gate.send(()).unwrap();
    held_up.recv().unwrap().unwrap();
    assert!(waiting.iter().all(|answered| answered.recv().unwrap().is_ok()));
}

#[test]
fn stopping_answers_all_that_was_handed_over_and_ends_in_good_order() {
    let folder = crate::desk::folder();
    let Scene { journal, ended, published: _published, .. } = scene(folder.path());
    let waiting: Vec<_> = (0..500).map(|_| ask(&journal, Ask::Give(1)).unwrap()).collect();
    Arc::into_inner(journal).unwrap().stop().unwrap();
    assert!(waiting.iter().all(|answered| answered.recv().unwrap().is_ok()));
    ended.recv().unwrap();
    assert!(!folder.path().join("journal.db-wal").exists());
    let disk = about(folder.path(), 0).disk;
    let reader = Reader::open(&disk, &folder.path().join("journal.db")).unwrap();
    assert_eq!(lines(&reader).len(), 500);
    assert!(verify(&disk, &folder.path().join("journal.db")).unwrap().is_good());
}

#[test]
fn a_journal_whose_rules_panic_says_that_it_ended() {
    let folder = crate::desk::folder();
    let Scene { journal, open_gate, ended, .. } = scene(folder.path());
    drop(open_gate);
    let answered = ask(&journal, Ask::Refuse).unwrap();
    assert!(answered.recv().is_err(), "the answer is dropped");
    ended.recv().unwrap();
    assert!(matches!(Arc::into_inner(journal).unwrap().stop(), Err(JournalError::Stopped)));
}
