//! One session: from a vector to whatever ends it.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use machiai_core::ids::{Origin, Seq, SiteId};

use super::{Action, Diverged, Facts, Most, POLL_MS, SESSION_MS, SILENT_MS, Who};
use crate::offset::Offset;
use crate::producer::Turn;
use crate::run::{Head, Heads, follow, read_named};
use crate::said::{Ask, Came, Mode, Run};
use crate::vector::{self, Answer, Entry, Part, Question};

/// How long an answer may take before the line is given up.
const ANSWER_MS: u64 = 60_000;

/// Listening that ends within this and brought nothing was not listening.
const HOLLOW_MS: u64 = 5_000;

/// Parts that one question names: the open origins stand beside them.
const MAX_PARTS: usize = vector::MAX_NAMED / 2;

/// What is left out, and why.
pub(super) type LeftOut = BTreeMap<Origin, Diverged>;

/// What a session looks at when it goes on.
pub(super) struct View<'a> {
    pub(super) facts: &'a dyn Facts,
    pub(super) who: &'a Who,
    pub(super) most: Most,
    pub(super) mode: Mode,
    pub(super) epoch: u64,
    pub(super) diverged: &'a mut LeftOut,
}

/// What is asked and not answered yet.
#[derive(Debug)]
enum Doing {
    Vector,
    Append { origin: Origin, after: Head },
    Fetch { origin: Origin },
}

/// The ask that listens.
#[derive(Clone, Copy, Debug)]
struct Ear {
    ask: u64,
    mode: Mode,
    begun_ms: u64,
    /// When something was heard by it, a sign of life at least.
    sign_ms: u64,
    has_news: bool,
}

/// How much the box knows of what the hub holds.
#[derive(Debug)]
enum Knows {
    /// Nothing.
    Nothing,
    /// All but these parts.
    AllBut(Vec<Part>),
    /// All.
    All,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    begun_ms: u64,
    site: SiteId,
    open: BTreeSet<Origin>,
    knows: Knows,
    /// What the hub is known to hold.
    held: Heads,
    /// Origins of which the first answers said that they differ; the others are alike.
    differing: BTreeSet<Origin>,
    /// Appends of this session, by origin.
    n_appends: BTreeMap<Origin, u64>,
    doing: Option<(u64, Doing, u64)>,
    ear: Option<Ear>,
    from: Option<Offset>,
    /// When to listen again.
    listen_at_ms: u64,
    /// Where the last fetch began: another one from there would go on for ever.
    fetched: Option<(Origin, Seq)>,
    is_sound: bool,
    is_lost: bool,
    /// Whether the box was replaced: it hands over what the hub lacks, and neither fetches nor listens.
    is_left: bool,
}

impl Session {
    pub(super) fn begin(now_ms: u64, who: &Who) -> Self {
        Self {
            is_left: false,
            begun_ms: now_ms,
            site: who.site,
            open: who.own.iter().copied().collect(),
            knows: Knows::Nothing,
            held: Heads::new(),
            differing: BTreeSet::new(),
            n_appends: BTreeMap::new(),
            doing: None,
            ear: None,
            from: None,
            listen_at_ms: now_ms,
            fetched: None,
            is_sound: false,
            is_lost: false,
        }
    }

    /// Begins as a box that was replaced.
    pub(super) fn hand_over(now_ms: u64, who: &Who) -> Self {
        Self { is_left: true, ..Self::begin(now_ms, who) }
    }

    /// Whether the box is the site's: it fetches and listens.
    pub(super) const fn listens(&self) -> bool {
        !self.is_left
    }

    /// Whether the box was replaced, and the hub holds all that it can take of it.
    pub(super) fn has_handed_over(&self, facts: &dyn Facts, left_out: &LeftOut) -> bool {
        let lacks = |(origin, ours): (&Origin, &Head)| {
            stands(&self.held, *origin).seq < ours.seq && !left_out.contains_key(origin)
        };
        self.is_left && self.knows_all() && self.doing.is_none() && !facts.heads().iter().any(lacks)
    }

