//! When numbers are given: opening and closing, offsets, predicted end, sessions of the day.

use machiai_core::command::Command;
use machiai_core::facts::Fact;
use machiai_core::ids::{LineNo, SessionId};
use rstest::rstest;

use crate::play::{Play, check};

/// Line 1 with some rule of its own.
fn line(rule: &str) -> String {
    format!(r#"set {{"kind":"LineSet","body":{{"line":1,"name":{{"ja":"内科"}},{rule}}}}}"#)
}

#[rstest]
#[case::before_anybody_opened(&["8:40 take 1 ! line_closed"], "")]
#[case::once_open(&["8:40 open 1 morning", "take 1"], "1: waiting 1")]
#[case::after_closing(&["8:40 open 1 morning", "take 1", "close 1", "take 1 ! line_closed"], "1: waiting 1")]
#[case::an_emergency_at_any_time(&["8:40 emergency 1"], "1: waiting 1")]
#[case::at_the_desk_too(&["8:40 take 1 desk ! line_closed"], "")]
#[case::past_the_closing_offset(&["8:40 open 1 morning", "12:29 take 1", "12:30 take 1 ! line_closed"], "1: waiting 1")]
#[case::the_desk_goes_on(&["8:40 open 1 morning", "12:30 take 1 desk"], "1: waiting 1")]
#[case::who_opens_out_of_hours_knows_better(&["13:00 open 1 morning", "13:01 take 1"], "1: waiting 1")]
#[case::another_session_opens_over_the_first(&["8:40 open 1 morning", "take 1", "14:50 open 1 afternoon", "take 1"], "1: waiting 1 201")]
fn a_kiosk_gives_numbers_while_the_line_is_open(#[case] steps: &[&str], #[case] expected: &str) {
    check(steps, expected);
}

#[rstest]
#[case::too_early("7:59", false)]
#[case::half_an_hour_before_the_session("8:00", true)]
#[case::half_an_hour_before_its_end("11:29:59", true)]
#[case::then_no_more("11:30", false)]
#[case::before_the_afternoon("14:30", true)]
#[case::in_the_evening("18:00", false)]
fn remote_tickets_have_hours_of_their_own(#[case] clock: &str, #[case] is_given: bool) {
    let mut play = Play::new();
    let step = format!("{clock} remote 1 {}", if is_given { "" } else { "! remote_closed" });
    play.step(&step);
}

#[rstest]
#[case::until_the_morning("7:00", "remote_closed", "8:00")]
#[case::until_the_afternoon("12:00", "remote_closed", "14:30")]
#[case::until_tomorrow("19:00", "remote_closed", "11/25 8:00")]
fn a_refused_remote_ticket_is_told_the_hour(#[case] clock: &str, #[case] code: &str, #[case] opens: &str) {
    check_opens(&[], clock, "remote 1", (code, opens));
}

#[rstest]
#[case::before_the_session(&[], "8:00", "8:30")]
#[case::in_a_session_that_nobody_opened_no_hour_is_true(&[], "8:40", "--:--")]
#[case::after_the_morning(&["8:30 open 1 morning", "close 1"], "11:50", "15:00")]
#[case::the_last_day_before_a_holiday(&["15:00 open 1 afternoon", "18:00 close 1"], "18:31", "11/25 8:30")]
fn a_closed_line_is_told_with_the_hour(#[case] before: &[&str], #[case] clock: &str, #[case] opens: &str) {
    check_opens(before, clock, "take 1", ("line_closed", opens));
}

#[track_caller]
fn check_opens(before: &[&str], clock: &str, step: &str, (code, opens): (&str, &str)) {
    let mut play = Play::new().run(before);
    play.step(&format!("{clock} house"));
    let channel = if step.starts_with("remote") { "remote" } else { "kiosk" };
    let take = serde_json::json!({"do":"take","line":1,"channel":channel,"family":1,"lang":"ja","text_call":false,
        "name_shown":false,"booked_for":null,"interrupt":false,"personal":null});
    let command: Command = serde_json::from_value(take).unwrap();
    let refusal = play.ask("kiosk", &command).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.values["opens"].as_str()), (code, opens));
}

