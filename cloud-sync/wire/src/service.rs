//! When the hub serves: its hours of each day, and pauses that were announced. A box that hears nothing of it meanwhile
//! knows why.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use machiai_core::time::AtMs;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Minutes of a day, and its milliseconds.
const DAY_MIN: u16 = 24 * 60;
const MIN_MS: i64 = 60_000;

/// Pauses that are announced at once.
pub const MOST_PAUSES: usize = 16;

/// How long the reason of one may be, in characters.
pub const MAX_WHY: usize = 120;

/// When the hub serves; always, unless something is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its hours of each day; all of them where none are said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Pauses, in the order in which they begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
}

/// Hours of each day in Asia/Tokyo, written `06:00-24:00`; the end may be 24:00, and is not before the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    from_min: u16,
    until_min: u16,
}

/// A pause that was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it begins.
    pub from_ms: AtMs,
    /// When the hub serves again.
    pub until_ms: AtMs,
    /// What for, in the vendor's words; it concerns no patient.
    pub why: String,
}

/// A text that says no hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("hours are written as 06:00-24:00")]
pub struct BadHours;

impl FromStr for Hours {
    type Err = BadHours;

    fn from_str(text: &str) -> Result<Self, BadHours> {
        let minutes = |text: &str| {
            let (hour, minute) = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            let at_min = hour.checked_mul(60)?.checked_add(minute)?;
            (minute < 60 && at_min <= DAY_MIN).then_some(at_min)
        };
        let (from, until) = text.split_once('-').ok_or(BadHours)?;
        let (from_min, until_min) = (minutes(from).ok_or(BadHours)?, minutes(until).ok_or(BadHours)?);
        if from_min < until_min { Ok(Self { from_min, until_min }) } else { Err(BadHours) }
    }
}

impl TryFrom<String> for Hours {
    type Error = BadHours;

    fn try_from(text: String) -> Result<Self, BadHours> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> Self {
        format!("{hours}")
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from_min, until_min } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from_min / 60, from_min % 60, until_min / 60, until_min % 60)
    }
}

impl Hours {
    /// Returns when the hub serves again, if it does not at an instant.
    fn rests_until(self, now: AtMs) -> Option<AtMs> {
        let wall = now.in_tokyo();
        let (hour, minute) = (u16::try_from(wall.hour()).ok()?, u16::try_from(wall.minute()).ok()?);
        let at_min = hour.saturating_mul(60).saturating_add(minute);
        let wait_min = match at_min {
            before if before < self.from_min => self.from_min.saturating_sub(before),
            after if after >= self.until_min => DAY_MIN.saturating_sub(after).saturating_add(self.from_min),
            _ => return None,
        };
        let minute_began = now.0.saturating_sub(now.0.rem_euclid(MIN_MS));
        Some(AtMs(minute_began).plus_ms(i64::from(wait_min).saturating_mul(MIN_MS)))
    }
}

/// Why the hub does not serve, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rest<'a> {
    /// When it serves again.
    pub until: AtMs,
    /// What the pause is for; nothing out of hours.
    pub why: &'a str,
}

