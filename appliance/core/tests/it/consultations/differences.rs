//! The vendor's witness beside ours: out of order, twice, or missing, it is only ever listed.

use machiai_core::call::told::{CallWitnessed, Seen, Side, Vendor};
use machiai_core::call::witness::Difference;
use machiai_core::facts::Fact;
use rstest::rstest;

use super::{MINUTE_MS, START, Stage, key, nothing_open};

/// Reads `R1 pc s1 joined 5 event`, with the milliseconds after the start on the vendor's clock.
fn seen(line: &str) -> Fact {
    let words: Vec<&str> = line.split(' ').collect();
    Fact::CallWitnessed(CallWitnessed {
        vendor: Vendor::Livekit,
        event: words[5].parse().unwrap(),
        key: key(&words[..3].join(" ")),
        side: if words[1] == "phone" { Side::Patient } else { Side::Clinic },
        seen: if words[3] == "joined" { Seen::Joined } else { Seen::Left },
        seen_at_ms: START.plus_ms(words[4].parse().unwrap()),
    })
}

fn differences(told: &[&str]) -> Vec<(String, i64, i64, usize)> {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connections("R1", &[(0, 10 * MINUTE_MS)]);
    for line in told {
        stage.write(seen(line));
    }
    let invoice = stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open());
    assert_eq!(invoice.yen, 100, "the vendor's word changes no amount");
    let told = |it: Difference| (it.reservation.to_string(), it.ours_ms, it.theirs_ms, it.n_half);
    invoice.differences.into_iter().map(told).collect()
}

#[rstest]
#[case::the_same(&["R1 pc s1 joined 0 e1", "R1 pc s1 left 600000 e2"])]
#[case::within_a_heartbeat(&["R1 pc s1 joined 0 e1", "R1 pc s1 left 615000 e2"])]
#[case::out_of_order(&["R1 pc s1 left 600000 e2", "R1 pc s1 joined 0 e1"])]
#[case::twice(&["R1 pc s1 joined 0 e1", "R1 pc s1 joined 0 e1", "R1 pc s1 left 600000 e2", "R1 pc s1 left 600000 e2"])]
#[case::in_two_connections(&["R1 pc s1 joined 0 e1", "R1 pc s2 joined 300000 e3", "R1 pc s1 left 300500 e2", "R1 pc s2 left 600000 e4"])]
#[case::of_the_patient(&["R1 pc s1 joined 0 e1", "R1 pc s1 left 600000 e2", "R1 phone p1 joined 0 e3"])]
#[case::nothing_at_all(&[])]
fn witnesses_that_agree_are_not_listed(#[case] told: &[&str]) {
    assert_eq!(differences(told), []);
}

#[rstest]
#[case::longer(&["R1 pc s1 joined 0 e1", "R1 pc s1 left 615001 e2"], ("R1", 600_000, 615_001, 0))]
#[case::shorter(&["R1 pc s1 joined 0 e1", "R1 pc s1 left 500000 e2"], ("R1", 600_000, 500_000, 0))]
#[case::never_left(&["R1 pc s1 joined 0 e1"], ("R1", 600_000, 0, 1))]
#[case::never_joined(&["R1 pc s1 left 600000 e1"], ("R1", 600_000, 0, 1))]
#[case::left_before_it_joined(&["R1 pc s1 left 0 e1", "R1 pc s1 joined 600000 e2"], ("R1", 600_000, 0, 1))]
fn witnesses_that_differ_are_listed_before_an_invoice(
    #[case] told: &[&str],
    #[case] expected: (&str, i64, i64, usize),
) {
    let (name, ours, theirs, n_half) = expected;
    assert_eq!(differences(told), [(name.to_owned(), ours, theirs, n_half)]);
}

#[test]
fn a_call_that_only_one_of_them_saw_is_listed() {
    let other = ["R2 pc s1 joined 0 e1", "R2 pc s1 left 60000 e2"];
    assert_eq!(differences(&other), [("R1".to_owned(), 600_000, 0, 0), ("R2".to_owned(), 0, 60_000, 0)]);
}
