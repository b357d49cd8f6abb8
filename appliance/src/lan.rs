//! The clinic's network: one listener that speaks TLS alone, with a certificate of the site's own authority.
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

use crate::access::Via;
use crate::app::{App, Shared};
use crate::config::{Config, is_host};
use crate::http::{self, DRAIN_FOR};
use bounded::Bounded;
use ca::{Authority, CaError, DAY_MS};

/// How often the box looks whether its addresses changed or its certificate is a day old.
const LOOK_EVERY: Duration = Duration::from_secs(60);

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
    /// The address is taken, or not this machine's.
    #[error("cannot take the address")]
    Taken(#[source] std::io::Error),
}

/// The box as the network knows it.
#[derive(Debug)]
pub(crate) struct Lan {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    authority: Authority,
    extra: Vec<String>,
    names: RwLock<BTreeSet<String>>,
}

impl Lan {
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

/// A listener that does not answer yet.
pub(crate) struct Door {
    listener: std::net::TcpListener,
    tls: RustlsConfig,
}

/// Makes or reads the authority, and listens without answering yet.
///
/// # Errors
/// [`LanError`]: the clinic's tablets could not work, so the start must not look as if they did.
pub(crate) fn open(app: &App, config: &Config, at: SocketAddr) -> Result<(Lan, Door), LanError> {
    let authority = Authority::open(&config.state, config.site).map_err(LanError::Certificate)?;
    let listener = http::listen(at).and_then(tokio::net::TcpListener::into_std).map_err(LanError::Taken)?;
    let address = listener.local_addr().map_err(LanError::Taken)?;
    let names = names(address.ip(), &config.lan_names);
    let (now, _) = app.gate.clock.shown();
    let tls = authority.server(&names, now).map_err(LanError::Certificate)?;
    let lan = Lan { address, authority, extra: config.lan_names.clone(), names: RwLock::new(names) };
    tracing::info!(%address, fingerprint = lan.authority.fingerprint(), "open to paired devices of the network");
    Ok((lan, Door { listener, tls: RustlsConfig::from_config(tls) }))
}

/// Serves paired devices until the app stops; does nothing where the network is not open.
///
/// # Errors
/// The listener failed.
pub(crate) async fn serve(door: Option<Door>, app: Shared) -> std::io::Result<()> {
    let Some(Door { listener, tls }) = door else { return Ok(()) };
    let handle = Handle::new();
    let acceptor =
        RustlsAcceptor::new(tls.clone()).handshake_timeout(HANDSHAKE_FOR).acceptor(Bounded::new(handle.clone()));
    let mut server = axum_server::from_tcp(listener)?.acceptor(acceptor).http1_only().handle(handle.clone());
    server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(REQUEST_FOR);
    let service = http::router(Arc::clone(&app), Via::Lan).into_make_service();
    let stop = async {
        renew(&tls, &app).await;
        handle.graceful_shutdown(Some(DRAIN_FOR));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        served = server.serve(service) => served,
        () = stop => Ok(()),
    }
}

/// Keeps the certificate young and true to the box's addresses, until the app stops.
async fn renew(tls: &RustlsConfig, app: &App) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    let mut made_at = app.gate.clock.shown().0;
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = look.tick() => {}
        }
        let Some(lan) = app.access.lan.get() else { return };
        let (now, _) = app.gate.clock.shown();
        let names = names(lan.address.ip(), &lan.extra);
        if names == *lan.names.read().unwrap_or_else(PoisonError::into_inner) && !is_old(made_at, now) {
            continue;
        }
        match lan.authority.server(&names, now) {
            Ok(config) => {
                tls.reload_from_config(config);
                *lan.names.write().unwrap_or_else(PoisonError::into_inner) = names;
                made_at = now;
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
