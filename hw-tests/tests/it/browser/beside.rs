//! A video product's page, of another origin than the box's: its one line has a call noted, after a click, with a
//! browser's walls up: windows that nobody asked for are not opened, and cookies of ours do not go along from there.

use std::sync::{Arc, Mutex};

use machiai_hw_tests::browser::Window;
use machiai_hw_tests::demo::api::Api;
use machiai_hw_tests::demo::daemon::write;
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::hub::soon;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Scene, lan};

/// A vendor's page; it ends when dropped.
struct Vendor {
    origin: String,
    body: Arc<Mutex<String>>,
    _stopping: DropGuard,
}

impl Vendor {
    /// Serves it on a free port, by another name than the box has.
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let body = Arc::new(Mutex::new(String::new()));
        let (stop, shown) = (CancellationToken::new(), Arc::clone(&body));
        let stopping = stop.clone().drop_guard();
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(answer(from, Arc::clone(&shown)));
            }
        }));
        Self { origin, body, _stopping: stopping }
    }

    /// Shows a page with some markup on it.
    fn shows(&self, markup: &str) {
        let head =
            "<!doctype html><html lang=\"ja\"><head><link rel=\"icon\" href=\"data:,\"><title>Video</title></head>";
        *self.body.lock().unwrap() = format!("{head}<body><h1>Video</h1>{markup}</body></html>");
    }
}

/// Answers one question with the page of that moment: a line may be laid long ahead of it.
async fn answer(mut from: TcpStream, shown: Arc<Mutex<String>>) {
    let mut asked = [0; 8 * 1024];
    if !from.read(&mut asked).await.is_ok_and(|n_read| n_read > 0) {
        return;
    }
    let body = shown.lock().unwrap().clone();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n";
    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    // A browser that asks no more has what it wants.
    drop(from.write_all(answer.as_bytes()).await);
}

fn one_line(base: &str) -> String {
    format!("<script src=\"{base}/assets/call.js\" data-reservation=\"R001\"></script>")
}

/// Has the box name the pages that may have a call begin by itself.
async fn name(scene: &mut Scene, origin: &str) {
    let config = scene.stage.daemon.state().parent().unwrap().join("machiai.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    write(&config, format!("{text}\n[calls]\npages = [\"{origin}\"]\n")).unwrap();
    scene.stage.daemon.kill().unwrap();
    scene.stage.daemon.run().await.unwrap();
    scene.stage.api = Api::new(scene.stage.daemon.address(), Stopwatch::start()).unwrap();
}

/// Presses the button of the one line, and returns the window that opens.
async fn presses(scene: &Scene) -> Window {
    let before = scene.browser.windows().await.unwrap();
    scene.until("document.querySelector('button[data-machiai]')").await;
    scene.press("button[data-machiai]").await;
    let opened = async || scene.browser.windows().await.unwrap().into_iter().find(|window| !before.contains(window));
    soon("a window opens", opened).await.unwrap()
}

