//! Whether the daemon lives, is ready and does well, for whoever watches machines: on the box itself alone.
//!
//! Its labels are the clinic's lines, printers and monitors and fixed words: no patient, ticket or file.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::envelope::Trust;
use machiai_core::health::{HealthReported, PrinterHealth, ScreenHealth};
use machiai_core::queue::visit::State as VisitState;
use machiai_wire::exposition::{MEDIA_TYPE, Samples, count, measure, one, size, truth};
use serde::{Deserialize, Serialize};

use crate::access::Via;
use crate::app::{App, Shared};
use crate::causes::with_causes;
use crate::devices::known::{Known, Standing};
use crate::doctor::eye::Eye;
use crate::doctor::machine::CopyRead;
use crate::{health, pulse};

/// Returns the routes of the box itself; there are none on the clinic's network.
pub(crate) fn routes(via: Via) -> Router<Shared> {
    match via {
        Via::Lan => Router::new(),
        Via::Box => Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/healthz", get(healthz))
            .route("/metrics", get(metrics)),
    }
}

/// Answers: pages are served.
#[utoipa::path(get, path = "/livez", tag = "watching", responses((status = 200, body = String)))]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Whether commands can be kept: the journal's writer answers, and there is room on the disk.
#[utoipa::path(get, path = "/readyz", tag = "watching",
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(crate) async fn readyz(State(app): State<Shared>) -> Response {
    match lack(&app).await {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// Returns why no command can be kept; nothing while they can. Devices that are away do not count.
pub(crate) async fn lack(app: &App) -> Option<String> {
    if let Err(stall) = pulse::writer(app, pulse::PATIENCE).await {
        return Some(with_causes(&stall));
    }
    match app.gate.health() {
        Some(health) if !health.is_full && !health.is_refused => None,
        Some(health) if health.is_refused => Some("the disk takes nothing any more".to_owned()),
        Some(_) | None => Some("the disk is full".to_owned()),
    }
}

/// Whether everything is wanted.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    /// Present where it is, with any value or none.
    verbose: Option<String>,
}

/// How the box does, part by part.
#[derive(Serialize)]
pub(crate) struct Vitals {
    /// Why no command can be kept; none while they can.
    lacks: Option<String>,
    /// What the vendor's fleet is told.
    #[serde(flatten)]
    health: HealthReported,
}

/// How the box does: a word, or everything with `?verbose`. Commands that cannot be kept are the one failure.
#[utoipa::path(get, path = "/healthz", tag = "watching", params(("verbose" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = 503, body = Object)))]
pub(crate) async fn healthz(State(app): State<Shared>, Query(wanted): Query<Wanted>) -> Response {
    let lacks = lack(&app).await;
    let status = if lacks.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if wanted.verbose.is_none() {
        return (status, format!("{}\n", lacks.as_deref().unwrap_or("ok"))).into_response();
    }
    let health = health::look(&app, app.access.state());
    (status, Json(Vitals { lacks, health })).into_response()
}

/// How the box does, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "watching",
    responses((status = 200, content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(State(app): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], exposed(&app)).into_response()
}

/// Writes all measures.
fn exposed(app: &App) -> String {
    let health = health::look(app, app.access.state());
    let (hub, content) = (app.linked.status(), app.contents.status());
    let mut page = String::new();
    let mut put = |name: &str, help: &str, samples: Samples| page.push_str(&measure(name, help, &samples));
    put("build_info", "The program's version.", vec![(vec![("version", health.version.clone())], 1.0)]);
    put(
        "queue_waiting",
        "People who wait, by line.",
        app.gate.read(|clinic| {
            let mut waiting: BTreeMap<u16, u32> = clinic.standing.lines.keys().map(|line| (line.0, 0)).collect();
            for visit in clinic.visits.values().filter(|visit| visit.turn.state == VisitState::Waiting) {
                let n_waiting = waiting.entry(visit.turn.line.0).or_default();
                *n_waiting = n_waiting.saturating_add(1);
            }
            waiting.into_iter().map(|(line, n)| (vec![("line", line.to_string())], f64::from(n))).collect()
        }),
    );
    put("journal_facts", "Facts folded in.", one(count(app.gate.read(|clinic| clinic.n_facts))));
    put(
        "journal_remarks",
        "Facts that could not be followed.",
        one(size(app.gate.read(|clinic| clinic.remarks.len()))),
    );
    if let Some(at) = CopyRead::look(&Eye::open(), app.access.state()).told() {
        put("journal_last_copy_timestamp_seconds", "When the journal was last copied by the hour.", one(seconds(at.0)));
    }
    put("clock_lost", "Whether the clock cannot be trusted.", one(truth(health.clock == Trust::Lost)));
    if let Some(disk) = health.disk {
        put(
            "disk_free_percent",
            "Free part of the journal's disk, the lower edge of a band.",
            one(count(disk.free_percent)),
        );
    }
    put("printer_up", "Whether the last ticket came out; printers that have not printed are left out.", {
        let tried = health.printers.iter().filter(|(_, health)| **health != PrinterHealth::Untried);
        tried.map(|(name, how)| (vec![("printer", name.to_string())], truth(*how == PrinterHealth::Ok))).collect()
    });
    put("screen_on", "Whether a monitor shows the board.", {
        let screens = health.screens.iter();
        screens.map(|(at, how)| (vec![("monitor", at.to_string())], truth(*how == ScreenHealth::Shown))).collect()
    });
    put("device_up", "Whether a button box, number display, keypad or reader is there.", {
        let devices = app.devices.now().into_iter().filter(|(_, known)| known.standing != Standing::Untried);
        let is_there = |known: &Known| truth(known.standing == Standing::There);
        devices.map(|(name, known)| (vec![("device", name.to_string())], is_there(&known))).collect()
    });
    put(
        "boards",
        "Boards that look: monitors and browsers.",
        one(size(app.frames.iter().map(tokio::sync::watch::Sender::receiver_count).sum())),
    );
    if let Some(hub) = &hub {
        put("sync_pending_facts", "Facts that the hub is not known to hold.", one(count(hub.n_pending)));
        put("sync_up", "Whether the hub's facts are heard.", one(truth(hub.mode.is_some())));
        if let Some(at) = hub.came_at_ms {
            put("sync_last_contact_timestamp_seconds", "When something last came from the hub.", one(seconds(at.0)));
        }
    }
    put("content_pieces", "Pieces of content that can be played.", one(size(content.n_contents)));
    put("content_bytes", "What the content store holds.", one(count(content.size_bytes)));
    put("content_refused", "Films that are not fit to be shown.", one(size(content.refused.len())));
    put("trouble", "What is wrong, by the codes of `machiai status`.", {
        let codes = health.troubles.iter();
        codes.map(|code| (vec![("code", code.clone())], 1.0)).collect()
    });
    page
}

fn seconds(at_ms: i64) -> f64 {
    count(u64::try_from(at_ms / 1_000).unwrap_or(0))
}
