//! The `machiai-hub` program: reads the command line and turns errors into an exit status.

use std::error::Error;
use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::ParseIntError;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use machiai_core::ids::SiteId;
use machiai_hub::door::{draw_code, limits::Limits};
use machiai_hub::serve::{LONG_POLL_FOR, Open, now_s, open_streams, sites};
use machiai_hub::store::Store;
use machiai_hub::store::devices::Replaces;
use machiai_hub::store::sqlite::Sqlite;
use machiai_hub::stream::routes::Streams;
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
    /// Serves the sites' boxes over TLS.
    Serve(Serve),
    /// Adds sites.
    Site {
        /// What to do with it.
        #[command(subcommand)]
        work: SiteWork,
    },
    /// Draws a code that enrols one box of a site once, within a day.
    EnrolCode {
        /// The site.
        #[command(flatten)]
        of: OfSite,
        /// The box takes the place of the one that the site has, which is shut out when the code is used.
        #[arg(long)]
        replace: bool,
    },
    /// Revokes the certificates of a site's box: it is shut out at once.
    Revoke(OfSite),
    /// Serves streams that anybody on this machine may use, for conformance tests.
    Streams(OpenStreams),
}

/// Serving sites.
#[derive(Debug, Args)]
struct Serve {
    /// Where to listen.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// The folder of the store and of the hub's authority.
    #[arg(long)]
    state: PathBuf,
    /// A name or address by which boxes reach the hub; may be given again.
    #[arg(long = "name")]
    names: Vec<String>,
}

/// What is done with sites.
#[derive(Debug, Subcommand)]
enum SiteWork {
    /// Adds a site, with its two streams.
    Add(OfSite),
}

/// One site.
#[derive(Debug, Args)]
struct OfSite {
    /// The number of the facility.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// The folder of the store and of the hub's authority.
    #[arg(long)]
    state: PathBuf,
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
    match carry_out(Cli::parse().action).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %chain(error.as_ref()), "the hub ended");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(action: Action) -> Result<(), Box<dyn Error>> {
    match action {
        Action::Serve(serve) => {
            let stopping = stop_on_signals()?;
            let streams = Streams::new(store_in(&serve.state)?, now_s, LONG_POLL_FOR, stopping.clone());
            let Serve { listen, state, names } = serve;
            sites(Open { listen, state, names, limits: Limits::USUAL }, streams, stopping, say_ready).await?;
        }
        Action::Site { work: SiteWork::Add(OfSite { site, state }) } => {
            let is_new = store_in(&state)?.add_site(site).await?;
            say(&format!("site {site} {}", if is_new { "added" } else { "was there" }))?;
        }
        Action::EnrolCode { of: OfSite { site, state }, replace } => {
            let replaces = if replace { Replaces::TheBox } else { Replaces::Nothing };
            let code = draw_code((&store_in(&state)?, &state), (site, replaces), now_s()).await?;
            say(&code.to_string())?;
        }
        Action::Revoke(OfSite { site, state }) => match store_in(&state)?.revoke(site).await? {
            Some(n_revoked) => say(&format!("{n_revoked} certificates of site {site} revoked"))?,
            None => return Err(format!("there is no site {site}").into()),
        },
        Action::Streams(open) => {
            let long_poll_for = Duration::from_millis(open.long_poll_ms);
            open_streams((open.listen, &open.store), long_poll_for, stop_on_signals()?, say_ready).await?;
        }
    }
    Ok(())
}

fn read_site(text: &str) -> Result<SiteId, ParseIntError> {
    text.parse().map(SiteId)
}

/// Opens the store of a state folder, which is made if it is not there, for its owner alone.
fn store_in(state: &Path) -> Result<Store, Box<dyn Error>> {
    DirBuilder::new().recursive(true).mode(0o700).create(state)?;
    Ok(Store::Sqlite(Sqlite::open(&state.join("hub.db"))?))
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

/// Says where it listens, on a line of its own, for whoever started it.
fn say_ready(address: SocketAddr) {
    if say(&format!("listening on {address}")).is_err() {
        tracing::warn!("nobody reads where the hub listens");
    }
}

/// Stops what is to stop when the process is told to.
fn stop_on_signals() -> io::Result<CancellationToken> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stopping = CancellationToken::new();
    let stop = stopping.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        stop.cancel();
    });
    Ok(stopping)
}

/// Writes an error with all its causes.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
