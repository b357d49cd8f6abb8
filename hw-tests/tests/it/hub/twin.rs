//! Two boxes for one site: a disk that was copied while the box was off, and both run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, Program, SITE, Setting, write};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::hub::{Line, soon, within};
use serde_json::json;

use super::Home;
use super::scene::{SETTINGS, STARTS, Scene};

/// How long a box may take to ask anew on a line that was mended.
const ASKS_WITHIN: Duration = Duration::from_secs(5);

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &to);
        } else if kind.is_file() {
            write(&to, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Waits until a box says that there is another, which asks anew what it lacks whenever its line was broken: of two that
/// ask at once neither may have sent yet.
async fn is_told(line: &Line, api: &Api) {
    let told = async || {
        let troubles = api.get("status").await.ok()?["troubles"].clone();
        troubles.as_array()?.contains(&json!("another_box")).then_some(())
    };
    let broken = async || {
        line.cut();
        line.mend();
        within(ASKS_WITHIN, "a box says that there is another", told).await.ok()
    };
    soon("a box says that there is another", broken).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_box_and_its_original_both_say_so_and_lose_nothing() {
    let mut scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
    scene.until_even().await;
    scene.daemon.kill().unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(scene.daemon.state(), &folder.path().join("state"));
    scene.restart().await;
    scene.until_even().await;
    let alone = scene.api.get("status").await.unwrap()["troubles"].clone();
    assert_eq!(alone, json!([]), "whoever starts again is no other box");

    let this = Path::new(env!("CARGO_BIN_EXE_machiai-demo"));
    let setting = Setting {
        program: &Program::own(this),
        folder: folder.path(),
        settings: SETTINGS,
        rehearsal: (STARTS.0.to_owned(), STARTS.1),
        has_lan: false,
        hub: Some(&scene.hub.name()),
        log: &folder.path().join("machiai.log"),
    };
    let twin = Daemon::start(&setting).await.unwrap();
    let of_twin = Api::new(twin.address(), Stopwatch::start()).unwrap();
    for nth in 0..3 {
        let kiosk = format!("kiosk/{nth}");
        scene.press(&kiosk, &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
        let (path, body) = (format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"}));
        let press = Press { device: kiosk, path, body };
        assert!(of_twin.press(press, format!("twin-{nth}")).await.unwrap().is_done());
    }
    is_told(&scene.hub.boxes, &scene.api).await;
    is_told(&scene.hub.boxes, &of_twin).await;
    let told = twin.ask(&["status"]).await.unwrap();
    assert!(told.contains("同じ施設の機器がもう一台動いています") && told.contains("Another box runs"), "{told}");
    let is_alike = async || {
        let [here, there] = scene.facts().await;
        let twins = twin.ask(&["journal", "export"]).await.ok()?;
        let twins = twins.lines().map(str::to_owned).collect();
        scene.hub.boxes.cut();
        scene.hub.boxes.mend();
        (here == there && there == twins).then_some(())
    };
    soon("all three hold the same facts", is_alike).await.unwrap();
}
