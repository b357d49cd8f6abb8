//! The rows of the cases of a program table and its approval, and of the rules for slots' windows.

use machiai_core::program::why::Frame;
use rstest::rstest;

use super::{Stage, TABLE, at, check, line, table_with};

const SENT: &str = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";
const LATE: &str = "11-21 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";
const APPROVED: &str = "11-18 12:00 approve r1";

/// Two slots, of which a revision changes the second.
const TWO_SLOTS: &str = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/9:00/12:00/P1 late/12:00/18:00/P2";
const REVISED: &str = "11-19 9:00 table w48 r2 11-23 11-30 D=11-21/0:00 day/9:00/12:00/P1 late/12:00/18:00/P3";

#[rstest]
#[case::approved_in_time_everything_airs_as_approved(&[SENT, APPROVED], "P1 scheduled, A1 scheduled, O1 own, P1 scheduled")]
#[case::not_approved_by_the_deadline(&[SENT], "S1 not_approved, S2 not_approved, O1 own, S1 not_approved")]
#[case::table_received_after_the_deadline(&[LATE], "S1 vendor_late, S2 vendor_late, O1 own")]
#[case::table_received_after_the_deadline_and_approved_all_the_same(&[LATE, "11-21 10:00 approve r1"], "S1 vendor_late, S2 vendor_late, O1 own")]
#[case::approved_offline_with_a_synchronised_clock(&[SENT, "11-20 23:59 approve r1"], "P1 scheduled, A1 scheduled, O1 own")]
#[case::approved_offline_with_an_unsure_clock(&[SENT, "11-20 12:00 approve r1 @free"], "S1 clock_unsure, S2 clock_unsure, O1 own")]
#[case::approved_with_an_unsure_clock_and_reopened_by_the_vendor(&[SENT, "11-20 12:00 approve r1 @free", "11-22 9:00 reopen 11-23/0:00"], "P1 scheduled, A1 scheduled, O1 own")]
#[case::approved_at_the_deadline(&[SENT, "11-21 0:00 approve r1"], "P1 scheduled")]
#[case::approved_after_the_deadline(&[SENT, "11-21 0:00:01 approve r1"], "S1 approved_late, S2 approved_late, O1 own")]
#[case::approved_late_and_reopened_by_the_vendor(&[SENT, "11-21 12:00 approve r1", "11-22 9:00 reopen 11-23/0:00"], "P1 scheduled")]
#[case::reopened_and_still_not_approved(&[SENT, "11-21 9:00 reopen 11-22/0:00"], "S1 not_approved")]
#[case::reopened_and_then_approved(&[SENT, "11-21 9:00 reopen 11-22/0:00", "11-21 10:00 approve r1"], "P1 scheduled")]
#[case::two_people_approve_different_replacements(&[SENT, "11-18 12:00 approve r1 i1=P2", "11-18 12:01 approve r1 i1=P3"], "P3 replaced, A1 scheduled, O1 own")]
#[case::two_people_approve_and_the_later_one_arrives_first(&[SENT, "11-18 12:01 approve r1 i1=P3", "11-18 12:00 approve r1 i1=P2"], "P3 replaced, A1 scheduled, O1 own")]
#[case::approval_withdrawn_before_the_deadline(&[SENT, APPROVED, "11-19 9:00 unapprove"], "S1 approval_withdrawn, S2 approval_withdrawn, O1 own")]
#[case::approval_withdrawn_and_given_again(&[SENT, APPROVED, "11-19 9:00 unapprove", "11-19 9:01 approve r1"], "P1 scheduled")]
#[case::approval_withdrawn_after_the_deadline(&[SENT, APPROVED, "11-21 9:00 unapprove"], "P1 scheduled")]
#[case::no_table_for_a_period(&[], "S1 no_table, S2 no_table, S1 no_table")]
#[case::a_table_that_the_vendor_withdrew(&[SENT, APPROVED, "11-22 9:00 pull w48"], "S1 table_withdrawn")]
#[case::a_table_sent_again_after_it_was_withdrawn(&[SENT, APPROVED, "11-19 9:00 pull w48", "11-20 9:00 table w48 r2 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1"], "P1 scheduled")]
#[case::an_approval_of_a_revision_that_never_came(&[SENT, "11-18 12:00 approve r7"], "S1 not_approved")]
#[case::the_clinics_replacement_airs_without_approval(&[SENT, "11-18 12:00 replace i1=O2"], "O2 replaced, S1 not_approved, O1 own")]
#[case::a_provided_replacement_needs_approval(&[SENT, "11-18 12:00 replace i1=P2"], "S1 not_approved")]
#[case::a_replacement_after_the_approval_waits_for_the_next(&[SENT, APPROVED, "11-19 12:00 replace i1=P2"], "P1 scheduled")]
fn a_table_and_its_approval(#[case] steps: &[&str], #[case] expected: &str) {
    check(steps, "11-24 9:00", expected);
}

