//! The clinic's calendar: which sessions are held on a day, and when.
//!
//! Pure questions over the clinic's settings; never a decision about the queue. The support desk has a calendar of its
//! own in [`support`], because a clinic's holidays are not the vendor's.

pub mod holidays;
pub mod problems;
pub mod support;

use alloc::vec::Vec;

use jiff::civil::Weekday;

use crate::settings::{Closure, Hours, Session, WeekDay, WeekRule};
use crate::time::{AtMs, Day};

use holidays::Holiday;

/// How far ahead the next session is looked for: a clinic closed for longer has no next one.
const SEARCH_DAYS: i32 = 400;

/// How many days back a session that still runs can have begun: a time of day goes up to 48:59.
const DAYS_BACK: i32 = 2;

/// The first to the fifth day of the week of a month.
pub const WEEKS_OF_MONTH: [i8; 5] = [1, 2, 3, 4, 5];

/// One session on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    /// The day it belongs to: the one on which its first hours are counted, even past midnight.
    pub day: Day,
    /// The session as the settings have it.
    pub session: &'a Session,
    /// When it begins, included.
    pub from: AtMs,
    /// When it ends, excluded.
    pub to: AtMs,
}

impl Held<'_> {
    /// Tells whether the session runs at an instant.
    #[must_use]
    pub fn runs_at(&self, at: AtMs) -> bool {
        self.from <= at && at < self.to
    }
}

/// Why no session is held on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed<'a> {
    /// The clinic closes for these days.
    Closure(&'a Closure),
    /// A public holiday; its name, unless only the clinic's correction makes it one.
    Holiday(Option<Holiday>),
    /// No session on this day of the week.
    Week,
}

/// The clinic's calendar over its settings.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    hours: &'a Hours,
}

impl<'a> Calendar<'a> {
    /// Reads a clinic's hours as a calendar; hours with [`problems`](problems::problems) give a calendar too.
    #[must_use]
    pub const fn new(hours: &'a Hours) -> Self {
        Self { hours }
    }

    /// Tells whether a day is a public holiday, the clinic's corrections included; the last one of a day counts.
    #[must_use]
    pub fn is_holiday(&self, day: Day) -> bool {
        let change = self.hours.holidays.iter().rfind(|change| change.day == day);
        change.map_or_else(|| holidays::on(day).is_some(), |change| change.holiday)
    }

