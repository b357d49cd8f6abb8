//! The one listener: routes, limits, and the checks that every request passes.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::net::{TcpListener, TcpSocket};

use crate::app::Shared;
use crate::problem::Problem;
use crate::{intake, surface};

/// The largest body of a command: a name, a note, a message.
pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024;

/// Connections that may wait to be taken: a waiting room's boards and tablets reconnecting at once.
const BACKLOG: u32 = 4_096;

/// How long open requests may take after the stop.
const DRAIN_FOR: Duration = Duration::from_secs(3);

/// Listens, without answering yet.
///
/// # Errors
/// The address is taken, or not this machine's.
pub(crate) fn listen(at: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
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
    let service = router(app).into_make_service();
    let served = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    tokio::select! {
        done = served.into_future() => done,
        () = async { stop.cancelled().await; tokio::time::sleep(DRAIN_FOR).await } => Ok(()),
    }
}

/// Returns every route with the checks before it.
pub(crate) fn router(app: Shared) -> Router {
    Router::new()
        .merge(intake::api::routes())
        .merge(intake::plain::routes())
        .merge(intake::settings::routes())
        .merge(surface::api::routes())
        .merge(surface::manager::routes())
        .merge(surface::report::routes())
        .merge(surface::board::routes())
        .merge(surface::pages::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), check))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(app)
}

async fn unknown(State(app): State<Shared>) -> Problem {
    Problem::request(app.panel.words(), StatusCode::NOT_FOUND, "unknown_address", None)
}

async fn wrong_method(State(app): State<Shared>) -> Problem {
    Problem::request(app.panel.words(), StatusCode::METHOD_NOT_ALLOWED, "wrong_method", None)
}

/// Lets through what this machine's own pages and programs send.
///
/// A foreign name in `Host` is DNS rebinding; a foreign `Origin` on a command is another site's page at work.
async fn check(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return Problem::request(app.panel.words(), StatusCode::MISDIRECTED_REQUEST, "foreign_host", None)
            .into_response();
    }
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("?"));
    let is_foreign = origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host));
    if is_foreign && request.method() != Method::GET {
        return Problem::request(app.panel.words(), StatusCode::FORBIDDEN, "foreign_origin", None).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}

/// Pages load from this box alone; drawings carry their styles in attributes.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'";

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

#[cfg(test)]
mod tests;
