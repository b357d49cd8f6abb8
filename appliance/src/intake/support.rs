//! What staff and the clinic's IT ask for when something is wrong: a test page, and yes or no to support.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use machiai_core::facts::PrintTrouble;
use machiai_core::ids::PrinterId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::problem::{Problem, Told};
use crate::surface::printer::Outcome;

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/printers/{printer}/test", post(test))
}

/// What came of a test page.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TestAnswer {
    /// `printed`, `refused` or `unconfirmed`.
    outcome: Came,
    /// Why it was not printed, by code.
    #[schema(value_type = Option<String>)]
    trouble: Option<PrintTrouble>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Came {
    Printed,
    Refused,
    Unconfirmed,
}

impl From<Outcome> for TestAnswer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Printed => Self { outcome: Came::Printed, trouble: None },
            Outcome::Refused(trouble) => Self { outcome: Came::Refused, trouble: Some(trouble) },
            Outcome::Unconfirmed(trouble) => Self { outcome: Came::Unconfirmed, trouble: Some(trouble) },
        }
    }
}

impl From<TestAnswer> for Outcome {
    fn from(answer: TestAnswer) -> Self {
        let trouble = answer.trouble.unwrap_or(PrintTrouble::Broken);
        match answer.outcome {
            Came::Printed => Self::Printed,
            Came::Refused => Self::Refused(trouble),
            Came::Unconfirmed => Self::Unconfirmed(trouble),
        }
    }
}

/// Prints a test page, after the tickets that wait already.
#[utoipa::path(post, path = "/api/v1/printers/{printer}/test", tag = "support", params(("printer" = String, Path)),
    responses((status = 200, body = TestAnswer), (status = 404, body = Told)))]
pub(crate) async fn test(
    State(app): State<Shared>,
    Path(printer): Path<String>,
) -> Result<Json<TestAnswer>, Problem> {
    let known: Option<PrinterId> = printer.parse().ok();
    let known = known.filter(|printer| app.gate.read(|clinic| clinic.standing.printers.contains_key(printer)));
    let unknown = || Problem::request(app.panel.words(), StatusCode::NOT_FOUND, "unknown_printer", None);
    let printer = known.ok_or_else(unknown)?;
    Ok(Json(app.printers.test(printer).await.into()))
}