#[test]
fn a_table_whose_deadline_is_to_come_asks_for_approval() {
    check(&[&table_with("D=11-21", "D=11-25")], "11-24 9:00", "S1 awaits_approval, S2 awaits_approval, O1 own");
}

#[rstest]
#[case::the_slot_that_did_not_change(&[TWO_SLOTS, APPROVED, REVISED], "11-24 9:00", "P1 scheduled")]
#[case::the_changed_slot_asks_again(&[TWO_SLOTS, APPROVED, REVISED], "11-24 12:00", "S1 slot_changed")]
#[case::the_changed_slot_approved_again(&[TWO_SLOTS, APPROVED, REVISED, "11-19 10:00 approve r2"], "11-24 12:00", "P3 scheduled")]
#[case::the_changed_slot_approved_too_late(&[TWO_SLOTS, APPROVED, REVISED, "11-22 10:00 approve r2"], "11-24 12:00", "S1 slot_changed")]
#[case::the_old_approval_after_a_late_one(&[TWO_SLOTS, APPROVED, REVISED, "11-22 10:00 approve r2"], "11-24 9:00", "P1 scheduled")]
fn the_vendor_revises_an_approved_table(#[case] steps: &[&str], #[case] from: &str, #[case] expected: &str) {
    check(steps, from, expected);
}

#[test]
fn both_of_two_approvals_are_kept() {
    let steps = [SENT, "11-18 12:00 approve r1 i1=P2", "11-18 12:01 approve r1 i1=P3"];
    assert_eq!(Stage::new().run(&steps).program.tables.values().next().unwrap().acts.len(), 2);
}

#[test]
fn another_body_under_the_same_revision_is_not_what_was_approved() {
    let other = "11-19 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P3";
    check(&[SENT, APPROVED, other], "11-24 9:00", "P1 scheduled, A1 scheduled");
}

#[test]
fn a_period_that_ends_in_the_middle_of_an_item_lets_it_finish() {
    let mut stage = Stage::new().run(&[SENT, APPROVED]);
    let begun = stage.airs(at("11-29 23:59:30"));
    assert_eq!((line(&begun).as_str(), begun.until), ("P1 scheduled", at("11-30 0:00:30")));
    let after = stage.airs(at("11-30 0:00:10"));
    assert_eq!(after, begun, "it belongs to the period it started in");
    assert_eq!(line(&stage.airs(at("11-30 0:00:30"))), "S1 no_table");
}

#[rstest]
#[case::not_approved(&[SENT], "card not_approved, card not_approved, O1 own")]
#[case::no_table(&[], "card no_table")]
fn a_substitute_that_is_not_on_the_disk_gives_way_to_the_card(#[case] steps: &[&str], #[case] expected: &str) {
    let mut stage = Stage::new().run(steps).without(&["S1", "S2"]);
    assert_eq!(stage.shows("11-24 9:00", expected.split(", ").count()), expected);
    assert_eq!(stage.program.airs(&stage.ask(at("11-24 9:05"))).frame(), Some(Frame::Card));
}

#[rstest]
#[case::before_the_lease_ends(&[], "11-23 23:59:59", "P2 scheduled")]
#[case::when_it_has_lapsed(&[], "11-24 0:00", "A1 scheduled")]
#[case::renewed(&["11-23 9:00 renew P2 11-25/0:00"], "11-24 0:00", "P2 scheduled")]
#[case::withdrawn_while_online(&["11-23 9:00 gone P2"], "11-23 12:00", "A1 scheduled")]
#[case::withdrawn_and_sent_again(&["11-22 9:00 gone P2", "11-23 9:00 leased P2"], "11-23 12:00", "P2 scheduled")]
fn provided_content_rests_when_its_lease_lapses(#[case] more: &[&str], #[case] from: &str, #[case] expected: &str) {
    let table = table_with("P1,", "P2,");
    check(&[&["11-10 0:00 leased P2", &table, APPROVED], more].concat(), from, expected);
}

#[test]
fn when_all_has_lapsed_a_substitute_says_so() {
    let table = table_with("P1,A1,O1", "P2");
    check(&["11-10 0:00 leased P2", &table, APPROVED], "11-24 0:00", "S1 lease_lapsed, S2 lease_lapsed");
}

#[rstest]
#[case::before_its_own_period("11-24 23:58", "P1 scheduled, A1 scheduled, P1 scheduled")]
#[case::in_both_periods("11-25 0:00", "P1 scheduled, A1 scheduled, O1 own")]
#[case::until_the_last_day_is_until_its_midnight("11-26 23:57:59", "P1 scheduled, A1 scheduled, O1 own")]
#[case::after_its_own_period("11-27 0:00", "P1 scheduled, A1 scheduled, P1 scheduled")]
fn clinic_content_airs_in_both_its_own_and_the_tables_period(#[case] from: &str, #[case] expected: &str) {
    check(&[SENT, APPROVED, "11-18 9:00 own O1 11-25 11-26"], from, expected);
}

