//! The board view: what everybody in the waiting room may see. Numbers only, never a name, and of an emergency only
//! that the wait is longer.

mod calls;
mod week;

use alloc::string::String;
use alloc::vec::Vec;

use crate::calendar::{Calendar, Held};
use crate::envelope::Trust;
use crate::estimate;
use crate::ids::Label;
use crate::queue::Clinic;
use crate::queue::line::{LineDay, Reception};
use crate::queue::visit::{State, Visit};
use crate::settings::{Line, LineColor, Room, StageKind};
use crate::time::AtMs;
use crate::view::{BoardView, LineCard, Phase, RoomTile, TileState};

/// How many labels a line's card names as next.
const N_NEXT: usize = 8;

/// The minute of the day in Tokyo from which the night palette is used.
pub const NIGHT_FROM_MIN: i32 = 17 * 60;
/// The minute of the day in Tokyo until which it is used.
pub const NIGHT_TO_MIN: i32 = 6 * 60;

/// Returns the board as it is at `now`.
#[must_use]
pub fn board(clinic: &Clinic, now: AtMs, trust: Trust) -> BoardView {
    BoardView {
        clinic: clinic.standing.site.name.clone(),
        clock: (trust != Trust::Lost).then(|| now.clock_face()),
        as_of: now,
        n_facts: clinic.n_facts,
        phase: phase(clinic, now, trust),
        week: week::week(&clinic.standing.hours),
        face: clinic.standing.number_face(),
        rooms: clinic.standing.rooms_in_order().into_iter().map(|room| tile(clinic, room)).collect(),
        lines: clinic.standing.lines.values().map(|line| card(clinic, line, (now, trust))).collect(),
        absent: absent(clinic),
        message: clinic.standing.message.clone(),
        calls: calls::calls(clinic, now),
        wait_longer: calls::wait_longer(clinic, now),
        night: is_night(now, trust),
        rehearsal: clinic.rehearsal,
    }
}

/// Returns when the board changes next by itself, without any fact: a call's end, or the next minute of the clock.
#[must_use]
pub fn changes_at(clinic: &Clinic, now: AtMs) -> AtMs {
    let minute = crate::time::MINUTE_MS;
    let next_minute = AtMs(now.0.div_euclid(minute).saturating_add(1).saturating_mul(minute));
    let changes = calls::changes(clinic).into_iter().filter(|at| *at > now);
    changes.min().map_or(next_minute, |at| at.min(next_minute))
}

/// Whether a call, by its label and its instant, need not be heard any more: it was undone, answered, or made anew.
#[must_use]
pub fn is_call_over(clinic: &Clinic, label: &str, called_at: AtMs, now: AtMs) -> bool {
    calls::is_over(clinic, label, called_at, now)
}

fn is_night(now: AtMs, trust: Trust) -> bool {
    let wall = now.in_tokyo();
    let minutes = i32::from(wall.hour()).saturating_mul(60).saturating_add(i32::from(wall.minute()));
    trust != Trust::Lost && !(NIGHT_TO_MIN..NIGHT_FROM_MIN).contains(&minutes)
}

fn tile(clinic: &Clinic, room: &Room) -> RoomTile {
    let occupants: Vec<&Visit> = clinic.in_room(&room.room).into_iter().filter(|visit| !visit.is_urgent()).collect();
    let line_no = occupants.first().map(|visit| visit.turn.line).or_else(|| room.lines.first().copied());
    let line = line_no.and_then(|line| clinic.standing.lines.get(&line));
    let state = match occupants.first().map(|visit| visit.turn.state) {
        Some(State::Called) => TileState::Called,
        Some(State::InRoom) => TileState::InRoom,
        Some(
            State::NotArrived
            | State::Waiting
            | State::Absent
            | State::OnHold
            | State::Finished
            | State::Cancelled
            | State::LeftOver,
        )
        | None => TileState::Empty,
    };
    let mut name = room.name.clone();
    if let Some(short) = &room.short {
        name.ja.clone_from(short);
    }
    RoomTile {
        room: room.room.clone(),
        name,
        line_name: line.map(|line| line.name.clone()).unwrap_or_default(),
        color: line.map_or(LineColor::Slate, |line| line.color),
        kind: line.map_or(StageKind::Consultation, |line| line.kind),
        state,
        label: joined(&occupants),
    }
}

/// Returns one label, or `112–114` for a family that was called together.
fn joined(visits: &[&Visit]) -> Option<String> {
    let together = Together::of(visits);
    let (first, last) = (together.labels.first()?, together.labels.last()?);
    Some(if together.is_range { alloc::format!("{first}–{last}") } else { together.labels.join("・") })
}

