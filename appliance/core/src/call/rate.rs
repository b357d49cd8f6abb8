//! What calls come to: each reservation by its tariff, a month's invoice, and what any other tariff would have given.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::Serialize;

use super::connection::{Connection, laid_out};
use super::tariff::{Stretch, Tariff, total_ms, united};
use super::told::{Reservation, Side};
use super::why::{Flag, HowAmount, Unbilled};
use super::witness::Difference;
use super::{Calls, EARLY_MS, LATE_MS, Leases};
use crate::ids::{ReservationId, TariffName};
use crate::time::{AtMs, Month};

/// What a tariff gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Given {
    /// Which tariff.
    pub tariff: TariffName,
    /// Its version.
    pub version: u32,
    /// Units.
    pub units: i64,
    /// Yen, without tax.
    pub yen: i64,
}

impl Given {
    fn by(tariff: &Tariff, stretches: &[Stretch]) -> Self {
        let units = tariff.units(stretches);
        Self { tariff: tariff.name.clone(), version: tariff.version, units, yen: tariff.yen(units) }
    }
}

/// A reservation with its connections and its amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rated {
    /// Which.
    pub reservation: ReservationId,
    /// What was told of it, the version of the cancellation policy with it.
    pub booked: Option<Reservation>,
    /// The month to which it is billed: that of its start in Asia/Tokyo.
    pub month: Month,
    /// Its connections, in the order in which they began.
    pub connections: Vec<Connection>,
    /// For how long the clinic was connected, in milliseconds; what overlaps counts once.
    pub connected_ms: i64,
    /// The amount, by the tariff of its date.
    #[serde(flatten)]
    pub given: Given,
    /// How it came about.
    pub how: HowAmount,
    /// Why it is not billed, where it is not.
    pub unbilled: Option<Unbilled>,
    /// The tax of its tariff, in thousandths.
    pub tax_permille: u16,
    /// What every other tariff would give: those that are built in, and those that were set.
    pub others: Vec<Given>,
    /// What should be known before it is billed.
    pub flags: BTreeSet<Flag>,
}

/// The tax of an invoice at one rate, rounded down once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tax {
    /// The rate, in thousandths.
    pub permille: u16,
    /// What is taxed, in yen.
    pub yen: i64,
    /// The tax, in yen.
    pub tax_yen: i64,
}

/// A month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invoice {
    /// Which.
    pub month: Month,
    /// Its reservations, in the order in which they start.
    pub reservations: Vec<Rated>,
    /// The sum of what is billed, in yen without tax.
    pub yen: i64,
    /// The tax, by rate.
    pub taxes: Vec<Tax>,
    /// The sum with tax.
    pub total_yen: i64,
    /// Connections of the month without a reservation: unrated until somebody gives them to one.
    pub unassigned: Vec<Connection>,
    /// Where the vendor's witness says something else.
    pub differences: Vec<Difference>,
}

impl Calls {
    /// Rates every reservation that has a connection.
    #[must_use]
    pub fn rated(&self, leases: &Leases) -> Vec<Rated> {
        let all = self.connections(leases);
        let tariffs = self.all_tariffs();
        all.into_iter().filter_map(|(of, connections)| Some(self.rate(of?, connections, &tariffs))).collect()
    }

    /// Returns a month's invoice.
    #[must_use]
    pub fn invoice(&self, month: Month, leases: &Leases) -> Invoice {
        let mut all = self.connections(leases);
        let loose = all.remove(&None).unwrap_or_default();
        let tariffs = self.all_tariffs();
        let rated = all.into_iter().filter_map(|(of, connections)| Some(self.rate(of?, connections, &tariffs)));
        let mut reservations: Vec<Rated> = rated.filter(|rated| rated.month == month).collect();
        reservations.sort_by_cached_key(|rated| {
            (starts_at(rated.booked.as_ref(), &rated.connections), rated.reservation.clone())
        });
        let unassigned = loose.into_iter().filter(|connection| Month::holding(connection.from_ms) == month).collect();
        let taxes = taxes(&reservations);
        let yen = taxes.iter().map(|tax| tax.yen).fold(0, i64::saturating_add);
        let total_yen = taxes.iter().map(|tax| tax.tax_yen).fold(yen, i64::saturating_add);
        let differences = self.differences(month, &reservations);
        Invoice { month, reservations, yen, taxes, total_yen, unassigned, differences }
    }

