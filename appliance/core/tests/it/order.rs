//! The order of booked patients and walk-ins, and of numbers kept for interrupts: the number is not the order.

use rstest::rstest;

use crate::play::check;

/// One booked, then so many walk-ins.
fn interleaved(booked: u8, walk_in: u8) -> String {
    format!(
        r#"set {{"kind":"LineSet","body":{{"line":1,"name":{{"ja":"内科"}},"interleave":{{"booked":{booked},"walk_in":{walk_in}}}}}}}"#
    )
}

#[rstest]
#[case::one_by_one((1, 1), &["arrive 1", "arrive 2", "arrive 3"], "1: waiting 4 1 5 2 6 3")]
#[case::two_walk_ins_for_each_booked((1, 2), &["arrive 1", "arrive 2"], "1: not_arrived 3, waiting 4 5 1 6 2")]
#[case::two_booked_for_each_walk_in((2, 1), &["arrive 1", "arrive 2", "arrive 3"], "1: waiting 4 1 2 5 3 6")]
#[case::who_has_not_come_blocks_nobody((1, 1), &["take 1"], "1: not_arrived 1 2 3, waiting 4 5 6 7")]
#[case::the_booked_go_by_booked_time((1, 1), &["arrive 3", "arrive 1"], "1: not_arrived 2, waiting 4 1 3 5 6")]
#[case::a_walk_in_comes_between_two_booked((1, 1), &["cancel 4", "cancel 5", "cancel 6", "arrive 1", "arrive 2", "take 1"], "1: not_arrived 3, waiting 1 7 2, cancelled 4 5 6")]
fn booked_and_walk_in_take_turns(#[case] rule: (u8, u8), #[case] steps: &[&str], #[case] expected: &str) {
    let rule = interleaved(rule.0, rule.1);
    let before = [
        "8:30 open 1 morning",
        rule.as_str(),
        "book 1 9:00",
        "book 1 9:10",
        "book 1 9:20",
        "take 1",
        "take 1",
        "take 1",
    ];
    check(&[&before, steps].concat(), expected);
}

#[test]
fn without_the_rule_the_booked_go_by_arrival() {
    check(&["8:30 open 1 morning", "book 1 9:00", "take 1", "arrive 1"], "1: waiting 2 1");
}

#[rstest]
#[case::in_time("9:15", "1: waiting 2 3 4 5 6 1")]
#[case::late("9:15:01", "1: waiting 2 3 4 1 5 6")]
fn a_booked_patient_is_late_after_the_grace(#[case] comes: &str, #[case] expected: &str) {
    let arrive = format!("{comes} arrive 1");
    let steps = ["8:30 open 1 morning", "book 1 9:00", "take 1", "take 1", "take 1", "take 1", "take 1", &arrive];
    check(&steps, expected);
}

#[test]
fn emergencies_stay_ahead_of_the_booked() {
    let rule = interleaved(1, 1);
    let steps = ["8:30 open 1 morning", &rule, "book 1 9:00", "emergency 1", "arrive 1", "take 1"];
    check(&steps, "1: waiting 2 1 3");
}

/// Every third number is kept.
const KEPT: &str = r#"set {"kind":"LineSet","body":{"line":1,"name":{"ja":"内科"},"keep_every":3}}"#;

#[rstest]
#[case::it_goes_where_its_number_is(&["take 1 desk interrupt"], "1: waiting 1 2 3 4 5 7")]
#[case::numbers_called_past_are_gone(
    &["call room1", "call room1", "call room1", "take 1 desk interrupt"],
    "1: waiting 5 6 7, called 4@room1, absent 1 2"
)]
#[case::without_one_left_the_next_number_is_last(
    &["take 1 desk interrupt", "+5s take 1 desk interrupt", "+5s take 1 desk interrupt"],
    "1: waiting 1 2 3 4 5 6 7 8"
)]
#[case::an_emergency_uses_one_too(&["emergency 1"], "1: waiting 3 1 2 4 5 7")]
fn numbers_are_kept_for_interrupts(#[case] steps: &[&str], #[case] expected: &str) {
    let before = ["8:30 open 1 morning", KEPT, "take 1", "take 1", "take 1", "take 1", "take 1"];
    check(&[&before, steps].concat(), expected);
}

#[test]
fn places_between_the_same_two_may_run_out_and_nobody_behind_them_moves() {
    let mut steps = vec!["8:30 open 1 morning"];
    steps.extend(["take 1"; 8]);
    // Whoever is called does not come, and goes behind three: always between the fourth and the fifth.
    steps.extend(["call room1", "absent room1", "return_first 1"].repeat(60));
    let shown = crate::play::Play::new().run(&steps).shows();
    let mut first_four: Vec<&str> = shown.trim_start_matches("1: waiting ").split(' ').collect();
    assert_eq!(first_four.split_off(4), ["5", "6", "7", "8"], "{shown}");
    first_four.sort_unstable();
    assert_eq!(first_four, ["1", "2", "3", "4"], "{shown}");
}
