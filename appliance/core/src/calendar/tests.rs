//! A clinic's calendar asked about single days and instants.

use alloc::format;
use alloc::string::{String, ToString};

use rstest::rstest;

use super::problems::{Place, Problem, problems};
use super::*;

/// A clinic with half a day on Saturday, Thursdays closed but for the mornings of the 2nd and 4th, and a night session.
const CLINIC: &str = r#"{
  "sessions": [
    {"session": "afternoon", "name": {"ja": "午後"}, "from": "15:00", "to": "18:30"},
    {"session": "morning", "name": {"ja": "午前"}, "from": "9:00", "to": "12:00"},
    {"session": "night", "name": {"ja": "夜間"}, "from": "22:00", "to": "26:00"}
  ],
  "week": [
    {"days": ["mon", "tue", "wed", "fri"], "sessions": ["morning", "afternoon"]},
    {"days": ["sat"], "sessions": ["morning", "night"]},
    {"days": ["thu"], "nth": [2, 4], "sessions": ["morning"]}
  ],
  "closures": [
    {"from": "2026-12-30", "to": "2027-01-04", "why": {"ja": "年末年始"}},
    {"from": "2026-08-13", "to": "2026-08-15", "why": {"ja": "お盆"}}
  ],
  "openings": [
    {"day": "2026-11-29", "sessions": ["morning"]},
    {"day": "2026-12-31", "sessions": ["afternoon", "morning"]},
    {"day": "2026-11-23", "sessions": ["morning", "dawn"]}
  ],
  "holidays": [
    {"day": "2026-12-25", "holiday": true},
    {"day": "2026-10-12", "holiday": false}
  ]
}"#;

