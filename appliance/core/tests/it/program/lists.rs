//! What is told ahead and afterwards: to staff, and to advertisers.

use machiai_core::envelope::Trust;
use machiai_core::ids::SiteId;
use machiai_core::program::as_run::as_run;
use machiai_core::program::lists::Trouble;

use super::recorded::airing;
use super::{Stage, at, line, name};

const SENT: &str = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";
const APPROVED: &str = "11-18 12:00 approve r1";

fn troubles(stage: &Stage, now: &str) -> Vec<String> {
    let lines = stage.program.troubles(&stage.ask(at(now))).into_iter().map(|trouble| match trouble {
        Trouble::OfTable { table, why } => format!("{table} {}", why.code()),
        Trouble::OfItem(passed) => format!("{} {}", name(passed.content), passed.why.code()),
    });
    lines.collect()
}

#[test]
fn staff_see_what_would_air_if_nobody_approves() {
    let stage = Stage::new().run(&[SENT]);
    let ahead = stage.program.schedule(&stage.ask(at("11-24 9:00")), at("11-24 9:02:30"));
    let lines: Vec<String> = ahead.iter().map(line).collect();
    assert_eq!(lines, ["S1 not_approved", "S2 not_approved", "O1 own"]);
    assert_eq!(stage.aired, Stage::new().aired, "looking ahead airs nothing");
}

#[test]
fn a_listing_ahead_has_no_gap_and_an_end() {
    let stage = Stage::new().run(&[SENT, APPROVED]);
    let ahead = stage.program.schedule(&stage.ask(at("11-22 9:00")), at("11-24 9:00"));
    assert!(ahead.windows(2).all(|two| two[0].until == two[1].from));
    let ever = stage.program.schedule(&stage.ask(at("11-22 9:00")), at("12-31 9:00"));
    assert_eq!(ever.len(), 5_760);
}

#[test]
fn staff_are_told_what_is_wrong_with_a_table() {
    let rival = "11-11 9:00 table w48b r1 11-29 12-01 D=11-21/0:00 day/0:00/24:00/P2";
    let stage = Stage::new().run(&[SENT, APPROVED, rival, "11-12 9:00 broken A1"]).without(&["P1"]);
    assert_eq!(
        troubles(&stage, "11-22 9:00"),
        ["w48 two_tables", "P1 content_missing", "A1 content_broken", "w48b two_tables", "w48b not_approved"]
    );
    assert_eq!(troubles(&stage, "11-30 9:00"), ["w48b not_approved"], "what is over is not told");
}

#[test]
fn a_table_that_waits_for_approval_is_told_before_its_period() {
    let stage = Stage::new().run(&[SENT]);
    assert_eq!(troubles(&stage, "11-19 9:00"), ["w48 awaits_approval"]);
    assert_eq!(troubles(&stage.run(&[APPROVED]), "11-19 9:00"), Vec::<String>::new());
}

fn scheduled(steps: &[&str]) -> Vec<String> {
    let stage = Stage::new().run(steps);
    let listed = stage.program.scheduled_at(SiteId(1001), at("11-22 9:00"));
    listed.iter().map(|row| format!("{} {} {}", row.advertiser, name(row.content), row.item)).collect()
}

#[test]
fn advertisers_are_told_of_approved_adverts_alone() {
    assert_eq!(scheduled(&[SENT, APPROVED]), ["firm-A1 A1 i2"]);
    assert_eq!(scheduled(&[SENT]), Vec::<String>::new());
    assert_eq!(scheduled(&[SENT, "11-18 12:00 approve r1 i2=O2"]), Vec::<String>::new(), "the clinic swapped it away");
    assert_eq!(scheduled(&[SENT, APPROVED, "11-19 9:00 pull w48"]), Vec::<String>::new());
}

/// A row can say nothing else than what is named here.
#[test]
fn an_advertisers_row_has_ids_instants_and_numbers_only() {
    let stage = Stage::new().run(&[SENT, APPROVED]);
    let listed = serde_json::to_value(stage.program.scheduled_at(SiteId(1001), at("11-22 9:00"))).unwrap();
    let keys = |row: &serde_json::Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&listed[0]), "advertiser content from item revision site slot table to");
    let rows = as_run(&airing("11-24 9:00", "A1"));
    let aired = serde_json::to_value(stage.program.aired_at(SiteId(1001), &rows)).unwrap();
    assert_eq!(keys(&aired[0]), "advertiser content frames from lit_ms site to");
}

#[test]
fn advertisers_are_told_of_their_own_airings_alone() {
    let stage = Stage::new().run(&[SENT, APPROVED]);
    let mut rehearsed = airing("11-24 9:02", "A1");
    rehearsed.iter_mut().for_each(|fact| fact.head.clock = Trust::Rehearsal);
    let facts = [airing("11-24 9:00", "P1"), airing("11-24 9:01", "A1"), rehearsed].concat();
    assert_eq!(as_run(&facts).iter().map(|row| row.rehearsal).collect::<Vec<_>>(), [false, false, true]);
    let aired = stage.program.aired_at(SiteId(1001), &as_run(&facts));
    let lines: Vec<String> = aired.iter().map(|row| format!("{} {}", row.advertiser, row.frames)).collect();
    assert_eq!(lines, ["firm-A1 450"]);
}
