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
    // What the vendor saw otherwise stands beside what is billed, and what it alone saw too.
    let list = "reservation,identity,connection,joined,left\n\
        -R1,clinic-1,PA_1,2026-11-24T13:00:00,2026-11-24T13:10:00\n\
        R7,clinic-1,PA_2,2026-11-24T14:00:00,\n";
    running.bring("calls/vendor/list", list).await;
    let text = clinic.carry_out(&["calls", "export", "--month", "2026-11"]);
    let rows: Vec<&str> = text.split_terminator("\r\n").collect();
    let apart = "提供元（一覧）の記録は600秒、当院の記録は0秒で、15秒を超えて違います。";
    assert!(rows.len() == 4 && rows[1].contains(apart), "{text}");
    assert_eq!(rows[3], "R7,,,,,,,,,,,,一覧の記録のうち1件は、接続と切断の片方だけです。");
    let december = clinic.carry_out(&["calls", "export", "--month", "2026-12"]);
    assert_eq!(december.split_terminator("\r\n").count(), 1);
    running.stop();
}

/// A tariff as it stands in the settings document.
const TARIFF: &str = r#"
[[tariffs]]
from = "2026-11-01"
tariff = { name = "own", version = 2, rule = "per_connection", unit_min = 15, unit_yen = 70, gap_min = 0, tax_permille = 100 }
"#;

#[tokio::test]
async fn a_tariff_is_a_part_of_the_settings_document_and_goes_with_it() {
    let clinic = Clinic::new("2026-11-24 04:00:00");
    let plain = clinic.carry_out(&["settings", "export"]);
    assert!(plain.contains("tariffs = []"), "{plain}");
    let file = clinic.folder.path().join("new.toml");
    let import = |text: &str| {
        machiai_hw_tests::demo::daemon::write(&file, text).unwrap();
        clinic.carry_out(&["settings", "import", file.to_str().unwrap()])
    };
    let with_tariff = plain.replace("tariffs = []\n", "") + TARIFF;
    assert_eq!(import(&with_tariff), "1 settings changed\n");
    let told = clinic.carry_out(&["settings", "export"]);
    assert!(told.contains("name = \"own\"") && told.contains("from = \"2026-11-01\""), "{told}");
    assert_eq!(import(&told), "0 settings changed\n", "what was written reads as it stands");

    let mut running = clinic.start();
    for connection in ["c1", "c2"] {
        running.press("calls/connect", call(connection)).await;
        Stopwatch::start().wait_until(AFTER_THE_LAST);
        running.press("calls/disconnect", call(connection)).await;
    }
    let rated = async |running: &crate::faults::Running| {
        let of = running.get("calls").await["reservations"][0].clone();
        (of["tariff"].as_str().unwrap().to_owned(), of["version"].clone(), of["units"].clone(), of["yen"].clone())
    };
    assert_eq!(rated(&running).await, ("own".to_owned(), json!(2), json!(2), json!(140)));
    // Taken out of the document it is taken back.
    running.stop();
    assert_eq!(import(&plain), "1 settings changed\n");
    let running = clinic.start();
    assert_eq!(rated(&running).await, ("reservation-total".to_owned(), json!(1), json!(1), json!(100)));
    running.stop();
}

#[tokio::test]
async fn a_call_that_ran_when_the_journal_was_restored_ends_once_and_flagged_at_its_last_heartbeat() {
    let clinic = Clinic::new("2026-11-24 04:00:00");
    let mut running = clinic.start();
    let whole = Stopwatch::start();
    running.press("calls/connect", call("c1")).await;
    let since_connected = Stopwatch::start();
    running.press("calls/heartbeat", call("c1")).await;
    let copy = clinic.folder.path().join("copy.db").display().to_string();
    clinic.carry_out(&["journal", "backup", &copy]);
    // It goes on after the copy was made, until the box dies.
    Stopwatch::start().wait_until(AFTER_THE_LAST);
    let least = since_connected.read();
    running.press("calls/heartbeat", call("c1")).await;
    let most = whole.read();
    running.kill();
    clinic.carry_out(&["journal", "restore", &copy]);
    let running = clinic.start();
    let told = running.get("calls").await;
    assert_eq!(told["open"], json!([]));
    let connections = told["reservations"][0]["connections"].as_array().unwrap();
    assert_eq!((connections.len(), &connections[0]["flags"]), (1, &json!(["restarted"])), "{connections:?}");
    let length = Duration::from_millis(connections[0]["length_ms"].as_u64().unwrap());
    let tick = Duration::from_millis(2);
    assert!(least <= length + tick && length <= most + tick, "{length:?} is not within {least:?} and {most:?}");
    running.stop();
}
