//! Settings: what contradicts itself is refused whole, says where and why, and leaves nobody behind.

use machiai_core::call::decide::CallCommand;
use machiai_core::command::{Basis, Command};
use machiai_core::facts::Fact;
use machiai_core::ids::LineNo;
use machiai_core::queue::Clinic;
use machiai_core::refusal::RefusalCode;
use machiai_core::settings::warnings::{What, warnings};
use machiai_core::standing::Standing;
use machiai_core::standing::history::{Change, history};
use rstest::rstest;

use crate::play::steps::setting;
use crate::play::{Play, check};

#[rstest]
#[case::a_clinic_without_a_name(r#"{"kind":"SiteSet","body":{"name":{"ja":" "},"era_years":true}}"#, "site")]
#[case::a_patients_page_that_is_no_address(
    r#"{"kind":"SiteSet","body":{"name":{"ja":"待合"},"patient_url":"javascript:alert(1)"}}"#,
    "site"
)]
#[case::overlapping_sessions(
    r#"{"kind":"HoursSet","body":{"sessions":[{"session":"a","name":{"ja":"一"},"from":"9:00","to":"8:00"}]}}"#,
    "hours"
)]
#[case::a_day_that_begins_tomorrow(r#"{"kind":"RulesSet","body":{"day_starts":"24:00"}}"#, "rules")]
#[case::a_family_of_none(r#"{"kind":"RulesSet","body":{"family_most":0}}"#, "rules")]
#[case::a_double_press_of_an_hour(r#"{"kind":"RulesSet","body":{"double_press_ms":3600000}}"#, "rules")]
#[case::a_restore_that_uses_up_the_day(r#"{"kind":"RulesSet","body":{"restore_jump":5000}}"#, "rules")]
#[case::a_line_without_a_name(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":""}}}"#, "line 5")]
#[case::a_name_of_many_lines(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"内\n科"}}}"#, "line 5")]
#[case::a_small_letter(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"prefix":"a"}}"#, "line 5")]
#[case::no_minutes(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"minutes":0}}"#, "line 5")]
#[case::five_figures(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"last_number":10000}}"#, "line 5")]
#[case::numbers_from_nought(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"first_number":0}}"#, "line 5")]
#[case::a_first_number_past_the_last(
    r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"first":{"morning":1000}}}"#,
    "line 5"
)]
#[case::no_figures(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"figures":0}}"#, "line 5")]
#[case::an_unknown_session(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"first":{"noon":1}}}"#, "line 5")]
#[case::a_break_backwards(
    r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"breaks":[{"from":"13:00","to":"12:00"}]}}"#,
    "line 5"
)]
#[case::no_turns(
    r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"interleave":{"booked":0,"walk_in":1}}}"#,
    "line 5"
)]
#[case::every_number_kept(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"keep_every":1}}"#, "line 5")]
#[case::a_tariff_of_no_minutes(
    r#"{"kind":"TariffSet","body":{"from":"2026-12-01","tariff":{"name":"own","version":1,"rule":"span","unit_min":0,"unit_yen":100,"gap_min":0,"tax_permille":100}}}"#,
    "tariff 2026-12-01"
)]
#[case::an_ending_of_three_figures(
    r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"科"},"skip_endings":[100]}}"#,
    "line 5"
)]
#[case::a_room_of_no_line(r#"{"kind":"RoomSet","body":{"room":"r","name":{"ja":"室"},"lines":[]}}"#, "room r")]
#[case::a_room_of_an_unknown_line(
    r#"{"kind":"RoomSet","body":{"room":"r","name":{"ja":"室"},"lines":[77]}}"#,
    "room r"
)]
#[case::a_line_that_a_room_still_calls(r#"{"kind":"LineRemoved","body":{"line":9}}"#, "room cashier")]
#[case::a_printer_of_an_unknown_line(
    r#"{"kind":"PrinterSet","body":{"printer":"p","address":"tcp:x:1","profile":"x","lines":[77]}}"#,
    "printer p"
)]
fn contradictions_are_refused(#[case] json: &str, #[case] place: &str) {
    let mut play = Play::new();
    let before = play.clinic.clone();
    let refusal =
        play.ask("manager", &Command::ChangeSettings { facts: vec![setting(json)], basis: Basis::Any }).unwrap_err();
    assert_eq!((refusal.code, refusal.values["where"].as_str()), (RefusalCode::BadSettings, place), "{refusal:?}");
    assert!(!refusal.values["why"].is_empty());
    assert_eq!(play.clinic, before);
}

