//! A hub of the test's own on this machine, and a line to it that can be cut.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use machiai_core::clock::Reading;
use machiai_core::ids::{BootId, SiteId};
use machiai_core::time::AtMs;
use machiai_hub::clock::Clock;
use machiai_hub::hub::Hub;
use machiai_hub::serve::{LONG_POLL_FOR, hub_on_loopback, now_s};
use machiai_hub::store::Store;
use machiai_hub::stream::routes::Streams;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// A running hub with one site; it ends when dropped.
pub struct HubHouse {
    address: SocketAddr,
    streams: Streams,
    stopping: CancellationToken,
}

impl HubHouse {
    /// Starts a hub whose store lies in a folder; its clock runs as a rehearsal's, from an instant with its offset.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(folder: &Path, site: SiteId, (starts, speed): (&str, u32)) -> Result<Self> {
        let store = Store::open(&format!("sqlite:{}", folder.join("hub.db").display())).await;
        let store = store.context("cannot open the hub's store")?;
        store.add_site(site).await.context("cannot make the site")?;
        let stopping = CancellationToken::new();
        let streams = Streams::new(store, now_s, LONG_POLL_FOR, stopping.clone());
        let clock = Clock::new(BootId::from_bytes([0x4b; 16]), rehearsal(starts, speed)?);
        let hub = Hub::begin(streams.clone(), clock).await.context("the hub does not begin")?;
        let (tell, told) = oneshot::channel();
        let stop = stopping.clone();
        tokio::spawn(async move {
            let listen = (SocketAddr::from(([127, 0, 0, 1], 0)), hub);
            // Whoever waits for the address finds out when it never comes.
            drop(
                hub_on_loopback(listen, stop, |address| {
                    let _told = tell.send(address);
                })
                .await,
            );
        });
        Ok(Self { address: told.await.context("the hub does not listen")?, streams, stopping })
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its streams.
    #[must_use]
    pub const fn streams(&self) -> &Streams {
        &self.streams
    }
}

impl Drop for HubHouse {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Returns what reads the clocks of a rehearsal.
#[expect(clippy::disallowed_methods, reason = "a rehearsal's clock begins where real time does")]
fn rehearsal(starts: &str, speed: u32) -> Result<impl Fn() -> Reading + Send + Sync + 'static> {
    let from: jiff::Timestamp = starts.parse().map_err(|cause| anyhow::anyhow!("the rehearsal's start: {cause}"))?;
    let (from, started) = (AtMs(from.as_millisecond()), Instant::now());
    Ok(move || {
        let mono_ms = u64::try_from(started.elapsed().saturating_mul(speed).as_millis()).unwrap_or(u64::MAX);
        let wall = from.plus_ms(i64::try_from(mono_ms).unwrap_or(i64::MAX));
        Reading { wall, mono_ms, synced: true, rehearsal: true }
    })
}

/// A line to an address that can be cut and mended: what goes through it is not looked at.
pub struct Line {
    address: SocketAddr,
    is_whole: watch::Sender<bool>,
    stopping: CancellationToken,
}

impl Line {
    /// Lays a line.
    ///
    /// # Errors
    /// No free port.
    pub async fn lay(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot lay a line")?;
        let address = listener.local_addr().context("a line without an address")?;
        let (is_whole, watched) = watch::channel(true);
        let stopping = CancellationToken::new();
        let stop = stopping.clone();
        tokio::spawn(async move {
            loop {
                let Some(Ok((from, _))) = stop.run_until_cancelled(listener.accept()).await else { return };
                tokio::spawn(stop.clone().run_until_cancelled_owned(carry(from, to, watched.clone())));
            }
        });
        Ok(Self { address, is_whole, stopping })
    }

    /// Returns where it begins.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it: what is open breaks, and nothing comes about.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    /// Mends it.
    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

async fn carry(mut from: TcpStream, to: SocketAddr, mut is_whole: watch::Receiver<bool>) {
    if !*is_whole.borrow() {
        return;
    }
    let Ok(mut onward) = TcpStream::connect(to).await else { return };
    tokio::select! {
        // How a carried connection ends is the business of those who speak over it.
        _ended = tokio::io::copy_bidirectional(&mut from, &mut onward) => {}
        _cut = is_whole.wait_for(|is_whole| !is_whole) => {}
    }
}

/// How long anything here may take to come about.
const SOON: Duration = Duration::from_secs(30);

/// Waits until a question is answered with something.
///
/// # Errors
/// It was not within half a minute.
pub async fn soon<T>(what: &str, mut question: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let asked = async {
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, asked).await.with_context(|| format!("{what}: not within {SOON:?}"))
}
