//! A second reading of the facts, so plain that it can be trusted: who stands where, which line is open.
//!
//! It takes facts in the one order of facts (`telling.rs`), and shares nothing with the daemon's own fold. It knows the
//! acts of a morning and no others.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Fact, Id};

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
    /// Is set aside.
    OnHold,
    /// Is done.
    Finished,
    /// Is cancelled.
    Cancelled,
}

/// What of a visit changes, and comes back when an act is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line.
    pub line: u64,
    /// Where the patient stands.
    pub stand: Stand,
    /// The place in the line: smaller is earlier.
    pub rank: i64,
    /// The room called to last.
    pub room: String,
    /// Whether the patient has come.
    pub has_come: bool,
}

/// What somebody did to a visit.
#[derive(Clone, Debug)]
pub struct Act {
    /// The fact.
    pub id: Id,
    /// The key of its press; none where the box did it by itself.
    pub key: Option<String>,
    /// The device of its press.
    pub device: String,
    /// How the visit stood before.
    pub before: Spot,
}

/// One patient's visit.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What is called.
    pub label: String,
    /// The number.
    pub number: u64,
    /// The fact that gave it, and the key of its press.
    pub issued_by: (Id, Option<String>),
    /// How many tickets of the day were given before.
    pub nth: usize,
    /// The line of its ticket.
    pub home: u64,
    /// Where it stands.
    pub spot: Spot,
    /// What led there, oldest first.
    pub acts: Vec<Act>,
    /// The visit of the family's first, for those who came together.
    pub family: Option<String>,
    /// Whether the patient came as an emergency.
    pub is_urgent: bool,
}

