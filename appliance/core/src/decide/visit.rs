//! What is done to one visit, and what is due by itself.

use alloc::vec::Vec;

use super::{Context, Draft, QUIET_MS, line_of, place, remote, visit_in, visit_of};
use crate::facts::{
    Arrived, Called, CancelReason, Cancelled, Fact, FamilyJoined, MovedTo, OfVisit, PersonalErased, Placed, Rank,
};
use crate::ids::{LineNo, VisitId};
use crate::queue::Clinic;
use crate::queue::line::LineDay;
use crate::queue::visit::{OPEN_STATES, State, Visit};
use crate::refusal::{Refusal, RefusalCode};
use crate::seal::Sealed;
use crate::settings::Line;
use crate::time::{AtMs, HOUR_MS, MINUTE_MS};

/// Decides that the holder of a remote or booked ticket has come.
pub(super) fn arrive(clinic: &Clinic, visit: VisitId, context: &Context) -> Result<Vec<Draft>, Refusal> {
    if !clinic.visits.contains_key(&visit)
        && let Some(issued) = remote::come_unknown(clinic, visit)
        && let (Some(line), Fact::TicketIssued(ticket)) = (issued.line, &issued.fact)
    {
        let arrived = Arrived { visit, rank: ticket.rank, late: false };
        return Ok(alloc::vec![issued, Draft::of_line(line, Fact::Arrived(arrived))]);
    }
    let visit = visit_in(clinic, visit, &[State::NotArrived])?;
    let line = line_of(clinic, visit.turn.line)?;
    let (first, late) = place_of_arrival(clinic, line, visit, context.now);
    let ranks = place::side_by_side(clinic, line.line, first);
    let family = clinic.family_of(visit);
    let keeps_place = first == visit.turn.rank;
    let arrived = |(visit, rank): (&&Visit, Rank)| {
        let rank = if keeps_place { visit.turn.rank } else { rank };
        Draft::of_line(visit.turn.line, Fact::Arrived(Arrived { visit: visit.visit, rank, late }))
    };
    Ok(family.iter().zip(ranks).map(arrived).collect())
}

/// Returns the place that an arriving patient gets, and whether the turn had passed.
fn place_of_arrival(clinic: &Clinic, line: &Line, visit: &Visit, now: AtMs) -> (Rank, bool) {
    let rules = &clinic.standing.rules;
    if visit.is_booked() {
        return match (visit.is_overdue(rules, now), line.interleave) {
            (true, _) => (place::behind(clinic, line.line, rules.late_back), true),
            (false, Some(rule)) => (place::interleaved(clinic, line.line, rule, visit.booked_for), false),
            (false, None) => (place::last(clinic, line.line), false),
        };
    }
    let called = clinic.lines.get(&line.line).and_then(LineDay::called_rank);
    if called.is_some_and(|called| called > visit.turn.rank) {
        return (place::behind(clinic, line.line, rules.late_back), true);
    }
    (visit.turn.rank, false)
}

/// Returns where a patient who is absent or has not come would stand on coming now, and whether the turn has passed.
pub(crate) fn place_on_coming(clinic: &Clinic, visit: &Visit, now: AtMs) -> Option<(Rank, bool)> {
    match visit.turn.state {
        State::Absent => Some((place::behind(clinic, visit.turn.line, clinic.standing.rules.absent_back), true)),
        State::NotArrived => {
            let line = clinic.standing.lines.get(&visit.turn.line)?;
            Some(place_of_arrival(clinic, line, visit, now))
        }
        State::Waiting
        | State::Called
        | State::InRoom
        | State::OnHold
        | State::Finished
        | State::Cancelled
        | State::LeftOver => None,
    }
}

/// Decides that an absent patient, with the family, is back.
pub(super) fn come_back(clinic: &Clinic, visit: VisitId) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_in(clinic, visit, &[State::Absent])?;
    let first = place::behind(clinic, visit.turn.line, clinic.standing.rules.absent_back);
    let ranks = place::side_by_side(clinic, visit.turn.line, first);
    let placed = |(visit, rank): (&Visit, Rank)| {
        Draft::of_line(visit.turn.line, Fact::Returned(Placed { visit: visit.visit, rank, note: None }))
    };
    Ok(clinic.family_of(visit).into_iter().zip(ranks).map(placed).collect())
}

