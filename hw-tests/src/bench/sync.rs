//! Facts on their way to the hub: how many in a second, what they cost both ends, and what they weigh on the line; against
//! what somebody would take instead.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use machiai_core::time::AtMs;
use serde_json::Value;

use super::Bench;
use super::client::{Client, get};
use super::daemon::{Daemon, With, configure};
use super::figures::Limit::{AtLeast, AtMost};
use super::figures::{Report, shown};
use super::hub::Hub;
use super::relay::Relay;
use super::{history, jetstream, pouch};
use crate::demo::daemon::SITE;
use crate::demo::progress::out;
use crate::demo::stopwatch::Stopwatch;
use crate::servers::hub::real_ms;
use crate::servers::postgres::Postgres;

/// Facts that the box holds and the hub lacks.
const N_FACTS: usize = 100_000;

/// How often it is asked how far they are, and for how long at most.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const EVEN_WITHIN: Duration = Duration::from_secs(120);

/// What it took until the hub held all facts.
#[derive(Clone, Copy, Debug)]
struct Took {
    wall: Duration,
    of_box: Duration,
    of_hub: Duration,
}

/// Measures how facts come to the hub.
///
/// # Errors
/// The journal cannot be written, or box and hub do not come even.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder()?;
    out(&format!("writing a journal of {N_FACTS} facts\n"));
    let n_facts = history::write(folder.path(), N_FACTS, AtMs(real_ms()))?;
    let took = send(bench, folder.path(), (None, None))?;
    let per_s = n_facts as f64 / took.wall.as_secs_f64();
    let cpu = took.of_box + took.of_hub;
    let told = format!("box {} s, hub {} s", shown(took.of_box.as_secs_f64()), shown(took.of_hub.as_secs_f64()));
    report.add("processor for 100,000 facts to the hub, both ends", (cpu.as_secs_f64(), "s"), AtMost(1.0), told);
    let mut n_bytes = 0;
    send(bench, folder.path(), (None, Some(&mut n_bytes)))?;
    let told = format!("{} MB in all, TLS and heads with it", shown(n_bytes as f64 / 1e6));
    report.add("bytes on the line for a fact", (n_bytes as f64 / n_facts as f64, "B"), AtMost(45.0), told);

    match to_postgres(bench, folder.path()) {
        Ok(took) => {
            let per_s = n_facts as f64 / took.wall.as_secs_f64();
            let told = format!(
                "hub {} s, box {} s of processor",
                shown(took.of_hub.as_secs_f64()),
                shown(took.of_box.as_secs_f64())
            );
            report.add("facts to a hub on PostgreSQL", (per_s, "/s"), AtLeast(20_000.0), told);
        }
        Err(cause) => report.leave_out("PostgreSQL", &cause),
    }

    let lines = folder.path().join("facts.ndjson");
    export(bench, folder.path(), &lines)?;
    let told = |peer: f64| format!("{} facts/s of {n_facts}, there {} facts/s", shown(per_s), shown(peer));
    match pouch::facts_per_s(bench, &lines) {
        Ok(peer) => {
            report.add(
                "facts to the hub over PouchDB -> pouchdb-server",
                (per_s / peer, "x"),
                AtLeast(20.0),
                told(peer),
            );
        }
        Err(cause) => report.leave_out("PouchDB", &cause),
    }
    match jetstream::facts_per_s(bench, &lines) {
        Ok(peer) => {
            report.add("facts to the hub over a JetStream leaf", (per_s / peer, "x"), AtLeast(0.5), told(peer));
        }
        Err(cause) => report.leave_out("JetStream", &cause),
    }
    Ok(())
}

/// Sends a journal's facts to a new hub; where bytes are to be counted, over a way that does.
fn send(bench: &Bench, folder: &Path, (store, n_bytes): (Option<&str>, Option<&mut u64>)) -> Result<Took> {
    let at_hub = bench.folder()?;
    let hub = Hub::start(bench, at_hub.path(), store)?;
    let relay = n_bytes.is_some().then(|| Relay::open(hub.boxes(), None)).transpose()?;
    let address = relay.as_ref().map_or(hub.boxes(), Relay::address);
    let with = With { hub: Some(address), ..With::default() };
    let daemon = Daemon::start(&bench.program, folder, with)?;
    let code = hub.enrol_code(SITE)?;
    let (before, hub_before) = (daemon.used()?, hub.used()?);
    enrol(bench, folder, with, &code)?;
    let mut client = Client::connect(daemon.address())?;
    until(&mut client, &daemon, |hub| !hub["came_at_ms"].is_null())?;
    let watch = Stopwatch::start();
    until(&mut client, &daemon, |hub| hub["n_pending"] == 0)?;
    let wall = watch.read();
    let of_box = daemon.used()?.saturating_sub(before);
    let took = Took { wall, of_box, of_hub: hub.used()?.saturating_sub(hub_before) };
    if let (Some(n_bytes), Some(relay)) = (n_bytes, relay) {
        *n_bytes = relay.n_bytes();
    }
    daemon.stop()?;
    Ok(took)
}

/// Has a box enrolled that runs in a folder.
///
/// # Errors
/// It says why not.
pub fn enrol(bench: &Bench, folder: &Path, with: With<'_>, code: &str) -> Result<()> {
    let told = bench.program.command(&configure(folder, with)?).args(["enrol", code]).output();
    let told = told.context("cannot start machiai")?;
    ensure!(told.status.success(), "machiai enrol: {}", String::from_utf8_lossy(&told.stderr).trim());
    Ok(())
}

/// Waits until what the daemon says of the hub is so.
///
/// # Errors
/// It is not in time.
pub fn until(client: &mut Client, daemon: &Daemon, is_so: impl Fn(&Value) -> bool) -> Result<()> {
    let (ask, watch) = (get(daemon.address(), "/api/v1/status"), Stopwatch::start());
    loop {
        let status: Value = serde_json::from_slice(client.ask(&ask)?).context("the status cannot be read")?;
        let hub = status.get("hub").context("the daemon says nothing of a hub")?;
        if is_so(hub) {
            return Ok(());
        }
        if watch.read() > EVEN_WITHIN {
            bail!("box and hub do not come even: {hub}");
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
}

fn to_postgres(bench: &Bench, folder: &Path) -> Result<Took> {
    let server = Postgres::start()?;
    send(bench, folder, (Some(&server.name("")), None))
}

/// Leaves the journal's facts in a file.
fn export(bench: &Bench, folder: &Path, file: &Path) -> Result<()> {
    let mut export = bench.program.command(&configure(folder, With::default())?);
    let done = export.args(["journal", "export"]).arg(file).output().context("cannot start machiai")?;
    ensure!(done.status.success(), "machiai journal export: {}", String::from_utf8_lossy(&done.stderr).trim());
    Ok(())
}
