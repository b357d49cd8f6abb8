//! What patients do from afar, decided here by the clinic's own rules, and written as the hub's facts.

use std::sync::Arc;

use machiai_core::command::Command;
use machiai_core::decide::{Context, Draft, Edge, decide};
use machiai_core::envelope::{By, Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{LineNo, Origin, Seq, SiteId, VisitId};
use machiai_core::queue::Clinic;
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_core::time::AtMs;
use machiai_wire::hub_side::DEVICE;
use machiai_wire::offset::Offset;
use machiai_wire::seal::Seal;
use machiai_wire::token::digest_of;

use super::clinic::Clinics;
use crate::chance;
use crate::clock::Clock;
use crate::store::{Before, StoreError};
use crate::stream::routes::Streams;

/// Turns of those who write for clinics on this node: clinics share them by their numbers.
const N_TURNS: usize = 64;

/// Tries before a command is given up because other nodes write for the same clinic.
const MOST_TRIES: usize = 8;

/// What came of a command.
#[derive(Debug)]
pub(crate) enum Done {
    /// It is on disk.
    Written,
    /// The clinic's rules say no.
    Refused(Refusal),
    /// There is no such site.
    NoSite,
    /// Too many others write for the same clinic.
    Busy,
}

/// What acts for patients.
#[derive(Clone)]
pub(crate) struct Remote {
    streams: Streams,
    pub(crate) clinics: Clinics,
    pub(crate) clock: Clock,
    /// Drawn at this node's start: it writes under this origin in every site.
    origin: Origin,
    /// When the store came back from a backup: what was given of that day's numbers before, it does not know.
    began: Option<AtMs>,
    turns: Arc<[tokio::sync::Mutex<()>]>,
    /// What its facts are sealed with.
    seal: Seal,
}

/// Draws a visit's id; its holder is known by the token of the page that took it.
struct Drawn<'a>(Option<&'a str>);

impl Edge for Drawn<'_> {
    fn draw_visit(&mut self) -> VisitId {
        // The origin came from the same generator: without random bytes this node had not started.
        VisitId::from_bytes(chance::bytes().unwrap_or_default())
    }

    fn token_hash(&mut self, _: VisitId) -> Option<String> {
        self.0.map(digest_of)
    }
}

impl Remote {
    /// Begins to act, under an origin that nothing wrote under before.
    ///
    /// `began` is when the store came back from a backup, if it ever did.
    pub(crate) fn new(streams: Streams, (clock, began): (Clock, Option<AtMs>), (origin, seal): (Origin, Seal)) -> Self {
        let turns = (0..N_TURNS).map(|_| tokio::sync::Mutex::default()).collect();
        Self { clinics: Clinics::new(streams.store.clone()), streams, clock, origin, began, turns, seal }
    }

    /// Takes a ticket whose holder will be known by a token; the same token takes one ticket, however often.
    ///
    /// # Errors
    /// As [`Remote::ask`].
    pub(crate) async fn take(&self, site: SiteId, command: &Command, token: &str) -> Result<Done, StoreError> {
        let digest = Some(digest_of(token));
        let is_done = |clinic: &Clinic| clinic.visits.values().any(|visit| visit.token_hash == digest);
        let decide = |clinic: &Clinic| {
            if is_done(clinic) { Ok(Vec::new()) } else { self.decide(clinic, command, Some(token)) }
        };
        self.carry_out(site, decide).await
    }

    /// Decides a command for a patient by the clinic's rules, and writes what happens.
    ///
    /// Another node may write for the same clinic meanwhile: it is decided again then, on what that wrote.
    ///
    /// # Errors
    /// [`StoreError`]: it may have been done; look before doing it again.
    pub(crate) async fn ask(&self, site: SiteId, command: &Command) -> Result<Done, StoreError> {
        self.carry_out(site, |clinic| self.decide(clinic, command, None)).await
    }

