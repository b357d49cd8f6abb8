//! The devices of the demo's clinic: which button of which device a row means, and who holds which number.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::api::{Answered, Api, Press};
use super::daemon::SITE;
use super::player::{Role, Sent};
use super::row::{Action, Row};

/// The kiosks at the door.
pub const KIOSKS: [&str; 2] = ["kiosk/1", "kiosk/2"];
const RECEPTION: &str = "reception";

/// A finger leaves the button a little later than the lock ends.
const SLACK: Duration = Duration::from_millis(1);

/// How long a ticket may be on its way from the hub to the desk, in real time.
const HEARD_OF_WITHIN: Duration = Duration::from_secs(5);

/// What a row comes to.
pub enum Meant {
    /// These presses, one after the other.
    InOrder(Vec<Press>),
    /// The last press once more, under the key that it had.
    Again(Press, String),
    /// A ticket is taken on a patient's telephone.
    FromAfar,
    /// The same once more, under the key that it had.
    FromAfarAgain(Press, String),
    /// One press on each of two tablets, at the same instant.
    Crossing([Press; 2]),
    /// Nothing: the button is off, as a desk of so many facts showed, or the patient never got a number.
    Off(Option<u64>),
}

/// A press that was done last for a patient or at a room's desk.
struct Done {
    press: Press,
    key: String,
    visit: Option<String>,
    is_from_afar: bool,
}

/// The clinic's devices, and its patients.
pub struct Clinic {
    api: Api,
    /// Within which the same press counts once, in real time.
    lock: Duration,
    last: BTreeMap<String, (Press, Duration)>,
    held: BTreeMap<String, Vec<String>>,
    second: Vec<(usize, String)>,
    /// Labels of the tickets from afar, by the patient, of which the desk may not have heard.
    unheard_of: BTreeMap<String, Vec<String>>,
    /// What can be taken back or sent again, by the name that a row gives it.
    done: BTreeMap<String, Done>,
    /// From which line somebody went for a test.
    came_from: BTreeMap<String, u64>,
}

impl Clinic {
    /// Furnishes a clinic whose devices take the same press once within `lock` of real time.
    #[must_use]
    pub const fn new(api: Api, lock: Duration) -> Self {
        Self {
            api,
            lock,
            last: BTreeMap::new(),
            held: BTreeMap::new(),
            second: Vec::new(),
            unheard_of: BTreeMap::new(),
            done: BTreeMap::new(),
            came_from: BTreeMap::new(),
        }
    }

    /// Returns what a row comes to, once its presses can be told from the ones before.
    ///
    /// # Errors
    /// The daemon cannot be reached.
    pub async fn meant(&mut self, row: &Row, is_double: bool) -> Result<Meant> {
        if row.action == Action::Again {
            let Some(Done { press, key, is_from_afar, .. }) = self.done.get(&row.slot()) else {
                return Ok(Meant::Off(None));
            };
            let meant = if *is_from_afar { Meant::FromAfarAgain } else { Meant::Again };
            return Ok(meant(press.clone(), key.clone()));
        }
        if row.action == Action::Remote {
            return Ok(Meant::FromAfar);
        }
        if row.action != Action::Arrive {
            self.until_heard_of(&row.who).await?;
        }
        if row.action == Action::Cross {
            let showing = self.showing(&row.detail).await?;
            let on = |device: String| press(&device, format!("rooms/{}/call", row.detail), showing.clone());
            return Ok(Meant::Crossing([on(desk(&row.detail)), on(format!("tablet/{}", row.detail))]));
        }
        let mut presses = self.buttons(row);
        let mut looked_at = None;
        if matches!(row.action, Action::Test | Action::Back | Action::Pay) {
            (presses, looked_at) = self.sent_on(row).await?;
        }
        if row.action == Action::Call && is_double {
            // The second press must not call another one, however late it comes: it says what the screen showed.
            for press in &mut presses {
                press.body = self.showing(&row.detail).await?;
            }
        }
        if let Some(first) = presses.first_mut() {
            if row.action == Action::Take {
                first.device = self.free_kiosk(first);
            }
            tokio::time::sleep(self.locked_for(first)).await;
            let now = self.api.elapsed();
            self.last.insert(first.device.clone(), (first.clone(), now));
        }
        Ok(if presses.is_empty() { Meant::Off(looked_at) } else { Meant::InOrder(presses) })
    }

