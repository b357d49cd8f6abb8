//! What a room's buttons say and do: the screen must have shown what is true.

use machiai_core::command::{Command, Showing};
use machiai_core::desk::desk;
use machiai_core::facts::Fact;
use machiai_core::ids::Label;
use rstest::rstest;

use crate::play::{Play, check};

const OPEN: [&str; 4] = ["8:30 open 1 morning", "take 1", "take 1", "take 1"];

#[rstest]
#[case::both_are_true(&["call room1 now= next=1"], "1: waiting 2 3, called 1@room1")]
#[case::another_room_took_the_next(
    &["call room1 now= next=1", "call room2 now= next=1 ! screen_was_old"],
    "1: waiting 2 3, called 1@room1"
)]
#[case::somebody_else_is_in_the_room(
    &["call room1", "call room1 now= next=2 ! screen_was_old"],
    "1: waiting 2 3, called 1@room1"
)]
#[case::somebody_came_before(
    &["emergency 1", "call room1 now= next=1 ! screen_was_old"],
    "1: waiting 4 1 2 3"
)]
#[case::nobody_was_shown(
    &["cancel 1", "cancel 2", "cancel 3", "call room1 now= next="],
    "1: cancelled 1 2 3"
)]
#[case::recall(&["call room1", "recall room1 now=1", "recall room1 now=2 ! screen_was_old"], "1: waiting 2 3, called 1@room1")]
#[case::absent(&["call room1", "absent room1 now=2 ! screen_was_old"], "1: waiting 2 3, called 1@room1")]
#[case::enter(&["call room1", "enter room1 now= ! screen_was_old"], "1: waiting 2 3, called 1@room1")]
#[case::finish(&["call room1", "finish room1 now=2 ! screen_was_old"], "1: waiting 2 3, called 1@room1")]
fn a_button_does_only_what_it_says(#[case] steps: &[&str], #[case] expected: &str) {
    check(&[&OPEN, steps].concat(), expected);
}

#[test]
fn an_old_screen_is_told_what_is_true_and_who_was_quicker() {
    let mut play = Play::new().run(&OPEN).run(&["call room1 @tablet1"]);
    let showing = Showing { now: Some(Label(String::new())), next: Some(Label("1".into())) };
    let refusal = play.ask("tablet2", &Command::Call { room: "room2".parse().unwrap(), showing }).unwrap_err();
    let values: Vec<(&str, &str)> =
        refusal.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(values, [("next", "2"), ("now", "–"), ("room", "第2診察室"), ("who", "tablet1")]);
}

#[test]
fn the_desk_names_who_the_button_would_call() {
    let play = Play::new().run(&OPEN).run(&["open 2 morning", "take 2", "call room1"]);
    let next: Vec<(String, Option<String>)> = desk(&play.clinic, play.now)
        .rooms
        .iter()
        .map(|room| (room.room.to_string(), room.next.as_ref().map(ToString::to_string)))
        .collect();
    let expected = [("room1", Some("2")), ("room2", Some("B1")), ("xray", None), ("cashier", None)];
    let expected: Vec<(String, Option<String>)> =
        expected.into_iter().map(|(room, next)| (room.to_string(), next.map(str::to_string))).collect();
    assert_eq!(next, expected);
}

#[test]
fn one_press_writes_both_halves_under_one_key() {
    let mut play = Play::new().run(&OPEN).run(&["call room1", "enter room1"]);
    let n_before = play.written.len();
    play.step("call room1");
    assert_eq!(play.kinds_since(n_before), ["Finished", "Called"]);
    assert_eq!(play.written[n_before].head.cmd, play.written[n_before + 1].head.cmd);
}

#[test]
fn nobody_waiting_is_written_down() {
    let mut play = Play::new().run(&["8:30 open 1 morning"]);
    let n_before = play.written.len();
    play.step("call room1");
    assert_eq!(play.kinds_since(n_before), ["NobodyCalled"]);
}

#[rstest]
#[case::at_once("+0s call room1 ! pressed_twice", "1: waiting 2 3, called 1@room1")]
#[case::within_two_seconds("+1s call room1 ! pressed_twice", "1: waiting 2 3, called 1@room1")]
#[case::after_two_seconds("+2s call room1", "1: waiting 3, called 2@room1, absent 1")]
#[case::on_another_device("+1s call room1 @other", "1: waiting 3, called 2@room1, absent 1")]
#[case::another_button("+1s enter room1", "1: waiting 2 3, in_room 1@room1")]
fn the_same_button_within_two_seconds_is_one_press(#[case] second: &str, #[case] expected: &str) {
    check(&[&OPEN[..], &["call room1", second]].concat(), expected);
}

#[test]
fn two_tickets_of_one_press_need_two_seconds_between_presses() {
    check(&["8:30 open 1 morning", "take 1", "+1s take 1 ! pressed_twice", "+2s take 1"], "1: waiting 1 2");
}

#[test]
fn what_the_program_does_by_itself_is_no_press() {
    let mut play = Play::new().run(&OPEN);
    let n_before = play.written.len();
    play.step("+0s house");
    play.step("+0s house");
    assert!(play.written[n_before..].iter().all(|envelope| !matches!(envelope.fact, Fact::Called(_))));
}
