//! Bad input about consultation calls, and the vendors' webhooks from outside.

use axum::http::StatusCode;
use machiai_core::time::AtMs;
use serde_json::json;

use super::Clinic;
use crate::house;
use crate::intake::vendor::tests::{FOREIGN, LIVEKIT, LIVEKIT_TOKEN, TWILIO, TWILIO_SIGNATURE};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_request_about_a_call_that_cannot_be_is_refused() {
    let clinic = Clinic::open().await;
    let key = r#""reservation":"R1","endpoint":"pc","connection":"c1""#;
    let at_once = |more: &str| format!("{{{key}{more}}}");
    for (path, body, code) in [
        ("heartbeat", at_once(""), "call_not_running"),
        ("disconnect", at_once(""), "call_not_running"),
        ("mark", at_once(r#","mark":"started""#), "call_not_running"),
        ("mark", at_once(r#","mark":"eaten""#), "body_not_understood"),
        ("disconnect", at_once(r#","reason":"silent""#), "body_not_understood"),
        ("connect", at_once(r#","side":"patient""#), "body_not_understood"),
        ("connect", at_once(r#","reason":"left""#), "body_not_understood"),
        ("heartbeat", at_once(r#","by_hand":true"#), "body_not_understood"),
        ("disconnect", at_once(r#","sent_ms":0"#), "body_not_understood"),
        ("mark", at_once(r#","mark":"started","reason":"left""#), "body_not_understood"),
        ("connect", r#"{"reservation":"<b>"}"#.to_owned(), "body_not_understood"),
        ("connect", "{}".to_owned(), "bad_value"),
        ("assign", r#"{"endpoint":"pc","connection":"c9","to":"R1"}"#.to_owned(), "unknown_call"),
        ("tariff", r#"{"from":"2026-11-01"}"#.to_owned(), "body_not_understood"),
        ("reservations", r#"{"reservation":"R1","starts_at_ms":0,"name":"x"}"#.to_owned(), "body_not_understood"),
    ] {
        let told = clinic.press(&format!("calls/{path}"), &body).await;
        assert_eq!(told.body["code"], code, "{path} {body}");
        assert!(told.status.is_client_error() && told.kind == "application/problem+json");
    }
    assert_eq!(clinic.get("/api/v1/calls?month=2026-13").await.body["code"], "bad_value");
    let told = clinic.get("/api/v1/calls").await.body;
    assert_eq!((&told["reservations"], &told["unassigned"], &told["open"]), (&json!([]), &json!([]), &json!([])));
}

#[tokio::test]
async fn a_call_of_which_nothing_is_heard_ends_at_its_last_heartbeat_and_one_by_hand_goes_on() {
    let clinic = Clinic::open_at_speed(500).await;
    let beating = r#"{"reservation":"R1","endpoint":"pc","connection":"c1"}"#;
    assert_eq!(clinic.press("calls/connect", beating).await.status, StatusCode::OK);
    assert_eq!(
        clinic.press("calls/connect", r#"{"reservation":"R2","endpoint":"pc","by_hand":true}"#).await.status,
        StatusCode::OK
    );
    assert_eq!(clinic.press("calls/heartbeat", beating).await.body["happened"], json!([]));
    let seen: Vec<_> = clinic.app.gate.leases().into_values().collect();
    assert_eq!(seen.len(), 1, "a heartbeat is kept");
    house::keep_calls(&clinic.app).await;
    assert_eq!(clinic.app.gate.leases().len(), 2, "what staff noted by hand is renewed");
    while clinic.app.gate.clock.now().0.since(seen[0].at_ms) <= 46_000 {
        tokio::task::yield_now().await;
    }
    house::keep_calls(&clinic.app).await;
    let told = clinic.get("/api/v1/calls").await.body;
    assert_eq!((told["open"].as_array().unwrap().len(), &told["open"][0]["reservation"]), (1, &json!("R2")));
    let ended = &told["reservations"][0]["connections"][0];
    assert_eq!((&ended["standing"], &ended["flags"]), (&json!({"ended": "silent"}), &json!(["silent"])));
    let length_ms = seen[0].at_ms.since(AtMs(ended["from_ms"].as_i64().unwrap()));
    assert!((ended["length_ms"].as_i64().unwrap() - length_ms).abs() <= 1, "{ended} is not {length_ms}");
    assert_eq!(clinic.app.gate.leases().len(), 1, "its lease is gone with it");
    house::keep_calls(&clinic.app).await;
    let again = clinic.get("/api/v1/calls").await.body;
    assert_eq!(again["reservations"][0]["connections"].as_array().unwrap().len(), 1, "once");
}

#[tokio::test]
async fn a_webhook_is_taken_once_and_refused_unless_it_is_signed() {
    let clinic = Clinic::open().await;
    let livekit = async |token: &str| clinic.post("calls/vendor/livekit", LIVEKIT, &[("authorization", token)]).await;
    for foreign in FOREIGN {
        let told = livekit(foreign).await;
        assert_eq!((told.status, &told.body["code"]), (StatusCode::UNAUTHORIZED, &json!("not_signed")));
    }
    let told = livekit(LIVEKIT_TOKEN).await;
    assert_eq!((&told.body["happened"], &told.body["replayed"]), (&json!(["CallWitnessed"]), &json!(false)));
    assert_eq!(livekit(LIVEKIT_TOKEN).await.body["replayed"], true, "what comes twice is one");

    let twilio = async |signature: &str| {
        clinic.post("calls/vendor/twilio", TWILIO, &[FORM, ("x-twilio-signature", signature)]).await
    };
    assert_eq!(twilio("AAAA").await.body["code"], "not_signed");
    assert_eq!(twilio(TWILIO_SIGNATURE).await.body["happened"], json!(["CallWitnessed"]));
    assert_eq!(twilio(TWILIO_SIGNATURE).await.body["replayed"], true);

    let differences = clinic.get("/api/v1/calls?month=2026-11").await.body["differences"].clone();
    let half: Vec<_> = differences.as_array().unwrap().iter().map(|it| (&it["vendor"], &it["n_half"])).collect();
    assert_eq!(half, [(&json!("livekit"), &json!(1)), (&json!("twilio"), &json!(1))], "neither told that it left");
}

#[tokio::test]
async fn ten_mebibytes_from_a_vendor_are_refused() {
    let clinic = Clinic::open().await;
    let long = "x".repeat(10 * 1024 * 1024);
    for (path, headers) in
        [("livekit", vec![("authorization", LIVEKIT_TOKEN)]), ("twilio", vec![FORM]), ("list", vec![])]
    {
        let told = clinic.post(&format!("calls/vendor/{path}"), &long, &headers).await;
        assert_eq!(
            (told.status, &told.body["code"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("body_too_large")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_tariff_is_tried_on_calls_that_are_made_up_and_changes_nothing() {
    let clinic = Clinic::open().await;
    let n_facts = clinic.n_facts();
    let tried = async |of: &str| {
        clinic.get(&format!("/api/v1/calls/example?name=own&version=2&{of}&gap_min=10&tax_permille=100")).await
    };
    for (rule, units) in [
        ("reservation_total", [1, 2, 1, 1]),
        ("span", [1, 2, 1, 2]),
        ("per_connection", [1, 2, 2, 2]),
        ("windows", [1, 2, 1, 2]),
        ("merge_gap", [1, 2, 1, 2]),
    ] {
        let told = tried(&format!("rule={rule}&unit_min=30&unit_yen=70")).await.body;
        let given: Vec<_> = told.as_array().unwrap().iter().map(|it| it["units"].as_u64().unwrap()).collect();
        assert_eq!(given, units, "{rule}");
        assert_eq!(told[1]["yen"], 140);
        assert_eq!(told[3]["stretches"][1], json!({"from_ms": 2_100_000, "to_ms": 2_700_000}));
    }
    let told = tried("rule=span&unit_min=30&unit_yen=70").await.body;
    let how = "最初の接続から最後の切断まで45分0秒です。30分単位で切り上げ、2単位 × 70円 = 140円（税別）です。";
    assert_eq!((&told[3]["how"]["ja"], told[3]["how"]["en"].is_string()), (&json!(how), true));
    for bad in ["rule=span&unit_min=0&unit_yen=70", "rule=none&unit_min=15&unit_yen=70", "rule=span&unit_yen=70"] {
        let told = tried(bad).await;
        assert_eq!((told.status.is_client_error(), &told.body["code"]), (true, &json!("bad_value")), "{bad}");
    }
    assert_eq!(clinic.n_facts(), n_facts);
}

#[tokio::test]
async fn a_list_is_taken_once_and_a_broken_one_not_at_all() {
    let clinic = Clinic::open().await;
    let good =
        "reservation,identity,connection,joined,left\nR1,clinic-1,PA_1,2026-11-24T08:31:10,2026-11-24T08:41:10\n";
    let broken = format!("{good}R1,clinic-1,PA_2,yesterday,\n");
    assert_eq!(listed(&clinic, &broken).await, json!(["list_broken", "3"]));
    assert_eq!(clinic.get("/api/v1/calls").await.body["differences"], json!([]));
    assert_eq!(listed(&clinic, good).await, json!(["CallWitnessed", "CallWitnessed"]));
    assert_eq!(clinic.post("calls/vendor/list", good, &[]).await.body["replayed"], true);
    assert_eq!(clinic.get("/api/v1/calls").await.body["differences"][0]["theirs_ms"], 600_000);
}

async fn listed(clinic: &Clinic, body: &str) -> serde_json::Value {
    let told = clinic.post("calls/vendor/list", body, &[]).await.body;
    if told["code"].is_null() { told["happened"].clone() } else { json!([told["code"], told["values"]["line"]]) }
}
