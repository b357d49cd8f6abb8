//! Why something airs or does not: a code and its values. The words stand in the assets under `[why]`, in every
//! language, under the same code.
//!
//! What speaks against the table is half a sentence there (11月20日までに承認がなかったため); the other half, under
//! `[on_air]`, says what came of it: a [`Frame`].

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::content::ContentTrouble;
use crate::time::{AtMs, Day};

/// Why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Why {
    /// The slot is approved and this is its item.
    Scheduled,
    /// The clinic put this in the item's stead, and approved it.
    Replaced,
    /// It is the clinic's own, which needs no approval.
    Own,
    /// What began runs to its end.
    RunsToEnd,
    /// An emergency has the screen.
    Emergency,
    /// An urgent notice stands before the loop.
    UrgentNotice,
    /// The clinic is closed and nobody waits.
    Closed {
        /// When the monitor is lit again, where that is known.
        opens: Option<AtMs>,
    },

    /// Nobody approved the table by its deadline.
    NotApproved {
        /// The deadline, included.
        deadline: AtMs,
    },
    /// The table's period has begun and its deadline is still to come.
    AwaitsApproval {
        /// The deadline, included.
        deadline: AtMs,
    },
    /// The table came after its own deadline.
    VendorLate {
        /// The deadline, included.
        deadline: AtMs,
        /// When it came.
        received: AtMs,
    },
    /// The approval came after the deadline.
    ApprovedLate {
        /// The deadline, included.
        deadline: AtMs,
        /// When it came.
        approved: AtMs,
    },
    /// The table was approved while the clock was not synchronised, so that nobody knows whether in time.
    ClockUnsure {
        /// The deadline, included.
        deadline: AtMs,
    },
    /// The approval was withdrawn.
    ApprovalWithdrawn,
    /// The vendor changed the slot after it was approved.
    SlotChanged,

    /// No table covers the time.
    NoTable,
    /// The vendor withdrew the table.
    TableWithdrawn,
    /// The table has nothing at this time of day.
    NoSlot,
    /// The loop has no items.
    NoItems,
    /// Nobody told what the content is.
    ContentUnknown,
    /// The content is not on this machine's disk.
    ContentMissing,
    /// The content cannot be played.
    ContentBroken {
        /// Why.
        trouble: ContentTrouble,
    },
    /// The vendor withdrew the content.
    ContentWithdrawn,
    /// The content's lease has lapsed, because the vendor could not be asked.
    LeaseLapsed {
        /// When.
        at: AtMs,
    },
    /// The clinic's airing period for its content is over or has not begun.
    OutsideOwnPeriod,
    /// An advert of the same class aired a short while ago.
    AdvertTooSoon,
    /// Another advert of the class has waited longer.
    AdvertYields,
    /// A competitor has the class for itself.
    AdvertExcluded,
    /// The advert, or all adverts together, aired as often as may be in an hour.
    AdvertCapped,

    /// Another table covers the same time.
    TwoTables,
}

/// What came of a reason: the sentence into which its words are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frame {
    /// A substitute airs.
    Substitute,
    /// Not even a substitute is here: the built-in card stands.
    Card,
    /// The item is passed over.
    Skipped,
    /// A substitute will air when the time comes.
    Coming,
}

impl Frame {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Substitute, Self::Card, Self::Skipped, Self::Coming];

    /// Returns the key under which the words have the sentence, with `{why}` for the reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Substitute => "substitute",
            Self::Card => "card",
            Self::Skipped => "skipped",
            Self::Coming => "coming",
        }
    }
}

