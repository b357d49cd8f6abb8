//! What cannot be in a clinic's settings: each problem names its place and has a code, so that a page can put it into
//! words and a command line into English.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::{Line, MAX_NUMBER, Place, Room, Rules, Site, Text, Window};
use crate::calendar::problems as calendar;
use crate::call::tariff::{Rule, Tariff};
use crate::ids::{LineNo, SessionId};
use crate::queue::Clinic;
use crate::queue::visit::OPEN_STATES;
use crate::standing::Standing;
use crate::time::Day;

/// The longest name of a clinic, line, room or session, in characters.
const MAX_NAME_CHARS: usize = 60;

/// The longest address of a clinic, and the longest reason of a closure, in characters.
const MAX_TEXT_CHARS: usize = 200;

/// The largest family: each gets a number and a ticket.
const MAX_FAMILY: u8 = 20;

/// The widest window around a session, in minutes: a day.
const MAX_WINDOW_MIN: u32 = 24 * 60;

macro_rules! whats {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $english:literal;)+) => {
        /// What is wrong.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum What {
            $($(#[$doc])* $name,)+
            /// No such session.
            NoSession(SessionId),
            /// No such line.
            NoLine(LineNo),
            /// The calendar contradicts itself.
            Calendar(calendar::Problem),
        }

        impl What {
            /// Returns the code under which the pages have their words.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                    Self::NoSession(_) => "no_session",
                    Self::NoLine(_) => "no_line",
                    Self::Calendar(problem) => calendar_code(problem),
                }
            }

            fn values_of(&self) -> Vec<(&'static str, String)> {
                match self {
                    $(Self::$name)|+ => Vec::new(),
                    Self::NoSession(session) => alloc::vec![("session", session.to_string())],
                    Self::NoLine(line) => alloc::vec![("line", line.to_string())],
                    Self::Calendar(problem) => calendar_values(problem),
                }
            }
        }

        impl fmt::Display for What {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name => f.write_str($english),)+
                    Self::NoSession(session) => write!(f, "there is no session {session}"),
                    Self::NoLine(line) => write!(f, "there is no line {line}"),
                    Self::Calendar(problem) => problem.fmt(f),
                }
            }
        }
    };
}

whats! {
    /// A name is empty, too long, or holds control characters.
    Name = "name", "a name is empty or longer than 60 characters";
    /// Another text is too long or holds control characters.
    Text = "text", "a text is longer than 200 characters or holds control characters";
    /// The patients' page is no web address.
    PatientUrl = "patient_url", "the patients' page begins with https:// and has at most 200 characters";
    /// The business day begins after it ends.
    DayStarts = "day_starts", "a business day begins before 24:00";
    /// A family of none, or of too many.
    FamilyMost = "family_most", "a family is 1 to 20 people";
    /// A double press that takes longer than a minute.
    DoublePress = "double_press", "a double press is within a minute";
    /// Numbering jumps too far after a restore.
    RestoreJump = "restore_jump", "numbering jumps by at most 1000 after a restore";
    /// A prefix that is not up to two capital letters.
    Prefix = "prefix", "the prefix is up to two capital letters";
    /// A patient takes no time, or hours.
    Minutes = "minutes", "one patient takes 1 to 240 minutes";
    /// Numbers do not run from 1 to 9999, first before last.
    Numbers = "numbers", "numbers run from 1 to 9999, first before last";
    /// A session's first number lies past the last.
    FirstNumber = "first_number", "a session begins with a number beyond the last";
    /// A number with no figures, or with too many.
    Figures = "figures", "a number is written with 1 to 4 figures";
    /// A break ends before it begins.
    Break = "break", "a break ends after it begins";
    /// Booked and walk-in patients do not take turns by at least one each.
    Interleave = "interleave", "booked and walk-in take turns by at least one each";
    /// A tariff whose numbers cannot be.
    Tariff = "tariff", "a tariff has a version, a unit of 1 to 1440 minutes at up to 1000000 yen, and less than 100% of tax";
    /// A tariff with the name and the version of another one, and with other numbers.
    TariffVersion = "tariff_version", "a tariff with other numbers has another version";
    /// Every number would be kept for interrupts.
    KeepEvery = "keep_every", "at most every second number is kept for interrupts";
    /// An ending passed over that is no one or two figures.
    SkipEnding = "skip_ending", "an ending that is passed over has one or two figures";
    /// A window around a session wider than a day.
    Window = "window", "numbers are given from at most a day before a session to a day after it";
    /// A room that calls nobody.
    NoLines = "no_lines", "a room calls patients of at least one line";
    /// The line is taken away while patients are in it.
    PatientsInLine = "patients_in_line", "patients are still in it";
    /// The room is taken away while a patient is called to it.
    PatientInRoom = "patient_in_room", "a patient is called to it";
}