fn clinic() -> Hours {
    serde_json::from_str(CLINIC).unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn at(wall: &str) -> AtMs {
    AtMs::from_tokyo(wall.parse().unwrap())
}

fn told(held: Option<Held<'_>>) -> String {
    held.map_or("none".to_string(), |held| format!("{} {}", held.day, held.session.session))
}

#[rstest]
#[case::monday("2026-11-30", "morning afternoon")]
#[case::saturday_is_half_and_has_a_night("2026-11-28", "morning night")]
#[case::sunday("2026-11-22", "")]
#[case::first_thursday("2026-11-05", "")]
#[case::second_thursday("2026-11-12", "morning")]
#[case::third_thursday("2026-11-19", "")]
#[case::fourth_thursday("2026-11-26", "morning")]
#[case::fifth_thursday("2026-10-29", "")]
#[case::public_holiday("2026-11-03", "")]
#[case::citizens_holiday("2026-09-22", "")]
#[case::sunday_on_call("2026-11-29", "morning")]
#[case::open_on_a_holiday_without_the_unknown_session("2026-11-23", "morning")]
#[case::year_end("2026-12-30", "")]
#[case::last_day_of_the_closure("2027-01-04", "")]
#[case::day_after_the_closure("2027-01-05", "morning afternoon")]
#[case::opening_within_a_closure_in_order_of_time("2026-12-31", "morning afternoon")]
#[case::made_a_holiday("2026-12-25", "")]
#[case::made_a_working_day("2026-10-12", "morning afternoon")]
fn a_day_has_its_sessions(#[case] on: &str, #[case] wanted: &str) {
    let hours = clinic();
    let held = Calendar::new(&hours).sessions_on(day(on));
    let ids: Vec<String> = held.iter().map(|held| held.session.session.to_string()).collect();
    assert_eq!(ids.join(" "), wanted, "{on}");
}

#[test]
fn a_clinic_may_open_on_holidays_as_on_other_days() {
    let hours = Hours { open_on_holidays: true, ..clinic() };
    assert_eq!(Calendar::new(&hours).sessions_on(day("2026-11-03")).len(), 2);
}

#[test]
fn a_later_rule_overrules_an_earlier_one() {
    let mut hours = clinic();
    hours.week.push(serde_json::from_str(r#"{"days": ["wed"], "nth": [3], "sessions": []}"#).unwrap());
    let calendar = Calendar::new(&hours);
    assert_eq!(calendar.sessions_on(day("2026-11-11")).len(), 2);
    assert_eq!(calendar.sessions_on(day("2026-11-18")).len(), 0);
}

#[test]
fn a_closed_day_says_why() {
    let hours = clinic();
    let calendar = Calendar::new(&hours);
    assert!(
        matches!(calendar.closed_on(day("2026-08-14")), Some(Closed::Closure(closure)) if closure.why.ja == "お盆")
    );
    assert!(matches!(calendar.closed_on(day("2026-11-03")), Some(Closed::Holiday(Some(it))) if it.ja == "文化の日"));
    assert_eq!(calendar.closed_on(day("2026-12-25")), Some(Closed::Holiday(None)));
    assert_eq!(calendar.closed_on(day("2026-11-22")), Some(Closed::Week));
    assert_eq!(calendar.closed_on(day("2026-11-30")), None);
}

#[rstest]
#[case::before_the_morning("2026-11-30T08:59:59", "none")]
#[case::the_start_is_in("2026-11-30T09:00:00", "2026-11-30 morning")]
#[case::the_end_is_out("2026-11-30T12:00:00", "none")]
#[case::afternoon("2026-11-30T18:29:59", "2026-11-30 afternoon")]
#[case::night_before_midnight("2026-11-28T23:59:59", "2026-11-28 night")]
#[case::night_after_midnight_belongs_to_saturday("2026-11-29T01:59:59", "2026-11-28 night")]
#[case::the_night_ends_at_two("2026-11-29T02:00:00", "none")]
fn an_instant_has_its_session(#[case] wall: &str, #[case] wanted: &str) {
    let hours = clinic();
    assert_eq!(told(Calendar::new(&hours).session_at(at(wall))), wanted, "{wall}");
}

#[rstest]
#[case::at_lunch("2026-11-30T12:30:00", "2026-11-30 afternoon")]
#[case::as_one_begins_the_next_is_another("2026-11-30T09:00:00", "2026-11-30 afternoon")]
#[case::in_the_evening("2026-11-30T19:00:00", "2026-12-01 morning")]
#[case::over_a_closed_thursday("2026-12-02T19:00:00", "2026-12-04 morning")]
#[case::over_the_year_end_but_for_its_opening("2026-12-29T19:00:00", "2026-12-31 morning")]
#[case::over_new_year("2026-12-31T19:00:00", "2027-01-05 morning")]
fn an_instant_has_a_next_session(#[case] wall: &str, #[case] wanted: &str) {
    let hours = clinic();
    assert_eq!(told(Calendar::new(&hours).next_session(at(wall))), wanted, "{wall}");
}

#[test]
fn a_session_of_late_hours_may_begin_after_one_of_the_next_day() {
    let hours: Hours = serde_json::from_str(
        r#"{"sessions": [{"session": "late", "name": {"ja": "深夜"}, "from": "26:00", "to": "28:00"},
                         {"session": "early", "name": {"ja": "早朝"}, "from": "0:30", "to": "1:30"}],
            "week": [{"days": ["fri"], "sessions": ["late"]}, {"days": ["sat"], "sessions": ["early"]}]}"#,
    )
    .unwrap();
    let calendar = Calendar::new(&hours);
    assert_eq!(told(calendar.next_session(at("2026-11-27T12:00:00"))), "2026-11-28 early");
    assert_eq!(told(calendar.next_session(at("2026-11-28T01:00:00"))), "2026-11-27 late");
    assert_eq!(told(calendar.session_at(at("2026-11-28T03:00:00"))), "2026-11-27 late");
}

#[test]
fn the_next_open_day_steps_over_closed_ones() {
    let hours = clinic();
    let calendar = Calendar::new(&hours);
    assert_eq!(calendar.next_open_day(day("2026-11-28")), Some(day("2026-11-29")));
    assert_eq!(calendar.next_open_day(day("2026-12-31")), Some(day("2027-01-05")));
}

#[test]
fn a_clinic_without_hours_has_no_session_and_no_next_day() {
    let hours = Hours::default();
    let calendar = Calendar::new(&hours);
    assert_eq!(calendar.next_open_day(day("2026-11-28")), None);
    assert_eq!(told(calendar.next_session(at("2026-11-28T09:00:00"))), "none");
    assert_eq!(told(calendar.session_at(at("2026-11-28T09:00:00"))), "none");
}

#[test]
fn the_shipped_kind_of_hours_has_no_problem_but_what_was_put_in() {
    let unknown = Problem::UnknownSession(Place::Opening(day("2026-11-23")), "dawn".parse().unwrap());
    assert_eq!(problems(&clinic()), [unknown]);
}

#[rstest]
#[case::unknown(
    r#"{"days": ["mon"], "sessions": ["noon"]}"#,
    "rule 1 of the week names session noon, which does not exist"
)]
#[case::overlap(r#"{"days": ["mon"], "sessions": ["a", "b"]}"#, "sessions a and b of rule 1 of the week overlap")]
#[case::overlap_with_the_next_day(
    r#"{"days": ["sun", "mon"], "sessions": ["early", "night"]}"#,
    "sessions night and early of rule 1 of the week overlap"
)]
#[case::no_overlap_a_week_later(r#"{"days": ["sun"], "sessions": ["early", "night"]}"#, "")]
#[case::one_after_the_other(r#"{"days": ["mon"], "sessions": ["a", "c"]}"#, "")]
#[case::no_days(r#"{"days": [], "sessions": []}"#, "rule 1 of the week names no day")]
#[case::sixth_monday(
    r#"{"days": ["mon"], "nth": [1, 6], "sessions": []}"#,
    "rule 1 of the week asks for week 6 of a month"
)]
fn a_rule_of_the_week_tells_its_problem(#[case] rule: &str, #[case] wanted: &str) {
    let session = |id: &str, from: &str, to: &str| {
        format!(r#"{{"session": "{id}", "name": {{"ja": "{id}"}}, "from": "{from}", "to": "{to}"}}"#)
    };
    let sessions = [
        session("a", "9:00", "12:00"),
        session("b", "11:59", "13:00"),
        session("c", "12:00", "13:00"),
        session("early", "1:00", "3:00"),
        session("night", "22:00", "26:00"),
    ];
    let hours = format!(r#"{{"sessions": [{}], "week": [{rule}]}}"#, sessions.join(","));
    let found: Vec<String> = problems(&serde_json::from_str(&hours).unwrap()).iter().map(ToString::to_string).collect();
    assert_eq!(found.join("; "), wanted);
}

#[test]
fn a_session_or_closure_the_wrong_way_round_is_told_and_never_held() {
    let hours: Hours = serde_json::from_str(
        r#"{"sessions": [{"session": "a", "name": {"ja": "午前"}, "from": "12:00", "to": "9:00"},
                         {"session": "b", "name": {"ja": "午後"}, "from": "13:00", "to": "15:00"},
                         {"session": "b", "name": {"ja": "夜間"}, "from": "18:00", "to": "20:00"}],
            "week": [{"days": ["mon"], "sessions": ["a", "b"]}],
            "closures": [{"from": "2026-08-18", "to": "2026-08-16"}]}"#,
    )
    .unwrap();
    let wanted = [
        Problem::EmptySession("a".parse().unwrap()),
        Problem::SameSession("b".parse().unwrap()),
        Problem::EmptyClosure(day("2026-08-18"), day("2026-08-16")),
    ];
    assert_eq!(problems(&hours), wanted);
    let calendar = Calendar::new(&hours);
    let held: Vec<&str> =
        calendar.sessions_on(day("2026-08-17")).iter().map(|it| it.session.name.ja.as_str()).collect();
    assert_eq!(held, ["午後"]);
}

#[test]
fn a_session_is_held_in_some_weeks_of_the_month() {
    let hours = clinic();
    let calendar = Calendar::new(&hours);
    let morning = hours.sessions.iter().find(|session| session.session.to_string() == "morning").unwrap();
    let held = [WeekDay::Mon, WeekDay::Thu, WeekDay::Sun].map(|day| calendar.weeks_held(morning, day));
    assert_eq!(held, [5, 2, 0]);
}
