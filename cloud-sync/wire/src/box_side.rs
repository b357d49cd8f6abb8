//! The box's side of the channel: a machine that is told what came and what time it is, and says what to do.
//!
//! A session begins with a vector. What the hub lacks is appended, what the box lacks is fetched, then the box listens.
//! Whatever goes wrong ends in a rest and another vector: nothing that was believed before it counts. No cursor is kept.

mod session;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use machiai_core::ids::{Origin, Seq, SiteId};

use crate::chain::Hash;
use crate::run::Heads;
use crate::said::{Ask, Came, Failure, Mode};
use crate::service::Service;
use session::Session;

/// The first rest after a failure, and the longest, in milliseconds; each is twice the one before, give or take a half.
const REST_MS: u64 = 1_000;
const MAX_REST_MS: u64 = 300_000;

/// The rest of a box that was replaced and has handed over what it had, or was shut out: somebody may take that back.
const FENCED_MS: u64 = 600_000;

/// How long a line that listens may be silent before it is given up; the hub gives a sign of life every 20 s.
const SILENT_MS: u64 = 50_000;

/// Lines that fell silent before the box listens in a way that holds less; after so long it tries the better way again.
const MOST_SILENT: u32 = 2;
const TRY_AGAIN_MS: u64 = 3_600_000;

/// How long a session lasts: what each side lacks is asked anew now and then, whatever both believe.
const SESSION_MS: u64 = 3_600_000;

/// How often a box asks that cannot listen.
const POLL_MS: u64 = 15_000;

/// What one append or one answer takes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Facts.
    pub lines: usize,
    /// Bytes of them together; one fact is taken whatever its size.
    pub bytes: usize,
}

/// What one append takes at first: a second or two on a line of 64 kbit/s once it is compressed.
pub const MOST: Most = Most { lines: 512, bytes: 192 * 1024 };

/// What one append takes on a line that was quick, and how quick that is, in milliseconds.
const LARGEST: Most = Most { lines: 8 * MOST.lines, bytes: 8 * MOST.bytes };
const QUICK_MS: u64 = 250;

impl Most {
    /// What an append takes after one that was kept.
    fn grown(self, is_quick: bool) -> Self {
        let most = if is_quick || self.lines > MOST.lines { LARGEST } else { MOST };
        let grows = is_quick || self.lines < MOST.lines;
        let doubled = |of: usize, most: usize| if grows { of.saturating_mul(2).min(most) } else { of };
        Self { lines: doubled(self.lines, most.lines), bytes: doubled(self.bytes, most.bytes) }
    }

    /// What an append takes after one that was too large.
    fn halved(self) -> Self {
        let lines = self.lines.min(MOST.lines.saturating_mul(2)).div_ceil(2).max(1);
        Self { lines, bytes: MOST.bytes }
    }
}

/// What the box holds.
pub trait Facts {
    /// Returns how far each origin reaches.
    fn heads(&self) -> &Heads;
    /// Returns the running hash after a fact, if it is held; zeros for number 0.
    fn hash_at(&self, origin: Origin, seq: Seq) -> Option<Hash>;
    /// Returns lines of an origin after a number, in order.
    fn lines(&self, origin: Origin, after: Seq, most: Most) -> Vec<Vec<u8>>;
}

/// Who the box is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The facility.
    pub site: SiteId,
    /// The origins that this opening of the journal writes, the queue's before the airings'.
    pub own: Vec<Origin>,
    /// Origins whose facts go after all others'.
    pub late: BTreeSet<Origin>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Time went by, or the box wrote facts.
    Look,
    /// What was asked was answered; the number is the ask's.
    Came(u64, Came),
    /// What was asked was not.
    Failed(u64, Failure),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the hub, and tell what came by this number.
    Ask(u64, Ask),
    /// Nothing more that comes by this number counts: give it up.
    GiveUp(u64),
    /// Keep facts, all of one origin, that follow what is held; then look again.
    TakeIn(Vec<Vec<u8>>),
}

/// An origin of which the two sides hold different facts under one number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diverged {
    /// The newest number that both sides have.
    pub seq: Seq,
    /// What the box or the hub said of it.
    pub why: String,
    /// Until when it is left out even if both sides are alike, on the clock of [`Machine::step`].
    pub until_ms: u64,
}

/// What there is to tell of the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// How the box hears of the hub's facts; none while it does not.
    pub mode: Option<Mode>,
    /// Facts that the hub is not known to hold.
    pub n_pending: u64,
    /// Facts that the hub is known to hold and the box lacks.
    pub n_missing: u64,
    /// When something came from the hub, on the machine's clock.
    pub came_at_ms: Option<u64>,
    /// Why the channel rests.
    pub failure: Option<Failure>,
    /// Origins that are left out, until a vector finds both sides alike.
    pub diverged: BTreeMap<Origin, Diverged>,
    /// When the hub serves, as it last said.
    pub service: Service,
}

/// Where the channel stands.
#[derive(Debug)]
enum State {
    /// It tries again at this moment.
    Resting { until_ms: u64 },
    /// A session runs.
    Running(Box<Session>),
}

