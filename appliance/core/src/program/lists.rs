//! What will air, what staff should know of it, and what advertisers are told.
//!
//! An advertiser's row has ids, instants and numbers only: no type here can hold a word that anybody typed, so that no
//! report can hold a patient's.

use alloc::vec::Vec;

use serde::Serialize;

use super::airs::{Ask, OnAir, Passed, rests};
use super::approval;
use super::as_run::AsRun;
use super::content::{ContentHash, ContentKind};
use super::table::{ItemPlace, Revision};
use super::why::Why;
use super::{Program, Received, TableState};
use crate::ids::{AdvertiserId, ItemId, SiteId, SlotId, TableId};
use crate::time::AtMs;

/// The most changes that one listing looks ahead: a day of 15-second films.
const MAX_AHEAD: usize = 5_760;

/// Something about a table that staff should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It concerns a whole table.
    OfTable {
        /// Which.
        table: TableId,
        /// What.
        why: Why,
    },
    /// It concerns one item.
    OfItem(Passed),
}

/// An advert that a facility will air (放映予定施設).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduledFacility {
    /// The facility.
    pub site: SiteId,
    /// Whose advert.
    pub advertiser: AdvertiserId,
    /// The advert.
    pub content: ContentHash,
    /// In which table.
    pub table: TableId,
    /// The revision in force.
    pub revision: Revision,
    /// In which slot.
    pub slot: SlotId,
    /// At which item.
    pub item: ItemId,
    /// The period's start, included.
    pub from: AtMs,
    /// The period's end, excluded.
    pub to: AtMs,
}

/// An advert that a facility aired (放映施設), or the part of it that fell into one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AiredFacility {
    /// The facility.
    pub site: SiteId,
    /// Whose advert.
    pub advertiser: AdvertiserId,
    /// The advert.
    pub content: ContentHash,
    /// Its start, included.
    pub from: AtMs,
    /// Its end, excluded.
    pub to: AtMs,
    /// Frames shown.
    pub frames: u32,
    /// Milliseconds for which a lit monitor was there.
    pub lit_ms: u32,
}

/// A table that runs or is to come.
pub(super) struct OpenTable<'a> {
    pub(super) id: &'a TableId,
    pub(super) state: &'a TableState,
    /// The revision that stands.
    pub(super) received: &'a Received,
    /// Whether another one covers a part of its period.
    pub(super) is_beside: bool,
}

impl Program {
    /// Lists what airs from the asked instant until another, if nothing else happens.
    ///
    /// What would air if nobody approved is this list for a time after the deadline.
    #[must_use]
    pub fn schedule(&self, ask: &Ask<'_>, until: AtMs) -> Vec<OnAir> {
        let mut aired = ask.aired.clone();
        let (mut listed, mut now) = (Vec::new(), ask.now);
        while now < until && listed.len() < MAX_AHEAD {
            let on_air = self.airs(&Ask { aired: &aired, now, ..*ask });
            aired.begin(&on_air);
            now = on_air.until.max(now.plus_ms(1));
            listed.push(on_air);
        }
        listed
    }

    /// Lists what staff should know of the tables that run or are to come: what is not approved, what cannot air, and
    /// tables for the same time.
    #[must_use]
    pub fn troubles(&self, ask: &Ask<'_>) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        for OpenTable { id, state, received, is_beside } in self.open_tables(ask.now) {
            let two = is_beside.then_some(Why::TwoTables);
            let whys = two.into_iter().chain(approval::lacks(state, ask.now));
            troubles.extend(whys.map(|why| Trouble::OfTable { table: id.clone(), why }));
            for slot in &received.table.slots {
                for item in &slot.items {
                    let why = match self.content(item.content) {
                        Some((content, told)) => rests(content, told, ask),
                        None => Some(Why::ContentUnknown),
                    };
                    let place = ItemPlace {
                        table: id.clone(),
                        revision: received.table.revision,
                        slot: Some(slot.slot.clone()),
                        item: Some(item.item.clone()),
                    };
                    let passed = why.filter(Why::is_trouble).map(|why| Passed { place, content: item.content, why });
                    troubles.extend(passed.map(Trouble::OfItem));
                }
            }
        }
        troubles
    }

    /// Lists the tables that run or are to come, by their ids.
    pub(super) fn open_tables(&self, now: AtMs) -> Vec<OpenTable<'_>> {
        let there = self.tables.iter().filter(|(_, state)| !state.is_withdrawn());
        let there = there.filter_map(|(id, state)| Some((id, state, state.current()?)));
        let open: Vec<_> = there.filter(|(_, _, received)| now < received.table.to).collect();
        let is_beside = |id: &TableId, received: &Received| {
            let mut others = open.iter().filter(|(other, _, _)| *other != id);
            others.any(|(_, _, other)| other.table.period().overlaps(&received.table.period()))
        };
        let open_tables = open.iter().map(|&(id, state, received)| {
            let is_beside = is_beside(id, received);
            OpenTable { id, state, received, is_beside }
        });
        open_tables.collect()
    }

    /// Lists the adverts that are approved to air at this facility.
    #[must_use]
    pub fn scheduled_at(&self, site: SiteId, now: AtMs) -> Vec<ScheduledFacility> {
        let mut listed = Vec::new();
        for (id, state) in self.tables.iter().filter(|(_, state)| !state.is_withdrawn()) {
            let Some(received) = state.current().filter(|received| now < received.table.to) else { continue };
            for slot in &received.table.slots {
                let Ok(replaced) = approval::of_slot(state, slot, now) else { continue };
                for item in &slot.items {
                    let with = replaced.iter().rfind(|it| it.slot == slot.slot && it.item == item.item);
                    let content = with.map_or(item.content, |it| it.with);
                    let Some(advertiser) = self.advertiser_of(content) else { continue };
                    listed.push(ScheduledFacility {
                        site,
                        advertiser,
                        content,
                        table: id.clone(),
                        revision: received.table.revision,
                        slot: slot.slot.clone(),
                        item: item.item.clone(),
                        from: received.table.from,
                        to: received.table.to,
                    });
                }
            }
        }
        listed
    }

    /// Makes the advertisers' rows of what this facility aired; nobody is told of a rehearsal.
    #[must_use]
    pub fn aired_at(&self, site: SiteId, rows: &[AsRun]) -> Vec<AiredFacility> {
        let real = rows.iter().filter(|row| !row.rehearsal);
        let adverts = real.filter_map(|row| Some((row, self.advertiser_of(row.content)?)));
        adverts
            .map(|(row, advertiser)| AiredFacility {
                site,
                advertiser,
                content: row.content,
                from: row.from,
                to: row.to,
                frames: row.frames,
                lit_ms: row.lit_ms,
            })
            .collect()
    }

    fn advertiser_of(&self, content: ContentHash) -> Option<AdvertiserId> {
        let (_, told) = self.content(content).filter(|(_, told)| told.kind == ContentKind::Advert)?;
        told.advert.as_ref().map(|terms| terms.advertiser.clone())
    }
}
