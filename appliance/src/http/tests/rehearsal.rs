//! The rehearsal desk: a copy of the day on which every button works, and of which the real clinic knows nothing.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Clinic;
use crate::rehearsal;

const TICKET: &str = "lines/1001-1/tickets";

impl Clinic {
    async fn rehearse(&self) {
        assert_eq!(self.press("rehearsal/start", "{}").await.status, StatusCode::NO_CONTENT);
    }

    /// Presses a button of the rehearsal desk.
    async fn practise(&self, path: &str, body: &str) -> Value {
        let nth = self.n_presses.get() + 1;
        self.n_presses.set(nth);
        let (key, device) = (format!("key-{nth}"), format!("d/{nth}"));
        let headers = [("idempotency-key", key.as_str()), ("machiai-device", device.as_str())];
        let told = self.send_to(&format!("/rehearsal/api/v1/{path}"), body, &headers).await;
        assert_eq!(told.status, StatusCode::OK, "{path}: {}", told.body);
        told.body
    }

    async fn desk(&self, root: &str) -> Value {
        self.get(&format!("{root}/api/v1/desk")).await.body
    }
}

/// Returns what a desk shows of the queue.
fn queue(desk: &Value) -> Value {
    json!([desk["day"], desk["rooms"], desk["lines"], desk["unprinted"], desk["message"], desk["sessions"]])
}

#[tokio::test]
async fn a_rehearsal_begins_as_the_day_is_and_changes_nothing_of_it() {
    let clinic = Clinic::open().await;
    clinic.press(TICKET, r#"{"name": "髙﨑 花子", "phone": "090-0000-0000"}"#).await;
    clinic.press(TICKET, "{}").await;
    clinic.press("rooms/room1/call", "{}").await;
    clinic.rehearse().await;
    let (real, n_facts) = (clinic.desk("").await, clinic.n_facts());
    assert_eq!(queue(&clinic.desk("/rehearsal").await), queue(&real));

    let given = clinic.practise(TICKET, r#"{"name": "練習 太郎"}"#).await;
    let label = given["tickets"][0]["label"].as_str().unwrap().to_owned();
    clinic.practise("rooms/room1/enter", "{}").await;
    clinic.practise("rooms/room1/call", "{}").await;
    clinic.practise("message", r#"{"text": "練習です"}"#).await;
    let rehearsed = clinic.desk("/rehearsal").await;
    assert_eq!(rehearsed["message"], "練習です");
    assert_eq!(rehearsed["rooms"][0]["now"][0]["label"], real["lines"][0]["waiting"][0]["label"]);
    assert_eq!((queue(&clinic.desk("").await), clinic.n_facts()), (queue(&real), n_facts));

    // What was typed in the rehearsal can be read there; the real patient's name cannot.
    let of = async |label: &str| clinic.get(&format!("/rehearsal/api/v1/visits?label={label}")).await.body;
    assert_eq!(of(&label).await["personal"]["name"], "練習 太郎");
    let first = of(real["rooms"][0]["now"][0]["label"].as_str().unwrap_or("1")).await;
    assert_eq!((&first["has_personal"], &first["personal"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_rehearsal_marks_its_facts_and_counts_papers_as_printed_without_a_printer() {
    let clinic = Clinic::open().await;
    let mut settings = clinic.get("/api/v1/settings").await.body;
    settings["printers"] =
        json!([{"printer": "p1", "address": "tcp:127.0.0.1:9", "profile": "epson-80", "lines": [1]}]);
    let told = clinic.press("settings", &settings.to_string()).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    clinic.rehearse().await;
    let inner = clinic.app.rehearsals.copy().unwrap();
    let mut changes = inner.gate.changes();
    clinic.practise(TICKET, "{}").await;
    while inner.gate.read(|clinic| !clinic.printing.is_empty()) {
        changes.changed().await.unwrap();
    }
    let unprinted = clinic.desk("/rehearsal").await["unprinted"].clone();
    assert_eq!(unprinted, json!([]), "the paper counts as printed");
    assert!(inner.gate.read(|clinic| clinic.rehearsal), "its facts are marked");
}

#[tokio::test]
async fn a_rehearsal_can_begin_again_ends_with_its_folder_and_never_becomes_the_real_desk() {
    let clinic = Clinic::open().await;
    let refused = clinic.send_to("/rehearsal/api/v1/lines/1001-1/tickets", "{}", &[]).await;
    refused.is_refusal(409, "no_rehearsal");
    assert_eq!(clinic.get("/rehearsal/desk").await.status, StatusCode::OK, "the page offers to begin one");

    clinic.rehearse().await;
    clinic.practise(TICKET, "{}").await;
    assert_eq!(clinic.desk("/rehearsal").await["lines"][0]["waiting"].as_array().unwrap().len(), 1);
    clinic.rehearse().await;
    assert_eq!(clinic.desk("/rehearsal").await["lines"][0]["waiting"], json!([]));
    let folder = clinic.app.rehearsals.folder();
    assert!(folder.join("journal.db").exists());

    // Settings, people and devices are not there to be rehearsed.
    for path in ["staff", "devices", "manager", "board"] {
        assert_eq!(clinic.get(&format!("/rehearsal/api/v1/{path}")).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let told = clinic.send_to("/rehearsal/api/v1/settings", "{}", &[]).await;
    assert_eq!(told.status, StatusCode::METHOD_NOT_ALLOWED);

    assert_eq!(clinic.press("rehearsal/end", "{}").await.status, StatusCode::NO_CONTENT);
    clinic.get("/rehearsal/api/v1/desk").await.is_refusal(409, "no_rehearsal");
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_rehearsal_nobody_touches_is_over_after_an_hour() {
    let clinic = Clinic::open().await;
    clinic.rehearse().await;
    let touched = clinic.app.gate.clock.now().0;
    rehearsal::end_if_over_at(&clinic.app, touched.plus_ms(59 * 60 * 1_000)).await;
    assert_eq!(clinic.get("/rehearsal/api/v1/desk").await.status, StatusCode::OK);
    rehearsal::end_if_over_at(&clinic.app, touched.plus_ms(61 * 60 * 1_000)).await;
    clinic.get("/rehearsal/api/v1/desk").await.is_refusal(409, "no_rehearsal");
}