    fn rate(&self, reservation: ReservationId, connections: Vec<Connection>, tariffs: &[Tariff]) -> Rated {
        let booked = self.booked(&reservation);
        let starts = starts_at(booked.as_ref(), &connections);
        let (counted, unbilled) = counted(&connections);
        let stretches = laid_out(&counted);
        let flags = flags(booked.as_ref(), &connections, &stretches);
        let tariff = self.tariff_at(starts);
        let given = Given::by(&tariff, &stretches);
        Rated {
            month: Month::holding(starts),
            connected_ms: total_ms(&united(&stretches, 0)),
            how: HowAmount::of(&tariff, &stretches, given.units),
            unbilled,
            tax_permille: tariff.tax_permille,
            others: tariffs
                .iter()
                .filter(|other| **other != tariff)
                .map(|other| Given::by(other, &stretches))
                .collect(),
            flags,
            given,
            reservation,
            booked,
            connections,
        }
    }
}

/// Returns when a reservation starts: as booked, else with its first connection.
fn starts_at(booked: Option<&Reservation>, connections: &[Connection]) -> AtMs {
    let first = || connections.iter().map(|connection| connection.from_ms).min().unwrap_or_default();
    booked.map_or_else(first, |booked| booked.starts_at_ms)
}

/// Returns the connections that are rated, and why what they come to is not billed.
///
/// Those of the clinic's that are neither a test nor a rehearsal; where there are none, those that are, so that whoever
/// looks sees what they would have come to.
fn counted(connections: &[Connection]) -> (Vec<&Connection>, Option<Unbilled>) {
    let ours = || connections.iter().filter(|connection| connection.side == Side::Clinic);
    let real: Vec<&Connection> = ours().filter(|connection| !connection.test && !connection.rehearsal).collect();
    if !real.is_empty() {
        let is_running = real.iter().any(|connection| connection.flags.contains(&Flag::Running));
        return (real, is_running.then_some(Unbilled::Running));
    }
    let rehearsed: Vec<&Connection> = ours().filter(|connection| !connection.test).collect();
    if !rehearsed.is_empty() {
        return (rehearsed, Some(Unbilled::Rehearsal));
    }
    let tests: Vec<&Connection> = ours().collect();
    let why = if tests.is_empty() { Unbilled::NoConnection } else { Unbilled::Test };
    (tests, Some(why))
}

fn flags(booked: Option<&Reservation>, connections: &[Connection], stretches: &[Stretch]) -> BTreeSet<Flag> {
    let mut flags: BTreeSet<Flag> =
        connections.iter().flat_map(|connection| connection.flags.iter().copied()).collect();
    let lengths = stretches.iter().map(|stretch| stretch.length_ms()).fold(0, i64::saturating_add);
    if lengths > total_ms(&united(stretches, 0)) {
        flags.insert(Flag::Overlap);
    }
    let Some(booked) = booked else {
        flags.insert(Flag::UnknownReservation);
        return flags;
    };
    if booked.cancelled {
        flags.insert(Flag::Cancelled);
    }
    if connections.iter().any(|connection| !is_in_window(booked, connection.from_ms)) {
        flags.insert(Flag::OutsideWindow);
    }
    flags
}

/// Whether a connection may belong to a reservation by its time: an hour before its start to a day after.
#[must_use]
pub fn is_in_window(booked: &Reservation, from: AtMs) -> bool {
    (-EARLY_MS..=LATE_MS).contains(&from.since(booked.starts_at_ms))
}

/// Taxes what is billed, rounded down once for each rate.
fn taxes(reservations: &[Rated]) -> Vec<Tax> {
    let mut sums: BTreeMap<u16, i64> = BTreeMap::new();
    for rated in reservations.iter().filter(|rated| rated.unbilled.is_none()) {
        let sum = sums.entry(rated.tax_permille).or_default();
        *sum = sum.saturating_add(rated.given.yen);
    }
    let tax = |(permille, yen): (u16, i64)| Tax {
        permille,
        yen,
        tax_yen: yen.saturating_mul(i64::from(permille)).div_euclid(1_000),
    };
    sums.into_iter().map(tax).collect()
}
