//! What the manager's page asks: the settings with their history, and what a change of them would do.
//!
//! Nothing here writes a fact.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use machiai_core::envelope::By;
use machiai_core::queue::Clinic;
use machiai_core::settings::warnings;
use machiai_core::settings::{Place, problems};
use machiai_core::standing::history::Change;
use machiai_core::time::{AtMs, Day};
use serde::{Deserialize, Serialize};

use super::printer::profile::Profile;
use crate::app::Shared;
use crate::problem::{Problem, Told};
use crate::settings::difference::{Difference, differences};
use crate::settings::seen::{Seen, history};
use crate::settings::{MAX_SETTINGS_BYTES, Settings, SettingsError};

/// How many differences of an earlier change are listed; the first settings of all have hundreds.
const MOST_DIFFERENCES: usize = 30;

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/manager", get(manager))
        .route("/api/v1/settings/preview", post(preview).layer(DefaultBodyLimit::max(MAX_SETTINGS_BYTES)))
}

/// Everything the manager's page begins with.
#[derive(Serialize)]
pub(crate) struct ManagerView {
    /// The settings that stand.
    settings: Settings,
    /// Which they are.
    seen: Seen,
    /// The business day that the clock says.
    today: Day,
    /// The names of printer profiles.
    profiles: Vec<&'static str>,
    /// The newest changes, newest first.
    history: Vec<Earlier>,
}

/// An earlier change.
#[derive(Serialize)]
struct Earlier {
    /// Its name, to take it back.
    id: Seen,
    at: AtMs,
    by: By,
    changes: Vec<Difference>,
    /// How many more differences there are.
    n_more: usize,
    /// Whether nobody has set the same things since.
    can_undo: bool,
}

/// The settings, which they are, and how they came about.
#[utoipa::path(get, path = "/api/v1/manager", tag = "questions", responses((status = 200, body = Object)))]
pub(crate) async fn manager(State(app): State<Shared>) -> Result<Response, Problem> {
    let changes = history(&app.gate).await.map_err(|cause| Problem::gate(app.panel.words(), &cause))?;
    let (now, _) = app.gate.clock.now();
    let view = app.gate.read(|clinic| ManagerView {
        settings: Settings::of(&clinic.standing),
        seen: seen(clinic),
        today: clinic.standing.rules.day_at(now),
        profiles: Profile::all().iter().map(|profile| profile.name).collect(),
        history: changes.iter().map(|change| earlier(clinic, change)).collect(),
    });
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(view)).into_response())
}

fn seen(clinic: &Clinic) -> Seen {
    Seen(clinic.last_set.as_ref().map(|last| last.id))
}

fn earlier(clinic: &Clinic, change: &Change) -> Earlier {
    let mut changes = differences(&Settings::of(&change.before), &Settings::of(&change.after));
    let n_more = changes.len().saturating_sub(MOST_DIFFERENCES);
    changes.truncate(MOST_DIFFERENCES);
    Earlier {
        id: Seen(Some(change.id)),
        at: change.at,
        by: change.by.clone(),
        changes,
        n_more,
        can_undo: change.taken_back(&clinic.standing).is_some(),
    }
}

/// A document to be looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    settings: Settings,
    /// Which settings it was made from.
    seen: Seen,
}

/// What a document would do.
#[derive(Serialize)]
pub(crate) struct Preview {
    changes: Vec<Difference>,
    /// Why it would be refused; it would be kept where this is empty and `stale` is none.
    problems: Vec<Note>,
    /// What to look at twice.
    warnings: Vec<Note>,
    /// Who changed the settings since.
    stale: Option<Since>,
}

/// One thing to tell.
#[derive(Serialize)]
struct Note {
    place: Place,
    code: &'static str,
    values: BTreeMap<String, String>,
}

/// Who changed the settings, and when.
#[derive(Serialize)]
struct Since {
    by: By,
    at: AtMs,
}

/// Says what a document of settings would change, what speaks against it and what to look at; writes nothing.
#[utoipa::path(post, path = "/api/v1/settings/preview", request_body = Object, tag = "questions",
    responses((status = 200, body = Object), (status = 422, body = Told)))]
pub(crate) async fn preview(State(app): State<Shared>, body: Bytes) -> Result<Json<Preview>, Problem> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|cause| {
        let (status, place) =
            (StatusCode::UNPROCESSABLE_ENTITY, format!("line {} column {}", cause.line(), cause.column()));
        Problem::request(app.panel.words(), status, "body_not_understood", Some(place))
    })?;
    let (now, _) = app.gate.clock.now();
    Ok(Json(app.gate.read(|clinic| previewed(clinic, &asked, now))))
}

fn previewed(clinic: &Clinic, asked: &Asked, now: AtMs) -> Preview {
    let mut after = clinic.standing.clone();
    for fact in asked.settings.changes(&clinic.standing) {
        after.after(&fact);
    }
    let noted = |problem: problems::Problem| Note {
        code: problem.what.code(),
        values: problem.what.values(),
        place: problem.place,
    };
    let problems = problems::problems_of_change(clinic, &after).into_iter().map(noted);
    let warned = |warning: warnings::Warning| Note {
        code: warning.what.code(),
        values: warning.what.values(),
        place: warning.place,
    };
    let since = clinic.last_set.as_ref().filter(|_| seen(clinic) != asked.seen);
    Preview {
        changes: differences(&Settings::of(&clinic.standing), &Settings::of(&after)),
        problems: asked.settings.faults().iter().filter_map(fault).chain(problems).collect(),
        warnings: warnings::warnings(clinic, &after, now).into_iter().map(warned).collect(),
        stale: since.map(|last| Since { by: last.by.clone(), at: last.at }),
    }
}

fn fault(cause: &SettingsError) -> Option<Note> {
    let (place, code, why) = match cause {
        SettingsError::Twice(place) => (place.clone(), "twice", String::new()),
        SettingsError::Address { printer, why } => (Place::Printer(printer.clone()), "address", why.clone()),
        SettingsError::Profile { printer, why } => (Place::Printer(printer.clone()), "profile", why.clone()),
        SettingsError::Malformed(_) | SettingsError::Unwritable(_) => return None,
    };
    Some(Note { place, code, values: BTreeMap::from([("why".to_owned(), why)]) })
}