/// The machine.
#[derive(Debug)]
pub struct Machine {
    who: Who,
    state: State,
    next_ask: u64,
    n_failures: u32,
    failure: Option<Failure>,
    came_at_ms: Option<u64>,
    /// What the hub was known to hold when the last session ended: what is told, and nothing else, rests on it.
    held: Heads,
    /// The highest session known.
    epoch: u64,
    /// How to listen, how often that fell silent, and when to try the better way.
    mode: (Mode, u32, u64),
    /// Facts that one append takes for now.
    most: Most,
    diverged: BTreeMap<Origin, Diverged>,
    service: Service,
}

impl Machine {
    /// Begins without a session.
    #[must_use]
    pub const fn new(who: Who) -> Self {
        Self {
            who,
            state: State::Resting { until_ms: 0 },
            next_ask: 0,
            n_failures: 0,
            failure: None,
            came_at_ms: None,
            held: Heads::new(),
            epoch: 0,
            mode: (Mode::Events, 0, 0),
            most: MOST,
            diverged: BTreeMap::new(),
            service: Service { hours: None, pauses: Vec::new() },
        }
    }

    /// Returns the moment at which to look again, if nothing happens before, on the clock of [`Machine::step`].
    #[must_use]
    pub fn look_at_ms(&self) -> u64 {
        match &self.state {
            State::Resting { until_ms } => *until_ms,
            State::Running(session) => session.look_at_ms(),
        }
    }

    /// Returns what there is to tell.
    #[must_use]
    pub fn told(&self, facts: &dyn Facts) -> Told {
        let session = if let State::Running(session) = &self.state { Some(session) } else { None };
        let session = session.filter(|session| session.knows_all());
        let held = session.map_or(&self.held, |session| session.held());
        let lacking = facts.heads().iter().map(|(origin, head)| {
            let held = held.get(origin).map_or(0, |held| held.seq.0);
            head.seq.0.saturating_sub(held)
        });
        let missing = held.iter().map(|(origin, held)| {
            let ours = facts.heads().get(origin).map_or(0, |head| head.seq.0);
            held.seq.0.saturating_sub(ours)
        });
        Told {
            mode: session.filter(|session| session.listens()).map(|_| self.mode.0),
            n_pending: lacking.sum(),
            n_missing: missing.sum(),
            came_at_ms: self.came_at_ms,
            failure: self.failure.clone(),
            diverged: self.diverged.clone(),
            service: self.service.clone(),
        }
    }

    /// Goes one step: `now_ms` is a clock that never goes back, `chance` any number drawn by the caller.
    pub fn step(&mut self, (now_ms, chance): (u64, u64), facts: &dyn Facts, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        match input {
            Input::Look => {}
            Input::Came(ask, came) => self.take(now_ms, facts, (ask, came), &mut actions),
            Input::Failed(ask, failure) => self.fail((now_ms, chance), (ask, failure), &mut actions),
        }
        // What is to be kept is not held yet: the caller keeps it and looks again.
        if !actions.iter().any(|action| matches!(action, Action::TakeIn(_))) {
            self.go_on((now_ms, chance), facts, &mut actions);
        }
        actions
    }

    fn take(&mut self, now_ms: u64, facts: &dyn Facts, (ask, came): (u64, Came), actions: &mut Vec<Action>) {
        let State::Running(session) = &mut self.state else { return };
        if !session.asked(ask) {
            return;
        }
        self.came_at_ms = Some(now_ms);
        if session.listens() {
            self.failure = None;
        }
        if let Came::Vector(answer) = &came {
            self.epoch = self.epoch.max(answer.epoch.saturating_add(1));
            self.service.clone_from(&answer.service);
        }
        if matches!(came, Came::Kept) {
            let is_quick = session.asked_ms().is_some_and(|asked_ms| now_ms.saturating_sub(asked_ms) <= QUICK_MS);
            self.most = self.most.grown(is_quick);
        }
        session.take(now_ms, facts, (ask, came), (&mut self.diverged, actions));
        if session.is_sound() {
            self.n_failures = 0;
        }
    }

    fn fail(&mut self, (now_ms, chance): (u64, u64), (ask, failure): (u64, Failure), actions: &mut Vec<Action>) {
        let State::Running(session) = &mut self.state else { return };
        if !session.asked(ask) {
            return;
        }
        let mut leave_out = |why: &str, until_ms| {
            if let Some((origin, seq)) = session.appends() {
                self.diverged.insert(origin, Diverged { seq, why: String::from(why), until_ms });
            }
        };
        match &failure {
            Failure::TooLarge => self.most = self.most.halved(),
            Failure::Stale { epoch } => self.epoch = self.epoch.max(*epoch),
            Failure::Diverged { why } => leave_out(why, 0),
            // The others' facts must not wait behind what the hub will refuse again.
            Failure::Unfit { why } => leave_out(why, now_ms.saturating_add(SESSION_MS)),
            // Whoever had the line is told once more, and hands over what it has.
            Failure::Replaced { .. } if session.listens() => return self.hand_over(now_ms, failure, actions),
            Failure::Replaced { .. } | Failure::Fenced { .. } => {}
            Failure::NoLine | Failure::NotTheHub | Failure::Busy { .. } => {}
            Failure::NoCertificate { .. } | Failure::Behind | Failure::Refused { .. } => {}
        }
        self.rest((now_ms, chance), failure, actions);
    }

