//! The hub's listeners.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::store::sqlite::Sqlite;
use crate::store::{Store, StoreError};
use crate::stream::routes::{Streams, open_to_all};

/// Why the hub does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[source] StoreError),
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
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let serving = axum::serve(listener, open_to_all(streams));
    serving.with_graceful_shutdown(async move { stopping.cancelled().await }).await.map_err(failed)
}
