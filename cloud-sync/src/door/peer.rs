//! Who is at the other end of a connection: its address, and the certificate that TLS verified.
//!
//! Connections are counted here, so that no stranger takes the hub its files and sockets.

use std::collections::BTreeMap;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::http::Request;
use axum_server::accept::{Accept, NoDelayAcceptor};
use axum_server::tls_rustls::RustlsAcceptor;
use tokio::net::TcpStream;
use tower::Service;

use super::certificate::Certificate;

/// How many connections may be open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    /// In all.
    pub(super) connections: usize,
    /// Of one address.
    pub(super) of_one: usize,
}

/// The connections that are open.
#[derive(Debug, Default)]
struct Open {
    n_all: usize,
    of_each: BTreeMap<IpAddr, usize>,
}

/// Lets so many connections in, and so many of one address.
#[derive(Clone)]
pub(super) struct Bounded {
    most: Most,
    open: Arc<Mutex<Open>>,
}

impl Bounded {
    /// Counts the connections of a server.
    pub(super) fn new(most: Most) -> Self {
        Self { most, open: Arc::default() }
    }

    /// Takes a place for a connection of an address, if there is one.
    fn take(&self, of: IpAddr) -> Option<Place> {
        let of = network_of(of);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let n_of_one = open.of_each.get(&of).copied().unwrap_or_default();
        if n_of_one >= self.most.of_one || open.n_all >= self.most.connections {
            return None;
        }
        open.of_each.insert(of, n_of_one.saturating_add(1));
        open.n_all = open.n_all.saturating_add(1);
        Some(Place { open: Arc::clone(&self.open), of })
    }
}

/// Returns what one subscriber has of the addresses: one of version 4, a network of 64 bits of version 6.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// One connection's place among the others, given back when the connection is gone.
#[derive(Debug)]
struct Place {
    open: Arc<Mutex<Open>>,
    of: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.n_all = open.n_all.saturating_sub(1);
        if let Some(n_of_one) = open.of_each.get_mut(&self.of) {
            *n_of_one = n_of_one.saturating_sub(1);
            if *n_of_one == 0 {
                open.of_each.remove(&self.of);
            }
        }
    }
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    place: Arc<Place>,
    certificate: Option<Certificate>,
}

impl Peer {
    /// Returns the subscriber's address.
    pub(super) fn network(&self) -> IpAddr {
        self.place.of
    }

    /// Returns the certificate, if there is one.
    pub(super) const fn certificate(&self) -> Option<Certificate> {
        self.certificate
    }
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = TcpStream;
    type Service = Known<S>;
    type Future = Ready<io::Result<(TcpStream, Known<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let place = stream.peer_addr().ok().and_then(|address| self.take(address.ip()));
        let Some(place) = place else { return ready(Err(io::ErrorKind::ConnectionRefused.into())) };
        let accepted = NoDelayAcceptor::new().accept(stream, service).into_inner();
        let peer = Peer { place: Arc::new(place), certificate: None };
        ready(accepted.map(|(stream, service)| (stream, Known { service, peer })))
    }
}

/// Shakes hands, and reads the certificate that was verified then.
#[derive(Clone)]
pub(super) struct Knowing(RustlsAcceptor<Bounded>);

impl Knowing {
    /// Knows whom an acceptor of TLS lets in.
    pub(super) const fn new(tls: RustlsAcceptor<Bounded>) -> Self {
        Self(tls)
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Knowing {
    type Stream = <RustlsAcceptor<Bounded> as Accept<TcpStream, S>>::Stream;
    type Service = Known<S>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Known<S>)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accepting = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, mut known) = accepting.await?;
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            known.peer.certificate = shown.and_then(|shown| Certificate::read(shown).ok());
            Ok((stream, known))
        })
    }
}

/// A connection's service, which tells each request who asks and holds the connection's place.
#[derive(Clone)]
pub(super) struct Known<S> {
    service: S,
    peer: Peer,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Known<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone_and_nothing_is_kept_of_it() {
        let bounded = Bounded::new(Most { connections: 5, of_one: 3 });
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let mut held: Vec<Place> = (0..4).filter_map(|_| bounded.take(one)).collect();
        assert_eq!(held.len(), 3, "so many of one address");
        held.extend((0..4).filter_map(|_| bounded.take(other)));
        assert_eq!(held.len(), 5, "so many in all");
        drop(held.remove(0));
        held.extend(bounded.take(one));
        assert_eq!(held.len(), 5);
        held.clear();
        let open = bounded.open.lock().unwrap();
        assert!(open.n_all == 0 && open.of_each.is_empty(), "{open:?}");
    }

    #[test]
    fn one_subscriber_is_one_address_of_version_4_or_one_network_of_version_6() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
