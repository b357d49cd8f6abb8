//! How much each may ask: buckets that fill with time and are emptied by requests and bytes.
//!
//! `now_ms` is an argument, on a clock that only goes forward.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use machiai_core::ids::SiteId;
use machiai_wire::enrol::Generation;
use tokio::time::Instant;

/// Mebibytes, in bytes.
const MIB: i64 = 1024 * 1024;

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

/// What is served, and to whom how much.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests of one site.
    pub requests: Rate,
    /// Bytes of one site, both ways; what goes beyond is waited for afterwards.
    pub bytes: Rate,
    /// Bytes of content that one site fetches, beside those: films are never in the way of facts.
    pub content: Rate,
    /// Bytes that mean nothing, by which one site tries its line: a trial is 8 MiB at most, and asked for by hand.
    pub trial: Rate,
    /// Tries of one address to enrol.
    pub tries: Rate,
    /// Connections in all.
    pub connections: usize,
    /// Connections of one address: the boxes of one company's clinics may come through one router.
    pub connections_of_one: usize,
    /// How long the head of a request may take.
    pub head_for: Duration,
}

impl Limits {
    /// What no honest box comes near.
    pub const USUAL: Self = Self {
        requests: Rate { per_minute: 50 * 60, at_once: 200 },
        bytes: Rate { per_minute: 8 * MIB * 60, at_once: 64 * MIB },
        content: Rate { per_minute: 4 * MIB * 60, at_once: 256 * MIB },
        trial: Rate { per_minute: 8 * MIB, at_once: 16 * MIB },
        tries: Rate { per_minute: 10, at_once: 10 },
        connections: 16_384,
        connections_of_one: 512,
        head_for: Duration::from_secs(15),
    };
}

/// Parts of one token: a token a minute is one part each millisecond.
const PARTS: i64 = 60_000;

/// A bucket of tokens.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Parts in it; fewer than none when more was taken than there was.
    parts: i64,
    /// When it was filled.
    at_ms: u64,
}

impl Bucket {
    const fn full(rate: Rate, now_ms: u64) -> Self {
        Self { parts: rate.at_once.saturating_mul(PARTS), at_ms: now_ms }
    }

    fn fill(&mut self, rate: Rate, now_ms: u64) {
        let since_ms = i64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(i64::MAX);
        let more = self.parts.saturating_add(since_ms.saturating_mul(rate.per_minute));
        (self.parts, self.at_ms) = (more.min(rate.at_once.saturating_mul(PARTS)), self.at_ms.max(now_ms));
    }

    const fn is_full(&self, rate: Rate) -> bool {
        self.parts >= rate.at_once.saturating_mul(PARTS)
    }

    const fn spend(&mut self, n_tokens: i64) {
        self.parts = self.parts.saturating_sub(n_tokens.saturating_mul(PARTS));
    }

    /// Returns for how many seconds to wait until there is a token; none when there is one.
    fn wait_s(&self, rate: Rate) -> Option<u64> {
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
pub(crate) struct Buckets<K> {
    rate: Rate,
    of_each: Mutex<BTreeMap<K, Bucket>>,
}

impl<K: Ord> Buckets<K> {
    /// Begins with full ones.
    pub(crate) const fn of(rate: Rate) -> Self {
        Self { rate, of_each: Mutex::new(BTreeMap::new()) }
    }

    /// Takes a token out of somebody's bucket.
    ///
    /// # Errors
    /// For how many seconds there is none.
    pub(crate) fn take(&self, of: K, now_ms: u64) -> Result<(), u64> {
        let rate = self.rate;
        let mut of_each = self.of_each.lock().unwrap_or_else(PoisonError::into_inner);
        if of_each.len() >= MOST_BUCKETS {
            of_each.retain(|_, bucket| {
                bucket.fill(rate, now_ms);
                !bucket.is_full(rate)
            });
        }
        if of_each.len() >= MOST_BUCKETS && !of_each.contains_key(&of) {
            return Err(60);
        }
        let bucket = of_each.entry(of).or_insert_with(|| Bucket::full(rate, now_ms));
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

/// What a site's box has left.
#[derive(Clone, Copy, Debug)]
struct Left {
    requests: Bucket,
    bytes: Bucket,
    content: Bucket,
    trial: Bucket,
}

impl Left {
    const fn of(&mut self, load: Load) -> &mut Bucket {
        match load {
            Load::Facts => &mut self.bytes,
            Load::Content => &mut self.content,
            Load::Trial => &mut self.trial,
        }
    }
}

/// For what bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Facts, and what is said about them.
    Facts,
    /// Content.
    Content,
    /// A trial of the line.
    Trial,
}

/// Measures what each asks.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) limits: Limits,
    started: Instant,
    boxes: Mutex<BTreeMap<(SiteId, Generation), Left>>,
    tries: Buckets<IpAddr>,
}

impl Gauge {
    /// Begins to measure.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, started: Instant::now(), boxes: Mutex::default(), tries: Buckets::of(limits.tries) }
    }

    /// Returns the milliseconds since it began.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn of_box<T>(&self, of: (SiteId, Generation), now_ms: u64, answer: impl FnOnce(&mut Left) -> T) -> T {
        let Limits { requests, bytes, content, trial, .. } = self.limits;
        let mut boxes = self.boxes.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |rate| Bucket::full(rate, now_ms);
        let full = || Left { requests: full(requests), bytes: full(bytes), content: full(content), trial: full(trial) };
        let left = boxes.entry(of).or_insert_with(full);
        left.requests.fill(requests, now_ms);
        left.bytes.fill(bytes, now_ms);
        left.content.fill(content, now_ms);
        left.trial.fill(trial, now_ms);
        answer(left)
    }

