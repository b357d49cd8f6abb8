//! The running journal: one writer thread, a bounded queue before it, answers after the commit.
//!
//! It waits for nothing while commands are there: a lone client pays one commit, and those that queue up meanwhile
//! share the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{JournalError, StartError};
use crate::rules::{Received, Rules, Stamper, Submission};
use crate::store::Store;
use crate::turn::{MAX_BATCH, Turns};

/// Commands that may wait before the journal: about a second's worth on a slow disk.
pub const MAX_WAITING: usize = 1_024;

/// Quiet after which the journal tidies up.
const FIRST_IDLE: Duration = Duration::from_millis(200);

/// How often it goes on to use the quiet.
const NEXT_IDLE: Duration = Duration::from_secs(1);

/// What a running journal is made of.
pub struct Parts<R, S> {
    /// The file, opened for writing.
    pub store: Store,
    /// The clinic's rules, their state folded from the file.
    pub rules: R,
    /// The clock.
    pub stamper: S,
    /// Called on the journal's thread when it ends, for whatever reason: the process must end then.
    pub ended: Box<dyn FnOnce() + Send>,
}

impl<R, S> std::fmt::Debug for Parts<R, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("store", &self.store).finish_non_exhaustive()
    }
}

/// How the journal does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether a full disk would still get space back; without it, raise the alarm.
    pub has_ballast: bool,
    /// Whether the last command that wrote found the disk full.
    pub is_full: bool,
    /// Whether the disk took nothing of it for another reason.
    pub is_refused: bool,
}

#[derive(Debug, Default)]
struct Gauges {
    lacks_ballast: AtomicBool,
    is_full: AtomicBool,
    is_refused: AtomicBool,
}

/// What waits before the journal.
enum Waiting<R: Rules> {
    Command(Submission<R>),
    Received(Received),
}

/// A running journal.
pub struct Journal<R: Rules> {
    queue: SyncSender<Waiting<R>>,
    gauges: Arc<Gauges>,
    thread: JoinHandle<()>,
}

impl<R: Rules> std::fmt::Debug for Journal<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("gauges", &self.gauges).finish_non_exhaustive()
    }
}

impl<R: Rules> Journal<R> {
    /// Starts the writer thread.
    ///
    /// # Errors
    /// [`StartError`] when the thread cannot be made.
    pub fn start<S: Stamper>(parts: Parts<R, S>) -> Result<Self, StartError> {
        let (queue, commands) = sync_channel(MAX_WAITING);
        let gauges = Arc::new(Gauges::default());
        let shown = Arc::clone(&gauges);
        let writer = move || {
            let Parts { store, rules, stamper, ended } = parts;
            let _ended = OnEnd(Some(ended));
            write(Turns::new(store, rules, stamper), &commands, &shown);
        };
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(writer).map_err(StartError)?;
        Ok(Self { queue, gauges, thread })
    }

    /// Hands a command over; the answer comes through its callback after the commit.
    ///
    /// # Errors
    /// [`JournalError::Busy`] when too many wait, [`JournalError::Stopped`] after the end; the callback is dropped.
    pub fn submit(&self, submission: Submission<R>) -> Result<(), JournalError> {
        self.queue(Waiting::Command(submission))
    }

    /// Hands facts of other machines over; it is said through their callback once they are kept.
    ///
    /// # Errors
    /// As [`Journal::submit`].
    pub fn receive(&self, received: Received) -> Result<(), JournalError> {
        self.queue(Waiting::Received(received))
    }

    fn queue(&self, waiting: Waiting<R>) -> Result<(), JournalError> {
        self.queue.try_send(waiting).map_err(|error| match error {
            TrySendError::Full(_) => JournalError::Busy,
            TrySendError::Disconnected(_) => JournalError::Stopped,
        })
    }

    /// Returns how the journal does.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            has_ballast: !self.gauges.lacks_ballast.load(Ordering::Relaxed),
            is_full: self.gauges.is_full.load(Ordering::Relaxed),
            is_refused: self.gauges.is_refused.load(Ordering::Relaxed),
        }
    }

    /// Answers all commands that were handed over, closes the file and ends the thread.
    ///
    /// # Errors
    /// [`JournalError::Stopped`] when the thread had ended by a panic.
    pub fn stop(self) -> Result<(), JournalError> {
        let Self { queue, thread, .. } = self;
        drop(queue);
        thread.join().map_err(|_panic| JournalError::Stopped)
    }
}

struct OnEnd(Option<Box<dyn FnOnce() + Send>>);

impl Drop for OnEnd {
    fn drop(&mut self) {
        if let Some(ended) = self.0.take() {
            ended();
        }
    }
}

fn write<R: Rules, S: Stamper>(mut turns: Turns<R, S>, waiting: &Receiver<Waiting<R>>, gauges: &Gauges) {
    let mut patience = FIRST_IDLE;
    while !turns.is_damaged() {
        match waiting.recv_timeout(patience) {
            Ok(first) => {
                take_turns(&mut turns, first, waiting);
                turns.after_answers();
                patience = FIRST_IDLE;
            }
            Err(RecvTimeoutError::Timeout) => {
                turns.idle();
                patience = NEXT_IDLE;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        gauges.lacks_ballast.store(!turns.has_ballast(), Ordering::Relaxed);
        gauges.is_full.store(turns.is_full(), Ordering::Relaxed);
        gauges.is_refused.store(turns.is_refused(), Ordering::Relaxed);
    }
    turns.finish();
}

/// Takes what waits: commands together, and whenever facts of other machines come between them, those alone.
fn take_turns<R: Rules, S: Stamper>(turns: &mut Turns<R, S>, first: Waiting<R>, waiting: &Receiver<Waiting<R>>) {
    let mut commands = Vec::new();
    let mut received = None;
    for next in std::iter::once(first).chain(waiting.try_iter().take(MAX_BATCH.saturating_sub(1))) {
        match next {
            Waiting::Command(submission) => commands.push(submission),
            Waiting::Received(facts) => {
                received = Some(facts);
                break;
            }
        }
    }
    if !commands.is_empty() {
        turns.turn(commands);
    }
    if let Some(received) = received {
        turns.receive(received);
    }
}
