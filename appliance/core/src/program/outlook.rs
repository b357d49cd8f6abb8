//! What the program's page shows: what airs now, the tables that run or are to come, each item with what stands against
//! it, and what airs if nobody approves.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::airs::{Ask, OnAir, What, rests};
use super::approval;
use super::content::{Content, ContentHash, ContentKind, OwnAiring};
use super::lists::OpenTable;
use super::table::{ItemPlace, MonitorHours, Revision, Slot, UrgentNotice};
use super::why::{Frame, Why};
use super::{ContentState, Deed, Program, TableState};
use crate::ids::{ItemId, SlotId, StaffId, TableId};
use crate::settings::{Text, WeekDay};
use crate::time::{AtMs, DayTime};

/// All that the page shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// What airs now.
    pub on_air: Explained,
    /// The urgent notice, while it stands.
    pub notice: Option<UrgentNotice>,
    /// What an emergency says.
    pub emergency: Option<Text>,
    /// When the monitor is lit.
    pub monitor: MonitorHours,
    /// The tables that are not over, by their start.
    pub tables: Vec<TableOutlook>,
    /// The content that is known, by title: what can stand in an item's stead is among it.
    pub contents: Vec<ContentOutlook>,
}

/// A reason as a page writes it: the code of its words, and what is filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// As [`Why::code`] gives it.
    pub code: &'static str,
    /// As [`Why::values`] gives them.
    pub values: BTreeMap<String, String>,
    /// Whether something is not as it should be.
    pub is_trouble: bool,
}

impl Reason {
    fn of(why: &Why) -> Self {
        Self { code: why.code(), values: why.values(), is_trouble: why.is_trouble() }
    }
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        Self::of(&why)
    }
}

/// What airs, and why, in words to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// What.
    #[serde(flatten)]
    pub what: What,
    /// The place in the table it airs at or stands in for.
    pub place: Option<ItemPlace>,
    /// Since when.
    pub from: AtMs,
    /// Until when.
    pub until: AtMs,
    /// Why.
    pub why: Reason,
    /// The sentence into which the reason is put: as [`Frame::code`] gives it.
    pub frame: Option<&'static str>,
    /// The items passed over to come to it.
    pub passed: Vec<PassedOver>,
}

/// An item that was passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// What would have aired.
    pub content: ContentHash,
    /// Why it does not.
    pub why: Reason,
}

impl From<OnAir> for Explained {
    fn from(on_air: OnAir) -> Self {
        let frame = on_air.frame().map(Frame::code);
        let passed = on_air.passed.iter();
        let passed = passed.map(|passed| PassedOver { content: passed.content, why: Reason::of(&passed.why) });
        Self {
            passed: passed.collect(),
            frame,
            why: Reason::from(on_air.why),
            what: on_air.what,
            place: on_air.place,
            from: on_air.from,
            until: on_air.until,
        }
    }
}

/// A table that runs or is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableOutlook {
    /// Which.
    pub table: TableId,
    /// The revision that stands.
    pub revision: Revision,
    /// The start of its period, included.
    pub from: AtMs,
    /// The end of its period, excluded.
    pub to: AtMs,
    /// The last instant at which an approval counts, included.
    pub deadline: AtMs,
    /// Whether it can still be approved, replaced in, and its approval withdrawn.
    pub is_open: bool,
    /// Whether an approval stands for at least the slots that did not change since.
    pub is_approved: bool,
    /// The last approval that was given.
    pub approved: Option<Approved>,
    /// What stands against all of it or a slot of it.
    pub lacks: Option<Reason>,
    /// Whether it is the one in force at an instant that another covers too.
    pub is_beside: bool,
    /// When what airs.
    pub slots: Vec<SlotOutlook>,
}

/// Who approved, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Approved {
    /// Who: the name that colleagues read; none where nobody was signed in, or is known no longer.
    pub by: Option<String>,
    /// Who, by the id that outlives the name; none where nobody was signed in.
    pub staff: Option<StaffId>,
    /// When.
    pub at: AtMs,
    /// What they saw.
    pub revision: Revision,
}

/// A slot of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotOutlook {
    /// Which.
    pub slot: SlotId,
    /// The days of the week on which it begins; empty is every day.
    pub days: Vec<WeekDay>,
    /// Its start in Asia/Tokyo, included.
    pub from: DayTime,
    /// Its end, excluded.
    pub to: DayTime,
    /// Why it is not approved.
    pub lacks: Option<Reason>,
    /// What airs, in the order of the loop.
    pub items: Vec<ItemOutlook>,
}