impl What {
    /// Returns what the words are filled with.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, String> {
        self.values_of().into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }
}

/// One thing in settings that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub what: What,
}

/// Lists what cannot be in settings: of every place but the calendar its first problem.
#[must_use]
pub fn problems(standing: &Standing) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut note = |place: Place, what: Option<What>| found.extend(what.map(|what| Problem { place, what }));
    note(Place::Site, site(&standing.site));
    for problem in calendar::problems(&standing.hours) {
        note(Place::Hours, Some(What::Calendar(problem)));
    }
    note(Place::Hours, hours(standing));
    note(Place::Rules, rules(&standing.rules));
    for one in standing.lines.values() {
        note(Place::Line(one.line), line(standing, one));
    }
    for one in standing.rooms.values() {
        note(Place::Room(one.room.clone()), room(standing, one));
    }
    for printer in standing.printers.values() {
        let unknown = printer.lines.iter().find(|line| !standing.lines.contains_key(line));
        note(Place::Printer(printer.printer.clone()), unknown.map(|line| What::NoLine(*line)));
    }
    for (from, one) in &standing.tariffs {
        note(Place::Tariff(*from), tariff(standing, *from, one));
    }
    found
}

/// An amount names its tariff and the version: each stands for the same numbers for ever. Of two the later one is told.
fn tariff(standing: &Standing, from: Day, tariff: &Tariff) -> Option<What> {
    if !tariff.is_sound() {
        return Some(What::Tariff);
    }
    let is_taken = standing.tariffs.range(..from).any(|(_, other)| tariff.contradicts(other))
        || Rule::ALL.into_iter().any(|rule| tariff.contradicts(&Tariff::built_in(rule)));
    is_taken.then_some(What::TariffVersion)
}

/// Lists tariffs that keep a version that stands, with other numbers.
fn kept_versions(before: &Standing, after: &Standing) -> impl Iterator<Item = Problem> {
    let is_kept = |tariff: &Tariff| before.tariffs.values().any(|other| tariff.contradicts(other));
    let kept = after.tariffs.iter().filter(move |(_, tariff)| is_kept(tariff));
    kept.map(|(from, _)| Problem { place: Place::Tariff(*from), what: What::TariffVersion })
}

/// Lists what cannot be in a change of the settings to `after`: there, and beside what stands and who waits.
#[must_use]
pub fn problems_of_change(clinic: &Clinic, after: &Standing) -> Vec<Problem> {
    let mut found = problems(after);
    found.extend(left_behind(clinic, after));
    for kept in kept_versions(&clinic.standing, after) {
        if !found.contains(&kept) {
            found.push(kept);
        }
    }
    found
}

/// Lists who would be left without a line or a room: nobody is dropped by a setting.
fn left_behind(clinic: &Clinic, standing: &Standing) -> Vec<Problem> {
    let lines = clinic.lines.iter().filter(|(line, day)| {
        !standing.lines.contains_key(line) && OPEN_STATES.into_iter().any(|state| day.count(state) > 0)
    });
    let rooms = clinic.rooms.iter().filter(|(room, day)| !standing.rooms.contains_key(room) && !day.now.is_empty());
    let lines = lines.map(|(line, _)| Problem { place: Place::Line(*line), what: What::PatientsInLine });
    let rooms = rooms.map(|(room, _)| Problem { place: Place::Room(room.clone()), what: What::PatientInRoom });
    lines.chain(rooms).collect()
}

/// A clinic that nobody has named yet is no problem.
fn site(site: &Site) -> Option<What> {
    let is_address = |url: &String| {
        (url.starts_with("https://") || url.starts_with("http://"))
            && url.len() <= MAX_TEXT_CHARS
            && url.bytes().all(|b| b.is_ascii_graphic())
    };
    if *site != Site::default() && is_bad_name(&site.name) {
        return Some(What::Name);
    }
    if site.address.as_deref().is_some_and(is_bad_text) {
        return Some(What::Text);
    }
    site.patient_url.as_ref().filter(|url| !is_address(url)).map(|_| What::PatientUrl)
}

fn hours(standing: &Standing) -> Option<What> {
    if standing.hours.sessions.iter().any(|session| is_bad_name(&session.name)) {
        return Some(What::Name);
    }
    let whys = standing.hours.closures.iter().flat_map(|closure| texts(&closure.why));
    whys.into_iter().any(is_bad_text).then_some(What::Text)
}