#[rstest]
#[case::a_line_with_somebody_in_it(&["take 2"], &[r#"{"kind":"RoomSet","body":{"room":"room2","name":{"ja":"室"},"lines":[1]}}"#, r#"{"kind":"LineRemoved","body":{"line":2}}"#], "line 2")]
#[case::a_room_with_somebody_in_it(&["take 1", "call room1"], &[r#"{"kind":"RoomRemoved","body":{"room":"room1"}}"#], "room room1")]
fn nobody_is_dropped_by_a_setting(#[case] steps: &[&str], #[case] json: &[&str], #[case] place: &str) {
    let mut play = Play::new().run(&["8:30 open 1 morning", "open 2 morning"]).run(steps);
    let facts: Vec<Fact> = json.iter().map(|json| setting(json)).collect();
    let refusal =
        play.ask("manager", &Command::ChangeSettings { facts: facts.clone(), basis: Basis::Any }).unwrap_err();
    assert_eq!((refusal.code, refusal.values["where"].as_str()), (RefusalCode::BadSettings, place));
    play.step(if place == "line 2" { "cancel B1" } else { "finish room1" });
    play.ask("manager", &Command::ChangeSettings { facts, basis: Basis::Any }).unwrap();
}

#[test]
fn only_settings_are_settings() {
    let mut play = Play::new();
    for fact in [Fact::LinePaused, setting(r#"{"kind":"MessageSet","body":{"text":"x"}}"#)] {
        let refusal =
            play.ask("manager", &Command::ChangeSettings { facts: vec![fact], basis: Basis::Any }).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::BadValue);
    }
}

#[test]
fn a_change_is_kept_whole_or_not_at_all() {
    let mut play = Play::new();
    let good = setting(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"皮膚科"}}}"#);
    let bad = setting(r#"{"kind":"LineSet","body":{"line":6,"name":{"ja":""}}}"#);
    play.ask("manager", &Command::ChangeSettings { facts: vec![good.clone(), bad], basis: Basis::Any }).unwrap_err();
    assert_eq!(play.clinic.standing.lines.len(), 4);
    play.ask("manager", &Command::ChangeSettings { facts: vec![good], basis: Basis::Any }).unwrap();
    assert_eq!(play.clinic.standing.lines.len(), 5);
}

#[test]
fn a_line_taken_out_and_in_again_gives_no_number_twice() {
    let without = r#"set {"kind":"LineRemoved","body":{"line":9}}"#;
    let room = r#"set {"kind":"RoomRemoved","body":{"room":"cashier"}}"#;
    let again = r#"set {"kind":"LineSet","body":{"line":9,"name":{"ja":"会計"},"prefix":"K","kind":"payment"}}"#;
    let steps = ["8:30 open 9 morning", "take 9", "cancel K1", room, without, again, "take 9"];
    check(&steps, "9: waiting K2, cancelled K1");
}

#[rstest]
#[case::rare_kanji("髙﨑𠮷の診察は <休診> & 明日", true)]
#[case::eighty_characters(&"あ".repeat(80), true)]
#[case::too_long(&"あ".repeat(81), false)]
#[case::a_line_break("本日\n休診", false)]
fn the_message_is_one_line_that_fits_the_board(#[case] text: &str, #[case] is_taken: bool) {
    let mut play = Play::new();
    let outcome = play.ask("desk", &Command::SetMessage { text: text.to_string() });
    assert_eq!(outcome.is_ok(), is_taken, "{outcome:?}");
    assert_eq!(play.clinic.standing.message.as_deref(), is_taken.then_some(text));
}

/// Returns the newest change of the settings and what would take it back.
fn newest(play: &Play) -> (Change, Option<Vec<Fact>>) {
    let change = history(&play.written, 20).remove(0);
    let back = change.taken_back(&play.clinic.standing);
    (change, back)
}

