//! Tickets taken from afar: a box and its hub, which meet now and then and each go on alone between.

use std::collections::{BTreeMap, BTreeSet};

use machiai_core::command::Command;
use machiai_core::desk::leased_row;
use machiai_core::envelope::{Canonical, Envelope};
use machiai_core::facts::{Fact, Lang};
use machiai_core::ids::{Label, LineNo, Number, Origin};
use machiai_core::queue::{Clinic, RemarkKind, Taken};
use proptest::prelude::*;

use crate::play::Play;

/// A box and its hub.
struct Two {
    here: Play,
    hub: Play,
}

impl Two {
    /// Begins with a box whose settings the hub knows.
    fn new() -> Self {
        let here = Play::new();
        let mut hub = here.clone();
        hub.restart();
        hub.origin = Origin::from_bytes([200; 16]);
        hub.draw_from(1_000);
        Self { here, hub }
    }

    #[track_caller]
    fn here(&mut self, steps: &[&str]) -> &mut Self {
        for step in steps {
            self.here.step(step);
        }
        self
    }

    #[track_caller]
    fn hub(&mut self, steps: &[&str]) -> &mut Self {
        for step in steps {
            self.hub.step(step);
        }
        self
    }

    /// Gives each side what it lacks, and folds both again.
    fn meet(&mut self) -> &mut Self {
        let both = self.here.written.iter().chain(&self.hub.written);
        let all: BTreeMap<Canonical, Envelope> =
            both.map(|envelope| (envelope.head.canonical(), envelope.clone())).collect();
        for side in [&mut self.here, &mut self.hub] {
            side.written = all.values().cloned().collect();
            side.clinic = folded(&side.written);
        }
        let now = self.here.now.max(self.hub.now);
        for side in [&mut self.here, &mut self.hub] {
            let ahead_ms = now.since(side.now);
            side.pass_ms(ahead_ms);
        }
        self
    }

    /// Says which numbers a line's tickets have, and who gave them: `h6` for the box, `r1` for the hub.
    fn given(&self, line: u16) -> Vec<String> {
        let of_line = self.here.written.iter().filter(|envelope| envelope.head.line == Some(LineNo(line)));
        let told = of_line.filter_map(|envelope| match &envelope.fact {
            Fact::TicketIssued(ticket) if envelope.head.origin == self.hub.origin => {
                Some(format!("r{}", ticket.number))
            }
            Fact::TicketIssued(ticket) => Some(format!("h{}", ticket.number)),
            _ => None,
        });
        told.collect()
    }

    /// Returns the labels of all visits, by their places at the box.
    fn order(&self) -> Vec<String> {
        let mut places: Vec<_> =
            self.here.clinic.visits.values().map(|visit| (visit.place(), visit.label.to_string())).collect();
        places.sort();
        places.into_iter().map(|(_, label)| label).collect()
    }
}

fn folded(facts: &[Envelope]) -> Clinic {
    let mut clinic = Clinic::default();
    for fact in facts {
        assert_eq!(clinic.after(fact), Taken::InOrder);
    }
    clinic
}

#[test]
fn the_hub_gives_leased_numbers_and_the_box_all_others() {
    let mut two = Two::new();
    two.here(&["8:10 lease", "lease"]).meet().hub(&["8:20 phone 1", "phone 2", "phone 1"]);
    two.here(&["8:30 open 1 morning", "take 1", "take 1"]).meet();
    assert_eq!(two.given(1), ["r1", "r2", "h6", "h7"]);
    assert_eq!(two.given(2), ["r1"]);
    assert_eq!(two.here.clinic, two.hub.clinic);
    assert_eq!(two.here.clinic.lines[&LineNo(1)].unexplained, []);
    assert_eq!(two.here.visit("1").lang, Lang::Ja);
    assert!(!two.here.clinic.lines.contains_key(&LineNo(9)), "nobody takes a ticket for the cashier from afar");
}

#[test]
fn what_is_leased_is_topped_up_when_half_of_it_is_given_and_not_before() {
    let mut two = Two::new();
    two.here(&["8:10 lease", "lease"]).meet().hub(&["8:20 phone 1", "phone 1"]).meet();
    let n_before = two.here.written.len();
    two.here(&["lease", "lease"]);
    assert_eq!(two.here.kinds_since(n_before), [""; 0]);
    two.meet().hub(&["phone 1"]).meet().here(&["lease", "lease"]);
    assert_eq!(two.here.kinds_since(n_before), ["TicketIssued", "NumbersLeased"]);
    let leased: Vec<Number> = two.here.clinic.lines[&LineNo(1)].leased.keys().copied().collect();
    assert_eq!(leased, [4, 5, 6, 7, 8].map(Number));
}

#[test]
fn out_of_reach_the_hub_gives_what_is_leased_and_then_says_no() {
    let mut two = Two::new();
    two.here(&["8:10 lease", "lease", "8:30 open 1 morning"]).meet();
    two.hub(&["9:00 phone 1", "phone 1", "phone 1", "phone 1", "phone 1", "phone 1 ! lease_used_up"]);
    two.here(&["9:00 take 1", "take 1"]).meet();
    assert_eq!(two.given(1).len(), 7);
    assert_eq!(two.given(1).iter().collect::<BTreeSet<_>>().len(), 7);
}