fn rules(rules: &Rules) -> Option<What> {
    if rules.day_starts.0 >= 24 * 60 {
        return Some(What::DayStarts);
    }
    if rules.family_most == 0 || rules.family_most > MAX_FAMILY {
        return Some(What::FamilyMost);
    }
    if rules.double_press_ms > 60_000 {
        return Some(What::DoublePress);
    }
    (rules.restore_jump > 1_000).then_some(What::RestoreJump)
}

fn line(standing: &Standing, line: &Line) -> Option<What> {
    let is_past = |number: u32| number == 0 || number > line.last_number.0;
    let rules = [
        (is_bad_name(&line.name), What::Name),
        (line.prefix.len() > 2 || !line.prefix.bytes().all(|b| b.is_ascii_uppercase()), What::Prefix),
        (line.minutes == 0 || line.minutes > 240, What::Minutes),
        (line.last_number > MAX_NUMBER || is_past(line.first_number.0), What::Numbers),
        (line.first.values().any(|first| is_past(first.0)), What::FirstNumber),
        (line.figures == 0 || line.figures > 4, What::Figures),
        (line.breaks.iter().any(|stretch| stretch.from >= stretch.to), What::Break),
        (line.interleave.is_some_and(|rule| rule.booked == 0 || rule.walk_in == 0), What::Interleave),
        (line.keep_every.is_some_and(|every| every < 2), What::KeepEvery),
        (line.skip_endings.iter().any(|ending| *ending > 99), What::SkipEnding),
        (is_bad_window(&line.desk) || is_bad_window(&line.remote), What::Window),
    ];
    let broken = rules.into_iter().find(|(is_broken, _)| *is_broken).map(|(_, what)| what);
    let unknown = || line.first.keys().find(|session| standing.session(session).is_none());
    broken.or_else(|| unknown().map(|session| What::NoSession(session.clone())))
}

fn is_bad_window(window: &Window) -> bool {
    let predicted = window.predicted_end_min.unwrap_or(0);
    [window.opens_min, window.closes_min, predicted].iter().any(|min| min.unsigned_abs() > MAX_WINDOW_MIN)
}

fn room(standing: &Standing, room: &Room) -> Option<What> {
    let is_bad_short = |short: &str| short.trim().is_empty() || is_long_name(short);
    if is_bad_name(&room.name)
        || room.say.as_ref().is_some_and(is_bad_name)
        || room.short.as_deref().is_some_and(is_bad_short)
    {
        return Some(What::Name);
    }
    if room.lines.is_empty() {
        return Some(What::NoLines);
    }
    let unknown = room.lines.iter().find(|line| !standing.lines.contains_key(line));
    unknown.map(|line| What::NoLine(*line))
}

fn texts(text: &Text) -> Vec<&str> {
    let others = [text.en.as_deref(), text.zh.as_deref(), text.ko.as_deref()];
    others.into_iter().flatten().chain([text.ja.as_str()]).collect()
}

fn is_bad_name(name: &Text) -> bool {
    name.ja.trim().is_empty() || texts(name).into_iter().any(is_long_name)
}

fn is_long_name(name: &str) -> bool {
    name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control)
}

fn is_bad_text(text: &str) -> bool {
    text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control)
}

const fn calendar_code(problem: &calendar::Problem) -> &'static str {
    match problem {
        calendar::Problem::SameSession(_) => "same_session",
        calendar::Problem::EmptySession(_) => "empty_session",
        calendar::Problem::UnknownSession(..) => "no_session",
        calendar::Problem::Overlap(..) => "overlap",
        calendar::Problem::NoDays(_) => "no_days",
        calendar::Problem::NoSuchWeek(..) => "no_such_week",
        calendar::Problem::EmptyClosure(..) => "empty_closure",
    }
}

fn calendar_values(problem: &calendar::Problem) -> Vec<(&'static str, String)> {
    match problem {
        calendar::Problem::SameSession(session)
        | calendar::Problem::EmptySession(session)
        | calendar::Problem::UnknownSession(_, session) => alloc::vec![("session", session.to_string())],
        calendar::Problem::Overlap(_, one, other) => {
            alloc::vec![("session", one.to_string()), ("other", other.to_string())]
        }
        calendar::Problem::NoDays(nth) => alloc::vec![("nth", nth.to_string())],
        calendar::Problem::NoSuchWeek(nth, week) => {
            alloc::vec![("nth", nth.to_string()), ("week", week.to_string())]
        }
        calendar::Problem::EmptyClosure(from, to) => alloc::vec![("from", from.to_string()), ("to", to.to_string())],
    }
}
