//! The kiosk without scripts: a form takes a ticket, and the browser is sent on to the page that shows its number.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Router};
use machiai_core::command::{Command, Take};
use machiai_core::envelope::Cmd;
use machiai_core::facts::{Channel, Fact, Lang};
use machiai_core::ids::LineNo;
use serde::Deserialize;

use super::body::{digest, is_key};
use crate::access::Caller;
use crate::app::Shared;
use crate::gate::Gate;

/// Where the form is sent to.
const PATH: &str = "/kiosk/take";

/// Returns the route of the form.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route(PATH, post(take))
}

/// The form's fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    line: u16,
    /// Drawn when the page was made: the form sent twice is one ticket.
    key: String,
}

/// Takes a ticket for one person; whatever is amiss, the page says to ask at reception.
async fn take(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    asked: Result<Form<Asked>, FormRejection>,
) -> Response {
    let visit = match asked {
        Ok(Form(asked)) => ticket(&app, &caller, &asked).await,
        Err(_) => None,
    };
    let shown = visit.map_or_else(|| "/kiosk/number".to_owned(), |visit| format!("/kiosk/number?visit={visit}"));
    Redirect::to(&shown).into_response()
}

async fn ticket(app: &Shared, caller: &Caller, asked: &Asked) -> Option<String> {
    let by = caller.by("kiosk/plain".parse().ok())?;
    let key = is_key(&asked.key).then(|| asked.key.clone())?;
    let digest = digest(&by.device, PATH, asked.line.to_string().as_bytes());
    let take = Take {
        line: LineNo(asked.line),
        channel: Channel::Kiosk,
        family: 1,
        lang: Lang::Ja,
        text_call: false,
        name_shown: false,
        booked_for: None,
        interrupt: false,
        personal: None,
    };
    let done = app.gate.ask(Gate::by(by, Some(Cmd { key, digest }), Command::Take(take))).await.ok()?;
    done.facts
        .iter()
        .find_map(|fact| if let Fact::TicketIssued(issued) = fact { Some(issued.visit.to_string()) } else { None })
}
