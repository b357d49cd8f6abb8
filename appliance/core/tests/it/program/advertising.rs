//! Adverts: apart from their class, alone where a class was bought whole, so many in any hour; and what airs when a rule
//! leaves nothing.

use machiai_core::envelope::Trust;
use machiai_core::facts::Fact;
use machiai_core::program::content::{AdvertTerms, Content};
use machiai_core::program::table::{AdvertRules, Table};
use rstest::rstest;

use super::{Stage, at, content, hash, line, name, table};

/// The terms of an advert: its class, whether it has the class for itself, and the most in an hour.
type Terms = (&'static str, &'static str, bool, Option<u16>);

/// A monitor with an approved table whose loop is `list`, under the table's rules.
pub(super) fn stage(list: &str, rules: (u16, Option<u16>), terms: &[Terms]) -> Stage {
    let mut stage = Stage::new();
    for (name, class, exclusive, most_per_hour) in terms {
        let advertiser = format!("firm-{name}").parse().unwrap();
        let terms = AdvertTerms {
            advertiser,
            class: class.parse().unwrap(),
            exclusive: *exclusive,
            most_per_hour: *most_per_hour,
        };
        let told = Content { advert: Some(terms), ..content(name) };
        stage.write(at("11-02 9:00"), Trust::Synced, Fact::ContentSet(told));
    }
    let words = format!("w48 r1 11-23 11-30 D=11-21/0:00 {list}");
    let words: Vec<&str> = words.split(' ').collect();
    let adverts = AdvertRules { apart_min: rules.0, most_per_hour: rules.1 };
    stage.write(at("11-10 9:00"), Trust::Synced, Fact::TableReceived(Table { adverts, ..table(&words) }));
    stage.run(&["11-18 12:00 approve r1"])
}

#[rstest]
#[case::the_same_class_waits(("A1", "pharmacy", false, None), ("A2", "pharmacy", false, None), "P1 scheduled, A1 scheduled, P1 scheduled, A2 scheduled, P1 scheduled, A1 scheduled")]
#[case::another_class_does_not(("A1", "pharmacy", false, None), ("A2", "books", false, None), "P1 scheduled, A1 scheduled, A2 scheduled, P1 scheduled, A1 scheduled, A2 scheduled")]
fn adverts_of_one_class_stand_apart(#[case] one: Terms, #[case] two: Terms, #[case] expected: &str) {
    let mut stage = stage("day/0:00/24:00/P1,A1,A2", (1, None), &[one, two]);
    assert_eq!(stage.shows("11-24 9:00", 6), expected);
}

#[test]
fn an_advert_passed_over_says_why() {
    let mut stage = stage(
        "day/0:00/24:00/A1,A2,P1",
        (10, None),
        &[("A1", "pharmacy", false, None), ("A2", "pharmacy", false, None)],
    );
    stage.airs(at("11-24 9:00"));
    let next = stage.airs(at("11-24 9:00:15"));
    assert_eq!(line(&next), "P1 scheduled");
    let passed: Vec<_> = next.passed.iter().map(|it| (name(it.content), it.why.code())).collect();
    assert_eq!(passed, [("A2".to_string(), "advert_too_soon")]);
}

#[test]
fn an_advert_that_waited_does_not_hold_up_its_class_when_it_cannot_air() {
    let terms = [("A1", "pharmacy", false, None), ("A2", "pharmacy", false, None)];
    let mut stage = stage("day/0:00/24:00/P1,A1,A2", (1, None), &terms);
    assert_eq!(stage.shows("11-24 9:00", 3), "P1 scheduled, A1 scheduled, P1 scheduled");
    stage.step("11-24 9:02 broken A2");
    assert_eq!(stage.shows("11-24 9:02:15", 1), "A1 scheduled");
}

