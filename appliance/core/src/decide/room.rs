//! What a room's buttons do: next, again, absent, in, done.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Draft, who};
use crate::command::Showing;
use crate::facts::{Called, Fact, InRoom};
use crate::ids::{LineNo, RoomId};
use crate::queue::Clinic;
use crate::queue::visit::{State, Visit};
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::Room;

/// Decides who is called next; whoever is in the room is finished, whoever did not come is absent.
pub(super) fn call(clinic: &Clinic, room: &RoomId, showing: &Showing) -> Result<Vec<Draft>, Refusal> {
    let (settings, occupants) = look(clinic, room, showing)?;
    let next = next_of(clinic, settings);
    let next_label = next.map_or_else(String::new, |visit| visit.label.to_string());
    if showing.next.as_ref().is_some_and(|label| label.as_str() != next_label) {
        return Err(screen_was_old(clinic, settings, showing));
    }
    let mut drafts = Vec::new();
    for (state, line) in stages(&occupants) {
        let left = of_stage(room, &occupants, (state, line));
        drafts.push(Draft::of_line(
            line,
            if state == State::InRoom { Fact::Finished(left) } else { Fact::MarkedAbsent(left) },
        ));
    }
    drafts.push(match next {
        Some(visit) => {
            let visits = clinic.family_of(visit).into_iter().map(|visit| visit.visit).collect();
            Draft::of_line(visit.turn.line, Fact::Called(Called { visits, room: room.clone() }))
        }
        None => {
            Draft { line: settings.lines.first().copied(), fact: Fact::NobodyCalled(InRoom { room: room.clone() }) }
        }
    });
    Ok(drafts)
}

/// Decides that a call is repeated.
pub(super) fn recall(clinic: &Clinic, room: &RoomId, showing: &Showing) -> Result<Vec<Draft>, Refusal> {
    of_called(clinic, room, showing, Fact::Recalled)
}

/// Decides that the called did not come.
pub(super) fn mark_absent(clinic: &Clinic, room: &RoomId, showing: &Showing) -> Result<Vec<Draft>, Refusal> {
    of_called(clinic, room, showing, Fact::MarkedAbsent)
}

/// Decides that the called went in.
pub(super) fn enter(clinic: &Clinic, room: &RoomId, showing: &Showing) -> Result<Vec<Draft>, Refusal> {
    let (settings, occupants) = look(clinic, room, showing)?;
    let drafts = each_stage(room, &occupants, State::Called, Fact::Entered);
    if drafts.is_empty() {
        return Err(if occupants.is_empty() {
            room_empty(settings)
        } else {
            Refusal::new(RefusalCode::AlreadyInRoom).with("room", &settings.name.ja)
        });
    }
    Ok(drafts)
}

/// Decides that the patient is done: in the room, or called and seen without the button for going in.
pub(super) fn finish(clinic: &Clinic, room: &RoomId, showing: &Showing) -> Result<Vec<Draft>, Refusal> {
    let (settings, occupants) = look(clinic, room, showing)?;
    let mut drafts = each_stage(room, &occupants, State::InRoom, Fact::Finished);
    drafts.extend(each_stage(room, &occupants, State::Called, Fact::Finished));
    if drafts.is_empty() { Err(room_empty(settings)) } else { Ok(drafts) }
}

fn of_called(
    clinic: &Clinic,
    room: &RoomId,
    showing: &Showing,
    fact: fn(Called) -> Fact,
) -> Result<Vec<Draft>, Refusal> {
    let (settings, occupants) = look(clinic, room, showing)?;
    let drafts = each_stage(room, &occupants, State::Called, fact);
    if drafts.is_empty() {
        return Err(if occupants.is_empty() {
            room_empty(settings)
        } else {
            Refusal::new(RefusalCode::NotWhileInRoom).with("room", &settings.name.ja)
        });
    }
    Ok(drafts)
}

/// Returns a room with whom it called last, if that is what the screen showed.
fn look<'a>(clinic: &'a Clinic, room: &RoomId, showing: &Showing) -> Result<(&'a Room, Vec<&'a Visit>), Refusal> {
    let unknown = || Refusal::new(RefusalCode::UnknownRoom).with("room", room);
    let settings = clinic.standing.rooms.get(room).ok_or_else(unknown)?;
    let occupants = clinic.in_room(room);
    let now = occupants.first().map_or("", |visit| visit.label.as_str());
    match &showing.now {
        Some(shown) if shown.as_str() != now => Err(screen_was_old(clinic, settings, showing)),
        Some(_) | None => Ok((settings, occupants)),
    }
}

/// Returns who is next in a room: emergencies of any of its lines, then the first in its first line that has any.
fn next_of<'a>(clinic: &'a Clinic, room: &Room) -> Option<&'a Visit> {
    let mut firsts: Vec<&Visit> = Vec::new();
    for line in &room.lines {
        let first = clinic.lines.get(line).and_then(|day| day.in_state(State::Waiting).next());
        firsts.extend(first.and_then(|place| clinic.visits.get(&place.visit)));
    }
    let urgent = firsts.iter().find(|visit| visit.is_urgent());
    urgent.or_else(|| firsts.first()).copied()
}

/// Returns the label that a room's button would call next.
#[must_use]
pub(crate) fn next_label<'a>(clinic: &'a Clinic, room: &Room) -> Option<&'a Visit> {
    next_of(clinic, room)
}

/// The states and lines that the occupants are in, each once.
fn stages(occupants: &[&Visit]) -> Vec<(State, LineNo)> {
    let mut stages: Vec<(State, LineNo)> = Vec::new();
    for visit in occupants {
        let stage = (visit.turn.state, visit.turn.line);
        if !stages.contains(&stage) {
            stages.push(stage);
        }
    }
    stages
}

fn of_stage(room: &RoomId, occupants: &[&Visit], (state, line): (State, LineNo)) -> Called {
    let of_it = |visit: &&&Visit| visit.turn.state == state && visit.turn.line == line;
    Called { visits: occupants.iter().filter(of_it).map(|visit| visit.visit).collect(), room: room.clone() }
}

fn each_stage(room: &RoomId, occupants: &[&Visit], state: State, fact: fn(Called) -> Fact) -> Vec<Draft> {
    stages(occupants)
        .into_iter()
        .filter(|stage| stage.0 == state)
        .map(|stage| Draft::of_line(stage.1, fact(of_stage(room, occupants, stage))))
        .collect()
}

fn room_empty(room: &Room) -> Refusal {
    Refusal::new(RefusalCode::RoomEmpty).with("room", &room.name.ja)
}

/// Another tablet was quicker, or somebody came: says what is true now, and who did it where that is known.
fn screen_was_old(clinic: &Clinic, room: &Room, showing: &Showing) -> Refusal {
    let occupants = clinic.in_room(&room.room);
    let now = occupants.first().copied();
    let shown = [&showing.next, &showing.now].into_iter().flatten().filter_map(|label| clinic.by_label(label));
    let last = shown.chain(now).filter_map(|visit| visit.acts.last()).max_by_key(|act| act.at);
    let label = |visit: Option<&Visit>| visit.map_or_else(|| String::from("–"), |visit| visit.label.to_string());
    let refusal = Refusal::new(RefusalCode::ScreenWasOld)
        .with("room", &room.name.ja)
        .with("now", &label(now))
        .with("next", &label(next_of(clinic, room)));
    match last {
        Some(act) => refusal.with("who", &who(clinic, &act.by)),
        None => refusal,
    }
}
