//! A desk for the fault harnesses: rules that give numbers one after the other, each in one or more facts.
//!
//! Its whole state is the numbers given, so whatever a fault loses, repeats, halves or invents shows at once.

use std::sync::{Arc, Mutex, PoisonError};

use machiai_core::call::told::Evidence;
use machiai_core::envelope::{By, Envelope, Trust};
use machiai_core::facts::{Fact, MessageSet, OpenedAfter};
use machiai_core::ids::{BootId, FactId, LineNo, Origin, SiteId};
use machiai_core::time::{AtMs, Day};
use machiai_journal::turn::Turns;
use machiai_journal::{
    Decision, Disk, Draft, JournalError, LeaseChange, Open, Position, Reader, Rules, SecretChange, StampParts, Stamper,
    Store, StoreError, Submission,
};

/// Gives the next number.
#[derive(Clone, Debug)]
pub struct Give {
    /// In so many facts.
    pub n_facts: usize,
    /// With so many bytes of text in each.
    pub n_bytes: usize,
    /// And keeps or destroys a secret, in turn.
    pub secret: Option<Vec<u8>>,
}

/// The numbers given so far.
#[derive(Debug, Default)]
pub struct Desk {
    numbers: Vec<u64>,
    parts_missing: usize,
    /// The first fact, which stands for the beginning of a call, and its clocks.
    call: Option<(FactId, Evidence)>,
}

/// Facts that no order of whole commands can have made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn(pub String);

impl Desk {
    /// Folds the numbers from a journal.
    ///
    /// # Errors
    /// [`Torn`] when they are not all numbers from 1, each with all its facts.
    pub fn folded(reader: &Reader) -> Result<Self, Torn> {
        let facts = reader.facts_after(Position(0), u32::MAX).map_err(|error| Torn(format!("{error:?}")))?;
        let mut desk = Self::default();
        for kept in facts {
            desk.see(&kept.envelope().map_err(|error| Torn(error.to_string()))?)?;
        }
        if desk.parts_missing == 0 { Ok(desk) } else { Err(Torn("a command's facts are missing".to_owned())) }
    }

    /// Fails unless what is known of the call that runs is as new as the facts, never older and never ahead.
    fn is_seen(&self, reader: &Reader) -> Result<(), Torn> {
        let leases = reader.leases().map_err(|error| Torn(format!("{error:?}")))?;
        let seen: Vec<(FactId, Evidence)> = leases.into_iter().collect();
        let expected: Vec<(FactId, Evidence)> = self.beat().into_iter().collect();
        if seen == expected { Ok(()) } else { Err(Torn(format!("{seen:?} was seen, not {expected:?}"))) }
    }

    /// Returns the one call that runs, begun by the first fact, and when it was last seen: as late as numbers were given.
    fn beat(&self) -> Option<(FactId, Evidence)> {
        let (call, start) = self.call.filter(|_| self.n_given() > 1)?;
        let (mono_ms, at_ms) =
            (start.mono_ms + self.n_given(), start.at_ms.plus_ms(self.numbers.len().try_into().ok()?));
        Some((call, Evidence { mono_ms, at_ms, ..start }))
    }

    /// Returns how many numbers were given.
    #[must_use]
    pub fn n_given(&self) -> u64 {
        self.numbers.last().copied().unwrap_or(0)
    }

    fn see(&mut self, fact: &Envelope) -> Result<(), Torn> {
        let Fact::MessageSet(MessageSet { text }) = &fact.fact else {
            return Err(Torn(format!("{fact:?}")));
        };
        self.call.get_or_insert((fact.head.id(), Evidence::of(&fact.head)));
        let words: Vec<u64> = text.split(' ').filter_map(|word| word.parse().ok()).collect();
        let is_next = match (words.as_slice(), self.parts_missing) {
            ([number, n_more], 0) => {
                let is_next = *number == self.n_given() + 1;
                self.numbers.push(*number);
                self.parts_missing = usize::try_from(*n_more).unwrap_or(usize::MAX);
                is_next
            }
            ([number], 1..) => {
                self.parts_missing -= 1;
                *number == self.n_given()
            }
            _ => false,
        };
        if is_next { Ok(()) } else { Err(Torn(format!("{text:.40} after number {}", self.n_given()))) }
    }
}

impl Rules for Desk {
    type Command = Give;
    type Answer = u64;

