//! The clinic's rules as the journal's writer owns them: a working state for decisions, and the published one that
//! everybody reads. A fact is folded into the second only when it is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use machiai_core::call::decide::CallCommand;
use machiai_core::call::open::OpenCall;
use machiai_core::call::told::Evidence;
use machiai_core::call::{BOOKING_KINDS, CONNECTION_KINDS, Leases};
use machiai_core::clock::PEER_AHEAD_MS;
use machiai_core::command::Command;
use machiai_core::decide::{Context, Edge, decide};
use machiai_core::envelope::{By, Canonical, Cmd, Envelope, Stamp};
use machiai_core::facts::Fact;
use machiai_core::ids::{FactId, Origin, SiteId, VisitId};
use machiai_core::program::{AIRING_KINDS, PROGRAM_KINDS};
use machiai_core::queue::{Clinic, FOLD_VERSION, Taken};
use machiai_core::refusal::Refusal;
use machiai_core::standing::{STANDING_KINDS, Standing};
use machiai_core::support::SUPPORT_KINDS;
use machiai_core::time::{AtMs, Day};
use machiai_journal::reader::Checkpoint;
use machiai_journal::{
    Decision, Draft, Heard, Kept, LeaseChange, Position, Reader, Redated, Rules, SecretChange, StampParts, Store,
    StoreError,
};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::seal;
use crate::token::Tokens;

/// The name of this fold's checkpoint.
const FOLD: &str = "clinic";

/// A checkpoint is made in a quiet moment once so many facts came after the last.
const CHECKPOINT_EVERY: u64 = 500;

/// A command with all that its decision needs from outside.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    /// What is asked.
    pub(crate) command: Command,
    /// Who asks.
    pub(crate) by: By,
    /// With which key.
    pub(crate) cmd: Option<Cmd>,
    /// Keys of what was sealed for it, kept only if it is carried out.
    pub(crate) secrets: Vec<SecretChange>,
}

/// What was done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// What happened.
    pub(crate) facts: Vec<Fact>,
    /// Whether it had been done before, under the same key.
    pub(crate) replayed: bool,
}

impl Done {
    /// Returns the kinds of what happened, in order.
    pub(crate) fn kinds(&self) -> Vec<String> {
        self.facts.iter().map(|fact| fact.kind().to_owned()).collect()
    }
}

/// Business days folded at a start without a checkpoint: today's, and two before it for the erasures still due.
const N_DAYS: usize = 3;

/// What everybody reads.
#[derive(Debug)]
pub(crate) struct Published {
    clinic: RwLock<Clinic>,
    leases: RwLock<Leases>,
    changed: watch::Sender<u64>,
}

impl Published {
    fn new(clinic: Clinic, leases: Leases) -> Self {
        let (changed, _) = watch::channel(clinic.n_facts);
        Self { clinic: RwLock::new(clinic), leases: RwLock::new(leases), changed }
    }

