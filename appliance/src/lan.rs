//! The clinic's network: one listener that speaks TLS alone, with a certificate of the site's own authority.
//!
//! It listens only while a device is paired or a place is open to one. An address that cannot be taken, since a cable or
//! an address lacks, is a trouble and tried again: the box itself goes on.
//!
//! What it serves is what the box serves, behind `access`. Plain HTTP gets no answer here.

mod bounded;
pub(crate) mod ca;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use machiai_core::time::AtMs;
use tokio::net::TcpSocket;
use tokio::sync::{Notify, watch};

use crate::access::{self, Via};
use crate::app::{App, Shared, Trouble};
use crate::config::{Config, is_host};
use crate::http::{self, DRAIN_FOR};
use bounded::Bounded;
use ca::{Authority, CaError, DAY_MS};

/// How often the box looks whether its addresses changed or its certificate is a day old.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How often the box looks whether there are devices that may come in.
const LOOK_FOR_DEVICES_EVERY: Duration = Duration::from_secs(1);

/// How soon the door is open to a device that is to be paired.
const OPENS_WITHIN: Duration = Duration::from_secs(2);

/// How long a device may take to shake hands.
const HANDSHAKE_FOR: Duration = Duration::from_secs(10);

/// How long a connection may say nothing before it has asked for something.
const REQUEST_FOR: Duration = Duration::from_secs(30);

/// Connections of one address at once: a tablet with a few tabs; one stranger leaves room for everybody else.
const MOST_OF_ONE: usize = 40;

/// Connections at once: thirty devices with two tabs of six connections each, and some to spare.
const MAX_CONNECTIONS: usize = 400;

/// Why the clinic's network cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LanError {
    /// The authority or its certificates cannot be made or read.
    #[error("cannot make the certificate")]
    Certificate(#[source] CaError),
}

/// The box as the network knows it.
#[derive(Debug)]
pub(crate) struct Lan {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    authority: Authority,
    extra: Vec<String>,
    names: RwLock<BTreeSet<String>>,
    /// Told when a place is opened to a device.
    asked: Notify,
    /// Whether it listens now.
    pub(crate) is_open: watch::Sender<bool>,
}

impl Lan {
    /// Has the door open for a place that was opened to a device just now; returns whether it does.
    pub(crate) async fn opens(&self) -> bool {
        self.asked.notify_one();
        let mut is_open = self.is_open.subscribe();
        let opens = async { is_open.wait_for(|is_open| *is_open).await.is_ok() };
        tokio::time::timeout(OPENS_WITHIN, opens).await.unwrap_or(false)
    }

    /// Whether the box goes by this name or address; an IPv6 address stands in brackets.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        self.names.read().unwrap_or_else(PoisonError::into_inner).contains(bare)
    }

    /// Returns the addresses of the pairing page, the likeliest first.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let port = self.address.port();
        let mut all: Vec<(bool, String)> = names
            .iter()
            .map(|name| match name.parse::<IpAddr>() {
                Ok(IpAddr::V6(ip)) => (true, format!("https://[{ip}]:{port}")),
                Ok(IpAddr::V4(_)) => (false, format!("https://{name}:{port}")),
                Err(_) => (true, format!("https://{name}:{port}")),
            })
            .collect();
        all.sort();
        all.into_iter().map(|(_, address)| address).collect()
    }

    /// Returns the authority whose certificate devices trust.
    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }
}

/// What is to listen.
pub(crate) struct Door {
    /// An address that was taken already.
    socket: Option<TcpSocket>,
    tls: RustlsConfig,
    /// When its certificate was made: it may be shut for weeks.
    made_at: AtMs,
}

impl Door {
    fn listen(&mut self, at: SocketAddr) -> std::io::Result<std::net::TcpListener> {
        let socket = self.socket.take().map_or_else(|| http::bind(at), Ok)?;
        socket.listen(http::BACKLOG)?.into_std()
    }
}

/// Makes or reads the authority, and takes the address where it can, without listening yet.
///
/// # Errors
/// [`LanError`]: the clinic's tablets could not work, so the start must not look as if they did.
pub(crate) fn open(app: &App, config: &Config, at: SocketAddr) -> Result<(Lan, Door), LanError> {
    let authority = Authority::open(&config.private(), config.site).map_err(LanError::Certificate)?;
    let socket = http::bind(at).ok();
    let address = socket.as_ref().and_then(|socket| socket.local_addr().ok()).unwrap_or(at);
    let names = names(address.ip(), &config.lan_names);
    let (now, _) = app.gate.clock.shown();
    let tls = authority.server(&names, now).map_err(LanError::Certificate)?;
    let (extra, names) = (config.lan_names.clone(), RwLock::new(names));
    let lan = Lan { address, authority, extra, names, asked: Notify::new(), is_open: watch::Sender::new(false) };
    tracing::info!(%address, fingerprint = lan.authority.fingerprint(), "paired devices of the network come in here");
    Ok((lan, Door { socket, tls: RustlsConfig::from_config(tls), made_at: now }))
}

