//! Every button of a desk, pressed as its page would press it: with what the page showed.

use machiai_hw_tests::chance::Chance;
use machiai_hw_tests::demo::api::{Api, Press};
use machiai_hw_tests::demo::daemon::SITE;
use serde_json::{Value, json};

/// Where the tablets stand.
pub(super) const PLACES: [&str; 5] = ["room1", "room2", "blood", "cashier", "reception"];

/// With so many people on the page no more are received.
const MOST_PEOPLE: usize = 50;

/// One tablet and the finger on it.
pub(super) struct Tablet {
    device: String,
    place: &'static str,
    chance: Chance,
    n_presses: u64,
    /// The visits that it did something to, the newest last.
    mine: Vec<String>,
}

impl Tablet {
    pub(super) fn new(nth: usize, place: &'static str, chance: Chance) -> Self {
        Self { device: format!("desk/{place}/{nth}"), place, chance, n_presses: 0, mine: Vec::new() }
    }

    pub(super) async fn open_lines(&mut self, api: &Api) {
        for line in 1..=4 {
            let told = self.send(api, format!("lines/{SITE}-{line}/open"), json!({"session": "day"})).await;
            assert_eq!(told, "done", "line {line}");
        }
    }

    /// Presses a button of the page that the finger is on, and returns what came of it: `done`, `undone`, `replayed`,
    /// or the code of a refusal.
    pub(super) async fn press_any(&mut self, api: &Api, view: &Value) -> String {
        let Some((path, body)) = self.button(view) else { return "nothing to press".to_owned() };
        if self.chance.of_hundred(5) {
            return self.send_twice(api, path, body).await;
        }
        self.send(api, path, body).await
    }

    fn button(&mut self, view: &Value) -> Option<(String, Value)> {
        let has_room = everybody(view).len() < MOST_PEOPLE;
        match self.chance.below(100_u32) {
            0..40 if self.place != "reception" => Some(self.of_room(view)),
            0..40 if has_room => Some(self.ticket()),
            40..55 => self.of_row(view),
            55..63 => Some((format!("visits/{}/undo", self.mine.last()?), json!({}))),
            63..66 => Some((self.line("return"), json!({}))),
            66..68 => Some((self.line("emergency"), json!({"note": "胸の痛み"}))),
            68..72 => self.family(view),
            72..74 => Some((self.line("pause"), json!({}))),
            74..78 => Some((self.line("resume"), json!({}))),
            78 => Some((self.line("close"), json!({}))),
            79..84 => Some((self.line("open"), json!({"session": "day"}))),
            84 => Some(("message".to_owned(), json!({"text": "本日は大変混み合っております"}))),
            _ => self.of_row(view),
        }
    }

    fn line(&mut self, act: &str) -> String {
        format!("lines/{SITE}-{}/{act}", 1 + self.chance.below(4_u32))
    }

    fn ticket(&mut self) -> (String, Value) {
        let channel = *self.chance.one_of(&["kiosk", "kiosk", "desk", "remote", "booked"]).unwrap_or(&"kiosk");
        let family = if self.chance.of_hundred(15) { 2 + self.chance.below(3_u32) } else { 1 };
        let mut body = json!({"channel": channel, "family": family, "text_call": self.chance.of_hundred(5)});
        if channel == "booked" {
            body["booked_for_ms"] = json!(1_795_481_400_000_i64 + i64::from(self.chance.below(7_200_u32)) * 1_000);
        }
        (format!("lines/{SITE}-{}/tickets", 1 + self.chance.below(2_u32)), body)
    }

    fn of_room(&mut self, view: &Value) -> (String, Value) {
        let act =
            *self.chance.one_of(&["call", "call", "call", "recall", "absent", "enter", "finish"]).unwrap_or(&"call");
        let rooms = view["rooms"].as_array().into_iter().flatten();
        let room = rooms.into_iter().find(|room| room["room"] == self.place).unwrap_or(&Value::Null);
        let now = room["now"][0]["label"].as_str().unwrap_or_default();
        let next = room["next"].as_str().unwrap_or_default();
        let showing = if act == "call" { json!({"now": now, "next": next}) } else { json!({"now": now}) };
        (format!("rooms/{}/{act}", self.place), showing)
    }

    /// Presses a button of somebody who stands anywhere on the page.
    fn of_row(&mut self, view: &Value) -> Option<(String, Value)> {
        let everybody = everybody(view);
        let visit = (*self.chance.one_of(&everybody)?).to_owned();
        let to = json!({"to": 1 + self.chance.below(4_u32)});
        let acts =
            ["arrive", "arrive", "hold", "release", "return", "reprint", "cancel", "move", "send", "send", "first"];
        let act = *self.chance.one_of(&acts)?;
        let body = match act {
            "cancel" => json!({"reason": "patient"}),
            "move" | "send" => to,
            _ => json!({}),
        };
        Some((format!("visits/{visit}/{act}"), body))
    }

    fn family(&mut self, view: &Value) -> Option<(String, Value)> {
        let everybody = everybody(view);
        let (one, other) = (*self.chance.one_of(&everybody)?, *self.chance.one_of(&everybody)?);
        Some(("families".to_owned(), json!({"visits": [one, other]})))
    }

    async fn send(&mut self, api: &Api, path: String, body: Value) -> String {
        let (press, key) = self.press(path, body);
        let answered = api.press(press, key).await.unwrap();
        self.note(&answered.answer);
        told(answered.code(), &answered.press.path, &answered.answer)
    }

    /// A finger that trembles: the same press again before the first is answered.
    async fn send_twice(&mut self, api: &Api, path: String, body: Value) -> String {
        let (press, key) = self.press(path, body);
        let key_again = if self.chance.of_hundred(50) { key.clone() } else { format!("{key}-again") };
        let (first, again) = tokio::join!(api.press(press.clone(), key), api.press(press, key_again));
        let (first, again) = (first.unwrap(), again.unwrap());
        self.note(&first.answer);
        self.note(&again.answer);
        let has_two = first.is_done() && again.is_done() && first.issued() != again.issued();
        assert!(!has_two, "two numbers for one touch: {first:?} {again:?}");
        told(again.code(), &again.press.path, &again.answer)
    }

    fn press(&mut self, path: String, body: Value) -> (Press, String) {
        self.n_presses += 1;
        (Press { device: self.device.clone(), path, body }, format!("{}-{}", self.device, self.n_presses))
    }

    fn note(&mut self, answer: &Value) {
        let visits = answer["visits"].as_array().into_iter().chain(answer["tickets"].as_array()).flatten();
        self.mine.extend(visits.filter_map(|visit| visit["visit"].as_str()).map(str::to_owned));
    }
}

fn told(code: Option<&str>, path: &str, answer: &Value) -> String {
    let done = if answer["replayed"] == true {
        "replayed"
    } else if path.ends_with("/undo") {
        "undone"
    } else {
        "done"
    };
    code.unwrap_or(done).to_owned()
}

/// Returns the visits of everybody on a page.
fn everybody(view: &Value) -> Vec<&str> {
    let of = |list: &'static str| {
        let lines = view["lines"].as_array().into_iter().flatten();
        lines.flat_map(move |line| line[list].as_array().into_iter().flatten())
    };
    let in_rooms =
        view["rooms"].as_array().into_iter().flatten().flat_map(|room| room["now"].as_array().into_iter().flatten());
    let rows = ["waiting", "absent", "not_arrived", "on_hold"].into_iter().flat_map(of).chain(in_rooms);
    rows.filter_map(|row| row["visit"].as_str()).collect()
}