#[test]
fn a_day_that_the_box_has_not_opened_has_no_numbers_at_the_hub() {
    let mut two = Two::new();
    two.hub(&["8:20 phone 1 ! lease_used_up"]);
    two.here(&["8:10 lease", "lease"]).meet();
    two.hub(&["32:20 phone 1 ! lease_used_up"]);
}

#[test]
fn numbers_that_nobody_else_shows_are_leased() {
    let mut two = Two::new();
    two.here(&[r#"set {"kind":"LineSet","body":{"line":2,"name":{"ja":"外科"}}}"#]);
    two.here(&[r#"set {"kind":"LineSet","body":{"line":1,"name":{"ja":"内科"},"skip_endings":[4]}}"#]);
    two.here(&["8:10 lease", "lease", "8:30 open 1 morning", "open 2 morning", "take 1", "take 2"]).meet();
    assert_eq!(two.given(1), ["h11"], "1 to 6 without 4 are the hub's, 4 and 7 to 10 the other line's");
    assert_eq!(two.given(2), ["h12"]);
    for line in [LineNo(1), LineNo(2)] {
        assert_eq!(two.here.clinic.lines[&line].unexplained, []);
    }
}

#[test]
fn who_took_a_ticket_out_of_reach_stands_where_the_time_of_it_says() {
    let mut two = Two::new();
    two.here(&["8:10 lease", "lease", "8:30 open 1 morning"]).meet();
    two.here(&["9:00 take 1", "9:10 take 1"]).hub(&["9:05 phone 1", "9:20 phone 1"]).meet().here(&["9:30 place"]);
    assert_eq!(two.order(), ["6", "1", "7", "2"]);
    let n_before = two.here.written.len();
    two.here(&["place"]);
    assert_eq!(two.here.kinds_since(n_before), [""; 0], "once is enough");
}

#[test]
fn several_who_took_tickets_out_of_reach_stand_where_the_times_of_them_say() {
    let mut two = Two::new();
    two.here(&["8:10 lease", "lease", "8:30 open 1 morning"]).meet();
    two.here(&["9:00 take 1", "9:01 take 1", "9:02 take 1", "9:03 take 1", "9:04 take 1"]);
    two.hub(&["9:10 phone 1", "9:11 phone 1", "9:12 phone 1"]).meet().here(&["9:30 place"]);
    assert_eq!(two.order(), ["6", "7", "8", "9", "10", "1", "2", "3"]);
}

#[test]
fn who_comes_with_a_number_that_the_box_has_not_heard_of_is_received_once() {
    let mut two = Two::new();
    two.here(&["8:10 lease", "lease", "8:30 open 1 morning"]).meet();
    two.here(&["9:00 take 1"]).hub(&["9:05 phone 1"]);
    let known = leased_row(&two.here.clinic, &Label("1".into())).unwrap();
    two.here.ask("reception", &Command::Arrive { visit: known.visit }).unwrap();
    assert_eq!(two.here.shows(), "1: waiting 6 1");
    two.meet();
    assert_eq!(two.here.shows(), "1: waiting 6 1", "the place given on arrival stands");
    assert_eq!(two.here.clinic.visits.len(), 2);
    assert_eq!(two.here.clinic, two.hub.clinic);
    assert!(leased_row(&two.here.clinic, &Label("1".into())).is_none());
}

#[test]
fn leaving_from_afar_counts_until_the_call() {
    let mut two = Two::new();
    two.here(&["8:10 lease", "lease", "8:30 open 1 morning"]).meet().hub(&["8:40 phone 1", "phone 1"]).meet();
    two.here(&["8:50 arrive 1", "9:00 call room1"]).hub(&["9:05 go 1", "go 2"]).meet();
    assert_eq!(two.here.shows(), "1: called 1@room1, cancelled 2");
    assert_eq!(two.here.clinic.remarks.last().map(|remark| remark.what), Some(RemarkKind::ActedSince));
    two.hub(&["9:10 go 1 ! not_in_this_state"]);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Lease,
    Here,
    Phone,
    Meet,
    Place,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u16)>> {
    let step = prop_oneof![
        2 => Just(Step::Lease),
        6 => Just(Step::Here),
        6 => Just(Step::Phone),
        3 => Just(Step::Meet),
        1 => Just(Step::Place),
    ];
    proptest::collection::vec((step, 1..=2_u16), 1..80)
}

proptest! {
    #[test]
    fn no_number_is_given_twice_however_seldom_the_two_meet(steps in steps()) {
        let mut two = Two::new();
        two.here(&["8:30 open 1 morning", "open 2 morning"]).meet();
        for (step, line) in steps {
            let (take, phone) = (format!("take {line}"), format!("phone {line}"));
            match step {
                Step::Lease => two.here.step("lease"),
                Step::Here => two.here.step(&take),
                Step::Place => two.here.step("place"),
                Step::Phone => two.hub.may(&phone),
                Step::Meet => { two.meet(); }
            }
        }
        two.meet();
        for line in [LineNo(1), LineNo(2)] {
            let given = two.given(line.0);
            let numbers: BTreeSet<&str> = given.iter().map(|told| told.trim_start_matches(['h', 'r'])).collect();
            prop_assert_eq!(numbers.len(), given.len(), "{:?}", given);
            let unexplained = two.here.clinic.lines.get(&line).map_or(&[][..], |day| &day.unexplained);
            prop_assert!(unexplained.is_empty());
        }
        prop_assert_eq!(&two.here.clinic, &two.hub.clinic);
    }
}
