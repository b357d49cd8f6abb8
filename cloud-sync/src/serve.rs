//! The hub's listeners.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use axum::Router;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::door::authority::{Authority, AuthorityError};
use crate::door::limits::Limits;
use crate::door::{self, Door, Tls};
use crate::site::routes::{routes, spoken};
use crate::store::sqlite::Sqlite;
use crate::store::{Store, StoreError};
use crate::stream::routes::{Streams, open_to_all};

/// How long a long poll waits: shorter than proxies do.
pub const LONG_POLL_FOR: Duration = Duration::from_secs(25);

/// Why the hub does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[source] StoreError),
    /// The authority or the hub's certificate cannot be made or read.
    #[error("cannot use the hub's authority")]
    Authority(#[source] AuthorityError),
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

/// Serves streams that anybody on this machine may make, write, read and remove, until told to stop: what conformance
/// tests need, over the same store and routes as the sites' streams.
///
/// # Errors
/// [`ServeError`].
pub async fn open_streams(
    (address, store): (SocketAddr, &Path),
    long_poll_for: Duration,
    stopping: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let store = Store::Sqlite(Sqlite::open(store).map_err(ServeError::Store)?);
    let streams = Streams::new(store, now_s, long_poll_for, stopping.clone());
    serve(address, open_to_all(streams), stopping, ready).await
}

/// Where and how the hub serves the sites' boxes.
#[derive(Clone, Debug)]
pub struct Open {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The folder of its authority.
    pub state: PathBuf,
    /// Names and addresses by which boxes reach it; without any, this machine's own.
    pub names: Vec<String>,
    /// How much each may ask.
    pub limits: Limits,
}

/// Serves the sites' boxes over TLS until told to stop: each by the certificate that it was enrolled with.
///
/// # Errors
/// [`ServeError`].
pub async fn sites(
    open: Open,
    streams: Streams,
    stopping: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Listen { address: open.listen, source };
    let authority = Authority::open(&open.state).map_err(ServeError::Authority)?;
    let listener = TcpListener::bind(open.listen).await.and_then(TcpListener::into_std).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let door = Door::new(streams, authority, open.limits);
    let names = if open.names.is_empty() { own_names(address) } else { open.names };
    let tls = Tls::new(&door, names).map_err(ServeError::Authority)?;
    ready(address);
    door::serve(listener, (door, tls), stopping).await.map_err(failed)
}

/// Returns how this machine reaches the hub.
fn own_names(address: SocketAddr) -> Vec<String> {
    let ip = Some(address.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    ["localhost".to_owned()].into_iter().chain(ip).collect()
}

/// Serves sites on this machine alone, without asking who comes, until told to stop.
///
/// # Errors
/// [`ServeError`].
pub async fn sites_on_loopback(
    (address, streams): (SocketAddr, Streams),
    stopping: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    serve(address, spoken(routes(streams)), stopping, ready).await
}

async fn serve(
    address: SocketAddr,
    routes: Router,
    stopping: CancellationToken,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let serving = axum::serve(listener, routes);
    serving.with_graceful_shutdown(async move { stopping.cancelled().await }).await.map_err(failed)
}