    /// Takes a request of a site's box, whose certificate was seen.
    ///
    /// # Errors
    /// For how many seconds it has to wait.
    pub(super) fn take_request(&self, of: (SiteId, Generation), now_ms: u64) -> Result<(), u64> {
        let requests = self.limits.requests;
        self.of_box(of, now_ms, |left| match left.requests.wait_s(requests) {
            Some(wait_s) => Err(wait_s),
            None => {
                left.requests.spend(1);
                Ok(())
            }
        })
    }

    /// Lets a request of a site's box begin to load, whose bytes are counted as they pass.
    ///
    /// # Errors
    /// For how many seconds it has to wait.
    pub(super) fn take_load(&self, of: (SiteId, Generation), load: Load, now_ms: u64) -> Result<(), u64> {
        let rate = match load {
            Load::Facts => self.limits.bytes,
            Load::Content => self.limits.content,
            Load::Trial => self.limits.trial,
        };
        self.of_box(of, now_ms, |left| left.of(load).wait_s(rate).map_or(Ok(()), Err))
    }

    /// Counts bytes of a site's box.
    pub(super) fn count_bytes(&self, (of, load): ((SiteId, Generation), Load), n_bytes: usize, now_ms: u64) {
        let n_bytes = i64::try_from(n_bytes).unwrap_or(i64::MAX);
        self.of_box(of, now_ms, |left| left.of(load).spend(n_bytes));
    }

    /// Takes a try of an address.
    ///
    /// # Errors
    /// For how many seconds it has to wait.
    pub(super) fn take_try(&self, of: IpAddr, now_ms: u64) -> Result<(), u64> {
        self.tries.take(of, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: (SiteId, Generation) = (SiteId(1001), Generation(1));
    const OTHER: (SiteId, Generation) = (SiteId(1001), Generation(2));

    fn gauge() -> Gauge {
        let requests = Rate { per_minute: 60, at_once: 3 };
        let (bytes, tries) = (Rate { per_minute: 6_000, at_once: 1_000 }, Rate { per_minute: 2, at_once: 2 });
        Gauge::new(Limits { requests, bytes, content: bytes, trial: bytes, tries, ..Limits::USUAL })
    }

    #[test]
    fn a_box_that_asks_too_often_waits_and_its_successor_does_not() {
        let gauge = gauge();
        for _ in 0..3 {
            assert_eq!(gauge.take_request(SITE, 0), Ok(()));
        }
        assert_eq!(gauge.take_request(SITE, 0), Err(1));
        assert_eq!(gauge.take_request(OTHER, 0), Ok(()));
        assert_eq!(gauge.take_request(SITE, 999), Err(1), "not a moment sooner");
        assert_eq!(gauge.take_request(SITE, 1_000), Ok(()));
        assert_eq!(gauge.take_request(SITE, 1_000), Err(1));
        for _ in 0..3 {
            assert_eq!(gauge.take_request(SITE, 3_600_000), Ok(()), "a bucket holds so much and no more");
        }
        assert_eq!(gauge.take_request(SITE, 3_600_000), Err(1));
    }

    #[test]
    fn bytes_beyond_the_bucket_are_waited_for_afterwards() {
        let gauge = gauge();
        let take = |load, now_ms| gauge.take_load(SITE, load, now_ms);
        assert_eq!(take(Load::Facts, 0), Ok(()));
        gauge.count_bytes((SITE, Load::Facts), 1_500, 0);
        assert_eq!(take(Load::Facts, 0), Err(6), "501 bytes at 100 a second");
        assert_eq!(take(Load::Facts, 5_009), Err(1));
        assert_eq!(take(Load::Facts, 5_010), Ok(()));
    }

    #[test]
    fn facts_do_not_wait_for_what_content_or_a_trial_took() {
        for load in [Load::Content, Load::Trial] {
            let gauge = gauge();
            gauge.count_bytes((SITE, load), 1_500, 0);
            assert_eq!(gauge.take_load(SITE, load, 0), Err(6));
            assert_eq!(gauge.take_load(SITE, Load::Facts, 0), Ok(()));
        }
    }

    #[test]
    fn an_address_tries_so_often_and_a_crowd_of_them_is_forgotten_again() {
        let gauge = gauge();
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        for expected in [Ok(()), Ok(()), Err(30)] {
            assert_eq!(gauge.take_try(address(1), 0), expected);
        }
        assert_eq!(gauge.take_try(address(2), 0), Ok(()));
        for n in 3..=10_000 {
            assert_eq!(gauge.take_try(address(n), 0), Ok(()));
        }
        assert_eq!(gauge.take_try(address(20_000), 0), Err(60), "no room to remember one more");
        assert_eq!(gauge.take_try(address(20_000), 30_000), Ok(()), "those that may try as before are forgotten");
        assert_eq!(gauge.tries.of_each.lock().unwrap().len(), 2, "the one that tried twice, and the new one");
    }
}
