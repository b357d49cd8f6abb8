//! How an amount came about, and what should be known before it is billed: codes and their values. The words stand in
//! the assets under `[call_amount]`, `[call_unbilled]` and `[call_flag]`, in every language, under the same codes.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::tariff::{Rule, Stretch, Tariff, total_ms, united};

/// What should be known of a connection or a reservation before it is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// No heartbeat came any more: it ends at the last one.
    Silent,
    /// The box started anew meanwhile: it ends at the last evidence before that.
    Restarted,
    /// It has not ended.
    Running,
    /// Its end was told, and no beginning: nothing is counted.
    EndWithoutStart,
    /// Its beginning was told twice.
    ConnectedTwice,
    /// Its end was told twice: the first counts.
    EndedTwice,
    /// Staff noted it by hand.
    ByHand,
    /// The clock was lost: the date may be wrong, the length is not.
    ClockLost,
    /// Nobody told of the reservation: the month is that of the first connection.
    UnknownReservation,
    /// The reservation was cancelled, and the call was made.
    Cancelled,
    /// It is more than an hour before the reservation's start, or more than a day after it.
    OutsideWindow,
    /// Two connections of the clinic's overlap: the time counts once.
    Overlap,
}

impl Flag {
    /// Every flag, for checking that each has its words.
    pub const ALL: [Self; 12] = [
        Self::Silent,
        Self::Restarted,
        Self::Running,
        Self::EndWithoutStart,
        Self::ConnectedTwice,
        Self::EndedTwice,
        Self::ByHand,
        Self::ClockLost,
        Self::UnknownReservation,
        Self::Cancelled,
        Self::OutsideWindow,
        Self::Overlap,
    ];

    /// Returns the key under which the words have its sentence.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Restarted => "restarted",
            Self::Running => "running",
            Self::EndWithoutStart => "end_without_start",
            Self::ConnectedTwice => "connected_twice",
            Self::EndedTwice => "ended_twice",
            Self::ByHand => "by_hand",
            Self::ClockLost => "clock_lost",
            Self::UnknownReservation => "unknown_reservation",
            Self::Cancelled => "cancelled",
            Self::OutsideWindow => "outside_window",
            Self::Overlap => "overlap",
        }
    }
}

/// Why something that was recorded is not billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unbilled {
    /// It was a test.
    Test,
    /// It was a rehearsal's.
    Rehearsal,
    /// The clinic was never connected.
    NoConnection,
    /// It has not ended.
    Running,
}

impl Unbilled {
    /// Every one, for checking that each has its words.
    pub const ALL: [Self; 4] = [Self::Test, Self::Rehearsal, Self::NoConnection, Self::Running];

    /// Returns the key under which the words have its sentence.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Rehearsal => "rehearsal",
            Self::NoConnection => "no_connection",
            Self::Running => "running",
        }
    }
}

/// How an amount came about: the words have a sentence for each rule, into which the values are put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HowAmount {
    /// The sentence.
    pub code: &'static str,
    /// Its values.
    pub values: BTreeMap<String, String>,
}

impl HowAmount {
    /// Says how the units of stretches come about by a tariff.
    #[must_use]
    pub fn of(tariff: &Tariff, stretches: &[Stretch], units: i64) -> Self {
        let apart = united(stretches, 0);
        let spanned_ms = match (apart.first(), apart.last()) {
            (Some(first), Some(last)) => last.to_ms.saturating_sub(first.from_ms),
            (None, _) | (_, None) => 0,
        };
        let n = match tariff.rule {
            Rule::MergeGap => united(stretches, i64::from(tariff.gap_min).saturating_mul(60_000)).len(),
            Rule::ReservationTotal | Rule::Span | Rule::PerConnection | Rule::Windows => apart.len(),
        };
        let counted_ms = if tariff.rule == Rule::Span { spanned_ms } else { total_ms(&apart) };
        let seconds = counted_ms.div_euclid(1_000);
        let values: [(&str, i64); 8] = [
            ("n", i64::try_from(n).unwrap_or(i64::MAX)),
            ("minutes", seconds.div_euclid(60)),
            ("seconds", seconds.rem_euclid(60)),
            ("unit_min", i64::from(tariff.unit_min)),
            ("gap_min", i64::from(tariff.gap_min)),
            ("units", units),
            ("unit_yen", i64::from(tariff.unit_yen)),
            ("yen", tariff.yen(units)),
        ];
        let values = values.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Self { code: tariff.rule.code(), values }
    }
}
