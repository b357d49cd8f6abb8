//! Turns connections away when there are too many, so that no stranger takes the box its files and sockets.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::http::Request;
use axum_server::Handle;
use axum_server::accept::{Accept, NoDelayAcceptor};
use tokio::net::TcpStream;
use tower::Service;

use super::{MAX_CONNECTIONS, MOST_OF_ONE};
use crate::access::caller::Peer;

/// How many connections each address has open.
type Open = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// Lets so many connections in, and so many of one address.
#[derive(Clone)]
pub(super) struct Bounded {
    all: Handle<SocketAddr>,
    open: Open,
}

impl Bounded {
    /// Counts the connections of a server.
    pub(super) fn new(all: Handle<SocketAddr>) -> Self {
        Self { all, open: Open::default() }
    }
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = TcpStream;
    type Service = Counted<S>;
    type Future = Ready<std::io::Result<(TcpStream, Counted<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let turned_away = || ready(Err(ErrorKind::ConnectionRefused.into()));
        let Ok(peer) = stream.peer_addr() else { return turned_away() };
        let Some(place) = Place::take(&self.open, peer.ip()) else { return turned_away() };
        if self.all.connection_count() > MAX_CONNECTIONS {
            return turned_away();
        }
        let accepted = NoDelayAcceptor::new().accept(stream, service).into_inner();
        ready(accepted.map(|(stream, service)| (stream, Counted { service, place: Arc::new(place) })))
    }
}

/// One connection's place among those of its address, given back when the connection is gone.
struct Place {
    open: Open,
    of: IpAddr,
}

impl Place {
    fn take(open: &Open, of: IpAddr) -> Option<Self> {
        let mut counted = open.lock().unwrap_or_else(PoisonError::into_inner);
        let n = counted.entry(of).or_default();
        if *n >= MOST_OF_ONE {
            return None;
        }
        *n = n.saturating_add(1);
        Some(Self { open: Arc::clone(open), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counted = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n) = counted.get_mut(&self.of) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                counted.remove(&self.of);
            }
        }
    }
}

/// A connection's service, which lives as long as the connection and holds its place.
#[derive(Clone)]
pub(super) struct Counted<S> {
    service: S,
    place: Arc<Place>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(Peer(self.place.of));
        self.service.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_says_from_which_address_its_connection_comes() {
        let address = IpAddr::from([192, 0, 2, 7]);
        let place = Arc::new(Place::take(&Open::default(), address).unwrap());
        let peer = async |request: Request<()>| Ok::<_, ()>(request.extensions().get::<Peer>().copied());
        let mut counted = Counted { service: tower::service_fn(peer), place };
        assert_eq!(counted.call(Request::new(())).await, Ok(Some(Peer(address))));
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone_and_nothing_is_kept_of_it() {
        let open = Open::default();
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        let mut held: Vec<Place> = (0..MOST_OF_ONE).filter_map(|_| Place::take(&open, one)).collect();
        assert!(held.len() == MOST_OF_ONE && Place::take(&open, one).is_none());
        assert!(Place::take(&open, other).is_some(), "another address has places of its own");
        held.pop();
        held.extend(Place::take(&open, one));
        assert_eq!(held.len(), MOST_OF_ONE);
        held.clear();
        assert!(open.lock().unwrap().is_empty());
    }
}
