//! How the box does, for staff at the desk: the findings of `machiai doctor`, the worst first, with what to do.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::time::AtMs;
use serde::Serialize;

use crate::app::Shared;
use crate::doctor::look::within;
use crate::doctor::{Report, report};

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/health", get(health))
}

/// What was found, and when by the box's own clock.
#[derive(Serialize)]
pub(crate) struct Looked {
    at_ms: AtMs,
    #[serde(flatten)]
    report: Report,
}

/// What is found of machine, devices and network, the worst first, with what to do.
#[utoipa::path(get, path = "/api/v1/health", tag = "questions", responses((status = 200, body = Object)))]
pub(crate) async fn health(State(app): State<Shared>) -> Json<Looked> {
    // One look at a time: each asks the network, and many desks may be open.
    let _looking = app.looking.lock().await;
    let report = report(app.panel.words(), within(&app).await);
    Json(Looked { at_ms: app.gate.clock.shown().0, report })
}
