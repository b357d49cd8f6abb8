//! What a carried-out command is answered with: what happened, and the tickets and visits it concerned.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use machiai_core::desk::{DeskRow, row};
use machiai_core::facts::Fact;
use machiai_core::ids::VisitId;
use machiai_core::queue::Clinic;
use machiai_core::ticket::{Added, ticket};
use machiai_core::time::AtMs;
use machiai_core::view::TicketView;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::rules::Done;

/// A command that was carried out: its facts are on disk.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answered {
    /// Whether it had been carried out before, under the same key; nothing happened twice.
    replayed: bool,
    /// The kinds of what happened, in order.
    happened: Vec<String>,
    /// The tickets that were given.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tickets: Vec<TicketView>,
    /// The visits concerned, as they stand now.
    #[schema(value_type = Vec<Object>)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    visits: Vec<DeskRow>,
}

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        // Written into a plain vector: axum's own buffer takes each comma by itself.
        match serde_json::to_vec(&self) {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

/// Makes the answer from the facts of a command and what is true now.
pub(crate) fn answer(app: &App, done: &Done) -> Answered {
    let (now, _) = app.gate.clock.now();
    let happened = done.kinds();
    app.gate.read(|clinic| {
        let mut answered = Answered { replayed: done.replayed, happened, tickets: Vec::new(), visits: Vec::new() };
        for fact in &done.facts {
            if let Fact::TicketIssued(issued) = fact {
                answered.tickets.extend(ticket(clinic, issued.visit, now, false, added(app, clinic, issued.visit)));
            } else {
                answered.visits.extend(fact.visits().iter().filter_map(|visit| desk_row(clinic, *visit, now)));
            }
        }
        answered
    })
}

fn desk_row(clinic: &Clinic, visit: VisitId, now: AtMs) -> Option<DeskRow> {
    clinic.visits.get(&visit).map(|visit| row(clinic, visit, now))
}

/// Returns what this box's secrets add to a ticket.
pub(crate) fn added(app: &App, clinic: &Clinic, visit: VisitId) -> Added {
    let page = clinic.standing.site.patient_url.as_ref();
    let of_visit = clinic.visits.get(&visit);
    let sealed = of_visit.filter(|visit| visit.name_shown).and_then(|visit| visit.personal.as_ref());
    Added {
        url: page.map(|page| format!("{page}{}", app.gate.tokens().token(visit))),
        name: sealed.and_then(|sealed| app.gate.open(sealed)).and_then(|personal| personal.name),
    }
}
