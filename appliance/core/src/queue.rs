//! The queue of one business day: every visit, line and room, folded from facts in canonical order.
//!
//! The fold is total. Absurd facts leave a remark, never an error, and never a panic.

pub mod arrivals;
pub mod line;
pub mod visit;

mod fold;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::call::open::OpenCalls;
use crate::envelope::{By, Canonical, Head};
use crate::facts::PrintBegun;
use crate::ids::{BootId, DeviceId, FactId, Label, LineNo, Number, Origin, PlaceId, RoomId, Seq, SessionId, VisitId};
use crate::program::Program;
use crate::program::aired::Aired;
use crate::queue::line::LineDay;
use crate::queue::visit::{OPEN_STATES, State, Visit};
use crate::standing::Standing;
use crate::support::Support;
use crate::time::{AtMs, Day};

/// Version of this fold: a checkpoint written by another is not used.
pub const FOLD_VERSION: u32 = 7;

/// How many calls are remembered for the board's call frames.
const MAX_MOMENTS: usize = 32;

/// How many monitors are followed; a clinic has one or two.
const MAX_MONITORS: usize = 16;

/// How many remarks are kept.
const MAX_REMARKS: usize = 100;

/// One room's day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDay {
    /// Who is called to it or in it: nobody, one visit, or a family.
    pub now: Vec<VisitId>,
}

/// A call as the board shows it over everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The fact that called.
    pub id: FactId,
    /// Who.
    pub visits: Vec<VisitId>,
    /// Where to.
    pub room: RoomId,
    /// When.
    pub at: AtMs,
    /// Whether it repeats an earlier call.
    pub again: bool,
    /// When it was undone.
    pub undone_at: Option<AtMs>,
}

/// The last press of a device, to tell a double press from two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Press {
    /// Digest of what was pressed.
    pub digest: String,
    /// When.
    pub at: AtMs,
}

/// The newest change of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSet {
    /// The last fact of it.
    pub id: FactId,
    /// By whom.
    pub by: By,
    /// When.
    pub at: AtMs,
}

/// When somebody last did something to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// When, as the fact says.
    pub at: AtMs,
    /// How long before the newest fact that was, in milliseconds, by the monotonic clock where it can tell.
    pub ago_ms: i64,
}

/// What the newest fact says of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    boot: BootId,
    mono_ms: u64,
    at: AtMs,
}

impl Told {
    const fn by(head: &Head) -> Self {
        Self { boot: head.boot, mono_ms: head.mono_ms, at: head.at_ms }
    }

    /// Returns the milliseconds from `earlier` to this.
    fn since_ms(&self, earlier: &Self) -> i64 {
        if self.boot == earlier.boot {
            return i64::try_from(self.mono_ms.saturating_sub(earlier.mono_ms)).unwrap_or(i64::MAX);
        }
        self.at.since(earlier.at).max(0)
    }
}

/// Something in the facts that could not be followed, kept for support.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The fact.
    pub id: FactId,
    /// What about it.
    pub what: RemarkKind,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkKind {
    /// It speaks of a visit nobody issued today.
    UnknownVisit,
    /// It speaks of a line, and names none.
    NoLine,
    /// Its visit was over already.
    VisitOver,
    /// It gives a label or number that is taken.
    Taken,
    /// It undoes what somebody acted on since.
    ActedSince,
    /// Its kind is unknown to this version.
    UnknownKind,
    /// It begins a day that has begun or is over.
    DayBegun,
}

/// What became of a fact that was offered to the fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was the next in canonical order, and is folded in.
    InOrder,
    /// It was folded in before.
    Known,
    /// It belongs before facts already folded: fold again from before it.
    Late,
}