    pub(super) const fn held(&self) -> &Heads {
        &self.held
    }

    /// Whether something went so well that rests may be short again.
    pub(super) const fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Whether what was believed is wrong.
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Takes that, at the end.
    pub(super) fn take_held(&mut self) -> Heads {
        core::mem::take(&mut self.held)
    }

    /// Whether all that each side lacks is known.
    pub(super) const fn knows_all(&self) -> bool {
        matches!(self.knows, Knows::All)
    }

    /// Whether it has nothing under way and has lasted for long enough.
    pub(super) fn is_old(&self, now_ms: u64) -> bool {
        self.doing.is_none() && now_ms.saturating_sub(self.begun_ms) >= SESSION_MS
    }

    /// Whether an ask is one of those that wait for an answer.
    pub(super) fn asked(&self, ask: u64) -> bool {
        self.open_asks().any(|open| open == ask)
    }

    pub(super) fn open_asks(&self) -> impl Iterator<Item = u64> + use<> {
        let doing = self.doing.as_ref().map(|(ask, _, _)| *ask);
        doing.into_iter().chain(self.ear.map(|ear| ear.ask))
    }

    /// Returns the origin that is being appended to, and the newest number that both sides have.
    pub(super) fn appends(&self) -> Option<(Origin, Seq)> {
        let (_, Doing::Append { origin, .. }, _) = self.doing.as_ref()? else { return None };
        Some((*origin, self.held.get(origin).map_or(Seq(0), |head| head.seq)))
    }

    /// Returns when that was asked which is not answered yet.
    pub(super) fn asked_ms(&self) -> Option<u64> {
        self.doing.as_ref().map(|(_, _, since_ms)| *since_ms)
    }

