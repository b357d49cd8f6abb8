//! A whole box, a hub of one or several nodes, the lines that lead there, and a telephone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai_core::time::AtMs;
use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, Program, Setting, write};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::hub::house::{House, Shared};
use machiai_hw_tests::hub::phone::{Phone, Taken};
use machiai_hw_tests::hub::{soon, within};
use machiai_hw_tests::printer::Emulator;
use serde_json::Value;
use tempfile::TempDir;

use super::Home;

pub(super) const SETTINGS: &str = include_str!("../../../data/morning-settings.toml");

/// When the scene begins, and how fast its clocks run: a minute without the clinic is a second.
pub(super) const STARTS: (&str, u32) = ("2026-11-24T09:00:00+09:00", 60);

/// How long box and hub may take until both hold the same, on the worst of lines.
const EVEN_WITHIN: Duration = Duration::from_secs(180);

/// A box, a hub, the lines that lead there, and a telephone.
pub(super) struct Scene {
    pub(super) hub: House,
    pub(super) daemon: Daemon,
    pub(super) api: Api,
    pub(super) phone: Phone,
    folder: TempDir,
    pub(super) home: Home,
}

impl Scene {
    /// Sets a box that nobody has enrolled yet, and a hub of so many nodes.
    pub(super) async fn set(home: Home, n_nodes: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Path::new(env!("CARGO_BIN_EXE_machiai-demo"));
        let state = match &home {
            Home::Folder(home) => home.path().to_owned(),
            Home::Server(_) => folder.path().to_owned(),
        };
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
        Self { hub, daemon, api, phone, folder, home }
    }

    /// Starts the box again after it was killed.
    pub(super) async fn restart(&mut self) {
        self.daemon.run().await.unwrap();
        self.api = Api::new(self.daemon.address(), Stopwatch::start()).unwrap();
    }

    /// Has the rehearsal's clock of the next start go on where this one's stands, as a real one does.
    pub(super) async fn keep_clock(&self) {
        let now = AtMs(self.api.status().await.unwrap().now_ms).in_tokyo();
        let text = std::fs::read_to_string(self.config()).unwrap().replace(STARTS.0, &format!("{now}+09:00"));
        write(&self.config(), text).unwrap();
    }

    /// Returns the file of the box's configuration.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("machiai.toml")
    }

    /// Leaves a file where it goes with the scene, and returns its path.
    pub(super) fn home_file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Puts a printer of 80 mm at the kiosk.
    pub(super) async fn connect(&self, printer: &Emulator) {
        let address = printer.address();
        let table = format!("\n[[printers]]\nprinter = \"kiosk\"\naddress = \"{address}\"\nprofile = \"epson-80\"\n");
        let file = self.home_file("settings.toml", &format!("{SETTINGS}{table}"));
        self.daemon.ask(&["settings", "import", &file]).await.unwrap();
    }

    /// Starts an empty box for the same site, whose clock goes on where this one's stands.
    pub(super) async fn another(&self, folder: &Path) -> (Daemon, Api) {
        let now = AtMs(self.api.status().await.unwrap().now_ms);
        let starts = format!("{}+09:00", now.in_tokyo());
        let this = Path::new(env!("CARGO_BIN_EXE_machiai-demo"));
        let setting = Setting {
            program: &Program::own(this),
            folder,
            settings: "",
            rehearsal: (starts, STARTS.1),
            has_lan: false,
            hub: Some(&self.hub.name()),
            log: &folder.join("machiai.log"),
        };
        let daemon = Daemon::start(&setting).await.unwrap();
        let api = Api::new(daemon.address(), Stopwatch::start()).unwrap();
        (daemon, api)
    }

    /// Has the box enrolled while it runs.
    pub(super) async fn enrol(&self) {
        let lacks = async || (self.status().await["wrong"] == "no_certificate").then_some(());
        soon("the box says that it is not enrolled", lacks).await.unwrap();
        self.hub.enrol(&self.daemon).await.unwrap();
    }

    /// Presses a button of the desk.
    pub(super) async fn press(&self, device: &str, path: &str, body: Value) -> Value {
        let press = Press { device: device.to_owned(), path: path.to_owned(), body };
        let key = format!("{device}-{}", self.api.elapsed().as_nanos());
        let answered = self.api.press(press, key).await.unwrap();
        assert!(answered.is_done(), "{path}: {}", answered.answer);
        answered.answer
    }

    pub(super) async fn status(&self) -> Value {
        self.api.get("status").await.unwrap()["hub"].clone()
    }

    /// Waits until the box listens to the hub, which holds all its facts.
    pub(super) async fn until_even(&self) {
        let even = async || {
            let status = self.status().await;
            (status["mode"] == "events" && status["n_pending"] == 0).then_some(())
        };
        if within(EVEN_WITHIN, "box and hub come even", even).await.is_err() {
            panic!("box and hub do not come even: {}", self.status().await);
        }
    }

    pub(super) async fn page(&self, path: &str) -> String {
        self.phone.page(path).await.unwrap()
    }

    /// Takes a ticket on a phone, and returns the path of its page and the key that it was taken with.
    pub(super) async fn take(&self) -> (String, String) {
        let offered = async || self.phone.keys().await.ok()?.into_iter().find(|(line, _)| *line == 1);
        let (_, key) = soon("the page offers a ticket", offered).await.unwrap();
        (self.send(&key).await, key)
    }

    pub(super) async fn send(&self, key: &str) -> String {
        // A press that gets no answer, as when a node ends under it, is sent again, and counts once.
        let answered = soon("the hub answers a press", async || self.phone.take(1, key).await.ok());
        match answered.await.unwrap() {
            Taken::Ticket(path) => path,
            Taken::Refused(page) => panic!("{page}"),
        }
    }

    /// Returns the visit of a label at the desk, once the box knows of it from the hub.
    pub(super) async fn visit(&self, label: &str) -> String {
        let path = format!("visits?label={label}");
        let visit = soon("the ticket comes to the clinic", async || {
            let found = self.api.get(&path).await.ok()?;
            // A row without minutes is that of a number which only the hub can have given.
            (found["on_coming"] != Value::Null).then(|| found["visit"].as_str().unwrap().to_owned())
        });
        visit.await.unwrap()
    }

    /// Waits until both sides hold the same facts, and returns them: what the channel says of them may be a moment old.
    pub(super) async fn alike(&self) -> BTreeSet<String> {
        let same = async || {
            let [here, there] = self.facts().await;
            (here == there).then_some(here)
        };
        if let Ok(facts) = soon("both sides hold the same facts", same).await {
            return facts;
        }
        let [here, there] = self.facts().await;
        assert_eq!(here, there);
        here
    }

    /// Returns the facts that both sides hold, by their bytes.
    pub(super) async fn facts(&self) -> [BTreeSet<String>; 2] {
        let here = self.daemon.ask(&["journal", "export"]).await.unwrap();
        [here.lines().map(str::to_owned).collect(), self.hub.facts(self.daemon.state()).await.unwrap()]
    }
}