    /// Begins to hand over what the hub lacks, of a box that was replaced: it hears of nothing any more.
    fn hand_over(&mut self, now_ms: u64, failure: Failure, actions: &mut Vec<Action>) {
        self.end_session(actions);
        self.failure = Some(failure);
        self.state = State::Running(Box::new(Session::hand_over(now_ms, &self.who)));
    }

    /// Ends the session and rests, longer each time.
    fn rest(&mut self, (now_ms, chance): (u64, u64), failure: Failure, actions: &mut Vec<Action>) {
        self.end_session(actions);
        let doubled = REST_MS.saturating_mul(1_u64.checked_shl(self.n_failures).unwrap_or(u64::MAX)).min(MAX_REST_MS);
        // Boxes that lost the hub together must not come back together.
        let spread = (doubled / 2).saturating_add(chance.checked_rem(doubled).unwrap_or(0));
        let wait_ms = match &failure {
            Failure::Fenced { .. } | Failure::Replaced { .. } => FENCED_MS,
            Failure::Busy { after_ms: Some(after_ms) } => after_ms.saturating_add(spread),
            Failure::Busy { after_ms: None } | Failure::NoLine | Failure::NotTheHub => spread,
            Failure::Stale { .. } | Failure::Behind | Failure::Diverged { .. } | Failure::Unfit { .. } => spread,
            Failure::TooLarge | Failure::Refused { .. } | Failure::NoCertificate { .. } => spread,
        };
        self.n_failures = self.n_failures.saturating_add(1).min(16);
        self.failure = Some(failure);
        self.state = State::Resting { until_ms: now_ms.saturating_add(wait_ms) };
    }

    /// Gives up what was asked, and remembers what there is to tell.
    fn end_session(&mut self, actions: &mut Vec<Action>) {
        let State::Running(session) = &mut self.state else { return };
        actions.extend(session.open_asks().map(Action::GiveUp));
        if session.knows_all() {
            self.held = session.take_held();
        }
    }

    fn go_on(&mut self, (now_ms, chance): (u64, u64), facts: &dyn Facts, actions: &mut Vec<Action>) {
        let begins = match &self.state {
            State::Resting { until_ms } if now_ms < *until_ms => return,
            State::Resting { .. } => true,
            State::Running(session) => session.is_old(now_ms),
        };
        if begins {
            self.end_session(actions);
            self.state = State::Running(Box::new(Session::begin(now_ms, &self.who)));
        }
        let State::Running(session) = &mut self.state else { return };
        if session.is_lost() {
            return self.rest((now_ms, chance), Failure::Behind, actions);
        }
        if session.has_handed_over(facts, &self.diverged) {
            let failure = self.failure.take().unwrap_or(Failure::Behind);
            return self.rest((now_ms, chance), failure, actions);
        }
        if session.is_silent(now_ms) {
            let (mode, n_silent, since_ms) = &mut self.mode;
            *n_silent = n_silent.saturating_add(1);
            if *n_silent >= MOST_SILENT {
                *mode = if *mode == Mode::Events { Mode::LongPoll } else { Mode::Poll };
                (*n_silent, *since_ms) = (0, now_ms);
            }
            return self.rest((now_ms, chance), Failure::NoLine, actions);
        }
        if self.mode.0 != Mode::Events && now_ms.saturating_sub(self.mode.2) >= TRY_AGAIN_MS {
            self.mode = (Mode::Events, 0, now_ms);
        }
        let view = session::View {
            facts,
            who: &self.who,
            most: self.most,
            mode: self.mode.0,
            epoch: self.epoch,
            diverged: &mut self.diverged,
        };
        for ask in session.next_asks(now_ms, view) {
            let nth = self.next_ask;
            self.next_ask = self.next_ask.saturating_add(1);
            session.sent(nth, &ask, now_ms);
            actions.push(Action::Ask(nth, ask));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_grow_on_a_quick_line_and_shrink_when_they_are_too_large() {
        let (mut most, slow) = (MOST, MOST.grown(false));
        assert_eq!(slow, MOST, "a slow line carries no more");
        for _ in 0..9 {
            most = most.grown(true);
        }
        assert_eq!(most, LARGEST);
        assert_eq!(most.grown(false), LARGEST, "one slow answer is no slow line");
        most = most.halved();
        assert_eq!(most, MOST);
        most = most.halved();
        assert_eq!((most.lines, most.grown(false)), (MOST.lines / 2, MOST), "what was too large once may be taken now");
        let least = (0..20).fold(most, |most, _| most.halved());
        assert_eq!(least.lines, 1);
    }
}
