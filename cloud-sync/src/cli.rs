//! The command line of `machiai-hub`: what can be done, and doing it.

use std::error::Error;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::adopt::Adopt;
use crate::backup::{back_up, hold, is_whole, restore};
use crate::blobs::{BlobError, Blobs};
use crate::calls::ShowCalls;
use crate::chance::{self, NoChance};
use crate::clock::Clock;
use crate::door::{draw_code, limits::Limits};
use crate::folder::make_private;
use crate::hub::Hub;
use crate::nodes::Nodes;
use crate::operator::orders::{AddOperator, RemoveOperator, ShowAudit, list};
use crate::publish::Publisher;
use crate::publish::orders::{Add, HoursOrder, Message, SendTable, ShowProgram, Withdraw, read_site};
use crate::pulse;
use crate::serve::{Desk, LONG_POLL_FOR, Listening, Open, now_s, open_streams, reading, sites};
use crate::service::orders::{AddPause, EndPause, SetHours, show};
use crate::store::Store;
use crate::store::devices::Replaces;
use crate::stream::routes::Streams;
use crate::support::orders::{DrawKey, ListOrders, SendOrder, ShowOrder, Wanted};
use clap::{Args, Parser, Subcommand};
use machiai_core::ids::{BootId, SiteId};
use machiai_core::time::AtMs;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The hub with which the clinics' boxes reconcile.
#[derive(Debug, Parser)]
#[command(name = "machiai-hub", version, about, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    action: Action,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Action {
    /// Serves the sites' boxes over TLS, and patients behind a proxy.
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
    /// Copies the hub into a new folder while it serves: its authority, and its store where that is a file.
    Backup {
        #[command(flatten)]
        kept: Kept,
        /// The folder, which is not there yet.
        to: PathBuf,
    },
    /// Brings a backup back into the state folder of a hub that does not serve; what was there is set aside.
    Restore {
        /// The state folder.
        #[arg(long)]
        state: PathBuf,
        /// The backup's folder.
        from: PathBuf,
    },
    /// Says that a store on a server came back from a backup, before any node serves again.
    Restored(Kept),
    /// Publishes films, stills and adverts.
    Content {
        /// What to do with them.
        #[command(subcommand)]
        work: ContentWork,
    },
    /// Publishes program tables.
    Program {
        /// What to do with them.
        #[command(subcommand)]
        work: ProgramWork,
    },
    /// Sets the i-message of a site.
    Message(In<Message>),
    /// Sets the hours of a site, or writes those that stand.
    Hours(In<HoursOrder>),
    /// Adds, removes and lists the vendor's people who may look after the fleet.
    Operator {
        /// What to do.
        #[command(subcommand)]
        work: OperatorWork,
    },
    /// Writes a site's consultation calls of a month, and what they come to.
    Calls(In<ShowCalls>),
    /// Says when the hub serves: boxes and patients are told.
    Service {
        /// What to do.
        #[command(subcommand)]
        work: ServiceWork,
    },
    /// Takes in what a hub before this one wrote for sites, which their boxes bring back: after a hub was built anew
    /// without a backup.
    Adopt(In<Adopt>),
    /// Orders remote support, and shows what came of it.
    Support {
        /// What to do.
        #[command(subcommand)]
        work: SupportWork,
    },
    /// Prints who signed in, tried to, and did what.
    Audit(In<ShowAudit>),
    /// Serves streams that anybody on this machine may use, for conformance tests.
    Streams(OpenStreams),
}

/// Where the hub keeps what it holds.
#[derive(Debug, Args)]
struct Kept {
    /// The folder of the hub's authority, the same on all nodes.
    #[arg(long)]
    state: PathBuf,
    /// The store: `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, which many nodes may share; a file in the state
    /// folder by default.
    #[arg(long)]
    store: Option<String>,
    /// Where content lies, the same for all nodes: `file:FOLDER`, or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME` with
    /// credentials in the environment; a folder in the state folder by default.
    #[arg(long)]
    blobs: Option<String>,
}

