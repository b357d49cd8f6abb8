//! The `machiai-screen` program: one monitor, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use clap::{Parser, ValueEnum};
use machiai_panel::Layout;
use machiai_screen::output::Sink;
use machiai_screen::run::{Setting, run};

/// Shows the clinic's program and the queue on a monitor.
#[derive(Debug, Parser)]
#[command(name = "machiai-screen", version, about)]
struct Cli {
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
    let cli = Cli::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let sink = match cli.sink {
        To::Kms => Sink::Kms,
        To::Wayland => Sink::Wayland,
        To::X11 => Sink::X11,
        To::Null => Sink::Null,
    };
    let layout = if cli.portrait { Layout::Portrait } else { Layout::Landscape };
    let setting = Setting { socket: cli.socket, monitor: cli.monitor, layout, sink };
    // A signal ends the process: nothing is kept here that an orderly end would save.
    match run(&setting, &AtomicBool::new(false)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(&error), "the screen ended");
            ExitCode::FAILURE
        }
    }
}

/// Writes an error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
