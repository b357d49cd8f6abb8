//! What was changed in the settings, when and by whom, and what would take a change back: read from the facts that
//! made them.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::Standing;
use crate::envelope::{By, Cmd, Envelope};
use crate::facts::{Fact, LineRemoved, PrinterRemoved, RoomRemoved};
use crate::ids::{FactId, LineNo, PrinterId, RoomId};
use crate::settings::{Line, Printer, Room};
use crate::time::AtMs;

/// One thing that settings set: what a fact of theirs replaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// The clinic.
    Site,
    /// The calendar.
    Hours,
    /// The rules.
    Rules,
    /// A line.
    Line(LineNo),
    /// A room.
    Room(RoomId),
    /// A printer.
    Printer(PrinterId),
}

impl Thing {
    /// Returns what a fact sets; none for facts that set nothing.
    fn of(fact: &Fact) -> Option<Self> {
        if let Fact::LineSet(Line { line, .. }) | Fact::LineRemoved(LineRemoved { line }) = fact {
            return Some(Self::Line(*line));
        }
        if let Fact::RoomSet(Room { room, .. }) | Fact::RoomRemoved(RoomRemoved { room }) = fact {
            return Some(Self::Room(room.clone()));
        }
        if let Fact::PrinterSet(Printer { printer, .. }) | Fact::PrinterRemoved(PrinterRemoved { printer }) = fact {
            return Some(Self::Printer(printer.clone()));
        }
        let whole = [
            (matches!(fact, Fact::SiteSet(_)), Self::Site),
            (matches!(fact, Fact::HoursSet(_)), Self::Hours),
            (matches!(fact, Fact::RulesSet(_)), Self::Rules),
        ];
        whole.into_iter().find(|(is_it, _)| *is_it).map(|(_, thing)| thing)
    }

    /// Returns the fact that makes this thing be as it stands there.
    fn in_standing(&self, standing: &Standing) -> Fact {
        match self {
            Self::Site => Fact::SiteSet(standing.site.clone()),
            Self::Hours => Fact::HoursSet(standing.hours.clone()),
            Self::Rules => Fact::RulesSet(standing.rules.clone()),
            Self::Line(line) => standing
                .lines
                .get(line)
                .map_or_else(|| Fact::LineRemoved(LineRemoved { line: *line }), |line| Fact::LineSet(line.clone())),
            Self::Room(room) => standing.rooms.get(room).map_or_else(
                || Fact::RoomRemoved(RoomRemoved { room: room.clone() }),
                |room| Fact::RoomSet(room.clone()),
            ),
            Self::Printer(printer) => standing.printers.get(printer).map_or_else(
                || Fact::PrinterRemoved(PrinterRemoved { printer: printer.clone() }),
                |printer| Fact::PrinterSet(printer.clone()),
            ),
        }
    }
}

/// One change: the facts of one press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its last fact.
    pub id: FactId,
    /// When.
    pub at: AtMs,
    /// By whom.
    pub by: By,
    /// How everything stood before.
    pub before: Standing,
    /// And after.
    pub after: Standing,
    things: BTreeSet<Thing>,
    cmd: Option<Cmd>,
}

impl Change {
    /// Returns the facts that take the change back; none when somebody has set the same things since.
    #[must_use]
    pub fn taken_back(&self, now: &Standing) -> Option<Vec<Fact>> {
        let is_untouched = |thing: &Thing| thing.in_standing(&self.after) == thing.in_standing(now);
        let restores = || self.things.iter().map(|thing| thing.in_standing(&self.before)).collect();
        self.things.iter().all(is_untouched).then(restores)
    }

    /// Whether a fact belongs to the same press.
    fn goes_on_with(&self, fact: &Envelope) -> bool {
        let head = &fact.head;
        let is_alike = head.origin == self.id.origin && head.by == self.by && head.cmd == self.cmd;
        is_alike && (head.cmd.is_some() || head.at_ms == self.at)
    }
}

/// Returns the newest `most` changes, newest first, from all facts of the standing kinds in canonical order.
#[must_use]
pub fn history<'a>(facts: impl IntoIterator<Item = &'a Envelope>, most: usize) -> Vec<Change> {
    let mut standing = Standing::default();
    let mut changes: VecDeque<Change> = VecDeque::new();
    for envelope in facts {
        let Some(thing) = Thing::of(&envelope.fact) else {
            continue;
        };
        let before = standing.clone();
        standing.after(&envelope.fact);
        match changes.front_mut() {
            Some(newest) if newest.goes_on_with(envelope) => {
                newest.id = envelope.head.id();
                newest.things.insert(thing);
                newest.after = standing.clone();
            }
            Some(_) | None => {
                let (head, things) = (&envelope.head, BTreeSet::from([thing]));
                let (id, at, by, cmd) = (head.id(), head.at_ms, head.by.clone(), head.cmd.clone());
                changes.push_front(Change { id, at, by, before, after: standing.clone(), things, cmd });
                changes.truncate(most);
            }
        }
    }
    changes.into()
}