    pub(super) fn look_at_ms(&self) -> u64 {
        let answer = self.doing.as_ref().map(|(_, _, since_ms)| since_ms.saturating_add(ANSWER_MS));
        let sign = self.ear.map(|ear| ear.sign_ms.saturating_add(SILENT_MS));
        let listen = self.ear.is_none().then_some(self.listen_at_ms).filter(|_| self.knows_all() && self.listens());
        let old = self.doing.is_none().then(|| self.begun_ms.saturating_add(SESSION_MS));
        [answer, sign, listen, old].into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Whether the hub or the line has said nothing for too long.
    pub(super) fn is_silent(&self, now_ms: u64) -> bool {
        let waits = self.doing.as_ref().is_some_and(|(_, _, since_ms)| now_ms.saturating_sub(*since_ms) >= ANSWER_MS);
        waits || self.ear.is_some_and(|ear| now_ms.saturating_sub(ear.sign_ms) >= SILENT_MS)
    }

    /// Notes that something was asked.
    pub(super) fn sent(&mut self, nth: u64, ask: &Ask, now_ms: u64) {
        let doing = match ask {
            Ask::Left(ask) => return self.sent(nth, ask, now_ms),
            Ask::Vector(_) => Doing::Vector,
            Ask::Append(run) => {
                let seq = self.held.get(&run.origin).map_or(0, |head| head.seq.0);
                let seq = Seq(seq.saturating_add(u64::try_from(run.lines.len()).unwrap_or(u64::MAX)));
                Doing::Append { origin: run.origin, after: Head { seq, hash: run.hash } }
            }
            Ask::Fetch(origin, _) => Doing::Fetch { origin: *origin },
            Ask::Listen(_, mode) => {
                let (begun_ms, sign_ms) = (now_ms, now_ms);
                self.ear = Some(Ear { ask: nth, mode: *mode, begun_ms, sign_ms, has_news: false });
                return;
            }
        };
        self.doing = Some((nth, doing, now_ms));
    }

    /// Takes what came by an ask that waits.
    pub(super) fn take(
        &mut self,
        now_ms: u64,
        facts: &dyn Facts,
        (ask, came): (u64, Came),
        (diverged, actions): (&mut LeftOut, &mut Vec<Action>),
    ) {
        if let Some(mut ear) = self.ear.filter(|ear| ear.ask == ask) {
            self.is_sound = true;
            ear.sign_ms = now_ms;
            ear.has_news |= matches!(&came, Came::Heard(lines, _) if !lines.is_empty());
            let goes_on = ear.mode == Mode::Events && !matches!(came, Came::ListenedOut);
            self.ear = Some(ear).filter(|_| goes_on);
            // A line that is answered at once with nothing must not be asked without end.
            let is_hollow = !ear.has_news && now_ms.saturating_sub(ear.begun_ms) < HOLLOW_MS;
            let rests = ear.mode == Mode::Poll || is_hollow;
            self.listen_at_ms = now_ms.saturating_add(if rests { POLL_MS } else { 0 });
            if let Came::Heard(lines, next) = came {
                self.from = Some(next);
                self.hear(facts, lines, actions);
            }
            return;
        }
        let Some((_, doing, _)) = self.doing.take() else { return };
        match (doing, came) {
            (Doing::Vector, Came::Vector(answer)) => self.learn(now_ms, facts, (&answer, diverged)),
            (Doing::Append { origin, after }, Came::Kept) => {
                self.held.insert(origin, after);
                self.is_sound = true;
            }
            (Doing::Fetch { origin }, Came::Facts(lines)) => self.fetched(facts, origin, lines, (diverged, actions)),
            // The number was seen, its facts may not be held; or an answer to something else.
            (Doing::Vector | Doing::Append { .. } | Doing::Fetch { .. }, _) => self.is_lost = true,
        }
    }

    fn learn(&mut self, now_ms: u64, facts: &dyn Facts, (answer, diverged): (&Answer, &mut LeftOut)) {
        if matches!(self.knows, Knows::Nothing) {
            // What is appended from here on is heard, even while other parts are still asked for.
            self.from = answer.down.parse().ok();
            self.is_lost |= self.from.is_none();
            let told: Heads = answer.open.iter().map(|Entry(origin, head)| (*origin, *head)).collect();
            for origin in self.open.clone() {
                self.compare(now_ms, facts, (origin, told.get(&origin).copied()), diverged);
            }
        }
        let learned = vector::learn(facts.heads(), &self.open, &answer.closed);
        for (origin, head) in learned.differing {
            self.differing.insert(origin);
            self.compare(now_ms, facts, (origin, head), diverged);
        }
        // What one question did not take is still to be asked.
        let asked = if let Knows::AllBut(parts) = &mut self.knows { core::mem::take(parts) } else { Vec::new() };
        let ask: Vec<Part> = asked.into_iter().skip(MAX_PARTS).chain(learned.ask).collect();
        if !ask.is_empty() {
            self.knows = Knows::AllBut(ask);
            return;
        }
        let known = facts.heads().iter().filter(|(origin, _)| !self.open.contains(*origin));
        let alike = known.filter(|(origin, _)| !self.differing.contains(*origin));
        self.held.extend(alike.map(|(origin, head)| (*origin, *head)));
        self.knows = Knows::All;
    }

    /// Notes what the hub holds of an origin, unless it is not what the box holds.
    fn compare(
        &mut self,
        now_ms: u64,
        facts: &dyn Facts,
        (origin, theirs): (Origin, Option<Head>),
        diverged: &mut LeftOut,
    ) {
        let theirs = theirs.unwrap_or(Head::START);
        let ours = stands(facts.heads(), origin);
        let is_alike = theirs.seq > ours.seq || facts.hash_at(origin, theirs.seq) == Some(theirs.hash);
        if is_alike {
            self.held.insert(origin, theirs);
            if diverged.get(&origin).is_some_and(|left_out| left_out.until_ms <= now_ms) {
                diverged.remove(&origin);
            }
        } else {
            leave_out(diverged, origin, theirs.seq, "the hub holds other facts under these numbers");
        }
    }

    fn fetched(
        &mut self,
        facts: &dyn Facts,
        origin: Origin,
        lines: Vec<Vec<u8>>,
        (diverged, actions): (&mut LeftOut, &mut Vec<Action>),
    ) {
        let before = stands(facts.heads(), origin);
        let held = stands(&self.held, origin);
        // Some may have been heard since they were asked for.
        let is_held = |line: &Vec<u8>| read_named(line, 0).is_ok_and(|named| named.seq <= before.seq);
        let n_held = lines.iter().take_while(|line| is_held(line)).count();
        let lines: Vec<Vec<u8>> = lines.into_iter().skip(n_held).collect();
        if lines.is_empty() && n_held > 0 {
            return;
        }
        match follow((self.site, origin), before, lines.iter().map(Vec::as_slice)) {
            Ok(head) if head.seq < held.seq && !lines.is_empty() => actions.push(Action::TakeIn(lines)),
            Ok(head) if head == held || head.seq > held.seq => {
                self.held.insert(origin, head);
                actions.push(Action::TakeIn(lines));
            }
            // A hub that was restored meanwhile has them no longer.
            Ok(_) if lines.is_empty() => self.is_lost = true,
            Ok(head) => leave_out(diverged, origin, head.seq, "the hub's facts do not give the hash that it states"),
            Err(bad) => leave_out(diverged, origin, before.seq, &bad.to_string()),
        }
    }

    /// Takes the hub's own facts, passing over those that are held.
    fn hear(&mut self, facts: &dyn Facts, lines: Vec<Vec<u8>>, actions: &mut Vec<Action>) {
        let mut runs: BTreeMap<Origin, (Head, Vec<Vec<u8>>)> = BTreeMap::new();
        for line in lines {
            let Ok(named) = read_named(&line, 0) else {
                self.is_lost = true;
                return;
            };
            let stands_at = || (stands(facts.heads(), named.origin), Vec::new());
            let (head, run) = runs.entry(named.origin).or_insert_with(stands_at);
            if named.seq <= head.seq {
                continue;
            }
            let Ok(after) = follow((self.site, named.origin), *head, [line.as_slice()]) else {
                self.is_lost = true;
                return;
            };
            *head = after;
            run.push(line);
        }
        for (origin, (head, run)) in runs.into_iter().filter(|(_, (_, run))| !run.is_empty()) {
            let held = self.held.entry(origin).or_insert(Head::START);
            *held = (*held).max(head);
            actions.push(Action::TakeIn(run));
        }
    }

    /// Returns what is to be asked now.
    pub(super) fn next_asks(&mut self, now_ms: u64, view: View<'_>) -> Vec<Ask> {
        let mut asks = Vec::new();
        let mode = view.mode;
        if self.doing.is_none() {
            let ask = self.next_ask(view);
            asks.extend(ask.map(|ask| if self.is_left { Ask::Left(Box::new(ask)) } else { ask }));
        }
        if self.knows_all()
            && self.listens()
            && self.ear.is_none()
            && now_ms >= self.listen_at_ms
            && let Some(from) = self.from
        {
            asks.push(Ask::Listen(from, mode));
        }
        asks
    }

    fn next_ask(&mut self, view: View<'_>) -> Option<Ask> {
        let heads = view.facts.heads();
        match &self.knows {
            Knows::Nothing => return Some(Ask::Vector(vector::first(heads, &self.open))),
            Knows::AllBut(parts) => {
                let closed = parts.iter().take(MAX_PARTS).cloned().collect();
                return Some(Ask::Vector(Question { closed, ..vector::first(heads, &self.open) }));
            }
            Knows::All => {}
        }
        if self.is_left {
            return self.append(view);
        }
        let lacking = self.held.iter().filter(|(origin, _)| !view.diverged.contains_key(*origin));
        let lacking = lacking.map(|(origin, held)| (*origin, held, stands(heads, *origin)));
        if let Some((origin, _, ours)) = lacking.clone().find(|(_, held, ours)| held.seq > ours.seq) {
            let again = self.fetched.replace((origin, ours.seq)) == Some((origin, ours.seq));
            self.is_lost |= again;
            return (!again).then_some(Ask::Fetch(origin, ours.seq));
        }
        self.append(view)
    }

    /// Appends what the hub lacks: of the own queue first, of what may be late last.
    fn append(&mut self, view: View<'_>) -> Option<Ask> {
        let View { facts, who, most, epoch, diverged, .. } = view;
        loop {
            let origin = self.lacking(facts, who, diverged)?;
            let before = stands(&self.held, origin);
            let lines = facts.lines(origin, before.seq, most);
            match follow((self.site, origin), before, lines.iter().map(Vec::as_slice)) {
                Ok(after) if !lines.is_empty() => {
                    let seq = self.n_appends.entry(origin).or_insert(0);
                    let turn = Turn { epoch, seq: *seq };
                    *seq = seq.saturating_add(1);
                    return Some(Ask::Append(Run { origin, turn, hash: after.hash, lines }));
                }
                Ok(_) => leave_out(diverged, origin, before.seq, "these facts are not held here any more"),
                Err(bad) => leave_out(diverged, origin, before.seq, &bad.to_string()),
            }
        }
    }

    /// Returns the next origin of which the hub lacks facts.
    fn lacking(&self, facts: &dyn Facts, who: &Who, left_out: &LeftOut) -> Option<Origin> {
        let lacks = |origin: &&Origin| {
            let held = self.held.get(*origin).map_or(Seq(0), |head| head.seq);
            facts.heads().get(*origin).is_some_and(|ours| ours.seq > held) && !left_out.contains_key(*origin)
        };
        let is_late = |origin: &&Origin| who.late.contains(*origin);
        let own = who.own.iter().filter(|origin| !is_late(origin)).find(lacks);
        let others = || facts.heads().keys().filter(lacks);
        own.or_else(|| others().find(|origin| !is_late(origin))).or_else(|| others().next()).copied()
    }
}

fn stands(heads: &Heads, origin: Origin) -> Head {
    heads.get(&origin).copied().unwrap_or(Head::START)
}

fn leave_out(diverged: &mut LeftOut, origin: Origin, seq: Seq, why: &str) {
    diverged.insert(origin, Diverged { seq, why: String::from(why), until_ms: 0 });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Hash;

    /// A box that holds nothing.
    struct Nothing(Heads);

    impl Facts for Nothing {
        fn heads(&self) -> &Heads {
            &self.0
        }

        fn hash_at(&self, _: Origin, seq: Seq) -> Option<Hash> {
            (seq == Seq(0)).then_some(Hash::START)
        }

        fn lines(&self, _: Origin, _: Seq, _: Most) -> Vec<Vec<u8>> {
            Vec::new()
        }
    }

    #[test]
    fn a_new_box_learns_of_every_origin_however_many_questions_that_takes() {
        let origin = |nth: u32| {
            let hash = blake3::hash(&nth.to_le_bytes());
            Origin::from_bytes(core::array::from_fn(|nth| hash.as_bytes()[nth]))
        };
        let head = Head { seq: Seq(1), hash: Hash::START.after(b"{}") };
        let hub: Heads = (0..20_000).map(|nth| (origin(nth), head)).collect();
        let (facts, own) = (Nothing(Heads::new()), Origin::from_bytes([0; 16]));
        let who = Who { site: SiteId(1), own: [own].into(), late: BTreeSet::new() };
        let (mut left_out, mut actions) = (LeftOut::new(), Vec::new());
        let mut session = Session::begin(0, &who);
        for nth in 0..200 {
            let most = super::super::MOST;
            let diverged = &mut left_out;
            let view = View { facts: &facts, who: &who, most, mode: Mode::Events, epoch: 1, diverged };
            let asks = session.next_asks(0, view);
            let Some(ask @ Ask::Vector(question)) = asks.first() else { break };
            let down = "0000000000000001_00000000000000000000".to_string();
            let answer = vector::answer(&hub, question, (0, down)).unwrap();
            session.sent(nth, ask, 0);
            session.take(0, &facts, (nth, Came::Vector(answer)), (&mut left_out, &mut actions));
        }
        assert!(session.knows_all());
        let n_known = hub.keys().filter(|origin| session.held().get(*origin) == Some(&head)).count();
        assert_eq!(n_known, hub.len());
    }
}
