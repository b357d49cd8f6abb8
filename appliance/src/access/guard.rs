//! The checks before every request: whose it is, whether its page is ours, and whether its caller may.
//!
//! A foreign name in `Host` is DNS rebinding; a foreign `Origin` on a command is another site's page at work. A device of
//! the network that is not paired gets one and the same answer to everything but pairing and the certificate.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::caller::{Caller, Peer, Via, not_paired};
use super::cookies::Cookie;
use super::rights::{self, Lack, Need};
use crate::app::{App, Shared};
use crate::problem::Problem;

/// Pages load from this box alone; drawings carry their styles in attributes.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
     frame-ancestors 'self'; form-action 'self'; base-uri 'none'";

/// Lets through what its caller may ask.
pub(crate) async fn guard(State((app, via)): State<(Shared, Via)>, mut request: Request, next: Next) -> Response {
    // Before anything is read or looked up.
    if let Some(wait_s) = too_soon(&app, via, &request) {
        let told = Problem::request(app.panel.words(), StatusCode::TOO_MANY_REQUESTS, "busy", None);
        let mut told = dressed(told.into_response(), via);
        told.headers_mut().insert(header::RETRY_AFTER, wait_s.into());
        return told;
    }
    let caller = Caller::read(&app, via, request.headers());
    if let Err(problem) = check(&app, &caller, &request) {
        let refused = if is_page_for_stranger(&caller, &request) {
            Redirect::to("/pair").into_response()
        } else {
            problem.into_response()
        };
        return dressed(refused, via);
    }
    let device = device_of_page(&caller, &request);
    request.extensions_mut().insert(caller);
    let mut response = dressed(next.run(request).await, via);
    if let Some(cookie) = device {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    if via == Via::Lan && is_stream(&response) {
        return ending(response, &app);
    }
    response
}

/// Returns for how many seconds an address of the network that asked too much has to wait.
fn too_soon(app: &App, via: Via, request: &Request) -> Option<u64> {
    let peer = request.extensions().get::<Peer>().filter(|_| via == Via::Lan)?;
    app.access.take_ask(peer.0).err()
}

/// Whether somebody opens a page on a device that is not paired: they are led to where it can be, whatever they asked.
fn is_page_for_stranger(caller: &Caller, request: &Request) -> bool {
    let is_stranger = caller.via == Via::Lan && caller.pairing.is_none() && need_of(request) != Need::Nothing;
    let accepts = request.headers().get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
    is_stranger && request.method() == Method::GET && accepts.contains("text/html")
}

fn need_of(request: &Request) -> Need {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    rights::need(request.method(), route, request.uri().path())
}

fn check(app: &App, caller: &Caller, request: &Request) -> Result<(), Problem> {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let need = need_of(request);
    let refuse = |status, code| Err(Problem::request(app.panel.words(), status, code, None));
    if caller.via == Via::Lan && caller.pairing.is_none() && need != Need::Nothing {
        return Err(not_paired(app));
    }
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_own_name(app, caller.via, host) {
        return refuse(StatusCode::MISDIRECTED_REQUEST, "foreign_host");
    }
    if !rights::is_reading(request.method()) && is_foreign(caller.via, host, headers) {
        return refuse(StatusCode::FORBIDDEN, "foreign_origin");
    }
    let lack = match caller.via {
        Via::Lan => rights::lacks(need, caller.kind(), caller.role()),
        Via::Box => rights::lacks_at_the_box(route, caller.role()),
    };
    match lack {
        Ok(()) => Ok(()),
        Err(Lack::Pairing) => Err(not_paired(app)),
        Err(Lack::Kind) => refuse(StatusCode::FORBIDDEN, "not_for_this_device"),
        Err(Lack::Person) => refuse(StatusCode::UNAUTHORIZED, "sign_in_first"),
        Err(Lack::Manager) => refuse(StatusCode::FORBIDDEN, "manager_only"),
    }
}

fn is_own_name(app: &App, via: Via, host: &str) -> bool {
    match via {
        Via::Box => is_loopback(host),
        Via::Lan => app.access.lan.get().is_some_and(|lan| lan.is_named(name_of(host))),
    }
}

/// Whether a command came from another site's page. On the network a browser must say where it came from.
fn is_foreign(via: Via, host: &str, headers: &HeaderMap) -> bool {
    let from_elsewhere = |site: &HeaderValue| matches!(site.as_bytes(), b"cross-site" | b"same-site");
    if headers.get("sec-fetch-site").is_some_and(from_elsewhere) {
        return true;
    }
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("?"));
    match (via, origin) {
        (Via::Box, None) => false,
        (Via::Lan, None) => true,
        (Via::Box, Some(origin)) => origin.strip_prefix("http://") != Some(host),
        (Via::Lan, Some(origin)) => origin.strip_prefix("https://") != Some(host),
    }
}

fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// Whether a `Host` header is one of loopback's names.
pub(crate) fn is_loopback(host: &str) -> bool {
    matches!(name_of(host), "127.0.0.1" | "localhost" | "[::1]")
}

/// Returns the device's own cookie again when it opens a page, so that it lasts as long as the device is used.
fn device_of_page(caller: &Caller, request: &Request) -> Option<HeaderValue> {
    let is_page = matches!(request.uri().path(), "/board" | "/desk" | "/kiosk");
    let token = Cookie::Device.read(caller.via, request.headers()).filter(|_| is_page && caller.pairing.is_some())?;
    Cookie::Device.set(caller.via, &token)
}

fn dressed(mut response: Response, via: Via) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if via == Via::Lan && !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    response
}

fn is_stream(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == b"text/event-stream")
}

/// Ends a stream when who may see it changes.
fn ending(response: Response, app: &App) -> Response {
    let until = app.access.stream_ends().cancelled_owned();
    let (parts, body) = response.into_parts();
    Response::from_parts(parts, Body::from_stream(crate::ending::until(body.into_data_stream(), until)))
}
