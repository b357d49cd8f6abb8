//! Places in a line's order. A place is given once, as a rank in a fact, and never read off a clock.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::facts::Rank;
use crate::ids::{LineNo, Number, VisitId};
use crate::queue::Clinic;
use crate::queue::line::LineDay;
use crate::queue::visit::{Place, State, Visit};
use crate::settings::Interleave;
use crate::time::AtMs;

/// Distance between two ranks at the end of a line: room for twenty insertions between the same two.
const STEP: i64 = 1 << 20;

/// Returns the last place of a line.
pub(super) fn last(clinic: &Clinic, line: LineNo) -> Rank {
    let last = clinic.lines.get(&line).map_or(Rank(0), |day| day.last_rank);
    Rank(last.0.saturating_add(STEP))
}

/// Returns the ranks of people who go side by side from `first` on; with room between them at the end of the line.
pub(super) fn side_by_side(clinic: &Clinic, line: LineNo, first: Rank) -> impl Iterator<Item = Rank> {
    let step = if first == last(clinic, line) { STEP } else { 1 };
    core::iter::successors(Some(first), move |rank| Some(Rank(rank.0.saturating_add(step))))
}

/// Returns the place before everyone, but behind earlier emergencies.
pub(super) fn first(clinic: &Clinic, line: LineNo) -> Rank {
    let Some(day) = clinic.lines.get(&line) else {
        return last(clinic, line);
    };
    let first = day.order().find(|place| !is_urgent(clinic, place));
    first.map_or_else(|| last(clinic, line), |first| before(day, first))
}

/// Returns the place behind the first `n` who wait, or the last place.
pub(super) fn behind(clinic: &Clinic, line: LineNo, n: Option<u32>) -> Rank {
    let (Some(day), Some(n)) = (clinic.lines.get(&line), n.and_then(|n| usize::try_from(n).ok())) else {
        return last(clinic, line);
    };
    let mut waiting = day.in_state(State::Waiting).skip_while(|place| is_urgent(clinic, place));
    waiting.nth(n).map_or_else(|| last(clinic, line), |above| before(day, above))
}

/// Returns the place that a visit of another line gets by the time its ticket was issued.
pub(super) fn by_issue(clinic: &Clinic, line: LineNo, visit: &Visit) -> Rank {
    by_issue_among(clinic, line, visit, &BTreeSet::new())
}

/// Returns the same where others are about to get another place, too, and say nothing by the one that they have: with
/// equal ranks the time of issue decides.
pub(super) fn by_issue_among(clinic: &Clinic, line: LineNo, visit: &Visit, moving: &BTreeSet<VisitId>) -> Rank {
    let Some(day) = clinic.lines.get(&line) else {
        return last(clinic, line);
    };
    let mut staying = day.order().filter(|place| !moving.contains(&place.visit));
    let later = staying.find(|place| place.issued > visit.issued && !is_urgent(clinic, place));
    later.map_or_else(|| last(clinic, line), |later| before(day, later))
}

/// Returns the place of a number kept for interrupts: before the first who waits with a higher one.
pub(super) fn by_number(clinic: &Clinic, line: LineNo, number: Number) -> Rank {
    let Some(day) = clinic.lines.get(&line) else {
        return last(clinic, line);
    };
    let is_higher = |visit: &Visit| visit.home == line && visit.number > number && !visit.is_urgent();
    let higher = day.order().find(|place| clinic.visits.get(&place.visit).is_some_and(is_higher));
    higher.map_or_else(|| last(clinic, line), |higher| before(day, higher))
}

/// Returns the place of an arriving patient when booked patients and walk-ins take turns.
///
/// The patient stands behind the last of the own kind, and lets so many of the other kind go first as the rule says
/// once the own kind has had its share in a row. Among the booked the booked time counts. Who stands in line keeps
/// the place, and who has not come blocks nobody.
pub(super) fn interleaved(clinic: &Clinic, line: LineNo, rule: Interleave, booked_for: Option<AtMs>) -> Rank {
    let Some(day) = clinic.lines.get(&line) else {
        return last(clinic, line);
    };
    let is_booked = booked_for.is_some();
    let (own, other) = if is_booked { (rule.booked, rule.walk_in) } else { (rule.walk_in, rule.booked) };
    let (own, other) = (usize::from(own.max(1)), usize::from(other));
    let mut backwards = day
        .in_state(State::Waiting)
        .rev()
        .filter_map(|place| clinic.visits.get(&place.visit))
        .take_while(|visit| !visit.is_urgent());
    let mut others: Vec<Place> = Vec::new();
    let mut n_own = 0;
    for visit in backwards.by_ref() {
        if visit.is_booked() == is_booked {
            n_own = 1;
            break;
        }
        others.push(visit.place());
    }
    if !others.is_empty() && n_own > 0 {
        n_own = backwards.take_while(|visit| visit.is_booked() == is_booked).take(own).count().saturating_add(1);
    }
    // Nobody of the own kind in line: the other kind has its turn first.
    let n_passed = if n_own == 0 || n_own >= own { other } else { 0 };
    let above = others.len().checked_sub(n_passed.saturating_add(1)).and_then(|idx| others.get(idx)).copied();
    let later = booked_for.and_then(|ours| first_booked_after(clinic, day, ours));
    match later.into_iter().chain(above).min() {
        Some(above) => before(day, &above),
        None => last(clinic, line),
    }
}

/// Returns the place of the first who waits and has booked a later time.
fn first_booked_after(clinic: &Clinic, day: &LineDay, ours: AtMs) -> Option<Place> {
    let is_later =
        |place: &&Place| clinic.visits.get(&place.visit).and_then(|v| v.booked_for).is_some_and(|theirs| theirs > ours);
    day.in_state(State::Waiting).find(is_later).copied()
}

/// Returns a rank before a place and behind whoever stands before it.
fn before(day: &LineDay, above: &Place) -> Rank {
    Rank(match day.before(above) {
        Some(below) => below.rank.0.midpoint(above.rank.0),
        None => above.rank.0.saturating_sub(STEP),
    })
}

fn is_urgent(clinic: &Clinic, place: &Place) -> bool {
    clinic.visits.get(&place.visit).is_some_and(Visit::is_urgent)
}
