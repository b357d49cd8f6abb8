//! What each act does, told beforehand by the model alone; what is taken back; and presses that come twice.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Evidence};
use crate::demo::facts::{Fact, Id};
use crate::demo::model::{Model, Spot, Stand, Visit};
use crate::demo::player::{Role, Sent};
use crate::demo::row::Action;
use crate::demo::telling::Telling;

/// Who can be set aside, or moved as received in the wrong line.
const BEFORE_THE_ROOM: [Stand; 4] = [Stand::NotArrived, Stand::Waiting, Stand::Called, Stand::Absent];
/// Who can be sent on.
const SENT_ON: [Stand; 4] = [Stand::Waiting, Stand::Called, Stand::InRoom, Stand::Finished];
/// Who has a place in a line.
const PLACED: [Stand; 2] = [Stand::Waiting, Stand::NotArrived];

/// Every act happened to somebody who stood so that it can, and put them where it must.
pub(super) fn effects(evidence: &Evidence<'_>) -> Check {
    let mut telling = Telling::default();
    let mut faults = Vec::new();
    let mut n_acts = 0;
    let mut placed: Vec<(&Fact, Option<Before>)> = Vec::new();
    for (idx, fact) in evidence.facts.iter().enumerate() {
        let model = telling.model();
        let may = stands_allowed(fact);
        for of in fact.concerned() {
            let Some((visit, may)) = model.visits.get(of).zip(may) else { continue };
            n_acts += 1;
            if !may.contains(&visit.spot.stand) {
                faults.push(format!("{} of {} who was {:?}", fact.kind, visit.label, visit.spot.stand));
            }
        }
        if fact.kind == "Called" && !is_next(model, fact) {
            faults.push(format!("{:?} were called to {} out of turn", fact.visits(), fact.text("room")));
        }
        placed.push((fact, placed_before(model, fact)));
        telling.after(fact);
        if evidence.facts.get(idx + 1).is_some_and(|next| are_placed_together(fact, next)) {
            continue;
        }
        for (fact, before) in placed.drain(..) {
            let misplaced = |of: &&str| misplaced(telling.model(), fact, of, before.as_ref());
            faults.extend(fact.concerned().iter().filter_map(misplaced));
        }
    }
    Check::of("every act does what it must", &faults, format!("{n_acts} acts on patients"))
}

/// Returns how those must stand to whom something happens; none for what is no act on a patient.
fn stands_allowed(fact: &Fact) -> Option<&'static [Stand]> {
    const OPEN: [Stand; 6] =
        [Stand::NotArrived, Stand::Waiting, Stand::Called, Stand::InRoom, Stand::Absent, Stand::OnHold];
    const MOVED: [Stand; 5] = [Stand::NotArrived, Stand::Waiting, Stand::Called, Stand::Absent, Stand::OnHold];
    Some(match fact.kind.as_str() {
        // By the box alone, for tickets that the hub gave while it was out of reach.
        "Reordered" => &[Stand::NotArrived],
        "LeftLine" => &PLACED,
        "Held" => &BEFORE_THE_ROOM,
        "Released" => &[Stand::OnHold],
        "Moved" => &MOVED,
        "StageEntered" => &SENT_ON,
        "Arrived" => &[Stand::NotArrived],
        "Returned" => &[Stand::Absent],
        "Called" => &[Stand::Waiting],
        "Entered" | "MarkedAbsent" => &[Stand::Called],
        "Finished" => &[Stand::Called, Stand::InRoom],
        "Cancelled" => &OPEN,
        _ => return None,
    })
}

/// Whether the room was free and the first in turn is among the called.
fn is_next(model: &Model, fact: &Fact) -> bool {
    let room = fact.text("room");
    let called = fact.visits();
    let is_called = |next: &Visit| called.iter().any(|of| model.visits.get(*of).is_some_and(|one| one.nth == next.nth));
    model.in_room(room).is_empty() && model.next(room).is_some_and(is_called)
}

/// Whether two get their places in one go, by the box: they stand right when both have.
fn are_placed_together(one: &Fact, other: &Fact) -> bool {
    let stamp = |fact: &Fact| (fact.at_ms, fact.at_n);
    one.kind == "Reordered" && other.kind == "Reordered" && stamp(one) == stamp(other) && one.origin == other.origin
}

/// The place of somebody set aside, and the lines somebody sent on has been in.
struct Before {
    rank: i64,
    lines: BTreeSet<u64>,
}

fn placed_before(model: &Model, fact: &Fact) -> Option<Before> {
    let visit = model.visits.get(fact.body["visit"].as_str()?)?;
    let lines = visit.acts.iter().map(|act| act.before.line).chain([visit.home]).collect();
    Some(Before { rank: visit.spot.rank, lines })
}

