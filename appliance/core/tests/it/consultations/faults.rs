//! What goes wrong in calls: clocks, restarts, silence, messages that come twice or never.

use std::collections::BTreeSet;

use machiai_core::call::connection::{Connection, Standing};
use machiai_core::call::open::{OpenCalls, SILENT_MS};
use machiai_core::call::told::{CallAssigned, CallEnd, EndReason, Reservation, Side};
use machiai_core::call::why::{Flag, Unbilled};
use machiai_core::envelope::Trust;
use machiai_core::facts::Fact;
use rstest::rstest;

use super::{MINUTE_MS, START, Stage, end, key, nothing_open};

const YEAR_MS: i64 = 365 * 24 * 60 * MINUTE_MS;

fn only(stage: &Stage) -> Connection {
    let mut all: Vec<Connection> = stage.calls().connections(&nothing_open()).into_values().flatten().collect();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn flags(of: &Connection) -> Vec<&'static str> {
    of.flags.iter().map(|flag| flag.code()).collect()
}

#[rstest]
#[case::a_day_ahead(24 * 60 * MINUTE_MS)]
#[case::ten_years_ahead(10 * YEAR_MS)]
#[case::two_hours_back(-120 * MINUTE_MS)]
#[case::to_1970(-56 * YEAR_MS)]
fn a_clock_that_steps_in_the_middle_changes_no_length_and_no_amount(#[case] step_ms: i64) {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connect("R1 pc c1");
    stage.until(10 * MINUTE_MS).step_clock(step_ms);
    stage.until(20 * MINUTE_MS).disconnect("R1 pc c1");
    stage.until(25 * MINUTE_MS).connect("R1 pc c2");
    stage.until(45 * MINUTE_MS).disconnect("R1 pc c2");
    let mut facts = stage.written.clone();
    // A step back writes facts that stand before those already there: their order is not that of writing.
    facts.sort_by_key(|fact| fact.head.canonical());
    let calls = super::folded(&facts);
    let lengths: BTreeSet<i64> = calls.connections(&nothing_open()).values().flatten().map(|it| it.length_ms).collect();
    let rated = calls.rated(&nothing_open()).remove(0);
    assert_eq!(lengths, BTreeSet::from([20 * MINUTE_MS]));
    assert_eq!((rated.given.units, rated.connected_ms), (2, 40 * MINUTE_MS));
    let units: Vec<i64> = rated.others.iter().map(|given| given.units).collect();
    assert_eq!(units, [2, 2, 2, 2], "the break is five minutes by the monotonic clock");
}

#[test]
fn a_call_cut_by_a_restart_ends_at_its_last_evidence_and_is_flagged() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connect("R1 pc c1");
    let last = stage.until(7 * MINUTE_MS).now();
    stage.until(8 * MINUTE_MS).restart(3_600_000);
    let ended = CallEnd { reason: Some(EndReason::Restarted), evidence: Some(last), ..end("R1 pc c1") };
    stage.write(Fact::CallDisconnected(ended));
    let it = only(&stage);
    assert_eq!((it.length_ms, it.standing), (7 * MINUTE_MS, Standing::Ended(Some(EndReason::Restarted))));
    assert_eq!(flags(&it), ["restarted"]);
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!((rated.given.units, rated.unbilled), (1, None));
}

#[test]
fn no_length_is_ever_measured_over_a_restart() {
    let mut stage = Stage::new();
    stage.until(MINUTE_MS).connect("R1 pc -");
    stage.restart(MINUTE_MS).until(90 * MINUTE_MS).disconnect("R1 pc -");
    let it = only(&stage);
    assert_eq!((it.length_ms, flags(&it)), (0, vec!["restarted", "by_hand"]));
}

#[test]
fn connections_before_and_after_a_restart_count_both() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connections("R1", &[(0, 20 * MINUTE_MS)]);
    stage.restart(5 * MINUTE_MS);
    stage.connect("R1 pc c9");
    stage.until(20 * MINUTE_MS).disconnect("R1 pc c9");
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!(rated.connected_ms, 40 * MINUTE_MS);
    let units: Vec<i64> = rated.others.iter().map(|given| given.units).collect();
    assert_eq!((rated.given.units, units), (2, vec![2, 2, 2, 2]), "span, per connection, windows, gap merged");
}

#[test]
fn what_is_told_twice_is_one_and_what_is_used_again_is_another() {
    let mut stage = Stage::new();
    stage.connect("R1 pc c1");
    stage.until(MINUTE_MS).connect("R1 pc c1");
    stage.until(5 * MINUTE_MS).disconnect("R1 pc c1");
    stage.until(9 * MINUTE_MS).disconnect("R1 pc c1");
    let it = only(&stage);
    assert_eq!((it.length_ms, flags(&it)), (5 * MINUTE_MS, vec!["connected_twice", "ended_twice"]));
    stage.until(10 * MINUTE_MS).connect("R1 pc c1");
    stage.until(12 * MINUTE_MS).disconnect("R1 pc c1");
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!((rated.connections.len(), rated.connected_ms), (2, 7 * MINUTE_MS));
}

#[test]
fn an_end_without_a_beginning_is_kept_and_counts_nothing() {
    let mut stage = Stage::new();
    stage.disconnect("R1 pc c1");
    let it = only(&stage);
    assert_eq!((it.length_ms, flags(&it)), (0, vec!["end_without_start"]));
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!((rated.given.yen, rated.flags.contains(&Flag::UnknownReservation)), (0, true));
}

