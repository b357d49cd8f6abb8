//! The hybrid clock: one strictly increasing stamp for every fact, whatever the machine's own clocks do.
//!
//! Two questions are kept apart. *In which order?* [`HybridClock::stamp`] and [`HybridClock::now`] run on the clock of
//! the facts, which never goes back. *What time is it?* [`HybridClock::shown`] is the best guess at the wall time, for
//! people and calendars; it follows a synchronised clock at once, forward and back.
//!
//! The two differ only while the facts are ahead of the wall time, which happens when a clock was wrong and is set
//! back. The clock of the facts then
//! - runs at half speed while it is ahead by up to [`MEND_MS`], so that n minutes are made good in 2n minutes, and
//!   time-outs still pass, which they would not if it stood still until the wall time has caught up;
//! - runs at full speed while it is ahead by more. Months cannot be made good in useful time, and half of every
//!   duration would be lost until then. A night without power, which counts for the wall clock alone, often mends it.
//!
//! It must never read a clock: readings are arguments. Each stamp says how far its instant could be trusted; exact
//! durations within one start of the machine come from the monotonic clock in the envelope.

use crate::envelope::{Stamp, Trust};
use crate::time::{AtMs, HOUR_MS, MINUTE_MS};

/// How far ahead of this clock another machine's fact may be and still move it.
pub const PEER_AHEAD_MS: i64 = 5 * MINUTE_MS;

/// How far the facts may be ahead of the wall time and still be brought together by running at half speed.
pub const MEND_MS: i64 = 24 * HOUR_MS;

/// How far a stamp may be from a synchronised wall time and still be called synchronised.
const SYNCED_WITHIN_MS: i64 = 1_000;

/// How far behind the newest fact an unsynchronised clock may be: machines' own clocks drift while switched off.
const BEHIND_MS: i64 = 5 * MINUTE_MS;

/// How long after the newest fact, or after the build, an unsynchronised clock is believed.
const IDLE_MS: i64 = 10 * YEAR_MS;

/// How long after the build a synchronised clock, or the fact that a lost clock takes for its own, is believed.
const ERA_MS: i64 = 100 * YEAR_MS;

/// The longest time between two readings; more is an absurd monotonic clock.
const STRIDE_MS: i64 = 100 * YEAR_MS;

/// The last instant that the calendar can show: the end of the year 9999.
const LAST_AT: AtMs = AtMs(253_402_200_000_000);

const YEAR_MS: i64 = 366 * 24 * HOUR_MS;

/// What the machine's clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock.
    pub wall: AtMs,
    /// Milliseconds since the machine's start.
    pub mono_ms: u64,
    /// Whether a time server has set the wall clock.
    pub synced: bool,
    /// Whether both clocks are a rehearsal's: they are then believed as they are.
    pub rehearsal: bool,
}

/// Whether the wall time was known when it was last counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// It was plausible, or had once been synchronised.
    Free,
    /// It was not: it is counted from the newest fact.
    Lost,
}

/// The clock's state: what it last knew, and when by the monotonic clock.
#[derive(Clone, Debug)]
pub struct HybridClock {
    /// No plausible clock is before this.
    floor: AtMs,
    /// The monotonic clock when `known` and `ran` were right.
    mono_ms: u64,
    /// The wall time.
    known: AtMs,
    base: Base,
    /// Where the clock of the facts stood, at least `newest.at`.
    ran: AtMs,
    /// The highest stamp given or heeded.
    newest: Stamp,
}

impl HybridClock {
    /// Takes up the clock where the newest fact left it.
    ///
    /// `newest` is the newest fact that this box made or heeded; `floor` is the date of the build, before which no
    /// clock can be right.
    #[must_use]
    pub fn resume(newest: Option<Stamp>, reading: Reading, floor: AtMs) -> Self {
        let newest = newest.unwrap_or(Stamp { at: AtMs(i64::MIN), n: 0 });
        let known = newest.at.max(floor);
        let base = Base::Lost;
        let mut clock = Self { floor, mono_ms: reading.mono_ms, known, base, ran: newest.at, newest };
        clock.observe(reading);
        clock
    }

    /// Returns the stamp of a fact made now, higher than every one before it, and how far it can be trusted.
    pub fn stamp(&mut self, reading: Reading) -> (Stamp, Trust) {
        let (at, trust) = self.now(reading);
        self.observe(reading);
        self.newest = if at > self.newest.at { Stamp { at, n: 0 } } else { next(self.newest) };
        self.ran = self.ran.max(self.newest.at);
        (self.newest, trust)
    }

