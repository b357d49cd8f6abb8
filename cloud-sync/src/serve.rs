//! The hub's listeners.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use machiai_core::clock::Reading;
use machiai_core::time::AtMs;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::hub::Hub;
use crate::nodes::{Ears, Nodes, NodesError, hear};
use crate::store::{Store, StoreError};
use crate::stream::routes::{Streams, open_to_all};

/// How long a long poll waits: shorter than proxies do.
pub const LONG_POLL_FOR: Duration = Duration::from_secs(25);

/// How often a node does what is due.
const HOUSE_EVERY: Duration = Duration::from_secs(10);

/// Why the hub does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[source] StoreError),
    /// Other nodes cannot be heard.
    #[error("cannot hear other nodes")]
    Nodes(#[source] NodesError),
    /// The address is taken, or the listener failed.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An address that others can reach.
    #[error("{address} is not this machine alone: streams open to all are for conformance tests")]
    NotLoopback {
        /// Which.
        address: SocketAddr,
    },
}

/// Reads the wall clock, in seconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the edge where time comes in")]
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// Returns what reads this machine's clocks.
#[expect(clippy::disallowed_methods, reason = "this is the edge where time comes in")]
pub fn reading() -> impl Fn() -> Reading + Send + Sync + 'static {
    let started = Instant::now();
    move || {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let wall = AtMs(i64::try_from(ms(wall)).unwrap_or(i64::MAX));
        // A server in a data centre has its time from a time server.
        Reading { wall, mono_ms: ms(started.elapsed()), synced: true, rehearsal: false }
    }
}

/// Serves streams that anybody on this machine may make, write, read and remove, until told to stop: what conformance
/// tests need, over the same store and routes as the sites' streams.
///
/// # Errors
/// [`ServeError`].
pub async fn open_streams(
    (address, store): (SocketAddr, &str),
    (long_poll_for, nodes): (Duration, Nodes),
    stopping: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let store = Store::open(store).await.map_err(ServeError::Store)?;
    let streams = Streams::new(store, now_s, long_poll_for, stopping.clone()).among(nodes);
    serve(address, (open_to_all(streams.clone()), streams), stopping, ready).await
}

/// Serves a hub on this machine alone, without asking who comes, until told to stop.
///
/// # Errors
/// [`ServeError`].
pub async fn hub_on_loopback(
    (address, hub): (SocketAddr, Hub),
    stopping: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let routes = hub.for_boxes().merge(hub.for_all());
    tokio::select! {
        served = serve(address, (routes, hub.streams().clone()), stopping, ready) => served,
        () = keep_house(&hub) => Ok(()),
    }
}

/// Does what is due now and then, for ever.
async fn keep_house(hub: &Hub) {
    let mut due = tokio::time::interval(HOUSE_EVERY);
    loop {
        due.tick().await;
        hub.keep_house().await;
    }
}

async fn serve(
    address: SocketAddr,
    (routes, streams): (Router, Streams),
    stopping: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let ears = Ears::open(&streams.nodes).await.map_err(ServeError::Nodes)?;
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let stop = stopping.clone().cancelled_owned();
    let serving = async {
        let served = axum::serve(listener, routes).with_graceful_shutdown(stop).await;
        // Where nobody is served any more, nobody is to be woken.
        stopping.cancel();
        served
    };
    let (served, ()) = tokio::join!(serving, hear(&streams, ears));
    served.map_err(failed)
}
