//! The board in browsers: the same SVG as the monitor shows, sent when it changes; a slow board gets only the latest.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use machiai_core::board::{board, changes_at};
use machiai_core::queue::Clinic;
use machiai_core::time::AtMs;
use machiai_core::view::{BoardView, CallFrame};
use machiai_panel::{DrawError, Film, Layout, Look};
use serde::Deserialize;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::WatchStream;

use crate::app::{App, Call, Frame, Shared, Trouble};
use crate::problem::Problem;

/// How often a board hears that its box is there; after 5 s without, it says that it is old.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Returns the board's routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/board", get(view))
        .route("/api/v1/board.svg", get(svg))
        .route("/api/v1/board/events", get(events))
}

/// Which way the monitor hangs, and whether a film runs on it.
#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default)]
    layout: AskedLayout,
    #[serde(default)]
    film: AskedFilm,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AskedLayout {
    #[default]
    Landscape,
    Portrait,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AskedFilm {
    #[default]
    Beside,
    Off,
}

impl Asked {
    const fn look(self) -> Look {
        let layout = match self.layout {
            AskedLayout::Landscape => Layout::Landscape,
            AskedLayout::Portrait => Layout::Portrait,
        };
        let film = match self.film {
            AskedFilm::Beside => Film::Beside,
            AskedFilm::Off => Film::Off,
        };
        Look { layout, film }
    }
}

/// Returns the frames of a way to draw the board.
const fn frames_of(app: &App, look: Look) -> &watch::Sender<Frame> {
    let [landscape, portrait, landscape_alone, portrait_alone] = &app.frames;
    match (look.layout, look.film) {
        (Layout::Landscape, Film::Beside) => landscape,
        (Layout::Portrait, Film::Beside) => portrait,
        (Layout::Landscape, Film::Off) => landscape_alone,
        (Layout::Portrait, Film::Off) => portrait_alone,
    }
}

/// Returns the board as it is now.
pub(crate) fn view_now(app: &App) -> BoardView {
    let (now, _) = app.gate.clock.now();
    let (_, trust) = app.gate.clock.shown();
    if app.gate.aside().is_some() {
        // What it knows of the queue is not what is true of it.
        let mut nobodys = Clinic::default();
        nobodys.standing = app.gate.read(|clinic| clinic.standing.clone());
        return board(&nobodys, now, trust);
    }
    app.gate.read(|clinic| board(clinic, now, trust))
}

/// The board's view: codes and values, no words.
#[utoipa::path(get, path = "/api/v1/board", tag = "board", responses((status = 200, body = Object)))]
pub(crate) async fn view(State(app): State<Shared>) -> axum::Json<BoardView> {
    axum::Json(view_now(&app))
}

/// The board as the monitor shows it.
#[utoipa::path(get, path = "/api/v1/board.svg", tag = "board",
    params(("layout" = Option<String>, Query, description = "landscape or portrait"),
        ("film" = Option<String>, Query, description = "beside, or off: the board has all of the monitor")),
    responses((status = 200, content_type = "image/svg+xml", body = String)))]
pub(crate) async fn svg(State(app): State<Shared>, Query(asked): Query<Asked>) -> Result<Response, Problem> {
    let drawn = app.panel.board_svg(&view_now(&app), asked.look());
    drawn.map(drawing).map_err(|cause| not_drawn(&app, &cause))
}

/// Answers with a drawing, which is true at this moment alone.
pub(crate) fn drawing(svg: String) -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, no-store")], svg).into_response()
}

/// Answers that a drawing failed, naming the part and not what stands in it.
pub(crate) fn not_drawn(app: &App, cause: &DrawError) -> Problem {
    let detail = Some(cause.to_string());
    Problem::request(app.panel.words(), StatusCode::INTERNAL_SERVER_ERROR, "not_drawn", detail)
}

