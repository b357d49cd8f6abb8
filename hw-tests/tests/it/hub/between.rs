//! Somebody between box and hub: the clinic's proxy, a page to sign in at, and one who opens TLS.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use machiai::link::line::Line;
use machiai_core::ids::SiteId;
use machiai_hub::door::limits::Limits;
use machiai_hub::store::devices::Replaces;
use machiai_hw_tests::demo::daemon::{SITE, write};
use machiai_hw_tests::hub::between::Between;
use machiai_hw_tests::hub::house::{House, Shared};
use machiai_hw_tests::hub::soon;
use machiai_wire::said::{Came, Failure};
use serde_json::json;
use tokio::net::TcpListener;

use super::Home;
use super::cloud::{Cloud, question};
use super::scene::Scene;

/// `clinic:secret`, as a browser shows it to a proxy.
const WORD: &str = "Y2xpbmljOnNlY3JldA==";

async fn is_open(scene: &Scene) {
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
}

async fn take(scene: &Scene, key: &str) {
    scene.press(key, &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
}

/// Leads the box's line to somebody else, and waits until the box says so.
async fn is_told_who_answers(scene: &Scene, to: SocketAddr) {
    scene.hub.boxes.cut();
    scene.hub.boxes.lead_to(vec![to]);
    scene.hub.boxes.mend();
    let told = async || (scene.status().await["wrong"] == "not_the_hub").then_some(());
    soon("the box says that somebody else answers", told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_behind_a_proxy_enrols_and_reconciles_through_it_and_goes_no_other_way() {
    let mut scene = Scene::set(Home::folder(), 1).await;
    let proxy = Between::proxy(WORD).await.unwrap();
    let config = scene.config();
    let behind = |login: &str, text: &str| format!("hub_proxy = \"http://{login}@{}\"\n{text}", proxy.address());
    let plain = fs::read_to_string(&config).unwrap();
    write(&config, behind("clinic:wrong", &plain)).unwrap();
    let refused = scene.hub.enrol(&scene.daemon).await.unwrap_err();
    assert!(format!("{refused:#}").contains("proxy authorization required"), "{refused:#}");

    write(&config, behind("clinic:secret", &plain)).unwrap();
    scene.daemon.kill().unwrap();
    scene.daemon.run().await.unwrap();
    scene.enrol().await;
    is_open(&scene).await;
    take(&scene, "kiosk").await;
    scene.until_even().await;
    assert!(proxy.n_passed() >= 2, "one to enrol, one to speak: {}", proxy.n_passed());
    scene.alike().await;

    drop(proxy);
    take(&scene, "kiosk/2").await;
    let is_lost = async || (scene.status().await["wrong"] == "no_line").then_some(());
    soon("without its proxy the box has no line", is_lost).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_answers_in_the_hubs_stead_is_named_gets_no_fact_and_holds_nothing_up() {
    let scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    is_open(&scene).await;
    scene.until_even().await;

    let portal = Between::portal().await.unwrap();
    is_told_who_answers(&scene, portal.address()).await;
    take(&scene, "kiosk").await;
    let told = scene.daemon.ask(&["status"]).await.unwrap();
    assert!(told.contains("ハブではない相手が応答しています"), "{told}");
    assert!(portal.n_passed() > 0);

    // Somebody who opens TLS: a hub indeed, but of another authority.
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_machiai-demo")).to_owned();
    let store = format!("sqlite:{}", folder.path().join("hub.db").display());
    let mut other = House::lay(Shared { program, state: folder.path().to_owned(), store }, 1).await.unwrap();
    other.add_node(&scene.api).await.unwrap();
    is_told_who_answers(&scene, other.boxes.address()).await;
    take(&scene, "kiosk/2").await;

    scene.hub.boxes.cut();
    scene.hub.lead();
    scene.hub.boxes.mend();
    scene.until_even().await;
    assert_eq!(scene.status().await["wrong"], json!(null));
    scene.alike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_tells_who_is_not_the_hub_from_nobody() {
    let cloud = Cloud::start(Home::folder(), Limits::USUAL).await;
    let own = cloud.enrol(1001, Replaces::Nothing).await;
    let ask = async |to: String| {
        Line::over(own.client(), &format!("https://{to}"), SiteId(1001)).ask(&question(), |_| {}).await
    };
    assert!(matches!(ask(cloud.address.clone()).await, Ok(Came::Vector(_))));
    let portal = Between::portal().await.unwrap();
    assert_eq!(ask(portal.address().to_string()).await, Err(Failure::NotTheHub));
    let elsewhere = Cloud::start(Home::folder(), Limits::USUAL).await;
    assert_eq!(ask(elsewhere.address.clone()).await, Err(Failure::NotTheHub));
    elsewhere.stop().await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(ask(nobody.to_string()).await, Err(Failure::NoLine));
    cloud.stop().await;
}
