//! A hub for many boxes as a process of its own, which changes something for a site when it is told to.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use machiai_core::envelope::{By, Envelope, Head, Trust};
use machiai_core::facts::{Fact, MessageSet};
use machiai_core::ids::{BootId, Origin, Seq, SiteId};
use machiai_core::time::AtMs;
use machiai_hub::clock::Clock;
use machiai_hub::door::limits::Limits;
use machiai_hub::hub::Hub;
use machiai_hub::serve::{LONG_POLL_FOR, Listening, Open, hub_on_loopback, now_s, reading, sites};
use machiai_hub::store::{Before, Store};
use machiai_hub::stream::routes::Streams;
use machiai_wire::buckets::Rate;
use machiai_wire::hub_side::DEVICE;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::servers::hub::real_ms;

/// The word on the command line that makes this program the hub.
pub const WORD: &str = "fleet-hub";

/// What the hub is to be.
#[derive(Clone, Debug, Args)]
pub struct Node {
    /// The folder of its authority.
    #[arg(long)]
    pub state: PathBuf,
    /// The store, as `machiai-hub` names it.
    #[arg(long)]
    pub store: String,
    /// Speak in clear, and ask nobody who comes.
    #[arg(long)]
    pub in_clear: bool,
}

impl Node {
    /// Serves on a free port of 127.0.0.1 until the input ends; each line of it is a site for which to change something.
    ///
    /// # Errors
    /// It does not start, or a change cannot be written.
    pub async fn carry_out(self) -> Result<()> {
        let stopping = CancellationToken::new();
        let store = Store::open(&self.store).await.context("cannot open the store")?;
        let streams = Streams::new(store, now_s, LONG_POLL_FOR, stopping.clone());
        let boot = BootId::from_bytes(machiai_hub::chance::bytes().context("no random bytes")?);
        let hub = Hub::begin(streams, Clock::new(boot, reading())).await.context("the hub does not begin")?;
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let listens = |address: SocketAddr| {
            // Whoever waits for it finds out when it never comes.
            drop(writeln!(io::stdout(), "ready {address}"));
        };
        let changing = change_as_told((hub.clone(), boot), told(), &stopping);
        let serving = async {
            if self.in_clear {
                hub_on_loopback((free, hub.clone()), stopping.clone(), listens).await.context("the hub ended")
            } else {
                // All boxes of this bench come from one address, and enrol from there at once.
                let tries = Rate { per_minute: 1_000_000, at_once: 1_000_000 };
                let limits = Limits { connections_of_one: Limits::USUAL.connections, tries, ..Limits::USUAL };
                let (state, names) = (self.state, Vec::new());
                let open = Open { listen: free, public: None, operators: None, watch: None, state, names, limits };
                let ready = |at: Listening| listens(at.boxes);
                sites(open, hub.clone(), stopping.clone(), ready).await.context("the hub ended")
            }
        };
        let (served, changed) = tokio::join!(Box::pin(serving), changing);
        served.and(changed)
    }
}

/// Returns the lines of the input as they come.
fn told() -> UnboundedReceiver<String> {
    let (tell, told) = unbounded_channel();
    // Ends with the input, or when nobody listens any more.
    std::thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    told
}

/// Changes a message for each site that is named; the end of that is the hub's.
async fn change_as_told(
    (hub, boot): (Hub, BootId),
    mut told: UnboundedReceiver<String>,
    stopping: &CancellationToken,
) -> Result<()> {
    let _ending = stopping.clone().drop_guard();
    let origin = Origin::from_bytes(machiai_hub::chance::bytes().context("no random bytes")?);
    while let Some(line) = told.recv().await {
        let site = line.parse().map(SiteId).with_context(|| format!("{line:?} is no site"))?;
        let lines = move |before: Before| {
            let seq = Seq(before.head.seq.0.saturating_add(1));
            message((site, origin, boot), seq).into_iter().collect()
        };
        if !hub.streams().write_own(site, origin, Box::new(lines)).await? {
            bail!("nothing was written for site {site}");
        }
    }
    Ok(())
}

fn message((site, origin, boot): (SiteId, Origin, BootId), seq: Seq) -> Option<Vec<u8>> {
    let by = By { device: DEVICE.parse().ok()?, person: None };
    let head = Head {
        site,
        line: None,
        origin,
        seq,
        at_ms: AtMs(real_ms()),
        at_n: 0,
        boot,
        mono_ms: 0,
        clock: Trust::Synced,
        by,
        cmd: None,
    };
    Envelope { head, fact: Fact::MessageSet(MessageSet { text: format!("change {seq}") }) }.write().ok()
}
