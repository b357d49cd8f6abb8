//! The estimated wait: minutes of those ahead, rooms, whoever is being seen, breaks.

use machiai_core::estimate::{ahead_of, wait_of_line, wait_of_visit};
use machiai_core::ids::LineNo;
use machiai_core::view::Wait;
use rstest::rstest;

use crate::play::Play;

/// Six minutes a patient in two rooms, unless a rule says otherwise.
#[track_caller]
fn check(rule: &str, steps: &[&str], expected: &str) {
    let mut play = Play::new();
    play.step(&format!(r#"set {{"kind":"LineSet","body":{{"line":1,"name":{{"ja":"内科"}}{rule}}}}}"#));
    let play = play.run(steps);
    assert_eq!(said(wait_of_line(&play.clinic, LineNo(1), play.now)), expected, "{}", play.shows());
}

fn said(wait: Wait) -> String {
    match wait {
        Wait::Band(band) => format!("{}-{}", band.from_min, band.to_min),
        Wait::Nobody => "nobody".into(),
        Wait::Unknown => "unknown".into(),
        Wait::Paused => "paused".into(),
    }
}

const OPEN: &str = "8:30 open 1 morning";

#[rstest]
#[case::nobody(&[], "nobody")]
#[case::one_waits(&["take 1"], "0-5")]
#[case::four_wait(&["take 1", "take 1", "take 1", "take 1"], "10-15")]
#[case::a_room_is_free(&["take 1", "call room1", "enter room1"], "nobody")]
#[case::both_rooms_are_busy(&["take 1", "take 1", "call room1", "call room2"], "5-10")]
#[case::the_remaining_minutes_burn_down(&["take 1", "take 1", "9:00 call room1", "call room2", "9:01 enter room1", "enter room2", "9:06 house"], "0-5")]
#[case::a_family_in_a_room_takes_longer(&["take 1 family=3", "take 1", "call room1", "call room2"], "10-15")]
#[case::paused(&["take 1", "pause 1"], "paused")]
#[case::an_emergency_is_told_by_the_estimate_alone(&["take 1", "take 1", "take 1", "emergency 1"], "10-15")]
#[case::an_absent_patient_will_be_back(&["take 1", "call room1", "absent room1"], "0-5")]
#[case::who_is_to_come_counts(&["remote 1", "+5s remote 1", "+5s remote 1", "+5s remote 1"], "10-15")]
#[case::who_is_set_aside_does_not(&["take 1", "hold 1"], "nobody")]
fn a_wait_is_the_minutes_of_those_ahead(#[case] steps: &[&str], #[case] expected: &str) {
    check("", &[&[OPEN], steps].concat(), expected);
}

#[rstest]
#[case::before_the_doctors_come("8:30", "0:00", "9:00", 0, "30-40")]
#[case::the_queue_begins_when_they_come("8:30", "0:00", "9:00", 4, "40-50")]
#[case::before_lunch("11:00", "12:00", "13:00", 4, "10-15")]
#[case::into_lunch("11:55", "12:00", "13:00", 4, "60-80")]
#[case::up_to_lunch("11:48", "12:00", "13:00", 4, "60-80")]
#[case::in_lunch("12:30", "12:00", "13:00", 2, "30-40")]
#[case::after_lunch("13:00", "12:00", "13:00", 2, "5-10")]
fn a_wait_steps_over_breaks(
    #[case] clock: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] n_waiting: usize,
    #[case] expected: &str,
) {
    let rule = format!(r#","breaks":[{{"from":"{from}","to":"{to}"}}]"#);
    let mut steps = vec!["7:00 open 1 morning"];
    steps.extend(std::iter::repeat_n("take 1", n_waiting));
    let then = format!("{clock} house");
    steps.push(&then);
    check(&rule, &steps, expected);
}

#[rstest]
#[case::within_the_wait(&["book 1 9:05", "book 1 9:10"], "15-20")]
#[case::later_than_the_wait(&["book 1 17:00", "book 1 17:10"], "10-15")]
#[case::long_overdue(&["book 1 8:00", "book 1 8:10"], "10-15")]
fn a_booking_counts_when_its_time_is_near(#[case] bookings: &[&str], #[case] expected: &str) {
    let steps = [&["7:00 open 1 morning"], bookings, &["take 1"; 4], &["9:00 house"]].concat();
    check("", &steps, expected);
}

#[test]
fn without_a_room_nothing_is_known() {
    let mut play = Play::new().run(&[OPEN, "take 1"]);
    for room in ["room1", "room2"] {
        play.step(&format!(r#"set {{"kind":"RoomRemoved","body":{{"room":"{room}"}}}}"#));
    }
    assert_eq!(said(wait_of_line(&play.clinic, LineNo(1), play.now)), "unknown");
}

#[test]
fn who_is_ahead_is_told_apart_from_who_has_not_come() {
    let play = Play::new().run(&["8:10 remote 1", "remote 1", "8:30 open 1 morning", "take 1", "take 1", "call room1"]);
    let ahead = ahead_of(&play.clinic, play.visit("4"));
    assert_eq!((ahead.n_here, ahead.n_not_arrived, ahead.n_adding), (0, 2, 2));
    assert_eq!(said(wait_of_visit(&play.clinic, play.visit("4"), play.now)), "5-10");
}

#[test]
fn a_wait_only_burns_down_while_nothing_happens() {
    let mut play = Play::new().run(&[
        OPEN,
        "take 1",
        "take 1",
        "take 1",
        "call room1",
        "enter room1",
        "call room2",
        "enter room2",
    ]);
    let mut last = u32::MAX;
    for _ in 0..30 {
        play.pass_ms(20_000);
        let Wait::Band(band) = wait_of_line(&play.clinic, LineNo(1), play.now) else { panic!("no band") };
        assert!(band.to_min <= last, "the wait grew to {} from {last}", band.to_min);
        last = band.to_min;
    }
}
