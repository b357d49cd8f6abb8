//! Tickets on the disk of a clinic's PC: every sync lasts 4 ms, under the daemon and under the bare commit alike.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Bench;
use super::client::{Client, Storm, storm};
use super::commits::RawCommits;
use super::daemon::{Daemon, Slowed, With};
use super::figures::Limit::{AtLeast, AtMost};
use super::figures::{Report, Samples, shown};
use crate::demo::daemon::write;

const SHIM: &str = include_str!("../../data/bench/slow-sync.c");

/// How long a sync lasts: as on a consumer SSD without a capacitor.
const SYNC_US: u32 = 4_000;

/// Where files cost nothing but their syncs, so that 4 ms are 4 ms whatever else the disk does.
const IN_MEMORY: &str = "/dev/shm";

const N_ROUNDS: usize = 8;
const N_EACH: usize = 100;

/// Clients whose tickets share commits, and how many each takes in a round.
const N_CLIENTS: usize = 64;
const N_EACH_OF_MANY: usize = 25;

/// Measures tickets on a slow disk.
///
/// # Errors
/// The shim cannot be compiled, or the daemon or the raw commits fail.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let shim = compile(&bench.work)?;
    let slowed = Slowed { shim: &shim, sync_us: SYNC_US };
    let folder = if Path::new(IN_MEMORY).is_dir() {
        tempfile::Builder::new().prefix("machiai-bench-").tempdir_in(IN_MEMORY).context("cannot make a folder")?
    } else {
        bench.folder()?
    };
    let (daemon, presses) =
        Daemon::open(&bench.program, folder.path(), With { slowed: Some(slowed), ..With::default() })?;
    let mut raw = RawCommits::start(bench, folder.path(), Some(slowed))?;
    let (mut one, mut many) = (Client::several(daemon.address(), 1)?, Client::several(daemon.address(), N_CLIENTS)?);
    storm(&mut many, &presses, 4)?;
    raw.round(N_EACH / 4)?;
    let (mut commits, mut by_one, mut by_many) = (Samples::default(), Storm::default(), Storm::default());
    for _ in 0..N_ROUNDS {
        commits.extend(raw.round(N_EACH)?.times());
        by_one.add(&storm(&mut one, &presses, N_EACH)?);
        by_many.add(&storm(&mut many, &presses, N_EACH_OF_MANY)?);
    }
    if commits.p50_ms() < f64::from(SYNC_US) / 1e3 {
        bail!("the shim does not slow syncs: a commit takes {} ms", shown(commits.p50_ms()));
    }
    let ratio = by_one.answers.p50_ms() / commits.p50_ms();
    let told = format!(
        "ticket {} ms (p99 {} ms), raw insert and commit {} ms, {} of each",
        shown(by_one.answers.p50_ms()),
        shown(by_one.answers.p99_ms()),
        shown(commits.p50_ms()),
        commits.n()
    );
    report.add("ticket over raw commit with syncs of 4 ms, p50", (ratio, "x"), AtMost(1.2), told);
    let ratio = by_many.per_s() / by_one.per_s();
    let told = format!(
        "{N_CLIENTS} clients {} tickets/s, one client {} tickets/s",
        shown(by_many.per_s()),
        shown(by_one.per_s())
    );
    report.add("throughput of 64 clients over one with syncs of 4 ms", (ratio, "x"), AtLeast(15.0), told);
    daemon.stop()
}

/// Compiles the shim into a folder.
fn compile(folder: &Path) -> Result<PathBuf> {
    let (source, shim) = (folder.join("slow-sync.c"), folder.join("slow-sync.so"));
    write(&source, SHIM)?;
    let mut gcc = Command::new("gcc");
    gcc.args(["-O2", "-Wall", "-shared", "-fPIC", "-o"]).arg(&shim).arg(&source).arg("-ldl");
    let told = gcc.output().context("gcc is missing")?;
    if told.status.success() {
        return Ok(shim);
    }
    bail!("gcc cannot compile the shim: {}", String::from_utf8_lossy(&told.stderr).trim())
}
