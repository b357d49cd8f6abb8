//! The program table (番組表) and what people do to it: replacement, approval, reopening. The structs are bodies of
//! facts; what they amount to is told in `approval.rs`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::content::ContentHash;
use super::window::Period;
use crate::ids::{ItemId, SlotId, TableId};
use crate::settings::{Text, WeekDay};
use crate::time::{AtMs, DayTime};

/// Which state of a table: the vendor counts up with every change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u32);

/// What airs in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Which.
    pub table: TableId,
    /// In which state.
    pub revision: Revision,
    /// The start of its period, included.
    pub from: AtMs,
    /// The end of its period, excluded.
    pub to: AtMs,
    /// The last instant at which an approval counts, included.
    pub deadline: AtMs,
    /// When what airs; of slots that run at the same time the later one in this list counts.
    pub slots: Vec<Slot>,
    /// What holds for its adverts together.
    #[serde(default)]
    pub adverts: AdvertRules,
}

impl Table {
    /// Returns its period.
    #[must_use]
    pub const fn period(&self) -> Period {
        Period { from: self.from, to: self.to }
    }

    /// Returns a slot.
    #[must_use]
    pub fn slot(&self, slot: &SlotId) -> Option<&Slot> {
        self.slots.iter().find(|known| known.slot == *slot)
    }
}

/// When items air: a loop of items in a stretch of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Which.
    pub slot: SlotId,
    /// The days of the week on which it begins; empty is every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<WeekDay>,
    /// Its start in Asia/Tokyo, included.
    pub from: DayTime,
    /// Its end, excluded; at or before the start it is on the next day.
    pub to: DayTime,
    /// What airs, in the order of the loop.
    pub items: Vec<Item>,
}

/// A place for one piece of content in a slot's loop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Which.
    pub item: ItemId,
    /// What the vendor put there.
    pub content: ContentHash,
}

/// What holds for a table's adverts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvertRules {
    /// Minutes between the starts of two adverts of one class, at least; at most 60 count.
    pub apart_min: u16,
    /// The most adverts in any 60 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_per_hour: Option<u16>,
}

impl Default for AdvertRules {
    fn default() -> Self {
        Self { apart_min: 10, most_per_hour: None }
    }
}

/// A table alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfTable {
    /// Which.
    pub table: TableId,
}

/// Where in a table something airs, or is passed over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemPlace {
    /// The table.
    pub table: TableId,
    /// Its revision.
    pub revision: Revision,
    /// The slot; none for the clinic's content outside every slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<SlotId>,
    /// The item; none for what joined the loop, or fills a loop of which nothing can air.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
}

/// One item and the content the clinic put in its stead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// In which slot.
    pub slot: SlotId,
    /// Which item.
    pub item: ItemId,
    /// With what.
    pub with: ContentHash,
}

/// See [`crate::facts::Fact::ItemReplaced`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemReplaced {
    /// In which table.
    pub table: TableId,
    /// In which slot.
    pub slot: SlotId,
    /// Which item.
    pub item: ItemId,
    /// With what; none puts the vendor's content back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with: Option<ContentHash>,
}

/// See [`crate::facts::Fact::TableApproved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableApproved {
    /// Which table.
    pub table: TableId,
    /// The revision that was seen.
    pub revision: Revision,
    /// The replacements that were seen and are approved with it: all others are taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
}

/// See [`crate::facts::Fact::ApprovalReopened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalReopened {
    /// Which table.
    pub table: TableId,
    /// The new deadline, included.
    pub deadline: AtMs,
}

/// See [`crate::facts::Fact::UrgentNoticeSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrgentNotice {
    /// What it says.
    pub text: Text,
    /// Until when, excluded.
    pub until: AtMs,
}

/// See [`crate::facts::Fact::EmergencyBegun`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyBegun {
    /// What the screen says.
    pub text: Text,
}

/// See [`crate::facts::Fact::MonitorHoursSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorHours {
    /// Minutes before a day's first session from which the monitor is lit.
    pub before_min: u16,
    /// Minutes after a day's last session until which it is lit.
    pub after_min: u16,
}

impl Default for MonitorHours {
    /// Half an hour before and after: the kiosk gives numbers then.
    fn default() -> Self {
        Self { before_min: 30, after_min: 30 }
    }
}
