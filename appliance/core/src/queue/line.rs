//! One line's day: reception, numbers given, and who stands in which state.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::iter;

use serde::{Deserialize, Serialize};

use crate::facts::{JumpReason, Lease, NumbersJumped, Rank};
use crate::ids::{FactId, Number, SessionId};
use crate::queue::visit::{Place, State, Visit};
use crate::settings::Rules;
use crate::time::{AtMs, MINUTE_MS};

/// Whether a line gives numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reception {
    /// Nobody opened it today.
    #[default]
    NotYet,
    /// Open.
    Open,
    /// Closed, for the session or the day.
    Closed,
}

/// One line's day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineDay {
    /// Whether numbers are being given.
    pub reception: Reception,
    /// The session it was last opened for.
    pub session: Option<SessionId>,
    /// When it was last opened.
    pub opened_at: Option<AtMs>,
    /// Whether consultation has paused.
    pub paused: bool,
    /// The highest number given or passed over.
    pub top: Option<Number>,
    /// The highest that was known, 0 for none, before a jump made because others may have been given; until staff have
    /// said from where to go on, or one was given here beyond it.
    pub unsure: Option<Number>,
    /// Sessions whose first number has been used.
    pub begun: BTreeSet<SessionId>,
    /// Numbers kept for interrupts and not used yet.
    pub kept: BTreeSet<Number>,
    /// Numbers leased to the hub and not known to be given.
    pub leased: BTreeMap<Number, Lease>,
    /// The last rank given at the end of the order.
    pub last_rank: Rank,
    /// The ranks that were called in turn, each with the fact that called it.
    called: BTreeSet<(Rank, FactId)>,
    /// Visits by state, each in the order of the line; those awaited at a booked time stand in `awaited`.
    by_state: BTreeMap<State, BTreeSet<Place>>,
    /// Who has booked and not come, by booked time.
    awaited: BTreeSet<(AtMs, Place)>,
    /// How many urgent patients wait, of whom no board tells.
    n_urgent: usize,
    /// Passed-over numbers that nobody gave a reason for, as runs; empty unless facts are missing.
    pub unexplained: Vec<(Number, Number)>,
}

impl LineDay {
    /// Puts a visit where its turn says.
    pub(crate) fn put(&mut self, visit: &Visit) {
        let place = visit.place();
        match visit.awaited_at() {
            Some(at) => self.awaited.insert((at, place)),
            None => self.by_state.entry(visit.turn.state).or_default().insert(place),
        };
        self.n_urgent = self.n_urgent.saturating_add(usize::from(waits_urgently(visit)));
        self.last_rank = self.last_rank.max(place.rank);
    }

    /// Takes a visit from where its turn says.
    pub(crate) fn take(&mut self, visit: &Visit) {
        let place = visit.place();
        match (visit.awaited_at(), self.by_state.get_mut(&visit.turn.state)) {
            (Some(at), _) => self.awaited.remove(&(at, place)),
            (None, Some(places)) => places.remove(&place),
            (None, None) => false,
        };
        self.n_urgent = self.n_urgent.saturating_sub(usize::from(waits_urgently(visit)));
    }

    /// Notes that numbering goes on from a number; whoever types the last one on paper takes back a jump that was made
    /// for want of it.
    pub(crate) fn jump(&mut self, jump: &NumbersJumped) {
        let below = Some(Number(jump.to.0.saturating_sub(1)));
        match jump.reason {
            JumpReason::Restored => {
                self.unsure = self.unsure.or(self.top).or(Some(Number(0)));
                self.top = self.top.max(below);
            }
            JumpReason::TypedByStaff => self.top = self.unsure.take().map_or(self.top, Some).max(below),
        }
    }

    /// Remembers that a rank was called in turn.
    pub(crate) fn note_called(&mut self, rank: Rank, by: FactId) {
        self.called.insert((rank, by));
    }

