//! Properties that hold for any program: what airs is told for any facts and any instant, and the promises to the
//! clinic and to advertisers hold over a whole day.

use std::collections::BTreeSet;

use machiai_core::envelope::{Envelope, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::SiteId;
use machiai_core::program::Program;
use machiai_core::program::airs::What;
use machiai_core::program::content::{Content, ContentKind};
use machiai_core::program::table::{AdvertRules, Slot, Table};
use machiai_core::settings::Hours;
use machiai_core::time::{AtMs, DayTime, MINUTE_MS};
use proptest::prelude::*;

use super::{CONTENTS, Stage, advertising, at, content, hash, hours, items, table};

/// A quarter of the usual cases: each is a program of many facts.
pub(super) fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, failure_persistence: None, ..usual }
}

fn any_content() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&CONTENTS[..])
}

fn any_list() -> impl Strategy<Value = String> {
    prop::collection::vec(any_content(), 0..5).prop_map(|list| list.join(","))
}

/// What the vendor and the clinic may do, as a step without its time.
fn any_deed() -> impl Strategy<Value = String> {
    let window = prop::sample::select(&["0:00/24:00", "22:00/6:00", "9:00/12:00", "12:00/18:00"][..]);
    let slots = (window.clone(), any_list(), window, any_list());
    let table = (prop::sample::select(&["w48", "w48b"][..]), 1..4, 18..26, slots).prop_map(
        |(id, revision, deadline, (one, first, two, second))| {
            format!("table {id} r{revision} 11-23 11-30 D=11-{deadline}/0:00 day/{one}/{first} late/{two}/{second}")
        },
    );
    prop_oneof![
        4 => table,
        4 => (1..4).prop_map(|revision| format!("approve r{revision}")),
        2 => (1..4, any_content()).prop_map(|(revision, with)| format!("approve r{revision} i1={with}")),
        1 => Just("unapprove".to_string()),
        1 => (20..27).prop_map(|day| format!("reopen 11-{day}/0:00")),
        1 => Just("pull w48".to_string()),
        1 => any_content().prop_map(|with| format!("replace i1={with}")),
        1 => any_content().prop_map(|name| format!("gone {name}")),
        1 => any_content().prop_map(|name| format!("leased {name}")),
        1 => any_content().prop_map(|name| format!("broken {name}")),
        1 => any_content().prop_map(|name| format!("mended {name}")),
        1 => any_content().prop_map(|name| format!("content {name}")),
        1 => (any_content(), 20..27).prop_map(|(name, day)| format!("own {name} 11-{day} 11-26 every")),
        1 => any_content().prop_map(|name| format!("rest {name}")),
        1 => (20..27).prop_map(|day| format!("notice 11-{day}/12:00")),
        1 => prop::sample::select(&["unnotice", "emergency", "all_clear"][..]).prop_map(String::from),
    ]
}

/// Steps in any order, from the 10th to the 26th.
fn any_steps() -> impl Strategy<Value = Vec<String>> {
    let step = (10..27, 0..1_440, any_deed(), prop::bool::weighted(0.8)).prop_map(|(day, minute, deed, is_synced)| {
        let trust = if is_synced { "" } else { " @free" };
        format!("11-{day} {}:{:02} {deed}{trust}", minute / 60, minute % 60)
    });
    prop::collection::vec(step, 0..25)
}

fn any_disk() -> impl Strategy<Value = BTreeSet<&'static str>> {
    prop::collection::btree_set(any_content(), 0..CONTENTS.len())
}

/// An instant of the table's week or near it.
fn any_now() -> impl Strategy<Value = AtMs> {
    (0_i64..14 * 86_400_000).prop_map(|ms| at("11-20 0:00").plus_ms(ms))
}

fn stage(steps: &[String], disk: &BTreeSet<&str>, is_open: bool) -> Stage {
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let mut stage = Stage::new().run(&steps);
    stage.on_disk = disk.iter().map(|name| hash(name)).collect();
    stage.standing.hours = if is_open { Hours::default() } else { hours::hours() };
    stage
}

fn folded<'a>(facts: impl IntoIterator<Item = &'a Envelope>) -> Program {
    let mut program = Program::default();
    facts.into_iter().for_each(|envelope| program.after(envelope));
    program
}

