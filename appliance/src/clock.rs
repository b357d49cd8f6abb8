//! The machine's clocks, injected everywhere else: wall and monotonic time, real or of a rehearsal.
//!
//! A rehearsal scales both clocks alike. Network, printer and screen never use this clock for their deadlines.

mod synced;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use machiai_core::clock::{HybridClock, Reading};
use machiai_core::envelope::{Stamp, Trust};
use machiai_core::ids::BootId;
use machiai_core::time::AtMs;
use machiai_journal::{StampParts, Stamper};

use self::synced::Synced;
use crate::config::{Rehearsal, Step};

/// The date of the build's sources: no plausible clock is before it (2026-01-01T00:00:00Z).
pub(crate) const FLOOR: AtMs = AtMs(1_767_225_600_000);

/// Where time comes from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    started: Instant,
    rehearsal: Option<Rehearsed>,
    synced: Synced,
}

/// The clock of a rehearsal.
#[derive(Clone, Debug)]
struct Rehearsed {
    starts: AtMs,
    speed: u32,
    /// When its wall clock is set anew, on the one that never is, and by how many milliseconds.
    steps: Vec<(AtMs, i64)>,
}

impl Rehearsed {
    fn of(rehearsal: &Rehearsal) -> Option<Self> {
        let read = |at: &str| Some(AtMs(at.parse::<jiff::Timestamp>().ok()?.as_millisecond()));
        let step = |step: &Step| Some((read(&step.at)?, step.by_s.saturating_mul(1_000)));
        let steps = rehearsal.steps.iter().filter_map(step).collect();
        Some(Self { starts: read(&rehearsal.starts)?, speed: rehearsal.speed, steps })
    }

    fn wall(&self, mono_ms: u64) -> AtMs {
        let wall = self.starts.plus_ms(i64::try_from(mono_ms).unwrap_or(i64::MAX));
        let stepped = self.steps.iter().filter(|(at, _)| *at <= wall).map(|(_, by_ms)| *by_ms);
        wall.plus_ms(stepped.fold(0, i64::saturating_add))
    }
}

impl Source {
    /// Starts counting; a rehearsal begins at its own wall time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the edge where time comes in")]
    pub(crate) fn start(rehearsal: Option<&Rehearsal>) -> Self {
        let rehearsal = rehearsal.and_then(Rehearsed::of);
        Self { started: Instant::now(), rehearsal, synced: Synced::default() }
    }

    /// Asks whether a time server has set the clock, where the mark of systemd's client does not say it.
    pub(crate) fn ask(&self) {
        if self.rehearsal.is_none() {
            self.synced.ask();
        }
    }

    /// Reads the clocks.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the edge where time comes in")]
    pub(crate) fn read(&self) -> Reading {
        let since = self.started.elapsed();
        match &self.rehearsal {
            Some(rehearsed) => {
                let mono_ms = millis(since.saturating_mul(rehearsed.speed));
                Reading { wall: rehearsed.wall(mono_ms), mono_ms, synced: true, rehearsal: true }
            }
            None => {
                let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
                let wall = AtMs(i64::try_from(millis(wall)).unwrap_or(i64::MAX));
                Reading { wall, mono_ms: millis(since), synced: self.synced.stands(), rehearsal: false }
            }
        }
    }

    /// Returns the real time that passes while this clock passes `span_ms`.
    #[must_use]
    pub(crate) fn real(&self, span_ms: i64) -> Duration {
        let span = Duration::from_millis(u64::try_from(span_ms).unwrap_or(0));
        span / self.rehearsal.as_ref().map_or(1, |rehearsed| rehearsed.speed)
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The daemon's clock: one hybrid clock over one source, shared by whoever asks the time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    source: Source,
    hybrid: Arc<Mutex<HybridClock>>,
    boot: BootId,
}

impl Clock {
    /// Takes up the clock where the newest fact left it.
    #[must_use]
    pub(crate) fn resume(source: Source, newest: Option<Stamp>, boot: BootId) -> Self {
        source.ask();
        let hybrid = HybridClock::resume(newest, source.read(), FLOOR);
        Self { source, hybrid: Arc::new(Mutex::new(hybrid)), boot }
    }

    /// Returns the instant on the clock of the facts, and how far it can be trusted.
    #[must_use]
    pub(crate) fn now(&self) -> (AtMs, Trust) {
        self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).now(self.source.read())
    }

    /// Returns the wall time to show to people, and how far it can be trusted.
    #[must_use]
    pub(crate) fn shown(&self) -> (AtMs, Trust) {
        self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).shown(self.source.read())
    }

    /// Asks whether a time server has set the clock by now, where none had.
    pub(crate) fn ask(&self) {
        self.source.ask();
    }

    /// Whether a time server has set the clock.
    #[must_use]
    pub(crate) fn is_synced(&self) -> bool {
        self.source.read().synced
    }

    /// Returns the monotonic milliseconds since the start.
    #[must_use]
    pub(crate) fn mono_ms(&self) -> u64 {
        self.source.read().mono_ms
    }

    /// Heeds the stamp of another machine's fact, so that facts made here come after it; returns whether it did.
    #[must_use]
    pub(crate) fn hear(&self, peer: Stamp) -> bool {
        self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).hear(peer, self.source.read())
    }

    /// Returns how long to wait, in real time, until this clock shows `at`.
    #[must_use]
    pub(crate) fn until(&self, at: AtMs) -> Duration {
        self.source.real(at.since(self.now().0).max(0))
    }
}

impl Stamper for Clock {
    fn stamp(&mut self) -> StampParts {
        let reading = self.source.read();
        let (stamp, clock) = self.hybrid.lock().unwrap_or_else(PoisonError::into_inner).stamp(reading);
        StampParts { at_ms: stamp.at, at_n: stamp.n, boot: self.boot, mono_ms: reading.mono_ms, clock }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsals_wall_clock_steps_where_it_is_to_and_goes_on_from_there() {
        let step = |at: &str, by_s| Step { at: at.to_owned(), by_s };
        let rehearsal = Rehearsal {
            starts: "2026-11-24T13:00:00+09:00".to_owned(),
            speed: 60,
            steps: vec![step("2026-11-24T13:20:00+09:00", 86_400), step("2026-11-24T13:40:00+09:00", -7_200)],
        };
        let rehearsed = Rehearsed::of(&rehearsal).unwrap();
        let shown = |minute: u64| rehearsed.wall(minute * 60_000).in_tokyo().strftime("%d %H:%M").to_string();
        assert_eq!([0, 19, 20, 39, 40].map(shown), ["24 13:00", "24 13:19", "25 13:20", "25 13:39", "25 11:40"]);
    }
}
