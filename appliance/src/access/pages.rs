//! The pages of signing in, pairing and trusting: plain forms, which work without a script.

use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use machiai_core::ids::StaffId;
use machiai_core::people::{DeviceKind, Role, Staff};
use machiai_panel::fill;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::acts::{self, Proof};
use super::caller::{Caller, Peer, Via};
use super::cookies::Cookie;
use crate::app::Shared;
use crate::markup::escaped;
use crate::problem::Problem;

const SIGN_IN: &str = include_str!("../../../kiosk-assets/pages/sign-in.html");
const PAIR: &str = include_str!("../../../kiosk-assets/pages/pair.html");
const TRUST: &str = include_str!("../../../kiosk-assets/pages/trust.html");

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/sign-in", get(show_sign_in).post(sign_in))
        .route("/sign-in/switch", post(switch))
        .route("/sign-out", post(sign_out))
        .route("/set-up", post(set_up))
        .route("/pair", get(show_pair).post(pair))
        .route("/trust", get(trust))
        .route("/trust/machiai-ca.crt", get(certificate))
}

/// A form in which nothing unknown may stand.
struct Typed<T>(T);

impl<T: DeserializeOwned> FromRequest<Shared> for Typed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        // What was typed is not repeated: it may be half a password.
        let Form(typed) = Form::from_request(request, app).await.map_err(|_rejection| {
            Problem::request(app.panel.words(), StatusCode::UNPROCESSABLE_ENTITY, "body_not_understood", None)
        })?;
        Ok(Self(typed))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignInForm {
    staff: String,
    password: String,
    #[serde(default)]
    pin: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SwitchForm {
    staff: String,
    pin: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetUpForm {
    code: String,
    staff: String,
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairForm {
    code: String,
}

async fn show_sign_in(State(app): State<Shared>, Extension(caller): Extension<Caller>) -> Response {
    sign_in_page(&app, &caller, None)
}

async fn sign_in(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Typed(form): Typed<SignInForm>,
) -> Response {
    let proof = Proof::Password(form.password, Some(form.pin));
    signed_in(&app, &caller, acts::sign_in(&app, &caller, &form.staff, proof).await)
}

async fn switch(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Typed(form): Typed<SwitchForm>,
) -> Response {
    signed_in(&app, &caller, acts::sign_in(&app, &caller, &form.staff, Proof::Pin(form.pin)).await)
}

fn signed_in(app: &Shared, caller: &Caller, outcome: Result<HeaderValue, Problem>) -> Response {
    match outcome {
        Ok(cookie) => with_cookie(Redirect::to(&work_page(caller)), Some(cookie)),
        Err(problem) => sign_in_page(app, caller, Some(&problem)),
    }
}

async fn sign_out(State(app): State<Shared>, Extension(caller): Extension<Caller>) -> Response {
    match acts::sign_out(&app, &caller).await {
        Ok(()) => with_cookie(Redirect::to("/sign-in"), Cookie::Person.forget(caller.via)),
        Err(problem) => sign_in_page(&app, &caller, Some(&problem)),
    }
}

async fn set_up(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Typed(form): Typed<SetUpForm>,
) -> Response {
    let bad_id = || Problem::request(app.panel.words(), StatusCode::UNPROCESSABLE_ENTITY, "bad_staff_id", None);
    let outcome = match form.staff.trim().parse::<StaffId>() {
        Err(_) => Err(bad_id()),
        Ok(staff) => {
            let staff = Staff { staff, name: form.name, role: Role::Manager };
            acts::set_up(&app, &caller, (&form.code, form.password), staff).await
        }
    };
    match outcome {
        Ok(_) => Redirect::to("/sign-in").into_response(),
        Err(problem) => sign_in_page(&app, &caller, Some(&problem)),
    }
}

/// Returns the page at which a device's people work.
fn work_page(caller: &Caller) -> String {
    caller.pairing.as_ref().map_or_else(|| "/desk".to_owned(), |paired| format!("/desk?place={}", paired.counter()))
}

fn sign_in_page(app: &Shared, caller: &Caller, problem: Option<&Problem>) -> Response {
    let others: String = acts::who_may_switch(app, caller)
        .iter()
        .map(|staff| {
            let name = escaped(&staff.name);
            format!(
                "<label><input type=\"radio\" name=\"staff\" value=\"{}\" required><b>{name}</b></label>",
                staff.staff
            )
        })
        .collect();
    let hidden = |is_hidden| if is_hidden { "hidden" } else { "" };
    let name = caller.person.as_ref().map(|person| escaped(&person.name)).unwrap_or_default();
    let work = escaped(&work_page(caller));
    let values = [
        ("not_signed_in", hidden(caller.person.is_none())),
        ("nobody_to_switch", hidden(others.is_empty())),
        ("nothing_to_set_up", hidden(!acts::can_set_up(app))),
        ("name", &name),
        ("work", &work),
        ("others", &others),
    ];
    page(SIGN_IN, &values, problem)
}

async fn show_pair() -> Response {
    page(PAIR, &[], None)
}

async fn pair(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    peer: Option<Extension<Peer>>,
    Typed(form): Typed<PairForm>,
) -> Response {
    if caller.via == Via::Box {
        let code = "not_for_this_device";
        return Problem::request(app.panel.words(), StatusCode::FORBIDDEN, code, None).into_response();
    }
    match acts::pair(&app, &form.code, peer.map(|Extension(peer)| peer)).await {
        Ok((cookie, pairing)) => {
            let to = match pairing.kind {
                DeviceKind::Board => "/board",
                DeviceKind::Kiosk => "/kiosk",
                DeviceKind::Desk => "/sign-in",
            };
            with_cookie(Redirect::to(to), Some(cookie))
        }
        Err(problem) => page(PAIR, &[], Some(&problem)),
    }
}

async fn trust(State(app): State<Shared>) -> Response {
    match app.access.lan.get() {
        Some(lan) => page(TRUST, &[("fingerprint", &lan.authority().fingerprint())], None),
        None => Problem::unknown_address(app.panel.words()).into_response(),
    }
}

async fn certificate(State(app): State<Shared>) -> Response {
    match app.access.lan.get() {
        Some(lan) => ([(header::CONTENT_TYPE, "application/x-x509-ca-cert")], lan.authority().certificate().to_vec())
            .into_response(),
        None => Problem::unknown_address(app.panel.words()).into_response(),
    }
}

/// Answers with a page, and with what went wrong on it.
fn page(template: &str, values: &[(&str, &str)], problem: Option<&Problem>) -> Response {
    let (ja, en) = problem.map(Problem::titles).unwrap_or_default();
    let (ja, en) = (escaped(ja), escaped(en));
    let told = [("told", if ja.is_empty() { "hidden" } else { "" }), ("told_ja", &ja), ("told_en", &en)];
    let values: Vec<(&str, &str)> = values.iter().copied().chain(told).collect();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    (problem.map_or(StatusCode::OK, Problem::status), headers, fill(template, &values)).into_response()
}

fn with_cookie(to: Redirect, cookie: Option<HeaderValue>) -> Response {
    let mut response = to.into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
