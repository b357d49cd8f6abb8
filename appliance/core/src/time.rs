//! Stored instants are milliseconds of UTC; what people see is Asia/Tokyo, which has had no summer time since 1951
//! and is therefore a fixed offset of nine hours here, whatever the host's own zone says.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::{self, TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ids::BadId;

/// Milliseconds in one minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds in one hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AtMs(pub i64);

impl AtMs {
    /// Returns the wall time in Asia/Tokyo; an instant that no calendar holds is taken for 1970.
    #[must_use]
    pub fn in_tokyo(self) -> civil::DateTime {
        let instant = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH);
        tokyo().to_datetime(instant)
    }

    /// Returns the instant of a wall time in Asia/Tokyo.
    #[must_use]
    pub fn from_tokyo(wall: civil::DateTime) -> Self {
        tokyo().to_timestamp(wall).map_or(Self(0), |instant| Self(instant.as_millisecond()))
    }

    /// Returns this instant moved by `span_ms` milliseconds.
    #[must_use]
    pub const fn plus_ms(self, span_ms: i64) -> Self {
        Self(self.0.saturating_add(span_ms))
    }

    /// Returns the milliseconds from `earlier` to this instant, negative if it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns `9:05`, the time of day in Asia/Tokyo.
    #[must_use]
    pub fn clock_face(self) -> String {
        let wall = self.in_tokyo();
        alloc::format!("{}:{:02}", wall.hour(), wall.minute())
    }
}

/// Returns Asia/Tokyo as a fixed offset.
#[must_use]
pub fn tokyo() -> TimeZone {
    TimeZone::fixed(tz::offset(9))
}

/// A business day (診療日): the date in Asia/Tokyo on which it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub civil::Date);

impl Day {
    /// Returns the business day that holds `at`, when days begin at `starts_min` minutes after midnight.
    #[must_use]
    pub fn holding(at: AtMs, starts_min: u16) -> Self {
        let shifted = at.plus_ms(i64::from(starts_min).saturating_mul(MINUTE_MS).saturating_neg());
        Self(shifted.in_tokyo().date())
    }

    /// Returns the instant of a time of day given in minutes after this day's midnight; 1440 and more fall on the next.
    #[must_use]
    pub fn at_min(self, minutes: i32) -> AtMs {
        AtMs::from_tokyo(self.0.to_datetime(civil::Time::midnight()))
            .plus_ms(i64::from(minutes).saturating_mul(MINUTE_MS))
    }

    /// Returns the day before or after by `n_days`; the calendar's ends hold it.
    #[must_use]
    pub fn plus_days(self, n_days: i32) -> Self {
        Self(self.0.saturating_add(jiff::Span::new().days(i64::from(n_days))))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match text.parse() {
            Ok(date) => Ok(Self(date)),
            Err(_) => Err(BadId { wanted: "date such as 2026-11-24" }),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// A calendar month in Asia/Tokyo, written `2026-11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(civil::Date);

impl Month {
    /// Returns the month that holds an instant.
    #[must_use]
    pub fn holding(at: AtMs) -> Self {
        Self(at.in_tokyo().date().first_of_month())
    }

    /// Returns its first day.
    #[must_use]
    pub const fn first(self) -> Day {
        Day(self.0)
    }

    /// Returns its last day.
    #[must_use]
    pub fn last(self) -> Day {
        Day(self.0.last_of_month())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m"))
    }
}

impl FromStr for Month {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        match alloc::format!("{text}-01").parse() {
            Ok(first) if text.len() == 7 => Ok(Self(first)),
            Ok(_) | Err(_) => Err(BadId { wanted: "month such as 2026-11" }),
        }
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A time of day in minutes after midnight, written `8:30`; `24:00` and later hours belong to the day they follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayTime(pub u16);

impl DayTime {
    /// Returns the minutes after midnight.
    #[must_use]
    pub fn minutes(self) -> i32 {
        i32::from(self.0)
    }
}

impl fmt::Display for DayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = u32::from(self.0);
        write!(f, "{}:{:02}", minutes.div_euclid(60), minutes.rem_euclid(60))
    }
}

impl FromStr for DayTime {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { wanted: "time of day such as 8:30, up to 48:00" };
        let (hours, minutes) = text.split_once(':').ok_or(bad)?;
        match (hours.parse::<u16>(), minutes.parse::<u16>()) {
            (Ok(hours), Ok(minutes)) if hours <= 48 && minutes < 60 && text.len() <= 5 => {
                Ok(Self(hours.saturating_mul(60).saturating_add(minutes)))
            }
            (Ok(_) | Err(_), _) => Err(bad),
        }
    }
}

impl Serialize for DayTime {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DayTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_day_ends_at_four_in_the_morning_in_tokyo() {
        let night: Timestamp = "2026-11-24T03:59:59+09:00".parse().unwrap();
        let dawn: Timestamp = "2026-11-24T04:00:00+09:00".parse().unwrap();
        assert_eq!(Day::holding(AtMs(night.as_millisecond()), 240).to_string(), "2026-11-23");
        assert_eq!(Day::holding(AtMs(dawn.as_millisecond()), 240).to_string(), "2026-11-24");
    }

    #[test]
    fn a_month_is_all_of_its_days_in_tokyo() {
        let february: Month = "2028-02".parse().unwrap();
        assert_eq!([february.first(), february.last()].map(|day| day.to_string()), ["2028-02-01", "2028-02-29"]);
        let new_year: Timestamp = "2026-12-31T15:00:00Z".parse().unwrap();
        assert_eq!(Month::holding(AtMs(new_year.as_millisecond())).to_string(), "2027-01");
        for bad in ["2026-13", "2026", "2026-1", "x", "", "2026-11-1"] {
            assert!(bad.parse::<Month>().is_err(), "{bad:?} was taken for a month");
        }
    }

    #[test]
    fn a_time_of_day_may_pass_midnight() {
        assert_eq!("24:00".parse::<DayTime>().map(DayTime::minutes), Ok(1440));
        assert_eq!("8:05".parse::<DayTime>().unwrap().to_string(), "8:05");
        for bad in ["", "8", "8:60", "49:00", "-1:00", "8:5:1"] {
            assert!(bad.parse::<DayTime>().is_err(), "{bad:?} was taken for a time");
        }
        let day: Day = "2026-12-31".parse().unwrap();
        assert_eq!(day.at_min(24 * 60), day.plus_days(1).at_min(0));
    }
}
