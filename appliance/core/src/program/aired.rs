//! What one monitor has aired: what runs, where each loop is, and the adverts of the last hour. It is what a loop goes
//! on from after a restart.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::airs::{OnAir, What};
use super::content::{ContentHash, ContentKind};
use super::table::ItemPlace;
use super::why::Why;
use crate::envelope::Envelope;
use crate::facts::Fact;
use crate::ids::{FactId, ItemId, PlaceId, SlotId, TableId};
use crate::time::{AtMs, HOUR_MS};

/// How many loops are remembered; the one longest untouched is forgotten.
const MAX_PHASES: usize = 256;

/// How many adverts are remembered: more than one a second is none that anybody saw.
const MAX_ADVERTS: usize = 4_096;

/// How many adverts that had to wait are remembered.
const MAX_OWED: usize = 64;

/// An advert that aired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Which.
    pub content: ContentHash,
    /// When it began.
    pub at: AtMs,
}

/// Where a loop is: the last of it that aired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Phase {
    table: TableId,
    slot: Option<SlotId>,
    item: Option<ItemId>,
    content: Option<ContentHash>,
}

/// What one monitor has aired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aired {
    running: Option<OnAir>,
    begun: Option<FactId>,
    phases: Vec<Phase>,
    adverts: Vec<Shown>,
    substitute: Option<ContentHash>,
    owed: Vec<ContentHash>,
}

impl Aired {
    /// Takes in what airs from now on.
    pub fn begin(&mut self, on_air: &OnAir) {
        if self.running.as_ref() == Some(on_air) {
            return;
        }
        let content = on_air.what.content();
        self.note_waits(on_air);
        if let What::Film { content, kind, .. } = &on_air.what {
            match kind {
                ContentKind::Advert => self.note_advert(Shown { content: *content, at: on_air.from }),
                ContentKind::Substitute => self.substitute = Some(*content),
                ContentKind::Provided | ContentKind::Introduction | ContentKind::Notice | ContentKind::Own => {}
            }
        }
        if let Some(place) = &on_air.place {
            self.go_on(place, content);
        }
        self.running = Some(on_air.clone());
        self.begun = None;
    }

    /// Takes in a fact of a monitor's airings in canonical order; other facts change nothing.
    pub fn after(&mut self, monitor: &PlaceId, envelope: &Envelope) {
        if let Fact::AiringBegun(begun) = &envelope.fact
            && begun.monitor == *monitor
        {
            let (content, kind, duration_ms) = (begun.content, begun.kind, begun.duration_ms);
            let from = envelope.head.at_ms;
            let until = from.plus_ms(i64::from(duration_ms));
            let what = What::Film { content, kind, duration_ms };
            self.begin(&OnAir {
                what,
                place: begun.place.clone(),
                from,
                until,
                why: Why::RunsToEnd,
                passed: Vec::new(),
            });
            self.begun = Some(envelope.head.id());
        }
        if let Fact::AiringEnded(ended) = &envelope.fact
            && self.begun == Some(ended.begun)
        {
            self.stop();
        }
    }

    /// Notes that nothing runs any more: it ended, or the screen was started anew.
    pub fn stop(&mut self) {
        self.running = None;
        self.begun = None;
    }

    /// Returns what runs.
    #[must_use]
    pub const fn running(&self) -> Option<&OnAir> {
        self.running.as_ref()
    }

    /// Returns the fact with which that began.
    #[must_use]
    pub const fn begun(&self) -> Option<FactId> {
        self.begun
    }

    /// Lists the adverts that began less than so many milliseconds before or after an instant; a clock may step back.
    pub fn adverts_within(&self, span_ms: i64, now: AtMs) -> impl Iterator<Item = Shown> + '_ {
        self.adverts.iter().copied().filter(move |shown| now.since(shown.at).saturating_abs() < span_ms)
    }

    /// Lists the adverts that had to wait for their class and have not aired since, the longest waiting first.
    pub fn owed(&self) -> impl Iterator<Item = ContentHash> + '_ {
        self.owed.iter().copied()
    }

    /// Returns the substitute that aired last.
    #[must_use]
    pub const fn substitute(&self) -> Option<ContentHash> {
        self.substitute
    }

    /// Returns what of a loop aired last: the item, or the content where it is no item of the table.
    #[must_use]
    pub fn last_of(&self, table: &TableId, slot: Option<&SlotId>) -> Option<(Option<&ItemId>, Option<ContentHash>)> {
        let phase = self.phases.iter().find(|phase| phase.table == *table && phase.slot.as_ref() == slot)?;
        Some((phase.item.as_ref(), phase.content))
    }

    fn note_advert(&mut self, shown: Shown) {
        self.adverts.retain(|other| shown.at.since(other.at).saturating_abs() < HOUR_MS);
        if self.adverts.len() >= MAX_ADVERTS {
            self.adverts.drain(..1);
        }
        self.adverts.push(shown);
    }

    fn note_waits(&mut self, on_air: &OnAir) {
        let waits = on_air.passed.iter().filter(|passed| passed.why == Why::AdvertTooSoon);
        for content in waits.map(|passed| passed.content) {
            if !self.owed.contains(&content) && self.owed.len() < MAX_OWED {
                self.owed.push(content);
            }
        }
        self.owed.retain(|owed| Some(*owed) != on_air.what.content());
    }

    fn go_on(&mut self, place: &ItemPlace, content: Option<ContentHash>) {
        self.phases.retain(|phase| phase.table != place.table || phase.slot != place.slot);
        if self.phases.len() >= MAX_PHASES {
            self.phases.drain(..1);
        }
        let (table, slot, item) = (place.table.clone(), place.slot.clone(), place.item.clone());
        self.phases.push(Phase { table, slot, item, content });
    }
}
