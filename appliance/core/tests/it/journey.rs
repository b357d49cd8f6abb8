//! One patient's way through the day: every act, alone and after others.

use machiai_core::desk::row;
use machiai_core::ids::LineNo;
use machiai_core::queue::visit::State;
use rstest::rstest;

use crate::play::{Play, check};

const OPEN: &str = "8:30 open 1 morning";

#[rstest]
#[case::waits(&["take 1"], "1: waiting 1")]
#[case::is_called(&["take 1", "call room1"], "1: called 1@room1")]
#[case::is_called_again(&["take 1", "call room1", "recall room1"], "1: called 1@room1")]
#[case::goes_in(&["take 1", "call room1", "enter room1"], "1: in_room 1@room1")]
#[case::is_done(&["take 1", "call room1", "enter room1", "finish room1"], "1: finished 1")]
#[case::is_done_without_the_button_for_going_in(&["take 1", "call room1", "finish room1"], "1: finished 1")]
#[case::does_not_come(&["take 1", "call room1", "absent room1"], "1: absent 1")]
#[case::comes_back(&["take 1", "call room1", "absent room1", "return 1"], "1: waiting 1")]
#[case::comes_back_as_the_first_absent(&["take 1", "call room1", "absent room1", "return_first 1"], "1: waiting 1")]
#[case::is_cancelled(&["take 1", "cancel 1 note=5"], "1: cancelled 1")]
#[case::is_cancelled_in_the_room(&["take 1", "call room1", "enter room1", "cancel 1"], "1: cancelled 1")]
#[case::is_set_aside(&["take 1", "hold 1"], "1: on_hold 1")]
#[case::is_set_aside_when_called(&["take 1", "call room1", "hold 1"], "1: on_hold 1")]
#[case::is_taken_up_again(&["take 1", "take 1", "+5s hold 1", "release 1"], "1: waiting 1 2")]
#[case::comes_with_a_remote_ticket(&["remote 1", "arrive 1"], "1: waiting 1")]
#[case::set_aside_before_coming_has_still_not_come(&["remote 1", "hold 1", "release 1"], "1: not_arrived 1")]
fn a_patient_in_one_line(#[case] steps: &[&str], #[case] expected: &str) {
    check(&[&[OPEN], steps].concat(), expected);
}

#[rstest]
#[case::next_finishes_whoever_is_in_the_room(&["call room1", "enter room1", "call room1"], "1: waiting 3, called 2@room1, finished 1")]
#[case::next_marks_absent_whoever_did_not_come(&["call room1", "call room1"], "1: waiting 3, called 2@room1, absent 1")]
#[case::two_rooms_share_a_line(&["call room1", "call room2"], "1: waiting 3, called 1@room1 2@room2")]
#[case::nobody_waiting_is_a_normal_answer(&["call room1", "call room2", "call room1", "enter room1", "call room1", "+5s call room1"], "1: called 2@room2, absent 1, finished 3")]
#[case::first_is_called_first(&["first 3 note=1", "call room1"], "1: waiting 1 2, called 3@room1")]
#[case::joined_tickets_are_called_together(&["join 1 3", "call room1"], "1: waiting 2, called 1@room1 3@room1")]
#[case::joined_tickets_go_in_and_are_done_together(&["join 1 3", "call room1", "enter room1", "call room1"], "1: called 2@room1, finished 1 3")]
fn three_patients_in_one_line(#[case] steps: &[&str], #[case] expected: &str) {
    check(&[&[OPEN, "take 1", "take 1", "take 1"], steps].concat(), expected);
}

#[rstest]
#[case::a_test_comes_in_between(
    &["call room1", "enter room1", "send 1 3", "call xray", "enter xray", "send 1 1"],
    "1: waiting 1 2 3"
)]
#[case::payment_follows(&["call room1", "finish room1", "send 1 9", "call cashier", "finish cashier"], "1: waiting 2 3; 9: finished 1")]
#[case::the_wrong_line_is_put_right_by_the_time_of_the_ticket(&["take 2", "+5s take 2", "+5s move B2 1"], "1: waiting 1 2 3 B2; 2: waiting B1")]
#[case::an_early_ticket_goes_before_later_ones_of_the_new_line(&["take 2", "move 2 2"], "1: waiting 1 3; 2: waiting 2 B1")]
#[case::one_of_a_family_goes_for_a_test_and_rejoins(
    &["take 1 family=2", "join 1 2 3", "call room1", "enter room1", "send 2 3", "call room1", "call xray", "send 2 1", "call room2"],
    "1: called 4@room1 5@room1 2@room2, finished 1 3"
)]
fn stages_and_lines(#[case] steps: &[&str], #[case] expected: &str) {
    check(&[&[OPEN, "open 2 morning", "take 1", "take 1", "take 1"], steps].concat(), expected);
}

