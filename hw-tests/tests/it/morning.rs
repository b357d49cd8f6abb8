//! A whole morning through the real daemon and an emulated printer: everything that the demo checks, held.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use machiai_hw_tests::demo::daemon::write;
use machiai_hw_tests::demo::row::Action;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What the report tells, and nothing else.
const FIGURES: [&str; 21] = [
    "tickets",
    "numbers_unique",
    "gaps_explained",
    "printed",
    "unconfirmed",
    "called",
    "calls",
    "finished",
    "absent",
    "actions",
    "undone",
    "refused",
    "facts",
    "hub_facts",
    "identical",
    "offline_s",
    "leased_used",
    "ticket_ms",
    "board_ms",
    "daemon_rss_mib",
    "checks",
];

/// The acts of a morning that can be taken back.
const UNDONE: [&str; 12] = [
    "TicketIssued",
    "Arrived",
    "Cancelled",
    "Called",
    "Entered",
    "MarkedAbsent",
    "Returned",
    "Finished",
    "Held",
    "Released",
    "Moved",
    "StageEntered",
];

/// What a morning left behind.
struct Left {
    report: Value,
    folder: PathBuf,
}

impl Left {
    fn number(&self, figure: &str) -> u64 {
        self.report[figure].as_u64().unwrap_or_else(|| panic!("{figure} is no number: {}", self.report))
    }

    fn detail(&self, check: &str) -> String {
        let checks = self.report["checks"].as_array().unwrap();
        let found = checks.iter().find(|known| known["name"] == check);
        found.unwrap_or_else(|| panic!("no check is called {check}"))["detail"].as_str().unwrap().to_owned()
    }

    fn files(&self, within: &str, end: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.folder.join(within)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(end).map(str::to_owned)).collect()
    }
}

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_machiai-demo")).args(arguments).output().unwrap()
}

/// Plays a morning in a folder and shows that the demo ended well because every check held.
#[track_caller]
fn play(morning: &Path, folder: &Path, speed: &str) -> Left {
    play_with(morning, folder, &["--speed", speed])
}

/// The same with more to say about how it is played.
#[track_caller]
fn play_with(morning: &Path, folder: &Path, more: &[&str]) -> Left {
    let arguments = ["--own-daemon", "--screen", "never", "--morning", morning.to_str().unwrap()];
    let done = demo(&[arguments.as_slice(), &["--out", folder.to_str().unwrap()], more].concat());
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "the demo failed with {}:\n{said}", done.status);
    let report: Value = serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap();
    let figures: BTreeSet<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(figures, BTreeSet::from(FIGURES));
    for check in report["checks"].as_array().unwrap() {
        assert_eq!(check["held"], true, "{check}");
    }
    assert_eq!((&report["numbers_unique"], &report["gaps_explained"]), (&Value::Bool(true), &Value::Bool(true)));
    Left { report, folder: folder.to_owned() }
}

#[test]
fn a_recorded_morning_ends_with_every_check_held() {
    let folder = tempfile::tempdir().unwrap();
    let morning = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/morning.csv");
    let left = play(&morning, folder.path(), "900");

    let papers = left.files("tickets", ".png");
    assert_eq!(papers, left.files("tickets", ".bin"));
    assert_eq!(papers.len() as u64, left.number("printed"));
    assert_eq!(left.number("unconfirmed"), 0);
    assert!(left.number("printed") < left.number("tickets"), "a remote ticket was printed");
    assert!(left.number("finished") <= left.number("called"));
    assert!(left.number("absent") > 0 && left.number("refused") > 0);
    let pictures = left.files("", ".png");
    for layout in ["landscape", "portrait"] {
        let n_moments = pictures.iter().filter(|name| name.starts_with("board-") && name.ends_with(layout)).count();
        assert!(n_moments >= 4, "{n_moments} moments were drawn in {layout}");
    }
    let facts = std::fs::read_to_string(folder.path().join("facts.ndjson")).unwrap();
    assert_eq!(facts.lines().count() as u64, left.number("facts"));
    assert!(facts.lines().all(|fact| serde_json::from_str::<Value>(fact).unwrap()["clock"] == "rehearsal"));
}