/// An item of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemOutlook {
    /// Which.
    pub item: ItemId,
    /// What the vendor put there.
    pub content: ContentHash,
    /// What stands in its stead, approved or still to be.
    pub with: Option<ContentHash>,
    /// Whether that is approved with the table.
    pub is_kept: bool,
    /// What stands against what would air; none when nothing does.
    pub rests: Option<Reason>,
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContentOutlook {
    /// Which.
    pub content: ContentHash,
    /// Where it comes from.
    pub kind: ContentKind,
    /// Its title for staff.
    pub title: String,
    /// How long it runs, in milliseconds.
    pub duration_ms: u32,
    /// Whether it may stand in an item's stead.
    pub may_replace: bool,
    /// The airing period that the clinic gave it.
    pub own: Option<OwnAiring>,
    /// What stands against it wherever it stands.
    pub rests: Option<Reason>,
}

impl Program {
    /// Makes the page of an instant.
    #[must_use]
    pub fn outlook(&self, ask: &Ask<'_>) -> Outlook {
        let open = self.open_tables(ask.now);
        let mut tables: Vec<TableOutlook> = open.iter().map(|open| self.table_outlook(open, ask)).collect();
        tables.sort_by(|one, other| (one.from, &one.table).cmp(&(other.from, &other.table)));
        let known = self.contents.values().filter(|state| !state.withdrawn.value);
        let known = known.filter_map(|state| Some((state, state.told.value.as_ref()?)));
        let mut contents: Vec<ContentOutlook> = known.map(|(state, told)| content_outlook(state, told, ask)).collect();
        contents.sort_by(|one, other| (&one.title, one.content).cmp(&(&other.title, other.content)));
        let notice = self.notice.value.clone().filter(|notice| ask.now < notice.until);
        Outlook {
            on_air: self.airs(ask).into(),
            notice,
            emergency: self.emergency.value.clone(),
            monitor: self.monitor.value,
            tables,
            contents,
        }
    }

    fn table_outlook(&self, open: &OpenTable<'_>, ask: &Ask<'_>) -> TableOutlook {
        let (state, table) = (open.state, &open.received.table);
        let deadline = approval::deadline_of(state).unwrap_or(table.deadline);
        let last = state.acts.iter().rev().find_map(|act| match &act.what {
            Deed::Approved { revision, .. } => {
                let person = act.by.person.as_ref().and_then(|person| person.parse().ok());
                let staff: Option<StaffId> = person;
                let known = staff.as_ref().and_then(|person| ask.standing.staff.get(person));
                let by = known.map(|staff| staff.name.clone());
                Some(Approved { by, staff, at: act.at.stamp.at, revision: *revision })
            }
            Deed::Withdrawn | Deed::Reopened { .. } => None,
        });
        TableOutlook {
            table: table.table.clone(),
            revision: table.revision,
            from: table.from,
            to: table.to,
            deadline,
            is_open: ask.now <= deadline,
            is_approved: approval::stands(state),
            approved: last,
            lacks: approval::lacks(state, ask.now).map(Reason::from),
            is_beside: open.is_beside,
            slots: table.slots.iter().map(|slot| self.slot_outlook(state, slot, ask)).collect(),
        }
    }

    fn slot_outlook(&self, state: &TableState, slot: &Slot, ask: &Ask<'_>) -> SlotOutlook {
        let approved = approval::of_slot(state, slot, ask.now);
        let kept = approved.as_ref().copied().unwrap_or_default();
        let items = slot.items.iter().map(|item| {
            let is_of = |it: &&super::table::Replaced| it.slot == slot.slot && it.item == item.item;
            let kept = kept.iter().rfind(is_of).map(|it| it.with);
            let drafted = state.draft.get(&slot.slot).and_then(|items| items.get(&item.item));
            let with = drafted.map_or(kept, |drafted| drafted.value);
            let rests = match self.content(with.unwrap_or(item.content)) {
                Some((content, told)) => rests(content, told, ask),
                None => Some(Why::ContentUnknown),
            };
            let rests = rests.map(Reason::from);
            ItemOutlook { item: item.item.clone(), content: item.content, with, is_kept: with == kept, rests }
        });
        SlotOutlook {
            slot: slot.slot.clone(),
            days: slot.days.clone(),
            from: slot.from,
            to: slot.to,
            lacks: approved.as_ref().err().map(Reason::of),
            items: items.collect(),
        }
    }
}

fn content_outlook(state: &ContentState, told: &Content, ask: &Ask<'_>) -> ContentOutlook {
    ContentOutlook {
        content: told.content,
        kind: told.kind,
        title: told.title.clone(),
        duration_ms: told.duration_ms,
        may_replace: told.kind != ContentKind::Advert,
        own: state.own.value,
        rests: rests(state, told, ask).map(Reason::from),
    }
}
