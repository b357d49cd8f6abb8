//! What is said of a site, by what its box told and when it was heard of.

use machiai_core::envelope::{By, Head};
use machiai_core::ids::{BootId, Origin, Seq};
use rstest::rstest;

use super::*;

const NOW_S: u64 = 1_795_471_200;

fn report() -> HealthReported {
    HealthReported {
        version: "0.1.0".into(),
        clock: Trust::Synced,
        disk: Some(Disk::of(60 << 30, 100 << 30)),
        line: Some(Line::Events),
        n_unsent: 0,
        printers: [("p1".parse().unwrap(), PrinterHealth::Ok)].into(),
        screens: [("hall".parse().unwrap(), ScreenHealth::Shown)].into(),
        troubles: Vec::new(),
    }
}

fn row(health: Option<HealthReported>) -> FleetRow {
    let head = Head {
        site: SiteId(1001),
        line: None,
        origin: Origin::from_bytes([1; 16]),
        seq: Seq(1),
        at_ms: AtMs(5),
        at_n: 0,
        boot: BootId::from_bytes([2; 16]),
        mono_ms: 0,
        clock: Trust::Synced,
        by: By { device: "machiai".parse().unwrap(), person: None },
        cmd: None,
    };
    let written = |health| Envelope { head, fact: Fact::HealthReported(health) }.write().unwrap();
    FleetRow {
        site: SiteId(1001),
        seen_ms: 1,
        clinic: None,
        health: health.map(written),
        not_after_s: Some(NOW_S + 80 * 86_400),
        code_until_s: None,
    }
}

/// Returns the keys of what is said that is not as it should be, and the grade of all.
fn judged(row: &FleetRow, age_s: Option<u64>) -> (Vec<String>, Grade) {
    let signs = judge(row, age_s, NOW_S);
    let said = signs.columns.iter().flatten().chain(&signs.others).filter(|sign| sign.grade != Grade::Good);
    (said.map(|sign| sign.key.clone()).collect(), signs.grade)
}

#[test]
fn a_box_that_says_nothing_bad_and_was_heard_of_is_good() {
    assert_eq!(judged(&row(Some(report())), Some(SILENT_AFTER_S)), (Vec::new(), Grade::Good));
    assert_eq!(judged(&row(None), Some(0)), (Vec::new(), Grade::Good), "a box of an older version tells nothing");
}

#[rstest]
#[case::paper(HealthReported { printers: [("p".parse().unwrap(), PrinterHealth::PaperOut)].into(), ..report() }, "printer_paper_out", Grade::Trouble)]
#[case::unconfirmed(HealthReported { printers: [("p".parse().unwrap(), PrinterHealth::Unconfirmed)].into(), ..report() }, "printer_unconfirmed", Grade::Care)]
#[case::screen(HealthReported { screens: [("a".parse().unwrap(), ScreenHealth::Gone)].into(), ..report() }, "screen_gone", Grade::Trouble)]
#[case::clock(HealthReported { clock: Trust::Lost, ..report() }, "clock_lost", Grade::Trouble)]
#[case::free_clock(HealthReported { clock: Trust::Free, ..report() }, "clock_free", Grade::Care)]
#[case::disk(HealthReported { disk: Some(Disk { free_mib: 100, free_percent: 20 }), ..report() }, "disk_free", Grade::Trouble)]
#[case::less_disk(HealthReported { disk: Some(Disk { free_mib: 1_000, free_percent: 20 }), ..report() }, "disk_free", Grade::Care)]
#[case::full(HealthReported { troubles: vec!["disk_full".into()], disk: None, ..report() }, "disk_full", Grade::Trouble)]
#[case::polls(HealthReported { line: Some(Line::Poll), ..report() }, "line_poll", Grade::Care)]
#[case::unsent(HealthReported { n_unsent: 1_000, ..report() }, "line_unsent", Grade::Care)]
#[case::backup(HealthReported { troubles: vec!["backup_failed".into()], ..report() }, "trouble_backup_failed", Grade::Trouble)]
#[case::restored(HealthReported { troubles: vec!["journal_restored".into()], ..report() }, "trouble_journal_restored", Grade::Care)]
fn what_a_box_says_is_judged(#[case] health: HealthReported, #[case] key: &str, #[case] grade: Grade) {
    assert_eq!(judged(&row(Some(health)), Some(0)), (vec![key.to_owned()], grade));
}

#[test]
fn what_a_column_says_is_not_said_twice() {
    let troubles = ["disk_full", "clock_lost", "monitor_gone"].map(str::to_owned).to_vec();
    assert!(judge(&row(Some(HealthReported { troubles, ..report() })), Some(0), NOW_S).others.is_empty());
}

#[test]
fn a_box_that_is_silent_is_in_trouble_whatever_it_said_last() {
    let silent = judge(&row(Some(report())), Some(SILENT_AFTER_S + 1), NOW_S);
    assert!(silent.grade == Grade::Trouble && silent.is_stale());
    assert_eq!(judged(&row(None), None), (vec!["never_heard".to_owned()], Grade::Trouble));
    let ages = [59, 60, 7_199, 7_200, 172_800].map(|age_s| heard(Some(age_s)).key);
    assert_eq!(ages, ["ago_s", "ago_min", "ago_min", "ago_h", "ago_d"]);
}

#[test]
fn a_site_without_a_box_is_to_come_with_its_code_or_without() {
    let coming = FleetRow { not_after_s: None, ..row(None) };
    assert_eq!(judged(&coming, None), (vec!["no_code".to_owned()], Grade::Coming));
    let drawn = FleetRow { code_until_s: Some(NOW_S), ..coming.clone() };
    assert_eq!(judged(&drawn, None), (vec!["code_until".to_owned()], Grade::Coming));
    let old = FleetRow { code_until_s: Some(NOW_S - 1), ..coming };
    assert_eq!(judged(&old, None).0, ["no_code"]);
}

#[rstest]
#[case(25 * 86_400, Grade::Good)]
#[case(25 * 86_400 - 1, Grade::Care)]
#[case(7 * 86_400 - 1, Grade::Trouble)]
#[case(0, Grade::Trouble)]
fn a_certificate_that_is_not_renewed_is_seen_before_it_ends(#[case] left_s: u64, #[case] grade: Grade) {
    let row = FleetRow { not_after_s: Some(NOW_S + left_s), ..row(Some(report())) };
    assert_eq!(judged(&row, Some(0)).1, grade);
    let over = FleetRow { not_after_s: Some(NOW_S - 1), ..row };
    assert_eq!(judged(&over, Some(0)).0, ["certificate_over"]);
}
