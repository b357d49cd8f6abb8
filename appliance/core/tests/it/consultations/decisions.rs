//! What is asked of calls: what is refused and why, and what is written otherwise.

use std::collections::BTreeMap;

use machiai_core::call::decide::{CallCommand, decide};
use machiai_core::call::open::{Lost, MAX_OPEN, OpenCalls};
use machiai_core::call::told::{CallAssigned, EndReason, Mark, Side};
use machiai_core::facts::Fact;
use machiai_core::time::HOUR_MS;

use super::{MINUTE_MS, START, Stage, key};

/// Returns the values of each refusal that calls alone can meet.
pub(crate) fn values_by_code() -> BTreeMap<String, Vec<String>> {
    let mut stage = Stage::new();
    stage.connect("R1 pc c1");
    stage.connect("- pc c1");
    stage.reserve("late", START.plus_ms(2 * HOUR_MS));
    let assign = |connection, to| CallCommand::Assign { assigned: assigned(connection, to) };
    let commands = [
        connect("R1 pc c1"),
        disconnect("R1 pc c2"),
        beat("R1 pc c1", HOUR_MS),
        assign("c2", "late"),
        assign("c1", "R9"),
        assign("c1", "late"),
    ];
    let refused = commands.map(|command| decide(&open(&stage), &command, stage.at).unwrap_err());
    refused.into_iter().map(|it| (it.code.to_string(), it.values.into_keys().collect())).collect()
}

fn assigned(connection: &str, to: &str) -> CallAssigned {
    let (endpoint, to) = ("pc".parse().unwrap(), Some(to.parse().unwrap()));
    CallAssigned { endpoint, connection: connection.parse().unwrap(), to }
}

fn open(stage: &Stage) -> OpenCalls {
    let mut open = OpenCalls::default();
    stage.written.iter().for_each(|fact| open.after(fact));
    open
}

/// Decides, writes what was decided, and returns the kinds written or the code of the refusal.
fn ask(stage: &mut Stage, command: &CallCommand) -> String {
    match decide(&open(stage), command, stage.at) {
        Err(refusal) => refusal.code.to_string(),
        Ok(facts) => {
            let kinds: Vec<String> = facts.iter().map(|fact| fact.kind().to_owned()).collect();
            for fact in facts {
                stage.write(fact);
            }
            kinds.join(" ")
        }
    }
}

fn connect(name: &str) -> CallCommand {
    CallCommand::Connect { call: key(name), side: Side::Clinic, test: false, by_hand: false }
}

fn disconnect(name: &str) -> CallCommand {
    CallCommand::Disconnect { call: key(name), reason: Some(EndReason::Left) }
}

fn beat(name: &str, ahead_ms: i64) -> CallCommand {
    CallCommand::Beat { call: key(name), sent: Some(START.plus_ms(ahead_ms)) }
}

#[test]
fn a_call_connects_beats_and_disconnects_and_a_heartbeat_is_no_fact() {
    let mut stage = Stage::new();
    let mark =
        CallCommand::Mark { call: key("R1 pc c1"), mark: Mark::Started, place: Some("s3://a/b".parse().unwrap()) };
    for (command, expected) in [
        (disconnect("R1 pc c1"), "call_not_running"),
        (beat("R1 pc c1", 0), "call_not_running"),
        (mark.clone(), "call_not_running"),
        (connect("R1 pc c1"), "CallConnected"),
        (connect("R1 pc c1"), "call_running"),
        (connect("R1 pc c2"), "CallConnected"),
        (beat("R1 pc c1", 0), ""),
        (beat("R1 pc c1", 5 * MINUTE_MS), ""),
        (beat("R1 pc c1", 5 * MINUTE_MS + 1), "from_the_future"),
        (mark, "RecordingMarked"),
        (disconnect("R1 pc c1"), "CallDisconnected"),
        (disconnect("R1 pc c1"), "call_not_running"),
        (beat("R1 pc c1", 0), "call_not_running"),
    ] {
        assert_eq!(ask(&mut stage, &command), expected, "{command:?}");
    }
    assert_eq!(open(&stage).open.len(), 1);
}

#[test]
fn a_connection_that_nobody_could_ever_assign_is_refused() {
    assert_eq!(ask(&mut Stage::new(), &connect("- pc -")), "bad_value");
}

#[test]
fn so_many_calls_at_once_there_cannot_be() {
    let mut stage = Stage::new();
    for nth in 0..MAX_OPEN {
        stage.connect(&format!("R{nth} pc c1"));
    }
    assert_eq!(ask(&mut stage, &connect("R1 pc more")), "too_many");
}

#[test]
fn a_loose_connection_is_assigned_within_an_hour_before_and_a_day_after_the_start() {
    for (starts_ms, expected) in [
        (HOUR_MS, "CallAssigned"),
        (HOUR_MS + 1, "outside_window"),
        (-24 * HOUR_MS, "CallAssigned"),
        (-24 * HOUR_MS - 1, "outside_window"),
    ] {
        let mut stage = Stage::new();
        stage.connect("- pc c1");
        let assign = |connection, to| CallCommand::Assign { assigned: assigned(connection, to) };
        assert_eq!(ask(&mut stage, &assign("c1", "R1")), "unknown_reservation");
        stage.reserve("R1", START.plus_ms(starts_ms));
        assert_eq!(ask(&mut stage, &assign("c2", "R1")), "unknown_call");
        assert_eq!(ask(&mut stage, &assign("c1", "R1")), expected, "{starts_ms}");
    }
}

#[test]
fn a_lost_call_is_ended_once_at_its_last_evidence() {
    let mut stage = Stage::new();
    let begun = stage.connect("R1 pc c1");
    let evidence = stage.until(MINUTE_MS).now();
    let lost = vec![Lost { begun, evidence, reason: EndReason::Silent }];
    let end = CallCommand::End { lost };
    assert_eq!(ask(&mut stage, &end), "CallDisconnected");
    assert_eq!(ask(&mut stage, &end), "");
    let written = stage.written.last().unwrap();
    assert!(matches!(&written.fact, Fact::CallDisconnected(end) if end.evidence == Some(evidence)), "{written:?}");
}
