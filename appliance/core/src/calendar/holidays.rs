//! The public holidays of Japan (国民の祝日), computed for the years 2000 to 2099.
//!
//! Source: 国民の祝日に関する法律 (Act on National Holidays, 1948) with its changes up to 2018, and the laws of 2017 to
//! 2020 for the year of the enthronement and for the Olympic games. The law names most days; the equinoxes are
//! announced each February for the year after, and the formula here is the one that has foretold them since 1980.
//! A day the law moves once more is corrected by the clinic's own [`HolidayChange`](crate::settings::HolidayChange).

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use jiff::civil::{Date, Weekday};

use crate::time::Day;

/// The years whose holidays are known.
pub const YEARS: RangeInclusive<i16> = 2000..=2099;

/// A public holiday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holiday {
    /// The day.
    pub day: Day,
    /// Its name in Japanese.
    pub ja: &'static str,
    /// Its name in English.
    pub en: &'static str,
}

/// Returns the public holiday that falls on a day; days outside [`YEARS`] have none.
#[must_use]
pub fn on(day: Day) -> Option<Holiday> {
    let (ja, en) = if let Some(rule) = named(day.0) {
        (rule.ja, rule.en)
    } else if is_substitute(day.0) {
        ("振替休日", "Substitute Holiday")
    } else if is_between_two(day.0) {
        ("国民の休日", "Citizens' Holiday")
    } else {
        return None;
    };
    Some(Holiday { day, ja, en })
}

/// Returns a year's public holidays in order.
#[must_use]
pub fn of_year(year: i16) -> Vec<Holiday> {
    let Ok(first) = Date::new(year, 1, 1) else {
        return Vec::new();
    };
    let days = core::iter::successors(Some(first), |date| date.tomorrow().ok());
    days.take_while(|date| date.year() == year).filter_map(|date| on(Day(date))).collect()
}

/// When in its year a holiday falls.
#[derive(Clone, Copy)]
enum When {
    /// On a month's day.
    On(i8, i8),
    /// On the so manieth Monday of a month (ハッピーマンデー).
    Monday(i8, i8),
    /// On the day of the spring equinox.
    Spring,
    /// On the day of the autumn equinox.
    Autumn,
}

/// One line of the law: a holiday and the years in which it stood there.
struct Rule {
    years: RangeInclusive<i16>,
    when: When,
    ja: &'static str,
    en: &'static str,
}

const fn rule(first: i16, last: i16, when: When, ja: &'static str, en: &'static str) -> Rule {
    Rule { years: first..=last, when, ja, en }
}

