//! Pages for browsers: static files, the clinic's fonts, and nothing from outside the box.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::Shared;
use crate::problem::Problem;

/// A file that is built in: its name, its media type, its bytes.
type File = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: [File; 8] = [
    ("index.html", HTML, include_bytes!("../../../kiosk-assets/pages/index.html")),
    ("board.html", HTML, include_bytes!("../../../kiosk-assets/pages/board.html")),
    ("desk.html", HTML, include_bytes!("../../../kiosk-assets/pages/desk.html")),
    ("kiosk.html", HTML, include_bytes!("../../../kiosk-assets/pages/kiosk.html")),
    ("style.css", CSS, include_bytes!("../../../kiosk-assets/pages/style.css")),
    ("board.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/board.js")),
    ("desk.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/desk.js")),
    ("kiosk.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/kiosk.js")),
];

/// The faces that boards and pages are set in, from where Debian's package puts them.
const FONTS: [(&str, &str); 4] = [
    ("BIZUDPGothic-Regular.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Regular.ttf"),
    ("BIZUDPGothic-Bold.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Bold.ttf"),
    ("BIZUDGothic-Regular.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf"),
    ("BIZUDGothic-Bold.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Bold.ttf"),
];

/// Returns the routes of the pages.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(async || file_named("index.html")))
        .route("/board", get(async || file_named("board.html")))
        .route("/desk", get(async || file_named("desk.html")))
        .route("/kiosk", get(async || file_named("kiosk.html")))
        .route("/assets/{name}", get(asset))
        .route("/fonts/{name}", get(font))
}

fn file_named(name: &'static str) -> Response {
    match FILES.iter().find(|file| file.0 == name) {
        Some((_, kind, bytes)) => {
            ([(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")], *bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn asset(State(app): State<Shared>, Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.0 == name && file.1 != HTML) {
        Some(file) => file_named(file.0),
        None => unknown(&app),
    }
}

async fn font(State(app): State<Shared>, Path(name): Path<String>) -> Response {
    let Some((_, path)) = FONTS.iter().find(|font| font.0 == name) else { return unknown(&app) };
    match tokio::task::spawn_blocking(move || std::fs::read(path)).await {
        Ok(Ok(bytes)) => {
            let kind = [(header::CONTENT_TYPE, "font/ttf"), (header::CACHE_CONTROL, "public, max-age=604800")];
            (kind, bytes).into_response()
        }
        Ok(Err(_)) | Err(_) => unknown(&app),
    }
}

fn unknown(app: &Shared) -> Response {
    Problem::request(app.panel.words(), StatusCode::NOT_FOUND, "unknown_address", None).into_response()
}
