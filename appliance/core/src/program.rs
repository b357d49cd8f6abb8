//! The program: what the vendor sent, what the clinic made of it, and what stands against it, folded from facts.
//!
//! Every part is a register that keeps the latest fact in canonical order, or a set, so that facts may arrive in any
//! order and any number of times: the hub's come late as a rule. Nothing here decides what airs; `airs.rs` does.

pub mod adverts;
pub mod aired;
pub mod airs;
pub mod approval;
pub mod as_run;
pub mod content;
pub mod decide;
mod keep;
pub mod lists;
pub mod outlook;
pub mod publish;
pub mod table;
pub mod why;
pub mod window;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::envelope::{By, Canonical, Envelope, Head, Trust};
use crate::facts::Fact;
use crate::ids::{ItemId, SlotId, TableId};
use crate::settings::Text;
use crate::time::AtMs;

use content::{Content, ContentHash, ContentKind, ContentTrouble, LEASE_MS, OwnAiring};
use table::{MonitorHours, Replaced, Revision, Table, UrgentNotice};

/// Version of this fold: a checkpoint written by another is not used.
pub const PROGRAM_VERSION: u32 = 2;

/// The kinds of fact that this fold reads: a start reads these of all time.
pub const PROGRAM_KINDS: [&str; 18] = [
    "TableReceived",
    "TableWithdrawn",
    "ItemReplaced",
    "TableApproved",
    "ApprovalWithdrawn",
    "ApprovalReopened",
    "ContentSet",
    "LeasesRenewed",
    "ContentWithdrawn",
    "ContentPrepared",
    "ContentQuarantined",
    "OwnAiringSet",
    "OwnAiringEnded",
    "UrgentNoticeSet",
    "UrgentNoticeWithdrawn",
    "EmergencyBegun",
    "EmergencyEnded",
    "MonitorHoursSet",
];

/// The kinds of fact that tell what monitors showed.
pub const AIRING_KINDS: [&str; 4] = ["ItemSkipped", "AiringBegun", "AiringContinued", "AiringEnded"];

/// How many tables are kept: over two years of weeks. The one whose period ends first goes.
const MAX_TABLES: usize = 128;

/// A value with the place in canonical order of the fact that set it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest<T> {
    /// Where the fact stands; none before the first.
    pub at: Option<Canonical>,
    /// What it set.
    pub value: T,
}

impl<T> Latest<T> {
    pub(crate) fn set(&mut self, at: Canonical, value: T) {
        if self.at <= Some(at) {
            *self = Self { at: Some(at), value };
        }
    }
}

/// One revision of a table, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// The fact that brought it.
    pub at: Canonical,
    /// What it says.
    pub table: Table,
}

/// Something done about a table's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The fact.
    pub at: Canonical,
    /// How far its clock could be trusted.
    pub trust: Trust,
    /// Who did it.
    pub by: By,
    /// What.
    pub what: Deed,
}

/// What was done about an approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// A revision was approved, with replacements.
    Approved {
        /// Which.
        revision: Revision,
        /// What stands in the stead of the vendor's content.
        replaced: Vec<Replaced>,
    },
    /// The approval was taken back.
    Withdrawn,
    /// The vendor lets the table be approved until another deadline.
    Reopened {
        /// The deadline, included.
        deadline: AtMs,
    },
}

/// All that is known of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableState {
    /// Its revisions.
    pub revisions: BTreeMap<Revision, Received>,
    /// The last time that the vendor withdrew it.
    pub withdrawn: Option<Canonical>,
    /// What was done about its approval, in canonical order.
    pub acts: Vec<Act>,
    /// The replacements at which the clinic's people are working; what airs are those of the approval.
    pub draft: BTreeMap<SlotId, BTreeMap<ItemId, Latest<Option<ContentHash>>>>,
}

impl TableState {
    /// Returns the revision in force.
    #[must_use]
    pub fn current(&self) -> Option<&Received> {
        self.revisions.values().next_back()
    }

