//! The hub's clock for the facts that it writes itself; what it reads is injected.

use std::sync::{Arc, Mutex, PoisonError};

use machiai_core::clock::{HybridClock, Reading};
use machiai_core::envelope::{Stamp, Trust};
use machiai_core::ids::BootId;
use machiai_core::time::AtMs;

/// The date of the build's sources: no plausible clock is before it (2026-01-01T00:00:00Z).
const FLOOR: AtMs = AtMs(1_767_225_600_000);

/// A hub's clock.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> Reading + Send + Sync>,
    hybrid: Arc<Mutex<HybridClock>>,
    boot: BootId,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clock").field("boot", &self.boot).finish_non_exhaustive()
    }
}

impl Clock {
    /// Starts a clock over whatever tells wall and monotonic time; `boot` is drawn for this start.
    #[must_use]
    pub fn new(boot: BootId, read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        let hybrid = HybridClock::resume(None, read(), FLOOR);
        Self { read: Arc::new(read), hybrid: Arc::new(Mutex::new(hybrid)), boot }
    }

    /// Returns this start's id.
    pub(crate) const fn boot(&self) -> BootId {
        self.boot
    }

    /// Returns the instant on the clock of the facts.
    #[must_use]
    pub fn now(&self) -> AtMs {
        self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).now((self.read)()).0
    }

    /// Heeds a fact of another machine, so that what is written here comes after it.
    pub(crate) fn hear(&self, peer: Stamp) {
        // A box whose clock is far ahead is not followed: its facts stand after the hub's, and that is all.
        let _heeded = self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).hear(peer, (self.read)());
    }

    /// Stamps a fact: where it stands, monotonic milliseconds, and how far the clock could be trusted.
    pub(crate) fn stamp(&self) -> (Stamp, u64, Trust) {
        let reading = (self.read)();
        let (stamp, trust) = self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).stamp(reading);
        (stamp, reading.mono_ms, trust)
    }
}
