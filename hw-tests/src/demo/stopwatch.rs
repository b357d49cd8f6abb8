//! Real time for the demo: what is measured in it is the daemon's speed, never the clinic's clock.

use std::time::{Duration, Instant};

/// Counts real time from its start.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the demo measures real time, and this is where it comes in")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the start.
    #[must_use]
    pub fn read(self) -> Duration {
        self.0.elapsed()
    }

    /// Lets the time pass until the watch shows so much.
    pub fn wait_until(self, shown: Duration) {
        while self.read() < shown {
            std::thread::park_timeout(shown.saturating_sub(self.read()));
        }
    }
}
