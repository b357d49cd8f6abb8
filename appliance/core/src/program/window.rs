//! When: periods, slots' windows and the hours in which the monitor is lit. A start is included, an end is not; days
//! and times of day are those of Asia/Tokyo.

use serde::{Deserialize, Serialize};

use super::table::{MonitorHours, Slot};
use crate::calendar::{Calendar, week_day};
use crate::settings::Hours;
use crate::time::{AtMs, Day, HOUR_MS, MINUTE_MS};

/// Minutes in one day.
const DAY_MIN: i32 = 24 * 60;

/// How many days back a window or session that still runs can have begun: a time of day goes up to 48:59, and a window
/// that ends before it starts goes on for a day more.
const DAYS_BACK: i32 = 3;

/// The longest time for which an answer that nothing ends is given.
const LONG_MS: i64 = 24 * HOUR_MS;

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its start, included.
    pub from: AtMs,
    /// Its end, excluded.
    pub to: AtMs,
}

impl Period {
    /// Returns the period of whole days: until the 31st is the 31st at 24:00.
    #[must_use]
    pub fn of_days(first: Day, last: Day) -> Self {
        Self { from: first.at_min(0), to: last.at_min(DAY_MIN) }
    }

    /// Whether an instant lies in it.
    #[must_use]
    pub fn holds(&self, at: AtMs) -> bool {
        self.from <= at && at < self.to
    }

    /// Whether the two have an instant in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// Returns the stretch of a slot that holds an instant. It belongs to the day on which it starts.
#[must_use]
pub fn slot_at(slot: &Slot, at: AtMs) -> Option<Period> {
    let today = Day::holding(at, 0);
    let days = (0..=DAYS_BACK).map(|n_days| today.plus_days(n_days.saturating_neg()));
    days.filter(|day| slot.days.is_empty() || slot.days.contains(&week_day(*day)))
        .map(|day| slot_on(slot, day))
        .find(|period| period.holds(at))
}

/// Returns the stretch of a slot that starts on a day, whatever the day of the week.
fn slot_on(slot: &Slot, day: Day) -> Period {
    let (from, to) = (slot.from.minutes(), slot.to.minutes());
    let to = if to <= from { to.saturating_add(DAY_MIN) } else { to };
    Period { from: day.at_min(from), to: day.at_min(to) }
}

/// Whether the monitor is lit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Light {
    /// It is, for the hours' sake.
    Lit,
    /// It is not, until an instant; the clinic opens then, where that is known.
    Dark {
        /// Until when.
        until: AtMs,
        /// Whether the clinic opens then; otherwise it stays closed for over a year.
        opens: bool,
    },
}

/// Tells whether the clinic's hours light the monitor at an instant.
///
/// A day is lit from before its first session to after its last, the midday break included. A clinic without sessions
/// has no hours to be dark outside of.
#[must_use]
pub fn light_at(hours: &Hours, monitor: MonitorHours, at: AtMs) -> Light {
    if hours.sessions.is_empty() {
        return Light::Lit;
    }
    let (calendar, today) = (Calendar::new(hours), Day::holding(at, 0));
    let before_ms = i64::from(monitor.before_min).min(i64::from(DAY_MIN)).saturating_mul(MINUTE_MS);
    let after_ms = i64::from(monitor.after_min).min(i64::from(DAY_MIN)).saturating_mul(MINUTE_MS);
    for n_days in DAYS_BACK.saturating_neg()..=1 {
        let held = calendar.sessions_on(today.plus_days(n_days));
        let first = held.iter().map(|held| held.from).min();
        let last = held.iter().map(|held| held.to).max();
        let day = first.zip(last).map(|(first, last)| Period {
            from: first.plus_ms(before_ms.saturating_neg()),
            to: last.plus_ms(after_ms),
        });
        if day.is_some_and(|day| day.holds(at)) {
            return Light::Lit;
        }
    }
    let opens = calendar.next_session(at).map(|held| held.from.plus_ms(before_ms.saturating_neg()));
    match opens {
        Some(opens) if opens > at => Light::Dark { until: opens, opens: true },
        Some(_) | None => Light::Dark { until: at.plus_ms(LONG_MS), opens: false },
    }
}
