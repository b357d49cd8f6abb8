//! How a box does, told to the hub in coarse values: no number that changes all the time, and nothing of a patient.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::envelope::Trust;
use crate::facts::{PrintOutcome, PrintTrouble};
use crate::ids::{PlaceId, PrinterId};

/// A box tells how it does this long after it last did so at the soonest, in milliseconds.
pub const TOLD_EVERY_MS: u64 = 60_000;

/// A change of gauges alone is told this long after the report before at the soonest: they may swing about an edge.
pub const GAUGES_EVERY_MS: u64 = 3_600_000;

/// Lower edges of the bands of free space, in mebibytes.
const FREE_MIB: [u64; 10] = [0, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000];

/// Lower edges of the bands of the part of the disk that is free, in per cent.
const FREE_PERCENT: [u64; 6] = [0, 5, 10, 20, 40, 60];

/// Lower edges of the bands of facts that wait to be sent; a busy minute is below the second.
const UNSENT: [u64; 5] = [0, 100, 1_000, 10_000, 100_000];

/// See [`crate::facts::Fact::HealthReported`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReported {
    /// Version of the program.
    pub version: String,
    /// How far the clock can be trusted.
    pub clock: Trust,
    /// The disk that holds the journal; none where the system does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk>,
    /// How the hub's facts are heard; none while they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<Line>,
    /// Facts that wait to be sent: the lower edge of a band.
    pub n_unsent: u64,
    /// The printers of the settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub printers: BTreeMap<PrinterId, PrinterHealth>,
    /// The monitors of which was heard since the start.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub screens: BTreeMap<PlaceId, ScreenHealth>,
    /// What else is wrong, by the codes of `machiai status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
}

/// How much of a disk is free: the lower edges of bands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// In mebibytes.
    pub free_mib: u64,
    /// Of all of it, in per cent.
    pub free_percent: u64,
}

/// How the hub's facts are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// As they come.
    Events,
    /// By questions that wait.
    LongPoll,
    /// By questions now and then.
    Poll,
}

/// How a printer does, by what came of the last attempt since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrinterHealth {
    /// Nothing was printed since the start.
    Untried,
    /// It printed.
    Ok,
    /// Out of paper.
    PaperOut,
    /// Its cover is open.
    CoverOpen,
    /// It cannot be reached, or is switched off.
    Unreachable,
    /// The cutter or the mechanism reports an error.
    Mechanism,
    /// It takes bytes and never answers.
    Silent,
    /// Nobody knows whether the last ticket came out.
    Unconfirmed,
}

/// How a monitor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScreenHealth {
    /// Its screen is connected and shows the board.
    Shown,
    /// Its screen was connected and is not.
    Gone,
    /// Its screen said that it can show nothing.
    Failed,
}

impl Disk {
    /// Returns the bands of a disk with so many bytes free of so many.
    #[must_use]
    pub fn of(free_bytes: u64, size_bytes: u64) -> Self {
        let percent = u128::from(free_bytes).saturating_mul(100).checked_div(u128::from(size_bytes));
        let percent = percent.and_then(|percent| u64::try_from(percent).ok()).unwrap_or(0);
        Self { free_mib: band(free_bytes >> 20, &FREE_MIB), free_percent: band(percent, &FREE_PERCENT) }
    }
}

impl PrinterHealth {
    /// Reads how a printer does from what came of an attempt; none where that says nothing of it.
    #[must_use]
    pub const fn after(outcome: PrintOutcome, trouble: Option<PrintTrouble>) -> Option<Self> {
        match (outcome, trouble) {
            (PrintOutcome::Printed, _) => Some(Self::Ok),
            (_, Some(PrintTrouble::PaperOut)) => Some(Self::PaperOut),
            (_, Some(PrintTrouble::CoverOpen)) => Some(Self::CoverOpen),
            (_, Some(PrintTrouble::Unreachable)) => Some(Self::Unreachable),
            (_, Some(PrintTrouble::Mechanism | PrintTrouble::Stalled)) => Some(Self::Mechanism),
            (_, Some(PrintTrouble::Silent)) => Some(Self::Silent),
            (_, Some(PrintTrouble::NotDrawn)) => None,
            (PrintOutcome::Unconfirmed, _) => Some(Self::Unconfirmed),
            (PrintOutcome::Refused, _) => None,
        }
    }
}

