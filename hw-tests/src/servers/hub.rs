//! A node of the hub as a process of its own, whose clock is a rehearsal's: out of this project's own program, so that it
//! can be killed as a node is.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use clap::Args;
use machiai_core::clock::Reading;
use machiai_core::ids::{BootId, SiteId};
use machiai_core::time::AtMs;
use machiai_hub::blobs::Blobs;
use machiai_hub::clock::Clock;
use machiai_hub::door::draw_code;
use machiai_hub::door::limits::Limits;
use machiai_hub::hub::Hub;
use machiai_hub::publish::Publisher;
use machiai_hub::serve::{Desk, LONG_POLL_FOR, Listening, Open, now_s, sites};
use machiai_hub::store::Store;
use machiai_hub::store::devices::Replaces;
use machiai_hub::stream::routes::Streams;
use machiai_wire::enrol::Code;
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use super::Server;

/// By what the program is told to be a node.
pub const WORD: &str = "hub";

/// What the node says once it listens, before its three addresses.
const LISTENS: &str = "the hub listens on ";

/// What a node is to be.
#[derive(Clone, Debug, Args)]
pub struct Serve {
    /// The folder of the hub's authority.
    #[arg(long)]
    pub state: PathBuf,
    /// The store, as `machiai-hub` names it.
    #[arg(long)]
    pub store: String,
    /// The one site.
    #[arg(long)]
    pub site: u32,
    /// What the rehearsal's clock showed, milliseconds of UTC.
    #[arg(long)]
    pub showed_ms: i64,
    /// When it showed that, milliseconds of UTC in real time.
    #[arg(long)]
    pub at_ms: i64,
    /// How many times faster than real time it runs.
    #[arg(long)]
    pub speed: u32,
}

impl Serve {
    /// Serves boxes, patients and operators on free ports of 127.0.0.1 until it is ended.
    ///
    /// # Errors
    /// It does not start.
    pub async fn carry_out(self) -> Result<()> {
        let stopping = CancellationToken::new();
        let streams = Streams::new(self.open().await?, now_s, LONG_POLL_FOR, stopping.clone());
        let hub = Hub::begin(streams, self.clock()?).await.context("the hub does not begin")?.giving(self.blobs()?);
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let desk = Desk { listen: free, is_behind_proxy: false };
        let open = Open {
            listen: free,
            public: Some(free),
            operators: Some(desk),
            watch: None,
            state: self.state,
            names: Vec::new(),
            limits: Limits::USUAL,
        };
        let ready = |Listening { boxes, public, operators, .. }: Listening| {
            let (public, operators) = (public.unwrap_or(free), operators.unwrap_or(free));
            // Whoever waits for it finds out when it never comes.
            drop(writeln!(io::stderr(), "{LISTENS}{boxes} {public} {operators}"));
        };
        sites(open, hub, stopping, ready).await.context("the hub ended")
    }

    /// Opens the folder of content, below the authority's.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn blobs(&self) -> Result<Blobs> {
        let name = format!("file:{}", self.state.join("blobs").display());
        Blobs::open(&name).context("cannot open the folder of content")
    }

    /// Begins to publish by the rehearsal's clock.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn publisher(&self) -> Result<Publisher> {
        Publisher::new(self.open().await?, self.clock()?).await.context("nothing can be published")
    }

    fn clock(&self) -> Result<Clock> {
        let boot = BootId::from_bytes(machiai_hub::chance::bytes().context("no random bytes")?);
        Ok(Clock::new(boot, rehearsal(self.showed_ms, self.at_ms, self.speed)))
    }

    async fn open(&self) -> Result<Store> {
        let store = Store::open(&self.store).await.context("cannot open the hub's store")?;
        store.add_site(SiteId(self.site)).await.context("cannot make the site")?;
        Ok(store)
    }

    /// Draws a code that enrols a box in the place of the one before.
    ///
    /// # Errors
    /// The store or the authority cannot be used.
    pub async fn enrol_code(&self) -> Result<Code> {
        let of = (SiteId(self.site), Replaces::TheBox);
        draw_code((&self.open().await?, &self.state), of, now_s()).await.context("no enrolment code")
    }

    /// Revokes the certificates of the site's box, and draws a code for one that takes nobody's place.
    ///
    /// # Errors
    /// The store or the authority cannot be used.
    pub async fn enrol_code_after_revoking(&self) -> Result<Code> {
        let (store, site) = (self.open().await?, SiteId(self.site));
        store.revoke(site).await.context("cannot revoke")?;
        draw_code((&store, &self.state), (site, Replaces::Nothing), now_s()).await.context("no enrolment code")
    }
}

/// A running node; it is killed when dropped.
#[derive(Debug)]
pub struct Node {
    _server: Server,
    boxes: SocketAddr,
    patients: SocketAddr,
    operators: SocketAddr,
}

impl Node {
    /// Starts a node out of a program of this project.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(program: &Path, serve: &Serve) -> Result<Self> {
        let mut command = Command::new(program);
        let state = serve.state.to_string_lossy();
        command.args([WORD, "--state", &state, "--store", &serve.store, "--site", &serve.site.to_string()]);
        command.args(["--showed-ms", &serve.showed_ms.to_string(), "--at-ms", &serve.at_ms.to_string()]);
        command.args(["--speed", &serve.speed.to_string()]);
        crate::demo::daemon::apart(&mut command);
        let read = |line: &str| {
            let mut addresses = line.strip_prefix(LISTENS)?.split(' ').map(|address| address.parse().ok());
            Some((addresses.next()??, addresses.next()??, addresses.next()??))
        };
        let (server, (boxes, patients, operators)) = Server::start(&mut command, Signal::KILL, read)?;
        Ok(Self { _server: server, boxes, patients, operators })
    }

    /// Returns where boxes reach it.
    #[must_use]
    pub const fn boxes(&self) -> SocketAddr {
        self.boxes
    }

    /// Returns where operators reach it.
    #[must_use]
    pub const fn operators(&self) -> SocketAddr {
        self.operators
    }

    /// Returns where patients reach it.
    #[must_use]
    pub const fn patients(&self) -> SocketAddr {
        self.patients
    }
}

/// Returns the real time, milliseconds of UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a rehearsal's clock begins where real time is")]
pub fn real_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Returns what reads the clocks of a rehearsal.
#[expect(clippy::disallowed_methods, reason = "a rehearsal's clock runs on real time")]
fn rehearsal(showed_ms: i64, at_ms: i64, speed: u32) -> impl Fn() -> Reading + Send + Sync + 'static {
    let since_ms = real_ms().saturating_sub(at_ms).max(0);
    let (from, started) = (AtMs(showed_ms).plus_ms(since_ms.saturating_mul(i64::from(speed))), Instant::now());
    move || {
        let mono_ms = u64::try_from(started.elapsed().saturating_mul(speed).as_millis()).unwrap_or(u64::MAX);
        let wall = from.plus_ms(i64::try_from(mono_ms).unwrap_or(i64::MAX));
        Reading { wall, mono_ms, synced: true, rehearsal: true }
    }
}
