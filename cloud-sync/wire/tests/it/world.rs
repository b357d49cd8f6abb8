//! A model of boxes, a hub and the line between them, driven by a seed: the machines are the real ones, and so are the
//! hub's judgements; stores, disks and the line are models.

use std::collections::{BTreeMap, BTreeSet};

use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_wire::box_side::{Action, Facts, Input, Machine, Most, Who};
use machiai_wire::chain::Hash;
use machiai_wire::hub_side::{Judged, judge_run};
use machiai_wire::offset::{Incarnation, Offset};
use machiai_wire::producer::{Turn, Verdict};
use machiai_wire::run::{BadRun, Head, Heads, follow, read_named};
use machiai_wire::said::{Ask, Came, Failure, Mode};
use machiai_wire::vector;

pub(crate) const SITE: SiteId = SiteId(1001);

/// Facts on a disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    heads: Heads,
    lines: BTreeMap<Origin, Vec<(Vec<u8>, Hash)>>,
}

impl Disk {
    /// Keeps lines that follow; anything else is a fault of the machines.
    fn keep(&mut self, lines: Vec<Vec<u8>>) {
        for line in lines {
            let named = read_named(&line, 0).unwrap();
            let before = self.heads.get(&named.origin).copied().unwrap_or(Head::START);
            let head = follow((SITE, named.origin), before, [line.as_slice()]).unwrap();
            self.heads.insert(named.origin, head);
            self.lines.entry(named.origin).or_default().push((line, head.hash));
        }
    }

    fn write(&mut self, origin: Origin, at_ms: i64) {
        let seq = self.heads.get(&origin).map_or(1, |head| head.seq.0 + 1);
        let line = format!(r#"{{"site":1001,"origin":"{origin}","seq":{seq},"at_ms":{at_ms},"kind":"Any"}}"#);
        self.keep(vec![line.into_bytes()]);
    }

    /// Lists the identities of all facts, in the one order that every machine folds in.
    pub(crate) fn facts(&self) -> Vec<(i64, Origin, u64, &[u8])> {
        let at = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).unwrap()["at_ms"].as_i64().unwrap();
        let mut facts: Vec<_> = self
            .lines
            .iter()
            .flat_map(|(origin, lines)| {
                lines.iter().zip(1..).map(move |((line, _), seq)| (at(line), *origin, seq, line.as_slice()))
            })
            .collect();
        facts.sort();
        facts
    }

    fn identities(&self) -> BTreeSet<(Origin, u64)> {
        self.heads.iter().flat_map(|(origin, head)| (1..=head.seq.0).map(|seq| (*origin, seq))).collect()
    }
}

impl Facts for Disk {
    fn heads(&self) -> &Heads {
        &self.heads
    }

    fn hash_at(&self, origin: Origin, seq: Seq) -> Option<Hash> {
        let Some(nth) = seq.0.checked_sub(1) else { return Some(Hash::START) };
        self.lines.get(&origin)?.get(usize::try_from(nth).ok()?).map(|(_, hash)| *hash)
    }

    fn lines(&self, origin: Origin, after: Seq, most: Most) -> Vec<Vec<u8>> {
        let lines = self.lines.get(&origin).map_or(&[][..], Vec::as_slice);
        let rest = lines.iter().skip(usize::try_from(after.0).unwrap()).take(most.lines.min(7));
        rest.map(|(line, _)| line.clone()).collect()
    }
}

/// The hub.
#[derive(Clone, Debug)]
struct Hub {
    disk: Disk,
    newest: BTreeMap<Origin, Turn>,
    /// Its own facts, as they were written.
    down: Vec<Vec<u8>>,
    incarnation: u64,
    own: Origin,
    /// Boxes whose place another one has taken.
    replaced: BTreeSet<usize>,
}

impl Hub {
    fn place(&self, after: usize) -> Offset {
        Offset { incarnation: Incarnation(self.incarnation), after: after as u64 }
    }

