//! What settings may be and still should be looked at twice, above all while a day is running.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{MOST_ROOMS, Place, Room};
use crate::calendar::Calendar;
use crate::ids::{LineNo, Number, SessionId};
use crate::queue::Clinic;
use crate::queue::line::Reception;
use crate::queue::visit::OPEN_STATES;
use crate::standing::Standing;
use crate::time::{AtMs, Day};

/// The widest name that stands on a room's tile beside a line's, in full-width characters (LOOKS, how many fit).
const MAX_TILE_CHARS: usize = 7;

/// How many days ahead a session is looked for.
const LOOK_DAYS: i32 = 14;

/// What should be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// No room calls the line's patients.
    NoRoom,
    /// No printer prints the line's tickets.
    NoPrinter,
    /// The printer is printing at this moment, and would be gone.
    Printing,
    /// The name is too wide for the board, and there is no short one.
    LongName,
    /// More rooms than one board shows.
    ManyRooms,
    /// No session is held in the next two weeks.
    NoSessions,
    /// The line is open, and today would have no session.
    OpenToday {
        /// People in it who are not done.
        n_people: usize,
    },
    /// The line is open for a session that would be gone.
    SessionGone(SessionId),
    /// Numbers beyond the last one have been given today.
    NumbersUsed(Number),
    /// The patients' page would be asked for in clear.
    PlainUrl,
    /// A business day is running, and it would begin at another time.
    DayRuns,
    /// Reservations of days that are past would be rated anew.
    RatedAnew,
}

impl What {
    /// Returns the code under which the pages have their words.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoRoom => "no_room",
            Self::NoPrinter => "no_printer",
            Self::Printing => "printing",
            Self::LongName => "long_name",
            Self::ManyRooms => "many_rooms",
            Self::NoSessions => "no_sessions",
            Self::OpenToday { .. } => "open_today",
            Self::SessionGone(_) => "session_gone",
            Self::NumbersUsed(_) => "numbers_used",
            Self::PlainUrl => "plain_url",
            Self::DayRuns => "day_runs",
            Self::RatedAnew => "rated_anew",
        }
    }

    /// Returns what the words are filled with.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        let pair = match self {
            Self::OpenToday { n_people } => Some(("n", n_people.to_string())),
            Self::SessionGone(session) => Some(("session", session.to_string())),
            Self::NumbersUsed(number) => Some(("number", number.to_string())),
            Self::NoRoom
            | Self::NoPrinter
            | Self::Printing
            | Self::LongName
            | Self::ManyRooms
            | Self::NoSessions
            | Self::PlainUrl
            | Self::DayRuns
            | Self::RatedAnew => None,
        };
        pair.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }
}

/// One thing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// What.
    pub what: What,
}

/// Lists what a change of the settings to `after` gives to think of; what was so before is not said again.
#[must_use]
pub fn warnings(clinic: &Clinic, after: &Standing, now: AtMs) -> Vec<Warning> {
    let before = all(clinic, &clinic.standing, now);
    let mut found = all(clinic, after, now);
    found.retain(|warning| !before.contains(warning));
    if after.rules.day_starts != clinic.standing.rules.day_starts && clinic.is_in_use() {
        found.push(Warning { place: Place::Rules, what: What::DayRuns });
    }
    found.extend(rated_anew(&clinic.standing, after, now));
    found
}

/// Names each date before today from which another tariff would count than did.
fn rated_anew(before: &Standing, after: &Standing, now: AtMs) -> Vec<Warning> {
    let today = after.rules.day_at(now);
    let dates: BTreeSet<Day> = before.tariffs.keys().chain(after.tariffs.keys()).copied().collect();
    let past = dates.into_iter().filter(|from| *from < today && before.tariffs.get(from) != after.tariffs.get(from));
    past.map(|from| Warning { place: Place::Tariff(from), what: What::RatedAnew }).collect()
}

fn all(clinic: &Clinic, standing: &Standing, now: AtMs) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut note = |place: Place, what: What| found.push(Warning { place, what });
    if standing.site.patient_url.as_ref().is_some_and(|url| url.starts_with("http://")) {
        note(Place::Site, What::PlainUrl);
    }
    if standing.rooms.len() > MOST_ROOMS {
        note(Place::Site, What::ManyRooms);
    }
    let today = standing.rules.day_at(now);
    let calendar = Calendar::new(&standing.hours);
    if (0..LOOK_DAYS).all(|n_days| calendar.sessions_on(today.plus_days(n_days)).is_empty()) {
        note(Place::Hours, What::NoSessions);
    }
    for room in standing.rooms.values().filter(|room| is_long(room)) {
        note(Place::Room(room.room.clone()), What::LongName);
    }
    for printer in clinic.printing.values().map(|begun| &begun.printer) {
        if !standing.printers.contains_key(printer) {
            note(Place::Printer(printer.clone()), What::Printing);
        }
    }
    let is_shut = calendar.sessions_on(today).is_empty();
    for line in standing.lines.keys() {
        for what in of_line(clinic, standing, *line, is_shut) {
            note(Place::Line(*line), what);
        }
    }
    found
}

fn of_line(clinic: &Clinic, standing: &Standing, line: LineNo, is_shut: bool) -> Vec<What> {
    let prints = standing.printers.values().any(|printer| printer.lines.is_empty() || printer.lines.contains(&line));
    let day = clinic.line_day(line);
    let is_open = day.reception == Reception::Open;
    let used = day.top.filter(|top| standing.lines.get(&line).is_some_and(|line| *top > line.last_number));
    let n_people = OPEN_STATES.into_iter().map(|state| day.count(state)).fold(0, usize::saturating_add);
    let gone = day.session.filter(|session| is_open && standing.session(session).is_none());
    let all = [
        (standing.n_rooms_of(line) == 0).then_some(What::NoRoom),
        (!prints).then_some(What::NoPrinter),
        used.map(What::NumbersUsed),
        gone.map(What::SessionGone),
        (is_open && is_shut).then_some(What::OpenToday { n_people }),
    ];
    all.into_iter().flatten().collect()
}

fn is_long(room: &Room) -> bool {
    room.short.as_ref().unwrap_or(&room.name.ja).chars().count() > MAX_TILE_CHARS
}