#[rstest]
#[case::in_both_periods("11-29 23:59", "O2 own, O2 own")]
#[case::outside_the_tables("11-30 0:00", "S1 no_table, S2 no_table")]
#[case::outside_its_own("11-23 9:00", "S1 outside_own_period, S2 outside_own_period")]
fn what_joins_every_loop_stays_in_both_periods(#[case] from: &str, #[case] expected: &str) {
    let table = table_with("P1,A1,O1", "");
    check(&[&table, APPROVED, "11-18 9:00 own O2 11-24 12-31 every"], from, expected);
}

#[rstest]
#[case::its_start_is_included("9:00/12:00", "11-24 9:00", "P1 scheduled")]
#[case::before_its_start("9:00/12:00", "11-24 8:59:59", "S1 no_slot")]
#[case::its_end_is_excluded("9:00/12:00", "11-24 12:00", "S1 no_slot")]
#[case::the_instant_before_its_end("9:00/12:00", "11-24 11:59:59", "P1 scheduled")]
#[case::midnight_is_24("18:00/24:00", "11-24 23:59:59", "P1 scheduled")]
#[case::after_24("18:00/24:00", "11-25 0:00", "S1 no_slot")]
#[case::over_midnight("22:00/6:00", "11-25 5:59:59", "P1 scheduled")]
#[case::over_midnight_ends("22:00/6:00", "11-25 6:00", "S1 no_slot")]
fn a_slots_window(#[case] window: &str, #[case] from: &str, #[case] expected: &str) {
    check(&[&table_with("0:00/24:00", window), APPROVED], from, expected);
}

/// The 24th is a Tuesday.
#[rstest]
#[case::on_its_day("11-24 22:00", "P1 scheduled")]
#[case::the_morning_after_belongs_to_it("11-25 5:59", "P1 scheduled")]
#[case::the_evening_after_does_not("11-25 22:00", "S1 no_slot")]
#[case::the_morning_of_its_day_does_not("11-24 5:59", "S1 no_slot")]
fn a_window_over_midnight_belongs_to_the_day_it_starts_on(#[case] from: &str, #[case] expected: &str) {
    check(&[&table_with("day/0:00/24:00", "day~tue/22:00/6:00"), APPROVED], from, expected);
}

#[test]
fn of_two_slots_at_once_the_later_in_the_table_counts() {
    let both = table_with("day/0:00/24:00/P1,A1,O1", "day/0:00/24:00/P1 noon/12:00/13:00/P2");
    check(&[&both, APPROVED], "11-24 12:59", "P2 scheduled, P1 scheduled");
}

#[test]
fn after_a_restart_the_loop_continues_where_it_was() {
    let mut stage = Stage::new().run(&[SENT, APPROVED]);
    assert_eq!(stage.shows("11-24 9:00", 1), "P1 scheduled");
    let kept = serde_json::to_string(&stage.aired).unwrap();
    stage.aired = serde_json::from_str(&kept).unwrap();
    stage.aired.stop();
    assert_eq!(stage.shows("11-24 9:00:20", 3), "A1 scheduled, O1 own, P1 scheduled");
    stage.aired.stop();
    assert_eq!(stage.shows("11-27 9:00", 1), "A1 scheduled", "days later too");
}

#[test]
fn a_loop_whose_last_item_is_gone_begins_again() {
    let mut stage = Stage::new().run(&[SENT, APPROVED]);
    assert_eq!(stage.shows("11-24 9:00", 2), "P1 scheduled, A1 scheduled");
    let shorter = TABLE.replace("r1", "r2").replace("P1,A1,O1", "P2");
    stage.step(&format!("11-24 9:01:15 table {shorter}"));
    assert_eq!(stage.shows("11-24 9:01:15", 1), "S1 slot_changed");
}

#[rstest]
#[case::unknown(&[], &[], "A1 scheduled")]
#[case::missing(&["11-02 9:00 content P9"], &[], "A1 scheduled")]
#[case::broken(&["11-02 9:00 content P9", "11-03 9:00 broken P9"], &["P9"], "A1 scheduled")]
#[case::mended(&["11-02 9:00 content P9", "11-03 9:00 broken P9", "11-04 9:00 mended P9"], &["P9"], "P9 scheduled")]
fn a_table_that_names_what_cannot_air_goes_on(#[case] more: &[&str], #[case] there: &[&str], #[case] expected: &str) {
    let table = table_with("P1,", "P9,");
    let mut stage = Stage::new().run(more).run(&[&table, APPROVED]);
    stage.on_disk.extend(there.iter().map(|name| super::hash(name)));
    assert_eq!(stage.shows("11-24 9:00", 1), expected);
}

#[rstest]
#[case::an_approved_one_is_stronger(&["11-17 9:00 table w48b r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P3", SENT, APPROVED], "P1 scheduled")]
#[case::of_two_not_approved_the_later_one(&[SENT, "11-17 9:00 table w48b r1 11-23 11-30 D=11-20/0:00 day/0:00/24:00/P3,O2"], "S1 not_approved, O2 own")]
fn two_tables_for_one_period(#[case] steps: &[&str], #[case] expected: &str) {
    check(steps, "11-24 9:00", expected);
}