#[test]
fn a_change_is_taken_back_unless_the_same_thing_was_set_since() {
    let mut play = Play::new();
    let before = play.clinic.standing.clone();
    let line = r#"set {"kind":"LineSet","body":{"line":1,"name":{"ja":"総合内科"}}}"#;
    let new_line = r#"set {"kind":"LineSet","body":{"line":5,"name":{"ja":"皮膚科"}}}"#;
    play.step(new_line);
    let (change, back) = newest(&play);
    assert_eq!((&change.before, &change.after), (&before, &play.clinic.standing));
    assert_eq!(back.as_deref().map(|facts| facts[0].kind()), Some("LineRemoved"));

    // Another line is another thing; the same line set again is not.
    play.step(line);
    assert!(change.taken_back(&play.clinic.standing).is_some());
    play.step(r#"set {"kind":"LineSet","body":{"line":5,"name":{"ja":"皮フ科"}}}"#);
    assert!(change.taken_back(&play.clinic.standing).is_none());

    let (again, back) = newest(&play);
    let basis = Basis::Seen(Some(again.id));
    play.ask("manager", &Command::ChangeSettings { facts: back.unwrap(), basis }).unwrap();
    assert_eq!(play.clinic.standing.lines[&LineNo(5)].name.ja, "皮膚科");
    assert!(change.taken_back(&play.clinic.standing).is_some(), "what was set since is as it was");
}

#[test]
fn the_facts_of_one_press_are_one_change() {
    let mut play = Play::new();
    let n_before = history(&play.written, 20).len();
    let facts = vec![
        setting(r#"{"kind":"LineSet","body":{"line":5,"name":{"ja":"皮膚科"}}}"#),
        setting(r#"{"kind":"RoomSet","body":{"room":"room5","name":{"ja":"第5診察室"},"lines":[5]}}"#),
    ];
    play.ask("manager", &Command::ChangeSettings { facts, basis: Basis::Any }).unwrap();
    assert_eq!(history(&play.written, 20).len(), n_before + 1);
    assert_eq!(newest(&play).1.map(|facts| facts.len()), Some(2));
    assert_eq!(history(&play.written, 1).len(), 1);
}

#[test]
fn nobody_overwrites_what_they_have_not_seen() {
    let mut play = Play::new();
    let seen = Basis::Seen(play.clinic.last_set.as_ref().map(|last| last.id));
    let facts = vec![setting(r#"{"kind":"RulesSet","body":{"absent_back":5}}"#)];
    play.ask("one", &Command::ChangeSettings { facts, basis: seen }).unwrap();
    let facts = vec![setting(r#"{"kind":"RulesSet","body":{"absent_back":1}}"#)];
    let refusal = play.ask("two", &Command::ChangeSettings { facts: facts.clone(), basis: seen }).unwrap_err();
    assert_eq!((refusal.code, refusal.values["who"].as_str()), (RefusalCode::SettingsChanged, "one"));
    play.ask("two", &Command::ChangeSettings { facts, basis: Basis::Any }).unwrap();
}

/// A tariff from a date on, in the numbers that its version stands for.
fn tariff(from: &str, name: &str, version: u32, unit_yen: u32) -> Fact {
    let tariff = format!(
        r#"{{"name":"{name}","version":{version},"rule":"span","unit_min":30,"unit_yen":{unit_yen},"gap_min":10,"tax_permille":100}}"#
    );
    setting(&format!(r#"{{"kind":"TariffSet","body":{{"from":"{from}","tariff":{tariff}}}}}"#))
}

#[test]
fn a_tariffs_name_and_version_stand_for_the_same_numbers_for_ever() {
    let mut play = Play::new();
    let mut set = |facts: &[Fact]| {
        let change = Command::ChangeSettings { facts: facts.to_vec(), basis: Basis::Any };
        play.ask("manager", &change).map_err(|refusal| refusal.values["code"].clone()).err()
    };
    let taken = Some("tariff_version".to_owned());
    let own = tariff("2026-12-01", "own", 1, 120);
    assert_eq!(set(std::slice::from_ref(&own)), None);
    assert_eq!(set(&[tariff("2027-01-01", "own", 1, 120)]), None, "the same numbers once more");
    assert_eq!(set(&[tariff("2027-02-01", "own", 1, 150)]), taken, "beside another of that name and version");
    assert_eq!(set(&[tariff("2026-12-01", "span", 1, 150)]), taken, "beside one that is built in");
    assert_eq!(set(&[tariff("2026-12-01", "span", 1, 100)]), None, "as the one that is built in");
    let both = [tariff("2026-12-01", "own", 2, 150), tariff("2027-01-01", "own", 2, 150)];
    assert_eq!(set(&[own]), None);
    assert_eq!(set(&both), None, "another version has other numbers");
    let kept = [tariff("2026-12-01", "own", 2, 90), tariff("2027-01-01", "own", 2, 90)];
    assert_eq!(set(&kept), taken, "in the place of what stands");

    let at_once = [tariff("2027-04-01", "new", 1, 90), tariff("2027-05-01", "new", 1, 80)];
    assert_eq!(set(&at_once), taken, "two that come together");

    // By the command of its own it is judged alike.
    let Fact::TariffSet(set) = tariff("2027-03-01", "own", 2, 7) else { unreachable!() };
    let refusal = play.ask("manager", &Command::Consultation { command: CallCommand::SetTariff { set } }).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.values["where"].as_str(), refusal.values["code"].as_str()),
        (RefusalCode::BadSettings, "tariff 2027-03-01", "tariff_version")
    );
}

#[rstest]
#[case::new_and_past("2026-11-01", true)]
#[case::from_today("2026-11-24", false)]
#[case::to_come("2026-12-01", false)]
fn whoever_sets_a_tariff_for_days_that_are_past_is_told(#[case] from: &str, #[case] is_told: bool) {
    let play = Play::new();
    let mut after = play.clinic.standing.clone();
    let warned = |before: &Clinic, after: &Standing| -> Vec<String> {
        let all = warnings(before, after, play.now);
        all.into_iter().filter(|it| it.what == What::RatedAnew).map(|it| it.place.to_string()).collect()
    };
    let expected = if is_told { vec![format!("tariff {from}")] } else { Vec::new() };
    assert_eq!(warned(&play.clinic, &after), Vec::<String>::new());
    after.after(&tariff(from, "own", 1, 120));
    assert_eq!(warned(&play.clinic, &after), expected);
    // As it stands it says nothing; taken away it does again.
    let mut clinic = play.clinic.clone();
    clinic.standing = after.clone();
    assert_eq!(warned(&clinic, &after), Vec::<String>::new());
    assert_eq!(warned(&clinic, &play.clinic.standing), expected);
}
