//! A day at the clinic as a script: each step is a line of text, and what came of it is a line of text too.
//!
//! A step is `[HH:MM[:SS] | +Ns] verb arguments… [@device] [! refusal_code]`. Without a time it comes ten seconds after
//! the one before. Patients are named by their labels. The steps themselves stand in `steps`.

pub(crate) mod steps;

use machiai_core::board::board;
use machiai_core::command::Command;
use machiai_core::decide::{Context, Draft, Edge, decide};
use machiai_core::envelope::{By, Cmd, Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, Label, Origin, Seq, SiteId, VisitId};
use machiai_core::queue::visit::{OPEN_STATES, State, Visit};
use machiai_core::queue::{Clinic, Taken};
use machiai_core::refusal::Refusal;
use machiai_core::time::{AtMs, Day};
use machiai_core::view::BoardView;

/// The clinic of these tests: internal medicine (1), surgery with a letter (2), X-ray (3), payment (9).
const SETTINGS: &str = r#"
{"kind":"SiteSet","body":{"name":{"ja":"待合内科","en":"Machiai Clinic"}}}
{"kind":"HoursSet","body":{"sessions":[
  {"session":"morning","name":{"ja":"午前"},"from":"8:30","to":"12:00"},
  {"session":"afternoon","name":{"ja":"午後"},"from":"15:00","to":"18:30"}],
  "week":[{"days":["mon","tue","wed","fri"],"sessions":["morning","afternoon"]},{"days":["sat"],"sessions":["morning"]}]}}
{"kind":"LineSet","body":{"line":1,"name":{"ja":"内科"},"first":{"morning":1,"afternoon":201}}}
{"kind":"LineSet","body":{"line":2,"name":{"ja":"外科"},"prefix":"B","color":"green","minutes":10}}
{"kind":"LineSet","body":{"line":3,"name":{"ja":"レントゲン"},"prefix":"X","kind":"test"}}
{"kind":"LineSet","body":{"line":9,"name":{"ja":"会計"},"prefix":"K","kind":"payment","minutes":2}}
{"kind":"RoomSet","body":{"room":"room1","name":{"ja":"第1診察室"},"lines":[1],"order":1,"arrow":"left"}}
{"kind":"RoomSet","body":{"room":"room2","name":{"ja":"第2診察室"},"lines":[2,1],"order":2}}
{"kind":"RoomSet","body":{"room":"xray","name":{"ja":"レントゲン室"},"lines":[3],"order":3}}
{"kind":"RoomSet","body":{"room":"cashier","name":{"ja":"会計窓口"},"lines":[9],"order":4}}
{"kind":"PrinterSet","body":{"printer":"p1","address":"tcp:127.0.0.1:9100","profile":"tm-t88v"}}
"#;

/// A Tuesday on which the clinic is open.
pub(crate) fn tuesday() -> Day {
    "2026-11-24".parse().unwrap()
}

/// Returns an instant of that Tuesday, `9:05` or `9:05:30`; hours past 24 belong to the days after.
pub(crate) fn at(clock: &str) -> AtMs {
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().unwrap());
    let (hours, minutes, seconds) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or(0));
    tuesday().at_min(0).plus_ms(((hours * 60 + minutes) * 60 + seconds) * 1_000)
}

/// A clinic that is driven step by step.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) clinic: Clinic,
    /// What was written, in order.
    pub(crate) written: Vec<Envelope>,
    pub(crate) now: AtMs,
    pub(crate) trust: Trust,
    pub(crate) mono_ms: u64,
    pub(crate) boot: BootId,
    pub(crate) origin: Origin,
    /// Who is signed in at every device.
    pub(crate) person: Option<String>,
    seq: u64,
    n_asked: u64,
    drawn: Drawn,
}

#[derive(Clone, Default)]
struct Drawn(u64);

impl Edge for Drawn {
    fn draw_visit(&mut self) -> VisitId {
        self.0 += 1;
        visit_id(self.0)
    }

    fn token_hash(&mut self, visit: VisitId) -> Option<String> {
        Some(visit.to_string())
    }
}

/// Returns the `n`th visit's id; their order is not the order of issue.
pub(crate) fn visit_id(n: u64) -> VisitId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    VisitId::from_bytes(bytes)
}

impl Play {
    /// Returns the clinic before its first day, at 6:00 on the Tuesday.
    pub(crate) fn new() -> Self {
        let mut play = Self::empty();
        for fact in serde_json::Deserializer::from_str(SETTINGS).into_iter::<Fact>() {
            play.write(Draft { line: None, fact: fact.unwrap() }, None, "manager");
        }
        play
    }

    /// Returns a clinic without settings.
    pub(crate) fn empty() -> Self {
        Self {
            clinic: Clinic::default(),
            written: Vec::new(),
            now: at("6:00"),
            trust: Trust::Synced,
            mono_ms: 3_600_000,
            boot: BootId::from_bytes([7; 16]),
            origin: Origin::from_bytes([1; 16]),
            person: None,
            seq: 0,
            n_asked: 0,
            drawn: Drawn::default(),
        }
    }

    /// Plays steps, each of which must go as it says.
    pub(crate) fn run(mut self, steps: &[&str]) -> Self {
        for step in steps {
            self.step(step);
        }
        self
    }