impl Service {
    /// Whether nothing is said, and so the hub always serves.
    #[must_use]
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// Returns why the hub does not serve at an instant, if it does not.
    #[must_use]
    pub fn rest(&self, now: AtMs) -> Option<Rest<'_>> {
        let mut rest = match self.pause(now) {
            Some(pause) => Rest { until: pause.until_ms, why: &pause.why },
            None => Rest { until: self.hours.and_then(|hours| hours.rests_until(now))?, why: "" },
        };
        // One rest may lead into the next; each step leaves one pause, or one night, behind.
        for _ in 0..=MOST_PAUSES {
            let next = self.pause(rest.until).map(|pause| pause.until_ms);
            match next.or_else(|| self.hours.and_then(|hours| hours.rests_until(rest.until))) {
                Some(until) => rest.until = until,
                None => break,
            }
        }
        Some(rest)
    }

    /// Returns the next pause that has not begun.
    #[must_use]
    pub fn next_pause(&self, now: AtMs) -> Option<&Pause> {
        self.pauses.iter().filter(|pause| pause.from_ms > now).min_by_key(|pause| pause.from_ms)
    }

    /// Returns the pause that runs at an instant, the one that lasts longest.
    #[must_use]
    pub fn pause(&self, now: AtMs) -> Option<&Pause> {
        let covers = |pause: &&Pause| pause.from_ms <= now && now < pause.until_ms;
        self.pauses.iter().filter(covers).max_by_key(|pause| pause.until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Returns an instant of 2026-11-24 in Asia/Tokyo.
    fn at(hour: i64, minute: i64) -> AtMs {
        // 2026-11-23T15:00:00Z is midnight there.
        AtMs(1_795_446_000_000).plus_ms(hour.saturating_mul(60).saturating_add(minute).saturating_mul(MIN_MS))
    }

    fn service(hours: Option<&str>, pauses: &[(AtMs, AtMs)]) -> Service {
        let pause = |&(from_ms, until_ms): &(AtMs, AtMs)| Pause { from_ms, until_ms, why: "点検".into() };
        Service { hours: hours.map(|hours| hours.parse().unwrap()), pauses: pauses.iter().map(pause).collect() }
    }

    #[rstest]
    #[case::before(at(5, 59), Some(at(6, 0)))]
    #[case::at_the_beginning(at(6, 0), None)]
    #[case::at_the_end(at(22, 0), Some(at(30, 0)))]
    #[case::a_minute_before_the_end(at(21, 59), None)]
    #[case::within_a_minute(at(23, 30).plus_ms(59_999), Some(at(30, 0)))]
    fn hours_end_at_their_end_and_begin_at_their_beginning(#[case] now: AtMs, #[case] expected: Option<AtMs>) {
        assert_eq!(service(Some("06:00-22:00"), &[]).rest(now).map(|rest| rest.until), expected);
        assert_eq!(service(None, &[]).rest(now), None);
    }

    #[test]
    fn a_pause_that_leads_into_another_or_into_the_night_is_one_rest() {
        let pauses = [(at(20, 0), at(21, 0)), (at(21, 0), at(22, 30)), (at(9, 0), at(9, 30))];
        let service = service(Some("06:00-22:00"), &pauses);
        assert_eq!(service.rest(at(20, 30)), Some(Rest { until: at(30, 0), why: "点検" }));
        assert_eq!(service.rest(at(9, 29)).unwrap().until, at(9, 30));
        assert_eq!(service.rest(at(9, 30)), None);
        assert_eq!(service.next_pause(at(8, 0)).unwrap().from_ms, at(9, 0));
        assert_eq!(service.next_pause(at(9, 0)).unwrap().from_ms, at(20, 0), "the one that runs is not announced");
        assert_eq!(service.next_pause(at(21, 0)), None);
    }

    #[test]
    fn a_service_without_an_hour_is_no_endless_question() {
        let pauses = [(at(0, 0), at(24, 0)), (at(24, 0), at(48, 0))];
        assert_eq!(service(Some("06:00-06:01"), &pauses).rest(at(1, 0)).unwrap().until, at(54, 0));
    }

    #[rstest]
    #[case("06:00-24:00", true)]
    #[case("00:00-24:00", true)]
    #[case("6:00-24:00", false)]
    #[case("06:00-24:01", false)]
    #[case("06:60-07:00", false)]
    #[case("22:00-06:00", false)]
    #[case("06:00-06:00", false)]
    #[case("06:00", false)]
    #[case("", false)]
    fn hours_are_read_as_they_are_written(#[case] text: &str, #[case] is_good: bool) {
        let read = text.parse::<Hours>();
        assert_eq!(read.is_ok(), is_good);
        assert!(read.is_err() || format!("{}", read.unwrap()) == text);
    }
}
