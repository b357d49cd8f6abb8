//! Settings looked at before they are kept, kept only by who has seen what stands, and taken back; the day's report.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Clinic, Told};

impl Clinic {
    async fn manager(&self) -> Value {
        self.get("/api/v1/manager").await.body
    }

    /// Looks at what a document would do, and checks that looking changes nothing.
    async fn preview(&self, settings: &Value, seen: &Value) -> Value {
        let n_facts = self.n_facts();
        let told = self.press("settings/preview", &json!({"settings": settings, "seen": seen}).to_string()).await;
        assert_eq!((told.status, self.n_facts()), (StatusCode::OK, n_facts), "{}", told.body);
        told.body
    }

    /// Keeps a document that was made from what the device had seen.
    async fn keep(&self, device: &str, settings: &Value, seen: &Value) -> Told {
        let (key, seen) = (format!("{device}-{}", self.n_facts()), format!("{seen}"));
        let headers = [("idempotency-key", key.as_str()), ("machiai-device", device), ("if-match", seen.as_str())];
        self.post("settings", &settings.to_string(), &headers).await
    }
}

/// Returns the document with one value changed.
fn with(settings: &Value, at: &str, to: Value) -> Value {
    let mut settings = settings.clone();
    *settings.pointer_mut(at).unwrap() = to;
    settings
}

