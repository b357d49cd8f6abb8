//! The listener of the box itself, and the routes and limits of every request; `access` checks who may.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::Response;
use tokio::net::{TcpListener, TcpSocket};

use crate::access::guard::guard;
use crate::access::{self, Via};
use crate::app::Shared;
use crate::problem::Problem;
use crate::{intake, quality, rehearsal, surface};

/// The largest body of a command: a name, a note, a message.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024;

/// Connections that may wait to be taken: a waiting room's boards and tablets reconnecting at once.
pub(crate) const BACKLOG: u32 = 4_096;

/// How long open requests may take after the stop.
pub(crate) const DRAIN_FOR: Duration = Duration::from_secs(3);

/// Listens, without answering yet.
///
/// # Errors
/// The address is taken, or not this machine's.
pub(crate) fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    bind(at)?.listen(BACKLOG)
}

/// Takes an address, at which nobody is heard before the socket listens, too.
///
/// # Errors
/// The address is taken, or not this machine's.
pub(crate) fn bind(at: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    Ok(socket)
}

/// Serves until the app stops.
///
/// # Errors
/// The listener failed.
pub(crate) async fn serve(listener: TcpListener, app: Shared) -> std::io::Result<()> {
    let stop = app.stop.clone();
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // A board waits for single small frames; without this each one waits for the last one's receipt.
        drop(stream.set_nodelay(true));
    });
    // A bare router would be made anew for every connection, with all its routes: 20 KiB each.
    let service = router(app, Via::Box).into_make_service();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        done = served.into_future() => done,
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN_FOR).await } => Ok(()),
    }
}

/// Returns every route with the checks before it, for requests that come by one door.
pub(crate) fn router(app: Shared, via: Via) -> Router {
    let routes = Router::new()
        .merge(access::api::routes())
        .merge(access::pages::routes())
        .merge(intake::api::routes())
        .merge(intake::calls::routes())
        .merge(intake::vendor::routes())
        .merge(intake::plain::routes())
        .merge(intake::program::routes())
        .merge(intake::settings::routes())
        .merge(intake::support::routes())
        .merge(surface::api::routes())
        .merge(surface::calls::routes())
        .merge(surface::health::routes())
        .merge(surface::manager::routes())
        .merge(surface::notice::routes())
        .merge(surface::report::routes())
        .merge(surface::program::routes())
        .merge(surface::board::routes())
        .merge(surface::pages::routes())
        .merge(surface::support::routes())
        .merge(surface::vitals::routes(via))
        .merge(quality::routes())
        .merge(rehearsal::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state((app.clone(), via), guard))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(app);
    match via {
        Via::Box => routes,
        Via::Lan => Router::new().fallback_service(routes).layer(middleware::map_response(without_methods)),
    }
}

/// Takes out what axum adds after every check: which methods an address knows would tell a stranger that it is there.
async fn without_methods(mut response: Response) -> Response {
    response.headers_mut().remove(header::ALLOW);
    response
}

async fn unknown(State(app): State<Shared>) -> Problem {
    Problem::unknown_address(app.panel.words())
}

async fn wrong_method(State(app): State<Shared>) -> Problem {
    Problem::request(app.panel.words(), StatusCode::METHOD_NOT_ALLOWED, "wrong_method", None)
}

#[cfg(test)]
mod tests;
