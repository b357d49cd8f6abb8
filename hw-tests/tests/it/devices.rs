//! Button boxes, number displays, keypads and readers before a whole daemon, each emulated on its own line.

mod arrivals;
mod boxes;
mod displays;
mod recorded;
mod reloaded;

use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai::devices::protocol::Protocol;
use machiai_hw_tests::demo::api::{Answered, Api, Press};
use machiai_hw_tests::demo::daemon::{Daemon, Program, Setting, write};
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::serial::Socket;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a device may take to be seen, or heard: it is looked for twice a second.
const WITHIN: Duration = Duration::from_secs(20);

/// A clinic whose box has devices.
struct Clinic {
    folder: TempDir,
}

/// Its daemon while it runs.
struct Running {
    daemon: Daemon,
    api: Api,
}

impl Clinic {
    /// Makes one with devices that the configuration names: `{folder}` stands for its folder.
    fn with(devices: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("conf.d")).unwrap();
        let clinic = Self { folder };
        clinic.name(devices);
        clinic
    }

    /// Has the configuration name these devices alone.
    fn name(&self, devices: &str) {
        let devices = devices.replace("{folder}", &self.folder.path().to_string_lossy());
        write(&self.path("conf.d/devices.toml"), devices).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn socket(&self, name: &str) -> Socket {
        Socket::new(self.folder.path(), name)
    }

    async fn start(&self) -> Running {
        let program = Program::own(Path::new(env!("CARGO_BIN_EXE_machiai-demo")));
        let setting = Setting {
            program: &program,
            folder: self.folder.path(),
            settings: include_str!("../../data/devices/settings.toml"),
            rehearsal: ("2026-11-24T09:10:00+09:00".to_owned(), 1),
            has_lan: false,
            hub: None,
            log: &self.path("machiai.log"),
        };
        let daemon = Daemon::start(&setting).await.unwrap();
        let running = Running { api: Api::new(daemon.address(), Stopwatch::start()).unwrap(), daemon };
        for line in ["1001-1", "1001-2"] {
            running.press(&format!("lines/{line}/open"), json!({"session": "morning"})).await;
        }
        running
    }
}

impl Running {
    async fn press(&self, path: &str, body: Value) -> Answered {
        let press = Press { device: format!("scene/{path}"), path: path.to_owned(), body };
        let answered = self.api.press(press, format!("press-{}", self.api.elapsed().as_nanos())).await.unwrap();
        assert_eq!(answered.code(), None, "{}", answered.answer);
        answered
    }

    /// Gives a ticket, by whoever has not taken one within the time in which two are one.
    async fn ticket(&self, line: &str, who: &str, body: Value) -> Value {
        let press = Press { device: format!("kiosk/{who}"), path: format!("lines/{line}/tickets"), body };
        let answered = self.api.press(press, format!("ticket-{who}")).await.unwrap();
        assert_eq!(answered.code(), None, "{}", answered.answer);
        answered.answer["tickets"][0].clone()
    }

    /// Asks until what is told is as wanted, and returns it.
    async fn until(&self, path: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut told = Value::Null;
        let looked = tokio::time::timeout(WITHIN, async {
            let mut look = tokio::time::interval(Duration::from_millis(30));
            loop {
                look.tick().await;
                told = self.api.get(path).await.unwrap();
                if is(&told) {
                    break;
                }
            }
        });
        let is_seen = looked.await.is_ok();
        assert!(is_seen, "never told: {what}; the last was {told:#}");
        told
    }

    async fn until_device(&self, device: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        self.until("status", what, |status| is(&status["devices"][device])).await["devices"][device].clone()
    }

    async fn until_there(&self, device: &str) {
        self.until_device(device, "there", |told| told["standing"] == "there").await;
    }

    /// Who is called to a room or in it: labels and states.
    async fn in_room(&self, room: &str) -> Vec<(String, String)> {
        let desk = self.api.get("desk").await.unwrap();
        rows(&desk, room)
    }
}

/// What was written but how the box does, which it tells by itself.
async fn facts(running: &Running) -> Vec<String> {
    let facts = running.daemon.ask(&["journal", "export"]).await.unwrap();
    facts.lines().filter(|line| !line.contains("\"kind\":\"HealthReported\"")).map(str::to_owned).collect()
}

fn rows(desk: &Value, room: &str) -> Vec<(String, String)> {
    let rooms = desk["rooms"].as_array().into_iter().flatten();
    let rows = rooms.filter(|it| it["room"] == room).flat_map(|it| it["now"].as_array().unwrap().clone());
    rows.map(|row| (row["label"].as_str().unwrap().to_owned(), row["state"].as_str().unwrap().to_owned())).collect()
}

fn called(label: &str) -> Vec<(String, String)> {
    vec![(label.to_owned(), "called".to_owned())]
}

fn protocol(name: &str) -> Protocol {
    Protocol::named(name).unwrap()
}