impl HealthReported {
    /// Returns the band of facts that wait to be sent.
    #[must_use]
    pub fn band_of_unsent(n_unsent: u64) -> u64 {
        band(n_unsent, &UNSENT)
    }

    /// Whether it is to be told, so long after the report before; the first of a start always is.
    #[must_use]
    pub fn is_due(&self, before: Option<&Self>, since_ms: u64) -> bool {
        let Some(before) = before else { return true };
        let but_for_gauges = Self { disk: before.disk, n_unsent: before.n_unsent, ..self.clone() };
        let least_ms = if but_for_gauges == *before { GAUGES_EVERY_MS } else { TOLD_EVERY_MS };
        self != before && since_ms >= least_ms
    }
}

/// Returns the lower edge of the band that a number is in.
fn band(number: u64, edges: &[u64]) -> u64 {
    edges.iter().copied().take_while(|edge| *edge <= number).last().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> HealthReported {
        HealthReported {
            version: "0.1.0".into(),
            clock: Trust::Synced,
            disk: Some(Disk::of(60 << 30, 100 << 30)),
            line: Some(Line::Events),
            n_unsent: 0,
            printers: BTreeMap::new(),
            screens: BTreeMap::new(),
            troubles: Vec::new(),
        }
    }

    #[test]
    fn a_report_is_due_when_it_tells_something_else_and_the_one_before_is_a_minute_old() {
        let (before, lost) = (report(), HealthReported { clock: Trust::Lost, ..report() });
        assert!(before.is_due(None, 0), "the first of a start");
        assert!(!before.is_due(Some(&before), u64::MAX), "nothing changed");
        assert!(!lost.is_due(Some(&before), TOLD_EVERY_MS - 1) && lost.is_due(Some(&before), TOLD_EVERY_MS));
        let fuller = HealthReported { disk: Some(Disk::of(1 << 30, 100 << 30)), n_unsent: 100, ..report() };
        assert!(!fuller.is_due(Some(&before), GAUGES_EVERY_MS - 1) && fuller.is_due(Some(&before), GAUGES_EVERY_MS));
    }

    #[test]
    fn gauges_are_told_by_the_lower_edge_of_their_band() {
        let of = |free, size| {
            let Disk { free_mib, free_percent } = Disk::of(free, size);
            (free_mib, free_percent)
        };
        assert_eq!(of(0, 0), (0, 0));
        assert_eq!(of(99 << 20, 1 << 30), (0, 5));
        assert_eq!(of(499 << 20, 1_000 << 20), (100, 40));
        assert_eq!(of(u64::MAX, u64::MAX), (100_000, 60));
        assert_eq!([0, 99, 100, 99_999, u64::MAX].map(HealthReported::band_of_unsent), [0, 0, 100, 10_000, 100_000]);
    }

    #[test]
    fn what_came_of_an_attempt_says_how_the_printer_does_or_nothing() {
        let after = PrinterHealth::after;
        assert_eq!(after(PrintOutcome::Printed, None), Some(PrinterHealth::Ok));
        assert_eq!(after(PrintOutcome::Refused, Some(PrintTrouble::PaperOut)), Some(PrinterHealth::PaperOut));
        assert_eq!(after(PrintOutcome::Unconfirmed, Some(PrintTrouble::Broken)), Some(PrinterHealth::Unconfirmed));
        assert_eq!(after(PrintOutcome::Refused, Some(PrintTrouble::NotDrawn)), None, "the ticket's fault");
        assert_eq!(after(PrintOutcome::Refused, Some(PrintTrouble::Restarted)), None, "nothing was sent");
    }
}
