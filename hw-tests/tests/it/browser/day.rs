//! A day of consultation calls at the desk: each reservation's line at a glance, any day, and the line to the hub.

use std::path::Path;
use std::time::Duration;

use machiai_hw_tests::browser::Browser;
use machiai_hw_tests::demo::daemon::Program;
use machiai_hw_tests::demo::stage::{Clinic, Stage, Wanted};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use serde_json::json;

use super::Scene;

/// How much faster than real time the morning passes.
const SPEED: u32 = 600;

/// The morning's consultations, in seconds from the first one's start.
const MORNING: [(u64, &str, &str, &str); 10] = [
    (0, "connect", "R001", "doctor-pc"),
    (2_700, "disconnect", "R001", "doctor-pc"),
    (3_000, "connect", "R002", "doctor-pc"),
    (3_700, "disconnect", "R002", "doctor-pc"),
    (3_900, "connect", "R002", "doctor-pc"),
    (4_400, "connect", "R002", "tablet"),
    (4_700, "disconnect", "R002", "doctor-pc"),
    (4_900, "disconnect", "R002", "tablet"),
    (6_000, "connect", "R003", "doctor-pc"),
    (6_600, "disconnect", "R003", "doctor-pc"),
];

/// Sets a clinic with a hub, on a fast clock.
async fn set() -> Scene {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("browser").join("day");
    std::fs::create_dir_all(&folder).unwrap();
    let this = Path::new(env!("CARGO_BIN_EXE_machiai-demo"));
    let wanted = Wanted {
        program: &Program::own(this),
        clinic: Clinic::Small,
        out: &folder,
        rehearsal: ("2026-11-24T12:50:00+09:00".to_owned(), SPEED),
        papers: None,
        has_lan: false,
        hub: Some(this),
    };
    let (stage, browser) = tokio::join!(Stage::set(wanted), Browser::start());
    Scene::begin(stage.unwrap(), browser.unwrap(), folder.clone()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_read_at_a_glance_and_the_line_to_the_hub_is_measured_by_a_button() {
    let mut scene = set().await;
    scene.browser.size(1280, 1400).await.unwrap();
    let since = Stopwatch::start();
    for (at_s, act, reservation, endpoint) in MORNING {
        since.wait_until(Duration::from_millis(at_s * 1_000 / u64::from(SPEED)));
        scene.tell(&format!("calls/{act}"), json!({"reservation": reservation, "endpoint": endpoint})).await;
    }
    // Of this one nothing is heard any more.
    let lost = json!({"reservation": "R004", "endpoint": "doctor-pc", "connection": "c4"});
    scene.tell("calls/connect", lost).await;

    scene.open("/desk/calls").await;
    scene.until("document.querySelectorAll('#month-of details').length === 4").await;
    scene.until("document.querySelector('.strip .at.cut')").await;
    // Two devices are two lanes, and two stretches of one device one; what is drawn is where it was.
    let lanes = "[...document.querySelectorAll('#month-of details')].find((at) => at.textContent.includes('R002')).querySelectorAll('summary .lane')";
    assert_eq!(scene.run(&format!("return [...{lanes}].map((lane) => lane.children.length)")).await, json!([2, 1]));
    let share = |nth: usize| format!("return parseFloat({lanes}[0].children[{nth}].style.left)");
    let (first, second) = (scene.run(&share(0)).await, scene.run(&share(1)).await);
    assert_eq!(first.as_f64(), Some(0.0));
    let expected = 900.0 / 1_900.0 * 100.0;
    assert!((second.as_f64().unwrap() - expected).abs() < 8.0, "{second} is not near {expected}");
    scene.until("document.querySelector('.strip').getAttribute('aria-label').includes('医院側の接続は1回')").await;
    scene.picture("day").await;

    // Another day has none of them; the month has all, and what they come to with tax.
    scene.press("#older").await;
    scene.until("document.getElementById('day').value === '2026-11-23'").await;
    scene.until("document.getElementById('month-of').innerText.includes('この日の通話はありません。')").await;
    scene.press("#by-month").await;
    scene.until("document.getElementById('month-of').innerText.includes('合計（税込）')").await;
    scene.until("document.querySelectorAll('#month-of details').length === 4").await;
    scene.picture("month").await;
    measures(&mut scene).await;
    scene.is_quiet().await;
}

/// Measures the line by the button, and once more while a call is up, which has to be said twice.
async fn measures(scene: &mut Scene) {
    scene.until("document.getElementById('line').innerText.includes('まだ測っていません')").await;
    scene.press("#try").await;
    scene.until("document.getElementById('try').disabled === false && document.getElementById('line').innerText.includes('ハブとの往復は')").await;
    scene.until("/上り [0-9.]+ Mbps/.test(document.getElementById('line').innerText)").await;
    scene.until("document.getElementById('line').innerText.includes('測りました')").await;
    scene.run("document.getElementById('quality').scrollIntoView()").await;
    scene.picture("line").await;
    let at_ms = scene.stage.api.get("line").await.unwrap()["last"]["at_ms"].clone();

    scene.tell("calls/connect", json!({"reservation": "R005", "endpoint": "doctor-pc"})).await;
    scene.press("#by-day").await;
    scene.until("document.querySelectorAll('#open li button').length === 1").await;
    scene.press("#try").await;
    scene.until("document.getElementById('try').textContent.includes('それでも測る')").await;
    assert_eq!(scene.stage.api.get("line").await.unwrap()["last"]["at_ms"], at_ms, "once is not enough");
    scene.press("#try").await;
    scene.until("document.getElementById('line').innerText.includes('通話中に測りました')").await;
    // Whoever asks without saying so is refused.
    let body = "{ method: 'POST', headers: { 'content-type': 'application/json', 'idempotency-key': 'x1', 'machiai-device': 'd' }, body: '{}' }";
    let told = format!("return fetch('/api/v1/line/try', {body}).then((it) => it.json()).then((it) => it.code)");
    assert_eq!(scene.run(&told).await, "call_is_up");
    let complaints = scene.browser.complaints().await.unwrap();
    assert!(complaints.iter().all(|line| line.contains("409")), "{complaints:?}");
}