#[test]
fn a_running_call_is_as_long_as_its_last_evidence_and_not_yet_billed() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    let begun = stage.connect("R1 pc c1");
    let evidence = stage.until(31 * MINUTE_MS).now();
    let leases = [(begun, evidence)].into();
    let invoice = stage.calls().invoice("2026-11".parse().unwrap(), &leases);
    let rated = &invoice.reservations[0];
    assert_eq!((rated.connected_ms, rated.given.units, rated.unbilled), (31 * MINUTE_MS, 2, Some(Unbilled::Running)));
    assert_eq!(invoice.yen, 0);
    assert_eq!(stage.calls().rated(&nothing_open())[0].connected_ms, 0, "never up to now");
}

#[rstest]
#[case::test(true, Trust::Synced, Unbilled::Test)]
#[case::rehearsal(false, Trust::Rehearsal, Unbilled::Rehearsal)]
fn a_test_and_a_rehearsal_are_recorded_and_never_billed(
    #[case] test: bool,
    #[case] trust: Trust,
    #[case] why: Unbilled,
) {
    let mut stage = Stage::new();
    stage.trust = trust;
    stage.reserve("R1", START);
    stage.write(Fact::CallConnected(CallEnd { test, ..end("R1 pc c1") }));
    stage.until(10 * MINUTE_MS).write(Fact::CallDisconnected(CallEnd { test, ..end("R1 pc c1") }));
    let invoice = stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open());
    let rated = &invoice.reservations[0];
    assert_eq!((rated.unbilled, rated.given.yen, rated.connected_ms), (Some(why), 100, 10 * MINUTE_MS));
    assert_eq!((invoice.yen, invoice.total_yen), (0, 0));
    // A real connection of the same reservation is billed without them.
    stage.trust = Trust::Synced;
    stage.until(20 * MINUTE_MS).connect("R1 pc c2");
    stage.until(50 * MINUTE_MS).disconnect("R1 pc c2");
    assert_eq!(stage.calls().invoice("2026-11".parse().unwrap(), &nothing_open()).yen, 100);
}

#[test]
fn the_patients_side_changes_no_amount() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    let patients = |name| CallEnd { side: Side::Patient, ..end(name) };
    stage.write(Fact::CallConnected(patients("R1 phone p1")));
    stage.until(90 * MINUTE_MS).write(Fact::CallDisconnected(patients("R1 phone p1")));
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!((rated.given.yen, rated.unbilled), (0, Some(Unbilled::NoConnection)));
}

#[test]
fn a_connection_without_a_reservation_is_unrated_until_it_is_given_to_one() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connect("- pc c1");
    stage.until(10 * MINUTE_MS).disconnect("- pc c1");
    let november = "2026-11".parse().unwrap();
    let invoice = stage.calls().invoice(november, &nothing_open());
    assert_eq!((invoice.unassigned.len(), invoice.reservations.len(), invoice.yen), (1, 0, 0));
    let to = |to: Option<&str>| CallAssigned {
        endpoint: "pc".parse().unwrap(),
        connection: "c1".parse().unwrap(),
        to: to.map(|to| to.parse().unwrap()),
    };
    stage.write(Fact::CallAssigned(to(Some("R1"))));
    let invoice = stage.calls().invoice(november, &nothing_open());
    assert_eq!((invoice.unassigned.len(), invoice.yen), (0, 100));
    stage.write(Fact::CallAssigned(to(None)));
    assert_eq!(stage.calls().invoice(november, &nothing_open()).unassigned.len(), 1);
}

#[test]
fn a_reservation_that_was_moved_or_cancelled_after_its_call_says_so() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connections("R1", &[(0, 10 * MINUTE_MS)]);
    let moved = START.plus_ms(3 * 24 * 60 * MINUTE_MS);
    let reservation = "R1".parse().unwrap();
    stage.write(Fact::ReservationSet(Reservation { reservation, starts_at_ms: moved, cancelled: true, policy: None }));
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!(rated.flags, BTreeSet::from([Flag::Cancelled, Flag::OutsideWindow]));
    assert_eq!(rated.given.yen, 100, "the clinic was connected");
    let policy = rated.booked.and_then(|booked| booked.policy);
    assert_eq!(policy.unwrap().as_str(), "2026-04", "the policy that was shown at booking is kept");
}

#[test]
fn two_devices_at_once_count_once_and_are_flagged() {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.connections("R1", &[(0, 20 * MINUTE_MS), (10 * MINUTE_MS, 25 * MINUTE_MS)]);
    let rated = stage.calls().rated(&nothing_open()).remove(0);
    assert_eq!((rated.connected_ms, rated.flags), (25 * MINUTE_MS, BTreeSet::from([Flag::Overlap])));
}

#[test]
fn a_call_of_which_nothing_is_heard_is_over_after_three_heartbeats_and_not_before() {
    let mut stage = Stage::new();
    let begun = stage.connect("R1 pc c1");
    let by_hand = stage.connect("R1 pc -");
    let mut open = OpenCalls::default();
    stage.written.iter().for_each(|fact| open.after(fact));
    let beat = stage.until(60_000).now();
    let leases = [(begun, beat)].into();
    assert_eq!(open.lost(&leases, &stage.until(60_000 + SILENT_MS).now()), []);
    let lost = open.lost(&leases, &stage.until(60_001 + SILENT_MS).now());
    assert_eq!(lost.len(), 1, "what staff noted by hand is over when they say so");
    assert_eq!((lost[0].begun, lost[0].evidence, lost[0].reason), (begun, beat, EndReason::Silent));
    // After a restart nothing runs that ran before.
    let lost = open.lost(&leases, &stage.restart(1_000).now());
    let told: Vec<_> = lost.iter().map(|lost| (lost.begun, lost.reason)).collect();
    assert_eq!(told, [(begun, EndReason::Restarted), (by_hand, EndReason::Restarted)]);
    assert!(open.running(&key("R1 pc c1")).is_some());
}