/// How nodes on one store hear of each other.
#[derive(Debug, Args)]
struct Together {
    /// How often to look what other nodes have appended, in milliseconds.
    #[arg(long, default_value_t = 250)]
    look_every_ms: u64,
    /// A NATS server that wakes nodes sooner, `nats://HOST:PORT`.
    #[arg(long)]
    nats: Option<String>,
}

/// Serving sites.
#[derive(Debug, Args)]
struct Serve {
    /// Where to listen for boxes.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Where to listen for patients and everybody else, in clear: for a proxy that speaks TLS with a certificate which
    /// telephones trust.
    #[arg(long)]
    public: Option<SocketAddr>,
    /// Where to listen for operators, in clear, on this machine alone: for a proxy that speaks TLS.
    #[arg(long)]
    operators: Option<SocketAddr>,
    /// The proxy is on another machine, over a network of the hub's own: operators' pages may listen elsewhere.
    #[arg(long, requires = "operators")]
    operators_behind_proxy: bool,
    /// Where to answer whoever watches machines, in clear: `/livez`, `/readyz` and `/metrics`, which name no clinic.
    #[arg(long)]
    watch: Option<SocketAddr>,
    #[command(flatten)]
    kept: Kept,
    #[command(flatten)]
    together: Together,
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
    #[command(flatten)]
    kept: Kept,
}

/// An order, and the hub that it is for.
#[derive(Debug, Args)]
struct In<T: Args> {
    #[command(flatten)]
    order: T,
    #[command(flatten)]
    kept: Kept,
}

/// What is done with operators.
#[derive(Debug, Subcommand)]
enum OperatorWork {
    /// Adds an account, and prints once what its authenticator needs.
    Add(In<AddOperator>),
    /// Removes an account, and ends its sign-ins at once.
    Remove(In<RemoveOperator>),
    /// Lists the accounts.
    List(Kept),
}

/// What is done about remote support.
#[derive(Debug, Subcommand)]
enum SupportWork {
    /// Draws an operator's key into a file of the operator's, and prints what the boxes' configuration needs.
    Key(DrawKey),
    /// Signs an order where the operator works, and prints the document to be sent.
    Sign(Wanted),
    /// Signs an order and sends it to a site's box, which asks the clinic.
    Order(In<Wanted>),
    /// Sends an order that was signed elsewhere.
    Send(In<SendOrder>),
    /// Lists a site's orders, the newest first.
    List(In<ListOrders>),
    /// Shows what was ordered against what was done.
    Show(In<ShowOrder>),
}

/// What is said of when the hub serves.
#[derive(Debug, Subcommand)]
enum ServiceWork {
    /// Sets its hours of each day: out of them a hub that is silent is not in trouble.
    Hours(In<SetHours>),
    /// Announces a pause, in which nobody but operators is served.
    Pause(In<AddPause>),
    /// Takes a pause back, or ends one that runs.
    Resume(In<EndPause>),
    /// Shows what was said.
    Show(Kept),
}

/// What is done with content.
#[derive(Debug, Subcommand)]
enum ContentWork {
    /// Keeps a file, and lets the boxes of sites fetch it; once more, and its lease begins anew.
    Add(In<Add>),
    /// Withdraws content from sites.
    Withdraw(In<Withdraw>),
}

/// What is done with program tables.
#[derive(Debug, Subcommand)]
enum ProgramWork {
    /// Sends a table, or its next revision, to a site.
    Publish(In<SendTable>),
    /// Says which tables a site has, whether they are approved, and what airs at an instant.
    Show(In<ShowProgram>),
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
    #[command(flatten)]
    together: Together,
    /// How long a long poll waits, in milliseconds.
    #[arg(long, default_value_t = 20_000)]
    long_poll_ms: u64,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// It cannot be done; the error and its causes say why.
    pub async fn carry_out(self) -> Result<(), Box<dyn Error>> {
        Box::pin(carry_out(self.action)).await
    }
}

