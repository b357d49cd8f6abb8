//! The program as a question: what airs now, the tables that run or are to come, and what stands against them.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::ids::PlaceId;
use machiai_core::program::airs::Ask;
use machiai_core::program::content::ContentHash;
use machiai_core::program::outlook::Outlook;
use machiai_core::queue::visit::State as VisitState;
use machiai_core::time::AtMs;
use serde::Serialize;

use crate::app::Shared;

/// Returns the route.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/program", get(program))
}

/// What the program's page shows.
#[derive(Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    outlook: Outlook,
    /// The instant of which it is true.
    now_ms: AtMs,
    /// The monitors that are connected; what airs now is said of the first.
    monitors: Vec<PlaceId>,
    /// The content of which there is a picture to be shown.
    pictures: Vec<ContentHash>,
}

/// The program: what airs now and why, the tables that run or are to come, and the content that is known.
#[utoipa::path(get, path = "/api/v1/program", tag = "questions", responses((status = 200, body = Object)))]
pub(crate) async fn program(State(app): State<Shared>) -> Response {
    let (now, _) = app.gate.clock.now();
    let on_disk = app.contents.on_disk();
    let monitors: Vec<PlaceId> = app.screens.now().into_keys().collect();
    let outlook = app.gate.read(|clinic| {
        let aired = monitors.first().and_then(|monitor| clinic.aired.get(monitor)).cloned().unwrap_or_default();
        let n_waiting = clinic.count(VisitState::Waiting);
        let ask = Ask { standing: &clinic.standing, on_disk: &on_disk, aired: &aired, n_waiting, now };
        clinic.program.outlook(&ask)
    });
    let shown = Shown { outlook, now_ms: now, monitors, pictures: Vec::new() };
    ([(header::CACHE_CONTROL, "private, no-store")], Json(shown)).into_response()
}
