//! Who may come in: devices paired to a place, people signed in, and what each may do.
//!
//! A token, code, password or PIN is kept only as its hash among the journal's secrets, and never stands in a fact, an
//! answer other than its own, or a log. Whoever fails is told the same, whatever was wrong.

pub(crate) mod acts;
pub(crate) mod api;
mod book;
pub(crate) mod caller;
mod cookies;
pub(crate) mod guard;
mod limit;
pub(crate) mod pages;
mod rights;
mod secret;
pub(crate) mod setup;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use machiai_core::people::Pairing;
use machiai_core::time::AtMs;
use machiai_wire::buckets::{Buckets, Rate};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::gate::Gate;
use crate::lan::Lan;
pub(crate) use caller::{Caller, Via, not_paired};

use book::Book;
use limit::Limiter;
use secret::{Digest, Hashed};

/// How long a pairing code can be used.
pub(crate) const PAIRING_MS: i64 = 10 * 60 * 1_000;

/// Requests of one address of the network: a page asks some ten times when it opens and then once in a while, and a
/// clinic's tablets may come through one router.
const ASKS: Rate = Rate { per_minute: 3_000, at_once: 600 };

/// A place waiting for its device.
#[derive(Debug)]
struct Opening {
    code: Digest,
    pairing: Pairing,
    until: AtMs,
}

/// What the daemon knows of who may come in.
pub(crate) struct Access {
    book: RwLock<Book>,
    /// One change at a time, from the check to the book read anew.
    changing: tokio::sync::Mutex<()>,
    limiter: Mutex<Limiter>,
    /// How much each address of the network may still ask.
    asks: Mutex<Buckets<IpAddr>>,
    started: Instant,
    opening: Mutex<Option<Opening>>,
    /// One hashing at a time: each takes 19 MiB and a core.
    hashing: Semaphore,
    /// Passwords that may wait for their turn; more are turned away.
    waiting: Semaphore,
    /// Stands in for the hash of a person nobody knows, so that the work is the same.
    nobody: Hashed,
    /// Ends the streams of the network when who may see them changes.
    streams: Mutex<CancellationToken>,
    chance: Chance,
    /// The state folder, where a set-up code may lie.
    state: PathBuf,
    /// The listener on the clinic's network, where there is one.
    pub(crate) lan: OnceLock<Lan>,
}

impl Access {
    /// Reads who may come in.
    pub(crate) fn open(gate: &Gate, state: PathBuf) -> Self {
        let access = Self {
            book: RwLock::default(),
            changing: tokio::sync::Mutex::new(()),
            limiter: Mutex::default(),
            asks: Mutex::new(Buckets::of(ASKS)),
            started: Instant::now(),
            opening: Mutex::new(None),
            hashing: Semaphore::new(1),
            waiting: Semaphore::new(MOST_WAITING),
            nobody: Hashed::nobody(),
            streams: Mutex::new(CancellationToken::new()),
            chance: Chance::system(),
            state,
            lan: OnceLock::new(),
        };
        access.read_again(gate);
        access
    }

    /// Reads the book anew; one that cannot be read lets nobody in.
    fn read_again(&self, gate: &Gate) {
        let book = Book::read(gate).unwrap_or_else(|cause| {
            tracing::warn!(error = %cause, "cannot read who may come in: nobody on the network is let in");
            Book::default()
        });
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = book;
    }

    fn book<T>(&self, question: impl FnOnce(&Book) -> T) -> T {
        question(&self.book.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn limiter<T>(&self, act: impl FnOnce(&mut Limiter) -> T) -> T {
        act(&mut self.limiter.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a request of an address of the network.
    ///
    /// # Errors
    /// For how many seconds it has to wait.
    fn take_ask(&self, of: IpAddr) -> Result<(), u64> {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.asks.lock().unwrap_or_else(PoisonError::into_inner).take(of, now_ms)
    }

    /// Returns the state folder.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Returns the token that ends a stream of the network.
    pub(crate) fn stream_ends(&self) -> CancellationToken {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends every stream of the network: whoever may still look asks again.
    fn end_streams(&self) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *streams).cancel();
    }
}

/// Whether anybody may come in over the network: a device is paired, or a place is open to one.
pub(crate) fn expects_devices(app: &crate::app::App) -> bool {
    let now = app.gate.clock.now().0;
    let opening = app.access.opening.lock().unwrap_or_else(PoisonError::into_inner);
    opening.as_ref().is_some_and(|opening| now < opening.until)
        || app.gate.read(|clinic| !clinic.standing.devices.is_empty())
}

/// Passwords that may wait to be hashed: a clinic's staff who sign in at the same moment.
const MOST_WAITING: usize = 16;

#[cfg(test)]
mod tests;
