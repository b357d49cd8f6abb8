//! How fast content may come: so many bytes a second on the whole, and a little at once.
//!
//! `now` is an argument, on a clock that only goes forward.

use std::time::Duration;

/// What was not used is saved up for so long.
const SAVED_FOR: Duration = Duration::from_millis(250);

/// A pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// None sets no bound.
    bytes_per_s: Option<u64>,
    /// When all bytes that came are within the pace.
    even_at: Duration,
}

impl Pace {
    /// Sets a pace, in kilobits a second.
    pub(super) fn of(kbit_s: Option<u32>) -> Self {
        let bytes_per_s = kbit_s.map(|kbit_s| (u64::from(kbit_s) * 125).max(1));
        Self { bytes_per_s, even_at: Duration::ZERO }
    }

    /// Takes in that bytes came, and returns how long to wait before more do.
    pub(super) fn came(&mut self, n_bytes: u64, now: Duration) -> Duration {
        let Some(bytes_per_s) = self.bytes_per_s else { return Duration::ZERO };
        let takes_us = n_bytes.saturating_mul(1_000_000) / bytes_per_s;
        let from = self.even_at.max(now.saturating_sub(SAVED_FOR));
        self.even_at = from.saturating_add(Duration::from_micros(takes_us));
        self.even_at.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_bytes_come_each_second_in_whatever_pieces_and_what_was_saved_is_little() {
        for piece in [100, 1_000, 16_000] {
            let (mut pace, mut now, mut n_bytes) = (Pace::of(Some(80)), Duration::from_secs(60), 0);
            while now < Duration::from_secs(70) {
                n_bytes += piece;
                now += pace.came(piece, now);
            }
            // 10 kB a second for ten seconds, a quarter of one that was saved, and the piece that was under way.
            assert!((100_000..=102_500 + piece).contains(&n_bytes), "{n_bytes} bytes in pieces of {piece}");
        }
    }

    #[test]
    fn without_a_pace_nothing_waits() {
        assert_eq!(Pace::of(None).came(u64::MAX, Duration::ZERO), Duration::ZERO);
    }
}
