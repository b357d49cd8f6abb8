//! The `machiai-hub` program: reads the command line and turns errors into an exit status.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use machiai_hub::causes::with_causes;
use machiai_hub::nodes::Nodes;
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
    /// The store: `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, which many nodes may share.
    #[arg(long)]
    store: String,
    /// How often to look what other nodes have appended, in milliseconds.
    #[arg(long, default_value_t = 250)]
    look_every_ms: u64,
    /// A NATS server that wakes nodes sooner, `nats://HOST:PORT`.
    #[arg(long)]
    nats: Option<String>,
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
    let nodes = Nodes { look_every: Duration::from_millis(open.look_every_ms.max(1)), nats: open.nats };
    match open_streams((open.listen, &open.store), (long_poll_for, nodes), stopping, say_ready).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %with_causes(&error), "the hub ended");
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