async fn carry_out(action: Action) -> Result<(), Box<dyn Error>> {
    match action {
        Action::Serve(serve) => serve_sites(serve).await?,
        Action::Site { work: SiteWork::Add(OfSite { site, kept }) } => {
            let is_new = kept.open().await?.add_site(site).await?;
            say(&format!("site {site} {}", if is_new { "added" } else { "was there" }))?;
        }
        Action::EnrolCode { of: OfSite { site, kept }, replace } => {
            let replaces = if replace { Replaces::TheBox } else { Replaces::Nothing };
            let code = draw_code((&kept.open().await?, &kept.state), (site, replaces), now_s()).await?;
            say(&code.to_string())?;
        }
        Action::Revoke(OfSite { site, kept }) => match kept.open().await?.revoke(site).await? {
            Some(n_revoked) => say(&format!("{n_revoked} certificates of site {site} revoked"))?,
            None => return Err(format!("there is no site {site}").into()),
        },
        Action::Backup { kept, to } => back_up(&kept.open().await?, &kept.state, &to).await?,
        Action::Restore { state, from } => {
            let aside = restore(&from, &state, new_clock()?.now())?;
            say(&format!("restored; what was there lies in {}", aside.display()))?;
        }
        Action::Restored(kept) => kept.open().await?.begin_life(new_clock()?.now()).await?,
        Action::Content { work: ContentWork::Add(In { order, kept }) } => {
            say(&order.carry_out(&kept.publisher().await?.0, &kept.blobs()?).await?)?;
        }
        Action::Content { work: ContentWork::Withdraw(In { order, kept }) } => {
            say(&order.carry_out(&kept.publisher().await?.0).await?)?;
        }
        Action::Program { work: ProgramWork::Publish(In { order, kept }) } => {
            say(&order.carry_out(&kept.publisher().await?.0).await?)?;
        }
        Action::Program { work: ProgramWork::Show(In { order, kept }) } => {
            let (publisher, now) = kept.publisher().await?;
            say(&order.carry_out(&publisher, now).await?)?;
        }
        Action::Message(In { order, kept }) => say(&order.carry_out(&kept.publisher().await?.0).await?)?,
        Action::Hours(In { order, kept }) => say(&order.carry_out(&kept.publisher().await?.0).await?)?,
        Action::Operator { work } => say(&operators(work).await?)?,
        Action::Calls(In { order, kept }) => say(&order.carry_out(&kept.open().await?, new_clock()?.now()).await?)?,
        Action::Service { work } => say(&service(work).await?)?,
        Action::Adopt(In { order, kept }) => say(&order.carry_out(&kept.open().await?, new_clock()?.now()).await?)?,
        Action::Support { work } => say(&support(work).await?)?,
        Action::Audit(In { order, kept }) => say(&order.carry_out(&kept.open().await?).await?)?,
        Action::Streams(OpenStreams { listen, store, together, long_poll_ms }) => {
            let how = (Duration::from_millis(long_poll_ms), together.nodes());
            open_streams((listen, &store), how, stop_on_signals()?, say_ready).await?;
        }
    }
    Ok(())
}

async fn operators(work: OperatorWork) -> Result<String, Box<dyn Error>> {
    match work {
        OperatorWork::Add(In { order, kept }) => order.carry_out(&kept.open().await?).await,
        OperatorWork::Remove(In { order, kept }) => order.carry_out(&kept.open().await?).await,
        OperatorWork::List(kept) => Ok(list(&kept.open().await?).await?),
    }
}

async fn service(work: ServiceWork) -> Result<String, Box<dyn Error>> {
    match work {
        ServiceWork::Hours(In { order, kept }) => order.carry_out(&kept.open().await?).await,
        ServiceWork::Pause(In { order, kept }) => order.carry_out(&kept.open().await?, new_clock()?.now()).await,
        ServiceWork::Resume(In { order, kept }) => order.carry_out(&kept.open().await?).await,
        ServiceWork::Show(kept) => Ok(show(&kept.open().await?.service().await?)),
    }
}

