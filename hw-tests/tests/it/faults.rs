//! The worst mornings: a clock at 1970, a journal that was damaged overnight, a box that dies while it prints. The queue
//! goes on, and it is said.

mod disk;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use machiai::link::on_this_machine;
use machiai_hw_tests::demo::daemon::write;
use machiai_hw_tests::printer::{Emulator, Line, Setup};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Debian's libfaketime, which steps a program's wall clock while it runs.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

const SETTINGS: &str = r#"
rooms = [{ room = "room1", name = { ja = "第1診察室" }, lines = [1] }]
[site]
name = { ja = "さくら台クリニック" }
[[lines]]
line = 1
name = { ja = "内科" }
first_number = 101
"#;

/// How long paper may take.
const PAPER_FOR: Duration = Duration::from_secs(20);

/// A clinic's box: a folder, and a wall clock that the test sets.
pub(crate) struct Clinic {
    pub(crate) folder: TempDir,
    wall: PathBuf,
}

/// A daemon of that box, ended with its test.
pub(crate) struct Running {
    child: Child,
    address: String,
    client: reqwest::Client,
    n_presses: u32,
}

impl Clinic {
    pub(crate) fn new(wall: &str) -> Self {
        Self::within(TempDir::new().unwrap(), wall)
    }

    /// Makes one in a folder of its own.
    fn within(folder: TempDir, wall: &str) -> Self {
        assert!(Path::new(FAKETIME).exists(), "`make test` installs Debian's libfaketime");
        let state = folder.path().join("state");
        let config =
            format!("site = 1001\nstate = \"{}\"\nlisten = \"127.0.0.1:0\"\nballast_mib = 1\n", state.display());
        write(&folder.path().join("machiai.toml"), config).unwrap();
        write(&folder.path().join("settings.toml"), SETTINGS).unwrap();
        let clinic = Self { wall: folder.path().join("wall"), folder };
        clinic.set_wall(wall);
        clinic.carry_out(&["settings", "import", &clinic.path("settings.toml")]);
        clinic
    }

