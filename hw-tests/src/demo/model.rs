//! A second reading of the facts, so plain that it can be trusted: who stands where, which line is open.
//!
//! It shares nothing with the daemon's own fold. It knows the acts of a morning and no others.

use std::collections::BTreeMap;

use serde_json::Value;

use super::facts::Fact;

/// Where a patient stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Holds a number and has not come.
    NotArrived,
    /// Waits.
    Waiting,
    /// Is called.
    Called,
    /// Is in the room.
    InRoom,
    /// Was called and did not come.
    Absent,
    /// Is done, or gone.
    Over,
}

/// One patient's visit.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What is called.
    pub label: String,
    /// The number.
    pub number: u64,
    /// The line.
    pub line: u64,
    /// Where the patient stands.
    pub stand: Stand,
    /// The room called to last.
    pub room: String,
    /// The visit of the family's first, for those who came together.
    pub family: Option<String>,
    /// Whether the patient came as an emergency.
    pub is_urgent: bool,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// As it was set.
    pub settings: Value,
    /// Whether it gives numbers.
    pub is_open: bool,
    /// The session it was opened for last.
    pub session: String,
}

/// What is true after some facts.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Visits of the day.
    pub visits: BTreeMap<String, Visit>,
    /// Lines by number.
    pub lines: BTreeMap<u64, Line>,
    /// Rooms as they were set.
    pub rooms: BTreeMap<String, Value>,
    /// The calendar as it was set.
    pub hours: Value,
    /// The rules as they were set; nothing where they never were.
    pub rules: Value,
}

impl Model {
    /// Takes in the next fact.
    pub fn after(&mut self, fact: &Fact) {
        let line = fact.line.unwrap_or_default();
        match fact.kind.as_str() {
            "HoursSet" => self.hours = fact.body.clone(),
            "RulesSet" => self.rules = fact.body.clone(),
            "LineSet" => self.lines.entry(fact.number("line")).or_default().settings = fact.body.clone(),
            "RoomSet" => drop(self.rooms.insert(fact.text("room").to_owned(), fact.body.clone())),
            "DayOpened" => self.open_day(),
            "LineOpened" => {
                let line = self.lines.entry(line).or_default();
                line.is_open = true;
                line.session = fact.text("session").to_owned();
            }
            "LineClosed" => self.lines.entry(line).or_default().is_open = false,
            "TicketIssued" => self.issue(fact, line),
            "Arrived" | "Returned" | "Released" => self.stand(fact.text("visit"), Stand::Waiting),
            "Cancelled" | "Held" => self.stand(fact.text("visit"), Stand::Over),
            "Called" => self.all(fact, Stand::Called),
            "Entered" => self.all(fact, Stand::InRoom),
            "MarkedAbsent" => self.all(fact, Stand::Absent),
            "Finished" => self.all(fact, Stand::Over),
            _ => {}
        }
    }

    fn open_day(&mut self) {
        self.visits.clear();
        self.lines.values_mut().for_each(|line| line.is_open = false);
    }

    fn issue(&mut self, fact: &Fact, line: u64) {
        let has_come = fact.body["arrived"].as_bool() == Some(true);
        let visit = Visit {
            label: fact.text("label").to_owned(),
            number: fact.number("number"),
            line,
            stand: if has_come { Stand::Waiting } else { Stand::NotArrived },
            room: String::new(),
            family: fact.body["family"]["first"].as_str().map(str::to_owned),
            is_urgent: fact.text("channel") == "emergency",
        };
        self.visits.insert(fact.text("visit").to_owned(), visit);
    }

    fn stand(&mut self, visit: &str, stand: Stand) {
        if let Some(visit) = self.visits.get_mut(visit) {
            visit.stand = stand;
        }
    }

    fn all(&mut self, fact: &Fact, stand: Stand) {
        for visit in fact.visits() {
            self.stand(visit, stand);
            if let Some(visit) = self.visits.get_mut(visit) {
                visit.room = fact.text("room").to_owned();
            }
        }
    }

    /// Returns who is called to a room or in it, by number.
    #[must_use]
    pub fn in_room(&self, room: &str) -> Vec<&Visit> {
        let is_there = |visit: &&Visit| matches!(visit.stand, Stand::Called | Stand::InRoom) && visit.room == room;
        let mut there: Vec<&Visit> = self.visits.values().filter(is_there).collect();
        there.sort_by_key(|visit| visit.number);
        there
    }

    /// Returns who stands so in a line.
    pub fn in_line(&self, line: u64, stand: Stand) -> impl Iterator<Item = (&String, &Visit)> {
        self.visits.iter().filter(move |(_, visit)| visit.line == line && visit.stand == stand)
    }

    /// Returns whether a room's tile tells the truth: nobody, one label, or the first and last of a family. An
    /// emergency stands on no board.
    #[must_use]
    pub fn is_true(&self, room: &str, tile: &str) -> bool {
        let mut there = self.in_room(room);
        there.retain(|visit| !visit.is_urgent);
        match there.as_slice() {
            [] => tile.is_empty(),
            [one] => tile == one.label,
            [first, .., last] => tile.starts_with(&first.label) && tile.ends_with(&last.label),
        }
    }
}
