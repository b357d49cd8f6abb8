//! A whole box and a hub: a patient takes a ticket from afar, also while the line between the two is cut.

use std::collections::BTreeSet;
use std::path::Path;

use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, Program, SITE, Setting};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::hub::house::{House, Shared};
use machiai_hw_tests::hub::phone::{Phone, Taken, label};
use machiai_hw_tests::hub::soon;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Home;

const SETTINGS: &str = include_str!("../../../data/morning-settings.toml");

/// When the scene begins, and how fast its clocks run: a minute without the clinic is a second.
const STARTS: (&str, u32) = ("2026-11-24T09:00:00+09:00", 60);

/// A box, a hub, the lines that lead there, and a telephone.
struct Scene {
    hub: House,
    daemon: Daemon,
    api: Api,
    phone: Phone,
    _folder: TempDir,
    _home: Home,
}

impl Scene {
    /// Sets a box that nobody has enrolled yet, and a hub of so many nodes.
    async fn set(home: Home, n_nodes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Path::new(env!("CARGO_BIN_EXE_machiai-demo"));
        let state = folder.path().join("hub");
        std::fs::create_dir(&state).unwrap();
        let shared = Shared { program: this.to_owned(), state, store: home.name() };
        let mut hub = House::lay(shared, STARTS.1).await.unwrap();
        let setting = Setting {
            program: &Program::own(this),
            folder: folder.path(),
            settings: SETTINGS,
            rehearsal: (STARTS.0.to_owned(), STARTS.1),
            has_lan: false,
            hub: Some(&hub.name()),
            log: &folder.path().join("machiai.log"),
        };
        let daemon = Daemon::start(&setting).await.unwrap();
        let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
        for _ in 0..n_nodes {
            hub.add_node(&api).await.unwrap();
        }
        let phone = Phone::new(hub.patients.address()).unwrap();
        Self { hub, daemon, api, phone, _folder: folder, _home: home }
    }

    /// Has the box enrolled while it runs.
    async fn enrol(&self) {
        let lacks = async || (self.status().await["wrong"] == "no_certificate").then_some(());
        soon("the box says that it is not enrolled", lacks).await.unwrap();
        self.hub.enrol(&self.daemon).await.unwrap();
    }

    /// Presses a button of the desk.
    async fn press(&self, device: &str, path: &str, body: Value) -> Value {
        let press = Press { device: device.to_owned(), path: path.to_owned(), body };
        let key = format!("{device}-{}", self.api.elapsed().as_nanos());
        let answered = self.api.press(press, key).await.unwrap();
        assert!(answered.is_done(), "{path}: {}", answered.answer);
        answered.answer
    }

    async fn status(&self) -> Value {
        self.api.get("status").await.unwrap()["hub"].clone()
    }

    /// Waits until the box listens to the hub, which holds all its facts.
    async fn until_even(&self) {
        let even = async || {
            let status = self.status().await;
            (status["mode"] == "events" && status["n_pending"] == 0).then_some(())
        };
        if soon("box and hub come even", even).await.is_err() {
            panic!("box and hub do not come even: {}", self.status().await);
        }
    }

    async fn page(&self, path: &str) -> String {
        self.phone.page(path).await.unwrap()
    }

    /// Takes a ticket on a phone, and returns the path of its page and the key that it was taken with.
    async fn take(&self) -> (String, String) {
        let offered = async || self.phone.keys().await.ok()?.into_iter().find(|(line, _)| *line == 1);
        let (_, key) = soon("the page offers a ticket", offered).await.unwrap();
        (self.send(&key).await, key)
    }

    async fn send(&self, key: &str) -> String {
        // A press that gets no answer, as when a node ends under it, is sent again, and counts once.
        let answered = soon("the hub answers a press", async || self.phone.take(1, key).await.ok());
        match answered.await.unwrap() {
            Taken::Ticket(path) => path,
            Taken::Refused(page) => panic!("{page}"),
        }
    }

    /// Returns the visit of a label at the desk, once the box knows of it from the hub.
    async fn visit(&self, label: &str) -> String {
        let path = format!("visits?label={label}");
        let visit = soon("the ticket comes to the clinic", async || {
            let found = self.api.get(&path).await.ok()?;
            // A row without minutes is that of a number which only the hub can have given.
            (found["on_coming"] != Value::Null).then(|| found["visit"].as_str().unwrap().to_owned())
        });
        visit.await.unwrap()
    }

