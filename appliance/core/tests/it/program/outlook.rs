//! The program's page: what it shows of tables, items and content.

use machiai_core::program::airs::What;

use super::{Stage, at, hash, name};

const SENT: &str = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";

/// What the page shows of its tables, a line each: `*` approved, `o` open, `2` beside another; then each item's content,
/// what stands in its stead (`!` not yet approved) and what stands against it.
fn tables(stage: &Stage, now: &str) -> Vec<String> {
    let outlook = stage.program.outlook(&stage.ask(at(now)));
    let lines = outlook.tables.iter().map(|table| {
        let marks = [(table.is_approved, "*"), (table.is_open, "o"), (table.is_beside, "2")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        let items = table.slots.iter().flat_map(|slot| &slot.items).map(|item| {
            let with = item.with.map(|with| format!("={}", name(with))).unwrap_or_default();
            let rests = item.rests.as_ref().map(|why| format!(":{}", why.code)).unwrap_or_default();
            format!("{}{with}{}{rests}", name(item.content), if item.is_kept { "" } else { "!" })
        });
        let lacks = table.lacks.as_ref().map_or("ok", |why| why.code);
        format!("{} {} {marks} {lacks} {}", table.table, table.revision.0, items.collect::<Vec<_>>().join(","))
    });
    lines.collect()
}

#[test]
fn a_table_shows_whether_it_is_approved_and_until_when_it_can_be() {
    let stage = Stage::new().run(&[SENT]);
    assert_eq!(tables(&stage, "11-19 9:00"), ["w48 1 o awaits_approval P1,A1,O1"]);
    assert_eq!(tables(&stage, "11-21 0:01"), ["w48 1  not_approved P1,A1,O1"]);
    let stage = stage.run(&["11-18 12:00 approve r1"]);
    assert_eq!(tables(&stage, "11-19 9:00"), ["w48 1 *o ok P1,A1,O1"]);
    let approved = stage.program.outlook(&stage.ask(at("11-19 9:00"))).tables.remove(0).approved.unwrap();
    assert_eq!((approved.by, approved.at, approved.revision.0), (None, at("11-18 12:00"), 1));
    assert_eq!(tables(&stage, "11-30 0:00"), Vec::<String>::new(), "it is over");
}

#[test]
fn what_stands_in_an_items_stead_is_shown_before_it_is_approved_and_after() {
    let stage = Stage::new().run(&[SENT, "11-17 9:00 replace i1=P2"]);
    assert_eq!(tables(&stage, "11-18 9:00"), ["w48 1 o awaits_approval P1=P2!,A1,O1"]);
    let stage = stage.run(&["11-18 12:00 approve r1 i1=P2"]);
    assert_eq!(tables(&stage, "11-19 9:00"), ["w48 1 *o ok P1=P2,A1,O1"]);
    let stage = stage.without(&["P2"]).run(&["11-19 9:00 broken A1"]);
    let told = "w48 1 *o ok P1=P2:content_missing,A1:content_broken,O1";
    assert_eq!(tables(&stage, "11-19 9:00"), [told], "what is wrong is that of what would air");
}

#[test]
fn a_table_changed_after_its_approval_and_one_beside_another_say_so() {
    let changed = SENT.replace("11-10", "11-19").replace("r1", "r2").replace("P1,A1,O1", "P2,A1,O1");
    let rival = "11-11 9:00 table w48b r1 11-29 12-01 D=11-21/0:00 day/0:00/24:00/P2";
    let stage = Stage::new().run(&[SENT, "11-18 12:00 approve r1", &changed, rival]);
    assert_eq!(tables(&stage, "11-20 9:00"), ["w48 2 *o2 slot_changed P2,A1,O1", "w48b 1 o2 awaits_approval P2"]);
    let stage = stage.run(&["11-20 9:00 pull w48"]);
    assert_eq!(tables(&stage, "11-20 9:00"), ["w48b 1 o awaits_approval P2"]);
}

#[test]
fn the_page_knows_what_airs_now_what_is_urgent_and_what_may_stand_in() {
    let stage =
        Stage::new().run(&[SENT, "11-18 12:00 approve r1", "11-24 8:59 notice 11-24/9:30", "11-24 8:59 gone P3"]);
    let outlook = stage.program.outlook(&stage.ask(at("11-24 9:00")));
    assert!(matches!(outlook.on_air.what, What::Notice { .. }) && outlook.notice.is_some());
    assert_eq!((outlook.on_air.why.code, outlook.on_air.frame), ("urgent_notice", None));
    let later = stage.program.outlook(&stage.ask(at("11-24 9:30")));
    assert_eq!(
        (later.on_air.what.content(), later.on_air.why.code, later.notice),
        (Some(hash("P1")), "scheduled", None)
    );
    let unapproved = Stage::new().run(&[SENT]);
    let unapproved = unapproved.program.outlook(&unapproved.ask(at("11-24 9:00"))).on_air;
    assert_eq!((unapproved.why.code, unapproved.frame), ("not_approved", Some("substitute")));
    assert_eq!((unapproved.why.values["month"].as_str(), unapproved.why.values["day"].as_str()), ("11", "20"));
    let listed: Vec<String> = outlook
        .contents
        .iter()
        .map(|it| format!("{}{}", name(it.content), if it.may_replace { "" } else { "-" }))
        .collect();
    assert_eq!(listed, ["A1-", "A2-", "A3-", "N1", "O1", "O2", "P1", "P2", "S1", "S2"], "P3 is withdrawn");
}
