//! Consultation calls from outside: facts in, connections and amounts out.
//!
//! A stage writes facts by two clocks: the monotonic one in milliseconds since the box's start, and the facts' own, which
//! can be stepped without the other.

mod cases;
pub(crate) mod decisions;
mod differences;
mod faults;
mod properties;
mod words;

use machiai_core::call::told::{CallEnd, CallKey, EndReason, Evidence, Reservation, Side};
use machiai_core::call::{Calls, Leases};
use machiai_core::envelope::{By, Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, FactId, Origin, Seq, SiteId};
use machiai_core::time::AtMs;

/// 2026-11-24 13:00 in Asia/Tokyo.
const START: AtMs = AtMs(1_795_492_800_000);

const MINUTE_MS: i64 = 60_000;

/// A box that writes facts.
struct Stage {
    written: Vec<Envelope>,
    boot: u8,
    mono_ms: i64,
    at: AtMs,
    trust: Trust,
    seq: u64,
}

impl Stage {
    fn new() -> Self {
        Self { written: Vec::new(), boot: 1, mono_ms: 0, at: START, trust: Trust::Synced, seq: 0 }
    }

    /// Lets both clocks go on to so many milliseconds after the start of the box.
    fn until(&mut self, mono_ms: i64) -> &mut Self {
        self.at = self.at.plus_ms(mono_ms - self.mono_ms);
        self.mono_ms = mono_ms;
        self
    }

    /// Sets the facts' clock alone.
    fn step_clock(&mut self, by_ms: i64) -> &mut Self {
        self.at = self.at.plus_ms(by_ms);
        self
    }

    /// Starts the box anew after a while.
    fn restart(&mut self, after_ms: i64) -> &mut Self {
        self.at = self.at.plus_ms(after_ms);
        self.boot += 1;
        self.mono_ms = 0;
        self
    }

    fn now(&self) -> Evidence {
        let boot = BootId::from_bytes([self.boot; 16]);
        Evidence { boot, mono_ms: u64::try_from(self.mono_ms).unwrap(), at_ms: self.at }
    }

    fn write(&mut self, fact: Fact) -> FactId {
        self.seq += 1;
        let Evidence { boot, mono_ms, at_ms } = self.now();
        let head = Head {
            site: SiteId(1001),
            line: None,
            origin: Origin::from_bytes([self.boot; 16]),
            seq: Seq(self.seq),
            at_ms,
            at_n: u32::try_from(self.seq).unwrap(),
            boot,
            mono_ms,
            clock: self.trust,
            by: By { device: "desk".parse().unwrap(), person: None },
            cmd: None,
        };
        self.written.push(Envelope { head, fact });
        self.written.last().unwrap().head.id()
    }

    fn connect(&mut self, name: &str) -> FactId {
        self.write(Fact::CallConnected(end(name)))
    }

    fn disconnect(&mut self, name: &str) -> FactId {
        self.write(Fact::CallDisconnected(CallEnd { reason: Some(EndReason::Left), ..end(name) }))
    }

    /// Writes connections given in milliseconds, each with an id of its own.
    fn connections(&mut self, reservation: &str, spans: &[(i64, i64)]) {
        let mut acts: Vec<(i64, usize, bool)> = Vec::new();
        for (idx, (from, to)) in spans.iter().enumerate() {
            acts.extend([(*from, idx, false), (*to, idx, true)]);
        }
        acts.sort_unstable();
        for (at_ms, idx, is_end) in acts {
            let name = format!("{reservation} pc{idx} c{idx}");
            self.until(at_ms);
            if is_end {
                self.disconnect(&name)
            } else {
                self.connect(&name)
            };
        }
    }

    fn reserve(&mut self, name: &str, starts_at_ms: AtMs) {
        let policy = Some("2026-04".parse().unwrap());
        let reservation = name.parse().unwrap();
        self.write(Fact::ReservationSet(Reservation { reservation, starts_at_ms, cancelled: false, policy }));
    }

    fn calls(&self) -> Calls {
        folded(&self.written)
    }
}

fn folded<'a>(facts: impl IntoIterator<Item = &'a Envelope>) -> Calls {
    let mut calls = Calls::default();
    facts.into_iter().for_each(|fact| calls.after(fact));
    calls
}

/// Reads `reservation endpoint connection`, with `-` for what is not known.
fn key(name: &str) -> CallKey {
    let words: Vec<&str> = name.split(' ').collect();
    let known = |word: &str| (word != "-").then(|| word.to_owned());
    CallKey {
        reservation: known(words[0]).map(|word| word.parse().unwrap()),
        endpoint: words[1].parse().unwrap(),
        connection: known(words[2]).map(|word| word.parse().unwrap()),
    }
}

fn end(name: &str) -> CallEnd {
    CallEnd { key: key(name), side: Side::Clinic, test: false, by_hand: false, reason: None, evidence: None }
}

fn nothing_open() -> Leases {
    Leases::new()
}
