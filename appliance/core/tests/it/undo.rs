//! Undo: the last act on a ticket with the rest of its press, and never past somebody else.

use rstest::rstest;

use crate::play::{Play, check};

const OPEN: [&str; 4] = ["8:30 open 1 morning", "take 1", "take 1", "take 1"];

#[rstest]
#[case::a_call(&["call room1", "undo 1"], "1: waiting 1 2 3")]
#[case::going_in(&["call room1", "enter room1", "undo 1"], "1: waiting 2 3, called 1@room1")]
#[case::absence(&["call room1", "absent room1", "undo 1"], "1: waiting 2 3, called 1@room1")]
#[case::coming_back(&["call room1", "absent room1", "return 1", "undo 1"], "1: waiting 2 3, absent 1")]
#[case::being_done(&["call room1", "enter room1", "finish room1", "undo 1"], "1: waiting 2 3, in_room 1@room1")]
#[case::cancellation(&["cancel 2", "undo 2"], "1: waiting 1 2 3")]
#[case::hold(&["hold 2", "undo 2"], "1: waiting 1 2 3")]
#[case::release(&["hold 2", "release 2", "undo 2"], "1: waiting 1 3, on_hold 2")]
#[case::being_put_first(&["first 3", "undo 3"], "1: waiting 1 2 3")]
#[case::a_move(&["move 2 2", "undo 2"], "1: waiting 1 2 3")]
#[case::a_test(&["send 2 3", "undo 2"], "1: waiting 1 2 3")]
#[case::joining(&["join 1 3", "undo 3", "call room1"], "1: waiting 2 3, called 1@room1")]
#[case::a_ticket(&["undo 3"], "1: waiting 1 2, cancelled 3")]
#[case::both_halves_of_one_press(&["call room1", "enter room1", "call room1", "undo 2"], "1: waiting 2 3, in_room 1@room1")]
#[case::both_halves_from_the_other_ticket(&["call room1", "enter room1", "call room1", "undo 1"], "1: waiting 2 3, in_room 1@room1")]
#[case::one_act_after_the_other(&["call room1", "enter room1", "undo 1", "+5s undo 1"], "1: waiting 1 2 3")]
#[case::a_whole_family(&["take 1 family=2", "join 1 4 5", "call room1", "undo 5"], "1: waiting 1 2 3 4 5")]
#[case::the_tickets_of_a_family(&["take 1 family=2", "undo 5"], "1: waiting 1 2 3, cancelled 4 5")]
#[case::after_undoing_a_test_the_patient_is_back_in_the_room(&["call room1", "enter room1", "send 1 3", "undo 1"], "1: waiting 2 3, in_room 1@room1")]
#[case::one_of_a_family_back_from_a_test_finds_the_others(
    &["join 1 2", "call room1", "enter room1", "send 2 3", "undo 2"],
    "1: waiting 3, in_room 1@room1 2@room1"
)]
fn an_act_is_undone(#[case] steps: &[&str], #[case] expected: &str) {
    check(&[&OPEN, steps].concat(), expected);
}

#[rstest]
#[case::past_anothers_action(&["call room1 @room1", "absent room1 @desk", "undo 1 @room1 ! acted_since"], "1: waiting 2 3, absent 1")]
#[case::the_other_may(&["call room1 @room1", "absent room1 @desk", "undo 1 @desk"], "1: waiting 2 3, called 1@room1")]
#[case::who_has_not_acted_may(&["call room1 @room1", "undo 1 @desk"], "1: waiting 1 2 3")]
#[case::nothing_was_done(&["cancel 2", "undo 2", "undo 2", "undo 2 ! nothing_to_undo"], "1: waiting 1 3, cancelled 2")]
#[case::somebody_else_is_in_the_room(
    &["call room1", "finish room1", "call room1", "undo 1 ! acted_since"],
    "1: waiting 3, called 2@room1, finished 1"
)]
#[case::who_went_on_since_stays_there(
    &["call room1", "enter room1", "call room1", "send 1 9", "undo 2"],
    "1: waiting 2 3; 9: waiting 1"
)]
#[case::one_of_a_family_went_on(
    &["join 1 2", "call room1", "enter room1", "send 2 3", "undo 1"],
    "1: waiting 3, called 1@room1; 3: waiting 2"
)]
fn an_undo_stops_at_what_others_did(#[case] steps: &[&str], #[case] expected: &str) {
    check(&[&OPEN, steps].concat(), expected);
}

#[test]
fn an_undo_puts_back_the_exact_turn() {
    let before = Play::new().run(&OPEN).run(&["call room1", "absent room1"]);
    let after = before.clone().run(&["return 1", "undo 1"]);
    assert_eq!(before.visit("1"), after.visit("1"));
}

#[test]
fn an_undo_says_who_acted_since() {
    let mut play = Play::new().run(&OPEN).run(&["call room1 @room1", "absent room1 @desk"]);
    let undo = machiai_core::command::Command::Undo { visit: play.id("1") };
    let refusal = play.ask("room1", &undo).unwrap_err();
    let values: Vec<(&str, &str)> =
        refusal.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(values, [("label", "1"), ("who", "desk")]);
}
