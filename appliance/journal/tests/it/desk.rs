//! A small desk: rules whose whole state is the numbers given, so that losing, repeating or inventing one shows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use machiai_core::envelope::{By, Cmd, Envelope, Head, Trust};
use machiai_core::facts::{Fact, MessageSet};
use machiai_core::ids::{BootId, LineNo, Origin, Seq, SiteId};
use machiai_core::time::{AtMs, Day};
use machiai_journal::{
    Decision, Disk, Draft, JournalError, NewFact, Open, Position, Reader, Rules, SecretChange, StampParts, Stamper,
    Store, StoreError, Submission,
};

/// What the desk can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Gives the next number, in this many facts.
    Give(usize),
    /// Refuses, changing nothing.
    Refuse,
    /// Gives the next number and keeps a secret.
    Keep(Vec<u8>, Vec<u8>),
    /// Gives the next number and destroys a secret.
    Destroy(Vec<u8>),
    /// Makes a fact that is too long to be written.
    Overflow,
}

/// The desk's state: numbers given so far, and what has been published of it.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) given: Vec<u64>,
    pub(crate) published: usize,
    pub(crate) n_refolds: u32,
}

impl Desk {
    pub(crate) fn folded(reader: &Reader) -> Self {
        let mut desk = Self::default();
        desk.fold(reader).unwrap();
        desk.published = desk.given.len();
        desk
    }

    fn fold(&mut self, reader: &Reader) -> Result<(), StoreError> {
        self.given.clear();
        for kept in reader.facts_after(Position(0), u32::MAX)? {
            self.see(&kept.envelope().unwrap());
        }
        Ok(())
    }

    fn see(&mut self, fact: &Envelope) {
        if let Fact::MessageSet(MessageSet { text }) = &fact.fact
            && let Some(number) = text.strip_prefix("number ")
        {
            self.given.push(number.parse().unwrap());
        }
    }

    fn next(&self) -> u64 {
        self.given.iter().max().copied().unwrap_or(0) + 1
    }
}

fn draft(text: String) -> Draft {
    let by = By { device: "kiosk".parse().unwrap(), person: None };
    Draft { site: SiteId(1), line: Some(LineNo(2)), by, fact: Fact::MessageSet(MessageSet { text }) }
}

impl Rules for Desk {
    type Command = Ask;
    type Answer = u64;

    fn decide(&mut self, command: &Ask, _now: &StampParts) -> Decision<u64> {
        let number = self.next();
        let one = draft(format!("number {number}"));
        let (facts, secrets) = match command {
            Ask::Refuse => return Decision::nothing(0),
            Ask::Give(n) => {
                let more = (1..*n).map(|part| draft(format!("part {part} of {number}")));
                (std::iter::once(one).chain(more).collect(), vec![])
            }
            Ask::Keep(key_id, value) => {
                let put = SecretChange::Put { key_id: key_id.clone(), purpose: "visit".into(), value: value.clone() };
                (vec![one], vec![put])
            }
            Ask::Destroy(key_id) => (vec![one], vec![SecretChange::Delete { key_id: key_id.clone() }]),
            Ask::Overflow => (vec![one, draft("x".repeat(70_000))], vec![]),
        };
        Decision { facts, secrets, leases: Vec::new(), answer: number }
    }

    fn take_in(&mut self, fact: &Envelope, _position: Position) {
        self.see(fact);
    }

    fn day(&self) -> Option<Day> {
        Some(day(self.given.len()))
    }

    fn replay(&mut self, _command: &Ask, facts: &[Envelope]) -> u64 {
        let mut first = Self::default();
        facts.iter().for_each(|fact| first.see(fact));
        first.given[0]
    }

    fn publish(&mut self) {
        self.published = self.given.len();
    }

    fn refold(&mut self, from: &Reader) -> Result<(), StoreError> {
        self.n_refolds += 1;
        self.fold(from)
    }
}

/// The business day of the n-th number: ten numbers a day.
pub(crate) fn day(n_given: usize) -> Day {
    let first: Day = "2026-11-24".parse().unwrap();
    first.plus_days(i32::try_from(n_given.saturating_sub(1) / 10).unwrap())
}

/// A clock that goes one millisecond per command.
#[derive(Debug)]
pub(crate) struct Ticks(pub(crate) i64);

impl Stamper for Ticks {
    fn stamp(&mut self) -> StampParts {
        self.0 += 1;
        StampParts {
            at_ms: AtMs(self.0),
            at_n: 0,
            boot: BootId::from_bytes([9; 16]),
            mono_ms: self.0.unsigned_abs(),
            clock: Trust::Synced,
        }
    }
}

pub(crate) fn origin(n: u8) -> Origin {
    Origin::from_bytes([n; 16])
}

pub(crate) fn cmd(key: &str, digest: &str) -> Cmd {
    Cmd { key: key.into(), digest: digest.into() }
}

/// A folder of the test's own: in memory where there is such a place, as nothing here is about the disk's syncs.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// What opening the journal in a folder needs; each opening has an origin of its own.
pub(crate) fn about(folder: &Path, n: u8) -> Open {
    Open {
        path: folder.join("journal.db"),
        disk: Disk::real(),
        origin: origin(n),
        at: AtMs(1_800_000_000_000 + i64::from(n)),
        ballast_bytes: 0,
        backups: Vec::new(),
    }
}

pub(crate) fn open(folder: &Path, n: u8) -> Store {
    Store::open(about(folder, n)).unwrap()
}

/// A fact of an origin, its text as long as asked.
pub(crate) fn fact(origin: Origin, seq: u64, n_bytes: usize) -> NewFact {
    let head = Head {
        site: SiteId(1),
        line: None,
        origin,
        seq: Seq(seq),
        at_ms: AtMs(i64::try_from(seq).unwrap()),
        at_n: 0,
        boot: BootId::from_bytes([9; 16]),
        mono_ms: 0,
        clock: Trust::Free,
        by: By { device: "kiosk".parse().unwrap(), person: None },
        cmd: seq.is_multiple_of(3).then(|| cmd(&format!("key-{seq}"), "d")),
    };
    let text = format!("{seq}{}", "x".repeat(n_bytes));
    let day = day(usize::try_from(seq).unwrap());
    NewFact::made(&Envelope { head, fact: Fact::MessageSet(MessageSet { text }) }, Some(day)).unwrap()
}

/// What was answered, in the order of answering.
pub(crate) type Answers = Arc<Mutex<BTreeMap<usize, Result<u64, JournalError>>>>;

/// Makes submissions whose answers land in one place, by their order.
pub(crate) fn submissions(asked: &[(Ask, Option<Cmd>)]) -> (Vec<Submission<Desk>>, Answers) {
    let answers = Answers::default();
    let submission = |(idx, (command, cmd)): (usize, &(Ask, Option<Cmd>))| {
        let answers = Arc::clone(&answers);
        let answer = Box::new(move |answer| {
            assert!(answers.lock().unwrap().insert(idx, answer).is_none(), "answered twice");
        });
        Submission { command: command.clone(), cmd: cmd.clone(), answer }
    };
    (asked.iter().enumerate().map(submission).collect(), answers)
}

/// All lines of a journal in the order of knowing.
pub(crate) fn lines(reader: &Reader) -> Vec<Vec<u8>> {
    reader.facts_after(Position(0), u32::MAX).unwrap().into_iter().map(|kept| kept.line).collect()
}

/// The files of a journal that are there.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
