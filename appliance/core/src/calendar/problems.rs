//! What is wrong with a clinic's hours, told when they are set; a calendar over them still answers.

use alloc::vec::Vec;
use core::fmt;

use crate::ids::SessionId;
use crate::settings::{Hours, Session, WeekDay};
use crate::time::{Day, DayTime};

/// Minutes in a day.
const DAY_MIN: i32 = 24 * 60;

/// The part of the hours that names sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A rule of the week, counted from 1.
    Rule(usize),
    /// The opening of a day.
    Opening(Day),
}

/// One thing wrong with a clinic's hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Two sessions have the same id; only one of them is held.
    SameSession(SessionId),
    /// A session ends before it begins, or as it begins; it is never held.
    EmptySession(SessionId),
    /// A session is named that does not exist.
    UnknownSession(Place, SessionId),
    /// Two sessions of the same day run at the same time.
    Overlap(Place, SessionId, SessionId),
    /// A rule, counted from 1, names no day of the week.
    NoDays(usize),
    /// A rule, counted from 1, asks for a day of the month's week that does not exist: only 1 to 5 do.
    NoSuchWeek(usize, u8),
    /// A closure ends before it begins.
    EmptyClosure(Day, Day),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(nth) => write!(f, "rule {nth} of the week"),
            Self::Opening(day) => write!(f, "the opening of {day}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameSession(id) => write!(f, "two sessions are called {id}"),
            Self::EmptySession(id) => write!(f, "session {id} ends before it begins"),
            Self::UnknownSession(place, id) => {
                write!(f, "{place} names session {id}, which does not exist")
            }
            Self::Overlap(place, one, other) => {
                write!(f, "sessions {one} and {other} of {place} overlap")
            }
            Self::NoDays(nth) => write!(f, "rule {nth} of the week names no day"),
            Self::NoSuchWeek(nth, week) => {
                write!(f, "rule {nth} of the week asks for week {week} of a month")
            }
            Self::EmptyClosure(from, to) => {
                write!(f, "the closure from {from} to {to} ends before it begins")
            }
        }
    }
}

impl core::error::Error for Problem {}

/// Lists what is wrong with a clinic's hours; nothing when they can be kept as they are.
#[must_use]
pub fn problems(hours: &Hours) -> Vec<Problem> {
    let mut found = Vec::new();
    for (idx, session) in hours.sessions.iter().enumerate() {
        if hours.sessions.iter().take(idx).any(|before| before.session == session.session) {
            found.push(Problem::SameSession(session.session.clone()));
        }
        if session.from >= session.to {
            found.push(Problem::EmptySession(session.session.clone()));
        }
    }
    for (nth, rule) in (1_usize..).zip(&hours.week) {
        if rule.days.is_empty() {
            found.push(Problem::NoDays(nth));
        }
        let weeks = rule.nth.iter().filter(|week| !(1..=5).contains(*week));
        found.extend(weeks.map(|week| Problem::NoSuchWeek(nth, *week)));
        let runs_on = rule.days.iter().any(|day| rule.days.contains(&after(*day)));
        found.extend(among(hours, Place::Rule(nth), &rule.sessions, runs_on));
    }
    for opening in &hours.openings {
        found.extend(among(hours, Place::Opening(opening.day), &opening.sessions, false));
    }
    let backward = hours.closures.iter().filter(|closure| closure.from > closure.to);
    found.extend(backward.map(|closure| Problem::EmptyClosure(closure.from, closure.to)));
    found
}

/// Lists what is wrong among the sessions of one day; `runs_on` says that the next day has the same ones.
fn among(hours: &Hours, place: Place, ids: &[SessionId], runs_on: bool) -> Vec<Problem> {
    let known = |id: &SessionId| hours.sessions.iter().find(|session| session.session == *id);
    let unknown = ids.iter().filter(|id| known(id).is_none());
    let mut found: Vec<_> = unknown.map(|id| Problem::UnknownSession(place, id.clone())).collect();
    let held: Vec<&Session> = ids.iter().filter_map(known).filter(|session| session.from < session.to).collect();
    for (idx, one) in held.iter().enumerate() {
        let later = held.iter().skip(idx.saturating_add(1)).filter(|other| other.session != one.session);
        let same_day = later.filter(|other| one.from < other.to && other.from < one.to);
        let next_day = held.iter().filter(|other| runs_on && reaches(one.to, other.from));
        let both = same_day.chain(next_day);
        found.extend(both.map(|other| Problem::Overlap(place, one.session.clone(), other.session.clone())));
    }
    found
}

/// Tells whether an end on one day lies after a beginning on the next.
fn reaches(to: DayTime, next_from: DayTime) -> bool {
    to.minutes() > next_from.minutes().saturating_add(DAY_MIN)
}

/// Returns the day of the week after another.
fn after(day: WeekDay) -> WeekDay {
    match day {
        WeekDay::Mon => WeekDay::Tue,
        WeekDay::Tue => WeekDay::Wed,
        WeekDay::Wed => WeekDay::Thu,
        WeekDay::Thu => WeekDay::Fri,
        WeekDay::Fri => WeekDay::Sat,
        WeekDay::Sat => WeekDay::Sun,
        WeekDay::Sun => WeekDay::Mon,
    }
}