/// Serves paired devices until the app stops; does nothing where the network is not open.
///
/// # Errors
/// The listener failed.
pub(crate) async fn serve(door: Option<Door>, app: Shared) -> std::io::Result<()> {
    let Some((mut door, lan)) = door.zip(app.access.lan.get()) else { return Ok(()) };
    let mut look = tokio::time::interval(LOOK_FOR_DEVICES_EVERY);
    let mut was_shut = false;
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return Ok(()),
            _ = look.tick() => {}
            () = lan.asked.notified() => {}
        }
        let opened = if access::expects_devices(&app) { door.listen(lan.address).map(Some) } else { Ok(None) };
        app.note(Trouble::NetworkShut, opened.is_err());
        match opened {
            Ok(None) => {}
            Ok(Some(listener)) => {
                was_shut = false;
                lan.is_open.send_replace(true);
                let served = serve_devices(listener, &mut door, &app).await;
                lan.is_open.send_replace(false);
                served?;
            }
            Err(cause) if was_shut => tracing::debug!(error = %cause, "the clinic's network is still not served"),
            Err(cause) => {
                tracing::warn!(address = %lan.address, error = %cause, "the clinic's network is not served, and tried again");
                was_shut = true;
            }
        }
    }
}

/// Serves until the app stops, or no device is expected any more.
async fn serve_devices(listener: std::net::TcpListener, door: &mut Door, app: &Shared) -> std::io::Result<()> {
    let handle = Handle::new();
    let acceptor =
        RustlsAcceptor::new(door.tls.clone()).handshake_timeout(HANDSHAKE_FOR).acceptor(Bounded::new(handle.clone()));
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).http1_only().handle(handle.clone());
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_FOR);
    let service = http::router(Arc::clone(app), Via::Lan).into_make_service();
    let stop = async {
        tokio::select! {
            () = renew(door, app) => {}
            () = nobody_is_expected(app) => {}
        }
        handle.graceful_shutdown(Some(DRAIN_FOR));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = server.serve(service) => served,
        () = stop => Ok(()),
    }
}

/// Waits until no device is paired and no place is open to one.
async fn nobody_is_expected(app: &App) {
    let mut look = tokio::time::interval(LOOK_FOR_DEVICES_EVERY);
    while access::expects_devices(app) {
        look.tick().await;
    }
}

/// Keeps the certificate young and true to the box's addresses, until the app stops.
async fn renew(door: &mut Door, app: &App) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        let Some(lan) = app.access.lan.get() else { return };
        let (now, _) = app.gate.clock.shown();
        let names = names(lan.address.ip(), &lan.extra);
        if names == *lan.names.read().unwrap_or_else(PoisonError::into_inner) && !is_old(door.made_at, now) {
            continue;
        }
        match lan.authority.server(&names, now) {
            Ok(config) => {
                door.tls.reload_from_config(config);
                *lan.names.write().unwrap_or_else(PoisonError::into_inner) = names;
                door.made_at = now;
            }
            Err(cause) => tracing::warn!(error = %cause, "certificate could not be renewed, the last one stays"),
        }
    }
}

/// A day old, or made when the clock stood elsewhere.
const fn is_old(made_at: AtMs, now: AtMs) -> bool {
    now.since(made_at).abs() >= DAY_MS
}

/// Returns the names and addresses by which devices reach the box.
fn names(listens: IpAddr, extra: &[String]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = extra.iter().cloned().collect();
    if listens.is_unspecified() {
        names.extend(own_addresses().into_iter().map(|ip| ip.to_string()));
    } else {
        names.insert(listens.to_string());
    }
    let host = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let short = host.split('.').next().unwrap_or_default().to_owned();
    let is_own = |name: &String| is_host(name) && name != "localhost";
    names.extend([host, format!("{short}.local")].into_iter().filter(is_own));
    names
}

/// Far ends whose way there shows this machine's address on each usual network; nothing is sent to them.
const FAR_ENDS: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 168, 255, 254)),
    IpAddr::V4(Ipv4Addr::new(172, 31, 255, 254)),
    IpAddr::V4(Ipv4Addr::new(10, 255, 255, 254)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

fn own_addresses() -> BTreeSet<IpAddr> {
    let towards = |far: IpAddr| {
        let any: IpAddr = if far.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((far, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    FAR_ENDS.into_iter().filter_map(towards).filter(|ip| !ip.is_loopback() && !ip.is_unspecified()).collect()
}

#[cfg(test)]
mod tests;
