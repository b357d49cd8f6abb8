//! The call moment: which calls stand over the board, from when until when (LOOKS, the call moment).

use machiai_core::board::changes_at;
use rstest::rstest;

use crate::play::{Play, at};

const OPEN: [&str; 7] = ["8:30 open 1 morning", "open 2 morning", "take 1", "take 1", "take 1", "take 2", "take 2"];

/// Says which calls stand at an instant, as the facts up to then have it: `1@room1 until 9:00:08`.
fn calls(play: &Play, clock: &str) -> String {
    let now = at(clock);
    let view = machiai_core::board::board(&play.clinic, now, play.trust);
    let calls = view.calls.iter().map(|call| {
        let until_s = call.until.since(at("9:00")) / 1_000;
        let again = if call.again { " again" } else { "" };
        format!("{}@{}{again} until {until_s}", call.label, call.room)
    });
    let longer = view.wait_longer.iter().map(|label| format!("{label} longer"));
    calls.chain(longer).collect::<Vec<_>>().join(", ")
}

#[rstest]
#[case::at_once(&["9:00 call room1"], "9:00", "1@room1 until 8")]
#[case::to_the_end(&["9:00 call room1"], "9:00:07", "1@room1 until 8")]
#[case::then_gone(&["9:00 call room1"], "9:00:08", "")]
#[case::again(&["9:00 call room1", "9:00:30 recall room1"], "9:00:30", "1@room1 again until 38")]
#[case::answered(&["9:00 call room1", "+3s enter room1"], "9:00:03", "")]
#[case::absent_at_once_stands_on(&["9:00 call room1", "+3s absent room1"], "9:00:04", "1@room1 until 8")]
#[case::two_within_two_seconds_share(&["9:00 call room1", "+2s call room2"], "9:00:03", "1@room1 until 8, B1@room2 until 8")]
#[case::the_first_is_alone_until_the_second_comes(&["9:00 call room1", "+2s call room2"], "9:00:01", "1@room1 until 8")]
#[case::a_later_one_waits(&["9:00 call room1", "+3s call room2"], "9:00:05", "1@room1 until 6")]
#[case::the_first_gives_way_after_six_seconds(&["9:00 call room1", "+3s call room2"], "9:00:06", "B1@room2 until 14")]
#[case::one_that_comes_late_cuts_in(&["9:00 call room1", "+7s call room2"], "9:00:07", "B1@room2 until 15")]
#[case::an_answer_makes_room(&["9:00 call room1", "+3s call room2", "+1s enter room1"], "9:00:04", "B1@room2 until 12")]
#[case::pressed_again_soon_is_one_call(&["9:00 call room1", "+1s recall room1"], "9:00:02", "1@room1 again until 8")]
#[case::of_four_the_oldest_two_come_first(
    &["9:00 call room1", "+0s call room2", "+1s call xray", "+0s call cashier"], "9:00:02", "1@room1 until 6, 2@room2 until 6"
)]
#[case::the_other_two_follow(
    &["9:00 call room1", "+0s call room2", "+1s call xray", "+0s call cashier"], "9:00:07", "B1@xray until 14, B2@cashier until 14"
)]
fn calls_stand_over_the_board(#[case] steps: &[&str], #[case] clock: &str, #[case] expected: &str) {
    let mut play = Play::new().run(&OPEN);
    if steps.len() == 4 && steps[2].contains("xray") {
        // Four rooms for the two lines.
        for (room, line) in [("room2", 1), ("xray", 2), ("cashier", 2)] {
            play.step(&format!(
                r#"set {{"kind":"RoomSet","body":{{"room":"{room}","name":{{"ja":"室"}},"lines":[{line}]}}}}"#
            ));
        }
    }
    let play = play.run(steps);
    assert_eq!(calls(&play, clock), expected);
}

#[rstest]
#[case::before_the_chime_leaves_no_trace("+1s undo 1", "9:00:02", "")]
#[case::after_it_asks_to_wait("+3s undo 1", "9:00:04", "1 longer")]
#[case::for_ten_seconds("+3s undo 1", "9:00:12", "1 longer")]
#[case::and_no_longer("+3s undo 1", "9:00:13", "")]
fn an_undone_call(#[case] undo: &str, #[case] clock: &str, #[case] expected: &str) {
    let play = Play::new().run(&OPEN).run(&["9:00 call room1", undo]);
    assert_eq!(calls(&play, clock), expected);
}

