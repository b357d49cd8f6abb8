//! Undo: the last act on a ticket, together with what the same press did to others.

use alloc::vec::Vec;

use super::{Draft, visit_of};
use crate::facts::{Fact, Undone};
use crate::ids::{FactId, VisitId};
use crate::queue::Clinic;
use crate::queue::visit::{State, Visit};
use crate::refusal::{Refusal, RefusalCode};

/// Decides an undo: refused only if somebody acted since on a ticket that the press concerned.
pub(super) fn undo(clinic: &Clinic, of: VisitId) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_of(clinic, of)?;
    let acts = match visit.acts.last() {
        Some(last) => match &last.press {
            Some(press) => acts_of_press(clinic, press)?,
            None => alloc::vec![last.id],
        },
        None if visit.turn.state == State::Cancelled => {
            return Err(Refusal::new(RefusalCode::NothingToUndo));
        }
        None => issues_of_press(clinic, visit)?,
    };
    Ok(alloc::vec![Draft::of_line(visit.turn.line, Fact::Undone(Undone { acts }))])
}

/// Returns the acts of one press, each of which must be the last on its visit.
fn acts_of_press(clinic: &Clinic, press: &str) -> Result<Vec<FactId>, Refusal> {
    let mut acts = Vec::new();
    for visit in clinic.visits.values() {
        let Some(position) = visit.acts.iter().position(|act| act.press.as_deref() == Some(press)) else {
            continue;
        };
        let since = visit.acts.iter().skip(position).find(|act| act.press.as_deref() != Some(press));
        if let Some(since) = since {
            return Err(acted_since(visit, &since.by.device.as_str()));
        }
        for act in visit.acts.iter().skip(position) {
            if !acts.contains(&act.id) {
                acts.push(act.id);
            }
        }
    }
    Ok(acts)
}

/// Returns the facts that issued a ticket and the others of its press, none of which may have been acted on.
fn issues_of_press(clinic: &Clinic, visit: &Visit) -> Result<Vec<FactId>, Refusal> {
    let Some(press) = &visit.press else {
        return Ok(alloc::vec![visit.issued_by]);
    };
    let together = clinic.visits.values().filter(|other| other.press.as_ref() == Some(press));
    together
        .map(|other| match other.acts.last() {
            Some(act) => Err(acted_since(other, &act.by.device.as_str())),
            None => Ok(other.issued_by),
        })
        .collect()
}

fn acted_since(visit: &Visit, who: &dyn core::fmt::Display) -> Refusal {
    Refusal::new(RefusalCode::ActedSince).with("label", &visit.label).with("who", who)
}