    /// Writes facts of the program that a clinic's state and the instant ask for.
    ///
    /// # Errors
    /// As [`Remote::ask`].
    pub(crate) async fn note(
        &self,
        site: SiteId,
        facts: impl Fn(&Clinic, AtMs) -> Result<Vec<Fact>, Refusal>,
    ) -> Result<Done, StoreError> {
        let decide = |clinic: &Clinic| {
            let facts = facts(clinic, self.now_for(clinic))?;
            self.decide(clinic, &Command::NoteProgram { facts }, None)
        };
        self.carry_out(site, decide).await
    }

    async fn carry_out(
        &self,
        site: SiteId,
        decide: impl Fn(&Clinic) -> Result<Vec<Draft>, Refusal>,
    ) -> Result<Done, StoreError> {
        // Whoever presses when a clinic opens presses with many: on one node they wait for each other, and none in vain.
        let turn = usize::try_from(site.0).unwrap_or_default().checked_rem(N_TURNS).and_then(|nth| self.turns.get(nth));
        let _turn = match turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        for _ in 0..MOST_TRIES {
            let decided = self.clinics.ask(site, |clinic, down| (decide(clinic), down)).await?;
            let Some((decided, down)) = decided else { return Ok(Done::NoSite) };
            match decided {
                Ok(drafts) if drafts.is_empty() => return Ok(Done::Written),
                Ok(drafts) => {
                    if self.write(site, drafts, down).await? {
                        return Ok(Done::Written);
                    }
                }
                Err(refusal) => return Ok(Done::Refused(refusal)),
            }
        }
        Ok(Done::Busy)
    }

    /// Says whether the hub knows which of a line's leased numbers it gave: on the day on which its store came back from a
    /// backup it gives none, for one of them may have been given already.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn knows_leases(&self, clinic: &Clinic, line: LineNo) -> Result<(), Refusal> {
        let is_of_lost_life = |began: AtMs| clinic.day == Some(clinic.standing.rules.day_at(began));
        if self.began.is_some_and(is_of_lost_life) {
            let name = clinic.standing.lines.get(&line).map(|line| line.name.ja.as_str()).unwrap_or_default();
            return Err(Refusal::new(RefusalCode::LeaseUsedUp).with("line", &name));
        }
        Ok(())
    }

    fn decide(&self, clinic: &Clinic, command: &Command, token: Option<&str>) -> Result<Vec<Draft>, Refusal> {
        if let Command::TakeLeased(take) = command {
            self.knows_leases(clinic, take.line)?;
        }
        let now = self.now_for(clinic);
        let context = Context { now, trust: Trust::Synced, quiet_ms: 0, by: by(), cmd: None };
        decide(clinic, command, &context, &mut Drawn(token))
    }

    /// Returns the instant, after all that is known of a clinic.
    fn now_for(&self, clinic: &Clinic) -> AtMs {
        if let Some(newest) = clinic.newest() {
            self.clock.hear(newest.stamp);
        }
        self.clock.now()
    }

    /// Writes facts if nothing was written for the site since it was folded; returns whether they were.
    async fn write(&self, site: SiteId, drafts: Vec<Draft>, down: Offset) -> Result<bool, StoreError> {
        let (clock, origin, seal) = (self.clock.clone(), self.origin, self.seal.clone());
        let lines = move |before: Before| {
            if before.down != down {
                return Vec::new();
            }
            let ((stamp, mono_ms, clock_trust), boot) = (clock.stamp(), clock.boot());
            let first = before.head.seq.0.saturating_add(1);
            let lines = (first..).zip(drafts).map(|(seq, Draft { line, fact })| {
                let head = Head {
                    site,
                    line,
                    origin,
                    seq: Seq(seq),
                    at_ms: stamp.at,
                    at_n: stamp.n,
                    boot,
                    mono_ms,
                    clock: clock_trust,
                    by: by(),
                    cmd: None,
                };
                seal.sealed(&Envelope { head, fact }.write().ok()?)
            });
            // A fact that cannot be written takes the whole command with it.
            lines.collect::<Option<Vec<_>>>().unwrap_or_default()
        };
        self.streams.write_own(site, self.origin, Box::new(lines)).await
    }
}

/// Returns who acts: the hub, on behalf of a patient whom it does not know.
pub(crate) fn by() -> By {
    By { device: DEVICE.parse().unwrap_or_else(|_| unreachable!("a fixed word of three letters")), person: None }
}
