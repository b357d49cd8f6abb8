//! A cheap client: one kept connection, requests made by hand, answers read no further than needed.
//!
//! What it costs itself counts in every figure, so it does nothing that a press of a button does not need.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::demo::daemon::SITE;
use crate::demo::stopwatch::Stopwatch;

use super::figures::Samples;

/// How long one answer may take.
const ANSWER_FOR: Duration = Duration::from_secs(30);

/// Lines of the bench's clinic.
pub const N_LINES: u64 = 4;

/// Numbers that one line gives before the next is asked: fewer than it has.
const PER_LINE: u64 = 9_000;

/// Makes presses of buttons: each with a key of its own and on a device of its own, so that none is taken for another
/// one's repetition.
#[derive(Debug)]
pub struct Presses {
    address: SocketAddr,
    n_presses: AtomicU64,
    n_tickets: AtomicU64,
}

impl Presses {
    /// Makes presses for whoever listens at an address.
    #[must_use]
    pub const fn on(address: SocketAddr) -> Self {
        Self { address, n_presses: AtomicU64::new(0), n_tickets: AtomicU64::new(0) }
    }

    /// Returns where they go.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the request of a press; `path` is what follows `/api/v1/`.
    pub fn press(&self, path: &str, body: &str) -> Vec<u8> {
        let nth = self.n_presses.fetch_add(1, Ordering::Relaxed);
        format!(
            "POST /api/v1/{path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Idempotency-Key: bench-{nth}\r\nMachiai-Device: bench/{nth}\r\n\r\n{body}",
            self.address,
            body.len(),
        )
        .into_bytes()
    }

    /// Returns the request of a ticket, as the kiosk sends it.
    pub fn ticket(&self) -> Vec<u8> {
        let line = 1 + self.n_tickets.fetch_add(1, Ordering::Relaxed) / PER_LINE % N_LINES;
        self.press(&format!("lines/{SITE}-{line}/tickets"), r#"{"channel":"kiosk"}"#)
    }
}

/// Returns the request of a page or a stream.
#[must_use]
pub fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes()
}

/// A kept connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(ANSWER_FOR))).context("bad socket")?;
        Ok(Self { stream, received: Vec::with_capacity(16 * 1024) })
    }

    /// Connects several times.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn several(address: SocketAddr, n_clients: usize) -> Result<Vec<Self>> {
        (0..n_clients).map(|_| Self::connect(address)).collect()
    }

    /// Returns how many bytes the last answer had, its head included.
    #[must_use]
    pub const fn n_received(&self) -> usize {
        self.received.len()
    }

    /// Sends a request and waits for its whole answer, which must be a good one; returns the body.
    ///
    /// # Errors
    /// The connection broke, or the answer is a refusal.
    pub fn ask(&mut self, request: &[u8]) -> Result<&[u8]> {
        self.stream.write_all(request).context("cannot send a request")?;
        self.received.clear();
        let mut chunk = [0; 16 * 1024];
        let (status, body) = loop {
            let n_bytes = self.stream.read(&mut chunk).context("no answer")?;
            ensure!(n_bytes > 0, "the connection was closed in place of an answer");
            self.received.extend_from_slice(chunk.get(..n_bytes).unwrap_or_default());
            if let Some(whole) = whole_answer(&self.received)? {
                break whole;
            }
        };
        let body = self.received.get(body..).unwrap_or_default();
        if status == 200 {
            return Ok(body);
        }
        bail!("refused with {status}: {}", String::from_utf8_lossy(body))
    }
}

/// Returns status and beginning of the body once an answer is there as a whole.
fn whole_answer(received: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(end) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(received.get(..end).unwrap_or_default()).context("the answer is no text")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("the answer has no status")?;
    let length = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let (body, length) = (end + 4, length.context("the answer does not tell its length")?);
    Ok((received.len() >= body + length).then_some((status, body)))
}

/// What came of many tickets.
#[derive(Clone, Debug, Default)]
pub struct Storm {
    /// From each press to its answer.
    pub answers: Samples,
    /// From the first press to the last answer, over all storms taken together.
    pub took: Duration,
}

impl Storm {
    /// Adds a later one.
    pub fn add(&mut self, later: &Self) {
        self.answers.extend(later.answers.times());
        self.took += later.took;
    }

    /// Returns tickets per second.
    #[must_use]
    pub fn per_s(&self) -> f64 {
        self.answers.n() as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }
}

/// Lets each client take so many tickets, one after the other, all clients at once.
///
/// # Errors
/// A ticket was refused.
pub fn storm(clients: &mut [Client], presses: &Presses, n_each: usize) -> Result<Storm> {
    let begin = Barrier::new(clients.len());
    let watch = Stopwatch::start();
    let take = |client: &mut Client| -> Result<(Vec<Duration>, Duration, Duration)> {
        let mut times = Vec::with_capacity(n_each);
        begin.wait();
        let first = watch.read();
        for _ in 0..n_each {
            let request = presses.ticket();
            let sent = watch.read();
            client.ask(&request)?;
            times.push(watch.read().saturating_sub(sent));
        }
        Ok((times, first, watch.read()))
    };
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| take(client))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client panicked"))).collect()
    });
    let mut storm = Storm::default();
    let (mut begun, mut ended) = (Duration::MAX, Duration::ZERO);
    for one in done {
        let (times, first, last) = one?;
        storm.answers.extend(times);
        (begun, ended) = (begun.min(first), ended.max(last));
    }
    storm.took = ended.saturating_sub(begun);
    Ok(storm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nX: y\r\n\r\nbody";
        assert_eq!(whole_answer(answer).unwrap(), Some((200, answer.len() - 4)));
        assert_eq!(whole_answer(&answer[..answer.len() - 1]).unwrap(), None);
        assert_eq!(whole_answer(&answer[..20]).unwrap(), None);
        assert!(whole_answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn no_press_repeats_another_and_a_line_is_left_before_its_numbers_end() {
        let presses = Presses::on(([127, 0, 0, 1], 1).into());
        let (one, two) = (presses.press("message", "{}"), presses.press("message", "{}"));
        assert_ne!(one, two);
        let line_of_nth = |n: u64| {
            presses.n_tickets.store(n, Ordering::Relaxed);
            let request = String::from_utf8(presses.ticket()).unwrap();
            request.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(line_of_nth(0), format!("/api/v1/lines/{SITE}-1/tickets"));
        assert_eq!(line_of_nth(PER_LINE - 1), format!("/api/v1/lines/{SITE}-1/tickets"));
        assert_eq!(line_of_nth(PER_LINE), format!("/api/v1/lines/{SITE}-2/tickets"));
    }
}
