//! Mornings that nobody recorded: drawn at random, the same for the same seed, and plausible in time.
//!
//! Patients come, wait, are called and seen by a small simulation of the clinic of the recorded mornings. Where it and
//! the appliance disagree, the appliance is right, and refuses what can no longer be.

use std::collections::{BTreeMap, VecDeque};

use super::row::{Action, Row};
use crate::chance::Chance;

/// Hours of the morning in seconds of the day.
const OPENS_S: u32 = 8 * 3_600 + 30 * 60;
const REMOTE_OPENS_S: u32 = 8 * 3_600 + 60;
const STARTS_S: u32 = 8 * 3_600 + 50 * 60;
const LAST_TAKE_S: u32 = 12 * 3_600 + 10 * 60;
const CLOSES_S: u32 = 12 * 3_600 + 40 * 60;
/// Remote reception ends an hour before the session.
const REMOTE_CLOSES_S: u32 = 11 * 3_600 + 40 * 60;
/// No room calls after this, whoever is left.
const ENDS_S: u32 = 13 * 3_600;

/// Each room with its line; in the first three sit doctors.
const ROOMS: [(&str, u16); 5] = [("room1", 1), ("room2", 1), ("room3", 2), (BLOOD, TEST), (CASHIER, PAYMENT)];
const N_DOCTORS: u32 = 3;
/// The room and line of tests, and those of payment.
const BLOOD: &str = "blood";
const TEST: u16 = 3;
const CASHIER: &str = "cashier";
const PAYMENT: u16 = 4;
/// How long a test and paying take, about.
const SHORT_S: u32 = 20;
/// How long somebody takes to see that it was a mistake.
const UNDO_S: u32 = 3;
/// These of each kind of act are mistakes in any case.
const MISTAKES: [u32; 4] = [2, 5, 9, 14];

/// Of a hundred patients so many go to line 1.
const TO_LINE_1: u32 = 62;

/// What a random morning is made from.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// How many patients come, a family counting as one.
    pub n_patients: u32,
}

