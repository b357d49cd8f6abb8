//! The clinic's rules as the journal's writer owns them: a working state for decisions, and the published one that
//! everybody reads. A fact is folded into the second only when it is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use machiai_core::command::Command;
use machiai_core::decide::{Context, Edge, decide};
use machiai_core::envelope::{By, Cmd, Envelope};
use machiai_core::facts::Fact;
use machiai_core::ids::{Origin, SiteId, VisitId};
use machiai_core::program::{AIRING_KINDS, PROGRAM_KINDS};
use machiai_core::queue::{Clinic, FOLD_VERSION, Taken};
use machiai_core::refusal::Refusal;
use machiai_core::standing::{STANDING_KINDS, Standing};
use machiai_core::time::{AtMs, Day};
use machiai_journal::reader::Checkpoint;
use machiai_journal::{Decision, Draft, Kept, Position, Reader, Rules, SecretChange, StampParts, Store, StoreError};
use tokio::sync::watch;

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
    changed: watch::Sender<u64>,
}

impl Published {
    fn new(clinic: Clinic) -> Self {
        let (changed, _) = watch::channel(clinic.n_facts);
        Self { clinic: RwLock::new(clinic), changed }
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
}

impl ClinicRules {
    /// Folds the clinic from its journal.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read.
    pub(crate) fn fold(site: SiteId, reader: &Reader, origin: Origin, tokens: Tokens) -> Result<Self, StoreError> {
        let (working, position) = folded(reader)?;
        let checkpointed = position;
        Ok(Self {
            site,
            published: Arc::new(Published::new(working.clone())),
            working,
            unpublished: Vec::new(),
            position,
            checkpointed,
            newest: None,
            edge: DrawnEdge { origin, n_drawn: 0, tokens },
        })
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

/// Folds from the checkpoint where one can be used, else the standing kinds of all time and the facts of the last days.
fn folded(reader: &Reader) -> Result<(Clinic, Position), StoreError> {
    let newest = reader.newest_position()?;
    if let Some(checkpoint) = reader.checkpoint(FOLD)?.filter(|checkpoint| checkpoint.version == FOLD_VERSION)
        && let Ok(mut clinic) = serde_json::from_slice::<Clinic>(&checkpoint.state)
    {
        let mut position = checkpoint.position;
        loop {
            let kept = reader.facts_after(position, 1_000)?;
            let Some(last) = kept.last() else { return Ok((clinic, newest)) };
            position = last.position;
            if kept.iter().filter_map(|kept| kept.envelope().ok()).any(|fact| clinic.after(&fact) == Taken::Late) {
                break;
            }
        }
    }
    Ok((folded_anew(reader, None)?, newest))
}

/// Returns the settings that stand, for the command line.
///
/// # Errors
/// [`StoreError`] when the journal cannot be read.
pub(crate) fn standing(reader: &Reader) -> Result<Standing, StoreError> {
    folded(reader).map(|(clinic, _)| clinic.standing)
}

/// Returns the clinic as the facts up to an instant left it, for the command line.
///
/// # Errors
/// [`StoreError`] when the journal cannot be read.
pub(crate) fn clinic_at(reader: &Reader, at: AtMs) -> Result<Clinic, StoreError> {
    folded_anew(reader, Some(at))
}

/// Folds the standing kinds of all time and the facts of the last days, up to an instant if one is given.
fn folded_anew(reader: &Reader, until: Option<AtMs>) -> Result<Clinic, StoreError> {
    let mut facts: BTreeMap<_, Envelope> = BTreeMap::new();
    let mut add = |kept: Vec<Kept>| facts.extend(read(&kept, until).map(|fact| (fact.head.canonical(), fact)));
    add(reader.facts_of_kinds(&STANDING_KINDS)?);
    add(reader.facts_of_kinds(&PROGRAM_KINDS)?);
    let days = days_to_fold(reader, until)?;
    for day in &days {
        add(reader.facts_of_day(*day)?);
    }
    if let Some(at) = until.filter(|_| days.is_empty()) {
        // A monitor may run before the first session was ever opened.
        let today = Day::holding(at, 0);
        add(reader.facts_of_kinds_in(&AIRING_KINDS, (today, today))?);
    }
    let mut clinic = Clinic::default();
    for fact in facts.values() {
        clinic.after(fact);
    }
    Ok(clinic)
}

/// Reads facts, up to an instant if one is given.
fn read(kept: &[Kept], until: Option<AtMs>) -> impl DoubleEndedIterator<Item = Envelope> {
    let facts = kept.iter().filter_map(|kept| kept.envelope().ok());
    facts.filter(move |fact| until.is_none_or(|until| fact.head.at_ms <= until))
}

/// Returns the days whose facts are folded: the newest, and those before it whose personal data may wait for erasure.
///
/// A day that got another date counts under both: what happened before the change stands under the old one.
fn days_to_fold(reader: &Reader, until: Option<AtMs>) -> Result<BTreeSet<Day>, StoreError> {
    let opened = reader.facts_of_kinds(&["DayOpened", "DayRedated"])?;
    let mut days = BTreeSet::new();
    let mut n_opened = 0;
    for fact in read(&opened, until).rev() {
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
        let context = Context {
            now: now.at_ms,
            trust: now.clock,
            quiet_ms: self.quiet_ms(now),
            by: ask.by.clone(),
            cmd: ask.cmd.clone(),
        };
        match decide(&self.working, &ask.command, &context, &mut self.edge) {
            Err(refusal) => Decision::nothing(Err(refusal)),
            Ok(drafts) => {
                self.newest = Some(*now);
                let facts: Vec<Fact> = drafts.iter().map(|draft| draft.fact.clone()).collect();
                let mut secrets = ask.secrets.clone();
                for fact in &facts {
                    if let Fact::PersonalErased(erased) = fact {
                        secrets.extend(erased.keys.iter().map(seal::destroy));
                    }
                }
                let stamped = |draft: machiai_core::decide::Draft| Draft {
                    site: self.site,
                    line: draft.line,
                    by: ask.by.clone(),
                    fact: draft.fact,
                };
                Decision {
                    facts: drafts.into_iter().map(stamped).collect(),
                    secrets,
                    answer: Ok(Done { facts, replayed: false }),
                }
            }
        }
    }

    fn take_in(&mut self, fact: &Envelope, position: Position) {
        self.working.after(fact);
        self.unpublished.push(fact.clone());
        self.position = position;
    }

    fn day(&self) -> Option<Day> {
        self.working.day
    }

    fn replay(&mut self, _: &Ask, facts: &[Envelope]) -> Self::Answer {
        Ok(Done { facts: facts.iter().map(|fact| fact.fact.clone()).collect(), replayed: true })
    }

    fn publish(&mut self) {
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
        let (working, position) = folded(from)?;
        self.working = working;
        self.position = position;
        *self.published.clinic.write().unwrap_or_else(PoisonError::into_inner) = self.working.clone();
        self.published.changed.send_replace(self.working.n_facts);
        Ok(())
    }

    fn idle(&mut self, store: &mut Store) -> Result<(), StoreError> {
        if self.position.0.saturating_sub(self.checkpointed.0) < CHECKPOINT_EVERY {
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
