//! `machiai-bench`: measures the release build's speed and memory against their limits; `make bench` runs it.

use std::io::{stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use machiai_hw_tests::bench::machine::allow_many_files;
use machiai_hw_tests::bench::{Bench, Job, commits, fleet, writer};
use machiai_hw_tests::demo::daemon::Program;
use machiai_hw_tests::demo::progress::out;

/// Speed and memory of the release build: ratios and medians from one run, each with its limit.
#[derive(Debug, Parser)]
#[command(
    name = "machiai-bench",
    version,
    about,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    /// Leaves the figures in a file, JSON.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Measures only these, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Job>,
    /// A folder on the disk to be measured; `bench` beside the build's own folder unless told.
    #[arg(long)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    instead: Option<Instead>,
}

/// What the daemon is compared with, as programs of their own.
#[derive(Debug, Subcommand)]
enum Instead {
    /// Inserts and commits rows with SQLite.
    #[command(hide = true, name = commits::WORD)]
    Commits {
        /// The database.
        file: PathBuf,
    },
    /// Writes bytes to every connection.
    #[command(hide = true, name = writer::WORD)]
    Writer {
        /// How many at a time.
        event_bytes: usize,
    },
    /// Serves many boxes, and changes something for a site at each line of the input.
    #[command(hide = true, name = fleet::node::WORD)]
    FleetHub(fleet::node::Node),
}

fn main() -> ExitCode {
    match carry_out(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            out(&format!("machiai-bench: {error:#}\n"));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: Arguments) -> Result<()> {
    match arguments.instead {
        Some(Instead::Commits { file }) => commits::serve(&file, stdin().lock(), stdout().lock()),
        Some(Instead::Writer { event_bytes }) => writer::serve(event_bytes, stdin().lock(), stdout().lock()),
        Some(Instead::FleetHub(node)) => {
            allow_many_files()?;
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
            runtime.block_on(node.carry_out())
        }
        None => measure(&arguments),
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let this = std::env::current_exe().context("cannot tell where this program lies")?;
    let beside = this.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join("bench");
    let work = arguments.folder.clone().unwrap_or(beside);
    let work = std::path::absolute(&work).with_context(|| format!("{} is no folder", work.display()))?;
    let bench = Bench { program: Program::beside(&this)?, this, work };
    let jobs = if arguments.only.is_empty() { Job::all() } else { &arguments.only };
    let report = bench.run(jobs)?;
    if let Some(file) = &arguments.out {
        report.write(file)?;
    }
    let (n_figures, n_missed, n_left_out) = (report.figures.len(), report.n_missed(), report.left_out.len());
    out(&format!("{n_figures} figures, {n_missed} limits missed, {n_left_out} left out\n"));
    Ok(())
}