/// Draws a morning.
#[must_use]
pub fn morning(plan: Plan) -> Vec<Row> {
    let mut drawing = Drawing::new(plan);
    drawing.frame();
    for patient in 0..plan.n_patients {
        drawing.patient(patient);
    }
    drawing.emergencies();
    for (nth, (room, _)) in (0..).zip(ROOMS) {
        drawing.expect(STARTS_S + nth * 7, Event::Next(room));
    }
    drawing.unfold();
    drawing.mishaps();
    let mut rows: Vec<(u32, u32, Row)> =
        drawing.rows.into_iter().zip(0..).map(|(row, nth)| (row.at_s, nth, row)).collect();
    rows.sort_by_key(|(at_s, nth, _)| (*at_s, *nth));
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// What is to happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A patient begins to wait in a line, sent there by another or by the same.
    Waits(u16, u16),
    /// An urgent patient begins to wait in a line.
    Urgent(u16),
    /// A room wants the next.
    Next(&'static str),
    /// Somebody absent comes back.
    Back(u16),
}

/// A morning being drawn.
struct Drawing {
    chance: Chance,
    rows: Vec<Row>,
    /// By second, and by the order in which they were expected.
    events: BTreeMap<(u32, u64), Event>,
    n_expected: u64,
    /// The lines that sent the groups waiting in each line; a family is one.
    waiting: BTreeMap<u16, VecDeque<u16>>,
    absent: BTreeMap<u16, u32>,
    seen_for_s: u32,
    /// How often each act was drawn.
    n_drawn: BTreeMap<Action, u32>,
}

impl Drawing {
    fn new(plan: Plan) -> Self {
        let rooms_s = (LAST_TAKE_S - STARTS_S) * N_DOCTORS;
        // Every second room is idle now and then; the day is full and not more.
        let seen_for_s = (rooms_s / plan.n_patients.max(1)).saturating_sub(35).clamp(30, 480);
        Self {
            chance: Chance::new(plan.seed),
            rows: Vec::new(),
            events: BTreeMap::new(),
            n_expected: 0,
            waiting: BTreeMap::new(),
            absent: BTreeMap::new(),
            seen_for_s,
            n_drawn: BTreeMap::new(),
        }
    }

    fn expect(&mut self, at_s: u32, event: Event) {
        self.events.insert((at_s, self.n_expected), event);
        self.n_expected += 1;
    }

    fn row(&mut self, at_s: u32, action: Action, (line, who, detail): (Option<u16>, &str, &str)) {
        let (who, detail) = (who.to_owned(), detail.to_owned());
        self.rows.push(Row { at_s, action, line, who, detail });
    }

    /// Presses a room's button, now and then twice, or once more because no answer came; returns when it is done.
    fn in_room(&mut self, at_s: u32, action: Action, (line, room): (Option<u16>, &str)) -> u32 {
        let at_s = self.taken_back(at_s, action, (line, "", room));
        if self.chance.of_hundred(2) && line.is_none() {
            self.row(at_s, action, (line, "", room));
        } else if self.chance.of_hundred(2) {
            self.row(at_s + 1, Action::Again, (None, "", room));
            return at_s + 1;
        }
        at_s
    }

    /// Presses for a patient, or for a line.
    fn for_patient(&mut self, at_s: u32, action: Action, of: (Option<u16>, &str)) -> u32 {
        self.taken_back(at_s, action, (of.0, of.1, ""))
    }

    /// Does something, now and then takes it back, and then does it after all; returns when it is done.
    fn taken_back(&mut self, at_s: u32, action: Action, of: (Option<u16>, &str, &str)) -> u32 {
        self.row(at_s, action, of);
        if !self.is_mistake(action) {
            return at_s;
        }
        let line = of.0.filter(|_| of.1.is_empty() && of.2.is_empty());
        self.row(at_s + UNDO_S, Action::Undo, (line, of.1, of.2));
        self.row(at_s + 2 * UNDO_S, action, of);
        at_s + 2 * UNDO_S
    }

    /// Whether an act was a mistake: some of the first of its kind are, so that each kind is taken back in a morning.
    fn is_mistake(&mut self, action: Action) -> bool {
        let n_drawn = self.n_drawn.entry(action).or_default();
        *n_drawn += 1;
        // A repeated call is no act on anybody.
        action != Action::Recall && (MISTAKES.contains(n_drawn) || self.chance.of_hundred(3))
    }

    /// Opening, closing, messages, and consultations at a distance.
    fn frame(&mut self) {
        for line in [1, 2] {
            self.row(OPENS_S, Action::Open, (Some(line), "", "morning"));
            self.row(CLOSES_S, Action::Close, (Some(line), "", ""));
        }
        for (at_s, text) in [
            (OPENS_S, "本日は大変混み合っております"),
            (OPENS_S + 5_400, "小児科は予防接種のため、お時間をいただいております"),
            (OPENS_S + 9_000, ""),
        ] {
            let at_s = at_s + self.chance.below(60);
            self.row(at_s, Action::Message, (None, "", text));
        }
        let mut at_s = CLOSES_S + 300;
        for nth in 1..=1 + self.chance.below(3) {
            let who = format!("R{nth:03}");
            let for_s = 60 + self.chance.below(240);
            self.row(at_s, Action::Connect, (None, &who, "doctor-pc"));
            self.row(at_s + for_s, Action::Disconnect, (None, &who, "doctor-pc"));
            at_s += for_s + 60;
        }
    }

    /// One patient, or a family: takes a number here or from elsewhere, and may think better of it.
    fn patient(&mut self, nth: u32) {
        let who = format!("p{nth:03}");
        let line = if self.chance.of_hundred(TO_LINE_1) { 1 } else { 2 };
        let family = if self.chance.of_hundred(6) { 2 + self.chance.below(3) } else { 1 };
        let detail = if family > 1 { format!("family={family}") } else { String::new() };
        // A quarter stands at the door when it opens.
        let comes_s = if self.chance.of_hundred(25) {
            OPENS_S + 1 + self.chance.below(1_200)
        } else {
            OPENS_S + 1_200 + self.chance.below(LAST_TAKE_S - OPENS_S - 1_200)
        };
        let is_remote = self.chance.of_hundred(40);
        let took_s = if is_remote {
            let took_s = comes_s.saturating_sub(900 + self.chance.below(4_500)).max(REMOTE_OPENS_S);
            took_s.min(REMOTE_CLOSES_S - 60)
        } else {
            comes_s
        };
        let take = if is_remote { Action::Remote } else { Action::Take };
        self.row(took_s, take, (Some(line), &who, &detail));
        if family == 1 && self.is_mistake(take) {
            // The wrong button at the door: nobody is left in the line.
            return self.row(took_s + UNDO_S, Action::Undo, (None, &who, ""));
        }
        if self.chance.of_hundred(4) {
            self.row(took_s, take, (Some(line), &who, &detail));
        } else if self.chance.of_hundred(3) {
            self.row(took_s + 1, Action::Again, (None, &who, ""));
        }
        if self.chance.of_hundred(3) {
            let at_s = took_s + 120 + self.chance.below(1_800);
            self.alone(family, at_s, Action::Cancel, (Some(line), &who, "felt better, went home"));
            if is_remote && at_s <= comes_s {
                return;
            }
        }
        if is_remote {
            if self.chance.of_hundred(4) {
                // Never comes.
                return;
            }
            self.alone(family, comes_s, Action::Arrive, (Some(line), &who, ""));
        }
        let line = self.second_thoughts(comes_s, (line, &who), family);
        self.expect(comes_s, Event::Waits(line, line));
    }

    /// Does something for a patient, which is taken back now and then unless a family came: each of it got a number.
    fn alone(&mut self, family: u32, at_s: u32, action: Action, (line, who, detail): (Option<u16>, &str, &str)) {
        if family > 1 {
            return self.row(at_s, action, (line, who, detail));
        }
        self.row(at_s, action, (line, who, detail));
        if self.is_mistake(action) {
            self.row(at_s + UNDO_S, Action::Undo, (None, who, ""));
            self.row(at_s + 2 * UNDO_S, action, (line, who, detail));
        }
    }

    /// Sets somebody aside for a while, or finds somebody in the wrong line; returns the line in the end.
    fn second_thoughts(&mut self, comes_s: u32, (line, who): (u16, &str), family: u32) -> u16 {
        if self.chance.of_hundred(6) {
            let held_s = comes_s + 15 + self.chance.below(120);
            let for_s = 60 + self.chance.below(900);
            self.alone(family, held_s, Action::Hold, (None, who, ""));
            self.alone(family, held_s + for_s, Action::Release, (None, who, ""));
            return line;
        }
        if self.chance.of_hundred(5) {
            let other = if line == 1 { 2 } else { 1 };
            let moved_s = comes_s + 15 + self.chance.below(90);
            self.alone(family, moved_s, Action::Move, (Some(other), who, ""));
            return other;
        }
        line
    }

    fn emergencies(&mut self) {
        for (nth, reason) in (1..=1 + self.chance.below(3)).zip(["chest pain", "high fever, child", "胸の痛み"]) {
            let at_s = STARTS_S + self.chance.below(LAST_TAKE_S - STARTS_S);
            let line = if self.chance.of_hundred(50) { 1 } else { 2 };
            self.row(at_s, Action::Emergency, (Some(line), &format!("e{nth:03}"), reason));
            self.expect(at_s, Event::Urgent(line));
        }
        // Somebody asked at the desk and was no emergency after all.
        self.row(STARTS_S + 2_000, Action::Emergency, (Some(1), "e900", "asked for the way"));
        self.row(STARTS_S + 2_000 + UNDO_S, Action::Undo, (None, "e900", ""));
    }

    /// Lets time pass until nothing is to come.
    fn unfold(&mut self) {
        while let Some(((at_s, _), event)) = self.events.pop_first() {
            match event {
                Event::Waits(line, from) => self.waiting.entry(line).or_default().push_back(from),
                Event::Urgent(line) => self.waiting.entry(line).or_default().push_front(line),
                Event::Next(room) => self.next(at_s, room),
                Event::Back(line) => {
                    self.for_patient(at_s, Action::Return, (Some(line), ""));
                    let absent = self.absent.entry(line).or_default();
                    *absent = absent.saturating_sub(1);
                    self.waiting.entry(line).or_default().push_back(line);
                }
            }
        }
    }

    /// A room calls, sees whoever comes, and calls again.
    fn next(&mut self, at_s: u32, room: &'static str) {
        if at_s > ENDS_S {
            return;
        }
        let line = ROOMS.iter().find(|known| known.0 == room).map_or(1, |known| known.1);
        let mut at_s = if self.chance.of_hundred(4) {
            self.row(at_s, Action::Cross, (None, "", room));
            at_s
        } else {
            self.in_room(at_s, Action::Call, (None, room))
        };
        let Some(from) = self.waiting.entry(line).or_default().pop_front() else {
            let again_s = at_s + 60 + self.chance.below(180);
            return self.expect(again_s, Event::Next(room));
        };
        let stays_away = self.chance.of_hundred(8);
        if stays_away || self.chance.of_hundred(6) {
            at_s += 30 + self.chance.below(20);
            at_s = self.in_room(at_s, Action::Recall, (None, room));
        }
        if stays_away {
            at_s += 30 + self.chance.below(20);
            at_s = self.in_room(at_s, Action::Absent, (None, room));
            if self.chance.of_hundred(75) {
                let back_s = at_s + 120 + self.chance.below(1_500);
                *self.absent.entry(line).or_default() += 1;
                self.expect(back_s, Event::Back(line));
            }
        } else {
            at_s += 8 + self.chance.below(15);
            at_s = self.in_room(at_s, Action::Start, (None, room));
            at_s = self.leave(at_s, room, (line, from));
        }
        let next_s = at_s + 4 + self.chance.below(9);
        self.expect(next_s, Event::Next(room));
    }

    /// Whoever is in a room is seen and goes: for a test, back from one, to pay, or home.
    fn leave(&mut self, at_s: u32, room: &str, (line, from): (u16, u16)) -> u32 {
        let seen_for_s = if line < TEST { self.seen_for_s } else { SHORT_S };
        let at_s = at_s + seen_for_s / 2 + self.chance.below(seen_for_s);
        if line == PAYMENT {
            return self.in_room(at_s, Action::Finish, (None, room));
        }
        if line == TEST {
            let at_s = self.in_room(at_s, Action::Back, (None, room));
            self.expect(at_s, Event::Waits(from, from));
            return at_s;
        }
        let (action, to) = match self.chance.below(100_u32) {
            0..10 => (Action::Test, TEST),
            10..45 => (Action::Pay, PAYMENT),
            _ => return self.in_room(at_s, Action::Finish, (None, room)),
        };
        let at_s = self.in_room(at_s, action, (Some(to), room));
        self.expect(at_s, Event::Waits(to, line));
        at_s
    }

    /// What should be refused: buttons pressed for nobody, and patients who come when it is over.
    fn mishaps(&mut self) {
        let early_s = OPENS_S + 30;
        for (nth, action) in (0..).zip([Action::Recall, Action::Absent, Action::Start, Action::Finish]) {
            self.row(early_s + nth * 9, action, (None, "", ROOMS[0].0));
        }
        self.row(early_s + 40, Action::Return, (Some(1), "", "first absent"));
        self.row(OPENS_S + 5, Action::Open, (Some(1), "", "morning"));
        self.row(OPENS_S - 60, Action::Take, (Some(2), "early", ""));
        self.row(CLOSES_S + 30, Action::Take, (Some(1), "late", ""));
        self.row(CLOSES_S + 40, Action::Remote, (Some(1), "far", ""));
        self.row(OPENS_S + 600, Action::Take, (Some(1), "many", "family=30"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::row;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_same_seed_draws_the_same_morning(seed: u64, n_patients in 1_u32..500) {
            let drawn = || row::write(&morning(Plan { seed, n_patients }));
            prop_assert_eq!(drawn(), drawn());
        }

        #[test]
        fn a_drawn_morning_reads_back_in_order_and_ends_before_noon_is_long_over(seed: u64, n_patients in 1_u32..500) {
            let rows = morning(Plan { seed, n_patients });
            prop_assert_eq!(&row::read(&row::write(&rows)).unwrap(), &rows);
            prop_assert!(rows.iter().all(|row| (8 * 3_600..14 * 3_600).contains(&row.at_s)));
            let n_who = rows.iter().filter(|row| row.who.starts_with('p')).map(|row| &row.who)
                .collect::<std::collections::BTreeSet<_>>().len();
            prop_assert_eq!(n_who, usize::try_from(n_patients).unwrap());
        }
    }

    #[test]
    fn another_seed_draws_another_morning_with_everything_in_it() {
        let of = |seed| morning(Plan { seed, n_patients: 400 });
        assert_ne!(row::write(&of(1)), row::write(&of(2)));
        let rows = of(1);
        for action in Action::ALL {
            assert!(rows.iter().any(|row| row.action == *action), "nobody does {}", action.word());
        }
        assert!(rows.windows(2).any(|two| two[0] == two[1]), "nobody presses twice");
        assert!(rows.iter().any(|row| row.family() > 1), "no family comes");
    }
}
