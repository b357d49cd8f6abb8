//! The board view: what everybody in the waiting room may see. Numbers only, never a name.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::calendar::{Calendar, Held};
use crate::envelope::Trust;
use crate::estimate;
use crate::facts::Channel;
use crate::ids::Label;
use crate::queue::line::{LineDay, Reception};
use crate::queue::visit::{State, Visit};
use crate::queue::{Clinic, Moment};
use crate::settings::{Line, LineColor, Room, StageKind};
use crate::time::{AtMs, Day};
use crate::view::{BoardView, CallFrame, LineCard, Phase, RoomTile, TileState};

/// How long a call stands over the whole board, and when others wait to be shown.
const CALL_MS: i64 = 8_000;
const CALL_MS_WHEN_OTHERS_WAIT: i64 = 6_000;

/// A call undone before it was shown so long leaves no trace.
const CHIME_MS: i64 = 1_500;

/// How long a number is asked to wait a little longer.
const WAIT_LONGER_MS: i64 = 10_000;

/// How many labels a line's card names as next.
const N_NEXT: usize = 8;

/// The hour of the day from which the night palette is used, and until which.
const NIGHT_FROM_MIN: i32 = 17 * 60;
const NIGHT_TO_MIN: i32 = 6 * 60;

/// Returns the board as it is at `now`.
#[must_use]
pub fn board(clinic: &Clinic, now: AtMs, trust: Trust) -> BoardView {
    BoardView {
        clinic: clinic.standing.site.name.clone(),
        clock: (trust != Trust::Lost).then(|| now.clock_face()),
        as_of: now,
        n_facts: clinic.n_facts,
        phase: phase(clinic, now),
        face: clinic.standing.number_face(),
        rooms: clinic.standing.rooms_in_order().into_iter().map(|room| tile(clinic, room)).collect(),
        lines: clinic.standing.lines.values().map(|line| card(clinic, line, now)).collect(),
        absent: absent(clinic),
        message: clinic.standing.message.clone(),
        calls: calls(clinic, now),
        wait_longer: wait_longer(clinic, now),
        night: is_night(now, trust),
        rehearsal: clinic.rehearsal,
    }
}

/// Returns when the board changes next by itself, without any fact: a call's end, or the next minute of the clock.
#[must_use]
pub fn changes_at(clinic: &Clinic, now: AtMs) -> AtMs {
    let minute = crate::time::MINUTE_MS;
    let next_minute = AtMs(now.0.div_euclid(minute).saturating_add(1).saturating_mul(minute));
    let ends = calls(clinic, now).into_iter().map(|call| call.until);
    let bands = clinic.moments.iter().filter_map(|moment| moment.undone_at).map(|at| at.plus_ms(WAIT_LONGER_MS));
    ends.chain(bands).filter(|at| *at > now).min().map_or(next_minute, |at| at.min(next_minute))
}

fn is_night(now: AtMs, trust: Trust) -> bool {
    let wall = now.in_tokyo();
    let minutes = i32::from(wall.hour()).saturating_mul(60).saturating_add(i32::from(wall.minute()));
    trust != Trust::Lost && !(NIGHT_TO_MIN..NIGHT_FROM_MIN).contains(&minutes)
}

fn tile(clinic: &Clinic, room: &Room) -> RoomTile {
    let occupants = clinic.in_room(&room.room);
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
    let (first, last) = (visits.first()?, visits.last()?);
    if visits.len() == 1 {
        return Some(first.label.to_string());
    }
    let consecutive =
        visits.iter().zip(visits.iter().skip(1)).all(|(a, b)| b.number.0.checked_sub(a.number.0) == Some(1));
    let labels: Vec<&str> = visits.iter().map(|visit| visit.label.as_str()).collect();
    Some(if consecutive { alloc::format!("{}–{}", first.label, last.label) } else { labels.join("・") })
}

