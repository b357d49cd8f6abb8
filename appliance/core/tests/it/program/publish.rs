//! What may be published, and what of it a disk lacks.

use std::collections::BTreeSet;

use machiai_core::program::content::{Content, ContentKind, Scene, SceneTemplate};
use machiai_core::program::publish::refuse_content;
use machiai_core::program::table::Table;
use machiai_core::refusal::Refusal;
use rstest::rstest;

use super::{Stage, TABLE, at, content, hash, name, table, table_with, text};

fn refused(refusal: Result<(), Refusal>) -> String {
    match refusal {
        Ok(()) => "taken".to_owned(),
        Err(refusal) => {
            let values: Vec<String> = refusal.values.into_values().collect();
            format!("{} {}", refusal.code, values.join(" "))
        }
    }
}

fn publish(steps: &[&str], now: &str, words: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    refused(Stage::new().run(steps).program.refuse_table(&table(&words), at(now)))
}

#[rstest]
#[case::a_table_for_next_week(TABLE, "taken")]
#[case::a_period_that_ends_before_it_begins("w48 r1 11-30 11-23 D=11-21/0:00 day/0:00/24:00/P1", "bad_value to")]
#[case::a_period_that_is_over("w45 r1 11-02 11-09 D=11-08/0:00 day/0:00/24:00/P1", "bad_value to")]
#[case::a_deadline_that_has_passed("w48 r1 11-23 11-30 D=11-09/0:00 day/0:00/24:00/P1", "bad_value deadline")]
#[case::a_deadline_after_the_end("w48 r1 11-23 11-30 D=11-30/0:00 day/0:00/24:00/P1", "bad_value deadline")]
#[case::no_slot("w48 r1 11-23 11-30 D=11-21/0:00", "bad_value slots")]
#[case::two_slots_of_one_name("w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/9:00/P1 day/9:00/24:00/P2", "bad_value slots")]
#[case::a_slot_without_items("w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/", "bad_value items day")]
fn a_table_that_could_not_be_meant_is_refused(#[case] words: &str, #[case] expected: &str) {
    assert_eq!(publish(&[], "11-10 9:00", words), expected);
}

#[test]
fn a_table_names_content_that_is_known_and_was_not_withdrawn() {
    let unknown = publish(&[], "11-10 9:00", &TABLE.replace("P1", "P9"));
    assert_eq!(unknown, format!("unknown_content {}", hash("P9")));
    let gone = publish(&["11-02 9:00 gone P1"], "11-10 9:00", TABLE);
    assert_eq!(gone, format!("unknown_content {}", hash("P1")));
}

#[test]
fn a_revision_follows_the_one_before() {
    let received = table_with("r1", "r2");
    for (revision, expected) in [("r1", "table_changed w48"), ("r2", "table_changed w48"), ("r3", "taken")] {
        assert_eq!(publish(&[&received], "11-10 10:00", &TABLE.replace("r1", revision)), expected, "{revision}");
    }
}

#[test]
fn a_table_is_no_larger_than_a_fact_may_be() {
    let words: Vec<&str> = TABLE.split(' ').collect();
    let mut large: Table = table(&words);
    let item = large.slots[0].items[0].clone();
    large.slots[0].items =
        (0..900).map(|nth| machiai_core::program::table::Item { item: super::item_id(nth), ..item }).collect();
    assert!(refused(Stage::new().program.refuse_table(&large, at("11-10 9:00"))).starts_with("too_long"));
}

#[test]
fn content_is_described_as_what_it_is() {
    let described = |change: fn(&mut Content)| {
        let mut content = content("P1");
        change(&mut content);
        refused(refuse_content(&content))
    };
    assert_eq!(described(|_| {}), "taken");
    assert_eq!(refused(refuse_content(&content("A1"))), "taken");
    assert_eq!(described(|content| content.title = " ".to_owned()), "bad_value title");
    assert_eq!(described(|content| content.title = "あ".repeat(61)), "too_long title 60");
    assert_eq!(described(|content| content.title = "a\nb".to_owned()), "bad_value title");
    assert_eq!(described(|content| content.duration_ms = 0), "bad_value duration_ms");
    assert_eq!(described(|content| content.duration_ms = 3_600_001), "bad_value duration_ms");
    assert_eq!(described(|content| content.kind = ContentKind::Advert), "bad_value advert");
    assert_eq!(described(|content| content.kind = ContentKind::Notice), "bad_value kind");
    let scene =
        || Scene { template: SceneTemplate::Notice, headline: text("休診"), text: text("29日"), photo: None };
    let mut drawn = content("P1");
    drawn.scene = Some(scene());
    assert_eq!(refused(refuse_content(&drawn)), "bad_value kind");
}

#[test]
fn what_the_disk_lacks_is_wanted_in_the_order_in_which_it_airs() {
    let lacks = |steps: &[&str], on_disk: &[&str], now| {
        let on_disk: BTreeSet<_> = on_disk.iter().map(|name| hash(name)).collect();
        let missing = Stage::new().run(steps).program.missing(&on_disk, at(now));
        missing.into_iter().map(name).collect::<Vec<_>>().join(" ")
    };
    let own = ["N1", "O1", "O2"];
    let with = |more: &[&'static str]| [&own[..], more].concat();
    assert_eq!(lacks(&[], &own, "11-10 9:00"), "S1 S2");
    // The later week names P3, the sooner one P1 and A1; substitutes stand in for either.
    let later = "11-10 9:05 table w49 r1 11-30 12-07 D=11-28/0:00 day/0:00/24:00/A1,P3";
    let steps = [&table_with("O1", "P2"), later];
    assert_eq!(lacks(&steps, &own, "11-10 9:10"), "S1 S2 A1 P1 P2 P3");
    assert_eq!(lacks(&steps, &with(&["P1", "S1"]), "11-10 9:10"), "S2 A1 P2 P3");
    assert_eq!(lacks(&steps, &with(&["S1", "S2"]), "11-30 0:00"), "A1 P3", "the sooner week is over");
    assert_eq!(lacks(&[steps[0], later, "11-10 9:06 broken P1"], &own, "11-10 9:10"), "S1 S2 A1 P2 P3");
    assert_eq!(lacks(&[steps[0], later, "11-10 9:06 gone P2"], &own, "11-10 9:10"), "S1 S2 A1 P1 P3");
    assert_eq!(lacks(&[&table_with("P1", "P9")], &with(&["S1", "S2"]), "11-10 9:10"), "A1", "nobody described P9");
}
