//! A scripted line and clock: what is refused and what is unconfirmed, late answers, limits.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::address::Address;
use super::*;

/// A clock that moves only when a line is waited for.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Monotonic for Hands {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Hands {
    fn advance_to(&self, moment: Duration) {
        self.0.fetch_max(u64::try_from(moment.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

/// A line whose every answer and fault is written down beforehand.
struct Script {
    hands: Hands,
    /// How long each answer to `DLE EOT` takes.
    answers_after: VecDeque<Duration>,
    /// When the answer to the fence comes after it was sent.
    fence_after: Duration,
    /// After how many bytes in all it fails, and how.
    fails_after: (usize, Fault),
    /// How much it takes at once, and how long that takes.
    takes: (usize, Duration),
    sent: Vec<u8>,
    coming: Vec<(Duration, u8)>,
}

const NEVER: (usize, Fault) = (usize::MAX, Fault::Broken);
const DAY: Duration = Duration::from_hours(24);
/// Bytes of the questions before a ticket.
const ASKED: usize = 9;

fn script() -> Script {
    Script {
        hands: Hands::default(),
        answers_after: VecDeque::new(),
        fence_after: Duration::ZERO,
        fails_after: NEVER,
        takes: (usize::MAX, Duration::ZERO),
        sent: Vec::new(),
        coming: Vec::new(),
    }
}

fn address() -> Address {
    "file:/dev/usb/lp0".parse().unwrap()
}

impl Script {
    fn answer(&mut self, bytes: &[u8]) {
        let now = self.hands.now();
        if let [0x10, 0x04, n] = bytes {
            // A drawer's pin is high: taken for another answer, it would say that the cover is open.
            let answer = if *n == 1 { 0x16 } else { 0x12 };
            let after = self.answers_after.pop_front().unwrap_or_default();
            self.coming.push((now + after, answer));
        } else if bytes.ends_with(&[0x1d, b'r', 1]) {
            self.coming.push((now + self.fence_after, 0x00));
        }
        self.coming.sort();
    }
}

impl Transport for Script {
    fn open(&mut self, _within: Duration) -> Result<(), TransportError> {
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], within: Duration) -> Result<usize, TransportError> {
        let (room, fault) = (self.fails_after.0.saturating_sub(self.sent.len()), self.fails_after.1);
        let taken = bytes.len().min(room).min(self.takes.0);
        if taken == 0 && fault == Fault::Broken {
            return Err(TransportError::broken(&address(), io::ErrorKind::BrokenPipe.into()));
        }
        if taken == 0 || self.takes.1 > within {
            self.hands.advance_to(self.hands.now() + within);
            return Err(TransportError::stalled(&address(), within));
        }
        self.hands.advance_to(self.hands.now() + self.takes.1);
        self.sent.extend_from_slice(&bytes[..taken]);
        self.answer(&bytes[..taken]);
        Ok(taken)
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<usize, TransportError> {
        let until = self.hands.now() + within;
        match self.coming.first().copied().filter(|(at, _)| *at <= until) {
            Some((at, byte)) => {
                self.hands.advance_to(at);
                self.coming.remove(0);
                buffer[0] = byte;
                Ok(1)
            }
            None => {
                self.hands.advance_to(until);
                Ok(0)
            }
        }
    }

    fn drain(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    fn flush(&mut self, _within: Duration) -> Result<(), TransportError> {
        Ok(())
    }

    fn close(&mut self) {}

    fn abort(&mut self) {}
}

fn dots() -> Dots {
    Dots { width: 16, height: 4, rows: vec![0xa5; 8], number_rows: None }
}

/// Prints on a line and returns what became of it and when.
fn printed(line: &mut Script) -> (Outcome, Duration) {
    let hands = line.hands.clone();
    let job = Job { profile: Profile::named("58mm").unwrap(), dots: &dots(), last: None };
    let outcome = print(line, &job, &Limits::USUAL, &hands);
    (outcome, hands.now())
}

#[test]
fn every_byte_is_sent_once() {
    let mut line = script();
    line.takes = (7, Duration::from_millis(1));
    assert_eq!(printed(&mut line).0, Outcome::Printed);
    let ticket = encode(&dots(), Profile::named("58mm").unwrap()).unwrap();
    let asked = [0x10, 0x04, 1, 0x10, 0x04, 2, 0x10, 0x04, 4];
    assert_eq!(line.sent, [&asked[..], &ticket, &[0x1d, b'r', 1]].concat());
}

#[test]
fn the_first_byte_of_a_ticket_parts_refused_from_unconfirmed() {
    for (bytes, fault, outcome) in [
        (ASKED, Fault::Broken, Outcome::Refused(PrintTrouble::Unreachable)),
        (ASKED, Fault::Stalled, Outcome::Refused(PrintTrouble::Stalled)),
        (ASKED + 1, Fault::Broken, Outcome::Unconfirmed(PrintTrouble::Broken)),
        (ASKED + 1, Fault::Stalled, Outcome::Unconfirmed(PrintTrouble::Stalled)),
    ] {
        let mut line = script();
        line.fails_after = (bytes, fault);
        let (became, at) = printed(&mut line);
        assert_eq!(became, outcome, "{fault:?} after {bytes} bytes");
        assert!(at <= Duration::from_secs(5), "{fault:?} after {bytes} bytes took {at:?}");
    }
}

#[test]
fn a_late_answer_is_not_taken_for_another() {
    let mut line = script();
    // Three answers before the ticket come at once. While the paper is awaited it is asked at 1, 3 and 5 s and each
    // answer is given up after a second: two of them come while the third is waited for.
    line.answers_after = [0, 0, 0, 4200, 2400, 2500, 2500].map(Duration::from_millis).into();
    line.fence_after = Duration::from_secs(8);
    assert_eq!(printed(&mut line).0, Outcome::Printed);
}

#[test]
fn a_printer_that_answers_no_more_is_stalled_and_one_that_lost_the_fence_is_broken() {
    let mut dead = script();
    dead.answers_after = [Duration::ZERO; 3].into_iter().chain([DAY; 20]).collect();
    dead.fence_after = DAY;
    let (became, at) = printed(&mut dead);
    assert_eq!(became, Outcome::Unconfirmed(PrintTrouble::Stalled));
    assert!(at < Duration::from_secs(15), "{at:?}");

    let mut lost = script();
    lost.fence_after = DAY;
    let (became, at) = printed(&mut lost);
    assert_eq!(became, Outcome::Unconfirmed(PrintTrouble::Broken));
    assert!(at < Duration::from_secs(15), "{at:?}");
}

#[test]
fn a_job_ends_however_slowly_its_bytes_go() {
    let mut line = script();
    line.takes = (1, Duration::from_secs(3));
    let hands = line.hands.clone();
    let job = Job { profile: Profile::named("58mm-clone").unwrap(), dots: &dots(), last: None };
    let became = print(&mut line, &job, &Limits { look: Duration::from_secs(4), ..Limits::USUAL }, &hands);
    assert_eq!(became, Outcome::Unconfirmed(PrintTrouble::Stalled));
    assert!(hands.now() <= Limits::USUAL.job, "{:?}", hands.now());
}

#[test]
fn a_clone_is_asked_nothing_and_waited_for_nowhere() {
    let mut line = script();
    let hands = line.hands.clone();
    let profile = Profile::named("58mm-clone").unwrap();
    let became = print(&mut line, &Job { profile, dots: &dots(), last: None }, &Limits::USUAL, &hands);
    assert_eq!((became, hands.now()), (Outcome::Unconfirmed(PrintTrouble::Silent), Duration::ZERO));
    assert_eq!(line.sent, encode(&dots(), profile).unwrap());
    // It has been given everything: the next ticket needs no getting back into step.
    print(&mut line, &Job { profile, dots: &dots(), last: Some(became) }, &Limits::USUAL, &hands);
    assert_eq!(line.sent, encode(&dots(), profile).unwrap().repeat(2));
}
