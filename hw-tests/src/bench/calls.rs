//! Consultation calls: how long it takes to rate a month, from the facts to the invoice, and what heartbeats cost.

use anyhow::{Context, Result};
use machiai_core::call::told::{CallEnd, CallKey, EndReason, Evidence, Reservation, Side};
use machiai_core::call::{Calls, Leases};
use machiai_core::envelope::{By, Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, Origin, Seq, SiteId};
use machiai_core::time::AtMs;

use super::Bench;
use super::client::Client;
use super::daemon::{Daemon, With};
use super::figures::{Limit, Report, Samples};
use crate::demo::stopwatch::Stopwatch;

/// A month of a large clinic's connections, two to a reservation.
const N_CONNECTIONS: u64 = 10_000;

/// How often the month is rated.
const N_TIMES: usize = 21;

/// 2026-11-01 09:00 in Asia/Tokyo.
const START: AtMs = AtMs(1_793_491_200_000);

/// Calls that run at once, and how often each is heard of while that is measured.
const N_RUNNING: u32 = 100;
const N_BEATS: u32 = 20;

/// How often the doctor's page tells that it is there, in seconds.
const BEAT_EVERY_S: f64 = 10.0;

/// Measures both.
///
/// # Errors
/// The month is not what it should be, or the daemon refuses a call.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    rate(report)?;
    beat(bench, report)
}

/// Has a hundred calls told of, again and again, and reads what processor time the daemon takes for it.
fn beat(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder()?;
    let (daemon, presses) = Daemon::open(&bench.program, folder.path(), With::default())?;
    let mut browser = Client::connect(daemon.address())?;
    let call = |nth: u32| format!(r#"{{"reservation":"R{nth}","endpoint":"pc{nth}","connection":"c{nth}"}}"#);
    for nth in 0..N_RUNNING {
        browser.ask(&presses.press("calls/connect", &call(nth))).context("cannot connect a call")?;
    }
    let before = daemon.used()?;
    for _ in 0..N_BEATS {
        for nth in 0..N_RUNNING {
            browser.ask(&presses.press("calls/heartbeat", &call(nth))).context("a heartbeat was refused")?;
        }
    }
    let used = daemon.used()?.saturating_sub(before);
    let each = used / (N_RUNNING * N_BEATS);
    let share = each.as_secs_f64() * f64::from(N_RUNNING) / BEAT_EVERY_S * 100.0;
    let from =
        format!("{each:?} of processor a heartbeat, each on disk before its answer, {} of them", N_RUNNING * N_BEATS);
    report.add("100 calls with a heartbeat every 10 s", (share, "% of a core"), Limit::AtMost(1.0), from);
    daemon.stop()
}

fn rate(report: &mut Report) -> Result<()> {
    let facts = month()?;
    let mut samples = Samples::default();
    for _ in 0..N_TIMES {
        let watch = Stopwatch::start();
        let mut calls = Calls::default();
        facts.iter().for_each(|fact| calls.after(fact));
        let invoice = calls.invoice("2026-11".parse().context("a month")?, &Leases::new());
        samples.extend([watch.read()]);
        let n_rated = invoice.reservations.len();
        anyhow::ensure!(n_rated == 5_000 && invoice.yen == 500_000, "{n_rated} reservations, {} yen", invoice.yen);
    }
    let from = format!("median of {N_TIMES}; the worst {:.1} ms; {} facts", samples.worst_ms(), facts.len());
    report.add("a month of 10,000 connections rated", (samples.p50_ms(), "ms"), Limit::AtMost(50.0), from);
    Ok(())
}

/// Writes the facts of the month: every reservation connects twice for ten minutes.
fn month() -> Result<Vec<Envelope>> {
    let mut facts = Vec::new();
    for nth in 0..N_CONNECTIONS {
        let begins_ms = nth * 240_000;
        let reservation = format!("R{}", nth / 2).parse().context("a reservation")?;
        let connection = Some(format!("c{nth}").parse().context("a connection")?);
        let key = CallKey { reservation: Some(reservation), endpoint: "pc".parse().context("a device")?, connection };
        let end = CallEnd { key, side: Side::Clinic, test: false, by_hand: false, reason: None, evidence: None };
        if nth % 2 == 0 {
            let reservation = end.key.reservation.clone().context("a reservation")?;
            let starts_at_ms = at(begins_ms);
            let booked = Reservation { reservation, starts_at_ms, cancelled: false, policy: None };
            facts.push(fact(facts.len(), begins_ms, Fact::ReservationSet(booked))?);
        }
        let left = CallEnd { reason: Some(EndReason::Left), ..end.clone() };
        facts.push(fact(facts.len(), begins_ms, Fact::CallConnected(end))?);
        facts.push(fact(facts.len(), begins_ms + 600_000, Fact::CallDisconnected(left))?);
    }
    Ok(facts)
}

fn at(mono_ms: u64) -> AtMs {
    START.plus_ms(i64::try_from(mono_ms).unwrap_or(i64::MAX))
}

fn fact(n_before: usize, mono_ms: u64, fact: Fact) -> Result<Envelope> {
    let clocks = Evidence { boot: BootId::from_bytes([1; 16]), mono_ms, at_ms: at(mono_ms) };
    let head = Head {
        site: SiteId(1),
        line: None,
        origin: Origin::from_bytes([1; 16]),
        seq: Seq(u64::try_from(n_before).context("too many facts")? + 1),
        at_ms: clocks.at_ms,
        at_n: u32::try_from(n_before).context("too many facts")?,
        boot: clocks.boot,
        mono_ms: clocks.mono_ms,
        clock: Trust::Synced,
        by: By { device: "pc".parse().context("a device")?, person: None },
        cmd: None,
    };
    Ok(Envelope { head, fact })
}