/// Returns what is wrong with the place that somebody got.
fn misplaced(model: &Model, fact: &Fact, of: &str, before: Option<&Before>) -> Option<String> {
    let (visit, before) = (model.visits.get(of)?, before?);
    let wrong = |why: &str| Some(format!("{} of {} {why}", fact.kind, visit.label));
    if fact.kind == "Released" && visit.spot.rank != before.rank {
        return wrong("lost the place");
    }
    if !matches!(fact.kind.as_str(), "Moved" | "StageEntered" | "Reordered") {
        return None;
    }
    let by_ticket = fact.kind != "StageEntered" || before.lines.contains(&visit.spot.line);
    let order = model.order(visit.spot.line, &PLACED);
    let ahead = order.iter().take_while(|one| one.nth != visit.nth);
    let behind = order.iter().skip_while(|one| one.nth != visit.nth).nth(1);
    if by_ticket && ahead.clone().any(|one| one.nth > visit.nth && !one.is_urgent) {
        return wrong("stands behind a later ticket");
    }
    if by_ticket && behind.is_some_and(|one| one.nth < visit.nth || one.is_urgent) {
        return wrong("stands before an earlier ticket");
    }
    if !by_ticket && behind.is_some() {
        return wrong("is not the last");
    }
    None
}

/// Who is taken back stands as before the press, with everybody else of that press.
pub(super) fn undone(evidence: &Evidence<'_>) -> Check {
    let mut model = Model::default();
    let mut stood: Stood = BTreeMap::new();
    let mut faults = Vec::new();
    for fact in evidence.in_order() {
        if fact.kind == "Undone" {
            faults.extend(wrongly_undone(&mut model, fact, &stood, evidence));
            continue;
        }
        let of_press = stood.entry(press_of(&fact.id(), fact.key.as_ref())).or_default();
        for of in fact.concerned() {
            if let Some(visit) = model.visits.get(of) {
                of_press.entry(of.to_owned()).or_insert_with(|| visit.spot.clone());
            }
        }
        model.after(fact);
    }
    let counts: Vec<String> = kinds_undone(evidence.facts).iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let good = if counts.is_empty() { "nothing was taken back".to_owned() } else { counts.join(", ") };
    Check::of("what is taken back is as before", &faults, good)
}

/// How everybody of a press stood before it.
type Stood = BTreeMap<String, BTreeMap<String, Spot>>;

/// Returns by what a press is known: its key, or its fact where nobody pressed.
fn press_of(id: &Id, key: Option<&String>) -> String {
    key.cloned().unwrap_or_else(|| format!("{} {}", id.0, id.1))
}

/// Takes in an undo and returns what is wrong with it.
fn wrongly_undone(model: &mut Model, fact: &Fact, stood: &Stood, evidence: &Evidence<'_>) -> Vec<String> {
    let pressed = evidence.played.sent.iter().find(|sent| fact.key.as_ref() == Some(&sent.answered.key));
    let of = pressed.and_then(|sent| sent.answered.press.path.split('/').nth(1)).unwrap_or_default();
    let Some(visit) = model.visits.get(of) else { return vec![format!("{of} was taken back and nobody asked")] };
    let label = visit.label.clone();
    let (key, wanted) = match visit.acts.last() {
        Some(last) => {
            let with_it = model.visits.values().flat_map(|visit| {
                let newest = visit.acts.iter().rev();
                newest.take_while(|act| act.id == last.id || (act.key.is_some() && act.key == last.key))
            });
            (press_of(&last.id, last.key.as_ref()), with_it.map(|act| act.id.clone()).collect::<BTreeSet<Id>>())
        }
        None => {
            let press = |visit: &Visit| press_of(&visit.issued_by.0, visit.issued_by.1.as_ref());
            let of = press(visit);
            let of_press = model.visits.values().filter(|one| one.acts.is_empty() && press(one) == of);
            let wanted = of_press.map(|one| one.issued_by.0.clone()).collect();
            (of, wanted)
        }
    };
    let mut faults = Vec::new();
    if fact.acts() != wanted {
        faults.push(format!("{label}: {:?} were taken back and not {wanted:?}", fact.acts()));
    }
    let newest = |visit: &Visit| visit.acts.last().is_some_and(|act| wanted.contains(&act.id));
    let back: BTreeSet<String> =
        model.visits.iter().filter(|(_, visit)| newest(visit)).map(|(of, _)| of.clone()).collect();
    let was_ticket = back.is_empty();
    model.after(fact);
    if was_ticket && model.visits.get(of).is_none_or(|visit| visit.spot.stand != Stand::Cancelled) {
        faults.push(format!("the ticket {label} was taken back and still stands"));
    }
    let before = stood.get(&key);
    for of in back {
        let (now, before) = (model.visits.get(&of).map(|visit| &visit.spot), before.and_then(|stood| stood.get(&of)));
        if now != before {
            faults.push(format!("{label} was taken back, and {of} stands as {now:?} and not as {before:?}"));
        }
    }
    faults
}

