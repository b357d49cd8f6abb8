//! Plays a morning: each row is pressed on the device of a real clinic when the daemon's clock has come to it.
//!
//! What falls behind is sent at once, in order. Rows of the same second go side by side where different patients
//! press; a room and a person keep their order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::task::JoinSet;

use super::api::{Answered, Api, Press, Status};
use super::camera::{Camera, Moment};
use super::clock::{Clock, Pace};
use super::far::{Call, Reach, Reaching, Telephones};
use super::outage::{Outage, Span};
use super::press::{Clinic, KIOSKS, Meant};
use super::progress::Progress;
use super::row::{Action, Row};
use crate::hub::Line;

/// A board is looked at after every so manieth press in a room.
const LOOK_EVERY: usize = 3;
/// How long a paper takes that is waited for.
const PAPER_FOR: Duration = Duration::from_millis(25);
/// The longest sleep before the clock is read again.
const NAP: Duration = Duration::from_secs(1);
/// How old a reading of the daemon's clock may be before it is read again.
const CLOCK_OLD: Duration = Duration::from_millis(100);
/// How long paper, and the last call's frame, may take in real time.
const SETTLE_FOR: Duration = Duration::from_secs(120);

/// Why a press was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A row said so.
    Asked,
    /// The same finger slipped: the row stands twice.
    Double,
    /// The same press was sent again under its key, as a tablet does whose answer was lost.
    Repeat,
    /// Another tablet of the room was pressed at the same instant.
    Crossing,
    /// A second number that a slow double press had been given is handed back.
    TakenBack,
}

/// A press that was made for a row.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Which row.
    pub row_idx: usize,
    /// Why.
    pub role: Role,
    /// The daemon's clock shortly before and shortly after, milliseconds of UTC.
    pub clock_ms: (i64, i64),
    /// The answer.
    pub answered: Answered,
    /// What the hub can have known of the clinic, where it was asked.
    pub reach: Option<Reach>,
}

impl Sent {
    /// Whether it was pressed on a patient's telephone, at the hub.
    #[must_use]
    pub const fn is_from_afar(&self) -> bool {
        self.reach.is_some()
    }
}

/// The board as a browser was told it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// How many facts it was folded from.
    pub n_facts: u64,
    /// What each room's tile showed, empty for nobody.
    pub rooms: BTreeMap<String, String>,
}

/// The desk as a tablet was told it.
#[derive(Clone, Debug, Default)]
pub struct SeenDesk {
    /// How many facts it was folded from.
    pub n_facts: u64,
    /// The labels in each room, and the one that its button would call, empty for nobody.
    pub rooms: BTreeMap<String, (Vec<String>, String)>,
    /// Of each line the labels that wait, in their order.
    pub waiting: BTreeMap<u64, Vec<String>>,
    /// Of each line the labels set aside.
    pub on_hold: BTreeMap<u64, BTreeSet<String>>,
    /// Of each line the labels of the absent and of those who have not come.
    pub away: BTreeMap<u64, BTreeSet<String>>,
}

/// A row that nobody could press.
#[derive(Clone, Copy, Debug)]
pub struct Off {
    /// Which row.
    pub row_idx: usize,
    /// Of how many facts the desk was that showed so; none where the patient never got a number.
    pub looked_at: Option<u64>,
}

/// What came of a morning.
#[derive(Debug, Default)]
pub struct Played {
    /// Every press.
    pub sent: Vec<Sent>,
    /// Rows that could not be pressed.
    pub off: Vec<Off>,
    /// Boards that were looked at.
    pub boards: Vec<Seen>,
    /// Desks that were looked at.
    pub desks: Vec<SeenDesk>,
    /// Milliseconds within which the same press counts once.
    pub lock_ms: i64,
    /// For how many seconds of the rehearsal's clock the line to the hub was cut.
    pub offline_s: u64,
}

/// What is played.
#[derive(Clone, Copy, Debug)]
pub struct Score<'a> {
    /// The acts.
    pub rows: &'a [Row],
    /// How many times faster than real time the rehearsal's clock runs.
    pub speed: u32,
    /// The instant at which the rows' day begins, milliseconds of UTC.
    pub midnight_ms: i64,
    /// When the line to the hub is cut.
    pub offline: Option<Span>,
}