impl Why {
    /// One of each, for checking that each has its words.
    pub const ALL: &'static [Self] = &[
        Self::Scheduled,
        Self::Replaced,
        Self::Own,
        Self::RunsToEnd,
        Self::Emergency,
        Self::UrgentNotice,
        Self::Closed { opens: None },
        Self::Closed { opens: Some(AtMs(0)) },
        Self::NotApproved { deadline: AtMs(0) },
        Self::AwaitsApproval { deadline: AtMs(0) },
        Self::VendorLate { deadline: AtMs(0), received: AtMs(0) },
        Self::ApprovedLate { deadline: AtMs(0), approved: AtMs(0) },
        Self::ClockUnsure { deadline: AtMs(0) },
        Self::ApprovalWithdrawn,
        Self::SlotChanged,
        Self::NoTable,
        Self::TableWithdrawn,
        Self::NoSlot,
        Self::NoItems,
        Self::ContentUnknown,
        Self::ContentMissing,
        Self::ContentBroken { trouble: ContentTrouble::WrongBytes },
        Self::ContentWithdrawn,
        Self::LeaseLapsed { at: AtMs(0) },
        Self::OutsideOwnPeriod,
        Self::AdvertTooSoon,
        Self::AdvertYields,
        Self::AdvertExcluded,
        Self::AdvertCapped,
        Self::TwoTables,
    ];

    /// Returns the code under which the words have its sentence.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Replaced => "replaced",
            Self::Own => "own",
            Self::RunsToEnd => "runs_to_end",
            Self::Emergency => "emergency",
            Self::UrgentNotice => "urgent_notice",
            Self::Closed { opens: None } => "closed",
            Self::Closed { opens: Some(_) } => "closed_until",
            Self::NotApproved { .. } => "not_approved",
            Self::AwaitsApproval { .. } => "awaits_approval",
            Self::VendorLate { .. } => "vendor_late",
            Self::ApprovedLate { .. } => "approved_late",
            Self::ClockUnsure { .. } => "clock_unsure",
            Self::ApprovalWithdrawn => "approval_withdrawn",
            Self::SlotChanged => "slot_changed",
            Self::NoTable => "no_table",
            Self::TableWithdrawn => "table_withdrawn",
            Self::NoSlot => "no_slot",
            Self::NoItems => "no_items",
            Self::ContentUnknown => "content_unknown",
            Self::ContentMissing => "content_missing",
            Self::ContentBroken { .. } => "content_broken",
            Self::ContentWithdrawn => "content_withdrawn",
            Self::LeaseLapsed { .. } => "lease_lapsed",
            Self::OutsideOwnPeriod => "outside_own_period",
            Self::AdvertTooSoon => "advert_too_soon",
            Self::AdvertYields => "advert_yields",
            Self::AdvertExcluded => "advert_excluded",
            Self::AdvertCapped => "advert_capped",
            Self::TwoTables => "two_tables",
        }
    }

    /// Returns the values for the sentence: `month`, `day` and `date` are those of a deadline's last day, in Asia/Tokyo,
    /// `at_month`, `at_day`, `at_date` and `time` those of when something came or comes.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        let (deadline, at) = self.instants();
        // A deadline at midnight is the end of the day before.
        let last = deadline.map(|at| Day::holding(at.plus_ms(-1), 0));
        let day = at.map(|at| Day::holding(at, 0));
        let parts = |day: Option<Day>, names: [&'static str; 3]| {
            day.map(|day| [day.0.month().to_string(), day.0.day().to_string(), day.to_string()])
                .into_iter()
                .flat_map(move |values| names.map(String::from).into_iter().zip(values))
        };
        parts(last, ["month", "day", "date"])
            .chain(parts(day, ["at_month", "at_day", "at_date"]))
            .chain(at.map(|at| ("time".to_string(), at.clock_face())))
            .collect()
    }

    /// Whether its words are half a sentence, to be put into a [`Frame`].
    #[must_use]
    pub const fn is_clause(&self) -> bool {
        !matches!(
            self,
            Self::Scheduled
                | Self::Replaced
                | Self::Own
                | Self::RunsToEnd
                | Self::Emergency
                | Self::UrgentNotice
                | Self::Closed { .. }
                | Self::TwoTables
        )
    }

    /// Whether staff should know, because something is not as it should be.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        let as_agreed = matches!(
            self,
            Self::OutsideOwnPeriod
                | Self::AdvertTooSoon
                | Self::AdvertYields
                | Self::AdvertExcluded
                | Self::AdvertCapped
        );
        matches!(self, Self::TwoTables) || (self.is_clause() && !as_agreed)
    }

    /// Returns the deadline and the other instant it speaks of.
    const fn instants(&self) -> (Option<AtMs>, Option<AtMs>) {
        match self {
            Self::NotApproved { deadline } | Self::AwaitsApproval { deadline } | Self::ClockUnsure { deadline } => {
                (Some(*deadline), None)
            }
            Self::VendorLate { deadline, received: at } | Self::ApprovedLate { deadline, approved: at } => {
                (Some(*deadline), Some(*at))
            }
            Self::LeaseLapsed { at } => (None, Some(*at)),
            Self::Closed { opens } => (None, *opens),
            Self::Scheduled
            | Self::Replaced
            | Self::Own
            | Self::RunsToEnd
            | Self::Emergency
            | Self::UrgentNotice
            | Self::ApprovalWithdrawn
            | Self::SlotChanged
            | Self::NoTable
            | Self::TableWithdrawn
            | Self::NoSlot
            | Self::NoItems
            | Self::ContentUnknown
            | Self::ContentMissing
            | Self::ContentBroken { .. }
            | Self::ContentWithdrawn
            | Self::OutsideOwnPeriod
            | Self::AdvertTooSoon
            | Self::AdvertYields
            | Self::AdvertExcluded
            | Self::AdvertCapped
            | Self::TwoTables => (None, None),
        }
    }
}
