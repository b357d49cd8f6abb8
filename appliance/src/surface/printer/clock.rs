//! The clock that deadlines are counted by.
//!
//! Printers run in real time even in a rehearsal, so this is the machine's monotonic clock and never the scaled one.

use std::time::{Duration, Instant};

/// A clock that never steps back.
pub trait Monotonic {
    /// Returns the time since some fixed moment of this clock.
    fn now(&self) -> Duration;
}

/// The machine's own monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct RealTime {
    start: Instant,
}

impl RealTime {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "devices live in real time: this is the edge where it comes in")]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Monotonic for RealTime {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