    /// Returns the instant on the clock of the facts, for folds and decisions, and how far it can be trusted.
    ///
    /// No fact made so far is after it. From one call to the next it goes back only when the wall clock was stepped
    /// forward and back again between two readings that nobody [observed](Self::observe).
    #[must_use]
    pub fn now(&self, reading: Reading) -> (AtMs, Trust) {
        let (told, trust) = self.shown(reading);
        let at = self.run_to(told, reading);
        let off_ms = at.since(told);
        let trust = match trust {
            Trust::Rehearsal => Trust::Rehearsal,
            Trust::Synced | Trust::Free | Trust::Lost if off_ms > PEER_AHEAD_MS => Trust::Lost,
            Trust::Synced if off_ms > SYNCED_WITHIN_MS => Trust::Free,
            Trust::Synced | Trust::Free | Trust::Lost => trust,
        };
        (at, trust)
    }

    /// Returns the best guess at the wall time, for people and calendars, and how far it can be trusted.
    ///
    /// A synchronised clock is followed, also back; any other is read once, at the start or when it first becomes
    /// plausible, and then counted on by the monotonic clock.
    #[must_use]
    pub fn shown(&self, reading: Reading) -> (AtMs, Trust) {
        if reading.rehearsal {
            return (reading.wall.min(LAST_AT), Trust::Rehearsal);
        }
        if reading.synced && self.is_in_era(reading.wall) {
            return (reading.wall, Trust::Synced);
        }
        let counted = self.known.plus_ms(self.elapsed_ms(reading));
        match self.base {
            Base::Free => (counted, Trust::Free),
            Base::Lost if self.is_plausible(reading.wall, counted) => (reading.wall, Trust::Free),
            Base::Lost => (counted, Trust::Lost),
        }
    }

    /// Takes note of a reading without making a fact; a daemon that does so now and then counts on from it.
    pub fn observe(&mut self, reading: Reading) {
        let (told, trust) = self.shown(reading);
        self.ran = self.run_to(told, reading);
        self.known = told;
        self.base = match trust {
            Trust::Synced | Trust::Free | Trust::Rehearsal => Base::Free,
            Trust::Lost => Base::Lost,
        };
        self.mono_ms = reading.mono_ms;
    }

    /// Heeds the stamp of another machine's fact, so that facts made here come after it, and says whether it did.
    ///
    /// A stamp over [`PEER_AHEAD_MS`] ahead is ignored; but a clock that is lost knows less than its peers, and takes
    /// the time from any that can be right.
    pub fn hear(&mut self, peer: Stamp, reading: Reading) -> bool {
        self.observe(reading);
        let is_news = self.base == Base::Lost && self.is_in_era(peer.at);
        if !is_news && peer.at.since(self.ran) > PEER_AHEAD_MS {
            return false;
        }
        if is_news {
            self.known = self.known.max(peer.at);
        }
        self.newest = self.newest.max(peer);
        self.ran = self.ran.max(peer.at);
        true
    }

    /// Runs the clock of the facts on to a reading at which the wall time is `told`.
    fn run_to(&self, told: AtMs, reading: Reading) -> AtMs {
        let elapsed_ms = self.elapsed_ms(reading);
        let at_full_speed = self.ran.plus_ms(elapsed_ms);
        let at_half_speed = self.ran.plus_ms(elapsed_ms.div_euclid(2));
        if at_full_speed.since(told) > MEND_MS { at_full_speed } else { at_half_speed.max(told) }
    }

    /// Returns the time since the last reading; a monotonic clock that went back, or ran absurdly far, counts little.
    fn elapsed_ms(&self, reading: Reading) -> i64 {
        i64::try_from(reading.mono_ms.saturating_sub(self.mono_ms)).unwrap_or(STRIDE_MS).min(STRIDE_MS)
    }

    fn is_in_era(&self, at: AtMs) -> bool {
        self.floor <= at && at <= self.floor.plus_ms(ERA_MS)
    }

    /// Tells whether an unsynchronised clock can be right, given the time counted from the newest fact.
    fn is_plausible(&self, wall: AtMs, counted: AtMs) -> bool {
        let since_ms = wall.since(counted);
        self.floor <= wall && (BEHIND_MS.saturating_neg()..=IDLE_MS).contains(&since_ms)
    }
}

/// Returns the least stamp after another.
fn next(stamp: Stamp) -> Stamp {
    match stamp.n.checked_add(1) {
        Some(n) => Stamp { at: stamp.at, n },
        None => Stamp { at: stamp.at.plus_ms(1), n: 0 },
    }
}

#[cfg(test)]
mod tests;
