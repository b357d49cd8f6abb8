//! The vendor's witness beside ours: what it saw of each reservation, and where the two differ.
//!
//! The vendor's events come out of order, twice, or not at all. They are put in order by the vendor's own clock,
//! connection by connection, and never change an amount: they say which ones to look at before an invoice goes out.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::Serialize;

use super::Calls;
use super::open::HEARTBEAT_MS;
use super::rate::Rated;
use super::tariff::{Stretch, total_ms, united};
use super::told::{CallKey, Seen, Side, Vendor};
use crate::ids::ReservationId;
use crate::time::{AtMs, Month};

/// How far the two witnesses may differ without being listed: one heartbeat.
pub const AGREE_MS: i64 = HEARTBEAT_MS;

/// A reservation of which the vendor's witness says something else than ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Whose word it is.
    pub vendor: Vendor,
    /// Which reservation.
    pub reservation: ReservationId,
    /// For how long the clinic was connected, by ours.
    pub ours_ms: i64,
    /// By theirs.
    pub theirs_ms: i64,
    /// Connections of which the vendor told only one end.
    pub n_half: usize,
}

impl Difference {
    /// Whether the lengths themselves are too far apart.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.ours_ms.abs_diff(self.theirs_ms) > AGREE_MS.unsigned_abs()
    }
}

/// What a vendor saw of one connection.
#[derive(Default)]
struct Ends {
    joined: BTreeSet<AtMs>,
    left: BTreeSet<AtMs>,
}

impl Ends {
    /// Returns the connection's stretch on the vendor's clock: from the first join to the first leave after it.
    fn stretch(&self) -> Option<Stretch> {
        let from = self.joined.first()?;
        let to = self.left.range(from..).next()?;
        Some(Stretch { from_ms: from.0, to_ms: to.0 })
    }
}

/// What a vendor saw of one reservation, by connection.
type Told<'a> = BTreeMap<&'a CallKey, Ends>;

impl Calls {
    /// Lists the reservations of a month of which a vendor says something else than we do by more than 15 seconds.
    ///
    /// A vendor that told nothing of the month is not heard.
    pub(super) fn differences(&self, month: Month, rated: &[Rated]) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (vendor, told) in self.told_by_vendors(month) {
            let ours: BTreeMap<&ReservationId, i64> =
                rated.iter().map(|rated| (&rated.reservation, rated.connected_ms)).collect();
            let all: BTreeSet<&ReservationId> = ours.keys().copied().chain(told.keys().copied()).collect();
            for reservation in all {
                let ours_ms = ours.get(reservation).copied().unwrap_or(0);
                let seen = told.get(reservation);
                let stretches: Vec<Option<Stretch>> =
                    seen.into_iter().flatten().map(|(_, ends)| ends.stretch()).collect();
                let n_half = stretches.iter().filter(|stretch| stretch.is_none()).count();
                let whole: Vec<Stretch> = stretches.into_iter().flatten().collect();
                let theirs_ms = total_ms(&united(&whole, 0));
                let reservation = reservation.clone();
                let found = Difference { vendor, reservation, ours_ms, theirs_ms, n_half };
                if found.is_apart() || n_half > 0 {
                    differences.push(found);
                }
            }
        }
        differences
    }

    /// Returns what each vendor saw of the clinic's ends in a month.
    fn told_by_vendors(&self, month: Month) -> BTreeMap<Vendor, BTreeMap<&ReservationId, Told<'_>>> {
        let mut vendors: BTreeMap<Vendor, BTreeMap<&ReservationId, Told<'_>>> = BTreeMap::new();
        for seen in self.witnessed.values().filter(|seen| seen.side == Side::Clinic) {
            let Some(reservation) = &seen.key.reservation else { continue };
            let starts = self.reservation(reservation).map_or(seen.seen_at_ms, |booked| booked.starts_at_ms);
            if Month::holding(starts) != month {
                continue;
            }
            let ends = vendors.entry(seen.vendor).or_default().entry(reservation).or_default();
            let ends = ends.entry(&seen.key).or_default();
            match seen.seen {
                Seen::Joined => ends.joined.insert(seen.seen_at_ms),
                Seen::Left => ends.left.insert(seen.seen_at_ms),
            };
        }
        vendors
    }
}