impl Visit {
    /// Its place: who is given the same rank as another goes by the ticket.
    const fn place(&self) -> (i64, usize) {
        (self.spot.rank, self.nth)
    }
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
    /// Numbers leased to the hub, each with its visit, whether it was given or not.
    pub leased: BTreeMap<u64, String>,
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
            "NumbersLeased" => {
                let leases = fact.body["leased"].as_array().into_iter().flatten();
                let lease = |lease: &Value| Some((lease["number"].as_u64()?, lease["visit"].as_str()?.to_owned()));
                self.lines.entry(line).or_default().leased.extend(leases.filter_map(lease));
            }
            "TicketIssued" => self.issue(fact, line),
            "Arrived" | "Returned" => self.act(fact, |spot| {
                spot.stand = Stand::Waiting;
                spot.rank = rank(fact);
                spot.has_come = true;
            }),
            "Released" => self.act(fact, |spot| {
                spot.stand = at_large(spot);
                spot.rank = rank(fact);
            }),
            "Moved" | "StageEntered" => self.act(fact, |spot| {
                spot.stand = at_large(spot);
                spot.rank = rank(fact);
                spot.line = fact.number("to");
                spot.room = String::new();
            }),
            "Reordered" => self.act(fact, |spot| spot.rank = rank(fact)),
            "Cancelled" => self.act(fact, |spot| spot.stand = Stand::Cancelled),
            "LeftLine" => self.act(fact, |spot| {
                // Who is called already speaks to the desk.
                if matches!(spot.stand, Stand::NotArrived | Stand::Waiting) {
                    spot.stand = Stand::Cancelled;
                }
            }),
            "Held" => self.act(fact, |spot| spot.stand = Stand::OnHold),
            "Called" => self.in_room_now(fact, Stand::Called),
            "Entered" => self.in_room_now(fact, Stand::InRoom),
            "MarkedAbsent" => self.in_room_now(fact, Stand::Absent),
            "Finished" => self.in_room_now(fact, Stand::Finished),
            "Undone" => self.take_back(&fact.acts()),
            _ => {}
        }
    }

    fn open_day(&mut self) {
        self.visits.clear();
        for line in self.lines.values_mut() {
            line.is_open = false;
            line.leased.clear();
        }
    }

    /// Takes in a ticket. One that was given out of the box's reach is written down by both: the first counts.
    fn issue(&mut self, fact: &Fact, line: u64) {
        if self.visits.contains_key(fact.text("visit")) {
            return;
        }
        let has_come = fact.body["arrived"].as_bool() == Some(true);
        let stand = if has_come { Stand::Waiting } else { Stand::NotArrived };
        let visit = Visit {
            label: fact.text("label").to_owned(),
            number: fact.number("number"),
            issued_by: (fact.id(), fact.key.clone()),
            nth: self.visits.len(),
            home: line,
            spot: Spot { line, stand, rank: rank(fact), room: String::new(), has_come },
            acts: Vec::new(),
            family: fact.body["family"]["first"].as_str().map(str::to_owned),
            is_urgent: fact.text("channel") == "emergency",
        };
        self.visits.insert(fact.text("visit").to_owned(), visit);
    }

    fn act(&mut self, fact: &Fact, change: impl Fn(&mut Spot)) {
        for of in fact.concerned() {
            let Some(visit) = self.visits.get_mut(of) else { continue };
            let before = visit.spot.clone();
            visit.acts.push(Act { id: fact.id(), key: fact.key.clone(), device: fact.device.clone(), before });
            change(&mut visit.spot);
        }
    }

    fn in_room_now(&mut self, fact: &Fact, stand: Stand) {
        self.act(fact, |spot| {
            spot.stand = stand;
            spot.room = fact.text("room").to_owned();
        });
    }

    /// Puts everybody back whose newest acts are named; a ticket on which nobody acted is no more.
    fn take_back(&mut self, acts: &BTreeSet<Id>) {
        for visit in self.visits.values_mut() {
            if visit.acts.is_empty() && acts.contains(&visit.issued_by.0) {
                visit.spot.stand = Stand::Cancelled;
            }
            while let Some(act) = visit.acts.pop_if(|act| acts.contains(&act.id)) {
                visit.spot = act.before;
            }
        }
    }

    /// Returns who is called to a room or in it, by number.
    #[must_use]
    pub fn in_room(&self, room: &str) -> Vec<&Visit> {
        let is_there =
            |visit: &&Visit| matches!(visit.spot.stand, Stand::Called | Stand::InRoom) && visit.spot.room == room;
        let mut there: Vec<&Visit> = self.visits.values().filter(is_there).collect();
        there.sort_by_key(|visit| visit.number);
        there
    }

    /// Returns who stands so in a line.
    pub fn in_line(&self, line: u64, stand: Stand) -> impl Iterator<Item = (&String, &Visit)> {
        self.visits.iter().filter(move |(_, visit)| visit.spot.line == line && visit.spot.stand == stand)
    }

    /// Returns who waits in a line, in the order of their places; on request with those who have yet to come.
    #[must_use]
    pub fn order(&self, line: u64, stands: &[Stand]) -> Vec<&Visit> {
        let of_line = |visit: &&Visit| visit.spot.line == line && stands.contains(&visit.spot.stand);
        let mut order: Vec<&Visit> = self.visits.values().filter(of_line).collect();
        order.sort_by_key(|visit| visit.place());
        order
    }

    /// Returns whom a room would call: an emergency of any of its lines, else the first of its first line with anybody.
    #[must_use]
    pub fn next(&self, room: &str) -> Option<&Visit> {
        let lines = self.rooms.get(room)?["lines"].as_array()?.iter().filter_map(Value::as_u64);
        let firsts: Vec<&Visit> =
            lines.filter_map(|line| self.order(line, &[Stand::Waiting]).first().copied()).collect();
        firsts.iter().find(|visit| visit.is_urgent).or(firsts.first()).copied()
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

/// Where somebody stands who is neither called nor set aside.
const fn at_large(spot: &Spot) -> Stand {
    if spot.has_come { Stand::Waiting } else { Stand::NotArrived }
}

fn rank(fact: &Fact) -> i64 {
    fact.body["rank"].as_i64().unwrap_or_default()
}