    /// Returns the sessions held on a day, earliest first.
    ///
    /// An opening of that day is stronger than a closure, a closure than a holiday, a holiday than the week. A session
    /// that the settings do not know, or that ends before it begins, is left out.
    #[must_use]
    pub fn sessions_on(&self, day: Day) -> Vec<Held<'a>> {
        let Ok(ids) = self.ids_on(day) else {
            return Vec::new();
        };
        let mut held: Vec<Held<'a>> = Vec::new();
        for session in &self.hours.sessions {
            let is_new = held.iter().all(|other| other.session.session != session.session);
            if is_new && session.from < session.to && ids.contains(&session.session) {
                let (from, to) = (day.at_min(session.from.minutes()), day.at_min(session.to.minutes()));
                held.push(Held { day, session, from, to });
            }
        }
        held.sort_by_key(|held| (held.from, held.to));
        held
    }

    /// Says why a day has no session; none for a day that has one.
    #[must_use]
    pub fn closed_on(&self, day: Day) -> Option<Closed<'a>> {
        match self.ids_on(day) {
            Err(why) => Some(why),
            Ok(_) if self.sessions_on(day).is_empty() => Some(Closed::Week),
            Ok(_) => None,
        }
    }

    /// Whether a closure stands on a day: planned, or sudden (本日は休診いたします).
    #[must_use]
    pub fn is_suspended(&self, day: Day) -> bool {
        matches!(self.closed_on(day), Some(Closed::Closure(_)))
    }

    /// Returns the session that runs at an instant; of two that overlap, the one that began first.
    #[must_use]
    pub fn session_at(&self, at: AtMs) -> Option<Held<'a>> {
        let today = Day::holding(at, 0);
        let held = (0..=DAYS_BACK).rev().flat_map(|n_days| self.sessions_on(today.plus_days(n_days.saturating_neg())));
        held.filter(|held| held.runs_at(at)).min_by_key(|held| held.from)
    }

    /// Returns the first session that begins after an instant; none when the clinic stays closed for over a year.
    #[must_use]
    pub fn next_session(&self, after: AtMs) -> Option<Held<'a>> {
        let first = Day::holding(after, 0).plus_days(DAYS_BACK.saturating_neg());
        let mut found: Option<Held<'a>> = None;
        for n_days in 0..=SEARCH_DAYS {
            let day = first.plus_days(n_days);
            // A session of 25:00 begins after one of the next day's 0:30, so the first day found may not have it.
            if found.is_some_and(|found| found.from <= day.at_min(0)) {
                break;
            }
            let begins = self.sessions_on(day).into_iter().find(|held| held.from > after);
            found = found.into_iter().chain(begins).min_by_key(|held| held.from);
        }
        found
    }

    /// Returns the first day after a day on which a session is held; none when the clinic stays closed for over a year.
    #[must_use]
    pub fn next_open_day(&self, after: Day) -> Option<Day> {
        (1..=SEARCH_DAYS).map(|n_days| after.plus_days(n_days)).find(|day| !self.sessions_on(*day).is_empty())
    }

    /// Tells on how many of a month's such days of the week a session is held, of [`WEEKS_OF_MONTH`]; holidays and
    /// closures aside.
    #[must_use]
    pub fn weeks_held(&self, session: &Session, day: WeekDay) -> usize {
        let rule = |nth| self.hours.week.iter().rfind(|rule| speaks_of_nth(rule, day, nth));
        let holds = |nth: &i8| rule(*nth).is_some_and(|rule| rule.sessions.contains(&session.session));
        WEEKS_OF_MONTH.iter().filter(|nth| holds(nth)).count()
    }

    /// Names the sessions of a day, known or not, or says why there are none.
    fn ids_on(&self, day: Day) -> Result<&'a [crate::ids::SessionId], Closed<'a>> {
        if let Some(opening) = self.hours.openings.iter().rfind(|opening| opening.day == day) {
            return Ok(&opening.sessions);
        }
        if let Some(closure) = self.hours.closures.iter().find(|closure| closure.from <= day && day <= closure.to) {
            return Err(Closed::Closure(closure));
        }
        if !self.hours.open_on_holidays && self.is_holiday(day) {
            return Err(Closed::Holiday(holidays::on(day)));
        }
        let rule = self.hours.week.iter().rfind(|rule| speaks_of(rule, day));
        rule.map(|rule| rule.sessions.as_slice()).ok_or(Closed::Week)
    }
}

/// Tells whether a rule of the week speaks of a day.
fn speaks_of(rule: &WeekRule, day: Day) -> bool {
    // The 1st to the 7th hold every first day of the week, the 8th to the 14th every second one.
    let nth = day.0.day().saturating_sub(1).div_euclid(7).saturating_add(1);
    speaks_of_nth(rule, week_day(day), nth)
}

/// Tells whether a rule of the week speaks of the so manieth such day of a month.
fn speaks_of_nth(rule: &WeekRule, day: WeekDay, nth: i8) -> bool {
    rule.days.contains(&day)
        && (rule.nth.is_empty() || rule.nth.iter().any(|wanted| i16::from(*wanted) == i16::from(nth)))
}

/// Returns a day's day of the week.
#[must_use]
pub fn week_day(day: Day) -> WeekDay {
    match day.0.weekday() {
        Weekday::Monday => WeekDay::Mon,
        Weekday::Tuesday => WeekDay::Tue,
        Weekday::Wednesday => WeekDay::Wed,
        Weekday::Thursday => WeekDay::Thu,
        Weekday::Friday => WeekDay::Fri,
        Weekday::Saturday => WeekDay::Sat,
        Weekday::Sunday => WeekDay::Sun,
    }
}

#[cfg(test)]
mod tests;
