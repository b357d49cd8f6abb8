//! What staff and the clinic's IT ask for when something is wrong: a test page, and yes or no to support.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use machiai_core::command::Command;
use machiai_core::ids::PrinterId;
use machiai_core::people::Role;
use machiai_core::support::Answer as Said;
use machiai_core::support::commission::{Commissioned, REPORT_SIGNED_UNDER};
use machiai_core::support::decide::SupportCommand;
use serde::Deserialize;
use utoipa::ToSchema;

use super::api::{Answer, ask, carry};
use super::body::Order;
use crate::access::{Caller, Via};
use crate::answer::Answered;
use crate::app::Shared;
use crate::health::TestAnswer;
use crate::problem::{Problem, Told};
use crate::support::{look, marked, name_of, signer_of};

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/printers/{printer}/test", post(test))
        .route("/api/v1/support/{asked}/{said}", post(answer))
        .route("/api/v1/commission", post(commission))
}

/// Says yes or no to an order of support, or takes a yes back.
#[utoipa::path(post, path = "/api/v1/support/{asked}/{said}", tag = "support",
    params(("asked" = String, Path), ("said" = String, Path, description = "yes, no or withdrawn")),
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn answer(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path((asked, said)): Path<(String, String)>,
    order: Order<Nothing>,
) -> Answer {
    let unknown = || Problem::request(app.panel.words(), StatusCode::NOT_FOUND, "unknown_order", None);
    let said = match said.as_str() {
        "yes" => Said::Yes,
        "no" => Said::No,
        "withdrawn" => Said::Withdrawn,
        _ => return Err(Problem::unknown_address(app.panel.words())),
    };
    let seen = look(&app).into_iter().find(|seen| name_of(seen.asked) == asked).ok_or_else(unknown)?;
    // What nobody signed is nobody's to agree to.
    let Some(wanted) = seen.order.as_ref() else { return Err(unknown()) };
    let is_for_managers = said == Said::Yes && wanted.act.is_for_managers();
    if is_for_managers && caller.via == Via::Lan && caller.role() != Some(Role::Manager) {
        return Err(Problem::request(app.panel.words(), StatusCode::FORBIDDEN, "manager_only", None));
    }
    let answer = marked(&app, (seen.asked, &seen.ordered.order), said);
    carry(&app, ask(order, Command::Support { command: SupportCommand::Answer { answer } })).await
}

/// The report of a site's acceptance, with its signature.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommissionBody {
    /// What was signed, byte for byte.
    report: String,
    /// The signature (Ed25519), in base64.
    signature: String,
}

/// Takes the signed report of an acceptance in; the key must be one of those that the configuration names.
#[utoipa::path(post, path = "/api/v1/commission", tag = "support", request_body = CommissionBody,
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn commission(State(app): State<Shared>, order: Order<CommissionBody>) -> Answer {
    let CommissionBody { report, signature } = &order.body;
    let operator = signer_of(&app.configured(), (REPORT_SIGNED_UNDER, report), signature);
    let unknown = || Problem::request(app.panel.words(), StatusCode::FORBIDDEN, "nobodys_signature", None);
    let operator = operator.ok_or_else(unknown)?;
    let report = Commissioned { report: report.clone(), signature: signature.clone(), operator };
    let command = SupportCommand::Commission { site: app.site, report };
    carry(&app, ask(order, Command::Support { command })).await
}

/// A body that says nothing more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Prints a test page, after the tickets that wait already.
#[utoipa::path(post, path = "/api/v1/printers/{printer}/test", tag = "support", params(("printer" = String, Path)),
    responses((status = 200, body = TestAnswer), (status = 404, body = Told)))]
pub(crate) async fn test(State(app): State<Shared>, Path(printer): Path<String>) -> Result<Json<TestAnswer>, Problem> {
    let known: Option<PrinterId> = printer.parse().ok();
    let known = known.filter(|printer| app.gate.read(|clinic| clinic.standing.printers.contains_key(printer)));
    let unknown = || Problem::request(app.panel.words(), StatusCode::NOT_FOUND, "unknown_printer", None);
    let printer = known.ok_or_else(unknown)?;
    Ok(Json(app.printers.test(printer).await.into()))
}