/// The labels of visits that are together, in their order.
struct Together<'a> {
    labels: Vec<&'a str>,
    /// Whether they are several and follow one another.
    is_range: bool,
}

impl<'a> Together<'a> {
    fn of(visits: &[&'a Visit]) -> Self {
        let mut visits = visits.to_vec();
        visits.sort_by_key(|visit| (visit.home, visit.number));
        let follows = |(a, b): (&&Visit, &&Visit)| a.home == b.home && b.number.0.checked_sub(a.number.0) == Some(1);
        let is_range = visits.len() > 1 && visits.iter().zip(visits.iter().skip(1)).all(follows);
        Self { labels: visits.iter().map(|visit| visit.label.as_str()).collect(), is_range }
    }
}

fn card(clinic: &Clinic, line: &Line, (now, trust): (AtMs, Trust)) -> LineCard {
    let empty = LineDay::default();
    let day = clinic.lines.get(&line.line).unwrap_or(&empty);
    let waiting = day.in_state(State::Waiting).filter_map(|place| clinic.visits.get(&place.visit));
    let next = waiting.filter(|visit| !visit.is_urgent());
    LineCard {
        line: line.line,
        name: line.name.clone(),
        color: line.color,
        kind: line.kind,
        n_waiting: count(estimate::n_waiting(clinic, line.line, now)),
        n_not_arrived: count(day.count(State::NotArrived)),
        wait: estimate::wait_of_line(clinic, line.line, now),
        // Which day it is a clock that is lost does not know.
        open: day.reception == Reception::Open && (trust == Trust::Lost || !is_suspended(clinic, now)),
        over: day.reception == Reception::Closed,
        next: next.take(N_NEXT).map(|visit| visit.label.clone()).collect(),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn absent(clinic: &Clinic) -> Vec<Label> {
    let absent = clinic.lines.values().flat_map(|day| day.in_state(State::Absent));
    let absent = absent.filter_map(|place| clinic.visits.get(&place.visit)).filter(|visit| !visit.is_urgent());
    let mut absent: Vec<&Visit> = absent.collect();
    absent.sort_by_key(|visit| (visit.turn.since, visit.place()));
    absent.into_iter().map(|visit| visit.label.clone()).collect()
}

/// Whether patients are still being seen to: their numbers stay on the board, whatever the calendar says.
fn is_seeing(clinic: &Clinic) -> bool {
    [State::Waiting, State::Called, State::InRoom, State::OnHold].into_iter().any(|state| clinic.count(state) > 0)
}

/// Whether the clinic is closed today, although a line may still be open for whoever came before.
fn is_suspended(clinic: &Clinic, now: AtMs) -> bool {
    Calendar::new(&clinic.standing.hours).is_suspended(clinic.standing.rules.day_at(now))
}

/// Returns what reception is doing.
fn phase(clinic: &Clinic, now: AtMs, trust: Trust) -> Phase {
    let day = clinic.standing.rules.day_at(now);
    let calendar = Calendar::new(&clinic.standing.hours);
    let knows_hour = trust != Trust::Lost;
    if knows_hour && calendar.is_suspended(day) && !is_seeing(clinic) {
        return Phase::Suspended { next_day: calendar.next_open_day(day) };
    }
    let name_of = |line: &LineDay| line.session.as_ref().and_then(|session| clinic.standing.session(session));
    // A day that is over says nothing of this one, unless its queue still runs.
    let is_running = clinic.day.is_some_and(|running| running >= day) || clinic.is_in_use();
    let lines = || clinic.lines.values().filter(|_| is_running);
    if let Some(open) = lines().find(|line| line.reception == Reception::Open) {
        return Phase::Open { session: name_of(open).map(|session| session.name.clone()) };
    }
    if !knows_hour {
        // What a session's hours say would be as wrong as the clock.
        return Phase::Open { session: None };
    }
    let today = calendar.sessions_on(day);
    let closed = lines().filter(|line| line.reception == Reception::Closed);
    let over = closed.filter_map(name_of).max_by_key(|session| session.to);
    let is_to_come = |held: &&Held<'_>| match over {
        Some(over) => held.from.since(now) > 0 && held.session.session != over.session,
        None => held.to.since(now) > 0,
    };
    let to_come = today.iter().find(is_to_come);
    match (over, to_come) {
        (Some(over), Some(next)) => {
            Phase::Between { over: over.name.clone(), next: next.session.name.clone(), from: next.from.clock_face() }
        }
        (None, Some(next)) => Phase::Before { session: next.session.name.clone(), from: next.from.clock_face() },
        (_, None) => Phase::Closed { next_day: calendar.next_open_day(day) },
    }
}
