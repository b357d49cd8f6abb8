//! `make bench`: the speed and memory of the release build, as ratios and medians from one run.
//!
//! It is no test: nothing fails because a machine is slow or busy. What is compared takes turns within the run, on the
//! same disk, so that what else the machine does hits all alike.

pub mod boards;
pub mod calls;
pub mod child;
pub mod client;
pub mod commits;
pub mod crowd;
pub mod daemon;
pub mod days;
pub mod desk;
pub mod express;
pub mod figures;
pub mod fleet;
pub mod history;
pub mod hub;
pub mod jetstream;
pub mod machine;
pub mod npm;
pub mod offline;
pub mod paper;
pub mod pouch;
pub mod relay;
pub mod screen;
pub mod slow;
pub mod start;
pub mod stream;
pub mod sync;
pub mod tickets;
pub mod tree;
pub mod wire;
pub mod writer;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::demo::daemon::Program;
use crate::demo::progress::out;
use figures::{Report, shown};
use machine::Machine;

/// One part of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Job {
    /// Tickets over HTTP, against a raw commit and against express + better-sqlite3.
    Tickets,
    /// Tickets on a disk whose every sync lasts 4 ms.
    Slow,
    /// Boards: how soon, how many, at what price.
    Boards,
    /// Tablets at the desk: how soon a press on one is seen on the others, what its page weighs, how a slow one does.
    Desk,
    /// A start on a journal of 500,000 facts.
    Start,
    /// A ticket from its view to the printer's bytes.
    Paper,
    /// The monitor: what a film beside the queue costs, and how soon a call is seen.
    Screen,
    /// Facts on their way to the hub: how fast, at what price, and what they weigh.
    Sync,
    /// A box that comes back after two weeks, on a slow line.
    Offline,
    /// Ten thousand boxes on one hub, and a thousand that come back together.
    Fleet,
    /// Consultation calls: a month of them rated, and what heartbeats cost.
    Calls,
    /// The daemon's memory through 24 simulated days.
    Days,
}

/// What the bench works with.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The daemon's program.
    pub program: Program,
    /// The bench's own program, which also does what the daemon is compared with.
    pub this: PathBuf,
    /// A folder for what is kept between runs, and for what each run throws away; its disk is the one measured.
    pub work: PathBuf,
}

impl Bench {
    /// Makes a folder that is gone when it is dropped.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn folder(&self) -> Result<TempDir> {
        let made = tempfile::Builder::new().prefix("run-").tempdir_in(&self.work);
        made.with_context(|| format!("cannot make a folder in {}", self.work.display()))
    }

    /// Measures, job by job; a job that fails is left out of the report with the reason.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn run(&self, jobs: &[Job]) -> Result<Report> {
        std::fs::create_dir_all(&self.work).with_context(|| format!("cannot make {}", self.work.display()))?;
        machine::allow_many_files()?;
        let mut report = Report::on(Machine::here());
        let Machine { processor, n_cores, kernel, load } = &report.machine;
        let busy = if *load > 1.0 { ": other work makes times longer" } else { "" };
        out(&format!("{n_cores} cores of {processor}, Linux {kernel}, load {}{busy}\n", shown(*load)));
        for job in jobs {
            let done = match job {
                Job::Tickets => tickets::measure(self, &mut report),
                Job::Slow => slow::measure(self, &mut report),
                Job::Boards => boards::measure(self, &mut report),
                Job::Desk => desk::measure(self, &mut report),
                Job::Start => start::measure(self, &mut report),
                Job::Paper => paper::measure(&mut report),
                Job::Screen => screen::measure(self, &mut report),
                Job::Sync => sync::measure(self, &mut report),
                Job::Offline => offline::measure(self, &mut report),
                Job::Fleet => fleet::measure(self, &mut report),
                Job::Calls => calls::measure(self, &mut report),
                Job::Days => days::measure(self, &mut report),
            };
            if let Err(cause) = done {
                report.leave_out(job.name(), &cause);
            }
        }
        Ok(report)
    }
}

impl Job {
    /// Returns every job, in the order of measuring.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Tickets => "tickets",
            Self::Slow => "slow",
            Self::Boards => "boards",
            Self::Desk => "desk",
            Self::Start => "start",
            Self::Paper => "paper",
            Self::Screen => "screen",
            Self::Sync => "sync",
            Self::Offline => "offline",
            Self::Fleet => "fleet",
            Self::Calls => "calls",
            Self::Days => "days",
        }
    }
}
