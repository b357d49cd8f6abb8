//! One line's day: reception, numbers given, and who stands in which state.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::facts::Rank;
use crate::ids::{Number, SessionId};
use crate::queue::visit::{Place, State};

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
    /// Whether consultation has paused.
    pub paused: bool,
    /// The highest number given or passed over.
    pub top: Option<Number>,
    /// Sessions whose first number has been used.
    pub begun: BTreeSet<SessionId>,
    /// Numbers kept for interrupts and not used yet.
    pub kept: BTreeSet<Number>,
    /// The last rank given at the end of the order.
    pub last_rank: Rank,
    /// The rank of the latest patient called in turn: who is before it and comes now has missed the turn.
    pub called_rank: Option<Rank>,
    /// Visits by state, each in the order of the line.
    by_state: BTreeMap<State, BTreeSet<Place>>,
    /// Passed-over numbers that nobody gave a reason for, as runs; empty unless facts are missing.
    pub unexplained: Vec<(Number, Number)>,
}

impl LineDay {
    /// Puts a visit among those of a state.
    pub(crate) fn put(&mut self, state: State, place: Place) {
        self.by_state.entry(state).or_default().insert(place);
        if place.rank > self.last_rank {
            self.last_rank = place.rank;
        }
    }

    /// Takes a visit from among those of a state.
    pub(crate) fn take(&mut self, state: State, place: &Place) {
        if let Some(places) = self.by_state.get_mut(&state) {
            places.remove(place);
        }
    }

    /// Returns the visits of a state in the order of the line.
    pub fn in_state(&self, state: State) -> impl DoubleEndedIterator<Item = &Place> {
        self.by_state.get(&state).into_iter().flatten()
    }

    /// Returns how many visits are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.by_state.get(&state).map_or(0, BTreeSet::len)
    }

    /// Returns how many visits of a state stand before a place; cheap when the place is the last.
    #[must_use]
    pub fn count_before(&self, state: State, place: &Place) -> usize {
        let Some(places) = self.by_state.get(&state) else {
            return 0;
        };
        if places.last().is_none_or(|last| last < place) { places.len() } else { places.range(..place).count() }
    }
}