#[test]
fn a_remote_ticket_after_the_line_closed_early_is_refused() {
    check(&["8:30 open 1 morning", "10:00 close 1", "10:01 remote 1 ! remote_closed"], "");
}

#[test]
fn a_clinic_without_hours_gives_remote_tickets_while_open() {
    let mut play = Play::new();
    play.step(&line(r#""minutes":6"#));
    play.step(r#"set {"kind":"HoursSet","body":{}}"#);
    let play = play.run(&["remote 1 ! line_closed", "open 1 morning", "remote 1"]);
    assert_eq!(play.shows(), "1: not_arrived 1");
}

#[test]
fn reception_closes_by_the_predicted_end_and_opens_again_by_itself() {
    // Two rooms of ten minutes each: at 11:41 four people last until noon.
    let rule = line(r#""minutes":10,"desk":{"opens_min":-30,"closes_min":30,"predicted_end_min":0}"#);
    let steps = ["8:30 open 1 morning", &rule, "11:41 take 1", "take 1", "take 1", "take 1", "take 1 ! full_for_now"];
    check(&steps, "1: waiting 1 2 3 4");
    let again = ["take 1 desk", "cancel 2", "cancel 3", "take 1"];
    check(&[&steps[..], &again].concat(), "1: waiting 1 4 5 6, cancelled 2 3");
}

#[test]
fn remote_reception_closes_by_the_predicted_end_before_the_desk() {
    let rule = line(r#""minutes":10,"remote":{"opens_min":-30,"closes_min":0,"predicted_end_min":-30}"#);
    let steps = ["8:30 open 1 morning", &rule, "11:20 take 1", "take 1", "take 1", "remote 1 ! full_for_now", "take 1"];
    check(&steps, "1: waiting 1 2 3 4");
}

#[test]
fn a_closing_names_everybody_who_is_left() {
    let steps =
        ["8:10 remote 1", "8:30 open 1 morning", "take 1", "take 1", "take 1", "take 1", "call room1", "call room1"];
    let mut play = Play::new().run(&steps).run(&["hold 4", "call room2", "enter room2", "close 1"]);
    let Fact::LineClosed(closed) = &play.written.last().unwrap().fact else { panic!("no closing") };
    let mut left: Vec<String> = closed.left.iter().map(|visit| play.clinic.visits[visit].label.to_string()).collect();
    left.sort_unstable();
    assert_eq!(left, ["1", "2", "3", "4", "5"], "not arrived, absent, called, set aside, in the room");
    play.step("call room1");
    assert_eq!(play.shows(), "1: not_arrived 1, in_room 5@room2, absent 2 3, on_hold 4", "nobody is lost by it");
}

#[rstest]
#[case::a_walk_in("take 1", Some("morning"))]
#[case::a_booking_before_opening("book 1 10:00", Some("morning"))]
fn a_ticket_belongs_to_a_session(#[case] step: &str, #[case] session: Option<&str>) {
    let mut play = Play::new();
    if step.starts_with("take") {
        play.step("open 1 morning");
    }
    play.step(step);
    let expected: Option<SessionId> = session.map(|session| session.parse().unwrap());
    assert_eq!(play.visit("1").session, expected);
}

#[test]
fn a_pause_and_its_end_are_seen_in_the_line() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "pause 1"]);
    assert!(play.clinic.lines[&LineNo(1)].paused);
    play.step("resume 1");
    assert!(!play.clinic.lines[&LineNo(1)].paused);
}

#[rstest]
#[case::without_a_time("book 1 9:00 booked=10:00", "1: not_arrived 1")]
#[case::for_another_day("book 1 33:00 ! bad_value", "")]
fn a_booking_is_for_today(#[case] step: &str, #[case] expected: &str) {
    check(&[step], expected);
}