/// All that is true of a clinic now, but for the wall clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clinic {
    /// Settings and message.
    pub standing: Standing,
    /// The program.
    pub program: Program,
    /// What each monitor airs and aired.
    pub aired: BTreeMap<PlaceId, Aired>,
    /// The consultation calls that run.
    pub calls: OpenCalls,
    /// What support was ordered, and what came of it.
    pub support: Support,
    /// Who changed the settings last, so that nobody overwrites what they have not seen.
    pub last_set: Option<LastSet>,
    /// The business day; none before the first.
    pub day: Option<Day>,
    /// Its lines.
    pub lines: BTreeMap<LineNo, LineDay>,
    /// Its rooms.
    pub rooms: BTreeMap<RoomId, RoomDay>,
    /// Its visits.
    pub visits: BTreeMap<VisitId, Visit>,
    /// Its labels.
    pub labels: BTreeMap<Label, VisitId>,
    /// Visits whose personal data waits for its erasure, with the business day they are of.
    pub to_erase: BTreeMap<VisitId, (Day, Vec<crate::ids::KeyId>)>,
    /// Attempts to print that have not ended, by visit.
    pub printing: BTreeMap<VisitId, PrintBegun>,
    /// Recent calls, oldest first.
    pub moments: Vec<Moment>,
    /// Last press of each device.
    pub presses: BTreeMap<DeviceId, Press>,
    /// Newest fact of each origin.
    heads: BTreeMap<Origin, Seq>,
    /// Newest fact of all.
    newest: Option<Canonical>,
    /// What that fact says of the clocks.
    told: Option<Told>,
    /// When somebody last did something to the queue.
    pub touched: Option<Touch>,
    /// How many facts are folded in.
    pub n_facts: u64,
    /// What could not be followed.
    pub remarks: Vec<Remark>,
    /// Visits left over from the day before, by label.
    pub left_over: Vec<Label>,
    /// Whether a fact of a rehearsal was folded in.
    pub rehearsal: bool,
}

impl Clinic {
    /// Returns a line's day; an empty one before its first fact.
    #[must_use]
    pub fn line_day(&self, line: LineNo) -> LineDay {
        self.lines.get(&line).cloned().unwrap_or_default()
    }

    /// Returns the visits called to a room or in it.
    #[must_use]
    pub fn in_room(&self, room: &RoomId) -> Vec<&Visit> {
        let now = self.rooms.get(room).map_or(&[][..], |day| &day.now);
        now.iter().filter_map(|visit| self.visits.get(visit)).collect()
    }

    /// Returns today's visit of that label.
    #[must_use]
    pub fn by_label(&self, label: &Label) -> Option<&Visit> {
        self.labels.get(label).and_then(|visit| self.visits.get(visit))
    }

    /// Returns the visits of a family that are in the same state and line as `of`, itself included, in order.
    #[must_use]
    pub fn family_of<'a>(&'a self, of: &'a Visit) -> Vec<&'a Visit> {
        let Some(family) = of.turn.family else {
            return alloc::vec![of];
        };
        let together = |visit: &&Visit| {
            visit.turn.line == of.turn.line
                && visit.turn.state == of.turn.state
                && visit.turn.family.is_some_and(|other| other.first == family.first)
        };
        let Some(day) = self.lines.get(&of.turn.line) else {
            return alloc::vec![of];
        };
        let mut family: Vec<&Visit> =
            day.in_state(of.turn.state).filter_map(|place| self.visits.get(&place.visit)).filter(together).collect();
        family.sort_by_key(|visit| visit.turn.family.map_or(0, |family| family.idx));
        family
    }

    /// Whether a fact, or a later one of its origin, is folded in.
    #[must_use]
    pub fn knows(&self, id: FactId) -> bool {
        self.heads.get(&id.origin).is_some_and(|seq| *seq >= id.seq)
    }

    /// Returns the place of the newest fact folded in.
    #[must_use]
    pub const fn newest(&self) -> Option<Canonical> {
        self.newest
    }

    /// Returns the number that a session begins with in a line.
    #[must_use]
    pub fn first_number(&self, line: LineNo, session: Option<&SessionId>) -> Number {
        let Some(settings) = self.standing.lines.get(&line) else {
            return Number(1);
        };
        session.and_then(|session| settings.first.get(session)).copied().unwrap_or(settings.first_number)
    }

    /// Returns how long nobody has done anything to the queue, `quiet_ms` after the newest fact.
    #[must_use]
    pub fn untouched_ms(&self, quiet_ms: i64) -> i64 {
        self.touched.map_or(i64::MAX, |touch| touch.ago_ms.saturating_add(quiet_ms.max(0)))
    }

    /// Returns the visits that are not over, in the order of lines and states.
    pub fn open_visits(&self) -> impl Iterator<Item = &Visit> {
        let places = self.lines.values().flat_map(|day| OPEN_STATES.into_iter().flat_map(|state| day.in_state(state)));
        places.filter_map(|place| self.visits.get(&place.visit))
    }

    /// Whether a visit is not over.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        OPEN_STATES.into_iter().any(|state| self.count(state) > 0)
    }

    /// Returns how many visits stand in a state, over all lines.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.lines.values().map(|line| line.count(state)).fold(0, usize::saturating_add)
    }
}
