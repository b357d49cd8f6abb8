//! The questions of the API, version 1: what is true now, for the desk's pages, programs and the command line.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use machiai_core::desk::{DeskRow, DeskView, desk, leased_row, row};
use machiai_core::envelope::Trust;
use machiai_core::ids::{DeviceId, Label, PlaceId, VisitId};
use machiai_core::queue::visit::State as VisitState;
use machiai_core::seal::Personal;
use machiai_core::support::commission::Acceptance;
use machiai_core::ticket::ticket;
use machiai_core::time::{AtMs, Day};
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::WatchStream;
use utoipa::OpenApi;

use crate::access::Caller;
use crate::answer::added;
use crate::app::{App, Shared, Trouble};
use crate::contents::{Coming, ContentStatus};
use crate::devices::known::Known;
use crate::link::told::HubStatus;
use crate::problem::{Problem, Told};
use crate::settings::Settings;
use crate::surface::board::{drawing, not_drawn};
use crate::surface::screen::ScreenState;
use machiai_panel::Paper;
use machiai_wire::token::digest_of;

/// Returns the routes of every question.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/desk", get(desk_now))
        .route("/api/v1/desk/events", get(desk_events))
        .route("/api/v1/visits", get(find))
        .route("/api/v1/visits/{visit}/ticket.svg", get(ticket_svg))
        .route("/api/v1/visits/{visit}/qr.svg", get(qr_svg))
        .route("/api/v1/settings", get(settings))
        .route("/api/v1/status", get(status))
        .route("/api/v1/openapi.json", get(openapi))
}

/// Everything staff see, without what is sealed.
#[utoipa::path(get, path = "/api/v1/desk", tag = "questions", responses((status = 200, body = Object)))]
pub(crate) async fn desk_now(State(app): State<Shared>) -> Json<DeskView> {
    let (now, _) = app.gate.clock.now();
    Json(app.gate.read(|clinic| desk(clinic, now)))
}

/// Tells a desk that something changed; it then asks for what it shows.
#[utoipa::path(get, path = "/api/v1/desk/events", tag = "questions",
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn desk_events(State(app): State<Shared>) -> Response {
    let changed = WatchStream::new(app.gate.changes())
        .map(|n_facts| Ok::<Bytes, Infallible>(Bytes::from(format!("event: changed\ndata: {n_facts}\n\n"))));
    let body = Body::from_stream(crate::ending::until(changed, app.stop.clone().cancelled_owned()));
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

/// Whom to look for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Find {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    token: Option<String>,
}

/// A visit with what is sealed, for staff.
#[derive(Serialize)]
pub(crate) struct Found {
    #[serde(flatten)]
    row: DeskRow,
    /// Name, telephone number, note; none once erased.
    personal: Option<Personal>,
}

/// Finds today's visit of a label, with what is sealed, for staff; or that of a ticket's token, for the kiosk.
#[utoipa::path(get, path = "/api/v1/visits", tag = "questions",
    params(("label" = Option<String>, Query), ("token" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 404, body = Told)))]
pub(crate) async fn find(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Query(find): Query<Find>,
) -> Result<Json<Found>, Problem> {
    let (now, _) = app.gate.clock.now();
    let found = app.gate.read(|clinic| {
        let Some(token) = find.token else {
            let label = Label(find.label?);
            // Staff may take the word of whoever shows a number that only the hub can have given.
            let unknown = || leased_row(clinic, &label).filter(|_| caller.may_read_personal()).map(|row| (row, None));
            let known = clinic.by_label(&label).map(|visit| (row(clinic, visit, now), visit.personal.clone()));
            return known.or_else(unknown);
        };
        let digest = digest_of(&token);
        let visit = clinic.visits.values().find(|visit| visit.token_hash.as_ref() == Some(&digest))?;
        Some((row(clinic, visit, now), None))
    });
    match found {
        Some((row, sealed)) => {
            let personal = sealed.filter(|_| caller.may_read_personal()).and_then(|sealed| app.gate.open(&sealed));
            Ok(Json(Found { row, personal }))
        }
        None => Err(unknown_visit(&app)),
    }
}

/// Draws a visit's ticket.
#[utoipa::path(get, path = "/api/v1/visits/{visit}/ticket.svg", tag = "questions", params(("visit" = String, Path)),
    responses((status = 200, content_type = "image/svg+xml", body = String), (status = 404, body = Told)))]
pub(crate) async fn ticket_svg(State(app): State<Shared>, Path(visit): Path<String>) -> Result<Response, Problem> {
    let visit: VisitId = visit.parse().ok().ok_or_else(|| unknown_visit(&app))?;
    let (now, _) = app.gate.clock.now();
    let view = app.gate.read(|clinic| ticket(clinic, visit, now, false, added(&app, clinic, visit)));
    let svg = app.panel.ticket_svg(&view.ok_or_else(|| unknown_visit(&app))?, Paper::W576);
    svg.map(drawing).map_err(|cause| not_drawn(&app, &cause))
}

