//! What facts tell of consultation calls: connections, recording marks, reservations, tariffs and what the vendor saw.

use serde::{Deserialize, Serialize};

use super::tariff::Tariff;
use crate::envelope::Head;
use crate::ids::{BootId, ConnectionId, DeviceId, EventId, PolicyVersion, RecordingPlace, ReservationId};
use crate::time::{AtMs, Day};

/// Whose end of a call it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The clinic's: it alone is rated.
    #[default]
    Clinic,
    /// The patient's: recorded, and it changes no amount.
    Patient,
}

/// An instant at which a connection was seen to stand, by the clocks of the machine that saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The start of the box within which `mono_ms` counts.
    pub boot: BootId,
    /// Monotonic milliseconds since that start.
    pub mono_ms: u64,
    /// Hybrid clock, milliseconds of UTC: for people, never for durations within one start.
    pub at_ms: AtMs,
}

impl Evidence {
    /// Returns the clocks of a fact.
    #[must_use]
    pub const fn of(head: &Head) -> Self {
        Self { boot: head.boot, mono_ms: head.mono_ms, at_ms: head.at_ms }
    }

    /// Returns the milliseconds from `earlier` to this by the monotonic clock, 0 where this is before it; none where the
    /// two are of different starts.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<i64> {
        let ms = self.mono_ms.saturating_sub(earlier.mono_ms);
        (self.boot == earlier.boot).then(|| i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Somebody left the call.
    Left,
    /// The page was closed.
    PageClosed,
    /// Staff ended it by hand.
    ByHand,
    /// No heartbeat came any more: it ends at the last one.
    Silent,
    /// The box started anew meanwhile: it ends at the last evidence before that.
    Restarted,
}

/// What names a connection: facts that agree in all three speak of the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallKey {
    /// The reservation; none while nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<ReservationId>,
    /// The end of the call.
    pub endpoint: DeviceId,
    /// The connection, drawn by whoever connects; none where it was noted by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<ConnectionId>,
}

/// See [`crate::facts::Fact::CallConnected`] and [`crate::facts::Fact::CallDisconnected`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnd {
    /// Which connection.
    #[serde(flatten)]
    pub key: CallKey,
    /// Whose end.
    #[serde(default, skip_serializing_if = "is_clinic")]
    pub side: Side,
    /// Whether it is a test, which is never billed.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub test: bool,
    /// Whether staff note it by hand, so that no heartbeats come.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub by_hand: bool,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<EndReason>,
    /// The last evidence, where the end itself was not seen: the connection ends there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a field by reference")]
fn is_clinic(side: &Side) -> bool {
    matches!(side, Side::Clinic)
}

/// What happened to a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It began, or went on after a pause.
    Started,
    /// It paused.
    Paused,
    /// It ended.
    Stopped,
}

/// See [`crate::facts::Fact::RecordingMarked`]: never the recording itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingMarked {
    /// Of which connection.
    #[serde(flatten)]
    pub key: CallKey,
    /// What happened.
    pub mark: Mark,
    /// Where the recording lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<RecordingPlace>,
}

/// See [`crate::facts::Fact::ReservationSet`]; nothing of the patient stands in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// Which.
    pub reservation: ReservationId,
    /// When the consultation is to begin.
    pub starts_at_ms: AtMs,
    /// Whether it was cancelled.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub cancelled: bool,
    /// The version of the cancellation policy that was shown at booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyVersion>,
}

/// See [`crate::facts::Fact::CallAssigned`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallAssigned {
    /// The end of a connection without a reservation.
    pub endpoint: DeviceId,
    /// That connection.
    pub connection: ConnectionId,
    /// To which reservation it belongs; none takes that back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ReservationId>,
}

impl CallAssigned {
    /// Returns the name that the connection has without a reservation.
    #[must_use]
    pub fn key(&self) -> CallKey {
        CallKey { reservation: None, endpoint: self.endpoint.clone(), connection: Some(self.connection.clone()) }
    }
}

/// See [`crate::facts::Fact::TariffSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffSet {
    /// Reservations that start on this date in Asia/Tokyo or later are rated by it, until the next one's.
    pub from: Day,
    /// The tariff.
    pub tariff: Tariff,
}

/// See [`crate::facts::Fact::TariffRemoved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffRemoved {
    /// The date from which it was set.
    pub from: Day,
}

/// Who else saw a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// LiveKit's webhook.
    Livekit,
    /// Twilio's status callback.
    Twilio,
    /// A list that somebody brought in.
    Csv,
}

impl Vendor {
    /// All of them, for checking that each has its words.
    pub const ALL: [Self; 3] = [Self::Livekit, Self::Twilio, Self::Csv];

    /// Returns the key under which the words have its name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Livekit => "livekit",
            Self::Twilio => "twilio",
            Self::Csv => "csv",
        }
    }
}

/// What the vendor saw of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// It came into being.
    Joined,
    /// It ended.
    Left,
}

/// See [`crate::facts::Fact::CallWitnessed`]: the vendor's word, beside ours and never in its stead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallWitnessed {
    /// Whose word.
    pub vendor: Vendor,
    /// The vendor's own name of the event: one that comes twice is one.
    pub event: EventId,
    /// Which connection; the room is the reservation.
    #[serde(flatten)]
    pub key: CallKey,
    /// Whose end.
    #[serde(default, skip_serializing_if = "is_clinic")]
    pub side: Side,
    /// What was seen.
    pub seen: Seen,
    /// When, by the vendor's clock.
    pub seen_at_ms: AtMs,
}