/// Whether anybody approved anything of a table in time, as plainly as it can be asked.
fn is_approved(written: &[Envelope]) -> bool {
    let reopened = written.iter().any(|it| matches!(it.fact, Fact::ApprovalReopened(_)));
    let deadlines = written.iter().filter_map(|it| match &it.fact {
        Fact::TableReceived(table) => Some(table.deadline),
        _ => None,
    });
    let last = deadlines.max();
    written.iter().any(|it| {
        let in_time = it.head.clock == Trust::Synced && last.is_some_and(|last| it.head.at_ms <= last);
        matches!(it.fact, Fact::TableApproved(_)) && (in_time || reopened)
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_order_of_arrival_with_repeats_gives_one_program(
        steps in any_steps(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let stage = stage(&steps, &BTreeSet::new(), true);
        let drawn = order.iter().map(|index| &stage.written[index.index(stage.written.len())]);
        let again = folded(drawn.chain(stage.written.iter().rev()));
        prop_assert_eq!(again, stage.program);
    }

    #[test]
    fn a_program_may_be_kept_anywhere_as_a_checkpoint(steps in any_steps(), split in any::<prop::sample::Index>()) {
        let stage = stage(&steps, &BTreeSet::new(), true);
        let (before, after) = stage.written.split_at(split.index(stage.written.len()));
        let kept = serde_json::to_string(&folded(before)).unwrap();
        let mut program: Program = serde_json::from_str(&kept).unwrap();
        after.iter().for_each(|envelope| program.after(envelope));
        prop_assert_eq!(program, stage.program);
    }

    #[test]
    fn what_airs_stays_until_it_says(
        steps in any_steps(),
        disk in any_disk(),
        now in any_now(),
        is_open in any::<bool>(),
        share in 0.0..1.0_f64,
    ) {
        let mut stage = stage(&steps, &disk, is_open);
        let mut now = now;
        for _ in 0..8 {
            let on_air = stage.airs(now);
            prop_assert!(on_air.from <= now && now < on_air.until);
            let span = on_air.until.since(now);
            #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "any instant between will do")]
            let part = (span as f64 * share) as i64;
            for then in [now.plus_ms(part), on_air.until.plus_ms(-1)] {
                let still = stage.program.airs(&stage.ask(then));
                prop_assert_eq!((&still.what, &still.place, still.why.code()), (&on_air.what, &on_air.place, on_air.why.code()));
            }
            now = on_air.until;
        }
    }

    #[test]
    fn what_airs_is_on_the_disk_and_approved_where_it_must_be(
        steps in any_steps(),
        disk in any_disk(),
        now in any_now(),
    ) {
        let mut stage = stage(&steps, &disk, true);
        let approved = is_approved(&stage.written);
        let mut now = now;
        for _ in 0..20 {
            let on_air = stage.airs(now);
            now = on_air.until;
            prop_assert!(on_air.what != What::Dark, "a clinic without hours is never dark");
            if let What::Film { content, kind, .. } = &on_air.what {
                prop_assert!(stage.on_disk.contains(content));
                prop_assert!(!kind.needs_approval() || approved, "{on_air:?}");
                prop_assert!(!kind.needs_approval() || on_air.place.is_some());
            }
        }
    }

    #[test]
    fn an_absurd_table_at_any_instant_gives_a_picture(
        now in any::<i64>(),
        period in any::<(i64, i64, i64)>(),
        window in any::<(u16, u16)>(),
        duration_ms in any::<u32>(),
        rules in any::<(u16, Option<u16>)>(),
    ) {
        let mut stage = Stage::new();
        let slot = Slot {
            slot: "day".parse().unwrap(),
            days: Vec::new(),
            from: DayTime(window.0),
            to: DayTime(window.1),
            items: items("A1,P1,P9"),
        };
        let absurd = Table {
            from: AtMs(period.0),
            to: AtMs(period.1),
            deadline: AtMs(period.2),
            slots: vec![slot.clone(), slot],
            adverts: AdvertRules { apart_min: rules.0, most_per_hour: rules.1 },
            ..table(&["w48", "r1", "11-23", "11-30", "D=11-21/0:00"])
        };
        stage.write(at("11-10 9:00"), Trust::Synced, Fact::TableReceived(absurd));
        stage.write(at("11-11 9:00"), Trust::Synced, Fact::ContentSet(Content { duration_ms, ..content("P1") }));
        stage.step("11-18 12:00 approve r1");
        stage.standing.hours = hours::hours();
        for at in [AtMs(now), AtMs(period.0), AtMs(i64::MIN), AtMs(i64::MAX)] {
            let on_air = stage.airs(at);
            prop_assert!(on_air.until >= at);
            // Two slots of three items, and the table's own trouble.
            prop_assert!(stage.program.troubles(&stage.ask(at)).len() <= 7);
            prop_assert!(stage.program.scheduled_at(SiteId(1), at).len() <= 2);
        }
    }

    #[test]
    fn every_minute_of_an_open_day_has_something_and_adverts_keep_their_rules(
        list in prop::collection::vec(prop::sample::select(&["P1", "P2", "A1", "A2", "A3", "O1"][..]), 1..7),
        rules in (0_u16..90, prop::option::of(1_u16..20)),
        most in prop::option::of(1_u16..6),
        exclusive in any::<bool>(),
    ) {
        let terms = [("A1", "pharmacy", exclusive, most), ("A2", "pharmacy", false, None), ("A3", "books", false, most)];
        let list = format!("day/0:00/24:00/{}", list.join(","));
        let mut stage = advertising::stage(&list, rules, &terms);
        stage.standing.hours = hours::hours();
        let (mut now, end) = (at("11-24 8:30"), at("11-24 18:30"));
        let mut adverts: Vec<(&str, AtMs)> = Vec::new();
        while now < end {
            let on_air = stage.airs(now);
            prop_assert!(!matches!(on_air.what, What::Dark) && on_air.from == now);
            if let What::Film { content, kind: ContentKind::Advert, .. } = &on_air.what {
                adverts.push((["A1", "A2", "A3"].into_iter().find(|name| hash(name) == *content).unwrap(), now));
            }
            now = on_air.until;
        }
        let class = |name: &str| if name == "A3" { "books" } else { "pharmacy" };
        for (idx, (name, begun)) in adverts.iter().enumerate() {
            let hour: Vec<_> = adverts[..=idx].iter().filter(|(_, other)| begun.since(*other) < 60 * MINUTE_MS).collect();
            prop_assert!(rules.1.is_none_or(|most| hour.len() <= usize::from(most)), "the table's cap");
            let own = hour.iter().filter(|(other, _)| other == name).count();
            prop_assert!(*name == "A2" || most.is_none_or(|most| own <= usize::from(most)), "the advert's cap");
            let apart_ms = i64::from(rules.0.min(60)) * MINUTE_MS;
            let mut before = adverts[..idx].iter().filter(|(other, _)| class(other) == class(name));
            prop_assert!(before.all(|(_, other)| begun.since(*other) >= apart_ms), "apart from its class");
            let both = hour.iter().any(|(other, _)| *other == "A1") && hour.iter().any(|(other, _)| *other == "A2");
            prop_assert!(!exclusive || !both, "a class bought whole");
        }
    }
}