/// Everything that a player needs.
pub struct Player<'a> {
    api: Api,
    score: Score<'a>,
    camera: &'a mut Camera,
    clinic: Clinic,
    telephones: Telephones,
    outage: Option<Outage<'a>>,
    reaching: Reaching,
    played: Played,
    wanted: BTreeSet<Moment>,
    clock: Option<Clock>,
    n_refused: usize,
    pace: Pace,
    progress: Progress,
}

/// The presses of one row, one after the other.
struct Lane {
    row_idx: usize,
    role: Role,
    presses: Vec<Press>,
    /// The key of a press that is sent again.
    key: Option<String>,
}

impl<'a> Player<'a> {
    /// Makes a player, with the line from the box to the hub and telephones for patients.
    ///
    /// # Errors
    /// The daemon does not tell its rules.
    pub async fn new(
        api: Api,
        (line, telephones): (&'a Line, Telephones),
        camera: &'a mut Camera,
        score: Score<'a>,
    ) -> Result<Self> {
        let settings = api.get("settings").await?;
        let lock_ms = settings["rules"]["double_press_ms"].as_i64().context("the settings name no double press")?;
        let clinic = Clinic::new(api.clone(), Duration::from_millis(lock_ms.unsigned_abs()) / score.speed);
        let played = Played { lock_ms, ..Played::default() };
        Ok(Self {
            api,
            score,
            camera,
            clinic,
            telephones,
            outage: score.offline.map(|span| Outage::new(line, span, score.midnight_ms)),
            reaching: Reaching::default(),
            played,
            wanted: BTreeSet::new(),
            clock: None,
            n_refused: 0,
            pace: Pace::default(),
            progress: Progress::new(score.rows.len()),
        })
    }

    /// Plays every row, then waits until the paper is out and the line is whole.
    ///
    /// # Errors
    /// The daemon or the hub cannot be reached; a refusal is no error.
    pub async fn play(mut self) -> Result<Played> {
        self.camera.shoot(Moment::Before).await?;
        let rows = self.score.rows;
        let mut next = 0;
        while next < rows.len() {
            let batch = batch(rows, next);
            let clock = self.wait_for(&rows[next]).await?;
            let n_before = self.played.sent.len();
            self.play_batch(batch.clone(), &clock).await?;
            next = batch.end;
            self.look(n_before).await?;
            self.say(next, &clock.status);
        }
        while let Some(sent) = self.telephones.next().await? {
            self.note(sent);
        }
        self.wait_for_line().await?;
        let status = self.settle().await?;
        self.say(next, &status);
        self.progress.end();
        self.played.offline_s = self.outage.as_ref().map_or(0, Outage::cut_for_s);
        Ok(self.played)
    }

    /// Waits until the daemon's clock has come to a row, and until the printer has caught up.
    async fn wait_for(&mut self, row: &Row) -> Result<Clock> {
        let at_ms = self.score.midnight_ms + i64::from(row.at_s) * 1_000;
        loop {
            let clock = self.clock().await?;
            // Since it was read the clock has gone on, at least so far.
            let now_ms = clock.now_ms(self.api.elapsed());
            let due_ms = self.next_turn_ms().map_or(at_ms, |turn_ms| turn_ms.min(at_ms));
            let left = Duration::from_millis((due_ms - now_ms).try_into().unwrap_or(0)) / self.score.speed;
            let is_printer_behind = row.action == Action::Take && self.pace.is_behind(&clock, self.score.midnight_ms);
            if at_ms <= now_ms && !is_printer_behind {
                return Ok(clock);
            }
            let least = if is_printer_behind { PAPER_FOR } else { Duration::from_millis(1) };
            tokio::time::sleep(left.clamp(least, NAP)).await;
            self.clock = None;
        }
    }

    /// Waits until the line is not cut any more, and will not be.
    async fn wait_for_line(&mut self) -> Result<()> {
        loop {
            let clock = self.clock().await?;
            let now_ms = clock.now_ms(self.api.elapsed());
            let Some(due_ms) = self.next_turn_ms() else { return Ok(()) };
            let left = Duration::from_millis((due_ms - now_ms).try_into().unwrap_or(0)) / self.score.speed;
            tokio::time::sleep(left.clamp(Duration::from_millis(1), NAP)).await;
            self.clock = None;
        }
    }

    fn next_turn_ms(&self) -> Option<i64> {
        self.outage.as_ref().and_then(Outage::next_ms)
    }

    /// Returns a reading of the daemon's clock that is not old, and does to the line what is due by it.
    async fn clock(&mut self) -> Result<Clock> {
        if let Some(clock) = self.clock.clone().filter(|clock| self.api.elapsed() < clock.read_at + CLOCK_OLD) {
            return Ok(clock);
        }
        let mut clock = self.read_clock().await?;
        let now_ms = clock.status.now_ms;
        let turn = self.outage.as_mut().and_then(|outage| outage.look(now_ms));
        if turn.is_some() {
            // What the box had written by then can be on its way to the hub.
            clock = self.read_clock().await?;
        }
        self.reaching.note(&clock, turn);
        self.clock = Some(clock.clone());
        Ok(clock)
    }

    async fn read_clock(&self) -> Result<Clock> {
        let asked_at = self.api.elapsed();
        let status = self.api.status().await?;
        Ok(Clock { status, asked_at, read_at: self.api.elapsed(), speed: self.score.speed })
    }

    async fn play_batch(&mut self, batch: Range<usize>, clock: &Clock) -> Result<()> {
        let rows = self.score.rows;
        let sent = self.telephones.by_now()?;
        self.note(sent);
        for row in &rows[batch.clone()] {
            // Nobody does two things at once.
            while self.telephones.is_busy(&row.who) {
                let sent = self.telephones.next().await?.unwrap_or_default();
                self.note(sent);
            }
        }
        let (first, n_rows) = (&rows[batch.start], batch.len());
        let is_double = n_rows > 1 && rows[batch.clone()].iter().all(|row| row == first);
        let mut lanes: Vec<Lane> = Vec::new();
        for row_idx in batch {
            // The finger slips on the very same button.
            let slipped = lanes.first().filter(|_| is_double).map(|lane| lane.presses.clone());
            if let Some(presses) = slipped {
                lanes.push(Lane { row_idx, role: Role::Double, presses, key: None });
                continue;
            }
            let lane = |role, presses, key| Lane { row_idx, role, presses, key };
            match self.clinic.meant(&rows[row_idx], is_double).await? {
                Meant::InOrder(presses) => lanes.push(lane(Role::Asked, presses, None)),
                Meant::Again(press, key) => lanes.push(lane(Role::Repeat, vec![press], Some(key))),
                Meant::Crossing([one, other]) => {
                    lanes.push(lane(Role::Asked, vec![one], None));
                    lanes.push(lane(Role::Crossing, vec![other], None));
                }
                Meant::FromAfar => {
                    self.telephones.call(self.call(row_idx, if is_double { n_rows } else { 1 }, clock));
                    if is_double {
                        break;
                    }
                }
                Meant::FromAfarAgain(press, key) => {
                    self.telephones.again(self.call(row_idx, 1, clock), press, key);
                }
                Meant::Off(looked_at) => self.played.off.push(Off { row_idx, looked_at }),
            }
        }
        let answered = self.send(lanes, clock.clone()).await?;
        self.note(answered);
        self.hand_back(clock).await
    }

    /// Takes note of what was pressed, and of what came of it.
    fn note(&mut self, answered: Vec<Sent>) {
        for sent in &answered {
            self.clinic.note(&self.score.rows[sent.row_idx], sent);
            self.n_refused += usize::from(!sent.answered.is_done());
            self.pace.note(&sent.answered);
        }
        self.played.sent.extend(answered);
    }

    /// Returns what a patient's finger does from afar, so many times.
    fn call(&self, row_idx: usize, n_presses: usize, clock: &Clock) -> Call {
        let row = &self.score.rows[row_idx];
        Call {
            row_idx,
            n_presses,
            who: row.who.clone(),
            line: row.line.unwrap_or(0).into(),
            n_people: row.family(),
            clock: clock.clone(),
            reach: self.reaching.now(),
        }
    }

    /// Sends each lane's presses in order, the lanes side by side.
    async fn send(&self, lanes: Vec<Lane>, clock: Clock) -> Result<Vec<Sent>> {
        let mut sending = JoinSet::new();
        for (nth, lane) in lanes.into_iter().enumerate() {
            let (api, clock) = (self.api.clone(), clock.clone());
            sending.spawn(async move {
                let mut sent = Vec::new();
                for (idx, press) in lane.presses.into_iter().enumerate() {
                    let key = lane.key.clone().unwrap_or_else(|| format!("demo-{}-{nth}-{idx}", lane.row_idx));
                    let answered = api.press(press, key).await?;
                    sent.push(Sent {
                        row_idx: lane.row_idx,
                        role: lane.role,
                        clock_ms: clock.around(&answered),
                        answered,
                        reach: None,
                    });
                }
                anyhow::Ok(sent)
            });
        }
        let mut all = Vec::new();
        while let Some(sent) = sending.join_next().await {
            all.extend(sent.context("a device of the demo broke off")??);
        }
        all.sort_by_key(|sent| (sent.row_idx, sent.answered.answered));
        Ok(all)
    }

    /// Hands back the second number of a double press so slow that it counted as two.
    async fn hand_back(&mut self, clock: &Clock) -> Result<()> {
        for (row_idx, visit) in self.clinic.second_numbers() {
            let press = Clinic::taken_back(&visit);
            let answered = self.api.press(press, format!("demo-{row_idx}-back-{visit}")).await?;
            let clock_ms = clock.around(&answered);
            self.played.sent.push(Sent { row_idx, role: Role::TakenBack, clock_ms, answered, reach: None });
        }
        Ok(())
    }

    /// Looks at the board after a press, and takes the pictures that are wanted.
    async fn look(&mut self, n_before: usize) -> Result<()> {
        let half = self.score.rows.len() / 2;
        let fresh = self.played.sent.get(n_before..).unwrap_or_default();
        let Some(last) = fresh.last() else { return Ok(()) };
        let (row_idx, action) = (last.row_idx, self.score.rows[last.row_idx].action);
        let happened = |kind: &str| fresh.iter().any(|sent| sent.answered.happened().contains(&kind));
        let (is_called, is_absent) = (happened("Called"), happened("MarkedAbsent"));
        let is_second_half = row_idx >= half;
        let wants_call = is_called && (!self.camera.has(Moment::Call) || self.wanted.contains(&Moment::Call));
        if wants_call && self.camera.shoot(Moment::Call).await? {
            self.wanted.remove(&Moment::Call);
        }
        if is_second_half && !self.camera.has(Moment::Busy) && !self.wanted.contains(&Moment::Busy) {
            // A call from the thick of it takes the place of the first one.
            self.wanted.extend([Moment::Busy, Moment::Call]);
        }
        if is_absent && !self.camera.has(Moment::Absent) {
            self.wanted.insert(Moment::Absent);
        }
        if action == Action::Emergency && !self.camera.has(Moment::Emergency) {
            self.wanted.insert(Moment::Emergency);
        }
        for moment in [Moment::Busy, Moment::Emergency, Moment::Absent] {
            if self.wanted.contains(&moment) && self.camera.shoot(moment).await? {
                self.wanted.remove(&moment);
            }
        }
        let is_in_room = matches!(action, Action::Call | Action::Absent | Action::Start | Action::Finish);
        if is_in_room && row_idx.is_multiple_of(LOOK_EVERY) {
            self.played.boards.push(seen(&self.api.get("board").await?)?);
        }
        let puts_elsewhere = matches!(
            action,
            Action::Hold
                | Action::Release
                | Action::Move
                | Action::Test
                | Action::Back
                | Action::Pay
                | Action::Undo
                | Action::Cross
        );
        if puts_elsewhere || (is_in_room && row_idx.is_multiple_of(LOOK_EVERY)) {
            self.played.desks.push(seen_desk(&self.api.get("desk").await?)?);
        }
        Ok(())
    }

    /// Waits until the paper is out and the board is quiet.
    async fn settle(&mut self) -> Result<Status> {
        let until = self.api.elapsed() + SETTLE_FOR;
        loop {
            let status = self.api.status().await?;
            let is_quiet = self.camera.has(Moment::Closed) || self.camera.shoot(Moment::Closed).await?;
            if status.n_printing == 0 && is_quiet {
                self.played.boards.push(seen(&self.api.get("board").await?)?);
                return Ok(status);
            }
            if self.api.elapsed() > until {
                bail!("{} tickets were still being printed after {SETTLE_FOR:?}", status.n_printing);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn say(&mut self, n_done: usize, status: &Status) {
        let face = self.score.rows[..n_done].last().map(Row::clock_face).unwrap_or_default();
        let n_refused = self.n_refused;
        let text = format!(
            "{face}  {} facts, {} waiting, {} printing, {n_refused} refused",
            status.n_facts, status.n_waiting, status.n_printing
        );
        self.progress.say(n_done, &text);
    }
}

/// Returns the rows that are pressed together: a double press, or patients who come in the same second.
fn batch(rows: &[Row], from: usize) -> Range<usize> {
    let first = &rows[from];
    let n_same = rows[from..].iter().take_while(|row| *row == first).count();
    if n_same > 1 {
        return from..from + n_same;
    }
    let by_patient = |row: &Row| matches!(row.action, Action::Take | Action::Remote | Action::Arrive);
    let mut end = from + 1;
    while by_patient(first) && end < rows.len() {
        let next = &rows[end];
        let together = &rows[from..end];
        let n_takes = together.iter().filter(|row| row.action == Action::Take).count();
        let has_kiosk = next.action != Action::Take || n_takes < KIOSKS.len();
        let is_double = rows.get(end + 1) == Some(next);
        let is_other = together.iter().all(|row| row.who != next.who);
        if next.at_s != first.at_s || !by_patient(next) || !has_kiosk || is_double || !is_other {
            break;
        }
        end += 1;
    }
    from..end
}

fn seen(board: &Value) -> Result<Seen> {
    let n_facts = board["n_facts"].as_u64().context("the board does not say from how many facts it is")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rooms = board["rooms"].as_array().context("the board has no rooms")?;
    let rooms = rooms.iter().map(|tile| (text(&tile["room"]), text(&tile["label"]))).collect();
    Ok(Seen { n_facts, rooms })
}

fn seen_desk(desk: &Value) -> Result<SeenDesk> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|row| text(&row["label"])).collect()
    };
    let n_facts = desk["n_facts"].as_u64().context("the desk does not say from how many facts it is")?;
    let mut seen = SeenDesk { n_facts, ..SeenDesk::default() };
    for room in desk["rooms"].as_array().context("the desk has no rooms")? {
        seen.rooms.insert(text(&room["room"]), (labels(&room["now"]), text(&room["next"])));
    }
    for line in desk["lines"].as_array().context("the desk has no lines")? {
        let no = line["line"].as_u64().context("a line without a number")?;
        let away = labels(&line["absent"]).into_iter().chain(labels(&line["not_arrived"]));
        seen.waiting.insert(no, labels(&line["waiting"]));
        seen.on_hold.insert(no, labels(&line["on_hold"]).into_iter().collect());
        seen.away.insert(no, away.collect());
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::row;

    #[test]
    fn patients_of_one_second_go_together_and_a_double_press_alone() {
        let text = "at,action,line,who,detail\n\
            08:30:00,take,1,a,\n08:30:00,take,1,b,\n08:30:00,take,1,c,\n08:30:00,call,,,room1\n\
            08:31:00,take,1,d,\n08:31:00,take,1,d,\n08:32:00,call,,,room1\n08:32:00,call,,,room2\n";
        let rows = row::read(text).unwrap();
        let mut batches = Vec::new();
        let mut next = 0;
        while next < rows.len() {
            let one = batch(&rows, next);
            next = one.end;
            batches.push(one);
        }
        assert_eq!(batches, [0..2, 2..3, 3..4, 4..6, 6..7, 7..8]);
    }
}
