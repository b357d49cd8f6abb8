//! Two weeks without a line, then one of 64 kbit/s: when the queue's facts are at the hub, and what the desk feels of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use machiai_core::time::AtMs;

use super::Bench;
use super::client::{Client, Presses};
use super::daemon::{Daemon, With};
use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};
use super::history;
use super::hub::Hub;
use super::relay::Relay;
use super::sync::{enrol, until};
use crate::demo::daemon::SITE;
use crate::demo::progress::out;
use crate::demo::stopwatch::Stopwatch;
use crate::servers::hub::real_ms;

/// The line, in bits a second each way.
const BITS_PER_S: u32 = 64_000;

/// Business days, and items on each: 45,000 facts together.
const N_DAYS: usize = 14;
const N_ITEMS: usize = 1_390;

/// Presses at the kiosk without the hub, and how far apart all are: a busy morning.
const N_PRESSES: usize = 80;
const PRESS_EVERY: Duration = Duration::from_millis(250);

/// Facts that presses leave meanwhile: what is under way when it is looked is no backlog.
const N_FRESH: u64 = 8;

/// Measures how a box comes back.
///
/// # Errors
/// The journal cannot be written, or box and hub do not come even.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let (folder, at_hub) = (bench.folder()?, bench.folder()?);
    let (n_queue, n_aired) = history::write_days(folder.path(), (N_DAYS, N_ITEMS), AtMs(real_ms()))?;
    out(&format!("{} facts of {N_DAYS} days, {n_queue} of them the queue's\n", n_queue + n_aired));
    let hub = Hub::start(bench, at_hub.path(), None)?;
    let line = Relay::open(hub.boxes(), Some(BITS_PER_S))?;
    let with = With { hub: Some(line.address()), ..With::default() };
    let daemon = Daemon::start(&bench.program, folder.path(), with)?;
    let presses = Presses::on(daemon.address());
    let is_over = AtomicBool::new(false);
    let alone = press(&presses, |n_pressed| n_pressed >= N_PRESSES)?;
    enrol(bench, folder.path(), with, &hub.enrol_code(SITE)?)?;
    let (took, beside) = std::thread::scope(|scope| -> Result<(Duration, Samples)> {
        let pressing = scope.spawn(|| press(&presses, |_| is_over.load(Ordering::Relaxed)));
        let mut client = Client::connect(daemon.address())?;
        let even = until(&mut client, &daemon, |hub| !hub["came_at_ms"].is_null()).and_then(|()| {
            let watch = Stopwatch::start();
            let is_left = |n_pending: u64| n_pending <= n_aired + N_FRESH;
            until(&mut client, &daemon, |hub| hub["n_pending"].as_u64().is_some_and(is_left))?;
            Ok(watch.read())
        });
        is_over.store(true, Ordering::Relaxed);
        let beside = pressing.join().map_err(|_panicked| anyhow::anyhow!("the kiosk broke off"))?;
        Ok((even?, beside?))
    })?;
    let told = format!("{n_queue} facts of the queue, {n_aired} of airings follow; {} B so far", line.n_bytes());
    report.add("the queue's facts of 14 days at 64 kbit/s", (took.as_secs_f64(), "s"), AtMost(90.0), told);
    let ratio = beside.p50_ms() / alone.p50_ms();
    let told = format!(
        "p50 {} ms and {} ms, p99 {} ms and {} ms, of {} and {} tickets",
        shown(beside.p50_ms()),
        shown(alone.p50_ms()),
        shown(beside.p99_ms()),
        shown(alone.p99_ms()),
        beside.n(),
        alone.n()
    );
    report.add("a ticket meanwhile over one before", (ratio, "x"), AtMost(1.25), told);
    daemon.stop()
}

/// Takes tickets one after the other until it is enough.
fn press(presses: &Presses, is_enough: impl Fn(usize) -> bool) -> Result<Samples> {
    let mut kiosk = Client::connect(presses.address())?;
    let mut samples = Samples::default();
    while !is_enough(samples.n()) {
        let watch = Stopwatch::start();
        kiosk.ask(&presses.ticket()).context("no ticket")?;
        samples.extend([watch.read()]);
        watch.wait_until(PRESS_EVERY);
    }
    Ok(samples)
}
