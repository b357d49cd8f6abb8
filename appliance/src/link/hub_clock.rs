//! The time by which a hub's certificate is judged: never before this program was built, nor before what the hub said.
//!
//! A box whose clock is lost must still find its hub; a certificate that is over can be judged late at worst.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::clock::{FLOOR, Source};

/// The wall clock, in seconds since 1970.
type WallS = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The latest of the wall clock, the date of the build and what the hub last said.
#[derive(Clone)]
pub struct HubClock {
    wall_s: WallS,
    heard_s: Arc<AtomicU64>,
}

impl fmt::Debug for HubClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubClock").field("heard_s", &self.heard_s).finish()
    }
}

impl HubClock {
    /// Begins with a wall clock, in seconds since 1970.
    #[must_use]
    pub fn new(wall_s: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let built_s = u64::try_from(FLOOR.0 / 1_000).unwrap_or_default();
        Self { wall_s: Arc::new(wall_s), heard_s: Arc::new(AtomicU64::new(built_s)) }
    }

    /// Takes in the time that the hub said, in seconds since 1970; only from a hub whose certificate was good.
    pub fn heard(&self, at_s: u64) {
        self.heard_s.fetch_max(at_s, Ordering::Relaxed);
    }

    /// Returns the time, in seconds since 1970.
    #[must_use]
    pub fn now_s(&self) -> u64 {
        (self.wall_s)().max(self.heard_s.load(Ordering::Relaxed))
    }
}

/// Returns the clock by which hubs are judged: they live in real time, whatever a rehearsal does.
pub(crate) fn hub_clock() -> HubClock {
    let source = Source::start(None);
    HubClock::new(move || u64::try_from(source.read().wall.0 / 1_000).unwrap_or_default())
}

impl TimeProvider for HubClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.now_s())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_of_wall_build_and_hub_counts() {
        let lost = HubClock::new(|| 0);
        assert_eq!(lost.now_s(), 1_767_225_600, "the build's date");
        lost.heard(1_800_000_000);
        lost.heard(1_700_000_000);
        assert_eq!(lost.now_s(), 1_800_000_000);
        let right = HubClock::new(|| 1_900_000_000);
        right.heard(1_800_000_000);
        assert_eq!(right.current_time().map(|time| time.as_secs()), Some(1_900_000_000));
    }
}