#[test]
fn a_morning_in_which_the_line_to_the_hub_is_cut_ends_with_the_same_facts_at_both() {
    let folder = tempfile::tempdir().unwrap();
    let morning = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/morning.csv");
    let left = play_with(&morning, folder.path(), &["--speed", "400", "--offline", "09:10-10:30"]);
    assert_eq!(left.report["identical"], true);
    assert!(left.number("offline_s") > 75 * 60, "{}", left.report["offline_s"]);
    assert!(left.number("leased_used") > 0);
    assert_eq!(left.number("hub_facts"), left.number("facts"));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("facts.ndjson") == read("hub-facts.ndjson"), "the files differ");
    // Out of reach the hub gives what was leased, and then says no.
    assert!(left.detail("every refusal is explained").contains("lease_used_up"));
}

#[test]
fn a_span_without_the_line_that_cannot_be_read_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left");
    let done =
        demo(&["--own-daemon", "--morning", "random", "--offline", "11:30-10:00", "--out", left.to_str().unwrap()]);
    assert!(!done.status.success() && String::from_utf8_lossy(&done.stderr).contains("ends before it begins"));
    assert!(!left.exists());
}

#[test]
fn a_morning_drawn_at_random_holds_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let morning = folder.path().join("morning.csv");
    let drawn = demo(&["random", "--seed", "20261124", "--patients", "240", "--out", morning.to_str().unwrap()]);
    assert!(drawn.status.success(), "{drawn:?}");
    // So slow that even a busy machine makes no patient late for the closing of a line.
    let left = play(&morning, &folder.path().join("left"), "300");

    assert!(left.number("tickets") >= 240);
    let refusals = left.detail("every refusal is explained");
    for code in ["pressed_twice", "room_empty", "line_closed", "remote_closed", "family_size", "nobody_absent"] {
        assert!(refusals.contains(code), "nothing was refused with {code}: {refusals}");
    }
    for action in Action::ALL {
        assert!(left.report["actions"][action.word()].as_u64().is_some_and(|n| n > 0), "nobody did {}", action.word());
    }
    for kind in UNDONE {
        assert!(left.report["undone"][kind].as_u64().is_some_and(|n| n > 0), "no {kind} was taken back");
    }
    for check in ["a press sent again under its key happens once", "of two tablets that cross one calls"] {
        assert!(!left.detail(check).starts_with("0 "), "{check} was never tried");
    }
    assert!(!left.detail("a double press counts once").starts_with("0 "), "nobody pressed twice");
    assert!(!left.detail("an emergency is called next in its line").starts_with("0 "), "no emergency came");
    assert!(!left.detail("a family is called together").starts_with("0 "), "no family was called");
}

#[test]
fn a_morning_that_cannot_be_read_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let morning = folder.path().join("morning.csv");
    write(&morning, "at,action,line,who,detail\n08:30:00,dance,1,,\n").unwrap();
    let (morning, left) = (morning.to_str().unwrap(), folder.path().join("left"));
    let done = demo(&["--own-daemon", "--morning", morning, "--out", left.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && said.contains("line 2"), "{said}");
    assert!(!left.exists());
}

#[test]
fn a_visitor_is_told_the_addresses_and_everything_ends_with_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_machiai-demo"))
        .args(["--own-daemon", "--out", folder.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(demo.stdout.take().unwrap()).lines().map(Result::unwrap);
    let board = said.find_map(|line| Some(line.split_once("http://")?.1.to_owned())).expect("no address was told");
    let address = board.strip_suffix("/board").expect("the board comes first");
    said.find(|line| line.contains("tickets come out in")).expect("the demo ended before it had told everything");
    assert!(TcpStream::connect(address).is_ok(), "nobody listens at {address}");

    kill_process(Pid::from_child(&demo), Signal::INT).unwrap();
    let rest: Vec<String> = said.collect();
    assert!(demo.wait().unwrap().success(), "{rest:?}");
    assert!(TcpStream::connect(address).is_err(), "the daemon outlived the demo");
    assert!(folder.path().join("tickets").is_dir());
}