    /// Forgets a call that was undone.
    pub(crate) fn forget_called(&mut self, rank: Rank, by: FactId) {
        self.called.remove(&(rank, by));
    }

    /// Returns the highest rank called in turn: who is before it and comes now has missed the turn.
    #[must_use]
    pub fn called_rank(&self) -> Option<Rank> {
        self.called.last().map(|(rank, _)| *rank)
    }

    /// Returns the visits of a state in the order of the line; of those not here, the ones with a booked time last.
    pub fn in_state(&self, state: State) -> impl DoubleEndedIterator<Item = &Place> {
        let awaited = (state == State::NotArrived).then_some(&self.awaited);
        let awaited = awaited.into_iter().flatten().map(|(_, place)| place);
        self.by_state.get(&state).into_iter().flatten().chain(awaited)
    }

    /// Returns how many visits are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        let n_awaited = if state == State::NotArrived { self.awaited.len() } else { 0 };
        self.by_state.get(&state).map_or(0, BTreeSet::len).saturating_add(n_awaited)
    }

    /// Returns how many urgent patients wait.
    #[must_use]
    pub const fn n_urgent(&self) -> usize {
        self.n_urgent
    }

    /// Returns how many visits of a state stand before a place; cheap near either end.
    ///
    /// Who is awaited at a booked time stands before nobody: the place is given on arrival.
    #[must_use]
    pub fn count_before(&self, state: State, place: &Place) -> usize {
        let Some(places) = self.by_state.get(&state) else {
            return 0;
        };
        // From whichever end is nearer: a new ticket stands at the end, and so does who just took one.
        let (mut before, mut from) = (places.range(..place), places.range(place..));
        let mut n_steps = 0_usize;
        loop {
            if before.next().is_none() {
                return n_steps;
            }
            if from.next().is_none() {
                return places.len().saturating_sub(n_steps);
            }
            n_steps = n_steps.saturating_add(1);
        }
    }

    /// Returns how many who have booked are still awaited by `until`, and not yet late at `now`.
    #[must_use]
    pub fn count_awaited(&self, rules: &Rules, now: AtMs, until: AtMs) -> usize {
        let from = now.plus_ms(i64::from(rules.booked_grace_min).saturating_mul(MINUTE_MS).saturating_neg());
        let in_time = self.awaited.iter().skip_while(|(at, _)| *at < from);
        in_time.take_while(|(at, _)| *at <= until).count()
    }

    /// Returns how many who have booked have let their time pass.
    #[must_use]
    pub fn count_overdue(&self, rules: &Rules, now: AtMs) -> usize {
        let from = now.plus_ms(i64::from(rules.booked_grace_min).saturating_mul(MINUTE_MS).saturating_neg());
        self.awaited.iter().take_while(|(at, _)| *at < from).count()
    }

    /// Returns how many have booked and not come.
    #[must_use]
    pub fn n_awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Returns who stands nearest before a place, waiting or with a place kept for the arrival.
    pub(crate) fn before(&self, place: &Place) -> Option<&Place> {
        let nearest = |state| self.by_state.get(&state).and_then(|places| places.range(..place).next_back());
        nearest(State::Waiting).into_iter().chain(nearest(State::NotArrived)).max()
    }

    /// Returns those who wait or have a place kept for their arrival, in the order of the line.
    pub(crate) fn order(&self) -> impl Iterator<Item = &Place> {
        let of = |state| self.by_state.get(&state).into_iter().flatten().peekable();
        let (mut waiting, mut to_come) = (of(State::Waiting), of(State::NotArrived));
        iter::from_fn(move || match (waiting.peek(), to_come.peek()) {
            (Some(here), Some(there)) if there < here => to_come.next(),
            (Some(_), _) => waiting.next(),
            (None, _) => to_come.next(),
        })
    }
}

fn waits_urgently(visit: &Visit) -> bool {
    visit.is_urgent() && matches!(visit.turn.state, State::Waiting | State::Absent)
}
