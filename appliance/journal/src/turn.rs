//! One turn of the journal: decide all waiting commands, commit once, publish, answer.
//!
//! Nothing is answered before its facts are on disk, and nothing is published that a failed commit did not keep.

use std::collections::BTreeMap;
use std::sync::Arc;

use machiai_core::envelope::{Cmd, Envelope, Head, Malformed};
use machiai_core::ids::{Origin, Seq};
use machiai_core::program::AIRING_KINDS;

use crate::error::{BadFact, JournalError, StoreError, told};
use crate::kept::{Kept, NewFact, Position};
use crate::rules::{Draft, Received, Rules, StampParts, Stamper, Submission};
use crate::store::{Batch, Store};

/// Most commands that one commit takes: it bounds how long the first of them waits.
pub const MAX_BATCH: usize = 256;

/// The journal's work apart from its thread: whoever calls [`Turns::turn`] is the writer.
#[derive(Debug)]
pub struct Turns<R, S> {
    store: Store,
    rules: R,
    stamper: S,
    must_refold: bool,
    is_damaged: bool,
    is_full: bool,
    is_refused: bool,
    lacks_ballast: bool,
    n_commits: u64,
}

/// Makes a batch and what is to be answered once it is kept.
type Make<'a, Turns, T> = dyn FnMut(&mut Turns) -> Result<(Batch, T), JournalError> + 'a;
type Asked<R> = (<R as Rules>::Command, Option<Cmd>);
type Outcome<R> = Result<<R as Rules>::Answer, JournalError>;

/// What a batch has come to before its commit.
#[derive(Default)]
struct Pending {
    batch: Batch,
    /// Facts of the batch's commands, by idempotency key: the digest, and the facts.
    by_key: BTreeMap<String, (String, Vec<Envelope>)>,
    /// Facts of the batch, by origin.
    n_of: BTreeMap<Origin, u64>,
}

impl Pending {
    fn push(&mut self, fact: NewFact) {
        let n_of_it = self.n_of.entry(fact.head().origin).or_default();
        *n_of_it = n_of_it.saturating_add(1);
        self.batch.facts.push(fact);
    }
}

impl<R: Rules, S: Stamper> Turns<R, S> {
    /// Joins an open journal, rules whose state is folded from it, and a clock.
    pub const fn new(store: Store, rules: R, stamper: S) -> Self {
        Self {
            store,
            rules,
            stamper,
            must_refold: false,
            is_damaged: false,
            is_full: false,
            is_refused: false,
            lacks_ballast: false,
            n_commits: 0,
        }
    }

    /// Returns the open journal.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the rules.
    pub const fn rules(&self) -> &R {
        &self.rules
    }

    /// Returns how many transactions were committed.
    pub const fn n_commits(&self) -> u64 {
        self.n_commits
    }

    /// Whether the file was found damaged: no further turn will succeed, the next start salvages it.
    pub const fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Whether the last turn that wrote found the disk full.
    pub const fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether the disk took nothing in the last turn that wrote, and not for lack of room: it may be read-only by now.
    pub const fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether a full disk would still get the ballast's space back; a new journal has it from the first quiet moment.
    pub const fn has_ballast(&self) -> bool {
        !self.lacks_ballast
    }