/// Decides that the patient longest absent in a line is back.
pub(super) fn first_comes_back(clinic: &Clinic, line: LineNo) -> Result<Vec<Draft>, Refusal> {
    let settings = line_of(clinic, line)?;
    let absent = clinic.lines.get(&line).and_then(|day| {
        let visits = day.in_state(State::Absent).filter_map(|place| clinic.visits.get(&place.visit));
        visits.min_by_key(|visit| (visit.turn.since, visit.place()))
    });
    match absent {
        Some(visit) => come_back(clinic, visit.visit),
        None => Err(Refusal::new(RefusalCode::NobodyAbsent).with("line", &settings.name.ja)),
    }
}

/// Decides a cancellation.
pub(super) fn cancel(
    clinic: &Clinic,
    visit: VisitId,
    reason: CancelReason,
    note: Option<&Sealed>,
) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_in(clinic, visit, &OPEN_STATES)?;
    let cancelled = Cancelled { visit: visit.visit, reason, note: note.cloned() };
    Ok(of_visit(visit, Fact::Cancelled(cancelled)))
}

/// Decides that a patient is set aside.
pub(super) fn hold(clinic: &Clinic, visit: VisitId) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_in(clinic, visit, &[State::NotArrived, State::Waiting, State::Called, State::Absent])?;
    Ok(of_visit(visit, Fact::Held(OfVisit { visit: visit.visit })))
}

/// Decides that a patient set aside waits again, in the place it had.
pub(super) fn release(clinic: &Clinic, visit: VisitId) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_in(clinic, visit, &[State::OnHold])?;
    let placed = Placed { visit: visit.visit, rank: visit.turn.rank, note: None };
    Ok(of_visit(visit, Fact::Released(placed)))
}

/// Decides that a visit moves to the line it should have been received in, by the time it was.
pub(super) fn go_to(clinic: &Clinic, visit: VisitId, to: LineNo) -> Result<Vec<Draft>, Refusal> {
    let visit =
        visit_in(clinic, visit, &[State::NotArrived, State::Waiting, State::Called, State::Absent, State::OnHold])?;
    refuse_same_line(clinic, visit, to)?;
    let rank = place::by_issue(clinic, to, visit);
    Ok(of_visit(visit, Fact::Moved(MovedTo { visit: visit.visit, to, rank })))
}

/// Decides that a visit goes on to its next stage: last there, but in a line where it has been by the time of its
/// ticket, so that nobody queues twice for one consultation.
pub(super) fn send_on(clinic: &Clinic, visit: VisitId, to: LineNo) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_in(clinic, visit, &[State::Waiting, State::Called, State::InRoom, State::Finished])?;
    refuse_same_line(clinic, visit, to)?;
    let was_there = visit.home == to || visit.acts.iter().any(|act| act.before.line == to);
    let rank = if was_there { place::by_issue(clinic, to, visit) } else { place::last(clinic, to) };
    Ok(of_visit(visit, Fact::StageEntered(MovedTo { visit: visit.visit, to, rank })))
}

fn refuse_same_line(clinic: &Clinic, visit: &Visit, to: LineNo) -> Result<(), Refusal> {
    let line = line_of(clinic, to)?;
    if visit.turn.line == to {
        return Err(Refusal::new(RefusalCode::SameLine).with("label", &visit.label).with("line", &line.name.ja));
    }
    Ok(())
}

/// Decides that a waiting patient is called first.
pub(super) fn put_first(clinic: &Clinic, visit: VisitId, note: Option<&Sealed>) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_in(clinic, visit, &[State::Waiting])?;
    let placed = Placed { visit: visit.visit, rank: place::first(clinic, visit.turn.line), note: note.cloned() };
    Ok(of_visit(visit, Fact::Reordered(placed)))
}

