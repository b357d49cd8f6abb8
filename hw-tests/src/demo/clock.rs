//! The daemon's clock as the demo knows it between two readings, and whether the printer keeps up with it.

use std::time::Duration;

use super::api::{Answered, Status};

/// The daemon refuses to queue many more tickets for a printer.
const MOST_PRINTING: u64 = 400;
/// Until the printer's pace is known it is taken for so many papers in a second of real time.
const USUAL_PACE: f64 = 2.0;
/// A business day ends at 4:00 of the next morning.
const DAY_ENDS_MS: i64 = 28 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// What the daemon's clock said, and between which instants of real time it said so.
#[derive(Clone, Debug)]
pub struct Clock {
    /// The answer.
    pub status: Status,
    /// When it was asked.
    pub asked_at: Duration,
    /// When the answer was there.
    pub read_at: Duration,
    /// How many times faster than real time it runs.
    pub speed: u32,
}

impl Clock {
    /// Returns what the clock shows at least at an instant of real time, milliseconds of UTC.
    #[must_use]
    pub fn now_ms(&self, at: Duration) -> i64 {
        self.after(at.saturating_sub(self.read_at))
    }

    /// Returns the instants between which a press was decided, milliseconds of UTC.
    #[must_use]
    pub fn around(&self, answered: &Answered) -> (i64, i64) {
        (self.now_ms(answered.sent), self.after(answered.answered.saturating_sub(self.asked_at)))
    }

    fn after(&self, span: Duration) -> i64 {
        let passed = (span * self.speed).as_millis();
        self.status.now_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}

/// How fast the printer prints, which it does in real time whatever the rehearsal's clock does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    n_begun: u64,
    first_at: Option<Duration>,
}

impl Pace {
    /// Takes note of the attempts to print that an answer tells of.
    pub fn note(&mut self, answered: &Answered) {
        let n_begun = answered.happened().iter().filter(|kind| **kind == "PrintBegun").count();
        if n_begun > 0 {
            self.n_begun += n_begun as u64;
            self.first_at.get_or_insert(answered.answered);
        }
    }

    /// Returns whether what waits for the printer might not be out before the business day ends: a ticket of another
    /// day cannot be drawn any more.
    #[must_use]
    pub fn is_behind(&self, clock: &Clock, midnight_ms: i64) -> bool {
        let n_printing = clock.status.n_printing;
        let n_out = self.n_begun.saturating_sub(n_printing);
        let since = clock.read_at.saturating_sub(self.first_at.unwrap_or(clock.read_at)).as_secs_f64();
        let pace = if n_out > 0 && since > 0.0 { n_out as f64 / since } else { USUAL_PACE };
        let rest_ms = (midnight_ms + DAY_ENDS_MS - clock.status.now_ms).rem_euclid(DAY_MS);
        // Half of the rest, because the pace may fall.
        let most = pace * (rest_ms / 2_000) as f64 / f64::from(clock.speed);
        n_printing >= MOST_PRINTING || n_printing as f64 > most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(now_ms: i64, n_printing: u64) -> Clock {
        let status = Status { now_ms, n_facts: 0, n_waiting: 0, n_printing, n_remarks: 0, hub: None };
        Clock { status, asked_at: Duration::from_secs(1), read_at: Duration::from_secs(2), speed: 600 }
    }

    #[test]
    fn the_clock_goes_on_between_two_readings() {
        assert_eq!(clock(1_000, 0).now_ms(Duration::from_millis(2_500)), 1_000 + 300_000);
        assert_eq!(clock(1_000, 0).now_ms(Duration::ZERO), 1_000);
    }

    #[test]
    fn a_printer_is_behind_when_the_day_would_end_before_the_paper_is_out() {
        let pace = Pace::default();
        let (nine, three) = (9 * 3_600_000, 27 * 3_600_000);
        assert!(!pace.is_behind(&clock(nine, 100), 0));
        assert!(pace.is_behind(&clock(nine, 120), 0));
        assert!(pace.is_behind(&clock(three, 20), 0));
        assert!(!pace.is_behind(&clock(three, 0), 0));
    }
}
