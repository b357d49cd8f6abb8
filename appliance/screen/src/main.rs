//! The `machiai-screen` program: reads the command line and turns errors into an exit status.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Args, Parser, Subcommand, ValueEnum};
use machiai_panel::Layout;
use machiai_screen::output::Sink;
use machiai_screen::prepare;
use machiai_screen::run::{Setting, run};
use machiai_screen::voice::VoicePaths;

/// The program and the queue panel on a monitor.
#[derive(Debug, Parser)]
#[command(name = "machiai-screen", version, about, disable_help_subcommand = true)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the program and the queue until it is told to stop.
    Run(Monitor),
    /// Prepares the film on standard input for a region, onto standard output; says what came of it on standard error.
    Prepare(prepare::Args),
}

/// The monitor.
#[derive(Debug, Args)]
struct Monitor {
    /// Where the daemon listens.
    #[arg(long, default_value = "/run/machiai/screen.sock")]
    socket: PathBuf,
    /// Which monitor this is, by the place where it hangs.
    #[arg(long, default_value = "monitor1")]
    monitor: String,
    /// Whether it stands upright.
    #[arg(long)]
    portrait: bool,
    /// Where the picture goes.
    #[arg(long, value_enum, default_value_t = To::Kms)]
    sink: To,
    /// Recorded speech: a folder of `ja/HASH.wav` and `en/HASH.wav`, named by the blake3 hash of the text.
    #[arg(long)]
    clips: Option<PathBuf>,
    /// A folder with a voice for Open JTalk, `*.htsvoice`, before those of Debian.
    #[arg(long)]
    voice: Option<PathBuf>,
}

/// Where the picture goes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum To {
    /// The monitor itself, without a desktop.
    Kms,
    /// A window of a Wayland compositor.
    Wayland,
    /// A window of an X server.
    X11,
    /// Nowhere: for measurements.
    Null,
}

fn main() -> ExitCode {
    let is_done = match Cli::parse().action {
        Action::Run(monitor) => show(monitor),
        Action::Prepare(args) => args.carry_out().is_ok(),
    };
    if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Shows what the daemon says; a signal ends the process, as nothing is kept here that an orderly end would save.
fn show(monitor: Monitor) -> bool {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let sink = match monitor.sink {
        To::Kms => Sink::Kms,
        To::Wayland => Sink::Wayland,
        To::X11 => Sink::X11,
        To::Null => Sink::Null,
    };
    let layout = if monitor.portrait { Layout::Portrait } else { Layout::Landscape };
    let mut voices = VoicePaths { clips: monitor.clips, ..VoicePaths::debian() };
    voices.voices.splice(0..0, monitor.voice);
    let setting = Setting { socket: monitor.socket, monitor: monitor.monitor, layout, sink, voices };
    let done = run(&setting, &AtomicBool::new(false));
    if let Err(error) = &done {
        tracing::error!(error = %chain(error), "the screen ended");
    }
    done.is_ok()
}

/// Writes an error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