/// Decides that waiting tickets of one line become a family.
pub(super) fn join(clinic: &Clinic, visits: &[VisitId]) -> Result<Vec<Draft>, Refusal> {
    let most = clinic.standing.rules.family_most;
    if visits.len() < 2 || visits.len() > usize::from(most) {
        return Err(Refusal::new(RefusalCode::FamilySize).with("most", &most));
    }
    let mut joined = Vec::new();
    let mut line = None;
    for visit in visits {
        let visit = visit_in(clinic, *visit, &[State::Waiting, State::NotArrived])?;
        if *line.get_or_insert(visit.turn.line) != visit.turn.line || joined.contains(&visit.visit) {
            return Err(Refusal::new(RefusalCode::BadValue).with("field", &"visits"));
        }
        joined.push(visit.visit);
    }
    let fact = Fact::FamilyJoined(FamilyJoined { visits: joined });
    Ok(alloc::vec![Draft { line, fact }])
}

/// Decides that a visit's personal data goes now.
pub(super) fn erase(clinic: &Clinic, visit: VisitId) -> Result<Vec<Draft>, Refusal> {
    let keys = match clinic.to_erase.get(&visit) {
        Some((_, keys)) => keys.clone(),
        None => visit_of(clinic, visit)?.keys.clone(),
    };
    let erased = PersonalErased { visits: alloc::vec![visit], keys };
    Ok(alloc::vec![Draft::of_site(Fact::PersonalErased(erased))])
}

/// Decides what is due by itself: erasure of personal data, and repeated calls of the absent.
pub(super) fn keep_house(clinic: &Clinic, context: &Context) -> Vec<Draft> {
    let mut drafts = Vec::new();
    if let Some(erased) = erasure_due(clinic, context) {
        drafts.push(Draft::of_site(Fact::PersonalErased(erased)));
    }
    drafts.extend(calls_due(clinic, context));
    drafts
}

fn erasure_due(clinic: &Clinic, context: &Context) -> Option<PersonalErased> {
    let rules = &clinic.standing.rules;
    let after_ms = i64::from(rules.erase_after_h).saturating_mul(HOUR_MS);
    let is_due = |day: &crate::time::Day| {
        let ends = day.plus_days(1).at_min(rules.day_starts.minutes());
        context.now.since(ends) >= after_ms
    };
    // The date may be wrong while the morning runs: nothing of a queue in use is erased.
    let is_touched = clinic.untouched_ms(context.quiet_ms) < after_ms.min(QUIET_MS);
    let is_in_use = |visit: &VisitId| is_touched && clinic.visits.contains_key(visit);
    let due = clinic.to_erase.iter().filter(|(visit, (day, _))| is_due(day) && !is_in_use(visit));
    let (mut visits, mut keys) = (Vec::new(), Vec::new());
    for (visit, (_, of_visit)) in due {
        visits.push(*visit);
        keys.extend(of_visit.iter().copied());
    }
    (!visits.is_empty()).then_some(PersonalErased { visits, keys })
}

/// Absent patients are called again every so many minutes, so many times; a family together.
fn calls_due(clinic: &Clinic, context: &Context) -> Vec<Draft> {
    let rules = &clinic.standing.rules;
    let each_ms = i64::from(rules.absent_again_min).saturating_mul(MINUTE_MS);
    let is_due = |visit: &&Visit| {
        let last = visit.turn.again_at.unwrap_or(visit.turn.since);
        visit.turn.n_again < rules.absent_again_times && context.now.since(last) >= each_ms
    };
    let lines = clinic.lines.values().filter(|day| !day.paused);
    let absent = lines.flat_map(|day| day.in_state(State::Absent)).filter_map(|place| clinic.visits.get(&place.visit));
    let mut drafts = Vec::new();
    let mut called: Vec<VisitId> = Vec::new();
    for visit in absent.filter(is_due) {
        let (Some(room), false) = (visit.turn.room.clone(), called.contains(&visit.visit)) else {
            continue;
        };
        let together = clinic.family_of(visit).into_iter().filter(|other| other.turn.room.as_ref() == Some(&room));
        let visits: Vec<VisitId> = together.map(|visit| visit.visit).collect();
        called.extend(visits.iter().copied());
        drafts.push(Draft::of_line(visit.turn.line, Fact::Recalled(Called { visits, room })));
    }
    drafts
}

fn of_visit(visit: &Visit, fact: Fact) -> Vec<Draft> {
    alloc::vec![Draft::of_line(visit.turn.line, fact)]
}