    fn decide(&mut self, command: &Give, _now: &StampParts) -> Decision<u64> {
        let number = self.n_given() + 1;
        let n_more = command.n_facts.saturating_sub(1);
        let padding = "x".repeat(command.n_bytes);
        let first = format!("number {number} of {n_more} {padding}");
        let texts = std::iter::once(first).chain((0..n_more).map(|_| format!("more of {number} {padding}")));
        let secrets = command.secret.iter().map(|value| {
            let key_id = b"visit".to_vec();
            if number.is_multiple_of(2) {
                SecretChange::Delete { key_id }
            } else {
                SecretChange::Put { key_id, purpose: "visit".to_owned(), value: value.clone() }
            }
        });
        let mut after = Self { call: self.call, ..Self::default() };
        after.numbers = (1..=number).collect();
        let leases = after.beat().map(|(call, seen)| LeaseChange::Renew { call, seen }).into_iter().collect();
        Decision { facts: texts.map(draft).collect(), secrets: secrets.collect(), leases, answer: number }
    }

    fn take_in(&mut self, fact: &Envelope, _position: Position) {
        self.see(fact).unwrap_or_else(|torn| self.numbers.push(u64::from(torn.0.is_empty())));
    }

    fn day(&self) -> Option<Day> {
        "2026-11-24".parse().ok()
    }

    fn replay(&mut self, _command: &Give, _facts: &[Envelope]) -> u64 {
        0
    }

    fn publish(&mut self) {}

    fn refold(&mut self, from: &Reader) -> Result<(), StoreError> {
        let folded = Self::folded(from);
        *self = folded.unwrap_or_default();
        Ok(())
    }
}

fn draft(text: String) -> Draft {
    let by = By { device: kiosk(), person: None };
    Draft { site: SiteId(1), line: Some(LineNo(2)), by, fact: Fact::MessageSet(MessageSet { text }) }
}

#[expect(clippy::expect_used, reason = "a constant that reads")]
fn kiosk() -> machiai_core::ids::DeviceId {
    "kiosk".parse().expect("a device id")
}

/// A clock that goes one millisecond per command.
#[derive(Clone, Copy, Debug)]
pub struct Ticks(pub i64);

impl Stamper for Ticks {
    fn stamp(&mut self) -> StampParts {
        self.0 += 1;
        let mono_ms = self.0.unsigned_abs();
        StampParts { at_ms: AtMs(self.0), at_n: 0, boot: BootId::from_bytes([9; 16]), mono_ms, clock: Trust::Synced }
    }
}

/// What opening a desk's journal needs, with an origin of its own for each number.
#[must_use]
pub fn about(disk: Disk, path: &std::path::Path, opening: u64) -> Open {
    let mut origin = [0; 16];
    origin[..8].copy_from_slice(&opening.to_be_bytes());
    Open {
        path: path.to_owned(),
        disk,
        origin: Origin::from_bytes(origin),
        at: AtMs(1_800_000_000_000),
        ballast_bytes: 0,
        backups: Vec::new(),
    }
}

/// Joins an open journal and a desk folded from it.
///
/// # Errors
/// [`Torn`] when the journal does not hold whole commands.
pub fn turns(store: Store) -> Result<Turns<Desk, Ticks>, Torn> {
    let reader = store.reader().map_err(|error| Torn(error.to_string()))?;
    let desk = Desk::folded(reader)?;
    // What came back from a copy, or out of damage, may have been seen earlier or later than its facts were written.
    if store.opened().after == OpenedAfter::Run {
        desk.is_seen(reader)?;
    }
    let newest = store.opened().newest.map_or(0, |stamp| stamp.at.0);
    Ok(Turns::new(store, desk, Ticks(newest)))
}

/// Asks for numbers in one turn; returns what was answered, in the order asked.
pub fn ask(turns: &mut Turns<Desk, Ticks>, commands: &[Give]) -> Vec<Result<u64, JournalError>> {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let submission = |command: &Give| {
        let answers = Arc::clone(&answers);
        let answer = Box::new(move |outcome| answers.lock().unwrap_or_else(PoisonError::into_inner).push(outcome));
        Submission { command: command.clone(), cmd: None, answer }
    };
    turns.turn(commands.iter().map(submission).collect());
    std::mem::take(&mut *answers.lock().unwrap_or_else(PoisonError::into_inner))
}
