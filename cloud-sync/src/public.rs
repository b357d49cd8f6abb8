//! What others may show of a clinic, and nothing else: its waiting status, its message, its address, its hours; each
//! with how old it is.

use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::ids::SiteId;
use machiai_core::view::Wait;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::patient::view::{self, SiteView};
use crate::site::remote::{Remote, by};
use crate::site::seen::Seen;
use crate::store::StoreError;

/// How long anybody may keep an answer, in seconds.
const KEEP_S: u32 = 15;

/// The script by which a clinic's own page shows the status.
const EMBED: &str = include_str!("../../kiosk-assets/pages/embed.js");

/// What the routes hold.
#[derive(Clone)]
pub(crate) struct Public {
    pub(crate) remote: Remote,
    pub(crate) seen: Seen,
}

/// The documents of the public interface.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Machiai: what a clinic shows to everybody",
        description = "Four items and their age; no patient's data."
    ),
    paths(site),
    components(schemas(Shown, Line, Session))
)]
struct Api;

/// What a clinic shows to everybody.
#[derive(Debug, Serialize, ToSchema)]
struct Shown {
    /// The clinic's name.
    name: String,
    /// When the clinic was last heard of, seconds ago; none when it never was.
    age_s: Option<u64>,
    /// Whether that is so long ago that the status may be wrong.
    out_of_reach: bool,
    /// The waiting status, line by line.
    waiting: Vec<Line>,
    /// The clinic's short message (i-message); none when there is none.
    message: Option<String>,
    /// The clinic's address.
    address: Option<String>,
    /// Today's consultation hours.
    hours: Vec<Session>,
}

/// The waiting status of one line.
#[derive(Debug, Serialize, ToSchema)]
struct Line {
    /// The line's address: site number and line number.
    address: String,
    /// Its name.
    name: String,
    /// Whether numbers are being given.
    open: bool,
    /// People waiting.
    n_waiting: u32,
    /// The estimated wait in minutes, from and to; none when nothing can be said.
    wait_min: Option<(u32, u32)>,
    /// Numbers that are called or being seen.
    now: Vec<String>,
}

/// A session of today's consultation.
#[derive(Debug, Serialize, ToSchema)]
struct Session {
    /// Its name.
    name: String,
    /// When it begins, in Asia/Tokyo.
    from: String,
    /// When it ends.
    to: String,
}

/// Returns the routes.
pub(crate) fn routes(public: Public) -> Router {
    Router::new()
        .route("/api/v1/sites/{site}", get(site))
        .route("/api/v1/openapi.json", get(async || Json(Api::openapi())))
        .route("/embed.js", get(embed))
        .with_state(public)
}

/// What a clinic shows to everybody; may be kept for 15 seconds, and asked for from any page.
#[utoipa::path(get, path = "/api/v1/sites/{site}", params(("site" = u32, Path)),
    responses((status = 200, body = Shown), (status = 404, description = "no such clinic")))]
async fn site(State(public): State<Public>, Path(site): Path<SiteId>) -> Result<Response, NoAnswer> {
    let now = public.remote.clock.now();
    let view = public.remote.clinics.ask(site, |clinic, _| view::site(clinic, now, &by())).await?;
    let view = view.ok_or(NoAnswer::NotFound)?;
    let age_s = public.seen.last_ms(site).await?.map(|seen_ms| public.seen.age_s(seen_ms));
    Ok((open_headers("application/json"), Json(shown(site, view, age_s))).into_response())
}

fn shown(site: SiteId, view: SiteView, age_s: Option<u64>) -> Shown {
    let line = |line: view::LineView| Line {
        address: format!("{site}-{}", line.line),
        name: line.name.ja,
        open: line.is_open,
        n_waiting: line.n_waiting,
        wait_min: match line.wait {
            Wait::Band(band) => Some((band.from_min, band.to_min)),
            Wait::Nobody => Some((0, 0)),
            Wait::Unknown | Wait::Paused => None,
        },
        now: line.now,
    };
    Shown {
        name: view.name.ja,
        age_s,
        out_of_reach: age_s.is_none_or(|age_s| age_s > crate::patient::OUT_OF_REACH_S),
        waiting: view.lines.into_iter().map(line).collect(),
        message: view.message,
        address: view.address,
        hours: view.today.into_iter().map(|(name, from, to)| Session { name: name.ja, from, to }).collect(),
    }
}

async fn embed() -> Response {
    (open_headers("text/javascript; charset=utf-8"), EMBED).into_response()
}

fn open_headers(kind: &'static str) -> [(HeaderName, String); 4] {
    [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, format!("public, max-age={KEEP_S}")),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ]
}

/// Why there is no answer.
enum NoAnswer {
    NotFound,
    Failed,
}

impl From<StoreError> for NoAnswer {
    fn from(cause: StoreError) -> Self {
        tracing::error!(error = %cause, "the public status is not answered");
        Self::Failed
    }
}

impl IntoResponse for NoAnswer {
    fn into_response(self) -> Response {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}
