//! Settings: what contradicts itself is refused whole, and nothing of it is kept.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Draft;
use crate::calendar::problems;
use crate::facts::{Fact, MessageSet};
use crate::ids::{LineNo, RoomId};
use crate::queue::line::LineDay;
use crate::queue::visit::OPEN_STATES;
use crate::queue::{Clinic, RoomDay};
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::{Line, MAX_NUMBER, Room, Rules, Site, Text};
use crate::standing::Standing;

/// The longest i-message, in characters: two pages of the board's message row.
const MAX_MESSAGE_CHARS: usize = 80;

/// The largest family: each gets a number and a ticket.
const MAX_FAMILY: u8 = 20;

/// The longest name of a clinic, line or room, in characters.
const MAX_NAME_CHARS: usize = 60;

/// Decides the i-message.
pub(super) fn message(text: &str) -> Result<Vec<Draft>, Refusal> {
    let text = text.trim();
    if text.chars().count() > MAX_MESSAGE_CHARS {
        return Err(Refusal::new(RefusalCode::TooLong).with("field", &"message").with("most", &MAX_MESSAGE_CHARS));
    }
    if text.chars().any(char::is_control) {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"message"));
    }
    Ok(alloc::vec![Draft::of_site(Fact::MessageSet(MessageSet { text: text.to_string() }))])
}

/// Decides a change of settings: what it makes of the whole must hold together.
pub(super) fn change(clinic: &Clinic, facts: &[Fact]) -> Result<Vec<Draft>, Refusal> {
    let mut standing = clinic.standing.clone();
    for fact in facts {
        if !is_setting(fact) {
            return Err(Refusal::new(RefusalCode::BadValue).with("field", &fact.kind()));
        }
        standing.after(fact);
    }
    match problem(&standing).or_else(|| left_behind(clinic, &standing)) {
        Some((place, why)) => Err(Refusal::new(RefusalCode::BadSettings).with("where", &place).with("why", &why)),
        None => Ok(facts.iter().cloned().map(Draft::of_site).collect()),
    }
}

const fn is_setting(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::SiteSet(_)
            | Fact::LineSet(_)
            | Fact::LineRemoved(_)
            | Fact::RoomSet(_)
            | Fact::RoomRemoved(_)
            | Fact::HoursSet(_)
            | Fact::RulesSet(_)
            | Fact::PrinterSet(_)
            | Fact::PrinterRemoved(_)
    )
}

/// Says who would be left without a line or a room: nobody is dropped by a setting.
fn left_behind(clinic: &Clinic, standing: &Standing) -> Option<(String, String)> {
    let in_line = |(line, day): (&LineNo, &LineDay)| {
        let is_gone = !standing.lines.contains_key(line);
        let is_in_use = OPEN_STATES.into_iter().any(|state| day.count(state) > 0);
        (is_gone && is_in_use).then(|| (alloc::format!("line {line}"), "patients are still in it".to_string()))
    };
    let in_room = |(room, day): (&RoomId, &RoomDay)| {
        let is_gone = !standing.rooms.contains_key(room);
        (is_gone && !day.now.is_empty())
            .then(|| (alloc::format!("room {room}"), "a patient is called to it".to_string()))
    };
    clinic.lines.iter().find_map(in_line).or_else(|| clinic.rooms.iter().find_map(in_room))
}

/// Returns the first thing in settings that cannot be, with where it is; in English, for the command line and logs.
fn problem(standing: &Standing) -> Option<(String, String)> {
    let hours = problems::problems(&standing.hours).first().map(|problem| ("hours".to_string(), problem.to_string()));
    let in_lines = || standing.lines.values().find_map(|line| line_problem(standing, line));
    let in_rooms = || standing.rooms.values().find_map(|room| room_problem(standing, room));
    let in_printers = || {
        standing.printers.values().find_map(|printer| {
            let unknown = printer.lines.iter().find(|line| !standing.lines.contains_key(line))?;
            Some((alloc::format!("printer {}", printer.printer), alloc::format!("there is no line {unknown}")))
        })
    };
    let in_rules = || rules_problem(&standing.rules).map(|why| ("rules".to_string(), why.to_string()));
    let in_site = || site_problem(&standing.site).map(|why| ("site".to_string(), why.to_string()));
    in_site().or(hours).or_else(in_rules).or_else(in_lines).or_else(in_rooms).or_else(in_printers)
}

