//! The rehearsal desk: new staff press every button on a copy of the day, and no patient notices.
//!
//! The copy is a clinic of its own: its journal lies in a folder that is thrown away, its clock marks every fact as a
//! rehearsal's, no board shows it, and its papers count as printed without a printer. It holds no keys of the real
//! journal, so that names and notes of real patients cannot be opened there.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use axum::{Extension, Router};
use machiai_core::command::Command;
use machiai_core::facts::PrintOutcome;
use machiai_core::queue::Clinic;
use machiai_core::time::{AtMs, Day};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::access::Caller;
use crate::app::{App, Shared};
use crate::config::{self, Config};
use crate::daemon::{self, DaemonError};
use crate::gate::GateError;
use crate::http::MAX_BODY_BYTES;
use crate::problem::{Problem, Told};
use crate::{intake, surface};

/// Where its pages and commands are, before the addresses they have at the real desk.
const ROOT: &str = "/rehearsal";

/// A rehearsal that nobody has touched for so long is over.
const IDLE_MS: i64 = 60 * 60 * 1_000;

/// How often it looks for what is due by itself.
const EVERY: Duration = Duration::from_secs(10);

/// The rehearsal, while there is one.
pub(crate) struct Rehearsals {
    config: Config,
    running: Mutex<Option<Running>>,
    /// One start or end at a time.
    changing: tokio::sync::Mutex<()>,
}

/// A copy of the day, with who keeps it.
struct Running {
    app: Shared,
    routes: Router,
    keeping: JoinHandle<()>,
    /// The business day it was copied from.
    day: Option<Day>,
    /// When somebody last asked or pressed, on the real clinic's clock.
    touched: AtMs,
}

impl Rehearsals {
    /// Returns a place for a rehearsal beside the journal of a configuration.
    pub(crate) fn new(config: &Config) -> Self {
        Self { config: config.clone(), running: Mutex::default(), changing: tokio::sync::Mutex::new(()) }
    }

    fn running<T>(&self, question: impl FnOnce(&mut Option<Running>) -> T) -> T {
        question(&mut self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the copy, while there is one.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> Option<Shared> {
        self.running(|running| running.as_ref().map(|running| Arc::clone(&running.app)))
    }

    /// Returns where the copy lies.
    pub(crate) fn folder(&self) -> PathBuf {
        self.config.state.join("rehearsal")
    }
}

/// Returns the routes: the desk's own under [`ROOT`], and what begins and ends a rehearsal.
pub(crate) fn routes() -> Router<Shared> {
    // The page is there without a rehearsal too: it offers to begin one, and is never the real desk by accident.
    let inside = Router::new().merge(surface::pages::desk_routes()).route("/api/{*rest}", any(pass));
    Router::new()
        .nest(ROOT, inside)
        .route("/api/v1/rehearsal/start", post(start_now))
        .route("/api/v1/rehearsal/end", post(end_now))
}

/// Begins a rehearsal on a copy of the day as it is now; one that runs is thrown away.
#[utoipa::path(post, path = "/api/v1/rehearsal/start", tag = "rehearsal",
    responses((status = 204), (status = "5XX", body = Told)))]