async fn support(work: SupportWork) -> Result<String, Box<dyn Error>> {
    match work {
        SupportWork::Key(order) => order.carry_out(),
        SupportWork::Sign(order) => order.sign(new_clock()?.now()),
        SupportWork::Order(In { order, kept }) => {
            let (publisher, now) = kept.publisher().await?;
            order.carry_out(&kept.open().await?, (&publisher, now)).await
        }
        SupportWork::Send(In { order, kept }) => order.carry_out(&kept.open().await?, &kept.publisher().await?.0).await,
        SupportWork::List(In { order, kept }) => order.carry_out(&kept.publisher().await?.0).await,
        SupportWork::Show(In { order, kept }) => order.carry_out(&kept.publisher().await?.0).await,
    }
}

async fn serve_sites(serve: Serve) -> Result<(), Box<dyn Error>> {
    let Serve { listen, public, operators, operators_behind_proxy, watch, kept, together, names } = serve;
    let stopping = stop_on_signals()?;
    make_private(&kept.state)?;
    let _held = if kept.store.is_none() { Some(hold(&kept.state)?) } else { None };
    let streams = Streams::new(kept.open().await?, now_s, LONG_POLL_FOR, stopping.clone()).among(together.nodes());
    let hub = Hub::begin(streams, new_clock()?).await?.giving(kept.blobs()?);
    let operators = operators.map(|listen| Desk { listen, is_behind_proxy: operators_behind_proxy });
    let open = Open { listen, public, operators, watch, state: kept.state, names, limits: Limits::USUAL };
    let felt = hub.clone();
    let ready = |Listening { boxes, public, operators, watch }: Listening| {
        say_ready(boxes);
        // It ends with the process.
        drop(tokio::spawn(pulse::feel(boxes, felt, || notify(sd_notify::NotifyState::Watchdog))));
        if let Some(public) = public {
            tell(&format!("patients at {public}"));
        }
        if let Some(operators) = operators {
            tell(&format!("operators at {operators}"));
        }
        if let Some(watch) = watch {
            tell(&format!("metrics at {watch}"));
        }
        notify(sd_notify::NotifyState::Ready);
    };
    Ok(sites(open, hub, stopping, ready).await?)
}

/// Tells the service manager; without one nobody listens.
fn notify(state: sd_notify::NotifyState<'_>) {
    if let Err(cause) = sd_notify::notify(&[state]) {
        tracing::debug!(error = %cause, "the service manager does not listen");
    }
}

impl Kept {
    /// Opens the store; the state folder is made if it is not there, for its owner alone.
    async fn open(&self) -> Result<Store, Box<dyn Error>> {
        make_private(&self.state)?;
        is_whole(&self.state)?;
        let in_state = || format!("sqlite:{}", self.state.join("hub.db").display());
        Ok(Store::open(&self.store.clone().unwrap_or_else(in_state)).await?)
    }

    /// Opens the store for whoever publishes, and tells the instant.
    async fn publisher(&self) -> Result<(Publisher, AtMs), Box<dyn Error>> {
        let clock = new_clock()?;
        let now = clock.now();
        Ok((Publisher::new(self.open().await?, clock).await?, now))
    }

    /// Opens the place of content.
    fn blobs(&self) -> Result<Blobs, BlobError> {
        let in_state = || format!("file:{}", self.state.join("blobs").display());
        Blobs::open(&self.blobs.clone().unwrap_or_else(in_state))
    }
}

fn new_clock() -> Result<Clock, NoChance> {
    Ok(Clock::new(BootId::from_bytes(chance::bytes()?), reading()))
}

impl Together {
    fn nodes(self) -> Nodes {
        Nodes { look_every: Duration::from_millis(self.look_every_ms.max(1)), nats: self.nats }
    }
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}

fn tell(line: &str) {
    if say(line).is_err() {
        tracing::warn!("nobody reads where the hub listens");
    }
}

/// Says where it listens, on a line of its own, for whoever started it.
fn say_ready(address: SocketAddr) {
    tell(&format!("listening on {address}"));
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
