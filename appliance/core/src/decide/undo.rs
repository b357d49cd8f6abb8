//! Undo: the last act on a ticket, together with what the same press did to others.

use alloc::vec::Vec;

use super::{Draft, visit_of, who};
use crate::envelope::By;
use crate::facts::{Fact, Undone};
use crate::ids::{FactId, VisitId};
use crate::queue::Clinic;
use crate::queue::visit::{Act, ActKind, State, Visit};
use crate::refusal::{Refusal, RefusalCode};

/// Decides an undo of the last act on a ticket, with what the same press did to others.
///
/// Refused where somebody else acted since the presser did, or has since been called to the room that the ticket would
/// come back to. Others of the press on whom somebody acted since stay as they are.
pub(super) fn undo(clinic: &Clinic, of: VisitId, by: &By) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_of(clinic, of)?;
    let acts = match visit.acts.last() {
        Some(last) => {
            let own_before = visit.acts.iter().any(|act| act.by.device == by.device);
            if own_before && last.by.device != by.device {
                return Err(acted_since(visit, who(clinic, &last.by)));
            }
            let undone = undone_with(clinic, last);
            refuse_taken_room(clinic, &undone)?;
            let mut acts: Vec<FactId> = undone.iter().flat_map(|undone| undone.acts.iter().map(|act| act.id)).collect();
            acts.sort_unstable();
            acts.dedup();
            acts
        }
        None if visit.turn.state == State::Cancelled => {
            return Err(Refusal::new(RefusalCode::NothingToUndo).with("label", &visit.label));
        }
        None => issued_with(clinic, visit),
    };
    Ok(alloc::vec![Draft::of_line(visit.turn.line, Fact::Undone(Undone { acts }))])
}

/// What an undo takes back of one visit.
struct UndoneOf<'a> {
    visit: &'a Visit,
    /// Its newest acts, oldest first; at least one.
    acts: &'a [Act],
}

/// Returns the visits whose newest acts came with the press of `last`, or with its fact where no press made it.
fn undone_with<'a>(clinic: &'a Clinic, last: &Act) -> Vec<UndoneOf<'a>> {
    let with_it = |act: &&Act| match (&last.press, &act.press) {
        (Some(press), Some(other)) => press == other && act.by.device == last.by.device,
        (None, _) | (_, None) => act.id == last.id,
    };
    let newest = |visit: &'a Visit| {
        let n_kept = visit.acts.len().saturating_sub(visit.acts.iter().rev().take_while(with_it).count());
        let acts = visit.acts.get(n_kept..).unwrap_or_default();
        (!acts.is_empty()).then_some(UndoneOf { visit, acts })
    };
    clinic.visits.values().filter_map(newest).collect()
}

/// Refuses to bring somebody back into a room to which somebody else has been called since.
fn refuse_taken_room(clinic: &Clinic, undone: &[UndoneOf<'_>]) -> Result<(), Refusal> {
    for back in undone {
        let turn = back.acts.first().map(|act| &act.before);
        let turn = turn.filter(|turn| matches!(turn.state, State::Called | State::InRoom));
        let Some(room) = turn.and_then(|turn| turn.room.as_ref()) else { continue };
        let is_other = |visit: &&Visit| {
            let goes = undone.iter().any(|undone| undone.visit.visit == visit.visit);
            !goes && !were_called_together(visit, back.visit)
        };
        if let Some(occupant) = clinic.in_room(room).into_iter().find(is_other) {
            let who = occupant.acts.last().map_or("–", |act| who(clinic, &act.by));
            return Err(acted_since(occupant, who));
        }
    }
    Ok(())
}

/// Whether one call was for both: the rest of a family stays in the room when one of it goes for a test.
fn were_called_together(one: &Visit, other: &Visit) -> bool {
    let mut calls = one.acts.iter().filter(|act| act.kind == ActKind::Called);
    calls.any(|call| other.acts.iter().any(|act| act.id == call.id))
}

/// Returns the facts that issued a ticket and the others of its press on whom nobody has acted.
fn issued_with(clinic: &Clinic, visit: &Visit) -> Vec<FactId> {
    let Some(press) = &visit.press else {
        return alloc::vec![visit.issued_by];
    };
    let of_press = |other: &&Visit| {
        other.press.as_ref() == Some(press) && other.issued_by.origin == visit.issued_by.origin && other.acts.is_empty()
    };
    clinic.visits.values().filter(of_press).map(|other| other.issued_by).collect()
}

fn acted_since(visit: &Visit, who: &str) -> Refusal {
    Refusal::new(RefusalCode::ActedSince).with("label", &visit.label).with("who", &who)
}