    /// Lets both clocks run on by so many milliseconds.
    pub(crate) fn pass_ms(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        self.mono_ms += u64::try_from(ms).unwrap();
    }

    /// Asks for a command on behalf of a device, and writes what is decided.
    pub(crate) fn ask(&mut self, device: &str, command: &Command) -> Result<Vec<Fact>, Refusal> {
        self.n_asked += 1;
        let digest = format!("{device} {command:?}");
        let is_own = matches!(command, Command::KeepHouse | Command::NoteOpening { .. });
        let cmd = (!is_own).then(|| Cmd { key: format!("key-{}", self.n_asked), digest });
        self.ask_with(device, command, cmd)
    }

    /// Asks with a key of the caller's.
    pub(crate) fn ask_with(&mut self, device: &str, command: &Command, cmd: Option<Cmd>) -> Result<Vec<Fact>, Refusal> {
        let context = self.context(device, cmd);
        let drafts = decide(&self.clinic, command, &context, &mut self.drawn)?;
        let facts = drafts.iter().map(|draft| draft.fact.clone()).collect();
        for draft in drafts {
            self.write(draft, context.cmd.clone(), device);
        }
        Ok(facts)
    }

    /// Draws ids of visits from another range, as another box does.
    pub(crate) fn draw_from(&mut self, n: u64) {
        self.drawn.0 = n;
    }

    fn context(&self, device: &str, cmd: Option<Cmd>) -> Context {
        let quiet_ms = self.written.last().map_or(0, |newest| {
            if newest.head.boot == self.boot {
                i64::try_from(self.mono_ms - newest.head.mono_ms).unwrap()
            } else {
                self.now.since(newest.head.at_ms)
            }
        });
        Context { now: self.now, trust: self.trust, quiet_ms, by: by(device, self.person.as_ref()), cmd }
    }

    /// Writes a fact as the journal would, and folds it in.
    pub(crate) fn write(&mut self, draft: Draft, cmd: Option<Cmd>, device: &str) {
        self.seq += 1;
        let newest = self.written.last().map(|fact| fact.head.stamp());
        let at_n = newest.filter(|newest| newest.at == self.now).map_or(0, |newest| newest.n + 1);
        let head = Head {
            site: SiteId(1001),
            line: draft.line,
            origin: self.origin,
            seq: Seq(self.seq),
            at_ms: self.now,
            at_n,
            boot: self.boot,
            mono_ms: self.mono_ms,
            clock: self.trust,
            by: by(device, self.person.as_ref()),
            cmd,
        };
        let envelope = Envelope { head, fact: draft.fact };
        assert_eq!(self.clinic.after(&envelope), Taken::InOrder, "{envelope:?}");
        self.written.push(envelope);
    }

    /// Begins anew as after a restart of the machine: another start, another origin.
    pub(crate) fn restart(&mut self) {
        self.boot = BootId::from_bytes([self.boot.bytes()[0].wrapping_add(1); 16]);
        self.origin = Origin::from_bytes([self.origin.bytes()[0].wrapping_add(1); 16]);
        self.seq = 0;
        self.mono_ms = 1_000;
    }

    /// Returns the visit of a label.
    #[track_caller]
    pub(crate) fn visit(&self, label: &str) -> &Visit {
        let found = self.clinic.by_label(&Label(label.to_string()));
        found.unwrap_or_else(|| panic!("nobody has {label}: {}", self.shows()))
    }

    pub(crate) fn id(&self, label: &str) -> VisitId {
        self.visit(label).visit
    }

    /// Returns the board now.
    pub(crate) fn board(&self) -> BoardView {
        board(&self.clinic, self.now, self.trust)
    }

    /// Says where everybody stands, by line and state, in the order of the line: `1: waiting 2 3, called 1@room1`.
    pub(crate) fn shows(&self) -> String {
        let over = [State::Finished, State::Cancelled, State::LeftOver];
        let lines = self.clinic.lines.iter().filter_map(|(line, day)| {
            let states = OPEN_STATES.into_iter().chain(over).filter(|state| day.count(*state) > 0).map(|state| {
                let visits = day.in_state(state).map(|place| self.called(&self.clinic.visits[&place.visit]));
                format!("{} {}", state.as_str(), visits.collect::<Vec<_>>().join(" "))
            });
            let states = states.collect::<Vec<_>>().join(", ");
            (!states.is_empty()).then(|| format!("{line}: {states}"))
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    fn called(&self, visit: &Visit) -> String {
        match (visit.turn.state, &visit.turn.room) {
            (State::Called | State::InRoom, Some(room)) => format!("{}@{room}", visit.label),
            _ => visit.label.to_string(),
        }
    }

    /// Returns the newest fact's kind and its count so far.
    pub(crate) fn kinds_since(&self, n_before: usize) -> Vec<&str> {
        self.written[n_before..].iter().map(|envelope| envelope.fact.kind()).collect()
    }
}

fn by(device: &str, person: Option<&String>) -> By {
    By { device: device.parse().unwrap(), person: person.cloned() }
}

/// Plays a day and compares where everybody stands.
#[track_caller]
pub(crate) fn check(steps: &[&str], expected: &str) {
    let play = Play::new().run(steps);
    assert_eq!(play.shows(), expected, "after {steps:#?}");
}