/// The board whenever it changes, and a sign of life every two seconds.
#[utoipa::path(get, path = "/api/v1/board/events", tag = "board",
    params(("layout" = Option<String>, Query, description = "landscape or portrait"),
        ("film" = Option<String>, Query, description = "beside, or off: the board has all of the monitor")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
pub(crate) async fn events(State(app): State<Shared>, Query(asked): Query<Asked>) -> Response {
    let frames = frames(&app, asked.look());
    let mut seen = 0;
    let stream = WatchStream::new(frames).map(move |frame| {
        let event = if frame.nth == seen { alive() } else { frame.event };
        seen = frame.nth;
        Ok::<Bytes, Infallible>(event)
    });
    let until = app.stop.clone().cancelled_owned();
    let body = Body::from_stream(crate::ending::until(stream, until));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

const fn alive() -> Bytes {
    Bytes::from_static(b"event: alive\ndata: 1\n\n")
}

/// Draws the board in one way for its boards, if there is none yet or it changed; returns when time alone changes it.
fn paint_one(app: &App, look: Look) -> AtMs {
    let frames = frames_of(app, look);
    let (now, _) = app.gate.clock.now();
    let changes = app.gate.read(|clinic| changes_at(clinic, now));
    let view = view_now(app);
    let page = match app.panel.board_now(&view, look) {
        Ok(page) => page,
        Err(cause) => {
            app.note(Trouble::BoardNotDrawn, true);
            tracing::warn!(error = %cause, "cannot draw the board, the last picture stays");
            return changes;
        }
    };
    app.note(Trouble::BoardNotDrawn, false);
    let until = changes.min(page.changes_at);
    let mut event = String::with_capacity(page.svg.len().saturating_add(64));
    // Writing to a string cannot fail.
    let _written = write!(event, "id: {}\nevent: board\ndata: ", view.n_facts);
    let drawn = event.len()..event.len().saturating_add(page.svg.len());
    event.push_str(&page.svg);
    event.push_str("\n\n");
    let event = Bytes::from(event);
    let calls = view.calls.iter().map(heard).collect();
    let (svg, is_over_film) = (event.slice(drawn), !view.calls.is_empty() || !view.wait_longer.is_empty());
    frames.send_if_modified(|frame| {
        let is_new = frame.event != event;
        if is_new {
            *frame = Frame { nth: frame.nth.wrapping_add(1), event, svg, is_over_film, calls, ..Frame::default() };
        }
        (frame.n_facts, frame.until) = (view.n_facts, until);
        is_new
    });
    until
}

/// Returns what is heard of a call.
fn heard(call: &CallFrame) -> Call {
    Call { label: call.label.clone(), at: call.called_at, again: call.again, speech: call.speech.clone() }
}

/// Returns the frames of a way to draw the board, for one who looks from now on, the first of them drawn.
pub(super) fn frames(app: &App, look: Look) -> watch::Receiver<Frame> {
    let mut frames = frames_of(app, look).subscribe();
    app.board_wanted.notify_one();
    let (now, _) = app.gate.clock.now();
    // A thousand boards that come back at once must not cost a thousand drawings.
    if !frames.borrow().is_true(app.gate.read(|clinic| clinic.n_facts), now) {
        let _until = paint_one(app, look);
    }
    frames.mark_changed();
    frames
}

/// Draws the board in every way that somebody looks at; returns when time alone changes one of them.
fn paint_all(app: &App) -> Option<AtMs> {
    let watched = Look::ALL.into_iter().filter(|look| frames_of(app, *look).receiver_count() > 0);
    watched.map(|look| paint_one(app, look)).min()
}

/// Draws the board for whoever looks, when facts change it and when time does, until the app stops.
pub(crate) async fn paint(app: Shared) {
    let mut changes = app.gate.changes();
    let mut alive = tokio::time::interval(SIGN_OF_LIFE);
    let mut due = None;
    loop {
        if app.frames.iter().all(|frames| frames.receiver_count() == 0) {
            tokio::select! {
                () = app.stop.cancelled() => return,
                () = app.board_wanted.notified() => {}
            }
            due = paint_all(&app);
        }
        // A board that has only just come is drawn for at once; the next stroke at the latest finds out until when.
        let next = due.map_or(SIGN_OF_LIFE, |due| app.gate.clock.until(due));
        tokio::select! {
            () = app.stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(next.max(Duration::from_millis(20))) => {}
            _ = alive.tick() => {
                for frames in &app.frames {
                    // The same frame again: each board that has it sends a sign of life instead.
                    frames.send_modify(|_| {});
                }
                continue;
            }
        }
        due = paint_all(&app);
    }
}
