//! The order of the queue, and the board that shows it.

use super::{Check, Evidence};
use crate::demo::facts::Fact;
use crate::demo::model::{Model, Stand};
use crate::demo::player::SeenDesk;
use crate::demo::telling::Telling;

/// Whoever comes as an emergency is the next to be called in the line.
pub(super) fn emergencies(evidence: &Evidence<'_>) -> Check {
    let mut faults = Vec::new();
    let mut n_urgent = 0;
    for (place, fact) in evidence.of_kind("TicketIssued").filter(|(_, fact)| fact.text("channel") == "emergency") {
        n_urgent += 1;
        let (visit, label) = (fact.text("visit"), fact.text("label"));
        let later = (1..).zip(evidence.facts).filter(|(at, _)| *at > place);
        let later =
            later.take_while(|(_, later)| later.kind != "DayOpened").filter(|(_, later)| later.line == fact.line);
        let mut waits = vec![visit];
        for (_, later) in later {
            let is_urgent = later.kind == "TicketIssued" && later.text("channel") == "emergency";
            if is_urgent {
                // Who comes later as an emergency goes first of the two.
                waits.push(later.text("visit"));
            } else if is_out_of_line(later, visit, fact) {
                break;
            } else if later.kind == "Called" {
                let called = later.visits();
                if called.contains(&visit) {
                    break;
                }
                if !called.iter().any(|called| waits.contains(called)) {
                    faults.push(format!("somebody else was called before the emergency {label}"));
                    break;
                }
            }
        }
    }
    Check::of("an emergency is called next in its line", &faults, format!("{n_urgent} emergencies"))
}

/// Whether a fact takes an emergency out of its line: cancelled, set aside, sent elsewhere, or taken back.
fn is_out_of_line(later: &Fact, visit: &str, issued: &Fact) -> bool {
    match later.kind.as_str() {
        "Cancelled" | "Held" | "Moved" | "StageEntered" => later.text("visit") == visit,
        "Undone" => later.acts().contains(&issued.id()),
        _ => false,
    }
}

/// A family that waits is called as one.
pub(super) fn families(evidence: &Evidence<'_>) -> Check {
    let mut telling = Telling::default();
    let mut faults = Vec::new();
    let mut n_calls = 0;
    for fact in evidence.facts {
        let model = telling.model();
        if fact.kind == "Called" {
            let called = fact.visits();
            let families = called.iter().filter_map(|visit| model.visits.get(*visit)?.family.clone());
            for family in families.take(1) {
                n_calls += 1;
                let line = fact.line.unwrap_or_default();
                let waits = model.in_line(line, Stand::Waiting).filter(|(_, one)| one.family.as_ref() == Some(&family));
                let left = waits.filter(|(visit, _)| !called.contains(&visit.as_str()));
                faults.extend(left.map(|(_, one)| format!("{} was left behind by the family", one.label)));
            }
        }
        telling.after(fact);
    }
    Check::of("a family is called together", &faults, format!("{n_calls} calls of families"))
}

/// No board showed a label in a room where it was not.
pub(super) fn boards(evidence: &Evidence<'_>) -> Check {
    let mut telling = Telling::default();
    let mut faults = Vec::new();
    let mut n_folded = 0;
    let mut boards: Vec<_> = evidence.played.boards.iter().collect();
    boards.sort_by_key(|board| board.n_facts);
    for board in &boards {
        let until = usize::try_from(board.n_facts).unwrap_or(usize::MAX);
        for fact in evidence.facts.get(n_folded..until.min(evidence.facts.len())).unwrap_or_default() {
            telling.after(fact);
        }
        n_folded = n_folded.max(until);
        let wrong = board.rooms.iter().filter(|(room, tile)| !telling.model().is_true(room, tile));
        faults.extend(wrong.map(|(room, tile)| format!("{room} showed {tile:?} after {} facts", board.n_facts)));
    }
    Check::of("the board tells the truth", &faults, format!("{} boards compared", boards.len()))
}

/// No desk showed anybody elsewhere than the facts have them: in the rooms, in the order of the lines, set aside, away.
pub(super) fn desks(evidence: &Evidence<'_>) -> Check {
    let mut telling = Telling::default();
    let mut faults = Vec::new();
    let mut n_folded = 0;
    let mut desks: Vec<_> = evidence.played.desks.iter().collect();
    desks.sort_by_key(|desk| desk.n_facts);
    for desk in &desks {
        let until = usize::try_from(desk.n_facts).unwrap_or(usize::MAX);
        for fact in evidence.facts.get(n_folded..until.min(evidence.facts.len())).unwrap_or_default() {
            telling.after(fact);
        }
        n_folded = n_folded.max(until);
        faults.extend(lies(telling.model(), desk).into_iter().map(|lie| format!("after {} facts {lie}", desk.n_facts)));
    }
    Check::of("the desk tells the truth", &faults, format!("{} desks compared", desks.len()))
}

fn lies(model: &Model, desk: &SeenDesk) -> Vec<String> {
    let mut lies = Vec::new();
    for (room, (shown, next)) in &desk.rooms {
        let mut there: Vec<String> = model.in_room(room).into_iter().map(|visit| visit.label.clone()).collect();
        let mut shown = shown.clone();
        there.sort_unstable();
        shown.sort_unstable();
        let first = model.next(room).map_or("", |visit| visit.label.as_str());
        if shown != there || next != first {
            lies.push(format!("{room} showed {shown:?} and then {next}, not {there:?} and {first}"));
        }
    }
    let labels = |line, stands: &[Stand]| {
        model.order(line, stands).into_iter().map(|visit| visit.label.clone()).collect::<Vec<String>>()
    };
    for (line, shown) in &desk.waiting {
        let order = labels(*line, &[Stand::Waiting]);
        if *shown != order {
            lies.push(format!("line {line} showed {shown:?} and not {order:?}"));
        }
    }
    for (shown, stands) in
        [(&desk.on_hold, [Stand::OnHold].as_slice()), (&desk.away, &[Stand::Absent, Stand::NotArrived])]
    {
        for (line, shown) in shown {
            let there = labels(*line, stands).into_iter().collect();
            if *shown != there {
                lies.push(format!("line {line} showed {shown:?} and not {there:?} as {stands:?}"));
            }
        }
    }
    lies
}