/// Draws the QR code of a visit's ticket, for a screen that must stand in for the paper.
#[utoipa::path(get, path = "/api/v1/visits/{visit}/qr.svg", tag = "questions", params(("visit" = String, Path)),
    responses((status = 200, content_type = "image/svg+xml", body = String), (status = 404, body = Told)))]
pub(crate) async fn qr_svg(State(app): State<Shared>, Path(visit): Path<String>) -> Result<Response, Problem> {
    let visit: VisitId = visit.parse().ok().ok_or_else(|| unknown_visit(&app))?;
    let url = app.gate.read(|clinic| clinic.visits.contains_key(&visit).then(|| added(&app, clinic, visit).url));
    let svg = url.flatten().and_then(|url| machiai_panel::qr_svg(&url));
    svg.map(drawing).ok_or_else(|| unknown_visit(&app))
}

fn unknown_visit(app: &App) -> Problem {
    Problem::request(app.panel.words(), StatusCode::NOT_FOUND, "unknown_visit", None)
}

/// The settings that stand, as one document.
#[utoipa::path(get, path = "/api/v1/settings", tag = "questions", responses((status = 200, body = Object)))]
pub(crate) async fn settings(State(app): State<Shared>) -> Json<Settings> {
    Json(app.gate.read(|clinic| Settings::of(&clinic.standing)))
}

/// How the box does; what the command line reads of it stands in [`crate::remote`].
#[derive(Serialize)]
pub(crate) struct Status {
    /// The program's version.
    version: &'static str,
    /// The business day.
    day: Option<Day>,
    /// The instant on the clock of the facts.
    now_ms: AtMs,
    /// How far the clock can be trusted.
    clock: Trust,
    /// Facts folded in.
    n_facts: u64,
    /// People waiting, over all lines.
    n_waiting: usize,
    /// Attempts to print under way.
    n_printing: usize,
    /// Boards that look: monitors and browsers.
    n_boards: usize,
    /// The monitors that are connected, by their places.
    screens: BTreeMap<PlaceId, ScreenState>,
    /// The monitors that are not connected any more, or cannot show anything, with why where they said so.
    screens_gone: BTreeMap<PlaceId, Option<String>>,
    /// The films: how many, how much room they take, and which are refused.
    content: ContentStatus,
    /// What comes of films from the hub.
    coming: Coming,
    /// Remarks of the fold: facts that could not be followed.
    n_remarks: usize,
    /// Numbers passed over without a reason; none unless facts are missing.
    unexplained_gaps: Vec<(u16, u32, u32)>,
    /// What staff should look at in the program, by code: as its page says it.
    program: Vec<&'static str>,
    /// How the channel to the hub does; none for a box that stands alone.
    hub: Option<HubStatus>,
    /// The button boxes, number displays, keypads and readers.
    devices: BTreeMap<DeviceId, Known>,
    /// The acceptance of the site; none where it was not accepted yet.
    accepted: Option<Acceptance>,
    /// What is wrong, by code.
    troubles: Vec<Trouble>,
}

/// How the box does, and what is wrong.
#[utoipa::path(get, path = "/api/v1/status", tag = "questions", responses((status = 200, body = Object)))]
pub(crate) async fn status(State(app): State<Shared>) -> Json<Status> {
    let (now, _) = app.gate.clock.now();
    let (_, clock) = app.gate.clock.shown();
    let (troubles, content) = (app.troubles_now(), app.contents.status());
    let (screens, screens_gone) = (app.screens.now(), app.screens.gone());
    Json(app.gate.read(|clinic| {
        Status {
            version: env!("CARGO_PKG_VERSION"),
            day: clinic.day,
            now_ms: now,
            clock,
            n_facts: clinic.n_facts,
            n_waiting: clinic.count(VisitState::Waiting),
            n_printing: clinic.printing.len(),
            n_boards: app.frames.iter().map(|frames| frames.receiver_count()).sum(),
            screens,
            screens_gone,
            program: super::program::to_look_at(clinic, &app.contents.on_disk(), &content, now),
            content,
            coming: app.contents.coming(),
            n_remarks: clinic.remarks.len(),
            unexplained_gaps: clinic
                .lines
                .iter()
                .flat_map(|(line, day)| day.unexplained.iter().map(|(from, to)| (line.0, from.0, to.0)))
                .collect(),
            hub: app.linked.status(),
            devices: app.devices.now(),
            accepted: clinic.support.accepted.clone(),
            troubles,
        }
    }))
}

async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(crate::openapi::Api::openapi())
}
