//! What is true of every queue, whatever was done to it.

use std::collections::BTreeSet;

use machiai_core::board::board;
use machiai_core::desk::desk;
use machiai_core::envelope::{Envelope, Trust};
use machiai_core::estimate::{wait_of_line, wait_of_visit};
use machiai_core::facts::Fact;
use machiai_core::ids::{LineNo, VisitId};
use machiai_core::queue::Clinic;
use machiai_core::queue::visit::{OPEN_STATES, State};
use machiai_core::ticket::{Added, ticket};
use machiai_core::time::AtMs;
use machiai_core::view::{TileState, Wait};

/// Asserts that every visit stands in exactly one state of one line, and at most in one room, which says so too.
#[track_caller]
pub(crate) fn assert_structure(clinic: &Clinic) {
    let mut seen: BTreeSet<VisitId> = BTreeSet::new();
    for (line, day) in &clinic.lines {
        for state in OPEN_STATES.into_iter().chain([State::Finished, State::Cancelled, State::LeftOver]) {
            assert_eq!(day.in_state(state).count(), day.count(state));
            for place in day.in_state(state) {
                let visit = &clinic.visits[&place.visit];
                assert_eq!((visit.turn.line, visit.turn.state, visit.place()), (*line, state, *place));
                assert!(seen.insert(visit.visit), "{} stands twice", visit.label);
            }
        }
        let urgent = [State::Waiting, State::Absent]
            .map(|state| day.in_state(state).filter(|place| clinic.visits[&place.visit].is_urgent()).count());
        assert_eq!(day.n_urgent(), urgent.iter().sum::<usize>());
    }
    assert_eq!(seen.len(), clinic.visits.len(), "a visit stands nowhere");
    let mut in_rooms: BTreeSet<VisitId> = BTreeSet::new();
    for (room, day) in &clinic.rooms {
        for visit in &day.now {
            let turn = &clinic.visits[visit].turn;
            assert!(matches!(turn.state, State::Called | State::InRoom), "{turn:?}");
            assert_eq!(turn.room.as_ref(), Some(room));
            assert!(in_rooms.insert(*visit), "in two rooms");
        }
    }
    for visit in clinic.visits.values() {
        let should = matches!(visit.turn.state, State::Called | State::InRoom);
        assert_eq!(in_rooms.contains(&visit.visit), should, "{visit:?}");
    }
}

/// Asserts what a clinic whose facts were all decided here keeps on top: numbers, labels, gaps, and true views.
#[track_caller]
pub(crate) fn assert_sound(clinic: &Clinic, now: AtMs) {
    assert_structure(clinic);
    for (label, visit) in &clinic.labels {
        assert_eq!(clinic.visits[visit].label, *label);
    }
    assert_views(clinic, now);
}

#[track_caller]
fn assert_views(clinic: &Clinic, now: AtMs) {
    let view = board(clinic, now, Trust::Synced);
    for tile in &view.rooms {
        let Some(label) = &tile.label else {
            assert_eq!(tile.state, TileState::Empty);
            continue;
        };
        let here = clinic.in_room(&tile.room);
        let parts: Vec<&str> = label.split(['–', '・']).collect();
        for part in parts {
            assert!(here.iter().any(|visit| visit.label.as_str() == part), "{part} is not in {}", tile.room);
        }
        let is_in = here.iter().any(|visit| visit.turn.state == State::InRoom);
        assert!(tile.state == TileState::Called || is_in, "{tile:?}");
    }
    for label in &view.absent {
        assert_eq!(clinic.by_label(label).unwrap().turn.state, State::Absent);
    }
    for card in &view.lines {
        assert_wait(wait_of_line(clinic, card.line, now));
        for label in &card.next {
            assert_eq!(clinic.by_label(label).unwrap().turn.line, card.line);
        }
    }
    for visit in clinic.visits.values() {
        assert_wait(wait_of_visit(clinic, visit, now));
        let ticket = ticket(clinic, visit.visit, now, false, Added::default());
        assert!(ticket.is_none_or(|ticket| ticket.label == visit.label));
    }
    assert!(desk(clinic, now).rooms.iter().all(|room| room.now.len() == clinic.in_room(&room.room).len()));
}

#[track_caller]
fn assert_wait(wait: Wait) {
    if let Wait::Band(band) = wait {
        assert!(band.from_min < band.to_min && band.to_min - band.from_min <= 30, "{band:?}");
    }
}

/// Asserts that no number or label was given twice in a day, and that every gap has its reason.
#[track_caller]
pub(crate) fn assert_numbers(written: &[Envelope]) {
    let mut numbers: BTreeSet<(LineNo, u32)> = BTreeSet::new();
    let mut labels: BTreeSet<String> = BTreeSet::new();
    let mut clinic = Clinic::default();
    for envelope in written {
        match &envelope.fact {
            Fact::DayOpened(_) => {
                numbers.clear();
                labels.clear();
            }
            Fact::TicketIssued(ticket) => {
                assert!(numbers.insert((envelope.head.line.unwrap(), ticket.number.0)), "{ticket:?} twice");
                assert!(labels.insert(ticket.label.to_string()), "{ticket:?} twice");
                assert_eq!(clinic.day, Some(ticket.day));
            }
            _ => {}
        }
        clinic.after(envelope);
        assert!(clinic.lines.values().all(|line| line.unexplained.is_empty()), "a gap without a reason: {envelope:?}");
    }
}