    /// Returns the facts that both sides hold, by their bytes.
    async fn facts(&self) -> [BTreeSet<String>; 2] {
        let here = self.daemon.ask(&["journal", "export"]).await.unwrap();
        [here.lines().map(str::to_owned).collect(), self.hub.facts(self.daemon.state()).await.unwrap()]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_taken_from_afar_is_called_and_a_cut_line_loses_and_doubles_nothing() {
    let scene = Scene::set(Home::folder(), 1).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;

    // Taken on a phone, known at the desk; the same press sent again takes nothing.
    let (ticket, key) = scene.take().await;
    assert_eq!(scene.send(&key).await, ticket);
    let page = scene.page(&ticket).await;
    let first = label(&page).unwrap().to_owned();
    assert!(page.contains("ご来院をお待ちしています"), "{page}");
    let visit = scene.visit(&first).await;
    scene.press("reception", &format!("visits/{visit}/arrive"), json!({})).await;
    let has_arrived = async || scene.page(&ticket).await.contains("受付がお済みです").then_some(());
    soon("the phone hears of the arrival", has_arrived).await.unwrap();

    // The line is cut: the desk goes on, the hub gives what was leased and says how old its data is.
    scene.hub.boxes.cut();
    let lost = async || (scene.status().await["wrong"] == "no_line").then_some(());
    soon("the box notices", lost).await.unwrap();
    assert!(scene.daemon.ask(&["status"]).await.unwrap().contains("ハブとつながっていません"));
    let taken = scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
    let far = async || scene.page(&format!("/s/{SITE}")).await.contains("クリニックと通信できません").then_some(());
    soon("the page says that the clinic is out of reach", far).await.unwrap();
    let (other, _) = scene.take().await;
    let second = label(&scene.page(&other).await).unwrap().to_owned();
    let at_kiosk = taken["tickets"][0]["label"].as_str().unwrap().to_owned();
    assert_eq!(BTreeSet::from([&first, &second, &at_kiosk]).len(), 3, "{first} {second} {at_kiosk}");

    // Back again: both know everything, and whoever took a ticket meanwhile is called.
    scene.hub.boxes.mend();
    let visit = scene.visit(&second).await;
    scene.press("reception", &format!("visits/{visit}/arrive"), json!({})).await;
    for device in ["room1/a", "room1/b", "room1/c"] {
        scene.press(device, "rooms/room1/call", json!({})).await;
        scene.press(device, "rooms/room1/enter", json!({})).await;
    }
    let is_seen = async || scene.page(&other).await.contains("でお伺いしています").then_some(());
    soon("the phone hears of the call", is_seen).await.unwrap();
    scene.until_even().await;
    let [here, there] = scene.facts().await;
    assert_eq!(here, there);
    assert!(scene.daemon.ask(&["journal", "verify"]).await.unwrap().contains("whole"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_takes_no_fact_and_no_ticket_with_it() {
    let mut scene = Scene::set(Home::server(), 2).await;
    scene.enrol().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;
    let (mut pages, mut at_kiosk) = (Vec::new(), Vec::new());
    for nth in 0..12 {
        pages.push(scene.take().await);
        let kiosk = format!("kiosk/{nth}");
        let taken = scene.press(&kiosk, &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
        at_kiosk.push(taken["tickets"][0]["label"].as_str().unwrap().to_owned());
        if nth == 5 {
            // What it answered it has kept.
            scene.hub.kill_first();
            let (path, key) = &pages[0];
            assert_eq!(scene.send(key).await, *path);
        }
    }
    scene.until_even().await;
    let mut labels = at_kiosk;
    for (path, _) in &pages {
        let label = label(&scene.page(path).await).unwrap().to_owned();
        scene.visit(&label).await;
        labels.push(label);
    }
    assert_eq!(labels.iter().collect::<BTreeSet<_>>().len(), 24, "{labels:?}");
    let [here, there] = scene.facts().await;
    assert_eq!(here, there);
}