    /// Whether the vendor withdrew the table and has not sent it since.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn > self.revisions.values().map(|received| received.at).max()
    }

    /// Lists the replacements that the clinic's people are working at.
    pub fn drafted(&self) -> impl Iterator<Item = Replaced> + '_ {
        self.draft.iter().flat_map(|(slot, items)| {
            items
                .iter()
                .filter_map(|(item, with)| Some(Replaced { slot: slot.clone(), item: item.clone(), with: with.value? }))
        })
    }

    fn act(&mut self, head: &Head, what: Deed) {
        let act = Act { at: head.canonical(), trust: head.clock, by: head.by.clone(), what };
        if let Err(idx) = self.acts.binary_search_by_key(&act.at, |known| known.at) {
            self.acts.insert(idx, act);
        }
    }
}

/// All that is known of a piece of content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentState {
    /// What it is; none when only something else was told of it.
    pub told: Latest<Option<Content>>,
    /// When it rests, where it has a lease.
    pub lease_until: Latest<AtMs>,
    /// Whether the vendor withdrew it.
    pub withdrawn: Latest<bool>,
    /// Why it cannot be played.
    pub trouble: Latest<Option<ContentTrouble>>,
    /// The airing period that the clinic gave it.
    pub own: Latest<Option<OwnAiring>>,
}

impl ContentState {
    /// Returns the instant from which it rests; none for content that has no lease.
    #[must_use]
    pub fn rests_at(&self) -> Option<AtMs> {
        let told = self.told.value.as_ref()?;
        told.kind.needs_approval().then_some(self.lease_until.value)
    }
}

/// The program as the facts left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The tables.
    pub tables: BTreeMap<TableId, TableState>,
    /// The content.
    pub contents: BTreeMap<ContentHash, ContentState>,
    /// The urgent notice.
    pub notice: Latest<Option<UrgentNotice>>,
    /// What an emergency says on the screen.
    pub emergency: Latest<Option<Text>>,
    /// When the monitor is lit.
    pub monitor: Latest<MonitorHours>,
}

impl Program {
    /// Takes in a fact, in any order; facts of other kinds change nothing.
    #[expect(clippy::too_many_lines, reason = "one arm a kind of fact")]
    pub fn after(&mut self, envelope: &Envelope) {
        let (head, at) = (&envelope.head, envelope.head.canonical());
        match &envelope.fact {
            Fact::TableReceived(table) => self.receive(at, table),
            Fact::TableWithdrawn(gone) => {
                let table = self.table_of(&gone.table);
                table.withdrawn = table.withdrawn.max(Some(at));
            }
            Fact::ItemReplaced(replaced) => {
                let slot = self.table_of(&replaced.table).draft.entry(replaced.slot.clone()).or_default();
                slot.entry(replaced.item.clone()).or_default().set(at, replaced.with);
            }
            Fact::TableApproved(approved) => {
                let (revision, replaced) = (approved.revision, approved.replaced.clone());
                self.table_of(&approved.table).act(head, Deed::Approved { revision, replaced });
            }
            Fact::ApprovalWithdrawn(of) => self.table_of(&of.table).act(head, Deed::Withdrawn),
            Fact::ApprovalReopened(again) => {
                self.table_of(&again.table).act(head, Deed::Reopened { deadline: again.deadline });
            }
            Fact::ContentSet(content) => self.set_content(at, content),
            Fact::LeasesRenewed(renewed) => {
                for content in &renewed.contents {
                    self.content_of(*content).lease_until.set(at, renewed.until);
                }
            }
            Fact::ContentWithdrawn(of) => self.content_of(of.content).withdrawn.set(at, true),
            Fact::ContentPrepared(of) => self.content_of(of.content).trouble.set(at, None),
            Fact::ContentQuarantined(of) => self.content_of(of.content).trouble.set(at, Some(of.trouble)),
            Fact::OwnAiringSet(own) => self.content_of(own.content).own.set(at, Some(*own)),
            Fact::OwnAiringEnded(of) => self.content_of(of.content).own.set(at, None),
            Fact::UrgentNoticeSet(notice) => self.notice.set(at, Some(notice.clone())),
            Fact::UrgentNoticeWithdrawn => self.notice.set(at, None),
            Fact::EmergencyBegun(begun) => self.emergency.set(at, Some(begun.text.clone())),
            Fact::EmergencyEnded => self.emergency.set(at, None),
            Fact::MonitorHoursSet(hours) => self.monitor.set(at, *hours),
            Fact::ItemSkipped(_)
            | Fact::AiringBegun(_)
            | Fact::AiringContinued(_)
            | Fact::AiringEnded(_)
            | Fact::HealthReported(_)
            | Fact::JournalOpened(_)
            | Fact::SiteSet(_)
            | Fact::LineSet(_)
            | Fact::LineRemoved(_)
            | Fact::RoomSet(_)
            | Fact::RoomRemoved(_)
            | Fact::HoursSet(_)
            | Fact::RulesSet(_)
            | Fact::PrinterSet(_)
            | Fact::PrinterRemoved(_)
            | Fact::DayOpened(_)
            | Fact::DayRedated(_)
            | Fact::LineOpened(_)
            | Fact::LineClosed(_)
            | Fact::LinePaused
            | Fact::LineResumed
            | Fact::NumbersJumped(_)
            | Fact::NumbersLeased(_)
            | Fact::MessageSet(_)
            | Fact::TicketIssued(_)
            | Fact::Arrived(_)
            | Fact::Called(_)
            | Fact::NobodyCalled(_)
            | Fact::Recalled(_)
            | Fact::Entered(_)
            | Fact::MarkedAbsent(_)
            | Fact::Returned(_)
            | Fact::Finished(_)
            | Fact::Cancelled(_)
            | Fact::LeftLine(_)
            | Fact::Held(_)
            | Fact::Released(_)
            | Fact::Moved(_)
            | Fact::StageEntered(_)
            | Fact::Reordered(_)
            | Fact::FamilyJoined(_)
            | Fact::Undone(_)
            | Fact::PrintBegun(_)
            | Fact::PrintEnded(_)
            | Fact::PersonalErased(_)
            | Fact::CallConnected(_)
            | Fact::CallDisconnected(_)
            | Fact::StaffSet(_)
            | Fact::StaffRemoved(_)
            | Fact::DevicePaired(_)
            | Fact::DeviceUnpaired(_)
            | Fact::SignedIn(_)
            | Fact::SignedOut(_)
            | Fact::SignInsEnded
            | Fact::ReservationSet(_)
            | Fact::CallAssigned(_)
            | Fact::RecordingMarked(_)
            | Fact::TariffSet(_)
            | Fact::CallWitnessed(_)
            | Fact::SupportOrdered(_)
            | Fact::SupportAnswered(_)
            | Fact::SupportBegun(_)
            | Fact::SupportReported(_)
            | Fact::Commissioned(_)
            | Fact::TariffRemoved(_)
            | Fact::Unknown(_) => {}
        }
    }

