//! The hub's listeners.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum_server::accept::NoDelayAcceptor;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use machiai_core::clock::Reading;
use machiai_core::time::AtMs;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::door::authority::{Authority, AuthorityError};
use crate::door::limits::Limits;
use crate::door::{self, Door, Tls};
use crate::hub::Hub;
use crate::nodes::{Ears, Nodes, NodesError, hear};
use crate::site::routes::spoken;
use crate::store::{Store, StoreError};
use crate::stream::routes::{Streams, open_to_all};

/// How long a long poll waits: shorter than proxies do.
pub const LONG_POLL_FOR: Duration = Duration::from_secs(25);

/// How often a node does what is due.
const HOUSE_EVERY: Duration = Duration::from_secs(10);

/// How long requests that have begun may take when the hub is to stop.
const DRAIN_FOR: Duration = Duration::from_secs(10);

/// Why the hub does not serve.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Store(#[source] StoreError),
    /// The authority or the hub's certificate cannot be made or read.
    #[error("cannot use the hub's authority")]
    Authority(#[source] AuthorityError),
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
    /// Operators' pages in clear for a network.
    #[error("{address} is not this machine alone: operators' pages go in clear, for a proxy with TLS in front")]
    OperatorsInClear {
        /// Which.
        address: SocketAddr,
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

/// Where and how the hub serves.
#[derive(Clone, Debug)]
pub struct Open {
    /// Where it listens for boxes.
    pub listen: SocketAddr,
    /// Where it listens for patients and everybody else, in clear, for a proxy in front of it.
    pub public: Option<SocketAddr>,
    /// Where it listens for operators, in clear, for a proxy in front of it.
    pub operators: Option<Desk>,
    /// Where it listens for whoever watches machines, in clear.
    pub watch: Option<SocketAddr>,
    /// The folder of its authority.
    pub state: PathBuf,
    /// Names and addresses by which boxes reach it; without any, this machine's own.
    pub names: Vec<String>,
    /// How much each may ask.
    pub limits: Limits,
}

/// Where the hub listens for operators.
#[derive(Clone, Copy, Debug)]
pub struct Desk {
    /// The address.
    pub listen: SocketAddr,
    /// Whether a proxy on another machine is said to be in front, so that it need not be this machine alone.
    pub is_behind_proxy: bool,
}

/// Where the hub listens.
#[derive(Clone, Copy, Debug)]
pub struct Listening {
    /// For boxes.
    pub boxes: SocketAddr,
    /// For patients and everybody else.
    pub public: Option<SocketAddr>,
    /// For operators.
    pub operators: Option<SocketAddr>,
    /// For whoever watches machines.
    pub watch: Option<SocketAddr>,
}

/// Serves the sites' boxes over TLS, each by the certificate that it was enrolled with, and patients, operators and
/// whoever watches machines in clear, until told to stop.
///
/// # Errors
/// [`ServeError`].
pub async fn sites(
    open: Open,
    hub: Hub,
    stopping: CancellationToken,
    ready: impl FnOnce(Listening),
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Listen { address: open.listen, source };
    let authority = Authority::open(&open.state).map_err(ServeError::Authority)?;
    let ears = Ears::open(&hub.streams().nodes).await.map_err(ServeError::Nodes)?;
    let listener = TcpListener::bind(open.listen).await.and_then(TcpListener::into_std).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let public = listen_if(open.public).await?;
    let operators = listen_if(open.operators.map(Desk::checked).transpose()?).await?;
    let watch = listen_if(open.watch).await?;
    let door = Door::new(hub.clone(), authority, open.limits);
    let names = if open.names.is_empty() { own_names(address) } else { open.names };
    let tls = Tls::new(&door, names).map_err(ServeError::Authority)?;
    let at = |listener: &Option<(std::net::TcpListener, SocketAddr)>| listener.as_ref().map(|(_, at)| *at);
    ready(Listening { boxes: address, public: at(&public), operators: at(&operators), watch: at(&watch) });
    let for_boxes = async { door::serve(listener, (door, tls), stopping.clone()).await.map_err(failed) };
    let for_all = answer_if(public, hub.for_all(), &stopping);
    let for_operators = answer_if(operators, hub.for_operators(), &stopping);
    let for_watchers = answer_if(watch, hub.for_watchers(), &stopping);
    let serving = Box::pin(async {
        let served = tokio::try_join!(for_boxes, for_all, for_operators, for_watchers);
        // Where nobody is served any more, nobody is to be woken.
        stopping.cancel();
        served.map(drop)
    });
    tokio::select! {
        (served, ()) = Box::pin(async { tokio::join!(serving, hear(hub.streams(), ears)) }) => served,
        () = Box::pin(keep_house(&hub)) => Ok(()),
    }
}

/// Returns how this machine reaches the hub.
fn own_names(address: SocketAddr) -> Vec<String> {
    let ip = Some(address.ip()).filter(|ip| !ip.is_unspecified()).map(|ip| ip.to_string());
    ["localhost".to_owned()].into_iter().chain(ip).collect()
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
    let routes = spoken(hub.for_boxes()).merge(hub.for_all());
    tokio::select! {
        served = Box::pin(serve(address, (routes, hub.streams().clone()), stopping, ready)) => served,
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
    let ears = Ears::open(&streams.nodes).await.map_err(ServeError::Nodes)?;
    let listener = listen(address).await?;
    ready(listener.1);
    let serving = async {
        let served = answer(listener, routes, &stopping).await;
        // Where nobody is served any more, nobody is to be woken.
        stopping.cancel();
        served
    };
    let (served, ()) = tokio::join!(serving, hear(&streams, ears));
    served
}

impl Desk {
    /// Returns the address, unless it would carry passwords over a network in clear.
    fn checked(self) -> Result<SocketAddr, ServeError> {
        let Self { listen: address, is_behind_proxy } = self;
        if address.ip().is_loopback() || is_behind_proxy {
            return Ok(address);
        }
        Err(ServeError::OperatorsInClear { address })
    }
}

/// Begins to listen where there is an address.
async fn listen_if(address: Option<SocketAddr>) -> Result<Option<(std::net::TcpListener, SocketAddr)>, ServeError> {
    match address {
        Some(address) => listen(address).await.map(Some),
        None => Ok(None),
    }
}

/// Answers where something listens.
async fn answer_if(
    listener: Option<(std::net::TcpListener, SocketAddr)>,
    routes: Router,
    stopping: &CancellationToken,
) -> Result<(), ServeError> {
    match listener {
        Some(listener) => answer(listener, routes, stopping).await,
        None => Ok(()),
    }
}

/// Begins to listen; returns where.
async fn listen(address: SocketAddr) -> Result<(std::net::TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.and_then(TcpListener::into_std).map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

/// Answers in clear until told to stop.
async fn answer(
    (listener, address): (std::net::TcpListener, SocketAddr),
    routes: Router,
    stopping: &CancellationToken,
) -> Result<(), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let server = axum_server::from_tcp(listener).map_err(failed)?.acceptor(NoDelayAcceptor::new());
    let (server, stop) = http1(server, Limits::USUAL.head_for, stopping);
    tokio::select! {
        served = server.serve(routes.into_make_service()) => served.map_err(failed),
        () = stop => Ok(()),
    }
}

/// Has a server speak HTTP/1.1 alone, give up a connection whose next head does not come whole in time, and stop when it
/// is told to; what is returned beside it tells it so and never ends.
pub(crate) fn http1<A>(
    server: Server<SocketAddr, A>,
    head_for: Duration,
    stopping: &CancellationToken,
) -> (Server<SocketAddr, A>, impl Future<Output = ()>) {
    let handle = Handle::new();
    let mut server = server.http1_only().handle(handle.clone());
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(head_for);
    let stopping = stopping.clone();
    let stop = async move {
        stopping.cancelled().await;
        handle.graceful_shutdown(Some(DRAIN_FOR));
        std::future::pending::<()>().await;
    };
    (server, stop)
}
