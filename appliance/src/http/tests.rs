//! Bad input: each request gets a clear refusal and changes nothing.

mod calls;
mod manager;
mod rehearsal;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use machiai_core::command::Command;
use machiai_core::time::{AtMs, HOUR_MS};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::access::Via;
use crate::access::guard::is_loopback;
use crate::app::{Frame, Shared};
use crate::config::Config;
use crate::{daemon, http};

const SETTINGS: &str = r#"{
    "site": {"name": {"ja": "髙﨑 <&\" 𠮷クリニック"}, "patient_url": "https://q.example/"},
    "hours": {"sessions": [{"session": "morning", "name": {"ja": "午前"}, "from": "8:30", "to": "12:00"}],
              "week": [{"days": ["mon","tue","wed","thu","fri","sat","sun"], "sessions": ["morning"]}]},
    "lines": [{"line": 1, "name": {"ja": "内科"}}, {"line": 2, "name": {"ja": "小児科"}, "first_number": 501}],
    "rooms": [{"room": "room1", "name": {"ja": "第1診察室"}, "lines": [1]},
              {"room": "room2", "name": {"ja": "第2診察室"}, "lines": [1]}]
}"#;

/// A clinic in a folder of its own, on a clock that runs as real time does.
struct Clinic {
    app: Shared,
    _folder: tempfile::TempDir,
    n_presses: std::cell::Cell<u32>,
}

/// One answer.
struct Told {
    status: StatusCode,
    kind: String,
    body: Value,
}

impl Clinic {
    async fn open() -> Self {
        Self::open_at_speed(1).await
    }

