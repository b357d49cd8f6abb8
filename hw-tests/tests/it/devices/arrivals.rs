//! "I have arrived", by readers and keypads: keyboards by the kernel's own bytes over a pipe, readers on serial lines.

use std::fs::{File, OpenOptions};
use std::io::Write;

use machiai::devices::typed::events_of;
use rustix::fs::{CWD, Mode, mkfifoat};

use super::*;

/// A keyboard: no machine that builds this has a keyboard of its own to play, so its bytes come by a pipe.
struct Keyboard(File);

impl Keyboard {
    fn plug(path: &Path) -> Self {
        mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
        // Held for both, so that opening it waits for nobody.
        Self(OpenOptions::new().read(true).write(true).open(path).unwrap())
    }

    fn type_in(&mut self, text: &str) {
        self.0.write_all(&events_of(text)).unwrap();
    }
}

const READERS: &str = r#"
[[devices.readers]]
name = "reader1"
path = "{folder}/reader1"

[[devices.readers]]
name = "reader2"
path = "{folder}/reader2"
protocol = "text-reader"

[[devices.keypads]]
name = "keypad1"
path = "{folder}/keypad1"

[[devices.keypads]]
name = "keypad2"
path = "{folder}/keypad2"
room = "room1"
"#;

/// The states of everybody of a line who is not in a room, by label.
async fn states(running: &Running, line: usize) -> Vec<(String, String)> {
    let desk = running.api.get("desk").await.unwrap();
    let of = |state: &str| {
        let rows = desk["lines"][line][state].as_array().unwrap().clone();
        rows.into_iter().map(|row| (row["label"].as_str().unwrap().to_owned(), state.to_owned())).collect::<Vec<_>>()
    };
    [of("waiting"), of("not_arrived")].concat()
}

fn is_waiting(label: &str) -> impl Fn(&Value) -> bool {
    move |desk: &Value| {
        let lines = desk["lines"].as_array().into_iter().flatten();
        let mut waiting = lines.flat_map(|line| line["waiting"].as_array().into_iter().flatten());
        waiting.any(|row| row["label"] == label)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_on_a_ticket_says_that_its_holder_has_come_and_an_unknown_one_says_nothing() {
    let clinic = Clinic::with(READERS);
    let mut wedge = Keyboard::plug(&clinic.path("reader1"));
    let mut keypad = Keyboard::plug(&clinic.path("keypad1"));
    let mut serial = clinic.socket("reader2").plug().unwrap();
    let running = clinic.start().await;
    let mut tickets = Vec::new();
    for (line, who) in [("1001-1", "a"), ("1001-1", "b"), ("1001-2", "c")] {
        tickets.push(running.ticket(line, who, json!({"channel": "remote"})).await);
    }
    for device in ["reader1", "reader2", "keypad1"] {
        running.until_there(device).await;
    }
    assert!(states(&running, 0).await.iter().all(|(_, state)| state == "not_arrived"), "{tickets:?}");
    // The QR code of the ticket, by a reader that plays a keyboard.
    wedge.type_in(tickets[0]["url"].as_str().unwrap());
    running.until("desk", "1 waits", is_waiting("1")).await;
    // The number's bar code, by one on a serial line.
    serial.say(b"B001\r").unwrap();
    running.until("desk", "B001 waits", is_waiting("B001")).await;
    // The number typed.
    keypad.type_in("2");
    running.until("desk", "2 waits", is_waiting("2")).await;

    let before = facts(&running).await;
    let secret = "https://q.example/ABCDEFGHJKLMNPQR";
    serial.say(format!("{secret}\r").as_bytes()).unwrap();
    assert!(serial.wait(WITHIN, |heard| heard.ends_with(b"\x1b2q\r")).is_some(), "a refusal is heard as a tone");
    running.until_device("reader2", "unknown", |told| told["refused"]["code"] == "unknown_visit").await;
    // A code that is held before the reader a little longer is one; later on it has come before.
    Stopwatch::start().wait_until(Duration::from_millis(2_100));
    wedge.type_in(tickets[0]["url"].as_str().unwrap());
    running.until_device("reader1", "come before", |told| told["refused"]["code"] == "not_in_this_state").await;
    keypad.type_in("77");
    running.until_device("keypad1", "unknown", |told| told["refused"]["code"] == "unknown_visit").await;
    assert_eq!(facts(&running).await, before, "a refusal changed something");
    // What was read stands nowhere.
    let log = std::fs::read_to_string(clinic.path("machiai.log")).unwrap();
    let status = running.api.text("status").await.unwrap();
    for kept in [log, status, before.concat()] {
        assert!(!kept.contains("ABCDEFGHJKLMNPQR"), "{kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_typed_in_a_room_is_called_there_before_its_turn() {
    let clinic = Clinic::with(READERS);
    let mut keypad = Keyboard::plug(&clinic.path("keypad2"));
    let running = clinic.start().await;
    for who in ["a", "b", "c"] {
        running.ticket("1001-1", who, json!({})).await;
    }
    running.ticket("1001-2", "d", json!({})).await;
    running.until_there("keypad2").await;
    keypad.type_in("3");
    running.until("desk", "3 is called", |desk| rows(desk, "room1") == called("3")).await;
    keypad.type_in("1");
    running.until("desk", "1 is called", |desk| rows(desk, "room1") == called("1")).await;
    // B001 is of another room's line, and 9 of nobody.
    for typed in ["B001", "9"] {
        keypad.type_in("2222222");
        running.until_device("keypad2", "refused", |told| told["refused"]["code"] == "unknown_visit").await;
        keypad.type_in(typed);
    }
    assert_eq!(running.in_room("room1").await, called("1"));
    keypad.type_in("2");
    running.until("desk", "2 is called", |desk| rows(desk, "room1") == called("2")).await;
}
