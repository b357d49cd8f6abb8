//! `machiai-demo`: the appliance on one machine, for a visitor or through a recorded morning; `make demo` runs it.

use std::io::{Write as _, stderr, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use machiai_hw_tests::demo::daemon::{Program, write};
use machiai_hw_tests::demo::outage::Span;
use machiai_hw_tests::demo::progress::out;
use machiai_hw_tests::demo::random::{Plan, morning};
use machiai_hw_tests::demo::{self, Monitor, Morning, Options, row};
use machiai_hw_tests::glass::child as glass;
use machiai_hw_tests::lab;
use machiai_hw_tests::servers::hub;
use machiai_hw_tests::soak;

/// The appliance on 127.0.0.1 until Ctrl-C, or through a recorded morning.
#[derive(Debug, Parser)]
#[command(
    name = "machiai-demo",
    version,
    about,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true
)]
struct Arguments {
    /// A recorded morning, CSV, or `random`; without one the demo runs until it is stopped.
    #[arg(long)]
    morning: Option<PathBuf>,
    /// The seed of a random morning.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many patients come on a random morning.
    #[arg(long, default_value_t = 400)]
    patients: u32,
    /// How many times faster than real time the rehearsal's clock runs.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    speed: Option<u32>,
    /// When the line between box and hub is cut in a morning, as `10:00-11:30` on the rehearsal's clock.
    #[arg(long)]
    offline: Option<Span>,
    /// The folder in which tickets, boards, facts and the report are left; `out` unless told.
    #[arg(long)]
    out: Option<PathBuf>,
    /// When the monitor is shown, in real time; after a morning unless told.
    #[arg(long, value_enum, default_value_t = Monitor::After)]
    screen: Monitor,
    /// A folder of films that the monitor plays in place of those made for it.
    #[arg(long)]
    films: Option<PathBuf>,
    /// Runs the daemon out of this program instead of the one beside it.
    #[arg(long)]
    own_daemon: bool,
    #[command(subcommand)]
    instead: Option<Instead>,
}

#[derive(Debug, Subcommand)]
enum Instead {
    /// Writes a morning drawn at random.
    Random {
        /// The same seed writes the same morning.
        #[arg(long)]
        seed: u64,
        /// How many patients come.
        #[arg(long, default_value_t = 400)]
        patients: u32,
        /// The file, CSV.
        #[arg(long)]
        out: PathBuf,
    },
    /// Shows films of every kind one after the other, with calls over them, and counts what went wrong.
    Soak {
        /// How many.
        #[arg(long, default_value_t = 1_000)]
        switches: usize,
        /// The same seed shows the same.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// A file for the figures, JSON.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Walks through the devices of a virtual machine in which the package is installed.
    Lab {
        /// The package.
        #[arg(long)]
        package: PathBuf,
        /// The folder that keeps the machine's disks.
        #[arg(long)]
        folder: PathBuf,
        /// The folder for pictures of its monitor, and `lab.json`.
        #[arg(long)]
        out: PathBuf,
    },
    /// The daemon out of this program.
    #[command(hide = true)]
    Machiai(machiai::cli::Cli),
    /// Prepares one film, as `machiai-screen prepare`.
    #[command(hide = true)]
    Prepare(machiai_screen::prepare::Args),
    /// The monitor, as `machiai-screen`.
    #[command(hide = true)]
    Screen(machiai_screen::cli::Cli),
    /// A node of the hub.
    #[command(hide = true, name = hub::WORD)]
    Hub(hub::Serve),
    /// The monitor, without glass.
    #[command(hide = true, name = glass::WORD)]
    Glass {
        /// Where the daemon listens.
        socket: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match carry_out(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nobody may listen any more.
            drop(writeln!(stderr(), "machiai-demo: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: Arguments) -> Result<bool> {
    match arguments.instead {
        Some(Instead::Random { seed, patients, out }) => {
            write(&out, row::write(&morning(Plan { seed, n_patients: patients })))?;
            Ok(true)
        }
        Some(Instead::Soak { switches, seed, out }) => soak(switches, seed, out.as_deref()),
        Some(Instead::Lab { package, folder, out }) => {
            let report = lab::walk(&package, &folder, &out)?;
            report.write(&out.join("lab.json"))?;
            Ok(report.n_missed() == 0)
        }
        Some(Instead::Machiai(cli)) => {
            machiai::cli::set_up_logging();
            machiai::cli::carry_out(&cli).context("the daemon out of this program")?;
            Ok(true)
        }
        Some(Instead::Prepare(args)) => Ok(args.carry_out().is_ok()),
        Some(Instead::Screen(cli)) => Ok(cli.carry_out()),
        Some(Instead::Hub(node)) => {
            machiai::cli::set_up_logging();
            runtime()?.block_on(node.carry_out()).map(|()| true)
        }
        Some(Instead::Glass { socket }) => {
            glass::serve(socket, stdin().lock(), stdout().lock())?;
            Ok(true)
        }
        None => {
            let this = std::env::current_exe().context("cannot tell where this program lies")?;
            let plan = Plan { seed: arguments.seed, n_patients: arguments.patients };
            let options = Options {
                program: program(&this, arguments.own_daemon)?,
                this,
                monitor: arguments.screen,
                films: arguments.films,
                morning: arguments.morning.map(|file| Morning::named(file, plan)),
                speed: arguments.speed,
                offline: arguments.offline,
                out: arguments.out,
            };
            runtime()?.block_on(demo::run(&options))
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("cannot start the runtime")
}

/// Soaks, tells the figures, and returns whether all was as it must be.
fn soak(n_switches: usize, seed: u64, file: Option<&Path>) -> Result<bool> {
    out(&format!("{n_switches} switches, seed {seed}\n"));
    let figures = soak::soak(n_switches, seed)?;
    out(&format!("{}\n", serde_json::to_string_pretty(&figures).context("cannot write the figures")?));
    if let Some(file) = file {
        figures.write(file)?;
    }
    let faults = [figures.faults(), figures.delays()].concat();
    faults.iter().for_each(|fault| out(&format!("FAILED {fault}\n")));
    Ok(faults.is_empty())
}

fn program(this: &Path, own: bool) -> Result<Program> {
    if own { Ok(Program::own(this)) } else { Program::beside(this) }
}