    /// Opens it on a clock that runs so many times faster.
    async fn open_at_speed(speed: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "site = 1001\nstate = \"{}\"\nballast_mib = 0\n[rehearsal]\nstarts = \"2026-11-24T08:31:00+09:00\"\nspeed = {speed}\n{}",
            folder.path().join("state").display(),
            crate::intake::vendor::tests::CONFIG,
        );
        let config: Config = toml::from_str(&text).unwrap();
        let (gate, after) = daemon::open(&config, None, Box::new(|| ())).unwrap();
        let app = daemon::assemble(&config, gate, after).unwrap();
        let clinic = Self { app, _folder: folder, n_presses: std::cell::Cell::new(0) };
        assert_eq!(clinic.press("settings", SETTINGS).await.status, StatusCode::OK);
        assert_eq!(clinic.press("lines/1001-1/open", r#"{"session":"morning"}"#).await.status, StatusCode::OK);
        clinic
    }

    /// Presses a button with a fresh key, on a device that pressed nothing before.
    async fn press(&self, path: &str, body: &str) -> Told {
        let nth = self.n_presses.get() + 1;
        self.n_presses.set(nth);
        self.post(path, body, &[("idempotency-key", &format!("key-{nth}")), ("machiai-device", &format!("d/{nth}"))])
            .await
    }

    async fn post(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Told {
        self.send_to(&format!("/api/v1/{path}"), body, headers).await
    }

    async fn send_to(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Told {
        let mut request = Request::post(path).header("host", "127.0.0.1:8110");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn get(&self, path: &str) -> Told {
        self.send(Request::get(path).header("host", "localhost").body(Body::empty()).unwrap()).await
    }

    async fn text(&self, path: &str) -> String {
        let asked = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let response = http::router(Arc::clone(&self.app), Via::Box).oneshot(asked).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    async fn send(&self, request: Request<Body>) -> Told {
        let response = http::router(Arc::clone(&self.app), Via::Box).oneshot(request).await.unwrap();
        let status = response.status();
        let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Told { status, kind: kind.unwrap_or_default(), body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    /// Opens a board and returns its stream with the first frame that it shows.
    async fn look(&self) -> (Body, String) {
        let asked = Request::get("/api/v1/board/events").header("host", "localhost").body(Body::empty()).unwrap();
        let mut body = http::router(Arc::clone(&self.app), Via::Box).oneshot(asked).await.unwrap().into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        (body, String::from_utf8(first.to_vec()).unwrap())
    }

    fn n_facts(&self) -> u64 {
        self.app.gate.read(|clinic| clinic.n_facts)
    }

    /// Checks that a request is refused with a status and a code, in both languages, and changes nothing.
    async fn refuses(&self, path: &str, body: &str, (status, code): (u16, &str)) {
        let n_facts = self.n_facts();
        let told = self.press(path, body).await;
        told.is_refusal(status, code);
        assert_eq!(self.n_facts(), n_facts, "{path} {body} was refused and changed something");
    }
}

impl Told {
    fn is_refusal(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        assert_eq!(self.kind, "application/problem+json");
        for title in ["title", "title_ja"] {
            let told = self.body[title].as_str().unwrap();
            assert!(told != code && told.chars().count() > 5, "{code} has no words in {title}: {told}");
            assert!(!told.contains('{'), "{code} lacks a value: {told}");
        }
    }
}

#[tokio::test]
async fn a_night_in_which_the_box_keeps_house_opens_the_next_day_and_redates_none() {
    let clinic = Clinic::open_at_speed(20_000).await;
    let day = || clinic.app.gate.read(|clinic| clinic.day.unwrap());
    let first = day();
    let begun = clinic.app.gate.clock.now().0;
    while day() == first {
        clinic.app.ask_itself(Command::KeepHouse).await.unwrap();
        assert!(clinic.app.gate.clock.now().0.since(begun) < 48 * HOUR_MS, "no day was opened");
    }
    let kinds = ["DayOpened", "DayRedated"];
    let told = clinic
        .app
        .gate
        .ask_journal(move |reader| kinds.map(|kind| reader.facts_of_kinds(&[kind])).into_iter().collect());
    let told: Vec<Vec<machiai_journal::Kept>> = told.await.unwrap();
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [2, 0], "days opened, and given another date");
}

#[tokio::test]
async fn a_ticket_is_answered_with_its_number_after_it_is_on_disk() {
    let clinic = Clinic::open().await;
    let told = clinic.press("lines/1001-1/tickets", "{}").await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    assert_eq!(told.body["tickets"][0]["label"], "1");
    assert_eq!(told.body["tickets"][0]["n_ahead"], 0);
    let url = told.body["tickets"][0]["url"].as_str().unwrap();
    assert!(url.starts_with("https://q.example/") && url.len() == "https://q.example/".len() + 16, "{url}");
}

#[tokio::test]
async fn an_unknown_line_room_visit_or_address_is_refused() {
    let clinic = Clinic::open().await;
    clinic.refuses("lines/1001-9/tickets", "{}", (404, "unknown_line")).await;
    clinic.refuses("lines/1002-1/tickets", "{}", (404, "unknown_address")).await;
    clinic.refuses("lines/first/tickets", "{}", (404, "unknown_address")).await;
    clinic.refuses("rooms/room9/call", "{}", (404, "unknown_room")).await;
    clinic.refuses("rooms/room1/dance", "{}", (404, "unknown_address")).await;
    clinic.refuses(&format!("visits/{}/arrive", "0".repeat(32)), "{}", (404, "unknown_visit")).await;
    clinic.refuses("visits/1/arrive", "{}", (404, "unknown_address")).await;
    clinic.refuses("nothing/here", "{}", (404, "unknown_address")).await;
}

#[tokio::test]
async fn a_closed_line_gives_no_number_and_says_when_it_will() {
    let clinic = Clinic::open().await;
    clinic.refuses("lines/1001-2/tickets", "{}", (409, "line_closed")).await;
    let told = clinic.press("lines/1001-2/tickets", "{}").await;
    assert_eq!(told.body["values"]["opens"], "--:--", "in the middle of a session that nobody opened no hour is true");
}

#[tokio::test]
async fn the_same_key_is_answered_from_its_facts_and_with_another_body_is_a_conflict() {
    let clinic = Clinic::open().await;
    let headers = [("idempotency-key", "once"), ("machiai-device", "kiosk/1")];
    let first = clinic.post("lines/1001-1/tickets", "{}", &headers).await;
    let n_facts = clinic.n_facts();
    let again = clinic.post("lines/1001-1/tickets", "{}", &headers).await;
    assert_eq!(again.body["replayed"], true);
    assert_eq!(first.body["tickets"][0]["visit"], again.body["tickets"][0]["visit"]);
    clinic.post("lines/1001-1/tickets", r#"{"family":2}"#, &headers).await.is_refusal(409, "key_conflict");
    assert_eq!(clinic.n_facts(), n_facts);
}

#[tokio::test]
async fn the_same_button_within_two_seconds_is_one_press() {
    let clinic = Clinic::open().await;
    let press = async |key: &str, device: &str, body: &str| {
        clinic.post("lines/1001-1/tickets", body, &[("idempotency-key", key), ("machiai-device", device)]).await
    };
    assert_eq!(press("a", "kiosk/1", "{}").await.status, StatusCode::OK);
    press("b", "kiosk/1", "{}").await.is_refusal(409, "pressed_twice");
    assert_eq!(press("c", "kiosk/2", "{}").await.status, StatusCode::OK, "another kiosk is another press");
    assert_eq!(
        press("d", "kiosk/1", r#"{"family":2}"#).await.status,
        StatusCode::OK,
        "another button is another press"
    );
}

#[tokio::test]
async fn a_room_that_called_nobody_can_neither_call_again_nor_finish() {
    let clinic = Clinic::open().await;
    for act in ["recall", "absent", "enter", "finish"] {
        clinic.refuses(&format!("rooms/room1/{act}"), "{}", (409, "room_empty")).await;
    }
}

#[tokio::test]
async fn nobody_waiting_is_a_normal_answer() {
    let clinic = Clinic::open().await;
    let told = clinic.press("rooms/room1/call", "{}").await;
    assert_eq!((told.status, &told.body["happened"][0]), (StatusCode::OK, &json!("NobodyCalled")));
}

#[tokio::test]
async fn an_undo_past_anothers_act_is_refused() {
    let clinic = Clinic::open().await;
    let taken = clinic.press("lines/1001-1/tickets", "{}").await;
    let visit = taken.body["tickets"][0]["visit"].as_str().unwrap().to_owned();
    let press = async |key: &str, device: &str, act: &str| {
        let headers = [("idempotency-key", key), ("machiai-device", device)];
        clinic.post(&format!("visits/{visit}/{act}"), "{}", &headers).await
    };
    assert_eq!(press("a", "desk/1", "hold").await.status, StatusCode::OK);
    assert_eq!(press("b", "desk/2", "release").await.status, StatusCode::OK);
    let n_facts = clinic.n_facts();
    press("c", "desk/1", "undo").await.is_refusal(409, "acted_since");
    assert_eq!(clinic.n_facts(), n_facts);
}

#[tokio::test]
async fn a_screen_that_is_old_does_nothing() {
    let clinic = Clinic::open().await;
    clinic.press("lines/1001-1/tickets", "{}").await;
    clinic.press("rooms/room1/call", r#"{"now":"","next":"1"}"#).await;
    clinic.refuses("rooms/room1/call", r#"{"now":"","next":"1"}"#, (409, "screen_was_old")).await;
}

#[tokio::test]
async fn a_request_that_is_no_command_is_refused() {
    let clinic = Clinic::open().await;
    clinic.refuses("lines/1001-1/tickets", r#"{"nmae":"x"}"#, (422, "body_not_understood")).await;
    clinic.refuses("lines/1001-1/tickets", r#"{"family":"two"}"#, (422, "body_not_understood")).await;
    clinic.refuses("lines/1001-1/tickets", r#"{"family":-1}"#, (422, "body_not_understood")).await;
    clinic.refuses("lines/1001-1/tickets", "{", (422, "body_not_understood")).await;
    clinic.refuses("lines/1001-1/tickets", "[]", (422, "body_not_understood")).await;
    clinic.refuses("lines/1001-1/tickets", r#"{"family":0}"#, (422, "family_size")).await;
    clinic.refuses("lines/1001-1/tickets", r#"{"family":99}"#, (422, "family_size")).await;
    clinic.refuses("lines/1001-1/tickets", r#"{"channel":"emergency"}"#, (422, "bad_value")).await;
    clinic.refuses("message", r#"{"text":5}"#, (422, "body_not_understood")).await;
    let long = json!({"name": "山".repeat(61)}).to_string();
    clinic.refuses("lines/1001-1/tickets", &long, (422, "text_too_long")).await;
    let long = json!({"text": "本".repeat(200)}).to_string();
    clinic.refuses("message", &long, (422, "too_long")).await;
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_read() {
    let clinic = Clinic::open().await;
    let n_facts = clinic.n_facts();
    let huge = json!({"name": "x".repeat(100_000)}).to_string();
    clinic.press("lines/1001-1/tickets", &huge).await.is_refusal(413, "body_too_large");
    assert_eq!(clinic.n_facts(), n_facts);
}

#[tokio::test]
async fn a_command_without_key_or_device_is_refused() {
    let clinic = Clinic::open().await;
    clinic.post("lines/1001-1/tickets", "{}", &[("machiai-device", "k")]).await.is_refusal(400, "key_missing");
    clinic.post("lines/1001-1/tickets", "{}", &[("idempotency-key", "k")]).await.is_refusal(400, "device_missing");
    let spoilt = [("idempotency-key", "a#b"), ("machiai-device", "k")];
    clinic.post("lines/1001-1/tickets", "{}", &spoilt).await.is_refusal(400, "key_missing");
}

#[tokio::test]
async fn another_sites_page_and_another_name_of_this_host_are_refused() {
    let clinic = Clinic::open().await;
    let foreign = [("idempotency-key", "k"), ("machiai-device", "k"), ("origin", "http://evil.example")];
    clinic.post("lines/1001-1/tickets", "{}", &foreign).await.is_refusal(403, "foreign_origin");
    let rebound = Request::get("/api/v1/desk").header("host", "evil.example").body(Body::empty()).unwrap();
    clinic.send(rebound).await.is_refusal(421, "foreign_host");
}

#[tokio::test]
async fn settings_that_contradict_themselves_are_refused_whole() {
    let clinic = Clinic::open().await;
    let mut settings: Value = serde_json::from_str(SETTINGS).unwrap();
    settings["rooms"][0]["lines"] = json!([7]);
    clinic.refuses("settings", &settings.to_string(), (422, "bad_settings")).await;
    let mut settings: Value = serde_json::from_str(SETTINGS).unwrap();
    settings["printers"] = json!([{"printer": "p", "address": "gopher:x", "profile": "epson-80"}]);
    clinic.refuses("settings", &settings.to_string(), (422, "bad_printer")).await;
}

#[tokio::test]
async fn hostile_names_come_back_as_they_were_given_and_only_to_staff() {
    let clinic = Clinic::open().await;
    let name = "山田 <script>&\"' 🙂 髙﨑𠮷";
    let told = clinic.press("lines/1001-1/tickets", &json!({"name": name, "note": "熱"}).to_string()).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    let found = clinic.get("/api/v1/visits?label=1").await;
    assert_eq!(found.body["personal"]["name"], name);
    let board = clinic.get("/api/v1/board").await.body.to_string();
    let desk = clinic.get("/api/v1/desk").await.body.to_string();
    assert!(!board.contains("山田") && !desk.contains("山田"));
}

#[tokio::test]
async fn a_board_shows_what_is_true_when_it_opens_whoever_looked_before() {
    let clinic = Clinic::open().await;
    let (first, shown_first) = clinic.look().await;
    assert!(shown_first.starts_with(&format!("id: {}\nevent: board\ndata: <svg", clinic.n_facts())), "{shown_first}");
    let (second, shown_second) = clinic.look().await;
    assert_eq!(shown_first, shown_second);
    drop((first, second));
    assert_eq!(clinic.press("lines/1001-1/tickets", "{}").await.status, StatusCode::OK);
    let (_third, shown_third) = clinic.look().await;
    assert!(shown_third.starts_with(&format!("id: {}\n", clinic.n_facts())), "{shown_third}");
    assert_ne!(shown_third, shown_second);
}

#[test]
fn a_frame_is_true_of_its_facts_until_its_time() {
    let frame = Frame { nth: 1, event: "x".into(), n_facts: 7, until: AtMs(100), ..Frame::default() };
    assert!(frame.is_true(7, AtMs(99)));
    assert!(!frame.is_true(8, AtMs(99)) && !frame.is_true(7, AtMs(100)));
    assert!(!Frame::default().is_true(0, AtMs(-1)), "an empty frame was never drawn");
}

#[tokio::test]
async fn erased_personal_data_is_gone_for_staff_too() {
    let clinic = Clinic::open().await;
    let told = clinic.press("lines/1001-1/tickets", r#"{"name":"山田"}"#).await;
    let visit = told.body["tickets"][0]["visit"].as_str().unwrap().to_owned();
    assert_eq!(clinic.press(&format!("visits/{visit}/erase"), "{}").await.status, StatusCode::OK);
    let found = clinic.get("/api/v1/visits?label=1").await;
    assert_eq!((&found.body["personal"], &found.body["erased"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn every_refusal_and_every_problem_has_words() {
    let clinic = Clinic::open().await;
    let words = clinic.app.panel.words();
    for code in machiai_core::refusal::RefusalCode::ALL {
        for lang in [machiai_core::facts::Lang::Ja, machiai_core::facts::Lang::En] {
            assert!(words.get(lang, "refusal", code.as_str()).is_some(), "{code} has no words in {lang:?}");
        }
    }
}

#[tokio::test]
async fn the_contract_describes_commands_and_questions() {
    let clinic = Clinic::open().await;
    let contract = clinic.get("/api/v1/openapi.json").await.body;
    let paths = contract["paths"].as_object().unwrap();
    for (path, method) in [
        ("/api/v1/lines/{address}/tickets", "post"),
        ("/api/v1/rooms/{room}/{act}", "post"),
        ("/api/v1/settings", "post"),
        ("/api/v1/settings", "get"),
        ("/api/v1/board/events", "get"),
        ("/api/v1/desk", "get"),
    ] {
        assert!(paths[path][method].is_object(), "{method} {path} is not described");
    }
}

#[tokio::test]
async fn whoever_watches_the_machine_is_told_on_the_box_alone() {
    let clinic = Clinic::open().await;
    for path in ["/livez", "/readyz", "/healthz"] {
        assert_eq!(clinic.get(path).await.status, StatusCode::OK, "{path}");
    }
    let verbose = clinic.get("/healthz?verbose").await;
    assert_eq!((verbose.status, &verbose.body["lacks"]), (StatusCode::OK, &Value::Null));
    assert_eq!(verbose.body["clock"], "rehearsal");
    assert_eq!(clinic.press("lines/1001-1/tickets", "{}").await.status, StatusCode::OK);
    let page = clinic.text("/metrics").await;
    for line in ["machiai_queue_waiting{line=\"1\"} 1", "machiai_queue_waiting{line=\"2\"} 0", "machiai_clock_lost 0"] {
        assert!(page.lines().any(|told| told == line), "no {line} in\n{page}");
    }
    let copied = std::fs::File::create(clinic.app.access.state().join("copied")).unwrap();
    copied.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_795_471_200_999)).unwrap();
    let (page, line) = (clinic.text("/metrics").await, "machiai_journal_last_copy_timestamp_seconds 1795471200");
    assert!(page.lines().any(|told| told == line), "no {line} in\n{page}");
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        let asked = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let told = http::router(Arc::clone(&clinic.app), Via::Lan).oneshot(asked).await.unwrap();
        assert_eq!(told.status(), StatusCode::UNAUTHORIZED, "{path} is told on the network");
    }
    // A journal that is closed keeps nothing more: the daemon lives and is not ready.
    assert!(daemon::close(&clinic.app.gate).await);
    for (path, status) in [("/livez", 200), ("/readyz", 503), ("/healthz", 503), ("/healthz?verbose", 503)] {
        assert_eq!(clinic.get(path).await.status, status, "{path}");
    }
}

#[test]
fn only_this_machines_own_names_are_served() {
    for good in ["127.0.0.1:8110", "localhost:1", "localhost", "[::1]:8110", "[::1]"] {
        assert!(is_loopback(good), "{good} was refused");
    }
    for bad in ["", "evil.example", "evil.example:8110", "127.0.0.1.evil.example", "localhost.evil.example:80"] {
        assert!(!is_loopback(bad), "{bad} was let through");
    }
}
