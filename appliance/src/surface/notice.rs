//! A notice before it is kept: how it would look on a monitor, or which of its texts does not fit. Writes nothing.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use machiai_core::program::content::ContentHash;
use machiai_core::settings::Text;
use machiai_panel::Layout;
use machiai_panel::notice::{Notice, NoticeLook};
use serde::Deserialize;

use crate::app::Shared;
use crate::problem::{Problem, Told};
use crate::scene;

/// The largest request: a few texts of at most some hundred characters.
const MAX_ASKED_BYTES: usize = 16 * 1024;

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    let bound = DefaultBodyLimit::max(MAX_ASKED_BYTES);
    Router::new().route("/api/v1/program/notice/preview", post(preview).layer(bound))
}

/// A notice that somebody writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `plain`, `urgent` or `emergency`.
    look: NoticeLook,
    /// Its headline, where it has one.
    #[serde(default)]
    headline: Option<Text>,
    /// What it says.
    text: Text,
    /// Content whose small picture is its photo.
    #[serde(default)]
    photo: Option<ContentHash>,
    /// `landscape` or `portrait`.
    layout: Layout,
}

/// Draws a notice as a monitor would show it, or says which text does not fit there.
#[utoipa::path(post, path = "/api/v1/program/notice/preview", request_body = Object, tag = "program",
    responses((status = 200, content_type = "image/svg+xml", body = String), (status = 422, body = Told)))]
pub(crate) async fn preview(State(app): State<Shared>, body: Bytes) -> Result<Response, Problem> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|cause| {
        let place = format!("line {} column {}", cause.line(), cause.column());
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Problem::request(app.panel.words(), status, "body_not_understood", Some(place))
    })?;
    let photo = scene::known_photo(&app, asked.photo)?;
    let (headline, photo) = (asked.headline.as_ref(), photo.as_deref());
    let notice = Notice { look: asked.look, headline, text: &asked.text, photo };
    // What is kept must fit every monitor, so a preview that fits this one alone would promise too much.
    scene::refuse_notice(&app.panel, &notice)?;
    let drawn = scene::draw(&app.panel, &notice, asked.layout).map_err(|why| scene::refusal(&app.panel, &why))?;
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((headers, String::from(drawn)).into_response())
}