    /// Takes note of who got which number, and when a button was pressed.
    pub fn note(&mut self, row: &Row, sent: &Sent) {
        let press = &sent.answered.press;
        self.last.insert(press.device.clone(), (press.clone(), sent.answered.answered));
        if sent.role == Role::Asked {
            self.remember(row, sent);
        }
        let is_replay = sent.answered.answer["replayed"].as_bool().unwrap_or(false);
        let held = self.held.get(&row.who);
        let is_held = |visit: &String| held.is_some_and(|held| held.contains(visit));
        // The desk writes down the ticket of whoever comes with one from afar that it has not heard of.
        let issued: Vec<String> = sent.answered.issued().into_iter().filter(|visit| !is_held(visit)).collect();
        if issued.is_empty() || is_replay || sent.role == Role::TakenBack {
            return;
        }
        if sent.is_from_afar() {
            let label = sent.answered.answer["tickets"][0]["label"].as_str().unwrap_or_default();
            self.unheard_of.entry(row.who.clone()).or_default().push(label.to_owned());
            return self.held.entry(row.who.clone()).or_default().extend(issued);
        }
        if self.held.contains_key(&row.who) {
            self.second.extend(issued.into_iter().map(|visit| (sent.row_idx, visit)));
        } else {
            self.held.insert(row.who.clone(), issued);
        }
    }

    /// Keeps what can be taken back or sent again; a refusal and what was taken back leave nothing.
    fn remember(&mut self, row: &Row, sent: &Sent) {
        let Answered { press, key, answer, .. } = &sent.answered;
        if !sent.answered.is_done() || row.action == Action::Undo {
            self.done.remove(&row.slot());
            return;
        }
        let of_answer = |list: &str| answer[list].as_array()?.last()?["visit"].as_str().map(str::to_owned);
        let visit = of_answer("tickets").or_else(|| of_answer("visits"));
        let is_from_afar = sent.is_from_afar();
        self.done.insert(row.slot(), Done { press: press.clone(), key: key.clone(), visit, is_from_afar });
    }

