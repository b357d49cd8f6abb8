//! How much each may ask: buckets that fill with time and are emptied by what is asked.
//!
//! `now_ms` is an argument, on a clock that only goes forward.

use alloc::collections::BTreeMap;

/// Buckets that are remembered at once; when there are more, the full ones are forgotten.
const MOST_BUCKETS: usize = 10_000;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// So many each minute.
    pub per_minute: i64,
    /// So many at once.
    pub at_once: i64,
}

/// Parts of one token: a token a minute is one part each millisecond.
const PARTS: i64 = 60_000;

/// A bucket of tokens.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Parts in it; fewer than none when more was taken than there was.
    parts: i64,
    /// When it was filled.
    at_ms: u64,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub const fn full(rate: Rate, now_ms: u64) -> Self {
        Self { parts: rate.at_once.saturating_mul(PARTS), at_ms: now_ms }
    }

    /// Fills it with what came since.
    pub fn fill(&mut self, rate: Rate, now_ms: u64) {
        let since_ms = i64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(i64::MAX);
        let more = self.parts.saturating_add(since_ms.saturating_mul(rate.per_minute));
        (self.parts, self.at_ms) = (more.min(rate.at_once.saturating_mul(PARTS)), self.at_ms.max(now_ms));
    }

    const fn is_full(&self, rate: Rate) -> bool {
        self.parts >= rate.at_once.saturating_mul(PARTS)
    }

    /// Takes tokens out of it; those that it has not are owed.
    pub const fn spend(&mut self, n_tokens: i64) {
        self.parts = self.parts.saturating_sub(n_tokens.saturating_mul(PARTS));
    }

    /// Returns for how many seconds to wait until there is a token; none when there is one.
    #[must_use]
    pub fn wait_s(&self, rate: Rate) -> Option<u64> {
        let missing = PARTS.saturating_sub(self.parts);
        if missing <= 0 {
            return None;
        }
        let wait_ms =
            u64::try_from(missing).unwrap_or_default().div_ceil(u64::try_from(rate.per_minute).unwrap_or(0).max(1));
        Some(wait_ms.div_ceil(1_000).max(1))
    }
}

/// A bucket for each who asks.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    of_each: BTreeMap<K, Bucket>,
}

impl<K: Ord> Buckets<K> {
    /// Begins with full ones.
    #[must_use]
    pub const fn of(rate: Rate) -> Self {
        Self { rate, of_each: BTreeMap::new() }
    }

    /// Takes a token out of somebody's bucket.
    ///
    /// # Errors
    /// For how many seconds there is none.
    pub fn take(&mut self, of: K, now_ms: u64) -> Result<(), u64> {
        let rate = self.rate;
        if self.of_each.len() >= MOST_BUCKETS {
            self.of_each.retain(|_, bucket| {
                bucket.fill(rate, now_ms);
                !bucket.is_full(rate)
            });
        }
        if self.of_each.len() >= MOST_BUCKETS && !self.of_each.contains_key(&of) {
            return Err(60);
        }
        let bucket = self.of_each.entry(of).or_insert_with(|| Bucket::full(rate, now_ms));
        bucket.fill(rate, now_ms);
        match bucket.wait_s(rate) {
            Some(wait_s) => Err(wait_s),
            None => {
                bucket.spend(1);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::net::IpAddr;

    use super::*;

    #[test]
    fn an_address_tries_so_often_and_a_crowd_of_them_is_forgotten_again() {
        let mut tries = Buckets::of(Rate { per_minute: 2, at_once: 2 });
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        for expected in [Ok(()), Ok(()), Err(30)] {
            assert_eq!(tries.take(address(1), 0), expected);
        }
        assert_eq!(tries.take(address(2), 0), Ok(()));
        for n in 3..=10_000 {
            assert_eq!(tries.take(address(n), 0), Ok(()));
        }
        assert_eq!(tries.take(address(20_000), 0), Err(60), "no room to remember one more");
        assert_eq!(tries.take(address(20_000), 30_000), Ok(()), "those that may try as before are forgotten");
        assert_eq!(tries.of_each.len(), 2, "the one that tried twice, and the new one");
    }
}
