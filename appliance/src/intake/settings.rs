//! The settings' commands: a document that says what shall be, and the taking back of an earlier change.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use machiai_core::command::{Basis, Command};
use machiai_core::facts::Fact;
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_core::settings::Place;
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::{Answer, ask, carry};
use super::body::Order;
use crate::answer::Answered;
use crate::app::{App, Shared};
use crate::problem::{Problem, Told};
use crate::settings::seen::{self, Seen};
use crate::settings::{MAX_SETTINGS_BYTES, Settings, SettingsError};

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/settings", post(change_settings).layer(DefaultBodyLimit::max(MAX_SETTINGS_BYTES)))
        .route("/api/v1/settings/undo", post(undo_settings))
}

/// Names a change of the settings.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoBody {
    /// The change, as the history names it.
    #[schema(value_type = String)]
    change: Seen,
}

/// Takes the clinic's settings as one document; only what differs becomes facts.
///
/// With `If-Match` it is refused when somebody changed the settings since they were read.
#[utoipa::path(post, path = "/api/v1/settings", request_body = Object, tag = "clinic",
    params(("If-Match" = Option<String>, Header, description = "`seen` of the settings it is made from, in quotes")),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn change_settings(State(app): State<Shared>, headers: HeaderMap, order: Order<Settings>) -> Answer {
    let basis = basis_of(&app, &headers)?;
    order.body.check().map_err(|cause| faulty(&app, &cause))?;
    let facts: Vec<Fact> = app.gate.read(|clinic| order.body.changes(&clinic.standing));
    carry(&app, ask(order, Command::ChangeSettings { facts, basis })).await
}

/// Takes a change of the settings back; refused when somebody changed the same thing since.
#[utoipa::path(post, path = "/api/v1/settings/undo", request_body = UndoBody, tag = "clinic",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn undo_settings(State(app): State<Shared>, order: Order<UndoBody>) -> Answer {
    let changes = seen::history(&app.gate).await.map_err(|cause| Problem::gate(app.panel.words(), &cause))?;
    let refused = |refusal: Refusal| Problem::refused(app.panel.words(), &refusal);
    let wanted = changes.iter().find(|change| Some(change.id) == order.body.change.0);
    let wanted = wanted.ok_or_else(|| refused(Refusal::new(RefusalCode::NothingToUndo)))?;
    let facts = app.gate.read(|clinic| wanted.taken_back(&clinic.standing));
    // Without facts the rules refuse it and say who was quicker.
    let basis = Basis::Seen(changes.first().filter(|_| facts.is_some()).map(|newest| newest.id));
    carry(&app, ask(order, Command::ChangeSettings { facts: facts.unwrap_or_default(), basis })).await
}

/// Reads what the asker had seen.
fn basis_of(app: &App, headers: &HeaderMap) -> Result<Basis, Problem> {
    let Some(seen) = headers.get(header::IF_MATCH) else { return Ok(Basis::Any) };
    let seen = seen.to_str().ok().and_then(|seen| seen.trim_matches('"').parse().ok());
    let bad = || Refusal::new(RefusalCode::BadValue).with("field", &"If-Match");
    seen.map(|Seen(seen)| Basis::Seen(seen)).ok_or_else(|| Problem::refused(app.panel.words(), &bad()))
}

fn faulty(app: &App, cause: &SettingsError) -> Problem {
    let contradicts = |place: &Place| {
        let refusal = Refusal::new(RefusalCode::BadSettings).with("where", place);
        Problem::refused(app.panel.words(), &refusal.with("code", &"twice").with("why", &"it stands there twice"))
    };
    match cause {
        SettingsError::Twice(place) => contradicts(place),
        SettingsError::Address { .. }
        | SettingsError::Profile { .. }
        | SettingsError::Malformed(_)
        | SettingsError::Unwritable(_) => {
            let (words, status) = (app.panel.words(), StatusCode::UNPROCESSABLE_ENTITY);
            Problem::request(words, status, "bad_printer", Some(cause.to_string()))
        }
    }
}