    /// Waits until the desk has heard of the tickets that a patient took from afar, as far as it is in the hub's reach:
    /// nothing but an arrival can be done with one before.
    async fn until_heard_of(&mut self, who: &str) -> Result<()> {
        for label in self.unheard_of.remove(who).unwrap_or_default() {
            let until = self.api.elapsed() + HEARD_OF_WITHIN;
            loop {
                let row = self.api.get(&format!("visits?label={label}")).await?;
                // A row without a place on coming is that of a number which only the hub can have given.
                if row["state"] != "not_arrived" || !row["on_coming"].is_null() {
                    break;
                }
                let hub = self.api.status().await?.hub;
                if hub.is_none_or(|channel| channel.mode.is_none()) || self.api.elapsed() > until {
                    self.unheard_of.entry(who.to_owned()).or_default().push(label);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    /// Takes out the numbers that somebody holds who held one already.
    pub fn second_numbers(&mut self) -> Vec<(usize, String)> {
        std::mem::take(&mut self.second)
    }

    /// Returns the press by which reception takes a number back.
    #[must_use]
    pub fn taken_back(visit: &str) -> Press {
        press(RECEPTION, format!("visits/{visit}/cancel"), json!({"reason": "mistake"}))
    }

    fn buttons(&self, row: &Row) -> Vec<Press> {
        let line = |act: &str| format!("lines/{SITE}-{}/{act}", row.line.unwrap_or(0));
        let room = |act: &str| vec![press(&desk(&row.detail), format!("rooms/{}/{act}", row.detail), json!({}))];
        let of_site = |path: String, body: Value| vec![press(RECEPTION, path, body)];
        match row.action {
            Action::Open => of_site(line("open"), json!({"session": row.detail})),
            Action::Close => of_site(line("close"), json!({})),
            Action::Message => of_site("message".to_owned(), json!({"text": row.detail})),
            Action::Take => {
                let body = json!({"channel": "kiosk", "family": row.family()});
                vec![press("", line("tickets"), body)]
            }
            Action::Arrive => self.of_visits(row, "arrive", &json!({})),
            Action::Cancel => self.of_visits(row, "cancel", &json!({"reason": "patient", "note": row.detail})),
            Action::Call => room("call"),
            Action::Recall => room("recall"),
            Action::Absent => room("absent"),
            Action::Start => room("enter"),
            Action::Finish => room("finish"),
            Action::Return => of_site(line("return"), json!({})),
            Action::Emergency => of_site(line("emergency"), json!({"note": row.detail})),
            Action::Hold => self.of_visits(row, "hold", &json!({})),
            Action::Release => self.of_visits(row, "release", &json!({})),
            Action::Move => self.of_visits(row, "move", &json!({"to": row.line})),
            Action::Undo => self.undo(row),
            // What these mean depends on what was pressed before, or on who is in the room; or it is no device of the
            // clinic's on which they are pressed.
            Action::Remote | Action::Test | Action::Back | Action::Pay | Action::Again | Action::Cross => Vec::new(),
            Action::Connect => vec![consultation(row, "connect")],
            Action::Disconnect => vec![consultation(row, "disconnect")],
        }
    }

    fn of_visits(&self, row: &Row, act: &str, body: &Value) -> Vec<Press> {
        let visits = self.held.get(&row.who).into_iter().flatten();
        visits.map(|visit| press(RECEPTION, format!("visits/{visit}/{act}"), body.clone())).collect()
    }

    fn undo(&self, row: &Row) -> Vec<Press> {
        let is_of_room = row.who.is_empty() && !row.detail.is_empty();
        let device = if is_of_room { desk(&row.detail) } else { RECEPTION.to_owned() };
        let visit = self.done.get(&row.slot()).and_then(|done| done.visit.as_ref());
        visit.into_iter().map(|visit| press(&device, format!("visits/{visit}/undo"), json!({}))).collect()
    }

    /// Returns the presses that send on whoever a room's screen shows, and of how many facts the screen was.
    async fn sent_on(&mut self, row: &Row) -> Result<(Vec<Press>, Option<u64>)> {
        let shown = self.api.get("desk").await?;
        let rooms = shown["rooms"].as_array().into_iter().flatten();
        let now = rooms.into_iter().find(|room| room["room"] == row.detail.as_str()).map(|room| &room["now"]);
        let mut presses = Vec::new();
        for there in now.and_then(Value::as_array).into_iter().flatten() {
            let visit = there["visit"].as_str().unwrap_or_default();
            let is_back = row.action == Action::Back;
            let to = if is_back { self.came_from.get(visit).copied() } else { row.line.map(u64::from) };
            if let (Action::Test, Some(line)) = (row.action, there["line"].as_u64()) {
                self.came_from.insert(visit.to_owned(), line);
            }
            presses.extend(to.map(|to| press(&desk(&row.detail), format!("visits/{visit}/send"), json!({"to": to}))));
        }
        Ok((presses, shown["n_facts"].as_u64()))
    }

    /// Returns what a room's screen shows: who is there, and who would be called.
    async fn showing(&self, room: &str) -> Result<Value> {
        let desk = self.api.get("desk").await?;
        let rooms = desk["rooms"].as_array().into_iter().flatten();
        let Some(shown) = rooms.into_iter().find(|shown| shown["room"] == room) else { return Ok(json!({})) };
        let now = shown["now"][0]["label"].as_str().unwrap_or_default();
        Ok(json!({"now": now, "next": shown["next"].as_str().unwrap_or_default()}))
    }

    /// Returns the kiosk at which a press can be made first.
    fn free_kiosk(&self, wanted: &Press) -> String {
        let at = |kiosk: &str| Press { device: kiosk.to_owned(), ..wanted.clone() };
        let rested = |kiosk: &str| self.last.get(kiosk).map(|(_, at)| *at);
        let free = KIOSKS.into_iter().min_by_key(|kiosk| (self.locked_for(&at(kiosk)), rested(kiosk)));
        free.unwrap_or(KIOSKS[0]).to_owned()
    }

    /// Returns how long the device still takes this press for the one before.
    fn locked_for(&self, press: &Press) -> Duration {
        match self.last.get(&press.device) {
            Some((last, at)) if last == press => (*at + self.lock + SLACK).saturating_sub(self.api.elapsed()),
            Some(_) | None => Duration::ZERO,
        }
    }
}

fn press(device: &str, path: String, body: Value) -> Press {
    Press { device: device.to_owned(), path, body }
}

/// Returns the device at a room's desk.
fn desk(room: &str) -> String {
    format!("desk/{room}")
}

fn consultation(row: &Row, act: &str) -> Press {
    press(&row.detail, format!("consultations/{}/{act}", row.who), json!({"endpoint": row.detail}))
}