pub(crate) async fn start_now(State(app): State<Shared>) -> Result<StatusCode, Problem> {
    let _alone = app.rehearsals.changing.lock().await;
    throw_away(&app).await;
    let failed = |cause: DaemonError| {
        tracing::warn!(error = %cause, "no rehearsal could begin");
        Problem::request(app.panel.words(), StatusCode::INTERNAL_SERVER_ERROR, "rehearsal_failed", None)
    };
    let real = Arc::clone(&app);
    let opened = tokio::task::spawn_blocking(move || open(&real)).await;
    let copy = opened.unwrap_or(Err(DaemonError::JournalEnded)).map_err(failed)?;
    let (day, touched) = (copy.gate.read(|clinic| clinic.day), app.gate.clock.now().0);
    let running = Running {
        routes: inner_routes(&copy),
        keeping: tokio::spawn(keep(Arc::clone(&copy))),
        app: copy,
        day,
        touched,
    };
    app.rehearsals.running(|place| *place = Some(running));
    tracing::info!("a rehearsal began");
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the rehearsal, if there is one, and throws its copy away.
#[utoipa::path(post, path = "/api/v1/rehearsal/end", tag = "rehearsal", responses((status = 204)))]
pub(crate) async fn end_now(State(app): State<Shared>) -> StatusCode {
    end(&app).await;
    StatusCode::NO_CONTENT
}

/// Ends the rehearsal, if there is one.
pub(crate) async fn end(app: &App) {
    let _alone = app.rehearsals.changing.lock().await;
    throw_away(app).await;
}

/// Ends a rehearsal whose day is over, or that nobody has touched for an hour.
pub(crate) async fn end_if_over(app: &App) {
    end_if_over_at(app, app.gate.clock.now().0).await;
}

/// As [`end_if_over`], at an instant of the real clinic's clock.
pub(crate) async fn end_if_over_at(app: &App, now: AtMs) {
    let day = app.gate.read(|clinic| clinic.day);
    let is_over = |running: &Running| running.day != day || now.since(running.touched) >= IDLE_MS;
    if app.rehearsals.running(|running| running.as_ref().is_some_and(is_over)) {
        end(app).await;
    }
}

async fn throw_away(app: &App) {
    if let Some(running) = app.rehearsals.running(Option::take) {
        running.app.stop.cancel();
        if running.keeping.await.is_err() || !daemon::close(&running.app.gate).await {
            tracing::warn!("a rehearsal did not end as it should");
        }
        tracing::info!("the rehearsal ended");
    }
    let folder = app.rehearsals.folder();
    if folder.exists()
        && let Err(cause) = std::fs::remove_dir_all(&folder)
    {
        tracing::warn!(error = %cause, folder = %folder.display(), "a rehearsal's folder stays");
    }
}

/// Opens a copy of the day beside the real journal.
fn open(real: &App) -> Result<Shared, DaemonError> {
    let place = &real.rehearsals;
    let clock = real.gate.clock.now().0;
    let config = Config {
        state: place.folder(),
        ballast_mib: 0,
        lan: None,
        rehearsal: Some(config::Rehearsal {
            starts: jiff::Timestamp::from_millisecond(clock.0).unwrap_or_default().to_string(),
            speed: place.config.rehearsal.as_ref().map_or(1, |rehearsal| rehearsal.speed),
            steps: Vec::new(),
        }),
        ..place.config.clone()
    };
    let copied = real.gate.read(Clinic::clone);
    let (gate, _) = daemon::open(&config, Some(&copied), Box::new(|| ()))?;
    Ok(Arc::new(App::new(&config, gate, Arc::clone(&real.panel))))
}

/// Returns what works inside a rehearsal: the queue's commands and questions.
fn inner_routes(app: &Shared) -> Router {
    Router::new()
        .merge(intake::api::routes())
        .merge(surface::api::routes())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::clone(app))
}

/// Hands a request to the rehearsal; its caller has been checked as one of the real desk is.
async fn pass(State(app): State<Shared>, Extension(caller): Extension<Caller>, mut request: Request) -> Response {
    let now = app.gate.clock.now().0;
    let routes = app.rehearsals.running(|running| {
        let running = running.as_mut()?;
        running.touched = now;
        Some(running.routes.clone())
    });
    match routes {
        Some(routes) => {
            // What the outer routes read out of the address would be taken for a part of the inner ones.
            request.extensions_mut().clear();
            request.extensions_mut().insert(caller);
            routes.oneshot(request).await.into_response()
        }
        None => Problem::request(app.panel.words(), StatusCode::CONFLICT, "no_rehearsal", None).into_response(),
    }
}

/// Does inside a rehearsal what nobody presses a button for, until it ends.
async fn keep(app: Shared) {
    let mut changed = app.gate.changes();
    let mut due = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = due.tick() => carry_out(&app, Command::KeepHouse).await,
            told = changed.changed() => if told.is_err() { return },
        }
        let begun: Vec<_> = app.gate.read(|clinic| clinic.printing.values().cloned().collect());
        for print in begun {
            let (visit, attempt) = (print.visit, print.attempt);
            let end = Command::EndPrint { visit, attempt, outcome: PrintOutcome::Printed, trouble: None };
            carry_out(&app, end).await;
        }
    }
}

async fn carry_out(app: &App, command: Command) {
    match app.ask_itself(command).await {
        Ok(_) | Err(GateError::Refused(_)) => {}
        Err(cause) => tracing::warn!(error = %cause, "a rehearsal could not go on by itself"),
    }
}
