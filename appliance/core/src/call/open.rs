//! The calls that run at this moment, folded with the clinic, and which of them must be taken for over.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::Leases;
use super::told::{CallEnd, CallKey, EndReason, Evidence, Reservation, Side};
use crate::envelope::{Envelope, Head};
use crate::facts::Fact;
use crate::ids::{ConnectionId, DeviceId, FactId, ReservationId};
use crate::time::AtMs;

/// How far apart heartbeats are at most, in milliseconds: what a call that breaks off loses.
pub const HEARTBEAT_MS: i64 = 15_000;

/// How long nothing may be heard of a connection before it is taken for over, at its last evidence: three heartbeats.
pub const SILENT_MS: i64 = 3 * HEARTBEAT_MS;

/// How many connections may run at once: a hundred doctors, and as many more.
pub const MAX_OPEN: usize = 200;

/// How many reservations are remembered for decisions; the one that starts first is forgotten.
const MAX_RESERVATIONS: usize = 2_000;

/// How many connections without a reservation are remembered for decisions, the newest.
const MAX_LOOSE: usize = 500;

/// A connection that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCall {
    /// Its name.
    #[serde(flatten)]
    pub key: CallKey,
    /// The fact that connected it.
    pub begun: FactId,
    /// The clocks of that fact.
    pub start: Evidence,
    /// Whose end.
    pub side: Side,
    /// Whether it is a test.
    pub test: bool,
    /// Whether staff noted it by hand.
    pub by_hand: bool,
}

impl OpenCall {
    fn new(head: &Head, end: &CallEnd) -> Self {
        Self {
            key: end.key.clone(),
            begun: head.id(),
            start: Evidence::of(head),
            side: end.side,
            test: end.test,
            by_hand: end.by_hand || end.key.connection.is_none(),
        }
    }

    /// Returns the fact that ends it.
    #[must_use]
    pub fn end(&self, reason: Option<EndReason>, evidence: Option<Evidence>) -> CallEnd {
        let Self { key, side, test, by_hand, .. } = self;
        CallEnd { key: key.clone(), side: *side, test: *test, by_hand: *by_hand, reason, evidence }
    }
}

/// A connection without a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loose {
    /// Its end of the call.
    pub endpoint: DeviceId,
    /// Its name.
    pub connection: ConnectionId,
    /// When it began.
    pub from: AtMs,
}

/// What decisions about calls need to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCalls {
    /// The connections that have not ended, in the order in which they began.
    pub open: Vec<OpenCall>,
    /// Connections without a reservation.
    pub loose: Vec<Loose>,
    /// Reservations as they stand.
    pub reservations: BTreeMap<ReservationId, Reservation>,
}

/// A connection that is over without anybody's having said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The fact that connected it.
    pub begun: FactId,
    /// Its last evidence: there it ends.
    pub evidence: Evidence,
    /// Why it is over.
    pub reason: EndReason,
}

impl OpenCalls {
    /// Takes in the next fact in canonical order; facts of other kinds change nothing.
    pub fn after(&mut self, envelope: &Envelope) {
        if let Fact::CallConnected(end) = &envelope.fact {
            self.connect(&envelope.head, end);
        } else if let Fact::CallDisconnected(end) = &envelope.fact {
            self.open.retain(|call| call.key != end.key);
        } else if let Fact::ReservationSet(reservation) = &envelope.fact {
            self.reservations.insert(reservation.reservation.clone(), reservation.clone());
            while self.reservations.len() > MAX_RESERVATIONS {
                let first = self.reservations.values().min_by_key(|it| (it.starts_at_ms, &it.reservation));
                let Some(first) = first.map(|first| first.reservation.clone()) else { return };
                self.reservations.remove(&first);
            }
        }
    }

    /// Returns the connection of a name, if it runs.
    #[must_use]
    pub fn running(&self, key: &CallKey) -> Option<&OpenCall> {
        self.open.iter().find(|call| call.key == *key)
    }

    /// Returns the fact that began the connection which a fact ends.
    #[must_use]
    pub fn ended_by(&self, fact: &Fact) -> Option<FactId> {
        if let Fact::CallDisconnected(end) = fact { self.running(&end.key).map(|call| call.begun) } else { None }
    }

    /// Returns the connections that are over: those of an earlier start of the box, and those of which nothing was heard.
    ///
    /// What staff noted by hand is over when they say so: there are no heartbeats to be missed.
    #[must_use]
    pub fn lost(&self, leases: &Leases, now: &Evidence) -> Vec<Lost> {
        let lost = |call: &OpenCall| {
            let evidence = leases.get(&call.begun).copied().unwrap_or(call.start);
            let reason = match now.since(&evidence) {
                None => EndReason::Restarted,
                Some(quiet_ms) if quiet_ms > SILENT_MS && !call.by_hand => EndReason::Silent,
                Some(_) => return None,
            };
            Some(Lost { begun: call.begun, evidence, reason })
        };
        self.open.iter().filter_map(lost).collect()
    }

    fn connect(&mut self, head: &Head, end: &CallEnd) {
        if self.running(&end.key).is_some() || self.open.len() >= MAX_OPEN {
            return;
        }
        self.open.push(OpenCall::new(head, end));
        if let CallKey { reservation: None, endpoint, connection: Some(connection) } = &end.key {
            let excess = self.loose.len().saturating_add(1).saturating_sub(MAX_LOOSE);
            self.loose.drain(..excess);
            let (endpoint, connection) = (endpoint.clone(), connection.clone());
            self.loose.push(Loose { endpoint, connection, from: head.at_ms });
        }
    }
}
