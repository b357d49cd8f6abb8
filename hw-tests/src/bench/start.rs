//! A start on the journal of years: from the program's start until its board answers.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use machiai_core::time::AtMs;
use rustix::fs::{Advice, fadvise};
use serde_json::Value;

use super::Bench;
use super::client::{Client, get};
use super::daemon::{Daemon, With, journal};
use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};
use super::history;
use crate::demo::progress::out;
use crate::demo::stopwatch::Stopwatch;
use crate::servers::hub::real_ms;

/// Facts in the journal: several years of a busy clinic.
const N_FACTS: usize = 500_000;

/// Starts, each after a kill: the journal is never closed in good order, and no fold has left a checkpoint.
const N_STARTS: usize = 7;

/// Measures starts.
///
/// # Errors
/// The journal cannot be written, or a start fails.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder()?;
    out(&format!("writing a journal of {N_FACTS} facts\n"));
    let n_facts = history::write(folder.path(), N_FACTS, AtMs(real_ms()))?;
    let mut starts = Samples::default();
    for _ in 0..N_STARTS {
        forget(&journal(folder.path()))?;
        let watch = Stopwatch::start();
        let daemon = Daemon::start(&bench.program, folder.path(), With::default())?;
        let board = Client::connect(daemon.address())?.ask(&get(daemon.address(), "/api/v1/board"))?.to_vec();
        starts.extend([watch.read()]);
        let board: Value = serde_json::from_slice(&board).context("the board cannot be read")?;
        let n_lines = board["lines"].as_array().map_or(0, Vec::len);
        ensure!(n_lines > 0, "the board that answers is empty: {board}");
        // Killed, as by a power cut.
        drop(daemon);
    }
    let size_mib = std::fs::metadata(journal(folder.path())).context("no journal")?.len() / 1024 / 1024;
    let told = format!(
        "median of {N_STARTS} starts after kills, worst {} ms, {n_facts} facts in {size_mib} MiB, read from the disk",
        shown(starts.worst_ms())
    );
    report.add("from start to an answering board", (starts.p50_ms(), "ms"), AtMost(1_000.0), told);
    Ok(())
}

/// Has the system forget what it holds of a file in memory, as after a night switched off.
fn forget(path: &Path) -> Result<()> {
    let file = std::fs::File::open(path).context("cannot open the journal")?;
    file.sync_all().context("cannot sync the journal")?;
    fadvise(&file, 0, None, Advice::DontNeed).context("cannot have the journal forgotten")
}
