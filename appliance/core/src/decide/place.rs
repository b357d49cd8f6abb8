//! Places in a line's order. A place is given once, as a rank in a fact, and never read off a clock.

use alloc::vec::Vec;

use crate::facts::{Channel, Rank};
use crate::ids::LineNo;
use crate::queue::Clinic;
use crate::queue::visit::{Place, State, Visit};
use crate::settings::Interleave;

/// Distance between two ranks at the end of a line: room for twenty insertions between the same two.
const STEP: i64 = 1 << 20;

/// Returns the last place of a line.
pub(super) fn last(clinic: &Clinic, line: LineNo) -> Rank {
    let last = clinic.lines.get(&line).map_or(Rank(0), |day| day.last_rank);
    Rank(last.0.saturating_add(STEP))
}

/// Returns the place before everyone, but behind earlier emergencies.
pub(super) fn first(clinic: &Clinic, line: LineNo) -> Rank {
    let order = order_of(clinic, line);
    let n_emergencies = order
        .iter()
        .take_while(|place| clinic.visits.get(&place.visit).is_some_and(|v| v.channel == Channel::Emergency))
        .count();
    at(&order, n_emergencies)
}

/// Returns the place behind the first `n` who wait, or the last place.
pub(super) fn behind(clinic: &Clinic, line: LineNo, n: Option<u32>) -> Rank {
    let Some(n) = n else {
        return last(clinic, line);
    };
    let order = order_of(clinic, line);
    let is_waiting = |place: &Place| clinic.visits.get(&place.visit).is_some_and(|v| v.turn.state == State::Waiting);
    let mut n_passed = 0_u32;
    let idx = order.iter().position(|place| {
        if n_passed >= n {
            return true;
        }
        n_passed = n_passed.saturating_add(u32::from(is_waiting(place)));
        false
    });
    match idx {
        Some(idx) => at(&order, idx),
        None => last(clinic, line),
    }
}

/// Returns the place that a visit of another line gets by the time its ticket was issued.
pub(super) fn by_issue(clinic: &Clinic, line: LineNo, visit: &Visit) -> Rank {
    let order = order_of(clinic, line);
    match order.iter().position(|place| place.issued > visit.issued) {
        Some(idx) => at(&order, idx),
        None => last(clinic, line),
    }
}

/// Returns the place of an arriving patient when booked patients and walk-ins take turns.
///
/// A booked patient passes at most so many walk-ins as the rule lets between two bookings, and goes by booked time
/// among the booked; a walk-in likewise. What already stands in line keeps its place.
pub(super) fn interleaved(clinic: &Clinic, line: LineNo, rule: Interleave, arriving: &Arriving) -> Rank {
    let order = order_of(clinic, line);
    let waiting: Vec<&Visit> = order.iter().filter_map(|place| clinic.visits.get(&place.visit)).collect();
    let same = |visit: &&Visit| visit.is_booked() == arriving.booked_for.is_some();
    let (own_quota, other_quota) = if arriving.booked_for.is_some() {
        (usize::from(rule.booked), usize::from(rule.walk_in))
    } else {
        (usize::from(rule.walk_in), usize::from(rule.booked))
    };
    let n_urgent = waiting.iter().take_while(|visit| visit.channel == Channel::Emergency).count();
    let last_same = waiting.iter().rposition(same);
    let idx = match last_same {
        None => n_urgent.saturating_add(other_quota),
        Some(last_same) => {
            let run = waiting.iter().take(last_same.saturating_add(1)).rev().take_while(|v| same(v)).count();
            let passed = if run.checked_rem(own_quota.max(1)) == Some(0) { other_quota } else { 0 };
            last_same.saturating_add(1).saturating_add(passed)
        }
    };
    let later = |visit: &&Visit| match (visit.booked_for, arriving.booked_for) {
        (Some(theirs), Some(ours)) => theirs > ours,
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    let idx = waiting.iter().position(later).map_or(idx, |later| idx.min(later));
    if idx >= order.len() { last(clinic, line) } else { at(&order, idx) }
}

/// Who arrives, for [`interleaved`].
pub(super) struct Arriving {
    /// The booked time; none for a walk-in.
    pub(super) booked_for: Option<crate::time::AtMs>,
}

/// Returns everyone who stands in a line's order, here or not yet.
fn order_of(clinic: &Clinic, line: LineNo) -> Vec<Place> {
    let Some(day) = clinic.lines.get(&line) else {
        return Vec::new();
    };
    let mut order: Vec<Place> = day.in_state(State::Waiting).chain(day.in_state(State::NotArrived)).copied().collect();
    order.sort_unstable();
    order
}

/// Returns a rank before the `idx`th of an order and behind the one before it.
fn at(order: &[Place], idx: usize) -> Rank {
    let below = idx.checked_sub(1).and_then(|idx| order.get(idx)).map(|place| place.rank.0);
    let above = order.get(idx).map(|place| place.rank.0);
    Rank(match (below, above) {
        (Some(below), Some(above)) => below.midpoint(above),
        (Some(below), None) => below.saturating_add(STEP),
        (None, Some(above)) => above.saturating_sub(STEP),
        (None, None) => STEP,
    })
}
