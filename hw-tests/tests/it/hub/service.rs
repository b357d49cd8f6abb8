//! Hours and pauses of the hub: said once, told to boxes and patients, kept by all nodes, and no trouble of anybody's.

use machiai_core::time::AtMs;
use machiai_hub::store::Store;
use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::hub::{soon, within};
use machiai_wire::service::{Pause, Service};
use rstest::rstest;
use serde_json::json;
use std::time::Duration;

use super::Home;
use super::scene::Scene;

/// Minutes and hours of the clinic, in milliseconds.
const MIN_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MIN_MS;

/// How long a node may take to hear what was said beside it.
const HEARD_WITHIN: Duration = Duration::from_secs(60);

#[rstest]
#[case::sqlite(Home::folder())]
#[case::postgres(Home::server())]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_is_announced_and_kept_and_after_it_nothing_is_lacking(#[case] home: Home) {
    let store = Store::open(&home.name()).await.unwrap();
    let scene = Scene::set(home, 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;
    let now = scene.api.status().await.unwrap().now_ms;
    let pause =
        Pause { from_ms: AtMs(now + 30 * MIN_MS), until_ms: AtMs(now + 20 * HOUR_MS), why: "点検".to_owned() };
    store.say_service(&Service { hours: None, pauses: vec![pause] }).await.unwrap();

    // A box hears of it when it next asks what each side lacks.
    let is_announced = async || {
        scene.hub.boxes.cut();
        scene.hub.boxes.mend();
        scene.until_even().await;
        scene.status().await["pause"].as_str().is_some_and(|pause| pause.ends_with("点検")).then_some(())
    };
    within(HEARD_WITHIN, "the pause is announced", is_announced).await.unwrap();
    let told = scene.daemon.ask(&["status"]).await.unwrap();
    assert!(told.contains("ハブの点検の予定") && told.contains("The hub will pause"), "{told}");

    let page = format!("/s/{SITE}");
    let is_closed = async || {
        let shown = scene.phone.page(&page).await.err()?;
        shown.to_string().contains("503").then_some(())
    };
    within(HEARD_WITHIN, "the pause begins", is_closed).await.unwrap();
    scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
    let rests = async || (scene.status().await["wrong"] == "resting").then_some(());
    soon("the box says that the hub rests", rests).await.unwrap();
    assert!(scene.status().await["n_pending"].as_u64() > Some(0));

    store.say_service(&Service::default()).await.unwrap();
    // What it was told to wait is minutes of a real clock: a line that broke is tried at once.
    scene.hub.boxes.cut();
    scene.hub.boxes.mend();
    let is_open = async || scene.phone.page(&page).await.ok().map(drop);
    within(HEARD_WITHIN, "the pause is over", is_open).await.unwrap();
}
