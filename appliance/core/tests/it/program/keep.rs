//! What must stay on the disk.

use super::{Stage, TABLE, at, name, table_with};

/// Checks what is kept at an instant, after these steps.
#[track_caller]
fn check(steps: &[&str], now: &str, expected: &str) {
    let stage = Stage::new().run(steps);
    let kept: Vec<String> = stage.program.kept(at(now)).into_iter().map(name).collect();
    assert_eq!(kept.join(" "), expected, "{steps:?} at {now}");
}

#[test]
fn the_clinics_own_and_the_substitutes_are_kept_whatever_airs() {
    check(&[], "11-10 9:00", "N1 O1 O2 S1 S2");
    check(&["11-02 9:00 gone O1", "11-02 9:00 gone S2"], "11-10 9:00", "N1 O2 S1");
}

#[test]
fn what_a_table_names_is_kept_until_its_period_is_over() {
    let received = format!("11-10 9:00 table {TABLE}");
    check(&[&received], "11-10 9:01", "A1 N1 O1 O2 P1 S1 S2");
    check(&[&received], "11-29 23:59", "A1 N1 O1 O2 P1 S1 S2");
    check(&[&received], "11-30 0:00", "N1 O1 O2 S1 S2");
    check(&[&received, "11-10 9:30 pull w48"], "11-11 9:00", "N1 O1 O2 S1 S2");
}

#[test]
fn what_stands_in_an_items_stead_is_kept_and_what_stood_there_too() {
    let received = format!("11-10 9:00 table {TABLE}");
    let second = table_with("r1", "r2").replace("P1", "P3").replace("11-10 9:00", "11-10 9:10");
    check(&[&received, "11-10 9:30 replace i1=P2"], "11-11 9:00", "A1 N1 O1 O2 P1 P2 S1 S2");
    check(&[&received, "11-10 9:30 approve r1 i1=P2"], "11-11 9:00", "A1 N1 O1 O2 P1 P2 S1 S2");
    check(&[&received, &second], "11-11 9:00", "A1 N1 O1 O2 P1 P3 S1 S2");
}