#[rstest]
#[case::it_keeps_its_competitor_out(("A1", "pharmacy", true, None), ("A2", "pharmacy", false, None), "A1 scheduled, P1 scheduled, A1 scheduled")]
#[case::wherever_it_stands(("A1", "pharmacy", false, None), ("A2", "pharmacy", true, None), "A2 scheduled, P1 scheduled, A2 scheduled")]
#[case::of_two_the_first(("A1", "pharmacy", true, None), ("A2", "pharmacy", true, None), "A1 scheduled, P1 scheduled, A1 scheduled")]
#[case::another_class_is_no_competitor(("A1", "pharmacy", true, None), ("A2", "books", false, None), "A1 scheduled, A2 scheduled, P1 scheduled")]
fn an_exclusive_advert_is_alone_in_its_class(#[case] one: Terms, #[case] two: Terms, #[case] expected: &str) {
    let mut stage = stage("day/0:00/24:00/A1,A2,P1", (0, None), &[one, two]);
    assert_eq!(stage.shows("11-24 9:00", 3), expected);
}

#[test]
fn exclusivity_reaches_over_an_hour_into_the_next_slot() {
    let terms = [("A1", "pharmacy", true, None), ("A2", "pharmacy", false, None)];
    let mut stage = stage("day/9:00/9:30/A2 noon/9:30/12:00/A1,P1", (0, None), &terms);
    assert_eq!(stage.shows("11-24 9:29:50", 2), "A2 scheduled, P1 scheduled");
    stage.aired.stop();
    assert_eq!(stage.shows("11-24 10:29:49", 1), "P1 scheduled");
    stage.aired.stop();
    assert_eq!(stage.shows("11-24 10:29:50", 1), "A1 scheduled", "60 minutes after the competitor began");
}

#[rstest]
#[case::its_own(None, Some(2))]
#[case::the_tables(Some(2), None)]
fn so_many_in_any_hour(#[case] tables: Option<u16>, #[case] own: Option<u16>) {
    let mut stage = stage("day/0:00/24:00/A1,P1", (0, tables), &[("A1", "pharmacy", false, own)]);
    let mut now = at("11-24 9:00");
    let mut begun = Vec::new();
    while now < at("11-24 13:00") {
        let on_air = stage.airs(now);
        now = on_air.until;
        if line(&on_air).starts_with('A') {
            begun.push(on_air.from);
        }
    }
    assert!(begun.windows(3).all(|three| three[2].since(three[0]) >= 3_600_000), "{begun:?}");
    assert!(begun.len() >= 7, "and no fewer than may be: {begun:?}");
}

#[test]
fn a_rule_that_leaves_nothing_gives_a_substitute_with_the_reason() {
    let mut stage = stage("day/0:00/24:00/A1", (0, None), &[("A1", "pharmacy", false, Some(1))]);
    assert_eq!(stage.shows("11-24 9:00", 3), "A1 scheduled, S1 advert_capped, S2 advert_capped");
    assert_eq!(stage.shows("11-24 10:00", 1), "A1 scheduled", "the hour is over");
}

#[test]
fn a_clock_that_steps_back_does_not_free_an_advert() {
    let mut stage = stage("day/0:00/24:00/A1,P1", (0, None), &[("A1", "pharmacy", false, Some(1))]);
    assert_eq!(stage.shows("11-24 9:00", 1), "A1 scheduled");
    stage.aired.stop();
    assert_eq!(stage.shows("11-24 8:50", 2), "P1 scheduled, P1 scheduled");
}

#[test]
fn an_advert_without_terms_keeps_to_the_tables_rule_alone() {
    let mut stage = stage("day/0:00/24:00/A9,P1", (10, Some(1)), &[]);
    stage.write(at("11-02 9:00"), Trust::Synced, Fact::ContentSet(Content { advert: None, ..content("A9") }));
    stage.on_disk.insert(hash("A9"));
    assert_eq!(stage.shows("11-24 9:00", 3), "A9 scheduled, P1 scheduled, P1 scheduled");
}
