//! Business days: when one begins, who is left of it, what a wrong clock does to it, and what is erased after it.

use machiai_core::board::board;
use machiai_core::envelope::Trust;
use machiai_core::facts::Fact;
use machiai_core::view::Phase;
use rstest::rstest;

use crate::play::{Play, at, check, tuesday};

const LEFT: [&str; 6] = ["8:30 open 1 morning", "take 1", "take 1", "take 1", "call room1", "finish room1"];

#[rstest]
#[case::the_first_ticket_of_the_next_day_needs_an_open_line(&["32:30 take 1 ! line_closed"], "2026-11-24", "1: waiting 2 3, finished 1")]
#[case::opening_begins_the_day(&["32:30 open 1 morning", "take 1"], "2026-11-25", "1: waiting 1")]
#[case::a_remote_ticket_begins_it_too(&["32:30 remote 1"], "2026-11-25", "1: not_arrived 1")]
#[case::an_emergency_begins_it_too(&["32:30 emergency 1"], "2026-11-25", "1: waiting 1")]
#[case::a_typed_number_begins_it_too(&["32:30 jump 1 40", "open 1 morning", "take 1"], "2026-11-25", "1: waiting 40")]
#[case::what_is_done_to_those_still_there_does_not(&["32:30 call room1"], "2026-11-24", "1: waiting 3, called 2@room1, finished 1")]
#[case::in_the_night_the_program_does(&["28:01 house"], "2026-11-25", "")]
#[case::never_before_four_in_the_morning(&["27:59 house", "open 1 afternoon"], "2026-11-24", "1: waiting 2 3, finished 1")]
fn a_day_begins(#[case] steps: &[&str], #[case] day: &str, #[case] expected: &str) {
    let play = Play::new().run(&LEFT).run(steps);
    assert_eq!(play.clinic.day.unwrap().to_string(), day);
    assert_eq!(play.shows(), expected);
}

#[test]
fn a_new_day_names_who_was_left_of_the_old_one() {
    let play = Play::new().run(&LEFT).run(&["32:30 open 1 morning"]);
    let mut left = play.written.iter().rev().filter_map(|envelope| match &envelope.fact {
        Fact::DayOpened(opened) => Some(opened.left.len()),
        _ => None,
    });
    assert_eq!(left.next(), Some(2));
    let labels: Vec<&str> = play.clinic.left_over.iter().map(|label| label.as_str()).collect();
    assert_eq!(labels, ["2", "3"]);
}

#[test]
fn a_night_clinic_stays_in_its_day_while_somebody_is_there() {
    let night = ["27:50 take 1 desk", "+5s call room1", "28:30 take 1 desk", "call room1", "finish room1", "house"];
    let play = Play::new().run(&["8:30 open 1 morning"]).run(&night);
    assert_eq!(play.clinic.day, Some(tuesday()));
    assert_eq!(play.shows(), "1: absent 1, finished 2");
    let play = play.run(&["return 1", "call room1", "finish room1", "open 1 morning", "take 1"]);
    assert_eq!(play.clinic.day, Some(tuesday().plus_days(1)), "the last has left");
    assert_eq!(play.shows(), "1: waiting 1");
}

#[rstest]
#[case::a_doubtful_clock_does_not_drop_anybody(Trust::Free, "1: waiting 2 3, finished 1")]
#[case::nor_a_lost_one(Trust::Lost, "1: waiting 2 3, finished 1")]
#[case::a_synchronised_one_does(Trust::Synced, "")]
fn alone_the_program_turns_the_day_only_when_the_clock_is_sure(#[case] trust: Trust, #[case] expected: &str) {
    let mut play = Play::new().run(&LEFT);
    play.trust = trust;
    assert_eq!(play.run(&["29:00 house"]).shows(), expected);
}

#[test]
fn settings_changed_in_the_morning_do_not_keep_yesterday_open() {
    let play = Play::new().run(&LEFT);
    let mut play = play.run(&["30:00 opened run", "32:00 message 本日は混み合います", "32:10 house"]);
    assert_eq!(play.clinic.day, Some(tuesday().plus_days(1)));
    play.step("32:30 open 1 morning");
    assert_eq!(play.shows(), "");
}

