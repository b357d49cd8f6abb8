//! What the journal asks of whoever knows the clinic's rules, and what it is handed.

use machiai_core::envelope::{By, Cmd, Envelope, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, LineNo, SiteId};
use machiai_core::time::{AtMs, Day};

use crate::error::{JournalError, StoreError};
use crate::kept::{LeaseChange, Position, Redated, SecretChange};
use crate::reader::Reader;
use crate::store::Store;

/// The clocks as one command finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampParts {
    /// Hybrid clock, milliseconds of UTC.
    pub at_ms: AtMs,
    /// Counter among equal milliseconds.
    pub at_n: u32,
    /// The machine's start.
    pub boot: BootId,
    /// Monotonic milliseconds since that start.
    pub mono_ms: u64,
    /// How far `at_ms` can be trusted.
    pub clock: Trust,
}

/// Tells the time: asked once per command, never before an earlier answer.
pub trait Stamper: Send + 'static {
    /// Returns the clocks, later in `(at_ms, at_n)` than everything it returned before.
    fn stamp(&mut self) -> StampParts;
}

/// A fact as a decision makes it: the journal adds origin, seq, stamp and command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The facility.
    pub site: SiteId,
    /// The line, on every fact of a queue.
    pub line: Option<LineNo>,
    /// Who acted.
    pub by: By,
    /// What happened.
    pub fact: Fact,
}

/// What a command comes to.
#[derive(Debug)]
pub struct Decision<A> {
    /// What happens; nothing when the command is refused.
    pub facts: Vec<Draft>,
    /// Secrets that go to disk with the facts.
    pub secrets: Vec<SecretChange>,
    /// What is known of calls that run, which goes to disk with the facts, or alone where there are none.
    pub leases: Vec<LeaseChange>,
    /// What the caller is told once the facts are on disk.
    pub answer: A,
}

impl<A> Decision<A> {
    /// Returns a decision that changes nothing, such as a refusal.
    pub const fn nothing(answer: A) -> Self {
        Self { facts: Vec::new(), secrets: Vec::new(), leases: Vec::new(), answer }
    }
}

/// What the rules say of a fact that another machine wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The business day to which it counts here.
    pub day: Option<Day>,
    /// Facts that were kept before it under another day, because it had not come yet.
    pub redated: Option<Redated>,
}

/// The clinic's rules and the state they work on, owned by the journal's writer.
pub trait Rules: Send + 'static {
    /// What may be asked.
    type Command: Send + 'static;
    /// What is answered.
    type Answer: Send + 'static;

    /// Decides one command on the working state, which already holds everything before it in the batch.
    ///
    /// It may be asked again about the same command, on a state folded anew, when a commit failed.
    fn decide(&mut self, command: &Self::Command, now: &StampParts) -> Decision<Self::Answer>;

    /// Takes a fact that the journal stamped into the working state, before the commit.
    fn take_in(&mut self, fact: &Envelope, position: Position);

    /// Returns the business day in which the working state stands; asked after each fact was taken in.
    fn day(&self) -> Option<Day>;

    /// Takes a fact that another machine wrote into the working state, before the commit; unless the rules say
    /// otherwise, as one made here.
    fn hear(&mut self, fact: &Envelope, position: Position) -> Heard {
        self.take_in(fact, position);
        Heard { day: self.day(), redated: None }
    }

    /// Whether facts were heard that belong before those folded in, so that the state must be folded again.
    fn is_out_of_order(&self) -> bool {
        false
    }

    /// Answers a repeated command from the facts that it made the first time.
    fn replay(&mut self, command: &Self::Command, facts: &[Envelope]) -> Self::Answer;

    /// Shows the working state to the world: all its facts are on disk.
    fn publish(&mut self);

    /// Forgets the working state and folds it again from the journal, after a commit that failed.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read: commands are refused until it can.
    fn refold(&mut self, from: &Reader) -> Result<(), StoreError>;

    /// Uses a quiet moment, for checkpoints of folds or a slice of verification; must not append.
    ///
    /// # Errors
    /// [`StoreError`] when the file failed: it is logged, and damage ends the journal.
    fn idle(&mut self, _store: &mut Store) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Where an answer goes: called once, on the journal's thread, so it must not wait.
pub type AnswerTo<A> = Box<dyn FnOnce(Result<A, JournalError>) + Send>;

/// A command on its way to the journal.
pub struct Submission<R: Rules> {
    /// What is asked.
    pub command: R::Command,
    /// Its idempotency key and the digest of its body, if the caller gave one.
    pub cmd: Option<Cmd>,
    /// Where the answer goes.
    pub answer: AnswerTo<R::Answer>,
}

/// Facts of other machines on their way to the journal, as they came.
pub struct Received {
    /// Their lines, of one origin or several, each following the newest of its origin.
    pub lines: Vec<Vec<u8>>,
    /// Where it is said how many of them were new.
    pub answer: AnswerTo<usize>,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received").field("n_lines", &self.lines.len()).finish_non_exhaustive()
    }
}

impl<R: Rules> std::fmt::Debug for Submission<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submission").field("cmd", &self.cmd).finish_non_exhaustive()
    }
}