#[tokio::test]
async fn a_change_is_looked_at_kept_and_taken_back() {
    let clinic = Clinic::open().await;
    let before = clinic.manager().await;
    let wanted = with(&before["settings"], "/rules/absent_back", json!(5));
    let told = clinic.preview(&wanted, &before["seen"]).await;
    assert_eq!(told["changes"], json!([{"path": ["rules", "absent_back"], "from": 3, "to": 5}]));
    assert_eq!((&told["problems"], &told["warnings"], &told["stale"]), (&json!([]), &json!([]), &Value::Null));

    assert_eq!(clinic.keep("manager/a", &wanted, &before["seen"]).await.status, StatusCode::OK);
    let kept = clinic.manager().await;
    assert_eq!(kept["settings"]["rules"]["absent_back"], 5);
    let newest = &kept["history"][0];
    assert_eq!((&newest["by"]["device"], &newest["can_undo"]), (&json!("manager/a"), &json!(true)));
    assert_eq!(newest["changes"], told["changes"]);

    let body = json!({"change": newest["id"]}).to_string();
    assert_eq!(clinic.press("settings/undo", &body).await.status, StatusCode::OK);
    let undone = clinic.manager().await;
    assert_eq!(undone["settings"], before["settings"]);
    assert_eq!(undone["history"][0]["changes"], json!([{"path": ["rules", "absent_back"], "from": 5, "to": 3}]));
    assert_eq!(undone["history"][1]["can_undo"], false);
    // It cannot be taken back twice.
    clinic.refuses("settings/undo", &body, (409, "settings_changed")).await;
    clinic.refuses("settings/undo", r#"{"change":"none"}"#, (409, "nothing_to_undo")).await;
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    let clinic = Clinic::open().await;
    let seen = clinic.manager().await;
    let mine = with(&seen["settings"], "/rules/family_most", json!(4));
    let theirs = with(&seen["settings"], "/rules/booked_grace_min", json!(20));
    assert_eq!(clinic.keep("manager/b", &theirs, &seen["seen"]).await.status, StatusCode::OK);

    let told = clinic.preview(&mine, &seen["seen"]).await;
    assert_eq!(told["stale"]["by"]["device"], "manager/b");
    let n_facts = clinic.n_facts();
    let refused = clinic.keep("manager/a", &mine, &seen["seen"]).await;
    refused.is_refusal(409, "settings_changed");
    assert_eq!(refused.body["values"]["who"], "manager/b");
    clinic.keep("manager/a", &mine, &json!("none")).await.is_refusal(409, "settings_changed");
    clinic.keep("manager/a", &mine, &json!("rubbish")).await.is_refusal(422, "bad_value");
    assert_eq!(clinic.n_facts(), n_facts);

    // Another part than theirs can still be taken back.
    let now = clinic.manager().await;
    let named = with(&now["settings"], "/site/name/ja", json!("待合内科"));
    assert_eq!(clinic.keep("manager/a", &named, &now["seen"]).await.status, StatusCode::OK);
    let history = clinic.manager().await["history"].clone();
    let theirs = json!({"change": history[1]["id"]}).to_string();
    assert_eq!(clinic.press("settings/undo", &theirs).await.status, StatusCode::OK);
    let settings = clinic.manager().await["settings"].clone();
    assert_eq!(
        (&settings["rules"]["booked_grace_min"], &settings["site"]["name"]["ja"]),
        (&json!(15), &json!("待合内科"))
    );
}

#[tokio::test]
async fn a_preview_says_everything_that_speaks_against_it() {
    let clinic = Clinic::open().await;
    clinic.press("lines/1001-1/tickets", "{}").await;
    let view = clinic.manager().await;
    let mut wanted = view["settings"].clone();
    wanted["lines"] = json!([{"line": 2, "name": {"ja": " "}}, {"line": 2, "name": {"ja": "外科"}, "prefix": "a"}]);
    wanted["rooms"] = json!([{"room": "room1", "name": {"ja": "とても長い名前の診察室"}, "lines": [2]}]);
    wanted["printers"] = json!([{"printer": "p1", "address": "http://printer", "profile": "no-such"}]);
    wanted["hours"]["week"] = json!([]);
    wanted["hours"]["closures"] = json!([{"from": "2026-12-31", "to": "2026-12-29"}]);
    let told = clinic.preview(&wanted, &view["seen"]).await;
    let codes = |of: &str| -> Vec<String> {
        let notes = told[of].as_array().unwrap().iter();
        notes.map(|note| format!("{} {}", note["place"].as_str().unwrap(), note["code"].as_str().unwrap())).collect()
    };
    let problems = codes("problems");
    for problem in [
        "line 2 twice",
        "printer p1 address",
        "printer p1 profile",
        "hours empty_closure",
        "line 2 prefix",
        "line 1 patients_in_line",
    ] {
        assert!(problems.iter().any(|found| found == problem), "no {problem} in {problems:?}");
    }
    let warnings = codes("warnings");
    for warning in ["room room1 long_name", "hours no_sessions"] {
        assert!(warnings.iter().any(|found| found == warning), "no {warning} in {warnings:?}");
    }
    clinic.refuses("settings", &wanted.to_string(), (422, "bad_settings")).await;
    clinic.refuses("settings/preview", r#"{"settings":{"site":1}}"#, (422, "body_not_understood")).await;
}

#[tokio::test]
async fn closing_today_warns_of_who_waits() {
    let clinic = Clinic::open().await;
    clinic.press("lines/1001-1/tickets", "{}").await;
    let view = clinic.manager().await;
    let closure = json!([{"from": view["today"], "to": view["today"]}]);
    let told = clinic.preview(&with(&view["settings"], "/hours/closures", closure), &view["seen"]).await;
    let open = json!([{"place": "line 1", "code": "open_today", "values": {"n": "1"}}]);
    assert_eq!(told["warnings"], open);
}

#[tokio::test]
async fn a_day_is_reported_whole() {
    let clinic = Clinic::open().await;
    for _ in 0..3 {
        clinic.press("lines/1001-1/tickets", "{}").await;
    }
    clinic.press("rooms/room1/call", "{}").await;
    clinic.press("rooms/room1/finish", "{}").await;
    let told = clinic.get("/api/v1/report").await.body;
    assert_eq!(
        (&told["day"], &told["days"], &told["is_over"]),
        (&json!("2026-11-24"), &json!(["2026-11-24"]), &json!(false))
    );
    assert_eq!(
        (&told["n_tickets"], &told["n_finished"], &told["left"].as_array().unwrap().len()),
        (&json!(3), &json!(1), &2)
    );
    assert_eq!(told["lines"][0]["issued"], json!({"kiosk": 3}));
    let other = clinic.get("/api/v1/report?day=2026-11-23").await.body;
    assert_eq!((&other["n_tickets"], &other["lines"][0]["n_seen"]), (&json!(0), &json!(0)));
    clinic.get("/api/v1/report?day=yesterday").await.is_refusal(422, "bad_value");
}
