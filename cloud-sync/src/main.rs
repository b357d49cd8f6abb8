//! The `machiai-hub` program: reads the command line and turns errors into an exit status.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use machiai_hub::serve::open_streams;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The hub with which the clinics' boxes reconcile.
#[derive(Debug, Parser)]
#[command(name = "machiai-hub", version, about, disable_help_subcommand = true)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Action {
    /// Serves streams that anybody on this machine may use, for conformance tests.
    Streams(OpenStreams),
}

/// Streams for conformance tests.
#[derive(Debug, Args)]
struct OpenStreams {
    /// Where to listen: on this machine alone.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The store: a SQLite file.
    #[arg(long)]
    store: PathBuf,
    /// How long a long poll waits, in milliseconds.
    #[arg(long, default_value_t = 20_000)]
    long_poll_ms: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(false).init();
    let Action::Streams(open) = Cli::parse().action;
    let stopping = CancellationToken::new();
    if let Err(error) = stop_on_signals(stopping.clone()) {
        tracing::error!(%error, "cannot hear signals");
        return ExitCode::FAILURE;
    }
    let long_poll_for = Duration::from_millis(open.long_poll_ms);
    match open_streams((open.listen, &open.store), long_poll_for, stopping, say_ready).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(&error), "the hub ended");
            ExitCode::FAILURE
        }
    }
}

/// Says where it listens, on a line of its own, for whoever started it.
fn say_ready(address: SocketAddr) {
    if writeln!(io::stdout(), "listening on {address}").is_err() {
        tracing::warn!("nobody reads where the hub listens");
    }
}

fn stop_on_signals(stopping: CancellationToken) -> io::Result<()> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        stopping.cancel();
    });
    Ok(())
}

/// Writes an error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