#[test]
fn a_family_is_received_called_absent_and_back_together() {
    let steps = [OPEN, "take 1 family=3", "take 1", "call room1", "absent room1", "return 2", "call room1"];
    check(&steps, "1: waiting 1 2 3, called 4@room1");
}

#[test]
fn a_family_with_a_remote_ticket_arrives_together() {
    check(&["8:10 remote 1 family=3", "arrive 2"], "1: waiting 1 2 3");
}

#[test]
fn an_emergency_goes_before_everyone_and_behind_earlier_ones() {
    let steps = [OPEN, "take 1", "emergency 1 note=9", "take 1", "+5s emergency 1", "first 4", "+5s emergency 1"];
    check(&steps[..5], "1: waiting 2 4 1 3");
    check(&[&steps[..5], &["first 3", "+5s emergency 1"]].concat(), "1: waiting 2 4 5 3 1");
}

#[test]
fn a_room_calls_emergencies_of_any_of_its_lines_first() {
    let steps = [OPEN, "open 2 morning", "take 2", "take 1", "emergency 1", "call room2", "call room2"];
    check(&steps[..6], "1: waiting 1, called 2@room2; 2: waiting B1");
    check(&steps, "1: waiting 1, absent 2; 2: called B1@room2");
}

#[test]
fn who_missed_the_turn_goes_so_many_places_back() {
    let steps = ["8:10 remote 1", OPEN, "take 1", "take 1", "take 1", "take 1", "take 1", "call room1", "arrive 1"];
    check(&steps, "1: waiting 3 4 5 1 6, called 2@room1");
}

#[test]
fn who_comes_before_the_turn_keeps_the_place() {
    check(&["8:10 remote 1", OPEN, "take 1", "take 1", "arrive 1"], "1: waiting 1 2 3");
}

#[test]
fn an_undone_call_makes_nobody_late() {
    let steps = ["8:10 remote 1", OPEN, "take 1", "take 1", "call room1", "undo 2", "arrive 1"];
    check(&steps, "1: waiting 1 2 3");
}

#[test]
fn nobody_comes_back_before_an_emergency() {
    let at_once = r#"set {"kind":"RulesSet","body":{"absent_back":0}}"#;
    check(
        &[OPEN, at_once, "take 1", "take 1", "call room1", "absent room1", "emergency 1", "return 1"],
        "1: waiting 3 1 2",
    );
}

#[test]
fn an_absent_patient_goes_last_where_the_clinic_says_so() {
    let last = r#"set {"kind":"RulesSet","body":{"absent_back":null,"late_back":null}}"#;
    let steps = [OPEN, last, "take 1", "take 1", "take 1", "call room1", "call room1", "return 1"];
    check(&steps, "1: waiting 3 1, called 2@room1");
}

#[rstest]
#[case::absent(&["take 1", "take 1", "take 1", "take 1", "take 1", "call room1", "absent room1"], "1", "return 1")]
#[case::absent_with_few_waiting(&["take 1", "take 1", "call room1", "absent room1"], "1", "return 1")]
#[case::absent_behind_an_emergency(&["take 1", "take 1", "call room1", "absent room1", "emergency 1"], "1", "return 1")]
#[case::late_by_telephone(&["remote 1", "take 1", "take 1", "take 1", "call room1"], "1", "arrive 1")]
#[case::in_time_by_telephone(&["take 1", "remote 1", "take 1", "take 1"], "2", "arrive 2")]
fn the_desk_knows_where_somebody_will_stand(#[case] steps: &[&str], #[case] label: &str, #[case] comes: &str) {
    let mut play = Play::new().run(&[OPEN]).run(steps);
    let known = row(&play.clinic, play.visit(label), play.now).on_coming.unwrap();
    play.step(comes);
    let line = &play.clinic.lines[&LineNo(1)];
    let order: Vec<_> = line.in_state(State::Waiting).map(|place| &play.clinic.visits[&place.visit].label).collect();
    let stands = order.iter().position(|at| at.as_str() == label).unwrap();
    assert_eq!((known.n_ahead, known.after.as_ref()), (stands, stands.checked_sub(1).map(|above| order[above])));
    assert_eq!(row(&play.clinic, play.visit(label), play.now).on_coming, None);
}