#[test]
fn a_machine_switched_off_overnight_begins_the_day_when_a_line_opens() {
    let mut play = Play::new().run(&LEFT);
    play.restart();
    play.trust = Trust::Free;
    let play = play.run(&["32:00 opened run", "house", "32:30 open 1 morning", "take 1"]);
    assert_eq!(play.clinic.day, Some(tuesday().plus_days(1)));
    assert_eq!(play.shows(), "1: waiting 1");
}

/// A morning that begins with the clock at 1970 and is corrected while people wait.
fn at_1970() -> Play {
    let mut play = Play::empty();
    play.now = machiai_core::time::AtMs(1_000);
    play.trust = Trust::Lost;
    let settings = Play::new().written;
    for envelope in settings {
        play.write(machiai_core::decide::Draft { line: None, fact: envelope.fact }, None, "manager");
    }
    play
}

#[rstest]
#[case::while_somebody_waits(&["take 1", "+5s take 1", "call room1"], "1: waiting 2 3, called 1@room1")]
#[case::while_nobody_does(&["take 1", "+5s call room1", "finish room1"], "1: waiting 2, finished 1")]
#[case::before_the_first_ticket(&[], "1: waiting 1")]
fn a_clock_corrected_from_1970_redates_the_day_and_drops_nobody(#[case] before: &[&str], #[case] expected: &str) {
    let mut play = at_1970().run(&["+1s open 1 morning"]).run(before);
    assert_eq!(play.clinic.day.unwrap().to_string(), "1970-01-01");
    play.now = at("9:00");
    play.trust = Trust::Synced;
    play = play.run(&["+5s take 1"]);
    assert_eq!(play.clinic.day, Some(tuesday()));
    assert_eq!(play.shows(), expected);
}

#[test]
fn a_clock_corrected_by_one_day_does_not_begin_the_numbers_anew() {
    let mut play = Play::new();
    play.trust = Trust::Free;
    play = play.run(&["8:30 open 1 morning", "take 1", "call room1", "finish room1"]);
    play.now = at("32:35");
    play.trust = Trust::Synced;
    play.step("take 1");
    assert_eq!(play.shows(), "1: waiting 2, finished 1");
    assert_eq!(play.clinic.day, Some(tuesday().plus_days(1)));
}

#[test]
fn a_corrected_clock_erases_nothing_of_a_queue_in_use() {
    let mut play = at_1970().run(&["+1s open 1 morning", "take 1 note=1"]);
    play.now = at("9:00");
    play.trust = Trust::Synced;
    play.step("+5s house");
    assert!(play.visit("1").personal.is_some());
    assert_eq!(play.clinic.day, Some(tuesday()), "the program mends the date by itself");
    play.step("33:00 house");
    play.step("51:59 house");
    assert_eq!(play.clinic.to_erase.len(), 1);
    play.step("52:01 house");
    assert_eq!(play.clinic.to_erase.len(), 0, "a day after the business day");
}

#[test]
fn a_clock_that_jumped_and_is_not_trusted_erases_nothing_either() {
    let mut play = at_1970().run(&["+1s open 1 morning", "take 1 note=1"]);
    play.now = at("9:00");
    play.step("+5s house");
    assert_eq!(play.clinic.day.unwrap().to_string(), "1970-01-01");
    assert!(play.visit("1").personal.is_some());
}

#[rstest]
#[case::not_before_a_day_has_passed(&["51:59 house"], 1)]
#[case::a_day_after_the_business_day(&["52:00 house"], 0)]
#[case::when_asked(&["10:00 erase 1"], 0)]
#[case::after_the_visit_is_gone(&["32:30 open 1 morning", "52:00 house"], 0)]
fn personal_data_is_erased(#[case] steps: &[&str], #[case] n_left: usize) {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1 note=1", "cancel 1 note=1"]).run(steps);
    assert_eq!(play.clinic.to_erase.len(), n_left);
    let erased: Vec<usize> = play
        .written
        .iter()
        .filter_map(|envelope| match &envelope.fact {
            Fact::PersonalErased(erased) => Some(erased.keys.len()),
            _ => None,
        })
        .collect();
    assert_eq!(erased, vec![1; 1 - n_left], "one key, once");
    if let Some(visit) = play.clinic.visits.values().next() {
        assert_eq!((visit.personal.is_none(), visit.erased), (n_left == 0, n_left == 0));
    }
}

