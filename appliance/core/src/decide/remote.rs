//! Tickets taken from afar, through the hub: numbers leased to it ahead, tickets that use them, and leaving the line.
//!
//! The box leases; the hub alone gives what is leased, also while the two are out of each other's reach. So no number
//! is given twice, and none has to be changed when they meet again.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Context, Draft, Edge, line_of, number, place, reception, visit_in};
use crate::command::Take;
use crate::facts::{Channel, Fact, Lang, Lease, NumbersLeased, OfVisit, Placed, TicketIssued};
use crate::ids::{LineNo, SessionId, VisitId};
use crate::queue::Clinic;
use crate::queue::line::LineDay;
use crate::queue::visit::{State, Visit};
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::Line;
use crate::time::{AtMs, Day};

/// A number so far behind the newest is given to nobody from afar any more: it would look like a mistake.
const FRESH: u32 = 20;

/// Decides what is to be leased now in the first line that takes tickets from afar and has too few: one line at a
/// time, as two may come to the same label.
pub(super) fn lease(clinic: &Clinic, now: AtMs, edge: &mut dyn Edge) -> Vec<Draft> {
    let mut lines = clinic.standing.lines.values();
    let Some((line, (session, given))) = lines.find_map(|line| Some((line, due(clinic, line, now)?))) else {
        return Vec::new();
    };
    let (mut leased, mut skipped) = (Vec::new(), Vec::new());
    for number::Given { number, label, skipped: before } in given {
        leased.push(Lease { number, label, visit: edge.draw_visit() });
        skipped.extend(before);
    }
    let leased = NumbersLeased { leased, session, skipped };
    alloc::vec![Draft::of_line(line.line, Fact::NumbersLeased(leased))]
}

/// Returns the session and the numbers that are to be leased in a line now.
fn due(clinic: &Clinic, line: &Line, now: AtMs) -> Option<(Option<SessionId>, Vec<number::Given>)> {
    if !line.kind.is_entrance() {
        return None;
    }
    let session = reception::session_of(clinic, line, Channel::Remote, now).ok()?;
    let most = clinic.standing.rules.remote_lease;
    let n_fresh = clinic.lines.get(&line.line).map_or(0, |day| fresh(day).count());
    let n_fresh = u8::try_from(n_fresh).unwrap_or(u8::MAX);
    // Not one by one: each lease is a fact.
    if n_fresh.saturating_mul(2) > most || most == 0 {
        return None;
    }
    let given = number::next_apart(clinic, line, session.as_ref(), most.saturating_sub(n_fresh)).ok()?;
    Some((session, given))
}

/// Whether there is anything to lease now.
#[must_use]
pub fn lease_is_due(clinic: &Clinic, now: AtMs) -> bool {
    clinic.standing.lines.values().any(|line| due(clinic, line, now).is_some())
}

/// Returns the leased numbers that may still be given, lowest first.
fn fresh(day: &LineDay) -> impl Iterator<Item = &Lease> {
    let oldest = day.top.map_or(0, |top| top.0.saturating_sub(FRESH));
    day.leased.values().filter(move |lease| lease.number.0 > oldest)
}

/// Decides a ticket that is taken from afar: one of the leased numbers, the place behind all who are known.
pub(super) fn take(
    clinic: &Clinic,
    take: &Take,
    context: &Context,
    edge: &mut dyn Edge,
) -> Result<Vec<Draft>, Refusal> {
    let line = line_of(clinic, take.line)?;
    if take.channel != Channel::Remote || take.family != 1 {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"channel"));
    }
    let session = reception::session_of(clinic, line, Channel::Remote, context.now)?;
    let day = clinic.day.filter(|day| *day == clinic.standing.rules.day_at(context.now));
    let used_up = || Refusal::new(RefusalCode::LeaseUsedUp).with("line", &line.name.ja);
    let (day, of_line) = day.zip(clinic.lines.get(&line.line)).ok_or_else(used_up)?;
    let lease = fresh(of_line).next().ok_or_else(used_up)?.clone();
    let ticket = TicketIssued {
        lang: take.lang,
        text_call: take.text_call,
        token_hash: edge.token_hash(lease.visit),
        ..issued(clinic, line.line, (day, session), lease)
    };
    Ok(alloc::vec![Draft::of_line(line.line, Fact::TicketIssued(ticket))])
}

/// Returns the ticket of a leased number, behind all who are known.
fn issued(clinic: &Clinic, line: LineNo, (day, session): (Day, Option<SessionId>), lease: Lease) -> TicketIssued {
    TicketIssued {
        visit: lease.visit,
        day,
        session,
        number: lease.number,
        label: lease.label,
        rank: place::last(clinic, line),
        channel: Channel::Remote,
        arrived: false,
        booked_for: None,
        family: None,
        lang: Lang::Ja,
        text_call: false,
        name_shown: false,
        token_hash: None,
        personal: None,
        skipped: Vec::new(),
    }
}

/// Decides what is to be written when somebody comes with a leased number whose ticket is not known here, because hub
/// and box are out of reach; nothing for any other visit.
///
/// The hub's own fact is of the same visit: whichever comes first stands.
pub(super) fn come_unknown(clinic: &Clinic, visit: VisitId) -> Option<Draft> {
    let leased = |(line, day): (&LineNo, &LineDay)| {
        let lease = day.leased.values().find(|lease| lease.visit == visit)?;
        Some((*line, day.session.clone(), lease.clone()))
    };
    let (line, session, lease) = clinic.lines.iter().find_map(leased)?;
    let ticket = issued(clinic, line, (clinic.day?, session), lease);
    Some(Draft::of_line(line, Fact::TicketIssued(ticket)))
}

/// Decides that the holder of a ticket leaves the line from afar; who is called already speaks to the desk.
pub(super) fn leave(clinic: &Clinic, visit: VisitId) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_in(clinic, visit, &[State::NotArrived, State::Waiting])?;
    Ok(alloc::vec![Draft::of_line(visit.turn.line, Fact::LeftLine(OfVisit { visit: visit.visit }))])
}

/// Decides places by the time of issue for tickets that were given while hub and box were out of reach: the hub did
/// not know who had come meanwhile.
pub(super) fn place(clinic: &Clinic) -> Vec<Draft> {
    let by_hub = clinic.visits.values().filter(|visit| visit.channel == Channel::Remote && visit.acts.is_empty());
    let to_come = by_hub.filter(|visit| visit.turn.state == State::NotArrived);
    let wrong: Vec<&Visit> = to_come.filter(|visit| stands_before_earlier(clinic, visit)).collect();
    let moving: BTreeSet<VisitId> = wrong.iter().map(|visit| visit.visit).collect();
    let placed = |visit: &Visit| {
        let rank = place::by_issue_among(clinic, visit.turn.line, visit, &moving);
        let placed = Placed { visit: visit.visit, rank, note: None };
        Draft::of_line(visit.turn.line, Fact::Reordered(placed))
    };
    wrong.into_iter().map(placed).collect()
}

/// Whether somebody whose ticket is earlier, and on whom nobody has acted, stands behind a visit.
fn stands_before_earlier(clinic: &Clinic, visit: &Visit) -> bool {
    let Some(day) = clinic.lines.get(&visit.turn.line) else { return false };
    let mut behind = day.order().skip_while(|place| place.visit != visit.visit).skip(1);
    behind.any(|place| {
        let other = clinic.visits.get(&place.visit);
        place.issued < visit.issued && other.is_some_and(|other| !other.is_urgent() && other.acts.is_empty())
    })
}
