//! What was changed in the settings, when and by whom, and what would take a change back: read from the facts that
//! made them.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::Standing;
use crate::call::told::{TariffRemoved, TariffSet};
use crate::envelope::{By, Cmd, Envelope};
use crate::facts::{Fact, LineRemoved, PrinterRemoved, RoomRemoved};
use crate::ids::FactId;
use crate::settings::Place;
use crate::time::AtMs;

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
    places: BTreeSet<Place>,
    cmd: Option<Cmd>,
}

impl Change {
    /// Returns the facts that take the change back; none when somebody has set the same things since.
    #[must_use]
    pub fn taken_back(&self, now: &Standing) -> Option<Vec<Fact>> {
        let is_untouched = |place: &Place| in_standing(place, &self.after) == in_standing(place, now);
        let restores = || self.places.iter().map(|place| in_standing(place, &self.before)).collect();
        self.places.iter().all(is_untouched).then(restores)
    }

    /// Whether a fact belongs to the same press.
    fn goes_on_with(&self, fact: &Envelope) -> bool {
        let head = &fact.head;
        let is_alike = head.origin == self.id.origin && head.by == self.by && head.cmd == self.cmd;
        is_alike && (head.cmd.is_some() || head.at_ms == self.at)
    }
}

/// Returns the fact that makes a part of the settings be as it stands there.
fn in_standing(place: &Place, standing: &Standing) -> Fact {
    match place {
        Place::Site => Fact::SiteSet(standing.site.clone()),
        Place::Hours => Fact::HoursSet(standing.hours.clone()),
        Place::Rules => Fact::RulesSet(standing.rules.clone()),
        Place::Line(line) => standing
            .lines
            .get(line)
            .map_or_else(|| Fact::LineRemoved(LineRemoved { line: *line }), |line| Fact::LineSet(line.clone())),
        Place::Room(room) => standing
            .rooms
            .get(room)
            .map_or_else(|| Fact::RoomRemoved(RoomRemoved { room: room.clone() }), |room| Fact::RoomSet(room.clone())),
        Place::Printer(printer) => standing.printers.get(printer).map_or_else(
            || Fact::PrinterRemoved(PrinterRemoved { printer: printer.clone() }),
            |printer| Fact::PrinterSet(printer.clone()),
        ),
        Place::Tariff(from) => standing.tariffs.get(from).map_or_else(
            || Fact::TariffRemoved(TariffRemoved { from: *from }),
            |tariff| Fact::TariffSet(TariffSet { from: *from, tariff: tariff.clone() }),
        ),
    }
}

/// Returns the newest `most` changes, newest first, from all facts of the standing kinds in canonical order.
#[must_use]
pub fn history<'a>(facts: impl IntoIterator<Item = &'a Envelope>, most: usize) -> Vec<Change> {
    let mut standing = Standing::default();
    let mut changes: VecDeque<Change> = VecDeque::new();
    for envelope in facts {
        let Some(place) = envelope.fact.sets() else {
            continue;
        };
        let before = standing.clone();
        standing.after(&envelope.fact);
        match changes.front_mut() {
            Some(newest) if newest.goes_on_with(envelope) => {
                newest.id = envelope.head.id();
                newest.places.insert(place);
                newest.after = standing.clone();
            }
            Some(_) | None => {
                let (head, places) = (&envelope.head, BTreeSet::from([place]));
                let (id, at, by, cmd) = (head.id(), head.at_ms, head.by.clone(), head.cmd.clone());
                changes.push_front(Change { id, at, by, before, after: standing.clone(), places, cmd });
                changes.truncate(most);
            }
        }
    }
    changes.into()
}