async fn n_open(scene: &Scene) -> usize {
    scene.stage.api.get("calls").await.unwrap()["open"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_page_has_its_call_noted_by_one_line_and_a_click() {
    let mut scene = Scene::set("call-beside").await;
    let vendor = Vendor::open().await;
    name(&mut scene, &vendor.origin).await;
    let base = scene.stage.daemon.address().to_owned();

    // The browser's walls are up: nothing opens that nobody pressed.
    vendor.shows(&format!("<script>globalThis.opened = open('{base}/call/open');</script>"));
    scene.browser.open(&vendor.origin).await.unwrap();
    assert_eq!(scene.run("return opened === null").await, true);
    assert_eq!(scene.browser.windows().await.unwrap().len(), 1);

    vendor.shows(&one_line(&base));
    scene.browser.open(&vendor.origin).await.unwrap();
    let page = scene.browser.window().await.unwrap();
    let beside = presses(&scene).await;
    scene.until("document.querySelector('button[data-machiai]').textContent.startsWith('接続中')").await;
    scene.picture("vendor").await;
    let open = scene.stage.api.get("calls").await.unwrap()["open"].clone();
    assert_eq!((&open[0]["reservation"], &open[0]["by_hand"]), (&json!("R001"), &json!(false)));
    scene.browser.turn_to(&beside).await.unwrap();
    scene
        .until("location.pathname === '/call' && document.getElementById('said').textContent.startsWith('接続中')")
        .await;
    scene.picture("beside").await;

    // Whoever leaves the vendor's page has left the call, and its window goes too.
    scene.browser.turn_to(&page).await.unwrap();
    scene.browser.open("about:blank").await.unwrap();
    soon("the call ends", async || (n_open(&scene).await == 0).then_some(())).await.unwrap();
    soon("its window closes", async || (scene.browser.windows().await.unwrap().len() == 1).then_some(()))
        .await
        .unwrap();
    let told = scene.stage.api.get("calls").await.unwrap();
    let connections = told["reservations"][0]["connections"].as_array().unwrap();
    let ends: Vec<_> = connections.iter().map(|connection| &connection["standing"]).collect();
    assert_eq!(ends, [&json!({"ended": "page_closed"})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_the_clinic_did_not_name_makes_no_call_without_the_doctor() {
    let mut scene = Scene::set("call-foreign").await;
    let vendor = Vendor::open().await;
    name(&mut scene, "https://video.example").await;
    let base = scene.stage.daemon.address().to_owned();

    // A link that would begin a call by itself leads to a page that waits.
    vendor.shows(&format!("<a href=\"{base}/call?reservation=R666&auto=1\">x</a>"));
    scene.browser.open(&vendor.origin).await.unwrap();
    scene.press("a").await;
    scene
        .until("location.pathname === '/call' && document.getElementById('said').textContent === '接続していません'")
        .await;
    assert_eq!(scene.run("return document.body.dataset.begins").await, "");

    // Its script opens the window and asks; the window does not listen.
    let asks = "addEventListener('message', (event) => { globalThis.heard = event.data; });";
    vendor.shows(&format!("{}<script>{asks}</script>", one_line(&base)));
    scene.browser.open(&vendor.origin).await.unwrap();
    let page = scene.browser.window().await.unwrap();
    let beside = presses(&scene).await;
    scene.browser.turn_to(&beside).await.unwrap();
    scene
        .until("location.pathname === '/call' && document.getElementById('said').textContent === '接続していません'")
        .await;
    scene.run("window.opener.postMessage({machiai: 'look'}, '*')").await;
    scene.browser.turn_to(&page).await.unwrap();
    scene.until("globalThis.heard?.machiai === 'look'").await;
    assert_eq!(
        scene.run("return document.querySelector('button[data-machiai]').textContent").await,
        "記録の窓をご確認ください"
    );
    assert_eq!(n_open(&scene).await, 0);

    // The doctor's own press in the box's page counts, and the page that opened it may be closed.
    scene.browser.turn_to(&beside).await.unwrap();
    assert_eq!(scene.run("return document.querySelector('[name=reservation]').value").await, "R001");
    scene.press("#connect").await;
    scene.until("document.getElementById('said').textContent.startsWith('接続中')").await;
    assert_eq!(n_open(&scene).await, 1);
    scene.browser.turn_to(&page).await.unwrap();
    scene.browser.close().await.unwrap();
    soon("the call ends", async || (n_open(&scene).await == 0).then_some(())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_network_the_window_beside_is_the_paired_devices_own() {
    let (scene, told) = lan::set().await;
    let mut found = Vec::new();
    lan::led_to_pairing(&scene, &told, &mut found).await;
    lan::signed_in(&scene, &mut found).await;
    scene.until("location.pathname === '/desk'").await;

    let (vendor, base) = (Vendor::open().await, format!("https://127.0.0.1:{}", told.port));
    vendor.shows(&format!("{}<a href=\"{base}/call?reservation=R001\">x</a>", one_line(&base)));
    // Straight from a foreign page the box sees a stranger: no cookie goes along.
    scene.browser.open(&vendor.origin).await.unwrap();
    scene.press("a").await;
    scene.until("location.pathname === '/pair'").await;
    // By the step in between it sees its own device, and who is signed in there.
    scene.browser.open(&vendor.origin).await.unwrap();
    let beside = presses(&scene).await;
    scene.browser.turn_to(&beside).await.unwrap();
    scene
        .until("location.pathname === '/call' && document.getElementById('said').textContent === '接続していません'")
        .await;
    scene.press("#connect").await;
    scene.until("document.getElementById('said').textContent.startsWith('接続中')").await;
    assert_eq!(n_open(&scene).await, 1);
}