/// Returns how often each kind of act was taken back.
pub(in crate::demo) fn kinds_undone(facts: &[Fact]) -> BTreeMap<&str, usize> {
    let kinds: BTreeMap<Id, &str> = facts.iter().map(|fact| (fact.id(), fact.kind.as_str())).collect();
    let mut counts = BTreeMap::new();
    for undone in facts.iter().filter(|fact| fact.kind == "Undone") {
        let of_undo: BTreeSet<&str> = undone.acts().iter().filter_map(|id| kinds.get(id).copied()).collect();
        of_undo.into_iter().for_each(|kind| *counts.entry(kind).or_default() += 1);
    }
    counts
}

/// A press sent again under its key is answered as the first time, and nothing happens.
pub(super) fn again(evidence: &Evidence<'_>) -> Check {
    let mut faults = Vec::new();
    let mut n_again = 0;
    for again in evidence.played.sent.iter().filter(|sent| sent.role == Role::Repeat) {
        n_again += 1;
        let key = &again.answered.key;
        let first = evidence.played.sent.iter().find(|sent| sent.answered.key == *key && sent.role != Role::Repeat);
        if again.is_from_afar() {
            if first.is_none_or(|first| first.answered.issued() != again.answered.issued()) {
                faults.push(format!("{key} was answered with {} the second time", again.answered.answer));
            }
            continue;
        }
        let is_replay = again.answered.answer["replayed"].as_bool() == Some(true);
        if !is_replay || first.is_none_or(|first| first.answered.happened() != again.answered.happened()) {
            faults.push(format!("{key} was answered with {} the second time", again.answered.answer));
        }
        let of_first = first.map_or(0, |first| first.answered.happened().len());
        if evidence.of_key(key).count() != of_first {
            faults.push(format!("{key} happened twice"));
        }
    }
    Check::of("a press sent again under its key happens once", &faults, format!("{n_again} sent again"))
}

/// Of two tablets of a room that press the same button at once, one calls, and the other is told.
pub(super) fn crossing(evidence: &Evidence<'_>) -> Check {
    let mut faults = Vec::new();
    let mut n_called = 0;
    let sent = &evidence.played.sent;
    let crossings = sent.iter().filter(|sent| sent.role == Role::Crossing);
    for other in crossings.clone() {
        let Some(one) = sent.iter().find(|one| one.row_idx == other.row_idx && one.role == Role::Asked) else {
            faults.push(format!("{} crossed nobody", other.answered.key));
            continue;
        };
        let both = [one, other];
        let n_calls = both.iter().filter(|sent| sent.answered.happened().contains(&"Called")).count();
        let is_told = |sent: &&&Sent| sent.answered.code() == Some("screen_was_old");
        let n_told = both.iter().filter(is_told).count();
        let showed = &other.answered.press.body;
        // With nobody to call and nobody in the room there is nothing for which both could be told apart.
        let wanted = match (showed["next"] == "", showed["now"] == "") {
            (false, _) => (1, 1),
            (true, false) => (0, 1),
            (true, true) => (0, 0),
        };
        if (n_calls, n_told) != wanted {
            faults
                .push(format!("of {} and its other tablet {n_calls} called and {n_told} were told", one.answered.key));
        }
        n_called += n_calls;
    }
    Check::of(
        "of two tablets that cross one calls",
        &faults,
        format!("{} crossed, {n_called} called", crossings.count()),
    )
}

/// Every kind of act in the rows was done at least once.
pub(super) fn happened(evidence: &Evidence<'_>) -> Check {
    let counts = counts(evidence);
    let wanted: BTreeSet<Action> = evidence.rows.iter().map(|row| row.action).collect();
    let missing = wanted.iter().filter(|action| !counts.contains_key(action.word()));
    let faults: Vec<String> = missing.map(|action| format!("no {} was done", action.word())).collect();
    Check::of("every kind of act happened", &faults, format!("{} kinds", counts.len()))
}

/// Returns how many rows of each action were done.
pub(in crate::demo) fn counts(evidence: &Evidence<'_>) -> BTreeMap<&'static str, usize> {
    let done = evidence.played.sent.iter().filter(|sent| sent.answered.is_done() && sent.role != Role::TakenBack);
    let rows: BTreeSet<usize> = done.map(|sent| sent.row_idx).collect();
    let mut counts = BTreeMap::new();
    for row in rows.into_iter().filter_map(|idx| evidence.rows.get(idx)) {
        *counts.entry(row.action.word()).or_default() += 1;
    }
    counts
}