    /// Answers a box by whether it is the site's, or says that it knows that it is not.
    fn answer(&mut self, from: usize, ask: &Ask) -> Result<Came, Failure> {
        match ask {
            Ask::Left(ask) => self.judge(ask, true),
            Ask::Vector(_) | Ask::Append(_) | Ask::Fetch(..) | Ask::Listen(..) if self.replaced.contains(&from) => {
                Err(Failure::Replaced { why: "another has its place".to_owned() })
            }
            Ask::Vector(_) | Ask::Append(_) | Ask::Fetch(..) | Ask::Listen(..) => self.judge(ask, false),
        }
    }

    fn judge(&mut self, ask: &Ask, is_left: bool) -> Result<Came, Failure> {
        match ask {
            Ask::Vector(question) => {
                let epoch = self.newest.values().map(|turn| turn.epoch).max().unwrap_or(0);
                let down = self.place(self.down.len()).to_string();
                Ok(Came::Vector(vector::answer(&self.disk.heads, question, (epoch, down)).unwrap()))
            }
            Ask::Append(run) => {
                let head = self.disk.heads.get(&run.origin).copied().unwrap_or(Head::START);
                match judge_run(SITE, (head, self.newest.get(&run.origin).copied()), run) {
                    Judged::Keep(_) => {
                        self.newest.insert(run.origin, run.turn);
                        self.disk.keep(run.lines.clone());
                        if is_left {
                            self.down.extend(run.lines.iter().cloned());
                        }
                        Ok(Came::Kept)
                    }
                    Judged::Seen(_) => Ok(Came::Seen),
                    Judged::OutOfTurn(Verdict::Stale { epoch }) => Err(Failure::Stale { epoch }),
                    Judged::OutOfTurn(_) | Judged::Behind(_) => Err(Failure::Behind),
                    Judged::Bad(bad @ BadRun::OtherHash { .. }) => Err(Failure::Diverged { why: bad.to_string() }),
                    Judged::Bad(bad) => panic!("a box sent what is no run: {bad}"),
                }
            }
            Ask::Fetch(..) | Ask::Left(_) if is_left => panic!("a box that was replaced asks for facts"),
            Ask::Left(_) => panic!("nothing is left twice"),
            Ask::Fetch(origin, after) => {
                Ok(Came::Facts(self.disk.lines(*origin, *after, machiai_wire::box_side::MOST)))
            }
            Ask::Listen(..) => panic!("listening is not answered at once"),
        }
    }
}

/// A line that listens.
#[derive(Clone, Copy, Debug)]
struct Ear {
    ask: u64,
    at: Offset,
    mode: Mode,
    /// When the last thing was sent, which nothing after it overtakes.
    comes_at: u64,
}

/// A box.
#[derive(Debug)]
pub(crate) struct Box {
    pub(crate) disk: Disk,
    own: Origin,
    pub(crate) machine: Machine,
    /// Which of its starts this is: what was asked before is not answered to it.
    start: u32,
    ear: Option<Ear>,
    /// When it looks by itself.
    looks_at_ms: u64,
    backup: Disk,
}

/// Something on its way.
#[derive(Clone, Debug)]
enum Event {
    ToHub { from: usize, start: u32, nth: u64, ask: Ask },
    ToBox { to: usize, start: u32, nth: u64, came: Result<Came, Failure> },
    Look { of: usize },
}