    /// Decides in order, commits once, publishes, then answers.
    pub fn turn(&mut self, submissions: Vec<Submission<R>>) {
        let (asked, answers): (Vec<_>, Vec<_>) =
            submissions.into_iter().map(|Submission { command, cmd, answer }| ((command, cmd), answer)).unzip();
        let outcomes = match self.persist(&mut |turns| Ok(turns.decide_all(&asked))) {
            Ok(outcomes) => outcomes,
            Err(error) => asked.iter().map(|_| Err(error.clone())).collect(),
        };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            answer(outcome);
        }
    }

    /// Keeps facts that other machines wrote, then publishes and answers.
    ///
    /// They are a turn of their own: a command after facts that belong before those folded in is decided on a state
    /// that was folded again with them.
    pub fn receive(&mut self, received: Received) {
        let Received { lines, answer } = received;
        answer(self.persist(&mut |turns| turns.take_received(&lines)));
    }

    /// Does what may follow the answers: writes the log back when it has grown.
    pub fn after_answers(&mut self) {
        if !self.store.must_reopen() {
            let written = self.store.write_back();
            self.log(written);
        }
    }

    /// Uses a quiet moment: clears the log, makes the ballast anew, lets the rules do their chores.
    pub fn idle(&mut self) {
        if let Err(error) = self.stand_up() {
            self.log(Err(error));
            return;
        }
        let tidied = self.store.tidy();
        self.log(tidied);
        self.lacks_ballast = !self.store.has_ballast();
        let done = self.rules.idle(&mut self.store);
        self.log(done);
    }

    /// Tidies up before the end.
    pub fn finish(mut self) {
        if !self.is_damaged && !self.store.must_reopen() {
            let tidied = self.store.tidy();
            self.log(tidied);
        }
        self.store.end();
    }

    /// Makes a batch and keeps it; made again on a state folded anew where a failure left certain that nothing was kept.
    fn persist<T>(&mut self, make: &mut Make<'_, Self, T>) -> Result<T, JournalError> {
        let persisted = self.try_again(make);
        self.is_refused |= matches!(persisted, Err(JournalError::NotKept(_) | JournalError::Unknown(_)));
        persisted
    }

    fn try_again<T>(&mut self, make: &mut Make<'_, Self, T>) -> Result<T, JournalError> {
        match self.attempt(make) {
            Err(JournalError::DiskFull) if self.free_ballast() => {
                tracing::error!("disk is full: freed the ballast and go on");
                self.attempt(make)
            }
            // Certain that nothing was kept, and through new descriptors.
            Err(JournalError::NotKept(_)) if !self.store.must_reopen() => self.attempt(make),
            attempted => attempted,
        }
    }

    fn attempt<T>(&mut self, make: &mut Make<'_, Self, T>) -> Result<T, JournalError> {
        self.stand_up().map_err(|error| self.not_kept(error))?;
        self.commit(make)
    }

    /// Decides and commits; after an error the rules hold what is on disk, or will before the next turn.
    fn commit<T>(&mut self, make: &mut Make<'_, Self, T>) -> Result<T, JournalError> {
        let (batch, outcome) = make(self)?;
        if batch.is_empty() {
            return Ok(outcome);
        }
        let kept = self.store.append(&batch).map(drop);
        self.is_full = kept.as_ref().is_err_and(StoreError::is_full);
        if self.is_refused && kept.is_ok() {
            tracing::warn!("the disk takes facts again");
            self.is_refused = false;
        }
        if let Err(error) = kept {
            self.must_refold = true;
            self.learn(&batch, error)?;
        } else if let Err(error) = self.store.scrub() {
            // The secret is deleted; its copy in the log goes at the next quiet moment.
            self.log(Err(error));
        }
        self.n_commits = self.n_commits.saturating_add(1);
        if self.rules.is_out_of_order() {
            self.must_refold = true;
            // What is on disk stands; the next turn folds it if this one cannot.
            let folded = self.stand_up();
            self.log(folded);
        }
        self.rules.publish();
        Ok(outcome)
    }

    /// Brings file and rules back to what is on disk, after a failure.
    fn stand_up(&mut self) -> Result<(), StoreError> {
        if self.store.must_reopen() {
            self.must_refold = true;
            self.store.reopen()?;
        }
        if self.must_refold {
            self.rules.refold(self.store.reader()?)?;
            self.must_refold = false;
        }
        Ok(())
    }

    /// Learns what became of a batch whose commit failed: it was kept after all, or why not.
    fn learn(&mut self, batch: &Batch, error: StoreError) -> Result<(), JournalError> {
        let mut is_kept = self.stand_up().and_then(|()| self.store.holds(batch));
        if is_kept.as_ref().is_err_and(StoreError::is_full) && self.free_ballast() {
            is_kept = self.stand_up().and_then(|()| self.store.holds(batch));
        }
        match is_kept {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.not_kept(error)),
            Err(unknown) if unknown.is_damage() => Err(self.not_kept(unknown)),
            Err(unknown) => {
                self.complain(&unknown, "cannot learn what was kept");
                Err(JournalError::Unknown(Arc::new(unknown)))
            }
        }
    }

    fn free_ballast(&mut self) -> bool {
        let is_freed = self.store.free_ballast().unwrap_or(false);
        self.lacks_ballast |= is_freed;
        is_freed
    }

    fn not_kept(&mut self, error: StoreError) -> JournalError {
        let (is_damage, is_full) = (error.is_damage(), error.is_full());
        let error = Arc::new(error);
        self.complain(&error, "nothing of the batch was kept");
        match (is_damage, is_full) {
            (true, _) => {
                self.found_damage();
                JournalError::Damaged(error)
            }
            (false, true) => JournalError::DiskFull,
            (false, false) => JournalError::NotKept(error),
        }
    }

    fn log(&mut self, outcome: Result<(), StoreError>) {
        if let Err(error) = outcome {
            self.complain(&error, "cannot tidy the journal, will try again");
            if error.is_damage() {
                self.found_damage();
            }
        }
    }

    /// Says what fails; no more aloud while the disk refuses, which is asked every second, for days maybe.
    fn complain(&self, error: &StoreError, what: &'static str) {
        if self.is_refused && !error.is_damage() {
            tracing::debug!(error = told(error), "{what}");
        } else {
            tracing::error!(error = told(error), "{what}");
        }
    }

    fn found_damage(&mut self) {
        self.is_damaged = true;
        if let Err(error) = self.store.raise_suspicion() {
            tracing::error!(error = told(&error), "cannot have the next start verify the journal");
        }
    }

    fn decide_all(&mut self, asked: &[Asked<R>]) -> (Batch, Vec<Outcome<R>>) {
        let mut pending = Pending::default();
        let outcomes = asked.iter().map(|(command, cmd)| self.decide(command, cmd.as_ref(), &mut pending)).collect();
        (pending.batch, outcomes)
    }

    fn decide(&mut self, command: &R::Command, cmd: Option<&Cmd>, pending: &mut Pending) -> Outcome<R> {
        if let Some(cmd) = cmd
            && let Some((digest, facts)) = self.first_time(cmd, pending)?
        {
            let is_same = digest == cmd.digest;
            return if is_same { Ok(self.rules.replay(command, &facts)) } else { Err(JournalError::Conflict) };
        }
        let now = self.stamper.stamp();
        let decision = self.rules.decide(command, &now);
        let facts = self.stamped(decision.facts, cmd, &now, pending);
        let lines = facts.iter().map(|fact| NewFact::made(fact, None)).collect::<Result<Vec<_>, Malformed>>();
        let lines = lines.map_err(|error| JournalError::Unwritable(Arc::new(error)))?;
        for (fact, mut line) in facts.iter().zip(lines) {
            self.rules.take_in(fact, self.next_position(pending));
            line.day = self.rules.day();
            pending.push(line);
        }
        if let Some(cmd) = cmd.filter(|_| !facts.is_empty()) {
            pending.by_key.insert(cmd.key.clone(), (cmd.digest.clone(), facts));
        }
        pending.batch.secrets.extend(decision.secrets);
        pending.batch.leases.extend(decision.leases);
        Ok(decision.answer)
    }

    /// Returns the digest and the facts of a command's first time, if this is not it.
    fn first_time(&mut self, cmd: &Cmd, pending: &Pending) -> Result<Option<(String, Vec<Envelope>)>, JournalError> {
        if let Some(first) = pending.by_key.get(&cmd.key) {
            return Ok(Some(first.clone()));
        }
        let kept = self.store.reader().and_then(|reader| reader.by_cmd(&cmd.key));
        let facts = kept.and_then(|kept| kept.iter().map(read).collect::<Result<Vec<_>, _>>());
        let facts = facts.map_err(|error| self.not_kept(error))?;
        let digest = facts.first().and_then(|fact| fact.head.cmd.as_ref()).map(|cmd| cmd.digest.clone());
        Ok(digest.map(|digest| (digest, facts)))
    }

    fn stamped(&self, drafts: Vec<Draft>, cmd: Option<&Cmd>, now: &StampParts, pending: &Pending) -> Vec<Envelope> {
        let &StampParts { at_ms, at_n, boot, mono_ms, clock } = now;
        // Facts of one command have one stamp, and stand in order by their seq: they go under one origin.
        let is_airings = drafts.iter().all(|draft| AIRING_KINDS.contains(&draft.fact.kind()));
        let origin = if is_airings { self.store.airings_origin() } else { self.store.origin() };
        let with_seq = (self.next_seq_of(origin, pending)..).zip(drafts);
        let stamp = |(seq, Draft { site, line, by, fact })| {
            let (seq, cmd) = (Seq(seq), cmd.cloned());
            let head = Head { site, line, origin, seq, at_ms, at_n, boot, mono_ms, clock, by, cmd };
            Envelope { head, fact }
        };
        with_seq.map(stamp).collect()
    }

    /// Returns the number of an origin's next fact, behind those of the batch.
    fn next_seq_of(&self, origin: Origin, pending: &Pending) -> u64 {
        self.store.next_seq_of(origin).0.saturating_add(pending.n_of.get(&origin).copied().unwrap_or(0))
    }

    /// Takes received facts in, all of which follow what is held; those that are held are passed over.
    fn take_received(&mut self, lines: &[Vec<u8>]) -> Result<(Batch, usize), JournalError> {
        let mut pending = Pending::default();
        for line in lines {
            let malformed = |error| JournalError::Unwritable(Arc::new(error));
            let fact = Envelope::read(line).map_err(malformed)?;
            if fact.head.seq.0 < self.next_seq_of(fact.head.origin, &pending) {
                continue;
            }
            let heard = self.rules.hear(&fact, self.next_position(&pending));
            pending.push(NewFact::received(line.clone(), heard.day).map_err(malformed)?);
            pending.batch.redated.extend(heard.redated);
        }
        let n_taken = pending.batch.facts.len();
        Ok((pending.batch, n_taken))
    }

    fn next_position(&self, pending: &Pending) -> Position {
        Position(self.store.position().0.saturating_add(count(&pending.batch.facts))).next()
    }
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn read(kept: &Kept) -> Result<Envelope, StoreError> {
    kept.envelope().map_err(|error| StoreError::BadFact { at: kept.position, source: BadFact::Unreadable(error) })
}