#[test]
fn a_note_on_a_visit_of_another_day_is_erased_too() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1"]);
    let id = play.id("1");
    play = play.run(&["32:30 open 1 morning"]);
    let cancelled = machiai_core::facts::Cancelled {
        visit: id,
        reason: machiai_core::facts::CancelReason::Patient,
        note: Some(crate::play::steps::sealed(3)),
    };
    play.write(machiai_core::decide::Draft { line: None, fact: Fact::Cancelled(cancelled) }, None, "phone");
    assert_eq!(play.clinic.to_erase.len(), 1);
}

#[rstest]
#[case::not_yet(&["9:11 house"], 0)]
#[case::after_ten_minutes(&["9:21 house"], 1)]
#[case::not_at_once_again_after_a_long_wait(&["9:40 house", "house", "9:49 house"], 1)]
#[case::ten_minutes_apart(&["9:40 house", "house", "9:49 house", "9:51 house"], 2)]
#[case::twice_at_most(&["9:21 house", "9:32 house", "9:43 house", "10:00 house"], 2)]
#[case::not_in_a_pause(&["pause 1", "9:21 house"], 0)]
#[case::not_after_coming_back(&["return 1", "9:21 house"], 0)]
fn the_absent_are_called_again_by_themselves(#[case] steps: &[&str], #[case] n_calls: usize) {
    let play =
        Play::new().run(&["8:30 open 1 morning", "take 1 family=2", "9:10 call room1", "absent room1"]).run(steps);
    let calls: Vec<usize> = play
        .written
        .iter()
        .filter_map(|envelope| match &envelope.fact {
            Fact::Recalled(called) => Some(called.visits.len()),
            _ => None,
        })
        .collect();
    assert_eq!(calls, vec![2; n_calls], "the family together");
    assert_eq!(play.visit("2").n_again(), u32::try_from(n_calls).unwrap() * u32::from(!steps.contains(&"return 1")));
}

#[rstest]
#[case::not_yet("9:34 house", 1)]
#[case::ten_minutes_later("9:36 house", 2)]
fn a_second_absence_is_counted_from_its_own_beginning(#[case] step: &str, #[case] n_calls: usize) {
    let first = ["8:30 open 1 morning", "take 1", "9:10 call room1", "absent room1", "9:21 house"];
    let play = Play::new().run(&first).run(&["return 1", "9:25 call room1", "absent room1", step]);
    let n_recalled = play.written.iter().filter(|envelope| matches!(envelope.fact, Fact::Recalled(_))).count();
    assert_eq!(n_recalled, n_calls);
}

#[test]
fn a_day_opened_twice_keeps_its_queue() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1"]);
    for day in [tuesday(), tuesday().plus_days(-1)] {
        let opened = machiai_core::facts::DayOpened { day, left: Vec::new() };
        play.write(machiai_core::decide::Draft { line: None, fact: Fact::DayOpened(opened) }, None, "other");
    }
    assert_eq!(play.shows(), "1: waiting 1");
    assert_eq!(play.clinic.remarks.len(), 2);
}

#[test]
fn an_attempt_to_print_that_outlives_its_day_is_still_recorded() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1"]);
    let id = play.id("1");
    play = play.run(&["32:30 open 1 morning"]);
    let end = machiai_core::command::Command::EndPrint {
        visit: id,
        attempt: 1,
        outcome: machiai_core::facts::PrintOutcome::Printed,
        trouble: None,
    };
    assert!(play.ask("printer", &end).is_ok());
    assert!(play.clinic.printing.is_empty());
    assert_eq!(play.clinic.remarks, []);
}

#[rstest]
#[case::before_opening("8:00", &[], "before 午前 8:30")]
#[case::the_session_has_begun_but_nobody_opened("8:45", &[], "before 午前 8:30")]
#[case::open("9:00", &["8:30 open 1 morning"], "open 午前")]
#[case::lunch("12:10", &["8:30 open 1 morning", "12:00 close 1"], "between 午前 午後 15:00")]
#[case::one_line_still_open("12:10", &["8:30 open 1 morning", "open 2 morning", "12:00 close 1"], "open 午前")]
#[case::evening("19:00", &["15:00 open 1 afternoon", "18:30 close 1"], "closed 2026-11-25")]
#[case::saturday_night("117:00", &[], "closed 2026-11-30")]
#[case::the_next_morning_before_the_day_is_turned("32:00", &["15:00 open 1 afternoon", "18:30 close 1"], "before 午前 8:30")]
#[case::the_next_morning_with_a_line_never_closed("32:00", &["15:00 open 1 afternoon"], "before 午前 8:30")]
#[case::a_night_clinic_still_at_work("29:00", &["15:00 open 1 afternoon", "take 1"], "open 午後")]
fn the_board_says_what_reception_does(#[case] clock: &str, #[case] steps: &[&str], #[case] expected: &str) {
    let play = Play::new().run(steps);
    let said = match board(&play.clinic, at(clock), Trust::Synced).phase {
        Phase::Before { session, from } => format!("before {} {from}", session.ja),
        Phase::Open { session } => format!("open {}", session.unwrap().ja),
        Phase::Between { over, next, from } => format!("between {} {} {from}", over.ja, next.ja),
        Phase::Suspended { next_day } => format!("suspended {}", next_day.unwrap()),
        Phase::Closed { next_day } => format!("closed {}", next_day.unwrap()),
    };
    assert_eq!(said, expected);
}