/// What a line does, of a thousand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) delay_ms: u64,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct World {
    seed: u64,
    pub(crate) now_ms: u64,
    /// How far the wall clocks are off.
    wall_ms: i64,
    pub(crate) line: Line,
    hub: Hub,
    hubs_backup: Hub,
    pub(crate) boxes: Vec<Box>,
    coming: BTreeMap<(u64, u64), Event>,
    n_events: u64,
    /// Facts of which the last copy was lost by a restore.
    pub(crate) lost: BTreeSet<(Origin, u64)>,
    pub(crate) written: BTreeSet<(Origin, u64)>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = Self {
            seed,
            now_ms: 0,
            wall_ms: 1_770_000_000_000,
            line: Line { lost: 0, doubled: 0, delay_ms: 50 },
            hub: Hub {
                disk: Disk::default(),
                newest: BTreeMap::new(),
                down: Vec::new(),
                incarnation: 1,
                own: Origin::from_bytes([0; 16]),
                replaced: BTreeSet::new(),
            },
            hubs_backup: Hub {
                disk: Disk::default(),
                newest: BTreeMap::new(),
                down: Vec::new(),
                incarnation: 1,
                own: Origin::from_bytes([0; 16]),
                replaced: BTreeSet::new(),
            },
            boxes: Vec::new(),
            coming: BTreeMap::new(),
            n_events: 0,
            lost: BTreeSet::new(),
            written: BTreeSet::new(),
        };
        world.hub.own = world.origin();
        world.hubs_backup = world.hub.clone();
        world.add_box(Disk::default());
        world
    }

    /// Draws a number (SplitMix64).
    pub(crate) fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.draw() % most.max(1)
    }

    fn origin(&mut self) -> Origin {
        let (high, low) = (self.draw().to_le_bytes(), self.draw().to_le_bytes());
        Origin::from_bytes(std::array::from_fn(|nth| if nth < 8 { high[nth] } else { low[nth - 8] }))
    }

    fn one_box(&mut self) -> usize {
        usize::try_from(self.below(self.boxes.len() as u64)).unwrap()
    }

    fn add_box(&mut self, disk: Disk) {
        let own = self.origin();
        let machine = machine(own);
        let backup = disk.clone();
        self.boxes.push(Box { disk, own, machine, start: 0, ear: None, looks_at_ms: 0, backup });
        self.look(self.boxes.len() - 1, 0);
    }

    fn post(&mut self, after_ms: u64, event: Event) {
        self.n_events += 1;
        self.coming.insert((self.now_ms + after_ms, self.n_events), event);
    }

    /// Sends something over the line: late, twice, or never.
    fn send(&mut self, event: Event) {
        let Line { lost, doubled, delay_ms } = self.line;
        let n_times = if self.below(1_000) < lost { 0 } else { 1 + u64::from(self.below(1_000) < doubled) };
        for _ in 0..n_times {
            let delay = 5 + self.below(delay_ms);
            self.post(delay, event.clone());
        }
    }

    /// Writes a fact on a box, or on the hub.
    pub(crate) fn write(&mut self, on_hub: bool) {
        let at_ms = self.wall_ms + i64::try_from(self.now_ms).unwrap();
        if on_hub {
            let own = self.hub.own;
            self.hub.disk.write(own, at_ms);
            let (line, _) = self.hub.disk.lines[&own].last().unwrap();
            self.hub.down.push(line.clone());
            self.written.insert((own, self.hub.disk.heads[&own].seq.0));
            self.tell_ears();
        } else {
            let of = self.one_box();
            let one = &mut self.boxes[of];
            one.disk.write(one.own, at_ms);
            self.written.insert((one.own, one.disk.heads[&one.own].seq.0));
            self.step(of, Input::Look);
        }
    }

    /// Sets the wall clocks.
    pub(crate) fn step_clock(&mut self, by_ms: i64) {
        self.wall_ms += by_ms;
    }

    /// A box starts again: what it was doing is forgotten, what it kept is there.
    pub(crate) fn restart_box(&mut self) {
        let of = self.one_box();
        self.start_box(of);
    }

    fn start_box(&mut self, of: usize) {
        let own = self.origin();
        let one = &mut self.boxes[of];
        (one.own, one.machine, one.ear) = (own, machine(own), None);
        one.start += 1;
        self.look(of, 0);
    }

    /// A box makes a backup, or comes back from one.
    pub(crate) fn back_up_box(&mut self) {
        let of = self.one_box();
        self.boxes[of].backup = self.boxes[of].disk.clone();
    }

    pub(crate) fn restore_box(&mut self) {
        let of = self.one_box();
        let before = self.boxes[of].disk.identities();
        self.boxes[of].disk = self.boxes[of].backup.clone();
        self.note_lost(before);
        self.start_box(of);
    }

    /// A second box begins with a copy of a disk.
    pub(crate) fn clone_box(&mut self) {
        if self.boxes.len() < 3 {
            let of = self.one_box();
            self.add_box(self.boxes[of].disk.clone());
        }
    }

    /// An empty box takes the place of all others, whose lines that listen stay open until something cuts them.
    pub(crate) fn replace_boxes(&mut self) {
        if self.boxes.len() < 4 {
            self.hub.replaced.extend(0..self.boxes.len());
            // What a backup of the hub knows of generations, the new box's certificate proves.
            self.hubs_backup.replaced.clone_from(&self.hub.replaced);
            self.add_box(Disk::default());
        }
    }

    /// Whether another box has taken one's place.
    pub(crate) fn is_replaced(&self, of: usize) -> bool {
        self.hub.replaced.contains(&of)
    }

    /// The hub starts again: its lines are cut, and it writes under another origin.
    pub(crate) fn restart_hub(&mut self) {
        self.hub.own = self.origin();
        for one in &mut self.boxes {
            one.ear = None;
        }
    }

    pub(crate) fn back_up_hub(&mut self) {
        self.hubs_backup = self.hub.clone();
    }

    pub(crate) fn restore_hub(&mut self) {
        let before = self.hub.disk.identities();
        self.hub = self.hubs_backup.clone();
        self.hub.incarnation = self.draw();
        self.note_lost(before);
        self.restart_hub();
    }

    fn note_lost(&mut self, before: BTreeSet<(Origin, u64)>) {
        let mut there = self.hub.disk.identities();
        there.extend(self.boxes.iter().flat_map(|one| one.disk.identities()));
        self.lost.extend(before.difference(&there));
    }

    /// Lives on until a moment.
    pub(crate) fn run_until(&mut self, until_ms: u64) {
        while let Some(entry) = self.coming.first_entry().filter(|entry| entry.key().0 <= until_ms) {
            let ((at_ms, _), event) = entry.remove_entry();
            self.now_ms = at_ms;
            self.live(event);
        }
        self.now_ms = until_ms;
    }

    fn live(&mut self, event: Event) {
        match event {
            Event::ToHub { from, start, nth, ask: Ask::Listen(at, mode) } => self.listen(from, start, (nth, at, mode)),
            Event::ToHub { from, start, nth, ask } => {
                let came = self.hub.answer(from, &ask);
                self.send(Event::ToBox { to: from, start, nth, came });
                if matches!(ask, Ask::Append(_) | Ask::Left(_)) {
                    self.tell_ears();
                }
            }
            Event::ToBox { to, start, nth, came } if self.boxes[to].start == start => {
                self.step(to, came.map_or_else(|failure| Input::Failed(nth, failure), |came| Input::Came(nth, came)));
            }
            // To a box that has started again since.
            Event::ToBox { .. } => {}
            Event::Look { of } if self.boxes[of].looks_at_ms == self.now_ms => self.step(of, Input::Look),
            // It has something else to wait for by now.
            Event::Look { .. } => {}
        }
    }

    fn listen(&mut self, from: usize, start: u32, (ask, at, mode): (u64, Offset, Mode)) {
        if self.boxes[from].start != start {
            return;
        }
        if self.hub.replaced.contains(&from) {
            let came = Err(Failure::Replaced { why: String::new() });
            return self.send(Event::ToBox { to: from, start, nth: ask, came });
        }
        if at.incarnation.0 != self.hub.incarnation || at.after > self.hub.down.len() as u64 {
            return self.send(Event::ToBox { to: from, start, nth: ask, came: Err(Failure::Behind) });
        }
        self.boxes[from].ear = Some(Ear { ask, at, mode, comes_at: self.now_ms });
        self.tell(from, mode != Mode::LongPoll);
    }

    fn tell_ears(&mut self) {
        (0..self.boxes.len()).for_each(|of| self.tell(of, false));
    }

    /// Tells a listening box what is new; a line that loses something is cut, and tells nothing more.
    fn tell(&mut self, of: usize, is_first: bool) {
        let Some(mut ear) = self.boxes[of].ear else { return };
        let after = usize::try_from(ear.at.after).unwrap();
        let lines: Vec<_> = self.hub.down[after..].to_vec();
        if lines.is_empty() && !is_first {
            return;
        }
        if self.below(1_000) < self.line.lost {
            self.boxes[of].ear = None;
            return;
        }
        ear.at = self.hub.place(self.hub.down.len());
        ear.comes_at = ear.comes_at.max(self.now_ms + 5 + self.below(self.line.delay_ms)) + 1;
        let came = Ok(Came::Heard(lines, ear.at));
        let start = self.boxes[of].start;
        self.post(ear.comes_at - self.now_ms, Event::ToBox { to: of, start, nth: ear.ask, came });
        self.boxes[of].ear = Some(ear).filter(|ear| ear.mode == Mode::Events);
    }

    /// Gives all listening boxes a sign of life.
    pub(crate) fn sign_of_life(&mut self) {
        (0..self.boxes.len()).for_each(|of| self.tell(of, true));
    }

    fn step(&mut self, of: usize, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let (now, chance) = (self.now_ms, self.draw());
            let one = &mut self.boxes[of];
            for action in one.machine.step((now, chance), &one.disk, input) {
                match action {
                    Action::Ask(nth, ask) => {
                        let start = self.boxes[of].start;
                        self.send(Event::ToHub { from: of, start, nth, ask });
                    }
                    Action::GiveUp(nth) => {
                        let ear = self.boxes[of].ear.take();
                        self.boxes[of].ear = ear.filter(|ear| ear.ask != nth);
                    }
                    Action::TakeIn(lines) => {
                        self.boxes[of].disk.keep(lines);
                        inputs.push(Input::Look);
                    }
                }
            }
        }
        let look_at = self.boxes[of].machine.look_at_ms();
        if look_at < u64::MAX {
            self.look(of, look_at.saturating_sub(self.now_ms).max(1));
        }
    }

    fn look(&mut self, of: usize, after_ms: u64) {
        let at_ms = self.now_ms + after_ms;
        if self.boxes[of].looks_at_ms != at_ms || after_ms == 0 {
            self.boxes[of].looks_at_ms = at_ms;
            self.post(after_ms, Event::Look { of });
        }
    }

    /// Returns the hub's facts.
    pub(crate) const fn hubs(&self) -> &Disk {
        &self.hub.disk
    }

    /// Lists what boxes and hub hold of the origins that differ.
    pub(crate) fn uneven(&self) -> Vec<(usize, Origin, Option<u64>, Option<u64>)> {
        let seq = |heads: &Heads, origin: &Origin| heads.get(origin).map(|head| head.seq.0);
        let mut uneven = Vec::new();
        for (nth, one) in self.boxes.iter().enumerate() {
            let origins: BTreeSet<&Origin> = one.disk.heads.keys().chain(self.hub.disk.heads.keys()).collect();
            let both = |origin: &Origin| (seq(&one.disk.heads, origin), seq(&self.hub.disk.heads, origin));
            uneven.extend(
                origins.into_iter().map(|origin| (nth, *origin, both(origin))).filter_map(
                    |(nth, origin, (ours, theirs))| (ours != theirs).then_some((nth, origin, ours, theirs)),
                ),
            );
        }
        uneven
    }

    /// Whether every box holds what the hub holds, and knows it.
    pub(crate) fn is_even(&self) -> bool {
        self.boxes.iter().enumerate().all(|(of, one)| {
            let told = one.machine.told(&one.disk);
            let has_all = one.disk.heads == self.hub.disk.heads && told.n_missing == 0;
            (has_all || self.is_replaced(of)) && told.n_pending == 0 && told.diverged.is_empty()
        })
    }
}

fn machine(own: Origin) -> Machine {
    Machine::new(Who { site: SITE, own: vec![own], late: BTreeSet::new() })
}