    /// Returns what is known of a piece of content, and what it is; none when nobody told.
    #[must_use]
    pub fn content(&self, content: ContentHash) -> Option<(&ContentState, &Content)> {
        let state = self.contents.get(&content)?;
        state.told.value.as_ref().map(|told| (state, told))
    }

    /// Lists the content of a kind.
    pub fn of_kind(&self, kind: ContentKind) -> impl Iterator<Item = &Content> {
        let told = self.contents.values().filter_map(|state| state.told.value.as_ref());
        told.filter(move |content| content.kind == kind)
    }

    /// The first fact of a revision counts: another one under its name was seen by nobody who approved it.
    fn receive(&mut self, at: Canonical, table: &Table) {
        let state = self.tables.entry(table.table.clone()).or_default();
        if state.revisions.get(&table.revision).is_none_or(|known| known.at > at) {
            state.revisions.insert(table.revision, Received { at, table: table.clone() });
        }
        self.drop_oldest();
    }

    fn set_content(&mut self, at: Canonical, content: &Content) {
        let state = self.content_of(content.content);
        state.lease_until.set(at, content.lease_until.unwrap_or_else(|| at.stamp.at.plus_ms(LEASE_MS)));
        state.withdrawn.set(at, false);
        state.told.set(at, Some(content.clone()));
    }

    fn table_of(&mut self, table: &TableId) -> &mut TableState {
        self.tables.entry(table.clone()).or_default()
    }

    fn content_of(&mut self, content: ContentHash) -> &mut ContentState {
        self.contents.entry(content).or_default()
    }

    fn drop_oldest(&mut self) {
        while self.tables.len() > MAX_TABLES {
            let ends = |state: &TableState| state.current().map(|received| received.table.to);
            let first = self.tables.iter().min_by_key(|(id, state)| (ends(state), *id));
            let Some(first) = first.map(|(id, _)| id.clone()) else { return };
            self.tables.remove(&first);
        }
    }
}