/// The law, in the order of the year.
const LAW: &[Rule] = &[
    rule(2000, 2099, When::On(1, 1), "元日", "New Year's Day"),
    rule(2000, 2099, When::Monday(1, 2), "成人の日", "Coming of Age Day"),
    rule(2000, 2099, When::On(2, 11), "建国記念の日", "National Foundation Day"),
    rule(2020, 2099, When::On(2, 23), "天皇誕生日", "Emperor's Birthday"),
    rule(2000, 2099, When::Spring, "春分の日", "Vernal Equinox Day"),
    rule(2000, 2006, When::On(4, 29), "みどりの日", "Greenery Day"),
    rule(2007, 2099, When::On(4, 29), "昭和の日", "Showa Day"),
    rule(2019, 2019, When::On(5, 1), "天皇の即位の日", "Day of the Enthronement"),
    rule(2000, 2099, When::On(5, 3), "憲法記念日", "Constitution Memorial Day"),
    rule(2007, 2099, When::On(5, 4), "みどりの日", "Greenery Day"),
    rule(2000, 2099, When::On(5, 5), "こどもの日", "Children's Day"),
    rule(2000, 2002, When::On(7, 20), "海の日", "Marine Day"),
    rule(2003, 2019, When::Monday(7, 3), "海の日", "Marine Day"),
    rule(2020, 2020, When::On(7, 23), "海の日", "Marine Day"),
    rule(2021, 2021, When::On(7, 22), "海の日", "Marine Day"),
    rule(2022, 2099, When::Monday(7, 3), "海の日", "Marine Day"),
    rule(2016, 2019, When::On(8, 11), "山の日", "Mountain Day"),
    rule(2020, 2020, When::On(8, 10), "山の日", "Mountain Day"),
    rule(2021, 2021, When::On(8, 8), "山の日", "Mountain Day"),
    rule(2022, 2099, When::On(8, 11), "山の日", "Mountain Day"),
    rule(2000, 2002, When::On(9, 15), "敬老の日", "Respect for the Aged Day"),
    rule(2003, 2099, When::Monday(9, 3), "敬老の日", "Respect for the Aged Day"),
    rule(2000, 2099, When::Autumn, "秋分の日", "Autumnal Equinox Day"),
    rule(2000, 2019, When::Monday(10, 2), "体育の日", "Health and Sports Day"),
    rule(2020, 2020, When::On(7, 24), "スポーツの日", "Sports Day"),
    rule(2021, 2021, When::On(7, 23), "スポーツの日", "Sports Day"),
    rule(2022, 2099, When::Monday(10, 2), "スポーツの日", "Sports Day"),
    rule(2019, 2019, When::On(10, 22), "即位礼正殿の儀の行われる日", "Day of the Enthronement Ceremony"),
    rule(2000, 2099, When::On(11, 3), "文化の日", "Culture Day"),
    rule(2000, 2099, When::On(11, 23), "勤労感謝の日", "Labour Thanksgiving Day"),
    rule(2000, 2018, When::On(12, 23), "天皇誕生日", "Emperor's Birthday"),
];

/// Finds the line of the law that names a date.
fn named(date: Date) -> Option<&'static Rule> {
    LAW.iter().find(|rule| rule.years.contains(&date.year()) && falls_on(rule.when, date))
}

fn falls_on(when: When, date: Date) -> bool {
    match when {
        When::On(month, day) => date.month() == month && date.day() == day,
        When::Monday(month, nth) => {
            date.month() == month && date.nth_weekday_of_month(nth, Weekday::Monday).is_ok_and(|monday| monday == date)
        }
        When::Spring => date.month() == 3 && i64::from(date.day()) == equinox(SPRING_1980, date.year()),
        When::Autumn => date.month() == 9 && i64::from(date.day()) == equinox(AUTUMN_1980, date.year()),
    }
}

/// Millionths of a day of March at which spring began in 1980.
const SPRING_1980: i64 = 20_843_100;
/// Millionths of a day of September at which autumn began in 1980.
const AUTUMN_1980: i64 = 23_248_800;
/// Millionths of a day by which a year of seasons is longer than 365 days.
const YEAR_EXCESS: i64 = 242_194;

/// Computes the day of the month of an equinox, for the years 1980 to 2099.
fn equinox(in_1980: i64, year: i16) -> i64 {
    let n_years = i64::from(year).saturating_sub(1980);
    let drifted = n_years.saturating_mul(YEAR_EXCESS).saturating_add(in_1980);
    drifted.div_euclid(1_000_000).saturating_sub(n_years.div_euclid(4))
}

/// Tells whether a date without a name rests in place of a holiday that fell on a Sunday (振替休日).
///
/// Article 3 (2): the next day that has no name. Until 2006 it said the Monday, which is the same in those years.
fn is_substitute(date: Date) -> bool {
    let before = core::iter::successors(date.yesterday().ok(), |date| date.yesterday().ok());
    before.take_while(|date| named(*date).is_some()).any(|date| date.weekday() == Weekday::Sunday)
}

/// Tells whether a date without a name stands between two that have one (国民の休日).
///
/// Article 3 (3): until 2006 a Sunday stayed a Sunday; since 2007 only the name matters.
fn is_between_two(date: Date) -> bool {
    let stays_sunday = date.year() < 2007 && date.weekday() == Weekday::Sunday;
    let has_name = |neighbour: Result<Date, jiff::Error>| neighbour.is_ok_and(|date| named(date).is_some());
    !stays_sunday && has_name(date.yesterday()) && has_name(date.tomorrow())
}

#[cfg(test)]
mod tests;
