//! Consultation calls on a real box: heartbeats that make no fact, a box that dies in the middle of a call.

use std::time::Duration;

use machiai_hw_tests::demo::facts::{self, Fact};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use serde_json::{Value, json};

use crate::faults::Clinic;

/// How long the box goes on after the last heartbeat, before it dies.
const AFTER_THE_LAST: Duration = Duration::from_millis(400);

fn call(connection: &str) -> Value {
    json!({"reservation": "R1", "endpoint": "doctor-pc", "connection": connection})
}

fn of_calls(clinic: &Clinic) -> Vec<Fact> {
    let facts = facts::read(&clinic.carry_out(&["journal", "export"])).unwrap();
    facts.into_iter().filter(|fact| fact.kind.starts_with("Call")).collect()
}

/// Returns for how long a connection lasted, by its facts.
fn length_ms(clinic: &Clinic) -> u64 {
    let text = clinic.carry_out(&["journal", "export"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().find(|line| line["kind"] == kind).unwrap();
    let (begun, ended) = (of("CallConnected"), &of("CallDisconnected")["body"]["evidence"]);
    assert_eq!(ended["boot"], begun["boot"], "evidence of another start");
    ended["mono_ms"].as_u64().unwrap() - begun["mono_ms"].as_u64().unwrap()
}

#[tokio::test]
async fn a_box_that_is_killed_in_the_middle_of_a_call_ends_it_once_at_the_last_heartbeat() {
    let clinic = Clinic::new("2026-11-24 04:00:00");
    let mut running = clinic.start();
    running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    let whole = Stopwatch::start();
    running.press("calls/connect", call("c1")).await;
    let since_connected = Stopwatch::start();
    let n_facts = |clinic: &Clinic| clinic.carry_out(&["journal", "export"]).lines().count();
    let n_before = n_facts(&clinic);
    for _ in 0..3 {
        assert_eq!(running.press("calls/heartbeat", call("c1")).await["happened"], json!([]));
    }
    assert_eq!(n_facts(&clinic), n_before, "a heartbeat is no fact");
    // The wall clock jumps by a day in the middle of the call.
    clinic.set_wall("2026-11-25 04:00:00");
    let least = since_connected.read();
    running.press("calls/heartbeat", call("c1")).await;
    let most = whole.read();
    Stopwatch::start().wait_until(AFTER_THE_LAST);
    running.kill();

    // It dies again as soon as it is there again, and again.
    for _ in 0..3 {
        clinic.start().kill();
    }
    let told = of_calls(&clinic);
    let kinds: Vec<&str> = told.iter().map(|fact| fact.kind.as_str()).collect();
    assert_eq!(kinds, ["CallConnected", "CallDisconnected"], "once");
    assert_eq!(told[1].text("reason"), "restarted");
    let length = Duration::from_millis(length_ms(&clinic));
    let tick = Duration::from_millis(2);
    assert!(least <= length + tick && length <= most + tick, "{length:?} is not within {least:?} and {most:?}");
}

#[tokio::test]
async fn a_call_goes_on_as_another_connection_after_the_box_came_back() {
    let clinic = Clinic::new("2026-11-24 04:00:00");
    let mut running = clinic.start();
    running.press("calls/connect", call("c1")).await;
    running.kill();
    let mut running = clinic.start();
    assert_eq!(running.refused("calls/heartbeat", call("c1")).await, "call_not_running");
    assert_eq!(running.refused("calls/disconnect", call("c1")).await, "call_not_running");
    running.press("calls/connect", call("c2")).await;
    assert_eq!(running.refused("calls/connect", call("c2")).await, "call_running");
    let ahead =
        json!({"reservation": "R1", "endpoint": "doctor-pc", "connection": "c2", "sent_ms": 1_900_000_000_000_i64});
    assert_eq!(running.refused("calls/heartbeat", ahead).await, "from_the_future");
    running.press("calls/disconnect", call("c2")).await;
    running.stop();
    let told = of_calls(&clinic);
    let ends: Vec<(&str, &str)> = told.iter().map(|fact| (fact.kind.as_str(), fact.text("connection"))).collect();
    let expected =
        [("CallConnected", "c1"), ("CallDisconnected", "c1"), ("CallConnected", "c2"), ("CallDisconnected", "c2")];
    assert_eq!(ends, expected);
}

#[tokio::test]
async fn a_month_is_written_for_spreadsheets_in_both_encodings() {
    let clinic = Clinic::new("2026-11-24 04:00:00");
    let mut running = clinic.start();
    let booked = json!({"reservation": "-R1", "starts_at_ms": 1_795_492_800_000_i64, "policy": "2026-04"});
    running.press("calls/reservations", booked).await;
    let of = |connection: &str| json!({"reservation": "-R1", "endpoint": "doctor-pc", "connection": connection});
    running.press("calls/connect", of("c1")).await;
    Stopwatch::start().wait_until(AFTER_THE_LAST);
    running.press("calls/disconnect", of("c1")).await;
    running.press("calls/connect", json!({"endpoint": "doctor-pc", "connection": "c2"})).await;

    // While the daemon runs, and of this month unless another is asked for.
    let file = clinic.folder.path().join("calls.csv");
    clinic.carry_out(&["calls", "export", "--month", "2026-11", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    let rows: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 3, "{text}");
    assert!(rows[0].starts_with("\u{FEFF}予約,予約の時刻,"), "{}", rows[0]);
    assert!(rows[1].starts_with("'-R1,2026-11-24T13:00:00.000+09:00,2026-04,1,"), "no cell is run: {}", rows[1]);
    assert!(rows[1].contains(",reservation-total,1,1,100,100,医院側の接続は1回、合計0分0秒です。"), "{}", rows[1]);
    assert!(rows[2].starts_with(",,,1,2026-11-24T"), "{}", rows[2]);
    clinic.carry_out(&["calls", "export", "--encoding", "shift-jis", "--month", "2026-11", file.to_str().unwrap()]);
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"\x97\x5c\x96\xf1,"), "予約 in Shift_JIS");
    let december = clinic.carry_out(&["calls", "export", "--month", "2026-12"]);
    assert_eq!(december.split_terminator("\r\n").count(), 1);
    running.stop();
}
