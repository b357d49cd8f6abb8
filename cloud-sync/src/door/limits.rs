//! How much each may ask of a hub.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use machiai_core::ids::SiteId;
use machiai_wire::buckets::{Bucket, Buckets, Rate};
use machiai_wire::enrol::Generation;
use tokio::time::Instant;

/// Mebibytes, in bytes.
const MIB: i64 = 1024 * 1024;

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
    tries: Mutex<Buckets<IpAddr>>,
}

impl Gauge {
    /// Begins to measure.
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, started: Instant::now(), boxes: Mutex::default(), tries: Mutex::new(Buckets::of(limits.tries)) }
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
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).take(of, now_ms)
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
}
