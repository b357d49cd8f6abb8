//! Tariffs: named and versioned rules that make units out of the stretches for which the clinic was connected.
//!
//! A tariff is data. An amount names the one it was made by, so that it can be made again for ever.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::TariffName;
use crate::time::MINUTE_MS;

/// A stretch in milliseconds from a reservation's first connection: start included, end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stretch {
    /// Where it starts.
    pub from_ms: i64,
    /// Where it ends, never before its start.
    pub to_ms: i64,
}

impl Stretch {
    /// Returns how long it is, never negative.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        self.to_ms.saturating_sub(self.from_ms).max(0)
    }
}

/// How stretches become units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// All stretches of a reservation together, rounded up once.
    ReservationTotal,
    /// From the first connect to the last disconnect, rounded up.
    Span,
    /// Each stretch rounded up alone.
    PerConnection,
    /// Windows of one unit from the first connect on: those that a stretch touches.
    Windows,
    /// Stretches that are close to each other count as one, and each is then rounded up alone.
    MergeGap,
}

impl Rule {
    /// Every rule, the default first.
    pub const ALL: [Self; 5] = [Self::ReservationTotal, Self::Span, Self::PerConnection, Self::Windows, Self::MergeGap];

    /// Returns the key under which the words have its name and its sentence.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ReservationTotal => "reservation_total",
            Self::Span => "span",
            Self::PerConnection => "per_connection",
            Self::Windows => "windows",
            Self::MergeGap => "merge_gap",
        }
    }

    /// Returns the name of the tariff that is built in for it.
    const fn tariff_name(self) -> &'static str {
        match self {
            Self::ReservationTotal => "reservation-total",
            Self::Span => "span",
            Self::PerConnection => "per-connection",
            Self::Windows => "windows",
            Self::MergeGap => "merge-gap",
        }
    }
}

/// A tariff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    /// Its name.
    pub name: TariffName,
    /// Its version: another price or rule is another version.
    pub version: u32,
    /// How stretches become units.
    pub rule: Rule,
    /// The length of a unit in minutes, at least 1.
    pub unit_min: u16,
    /// The price of a unit in yen, without tax.
    pub unit_yen: u32,
    /// Stretches closer than so many minutes count as one, by [`Rule::MergeGap`].
    pub gap_min: u16,
    /// Consumption tax in thousandths: 100 is 10 %.
    pub tax_permille: u16,
}

impl Tariff {
    /// Returns the tariff that is built in for a rule: 100 yen for 30 minutes, to which 10 % of tax are added.
    #[must_use]
    pub fn built_in(rule: Rule) -> Self {
        let name = TariffName::built_in(rule.tariff_name());
        Self { name, version: 1, rule, unit_min: 30, unit_yen: 100, gap_min: 10, tax_permille: 100 }
    }

    /// Whether its numbers can be: a unit of 1 minute to a day, and a tax of less than the price.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.unit_min >= 1
            && self.unit_min <= 1_440
            && self.gap_min <= 1_440
            && self.tax_permille < 1_000
            && self.unit_yen <= 1_000_000
            && self.version >= 1
    }

    /// Whether it bears the name and the version of another and has other numbers.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        (&self.name, self.version) == (&other.name, other.version) && self != other
    }

    /// Returns the units of stretches, which may overlap and come in any order; none counts for nothing.
    #[must_use]
    pub fn units(&self, stretches: &[Stretch]) -> i64 {
        let apart = united(stretches, 0);
        match self.rule {
            Rule::ReservationTotal => self.rounded_up(total_ms(&apart)),
            Rule::Span => match (apart.first(), apart.last()) {
                (Some(first), Some(last)) => self.rounded_up(last.to_ms.saturating_sub(first.from_ms)),
                (None, _) | (_, None) => 0,
            },
            Rule::PerConnection => self.each_rounded_up(&apart),
            Rule::Windows => self.windows(&apart),
            Rule::MergeGap => self.each_rounded_up(&united(stretches, self.gap_ms())),
        }
    }

    /// Returns the length of a unit in milliseconds.
    #[must_use]
    pub fn unit_ms(&self) -> i64 {
        i64::from(self.unit_min.max(1)).saturating_mul(MINUTE_MS)
    }

    /// Returns the price of units in yen, without tax.
    #[must_use]
    pub fn yen(&self, units: i64) -> i64 {
        units.saturating_mul(i64::from(self.unit_yen))
    }

    fn gap_ms(&self) -> i64 {
        i64::from(self.gap_min).saturating_mul(MINUTE_MS)
    }

    fn rounded_up(&self, length_ms: i64) -> i64 {
        let unit_ms = self.unit_ms();
        let whole = length_ms.div_euclid(unit_ms);
        whole.saturating_add(i64::from(length_ms.rem_euclid(unit_ms) > 0))
    }

    fn each_rounded_up(&self, apart: &[Stretch]) -> i64 {
        apart.iter().map(|stretch| self.rounded_up(stretch.length_ms())).fold(0, i64::saturating_add)
    }

    /// Counts the windows that stretches touch; they are apart and in order, so that only a neighbour can share one.
    fn windows(&self, apart: &[Stretch]) -> i64 {
        let anchor = apart.first().map_or(0, |first| first.from_ms);
        let (mut n_windows, mut next) = (0_i64, 0_i64);
        for stretch in apart {
            let first = stretch.from_ms.saturating_sub(anchor).div_euclid(self.unit_ms()).max(next);
            let end = self.rounded_up(stretch.to_ms.saturating_sub(anchor));
            n_windows = n_windows.saturating_add(end.saturating_sub(first).max(0));
            next = next.max(end);
        }
        n_windows
    }
}

/// Returns the stretches united where they meet or overlap, or are closer than `gap_ms`; empty ones are left out.
#[must_use]
pub fn united(stretches: &[Stretch], gap_ms: i64) -> Vec<Stretch> {
    let mut sorted: Vec<Stretch> = stretches.iter().copied().filter(|stretch| stretch.length_ms() > 0).collect();
    sorted.sort_unstable();
    let mut apart: Vec<Stretch> = Vec::with_capacity(sorted.len());
    for stretch in sorted {
        match apart.last_mut() {
            Some(last) if stretch.from_ms <= last.to_ms || stretch.from_ms.saturating_sub(last.to_ms) < gap_ms => {
                last.to_ms = last.to_ms.max(stretch.to_ms);
            }
            Some(_) | None => apart.push(stretch),
        }
    }
    apart
}

/// Returns how long stretches that are apart are together.
#[must_use]
pub fn total_ms(apart: &[Stretch]) -> i64 {
    apart.iter().map(|stretch| stretch.length_ms()).fold(0, i64::saturating_add)
}
