//! Consultation calls (オンライン診療): the clinic's own witness of every connection, good enough to bill from.
//!
//! Facts say when an end of a call connected and disconnected; what was connected for how long, and what that comes
//! to, is folded from them. Durations come from the monotonic clock alone, so that no step of a clock makes one
//! negative or loses one. Every part keeps facts by their place in canonical order, so that they may arrive in any order
//! and any number of times.

pub mod connection;
pub mod decide;
pub mod open;
pub mod rate;
pub mod tariff;
pub mod told;
pub mod why;
pub mod witness;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::envelope::{Canonical, Envelope};
use crate::facts::Fact;
use crate::ids::{FactId, PolicyVersion, ReservationId};
use crate::program::Latest;
use crate::time::{AtMs, Day, HOUR_MS};

use connection::{Connection, Happened, What};
use tariff::{Rule, Tariff};
use told::{CallEnd, CallKey, CallWitnessed, Evidence, RecordingMarked, Reservation};

/// The kinds of fact that tell of connections.
pub const CALL_KINDS: [&str; 4] = ["CallConnected", "CallDisconnected", "RecordingMarked", "CallWitnessed"];

/// Those of them that begin and end connections.
pub const CONNECTION_KINDS: [&str; 2] = ["CallConnected", "CallDisconnected"];

/// The kinds of fact that say what connections belong to and how they are rated: a question reads these of all time.
pub const BOOKING_KINDS: [&str; 4] = ["ReservationSet", "CallAssigned", "TariffSet", "TariffRemoved"];

/// How long before its reservation's start a connection may be for it to be given to the reservation: one hour.
pub const EARLY_MS: i64 = HOUR_MS;

/// How long after that start: a day.
pub const LATE_MS: i64 = 24 * HOUR_MS;

/// The last evidence of connections that have not ended, by the fact that connected them.
pub type Leases = BTreeMap<FactId, Evidence>;

/// Calls as facts tell of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    ends: BTreeMap<CallKey, BTreeMap<Canonical, Happened>>,
    marks: BTreeMap<CallKey, BTreeMap<Canonical, RecordingMarked>>,
    reservations: BTreeMap<ReservationId, Latest<Option<Reservation>>>,
    policies: BTreeMap<ReservationId, Latest<Option<PolicyVersion>>>,
    assigned: BTreeMap<CallKey, Latest<Option<ReservationId>>>,
    tariffs: BTreeMap<Day, Latest<Option<Tariff>>>,
    witnessed: BTreeMap<Canonical, CallWitnessed>,
}

impl Calls {
    /// Takes in a fact, in any order; facts of other kinds change nothing.
    pub fn after(&mut self, envelope: &Envelope) {
        let at = envelope.head.canonical();
        if let Fact::CallConnected(end) = &envelope.fact {
            self.note(envelope, What::Connected, end);
        } else if let Fact::CallDisconnected(end) = &envelope.fact {
            self.note(envelope, What::Disconnected, end);
        } else if let Fact::RecordingMarked(mark) = &envelope.fact {
            self.marks.entry(mark.key.clone()).or_default().insert(at, mark.clone());
        } else if let Fact::ReservationSet(reservation) = &envelope.fact {
            let known = self.reservations.entry(reservation.reservation.clone()).or_default();
            known.set(at, Some(reservation.clone()));
            // Whoever moves a reservation shows no policy anew.
            if let Some(policy) = &reservation.policy {
                let shown = self.policies.entry(reservation.reservation.clone()).or_default();
                shown.set(at, Some(policy.clone()));
            }
        } else if let Fact::CallAssigned(assigned) = &envelope.fact {
            self.assigned.entry(assigned.key()).or_default().set(at, assigned.to.clone());
        } else if let Fact::TariffSet(set) = &envelope.fact {
            self.tariffs.entry(set.from).or_default().set(at, Some(set.tariff.clone()));
        } else if let Fact::TariffRemoved(gone) = &envelope.fact {
            self.tariffs.entry(gone.from).or_default().set(at, None);
        } else if let Fact::CallWitnessed(seen) = &envelope.fact {
            self.witnessed.insert(at, seen.clone());
        }
    }

    /// Returns what is known of a reservation.
    #[must_use]
    pub fn reservation(&self, reservation: &ReservationId) -> Option<&Reservation> {
        self.reservations.get(reservation)?.value.as_ref()
    }

    /// Returns what is known of a reservation, with the policy that was last shown for it.
    pub(crate) fn booked(&self, reservation: &ReservationId) -> Option<Reservation> {
        let policy = self.policies.get(reservation).and_then(|shown| shown.value.clone());
        self.reservation(reservation).map(|known| Reservation { policy, ..known.clone() })
    }

    /// Returns every tariff: those that are built in, and those that were set, by date.
    pub(crate) fn all_tariffs(&self) -> Vec<Tariff> {
        let mut all: Vec<Tariff> = Rule::ALL.map(Tariff::built_in).into();
        for set in self.tariffs.values().filter_map(|set| set.value.as_ref()) {
            if !all.contains(set) {
                all.push(set.clone());
            }
        }
        all
    }

    /// Returns the tariff by which a reservation that starts at an instant is rated.
    #[must_use]
    pub fn tariff_at(&self, starts: AtMs) -> Tariff {
        let set = self.tariffs.range(..=Day::holding(starts, 0)).rev().find_map(|(_, set)| set.value.clone());
        set.unwrap_or_else(|| Tariff::built_in(Rule::ReservationTotal))
    }

    /// Returns the connections of each reservation, and under none those that belong to no reservation.
    #[must_use]
    pub fn connections(&self, leases: &Leases) -> BTreeMap<Option<ReservationId>, Vec<Connection>> {
        let mut found: BTreeMap<Option<ReservationId>, Vec<Connection>> = BTreeMap::new();
        for (key, ends) in &self.ends {
            let of = key.reservation.clone().or_else(|| self.assigned.get(key)?.value.clone());
            found.entry(of).or_default().extend(connection::connections(ends.values(), leases));
        }
        for connections in found.values_mut() {
            connections.sort_by_key(|connection| connection.begun_at);
        }
        found
    }

    /// Returns what was told of recordings of a connection, in canonical order, with the clocks' time.
    pub fn marks(&self, key: &CallKey) -> impl Iterator<Item = (AtMs, &RecordingMarked)> {
        self.marks.get(key).into_iter().flatten().map(|(at, mark)| (at.stamp.at, mark))
    }

    fn note(&mut self, envelope: &Envelope, what: What, end: &CallEnd) {
        let happened = Happened::new(&envelope.head, what, end);
        self.ends.entry(end.key.clone()).or_default().insert(envelope.head.canonical(), happened);
    }
}
