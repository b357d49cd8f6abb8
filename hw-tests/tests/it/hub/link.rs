//! A whole box and a hub: a patient takes a ticket from afar, also while the line between the two is cut.

use std::collections::BTreeSet;
use std::path::Path;

use machiai_core::ids::SiteId;
use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, Program, SITE, Setting};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::hub::{HubHouse, Line, soon};
use serde_json::{Value, json};
use tempfile::TempDir;

const SETTINGS: &str = include_str!("../../../data/morning-settings.toml");

/// When the scene begins, and how fast its clocks run: a minute without the clinic is a second.
const STARTS: (&str, u32) = ("2026-11-24T09:00:00+09:00", 60);

/// A box, a hub, and the line between them.
struct Scene {
    hub: HubHouse,
    line: Line,
    daemon: Daemon,
    api: Api,
    phone: reqwest::Client,
    _folder: TempDir,
}

impl Scene {
    async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hub = HubHouse::start(folder.path(), SiteId(SITE), STARTS).await.unwrap();
        let line = Line::lay(hub.address()).await.unwrap();
        let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
        let setting = Setting {
            program: &program,
            folder: folder.path(),
            settings: SETTINGS,
            rehearsal: (STARTS.0.to_owned(), STARTS.1),
            has_lan: false,
            hub: Some(&format!("http://{}", line.address())),
            log: &folder.path().join("machiai.log"),
        };
        let daemon = Daemon::start(&setting).await.unwrap();
        let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
        let phone = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { hub, line, daemon, api, phone, _folder: folder }
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
        let answer = self.phone.get(format!("http://{}{path}", self.hub.address())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// Takes a ticket on a phone, and returns the path of its page and the key that it was taken with.
    async fn take(&self) -> (String, String) {
        let page = soon("the page offers a ticket", async || {
            let page = self.page(&format!("/s/{SITE}")).await;
            page.contains("name=\"key\"").then_some(page)
        });
        let page = page.await.unwrap();
        let (_, rest) = page.split_once("name=\"key\" value=\"").expect("a key in the form");
        let key = rest.split('"').next().unwrap().to_owned();
        (self.send(&key).await, key)
    }

    async fn send(&self, key: &str) -> String {
        let sent = self.phone.post(format!("http://{}/s/{SITE}/take", self.hub.address()));
        let form = format!("line=1&key={key}&lang=ja");
        let sent = sent.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        let location = answer.headers()["location"].to_str().unwrap();
        location.split('?').next().unwrap().to_owned()
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
        let mut there = BTreeSet::new();
        for stream in ["up", "down"] {
            let mut offset = "-1".to_owned();
            loop {
                let path = format!("http://{}/v1/sites/{SITE}/{stream}?offset={offset}", self.hub.address());
                let answer = self.phone.get(path).send().await.unwrap();
                let is_tail = answer.headers().contains_key("stream-up-to-date");
                offset = answer.headers()["stream-next-offset"].to_str().unwrap().to_owned();
                let body = answer.bytes().await.unwrap();
                if let Ok(lines) = machiai_wire::json::cut(&body) {
                    there.extend(lines.into_iter().map(|line| String::from_utf8(line.to_vec()).unwrap()));
                }
                if is_tail {
                    break;
                }
            }
        }
        [here.lines().map(str::to_owned).collect(), there]
    }
}

fn label(page: &str) -> &str {
    page.split_once("<p class=\"big\">").unwrap().1.split('<').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_taken_from_afar_is_called_and_a_cut_line_loses_and_doubles_nothing() {
    let scene = Scene::set().await;
    scene.press("reception", &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    scene.until_even().await;

    // Taken on a phone, known at the desk; the same press sent again takes nothing.
    let (ticket, key) = scene.take().await;
    assert_eq!(scene.send(&key).await, ticket);
    let page = scene.page(&ticket).await;
    let first = label(&page).to_owned();
    assert!(page.contains("ご来院をお待ちしています"), "{page}");
    let visit = scene.visit(&first).await;
    scene.press("reception", &format!("visits/{visit}/arrive"), json!({})).await;
    let has_arrived = async || scene.page(&ticket).await.contains("受付がお済みです").then_some(());
    soon("the phone hears of the arrival", has_arrived).await.unwrap();

    // The line is cut: the desk goes on, the hub gives what was leased and says how old its data is.
    scene.line.cut();
    let lost = async || (scene.status().await["wrong"] == "no_line").then_some(());
    soon("the box notices", lost).await.unwrap();
    assert!(scene.daemon.ask(&["status"]).await.unwrap().contains("ハブとつながっていません"));
    let taken = scene.press("kiosk", &format!("lines/{SITE}-1/tickets"), json!({"channel": "kiosk"})).await;
    let far = async || scene.page(&format!("/s/{SITE}")).await.contains("クリニックと通信できません").then_some(());
    soon("the page says that the clinic is out of reach", far).await.unwrap();
    let (other, _) = scene.take().await;
    let second = label(&scene.page(&other).await).to_owned();
    let at_kiosk = taken["tickets"][0]["label"].as_str().unwrap().to_owned();
    assert_eq!(BTreeSet::from([&first, &second, &at_kiosk]).len(), 3, "{first} {second} {at_kiosk}");

    // Back again: both know everything, and whoever took a ticket meanwhile is called.
    scene.line.mend();
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