/// A clinic that nobody has named yet is no problem.
fn site_problem(site: &Site) -> Option<&'static str> {
    if *site != Site::default() && name_problem(&site.name) {
        return Some("the name is empty or longer than 60 characters");
    }
    let is_address = |url: &String| {
        (url.starts_with("https://") || url.starts_with("http://"))
            && url.len() <= 200
            && url.bytes().all(|b| b.is_ascii_graphic())
    };
    match &site.patient_url {
        Some(url) if !is_address(url) => Some("the patients' page begins with https:// and has at most 200 characters"),
        Some(_) | None => None,
    }
}

fn rules_problem(rules: &Rules) -> Option<&'static str> {
    if rules.day_starts.0 >= 24 * 60 {
        return Some("a business day begins before 24:00");
    }
    if rules.family_most == 0 || rules.family_most > MAX_FAMILY {
        return Some("a family is 1 to 20 people");
    }
    if rules.double_press_ms > 60_000 {
        return Some("a double press is within a minute");
    }
    (rules.restore_jump > 1_000).then_some("numbering jumps by at most 1000 after a restore")
}

fn line_problem(standing: &Standing, line: &Line) -> Option<(String, String)> {
    let place = alloc::format!("line {}", line.line);
    let say = |why: &str| Some((place.clone(), why.to_string()));
    if name_problem(&line.name) {
        return say("the name is empty or longer than 60 characters");
    }
    if line.prefix.len() > 2 || !line.prefix.bytes().all(|b| b.is_ascii_uppercase()) {
        return say("the prefix is up to two capital letters");
    }
    if line.minutes == 0 || line.minutes > 240 {
        return say("one patient takes 1 to 240 minutes");
    }
    if line.last_number > MAX_NUMBER || line.first_number > line.last_number || line.first_number.0 == 0 {
        return say("numbers run from 1 to 9999, first before last");
    }
    if line.first.values().any(|first| *first > line.last_number || first.0 == 0) {
        return say("a session begins with a number beyond the last");
    }
    if line.figures == 0 || line.figures > 4 {
        return say("a number is written with 1 to 4 figures");
    }
    if line.breaks.iter().any(|stretch| stretch.from >= stretch.to) {
        return say("a break ends after it begins");
    }
    if line.interleave.is_some_and(|rule| rule.booked == 0 || rule.walk_in == 0) {
        return say("booked and walk-in take turns by at least one each");
    }
    if line.keep_every.is_some_and(|every| every < 2) {
        return say("at most every second number is kept for interrupts");
    }
    if line.skip_endings.iter().any(|ending| *ending > 99) {
        return say("an ending that is passed over has one or two figures");
    }
    let session = line.first.keys().find(|session| standing.session(session).is_none());
    session.map(|session| (place.clone(), alloc::format!("there is no session {session}")))
}

fn room_problem(standing: &Standing, room: &Room) -> Option<(String, String)> {
    let place = alloc::format!("room {}", room.room);
    if name_problem(&room.name) {
        return Some((place, "the name is empty or longer than 60 characters".to_string()));
    }
    if room.lines.is_empty() {
        return Some((place, "a room calls patients of at least one line".to_string()));
    }
    let unknown = room.lines.iter().find(|line| !standing.lines.contains_key(line));
    unknown.map(|line| (place, alloc::format!("there is no line {line}")))
}

fn name_problem(name: &Text) -> bool {
    let all = [Some(&name.ja), name.en.as_ref(), name.zh.as_ref(), name.ko.as_ref()];
    name.ja.trim().is_empty()
        || all
            .into_iter()
            .flatten()
            .any(|name| name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control))
}
