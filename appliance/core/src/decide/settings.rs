//! Settings: what contradicts itself is refused whole, and nothing of it is kept.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Draft;
use crate::calendar::problems;
use crate::facts::{Fact, MessageSet};
use crate::queue::Clinic;
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::{Line, Room, Text};
use crate::standing::Standing;

/// The longest i-message, in characters: two pages of the board's message row.
const MAX_MESSAGE_CHARS: usize = 80;

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
        standing.after(fact);
    }
    match problem(&standing) {
        Some((place, why)) => Err(Refusal::new(RefusalCode::BadSettings).with("where", &place).with("why", &why)),
        None => Ok(facts.iter().cloned().map(Draft::of_site).collect()),
    }
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
    hours.or_else(in_lines).or_else(in_rooms).or_else(in_printers)
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
    if line.last_number.0 > 9_999 || line.first_number > line.last_number || line.first_number.0 == 0 {
        return say("numbers run from 1 to 9999, first before last");
    }
    if line.first.values().any(|first| *first > line.last_number || first.0 == 0) {
        return say("a session begins with a number beyond the last");
    }
    if line.figures == 0 || line.figures > 4 {
        return say("a number is written with 1 to 4 figures");
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
