//! How often one may try: after a few misses each try waits twice as long as the one before. Pure: `now` is an argument.

use std::collections::BTreeMap;

use machiai_core::time::AtMs;

/// Misses that cost nothing: fingers slip.
const N_FREE: u32 = 3;

/// The first wait, in milliseconds.
const FIRST_WAIT_MS: i64 = 2_000;

/// The longest wait, in milliseconds: a person locked out by somebody else is let in again while still there.
const MAX_WAIT_MS: i64 = 5 * 60 * 1_000;

/// Misses are forgotten after so long without one, in milliseconds.
const FORGET_MS: i64 = 60 * 60 * 1_000;

/// Keys that are counted; beyond, the one quiet for longest is forgotten.
const MAX_KEYS: usize = 1_000;

#[derive(Clone, Copy, Debug)]
struct Misses {
    n: u32,
    last: AtMs,
}

/// Counts misses by device and by person.
#[derive(Debug, Default)]
pub(crate) struct Limiter(BTreeMap<String, Misses>);

impl Limiter {
    /// Returns how long all of `keys` must still wait, in milliseconds; 0 when a try may be made.
    pub(crate) fn wait_ms(&self, keys: &[String], now: AtMs) -> i64 {
        let wait = |misses: &Misses| wait_after(misses.n).saturating_sub(now.since(misses.last)).max(0);
        keys.iter().filter_map(|key| self.0.get(key)).map(wait).max().unwrap_or(0)
    }

    /// Returns how often a key was missed of late.
    pub(crate) fn n_misses(&self, key: &str, now: AtMs) -> u32 {
        self.0.get(key).filter(|misses| now.since(misses.last) < FORGET_MS).map_or(0, |misses| misses.n)
    }

    /// Counts a miss.
    pub(crate) fn miss(&mut self, keys: &[String], now: AtMs) {
        self.0.retain(|_, misses| now.since(misses.last) < FORGET_MS);
        for key in keys {
            if self.0.len() >= MAX_KEYS && !self.0.contains_key(key) {
                let oldest = self.0.iter().min_by_key(|(_, misses)| misses.last).map(|(key, _)| key.clone());
                oldest.map(|key| self.0.remove(&key));
            }
            let misses = self.0.entry(key.clone()).or_insert(Misses { n: 0, last: now });
            *misses = Misses { n: misses.n.saturating_add(1), last: now };
        }
    }

    /// Forgets misses: it was the right one.
    pub(crate) fn hit(&mut self, keys: &[String]) {
        for key in keys {
            self.0.remove(key);
        }
    }
}

fn wait_after(n_misses: u32) -> i64 {
    let n_doubled = match n_misses.checked_sub(N_FREE) {
        None | Some(0) => return 0,
        Some(n_over) => n_over.saturating_sub(1),
    };
    FIRST_WAIT_MS.checked_shl(n_doubled.min(20)).unwrap_or(MAX_WAIT_MS).min(MAX_WAIT_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_miss_after_the_third_waits_twice_as_long() {
        let mut limiter = Limiter::default();
        let mut now = AtMs(0);
        let mut waits = Vec::new();
        for _ in 0..12 {
            limiter.miss(&keys(&["d"]), now);
            let wait = limiter.wait_ms(&keys(&["d"]), now);
            waits.push(wait / 1_000);
            now = now.plus_ms(wait);
            assert_eq!(limiter.wait_ms(&keys(&["d"]), now), 0, "after the wait a try may be made");
        }
        assert_eq!(waits, [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    }

    #[test]
    fn a_person_waits_on_every_device_and_a_device_for_every_person() {
        let mut limiter = Limiter::default();
        for _ in 0..4 {
            limiter.miss(&keys(&["desk/1", "sato"]), AtMs(0));
        }
        for waiting in [["desk/1", "ito"], ["desk/2", "sato"]] {
            assert_eq!(limiter.wait_ms(&keys(&waiting), AtMs(500)), 1_500, "{waiting:?}");
        }
        assert_eq!(limiter.wait_ms(&keys(&["desk/2", "ito"]), AtMs(500)), 0);
        limiter.hit(&keys(&["desk/1", "sato"]));
        assert_eq!(limiter.wait_ms(&keys(&["desk/1", "sato"]), AtMs(500)), 0);
    }

    #[test]
    fn an_hour_without_a_miss_is_a_fresh_start() {
        let mut limiter = Limiter::default();
        for _ in 0..5 {
            limiter.miss(&keys(&["d"]), AtMs(0));
        }
        assert_eq!(limiter.n_misses("d", AtMs(FORGET_MS - 1)), 5);
        assert_eq!(limiter.n_misses("d", AtMs(FORGET_MS)), 0);
        limiter.miss(&keys(&["d"]), AtMs(FORGET_MS));
        assert_eq!(limiter.n_misses("d", AtMs(FORGET_MS)), 1);
    }

    #[test]
    fn names_made_up_by_the_thousand_do_not_fill_the_memory() {
        let mut limiter = Limiter::default();
        for nth in 0..5_000 {
            limiter.miss(&[format!("name-{nth}")], AtMs(nth));
        }
        assert_eq!(limiter.0.len(), MAX_KEYS);
        assert_eq!(limiter.n_misses("name-4999", AtMs(5_000)), 1);
    }
}