    /// Returns the last evidence on disk of each call that runs.
    pub(crate) fn leases(&self) -> Leases {
        self.leases.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the clinic as the facts on disk have it.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&Clinic) -> T) -> T {
        question(&self.clinic.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns a watch on the number of facts published.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

/// The rules, with the state they work on.
pub(crate) struct ClinicRules {
    site: SiteId,
    working: Clinic,
    published: Arc<Published>,
    unpublished: Vec<Envelope>,
    position: Position,
    checkpointed: Position,
    newest: Option<StampParts>,
    edge: DrawnEdge,
    clock: Clock,
    /// The last evidence of calls that run.
    leases: Leases,
    /// Facts of other machines that are ahead of this box's clock: folded in when it gets there.
    awaited: Vec<Envelope>,
    /// When each business day was opened, or got the date that it has.
    days: Days,
    /// Whether facts were heard that belong before those folded in.
    is_out_of_order: bool,
}

/// Returns the clocks as evidence.
const fn seen(now: &StampParts) -> Evidence {
    Evidence { boot: now.boot, mono_ms: now.mono_ms, at_ms: now.at_ms }
}

/// Where in the order of facts each business day begins.
type Days = BTreeMap<Canonical, Day>;

impl ClinicRules {
    /// Folds the clinic from its journal.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read.
    pub(crate) fn fold(
        (site, origin): (SiteId, Origin),
        reader: &Reader,
        clock: Clock,
        tokens: Tokens,
    ) -> Result<Self, StoreError> {
        let Folded { clinic: working, position, awaited } = folded(reader, ahead(&clock))?;
        let (checkpointed, leases) = (position, reader.leases()?);
        Ok(Self {
            site,
            published: Arc::new(Published::new(working.clone(), leases.clone())),
            leases,
            working,
            unpublished: Vec::new(),
            position,
            checkpointed,
            newest: None,
            edge: DrawnEdge { origin, n_drawn: 0, tokens },
            clock,
            awaited,
            days: days(reader)?,
            is_out_of_order: false,
        })
    }

    /// Folds in what other machines wrote ahead of this box's clock, as far as that has come.
    fn take_awaited(&mut self) {
        if self.awaited.is_empty() {
            return;
        }
        let until = ahead(&self.clock);
        self.awaited.sort_by_key(|fact| fact.head.canonical());
        let n_due = self.awaited.partition_point(|fact| fact.head.at_ms <= until);
        for fact in self.awaited.drain(..n_due).collect::<Vec<_>>() {
            self.fold_in(fact);
        }
    }

    /// Folds in a fact of another machine, so that what is written here comes after it.
    fn fold_in(&mut self, fact: Envelope) {
        if !self.clock.hear(fact.head.stamp()) {
            self.awaited.push(fact);
            return;
        }
        match self.working.after(&fact) {
            Taken::InOrder => self.unpublished.push(fact),
            Taken::Known => {}
            Taken::Late => self.is_out_of_order = true,
        }
    }

    /// Returns the day that stood open at a place in the order of facts, and where the next one begins.
    fn day_before(&self, at: Canonical) -> (Option<Day>, Option<Stamp>) {
        let before = self.days.range(..at).next_back().map(|(_, day)| *day);
        (before, self.days.range(at..).find(|(next, _)| **next > at).map(|(next, _)| next.stamp))
    }

    /// Returns what keeping calls comes to, for the rules of core know no leases: those that are over end.
    fn kept(&self, command: &Command, now: &StampParts) -> Option<Command> {
        let is_keep = matches!(command, Command::Consultation { command: CallCommand::Keep });
        let lost = || self.working.calls.lost(&self.leases, &seen(now));
        is_keep.then(|| Command::Consultation { command: CallCommand::End { lost: lost() } })
    }

    /// Changes the leases as a decision has it: a heartbeat and what staff noted by hand are seen now, what ended goes.
    fn change_leases(&mut self, command: &Command, facts: &[Fact], now: &Evidence) -> Vec<LeaseChange> {
        let Command::Consultation { command } = command else { return Vec::new() };
        let ended: BTreeSet<FactId> = facts.iter().filter_map(|fact| self.working.calls.ended_by(fact)).collect();
        let beaten = if let CallCommand::Beat { call, .. } = command { Some(call) } else { None };
        let is_kept = |call: &OpenCall| *command == CallCommand::Keep && call.by_hand && !ended.contains(&call.begun);
        let is_seen = |call: &&OpenCall| beaten == Some(&call.key) || is_kept(call);
        let open = &self.working.calls.open;
        let renewed = open.iter().filter(is_seen).map(|call| LeaseChange::Renew { call: call.begun, seen: *now });
        let is_gone = |call: &FactId| ended.contains(call) || open.iter().all(|open| open.begun != *call);
        let gone = self.leases.keys().copied().filter(is_gone).map(|call| LeaseChange::End { call });
        let changes: Vec<LeaseChange> = renewed.chain(gone).collect();
        for change in &changes {
            match change {
                LeaseChange::Renew { call, seen } => drop(self.leases.insert(*call, *seen)),
                LeaseChange::End { call } => drop(self.leases.remove(call)),
            }
        }
        changes
    }

    /// Returns what everybody reads.
    pub(crate) fn published(&self) -> Arc<Published> {
        Arc::clone(&self.published)
    }

    /// Returns the time since the newest fact: by the monotonic clock within one start, else by the facts' clock.
    fn quiet_ms(&self, now: &StampParts) -> i64 {
        match self.newest {
            Some(newest) if newest.boot == now.boot => {
                i64::try_from(now.mono_ms.saturating_sub(newest.mono_ms)).unwrap_or(i64::MAX)
            }
            Some(_) | None => self.working.newest().map_or(i64::MAX, |newest| now.at_ms.since(newest.stamp.at)),
        }
    }
}

/// Gives an empty journal the state of another one, as if its facts had been folded there.
///
/// # Errors
/// [`StoreError`] when it cannot be kept.
pub(crate) fn copy_into(store: &mut Store, clinic: &Clinic) -> Result<(), StoreError> {
    let state = serde_json::to_vec(clinic).unwrap_or_default();
    store.put_checkpoint(FOLD, &Checkpoint { version: FOLD_VERSION, position: Position(0), state })
}

/// A clinic folded from its journal.
struct Folded {
    clinic: Clinic,
    /// The newest fact of the journal.
    position: Position,
    /// Facts that are ahead of the clock, and not folded in.
    awaited: Vec<Envelope>,
}

/// Returns how far ahead of this box's clock another machine's facts are folded in.
fn ahead(clock: &Clock) -> AtMs {
    clock.now().0.plus_ms(PEER_AHEAD_MS)
}

/// Returns where each business day begins.
fn days(reader: &Reader) -> Result<Days, StoreError> {
    let kept = reader.facts_of_kinds(&DAY_KINDS)?;
    Ok(read(&kept).filter_map(|fact| Some((fact.head.canonical(), opens(&fact.fact)?))).collect())
}

/// The kinds of fact that open a day or give it another date.
const DAY_KINDS: [&str; 2] = ["DayOpened", "DayRedated"];

/// Returns the day in which the clinic stands after a fact, if it is the fact that says so.
fn opens(fact: &Fact) -> Option<Day> {
    if let Fact::DayOpened(opened) = fact {
        return Some(opened.day);
    }
    if let Fact::DayRedated(redated) = fact { Some(redated.to) } else { None }
}

/// Folds from the checkpoint where one can be used, else the standing kinds of all time and the facts of the last days.
fn folded(reader: &Reader, until: AtMs) -> Result<Folded, StoreError> {
    let position = reader.newest_position()?;
    let (mut clinic, awaited) = match folded_on(reader, until)? {
        Some(folded) => folded,
        None => folded_anew(reader, until)?,
    };
    // A fold that left out what no longer matters counts it all the same: a board that is drawn from so many facts must
    // not be taken for the one that was drawn from as many before facts came late.
    clinic.n_facts = position.0.saturating_sub(u64::try_from(awaited.len()).unwrap_or(0));
    Ok(Folded { clinic, position, awaited })
}

/// Folds on from the checkpoint; none where it cannot be used, or where a fact after it belongs before it.
fn folded_on(reader: &Reader, until: AtMs) -> Result<Option<(Clinic, Vec<Envelope>)>, StoreError> {
    let usable = reader.checkpoint(FOLD)?.filter(|checkpoint| checkpoint.version == FOLD_VERSION);
    let Some(checkpoint) = usable else { return Ok(None) };
    let Ok(mut clinic) = serde_json::from_slice::<Clinic>(&checkpoint.state) else { return Ok(None) };
    let (mut position, mut since) = (checkpoint.position, Vec::new());
    // Its text is as large as what was read out of it.
    drop(checkpoint);
    loop {
        let kept = reader.facts_after(position, 1_000)?;
        let Some(last) = kept.last() else { break };
        position = last.position;
        since.extend(read(&kept));
    }
    since.sort_by_key(|fact| fact.head.canonical());
    let awaited = since.split_off(since.partition_point(|fact| fact.head.at_ms <= until));
    let is_late = since.iter().any(|fact| clinic.after(fact) == Taken::Late);
    Ok((!is_late).then_some((clinic, awaited)))
}

/// Returns the settings that stand, for the command line.
///
/// # Errors
/// [`StoreError`] when the journal cannot be read.
pub(crate) fn standing(reader: &Reader) -> Result<Standing, StoreError> {
    folded(reader, AtMs(i64::MAX)).map(|folded| folded.clinic.standing)
}

/// Returns the clinic as the facts up to an instant left it, for the command line.
///
/// # Errors
/// [`StoreError`] when the journal cannot be read.
pub(crate) fn clinic_at(reader: &Reader, at: AtMs) -> Result<Clinic, StoreError> {
    folded_anew(reader, at).map(|(clinic, _)| clinic)
}

/// Folds the standing kinds of all time and the facts of the last days, up to an instant; returns those after it too.
fn folded_anew(reader: &Reader, until: AtMs) -> Result<(Clinic, Vec<Envelope>), StoreError> {
    let mut facts: BTreeMap<_, Envelope> = BTreeMap::new();
    // Each is let go of as it is read: a day is some thousands.
    let mut add = |kept: Vec<Kept>| {
        let read = kept.into_iter().filter_map(|kept| kept.envelope().ok());
        facts.extend(read.map(|fact| (fact.head.canonical(), fact)));
    };
    add(reader.facts_of_kinds(&STANDING_KINDS)?);
    add(reader.facts_of_kinds(&PROGRAM_KINDS)?);
    add(reader.facts_of_kinds(&BOOKING_KINDS)?);
    add(reader.facts_of_kinds(&SUPPORT_KINDS)?);
    let days = days_to_fold(reader, until)?;
    for day in &days {
        add(reader.facts_of_day(*day)?);
    }
    let today = Day::holding(until, 0);
    // A call may run before the first session was ever opened, and from one day into the next.
    let first = days.first().copied().unwrap_or(today);
    add(reader.facts_of_kinds_in(&CONNECTION_KINDS, (first, today.max(first)))?);
    if days.is_empty() && until < AtMs(i64::MAX) {
        // A monitor may run before the first session was ever opened.
        add(reader.facts_of_kinds_in(&AIRING_KINDS, (today, today))?);
    }
    let (mut clinic, mut awaited) = (Clinic::default(), Vec::new());
    for fact in facts.into_values() {
        if fact.head.at_ms > until {
            awaited.push(fact);
        } else {
            clinic.after(&fact);
        }
    }
    Ok((clinic, awaited))
}

/// Reads facts.
fn read(kept: &[Kept]) -> impl DoubleEndedIterator<Item = Envelope> {
    kept.iter().filter_map(|kept| kept.envelope().ok())
}

/// Returns the days whose facts are folded: the newest, and those before it whose personal data may wait for erasure.
///
/// A day that got another date counts under both: what happened before the change stands under the old one.
fn days_to_fold(reader: &Reader, until: AtMs) -> Result<BTreeSet<Day>, StoreError> {
    let kept = reader.facts_of_kinds(&DAY_KINDS)?;
    let mut opened: Vec<Envelope> = read(&kept).filter(|fact| fact.head.at_ms <= until).collect();
    opened.sort_by_key(|fact| fact.head.canonical());
    let mut days = BTreeSet::new();
    let mut n_opened = 0;
    for fact in opened.iter().rev() {
        if let Fact::DayOpened(opened) = &fact.fact {
            days.insert(opened.day);
            n_opened += 1;
        } else if let Fact::DayRedated(redated) = &fact.fact {
            days.extend([redated.from, redated.to]);
        }
        if n_opened == N_DAYS {
            break;
        }
    }
    Ok(days)
}

/// Ids of visits: unguessable by the box's secret, unique because the origin of an opening is drawn at random.
struct DrawnEdge {
    origin: Origin,
    n_drawn: u64,
    tokens: Tokens,
}

impl Edge for DrawnEdge {
    fn draw_visit(&mut self) -> VisitId {
        self.n_drawn = self.n_drawn.saturating_add(1);
        self.tokens.visit(self.origin, self.n_drawn)
    }

    fn token_hash(&mut self, visit: VisitId) -> Option<String> {
        Some(self.tokens.token_hash(visit))
    }
}

impl Rules for ClinicRules {
    type Command = Ask;
    type Answer = Result<Done, Refusal>;

    fn decide(&mut self, ask: &Ask, now: &StampParts) -> Decision<Self::Answer> {
        self.take_awaited();
        let context = Context {
            now: now.at_ms,
            trust: now.clock,
            quiet_ms: self.quiet_ms(now),
            by: ask.by.clone(),
            cmd: ask.cmd.clone(),
        };
        let kept = self.kept(&ask.command, now);
        match decide(&self.working, kept.as_ref().unwrap_or(&ask.command), &context, &mut self.edge) {
            Err(refusal) => Decision::nothing(Err(refusal)),
            Ok(drafts) => {
                if !drafts.is_empty() {
                    self.newest = Some(*now);
                }
                let facts: Vec<Fact> = drafts.iter().map(|draft| draft.fact.clone()).collect();
                let mut secrets = ask.secrets.clone();
                for fact in &facts {
                    if let Fact::PersonalErased(erased) = fact {
                        secrets.extend(erased.keys.iter().map(seal::destroy));
                    }
                }
                let site = self.site;
                let stamped = |draft: machiai_core::decide::Draft| Draft {
                    site,
                    line: draft.line,
                    by: ask.by.clone(),
                    fact: draft.fact,
                };
                Decision {
                    leases: self.change_leases(&ask.command, &facts, &seen(now)),
                    facts: drafts.into_iter().map(stamped).collect(),
                    secrets,
                    answer: Ok(Done { facts, replayed: false }),
                }
            }
        }
    }

    fn take_in(&mut self, fact: &Envelope, position: Position) {
        self.working.after(fact);
        if let Some(day) = opens(&fact.fact) {
            self.days.insert(fact.head.canonical(), day);
        }
        self.unpublished.push(fact.clone());
        self.position = position;
    }

    fn hear(&mut self, fact: &Envelope, position: Position) -> Heard {
        let at = fact.head.canonical();
        let (before, end) = self.day_before(at);
        self.position = position;
        self.fold_in(fact.clone());
        let Some(day) = opens(&fact.fact) else { return Heard { day: before, redated: None } };
        self.days.insert(at, day);
        let redated = Redated { from: before, to: day, first: at.stamp, end };
        Heard { day: Some(day), redated: Some(redated).filter(|_| before != Some(day)) }
    }

    fn is_out_of_order(&self) -> bool {
        self.is_out_of_order
    }

    fn day(&self) -> Option<Day> {
        self.working.day
    }

    fn replay(&mut self, _: &Ask, facts: &[Envelope]) -> Self::Answer {
        Ok(Done { facts: facts.iter().map(|fact| fact.fact.clone()).collect(), replayed: true })
    }

    fn publish(&mut self) {
        (*self.published.leases.write().unwrap_or_else(PoisonError::into_inner)).clone_from(&self.leases);
        if self.unpublished.is_empty() {
            // A heartbeat is no fact: nobody draws anything anew for it.
            return;
        }
        let mut clinic = self.published.clinic.write().unwrap_or_else(PoisonError::into_inner);
        for fact in self.unpublished.drain(..) {
            clinic.after(&fact);
        }
        let n_facts = clinic.n_facts;
        drop(clinic);
        self.published.changed.send_replace(n_facts);
    }

    fn refold(&mut self, from: &Reader) -> Result<(), StoreError> {
        self.unpublished.clear();
        let Folded { clinic, position, awaited } = folded(from, ahead(&self.clock))?;
        self.days = days(from)?;
        (self.working, self.position, self.awaited) = (clinic, position, awaited);
        self.is_out_of_order = false;
        self.leases = from.leases()?;
        (*self.published.leases.write().unwrap_or_else(PoisonError::into_inner)).clone_from(&self.leases);
        *self.published.clinic.write().unwrap_or_else(PoisonError::into_inner) = self.working.clone();
        self.published.changed.send_replace(self.working.n_facts);
        Ok(())
    }

    fn idle(&mut self, store: &mut Store) -> Result<(), StoreError> {
        self.take_awaited();
        if !self.unpublished.is_empty() {
            self.publish();
        }
        // Whoever folds on from a checkpoint takes all before it for folded in.
        if !self.awaited.is_empty() || self.position.0.saturating_sub(self.checkpointed.0) < CHECKPOINT_EVERY {
            return Ok(());
        }
        if let Ok(state) = serde_json::to_vec(&self.working) {
            let checkpoint = Checkpoint { version: FOLD_VERSION, position: self.position, state };
            store.put_checkpoint(FOLD, &checkpoint)?;
            self.checkpointed = self.position;
        }
        Ok(())
    }
}