fn card(clinic: &Clinic, line: &Line, now: AtMs) -> LineCard {
    let empty = LineDay::default();
    let day = clinic.lines.get(&line.line).unwrap_or(&empty);
    let counted = [State::Waiting, State::Absent, State::NotArrived]
        .into_iter()
        .filter(|state| state.counts_as_waiting(&clinic.standing.rules))
        .map(|state| day.count(state))
        .fold(0, usize::saturating_add);
    let next = day.in_state(State::Waiting).filter_map(|place| clinic.visits.get(&place.visit));
    // An emergency shows on no board but in the estimate.
    let next = next.filter(|visit| visit.channel != Channel::Emergency);
    LineCard {
        line: line.line,
        name: line.name.clone(),
        color: line.color,
        kind: line.kind,
        n_waiting: count(counted),
        n_not_arrived: count(day.count(State::NotArrived)),
        wait: estimate::wait_of_line(clinic, line.line, now),
        open: day.reception == Reception::Open,
        next: next.take(N_NEXT).map(|visit| visit.label.clone()).collect(),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn absent(clinic: &Clinic) -> Vec<Label> {
    let absent = clinic.lines.values().flat_map(|day| day.in_state(State::Absent));
    let mut absent: Vec<&Visit> = absent.filter_map(|place| clinic.visits.get(&place.visit)).collect();
    absent.sort_by_key(|visit| (visit.turn.since, visit.place()));
    absent.into_iter().map(|visit| visit.label.clone()).collect()
}

/// Returns the calls to be shown now. A call answered by going in is over at once.
fn calls(clinic: &Clinic, now: AtMs) -> Vec<CallFrame> {
    let shown: Vec<&Moment> = clinic.moments.iter().filter(|moment| is_shown(clinic, moment, now)).collect();
    let lasting = if shown.len() > 3 { CALL_MS_WHEN_OTHERS_WAIT } else { CALL_MS };
    shown.into_iter().filter_map(|moment| frame(clinic, moment, lasting)).filter(|call| call.until > now).collect()
}

fn is_shown(clinic: &Clinic, moment: &Moment, now: AtMs) -> bool {
    let since_ms = now.since(moment.at);
    let stands = |visit: &Visit| matches!(visit.turn.state, State::Called | State::Absent);
    let answered = !moment.visits.iter().filter_map(|visit| clinic.visits.get(visit)).any(stands);
    moment.undone_at.is_none() && (0..CALL_MS).contains(&since_ms) && !answered
}

fn frame(clinic: &Clinic, moment: &Moment, lasting_ms: i64) -> Option<CallFrame> {
    let visits: Vec<&Visit> = moment.visits.iter().filter_map(|visit| clinic.visits.get(visit)).collect();
    let line = clinic.standing.lines.get(&visits.first()?.turn.line);
    let room = clinic.standing.rooms.get(&moment.room)?;
    Some(CallFrame {
        label: joined(&visits)?,
        room: moment.room.clone(),
        room_name: room.name.clone(),
        line_name: line.map(|line| line.name.clone()).unwrap_or_default(),
        kind: line.map_or(StageKind::Consultation, |line| line.kind),
        arrow: room.arrow,
        again: moment.again,
        called_at: moment.at,
        until: moment.at.plus_ms(lasting_ms),
    })
}

fn wait_longer(clinic: &Clinic, now: AtMs) -> Vec<Label> {
    let undone = clinic.moments.iter().filter(|moment| {
        moment
            .undone_at
            .is_some_and(|at| at.since(moment.at) >= CHIME_MS && (0..WAIT_LONGER_MS).contains(&now.since(at)))
    });
    undone
        .flat_map(|moment| &moment.visits)
        .filter_map(|visit| clinic.visits.get(visit))
        .filter(|visit| visit.turn.state == State::Waiting)
        .map(|visit| visit.label.clone())
        .collect()
}

/// Returns what reception is doing.
#[must_use]
pub fn phase(clinic: &Clinic, now: AtMs) -> Phase {
    let name_of = |line: &LineDay| line.session.as_ref().and_then(|session| clinic.standing.session(session));
    if let Some(open) = clinic.lines.values().find(|line| line.reception == Reception::Open) {
        return Phase::Open { session: name_of(open).map(|session| session.name.clone()) };
    }
    let day = Day::holding(now, clinic.standing.rules.day_starts.0);
    let calendar = Calendar::new(&clinic.standing.hours);
    let today = calendar.sessions_on(day);
    let over = clinic.lines.values().filter(|line| line.reception == Reception::Closed).filter_map(name_of).next_back();
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