#[rstest]
#[case::at_night(&["15:00 open 1 afternoon", "18:30 close 1"], None)]
#[case::while_a_line_is_open(&["15:00 open 1 afternoon"], Some("午後"))]
fn a_board_that_does_not_know_the_hour_says_nothing_of_hours(#[case] steps: &[&str], #[case] session: Option<&str>) {
    let play = Play::new().run(steps);
    let Phase::Open { session: said } = board(&play.clinic, at("19:00"), Trust::Lost).phase else { panic!("hours") };
    assert_eq!(said.map(|said| said.ja).as_deref(), session);
}

#[rstest]
#[case::not_opened_yet(&[], (false, false))]
#[case::open(&["9:00 open 1 morning"], (true, false))]
#[case::closed(&["9:00 open 1 morning", "12:00 close 1"], (false, true))]
fn a_line_that_has_not_begun_is_not_over(#[case] steps: &[&str], #[case] expected: (bool, bool)) {
    for trust in [Trust::Free, Trust::Lost] {
        let play = Play::new().run(steps);
        let lines = board(&play.clinic, play.now, trust).lines;
        assert_eq!((lines[0].open, lines[0].over), expected, "{trust:?}");
    }
}

#[test]
fn what_day_it_is_a_lost_clock_does_not_say() {
    let closure = r#"set {"kind":"HoursSet","body":{"sessions":[{"session":"morning","name":{"ja":"午前"},"from":"8:30","to":"12:00"},{"session":"afternoon","name":{"ja":"午後"},"from":"15:00","to":"18:30"}],"week":[{"days":["mon","tue","wed","thu","fri"],"sessions":["morning"]}],"closures":[{"from":"2026-11-24","to":"2026-11-24"}]}}"#;
    let play = Play::new().run(&["9:00 open 1 morning", closure]);
    let is_open = |trust| board(&play.clinic, play.now, trust).lines[0].open;
    assert!(!is_open(Trust::Synced));
    assert!(is_open(Trust::Lost));
}

#[test]
fn a_day_closed_at_once_says_so_unless_somebody_still_waits() {
    let closure = r#"set {"kind":"HoursSet","body":{"sessions":[{"session":"morning","name":{"ja":"午前"},"from":"8:30","to":"12:00"},{"session":"afternoon","name":{"ja":"午後"},"from":"15:00","to":"18:30"}],"week":[{"days":["mon","tue","wed","thu","fri"],"sessions":["morning"]}],"closures":[{"from":"2026-11-24","to":"2026-11-24"}]}}"#;
    let play = Play::new().run(&["8:00 house", closure]);
    let suspended = Phase::Suspended { next_day: Some(tuesday().plus_days(1)) };
    assert_eq!(board(&play.clinic, play.now, Trust::Synced).phase, suspended);
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1", "9:00 close 1", closure]);
    assert_ne!(board(&play.clinic, play.now, Trust::Synced).phase, suspended);
    play = play.run(&["cancel 1"]);
    assert_eq!(board(&play.clinic, play.now, Trust::Synced).phase, suspended);
    check(&["8:00 house", closure, "8:10 remote 1 ! remote_closed"], "");
    // The kiosk gives no number that nobody would call; the desk, which knows why, still may.
    let play = Play::new().run(&["8:30 open 1 morning", "take 1", closure, "take 1 ! line_closed", "take 1 desk"]);
    let told: Vec<bool> = board(&play.clinic, play.now, Trust::Synced).lines.iter().map(|card| card.open).collect();
    assert_eq!((told.contains(&true), play.clinic.visits.len()), (false, 2));
}
