//! The program as a question: what airs now, the tables that run or are to come, and what stands against them.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::ids::PlaceId;
use machiai_core::program::aired::Aired;
use machiai_core::program::airs::{Ask, Passed};
use machiai_core::program::content::{ContentHash, ContentKind};
use machiai_core::program::lists::Trouble;
use machiai_core::program::outlook::Outlook;
use machiai_core::queue::Clinic;
use machiai_core::queue::visit::State as VisitState;
use machiai_core::time::AtMs;
use machiai_panel::Layout;
use serde::Serialize;

use crate::app::Shared;
use crate::contents::ContentStatus;
use crate::problem::{Problem, Told};
use crate::scene;

/// Returns the route.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/program", get(program))
        .route("/api/v1/program/contents/{content}/picture", get(picture))
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
    pictures: BTreeSet<ContentHash>,
    /// What came into the content store, and what cannot be shown.
    store: ContentStatus,
}

/// Returns what staff should look at: tables, items, and files that were brought and cannot be shown.
pub(crate) fn to_look_at(
    clinic: &Clinic,
    on_disk: &BTreeSet<ContentHash>,
    store: &ContentStatus,
    now: AtMs,
) -> Vec<&'static str> {
    let aired = Aired::default();
    let ask = Ask { standing: &clinic.standing, on_disk, aired: &aired, n_waiting: 0, now };
    let of_program = clinic.program.troubles(&ask).into_iter().map(|trouble| match trouble {
        Trouble::OfTable { why, .. } | Trouble::OfItem(Passed { why, .. }) => why.code(),
    });
    let refused = store.refused.iter().map(|_| "file_refused");
    of_program.chain(refused).collect()
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
    // What the clinic wrote is drawn when it is asked for.
    let written = outlook.contents.iter().filter(|content| content.kind == ContentKind::Notice);
    let mut pictures = app.contents.pictures();
    pictures.extend(written.map(|content| content.content));
    let shown = Shown { outlook, now_ms: now, monitors, pictures, store: app.contents.status() };
    ([(header::CACHE_CONTROL, "private, no-store")], Json(shown)).into_response()
}

/// A small picture of a piece of content: a still of a film, or the clinic's notice as it is drawn.
#[utoipa::path(get, path = "/api/v1/program/contents/{content}/picture", tag = "questions",
    params(("content" = String, Path)),
    responses((status = 200, content_type = "image/jpeg", body = Vec<u8>), (status = 404, body = Told)))]
pub(crate) async fn picture(State(app): State<Shared>, Path(content): Path<String>) -> Result<Response, Problem> {
    let unknown = || Problem::unknown_address(app.panel.words());
    let content: ContentHash = content.parse().map_err(|_foreign| unknown())?;
    let written = app.gate.read(|clinic| clinic.program.content(content)?.1.scene.clone());
    // It never changes: its address is its hash.
    let kept = (header::CACHE_CONTROL, "private, max-age=604800, immutable");
    if let Some(written) = written {
        let photo = scene::photo_of(&app.contents, written.photo);
        let drawn = scene::draw(&app.panel, &scene::notice_of(&written, photo.as_deref()), Layout::Landscape);
        let drawn = drawn.map_err(|why| scene::refusal(&app.panel, &why))?;
        return Ok(([(header::CONTENT_TYPE, "image/svg+xml"), kept], String::from(drawn)).into_response());
    }
    let folder = app.contents.folder().to_owned();
    let read = tokio::task::spawn_blocking(move || crate::content::picture_in(&folder, content)).await;
    let jpeg = read.ok().flatten().ok_or_else(unknown)?;
    Ok(([(header::CONTENT_TYPE, "image/jpeg"), kept], jpeg).into_response())
}