#[test]
fn a_call_undone_while_it_waited_for_its_frame_leaves_no_trace() {
    let play = Play::new().run(&OPEN).run(&["9:00 call room1", "+3s call room2", "+2s undo B1"]);
    assert_eq!(calls(&play, "9:00:06"), "1@room1 until 8");
}

#[test]
fn a_patient_called_again_need_not_wait_longer() {
    let play = Play::new().run(&OPEN).run(&["9:00 call room1", "+3s undo 1", "+3s call room1"]);
    assert_eq!(calls(&play, "9:00:06"), "1@room1 until 14");
}

#[rstest]
#[case::longer("9:00:11", "1@room1 until 12")]
#[case::then_gone("9:00:12", "")]
#[case::and_again("9:00:20", "1@room1 again until 32")]
fn a_call_in_writing_stands_longer_and_comes_again(#[case] clock: &str, #[case] expected: &str) {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1 text", "9:00 call room1"]);
    assert_eq!(calls(&play, clock), expected);
}

#[test]
fn an_answered_call_in_writing_does_not_come_again() {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1 text", "9:00 call room1", "+15s enter room1"]);
    assert_eq!(calls(&play, "9:00:20"), "");
}

#[test]
fn a_call_to_another_room_replaces_the_first() {
    let steps = ["9:00 call room1", "+1s absent room1", "+1s return 1", "+1s call room2"];
    let play = Play::new().run(&["8:30 open 1 morning", "take 1"]).run(&steps);
    assert_eq!(calls(&play, "9:00:03"), "1@room2 until 11");
}

#[test]
fn a_family_is_one_call() {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1 family=3", "9:00 call room1"]);
    assert_eq!(calls(&play, "9:00:01"), "1–3@room1 until 8");
}

#[rstest]
#[case::the_end_of_a_call("9:00:01", "9:00:06")]
#[case::the_end_of_the_one_that_waited("9:00:06", "9:00:14")]
#[case::the_next_minute("9:00:20", "9:01")]
fn the_board_knows_when_it_changes_by_itself(#[case] now: &str, #[case] next: &str) {
    let play = Play::new().run(&OPEN).run(&["9:00 call room1", "+3s call room2"]);
    // What is to come of the second call stands in its fact already.
    let next_change = changes_at(&play.clinic, at(now));
    let expected = if now == "9:00:01" { at("9:00:03") } else { at(next) };
    assert_eq!(next_change, expected);
}

#[test]
fn the_end_of_the_band_for_waiting_longer_is_a_change_too() {
    let play = Play::new().run(&OPEN).run(&["9:00:40 call room1", "+3s undo 1"]);
    assert_eq!(changes_at(&play.clinic, at("9:00:45")), at("9:00:53"));
}

/// Says what is heard of the calls that stand at an instant.
fn speech(play: &Play, clock: &str) -> Vec<String> {
    let view = machiai_core::board::board(&play.clinic, at(clock), play.trust);
    view.calls.into_iter().flat_map(|call| call.speech).map(|spoken| spoken.text).collect()
}

#[rstest]
#[case::one(&["9:00 call room1"], "9:00", &["番号ふだ、イチ番のかた、第1診察室へおはいりください。"])]
#[case::again(&["9:00 call room1", "9:00:30 recall room1"], "9:00:30",
    &["もう一度お呼びします。番号ふだ、イチ番のかた、第1診察室へおはいりください。"])]
#[case::a_family(&["take 1 family=3", "first 4", "first 5", "first 6", "9:00 call room1"], "9:00",
    &["番号ふだ、ヨン番からロク番のかた、第1診察室へおはいりください。"])]
#[case::an_emergency(&["emergency 1", "9:00 call room1"], "9:00", &[])]
fn calls_are_said(#[case] steps: &[&str], #[case] clock: &str, #[case] expected: &[&str]) {
    assert_eq!(speech(&Play::new().run(&OPEN).run(steps), clock), expected);
}

#[rstest]
#[case::while_it_stands(&[], "9:00:04", false)]
#[case::after_its_frame(&[], "9:00:30", false)]
#[case::absent(&["+3s absent room1"], "9:00:04", false)]
#[case::undone(&["+3s undo 1"], "9:00:04", true)]
#[case::answered(&["+3s enter room1"], "9:00:04", true)]
#[case::made_anew(&["+30s recall room1"], "9:01", true)]
fn a_call_is_over(#[case] steps: &[&str], #[case] clock: &str, #[case] expected: bool) {
    let play = Play::new().run(&OPEN).run(&["9:00 call room1"]).run(steps);
    assert_eq!(machiai_core::board::is_call_over(&play.clinic, "1", at("9:00"), at(clock)), expected);
}