    /// Puts a printer of 80 mm at the kiosk.
    fn connect(&self, printer: &Emulator) {
        let address = printer.address();
        let table = format!("[[printers]]\nprinter = \"kiosk\"\naddress = \"{address}\"\nprofile = \"epson-80\"\n");
        write(&self.folder.path().join("settings.toml"), format!("{SETTINGS}{table}")).unwrap();
        self.carry_out(&["settings", "import", &self.path("settings.toml")]);
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Sets the wall clock, in UTC; the monotonic clock goes on as it does.
    pub(crate) fn set_wall(&self, wall: &str) {
        let aside = self.folder.path().join("wall.new");
        write(&aside, wall).unwrap();
        std::fs::rename(&aside, &self.wall).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_machiai-demo"));
        command.args(["machiai", "-c", &self.path("machiai.toml")]);
        command.env("LD_PRELOAD", FAKETIME).env("FAKETIME_TIMESTAMP_FILE", &self.wall);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("TZ", "UTC");
        command
    }

    pub(crate) fn carry_out(&self, arguments: &[&str]) -> String {
        let done = self.command().args(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    pub(crate) fn start(&self) -> Running {
        self.start_by(|command| command)
    }

    /// Starts its daemon by what a command is made into.
    pub(crate) fn start_by(&self, made: impl FnOnce(Command) -> Command) -> Running {
        let mut command = self.command();
        command.arg("run");
        let mut child = made(command).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut ready = String::new();
        // Ends with the daemon if it never is ready.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = ready.trim().strip_prefix("ready ").expect("the daemon ended before it was ready").to_owned();
        let client = on_this_machine().unwrap().timeout(Duration::from_secs(20)).build().unwrap();
        Running { child, address, client, n_presses: 0 }
    }
}

impl Running {
    pub(crate) async fn press(&mut self, path: &str, body: Value) -> Value {
        let (is_good, told) = self.ask(path, body).await;
        assert!(is_good, "{path}: {told}");
        told
    }

    /// Presses what is to be refused, and returns the code of the refusal.
    pub(crate) async fn refused(&mut self, path: &str, body: Value) -> String {
        let (is_good, told) = self.ask(path, body).await;
        assert!(!is_good, "{path}: {told}");
        told["code"].as_str().unwrap().to_owned()
    }

    async fn ask(&mut self, path: &str, body: Value) -> (bool, Value) {
        self.n_presses += 1;
        let request = self.client.post(format!("{}api/v1/{path}", self.address)).json(&body);
        let (key, device) = (format!("{}-{}", self.child.id(), self.n_presses), format!("d/{}", self.n_presses));
        let answer = request.header("idempotency-key", key).header("machiai-device", device).send().await.unwrap();
        (answer.status().is_success(), answer.json().await.unwrap())
    }

    /// Brings a text as it is.
    pub(crate) async fn bring(&self, path: &str, text: &str) {
        let request = self.client.post(format!("{}api/v1/{path}", self.address)).body(text.to_owned());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    }

    pub(crate) async fn take(&mut self) -> Value {
        self.press("lines/1001-1/tickets", json!({})).await["tickets"][0].clone()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let address = format!("{}api/v1/{path}", self.address);
        self.client.get(address).send().await.unwrap().json().await.unwrap()
    }

    /// Ends it as a power cut does: nothing is said to it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended when the test went well.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[tokio::test]
async fn a_clock_at_1970_gives_numbers_and_says_that_it_is_lost() {
    let clinic = Clinic::new("1970-01-01 00:10:00");
    let mut running = clinic.start();
    running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    let first = running.take().await;
    assert_eq!((&first["label"], &first["day"], &first["taken"]), (&json!("101"), &Value::Null, &Value::Null));
    assert_eq!(running.get("status").await["clock"], "lost");
    assert_eq!(running.get("status").await["troubles"], json!(["clock_lost"]));
    assert_eq!(running.get("board").await["clock"], Value::Null, "a clock that is not trusted is not shown");

    clinic.set_wall("2026-11-24 00:00:00");
    let second = running.take().await;
    assert_eq!((&second["label"], &second["day"]), (&json!("102"), &json!("2026-11-24")));
    assert_eq!((&second["taken"], &second["n_ahead"]), (&json!([9, 0]), &json!(1)));
    assert_eq!(running.get("status").await["clock"], "free");

    clinic.set_wall("2026-11-26 00:00:00");
    assert_eq!(running.take().await["label"], "103", "a clock that jumps ahead opens no new day under a queue");
    clinic.set_wall("2026-11-23 00:00:00");
    assert_eq!(running.take().await["label"], "104");
    let called = running.press("rooms/room1/call", json!({"now": "", "next": "101"})).await;
    assert_eq!(called["visits"][0]["label"], "101", "the order is that of arrival, whatever the clock said");
    running.stop();
    assert!(clinic.carry_out(&["journal", "verify"]).contains("whole"));
}

#[tokio::test]
async fn a_restart_with_a_dead_clock_goes_on_with_the_same_day() {
    let clinic = Clinic::new("2026-11-24 00:00:00");
    let mut running = clinic.start();
    running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    assert_eq!(running.take().await["label"], "101");
    running.stop();
    clinic.set_wall("1970-01-01 00:00:05");
    let mut running = clinic.start();
    assert_eq!(running.take().await["label"], "102");
    assert_eq!(running.get("status").await["day"], "2026-11-24");
    running.stop();
}

#[tokio::test]
async fn a_damaged_journal_is_set_aside_and_said_and_no_number_is_given_twice() {
    let clinic = Clinic::new("2026-11-24 00:00:00");
    let mut running = clinic.start();
    running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    for _ in 0..3 {
        running.take().await;
    }
    running.stop();
    let journal = clinic.folder.path().join("state/journal.db");
    assert!(!journal.with_extension("db-wal").exists(), "a stop in good order leaves no log");
    let mut bytes = std::fs::read(&journal).unwrap();
    let fact = bytes.windows(12).position(|at| at == b"TicketIssued").expect("no ticket stands in the journal");
    for byte in bytes.iter_mut().skip(fact / 4096 * 4096).take(4096) {
        *byte = 0xa5;
    }
    write(&journal, bytes).unwrap();

    let mut running = clinic.start();
    let status = running.get("status").await;
    assert_eq!(status["troubles"], json!(["journal_damaged"]), "{status}");
    let beside = std::fs::read_dir(clinic.folder.path().join("state")).unwrap();
    let names: Vec<String> = beside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.starts_with("journal.db.damaged-")), "{names:?}");
    if running.get("settings").await["lines"] == json!([]) {
        running.stop();
        clinic.carry_out(&["settings", "import", &clinic.path("settings.toml")]);
        running = clinic.start();
    }
    let desk = running.get("desk").await;
    if desk["lines"][0]["reception"] != "open" {
        running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    }
    let label = running.take().await["label"].as_str().unwrap().to_owned();
    let known: Vec<&str> = vec!["101", "102", "103"];
    let was_salvaged = desk["lines"][0]["waiting"].as_array().is_some_and(|waiting| !waiting.is_empty());
    assert!(!was_salvaged || !known.contains(&label.as_str()), "{label} was given twice");
    running.stop();
    assert!(clinic.carry_out(&["journal", "verify"]).contains("whole"));
}

#[tokio::test]
async fn a_ticket_after_a_box_that_died_in_the_middle_of_one_is_whole() {
    let printer = Emulator::start(Setup::new(Line::Tcp, 576)).unwrap();
    let clinic = Clinic::new("2026-11-24 00:00:00");
    clinic.connect(&printer);
    let mut running = clinic.start();
    running.press("lines/1001-1/open", json!({"session": "morning"})).await;
    printer.turn(|knobs| knobs.bytes_per_second = Some(500));
    running.take().await;
    printer.wait_for_backlog(1_000, PAPER_FOR).unwrap();
    running.child.kill().unwrap();
    drop(running);
    printer.turn(|knobs| knobs.bytes_per_second = None);
    printer.wait_until_idle(PAPER_FOR).unwrap();

    let mut running = clinic.start();
    let print = running.get("visits?label=101").await["print"].clone();
    assert_eq!(print, "unconfirmed", "nobody knows what came out");
    running.take().await;
    let papers = printer.wait_for_papers(2, PAPER_FOR).unwrap();
    assert!(
        papers[1].dots.height > 700 && papers[1].garbage == 0,
        "{} rows, {}",
        papers[1].dots.height,
        papers[1].garbage
    );
    running.stop();
}
