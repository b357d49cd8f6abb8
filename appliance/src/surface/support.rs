//! What support asks of the clinic, in plain words, for the desk: who, what, why, until when, and what came of it.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::facts::Lang;
use machiai_core::queue::Clinic;
use machiai_core::support::order::Act;
use machiai_core::support::{Answer, Outcome, Why};
use machiai_core::time::AtMs;
use machiai_panel::words::{Words, fill};
use serde::Serialize;

use crate::app::Shared;
use crate::support::{Seen, Stands, look, name_of};

/// The most orders that are listed, the newest first.
const MOST_LISTED: usize = 20;

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/support", get(orders))
}

/// An order, for staff.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    /// By what it is answered.
    asked: String,
    /// `asks`, `waits`, `runs` or `over`.
    stands: &'static str,
    /// Whether a yes stands that can be taken back.
    can_withdraw: bool,
    /// Whether a manager has to say yes.
    for_managers: bool,
    /// Why, in the operator's own words.
    why: String,
    not_before_ms: AtMs,
    not_after_ms: AtMs,
    ja: Sentences,
    en: Sentences,
}

/// What is said of an order in a language.
#[derive(Debug, Serialize)]
struct Sentences {
    who: String,
    what: String,
    what_for: String,
    until: String,
    /// What came of it; empty before.
    came: String,
}

/// What support asks, the newest first; orders that nobody known signed are not shown, only told back.
#[utoipa::path(get, path = "/api/v1/support", tag = "support", responses((status = 200, body = Object)))]
pub(crate) async fn orders(State(app): State<Shared>) -> Json<Vec<Shown>> {
    let seen = look(&app);
    let words = app.panel.words();
    Json(app.gate.read(|clinic| seen.iter().filter_map(|seen| shown(words, clinic, seen)).take(MOST_LISTED).collect()))
}

fn shown(words: &Words, clinic: &Clinic, seen: &Seen) -> Option<Shown> {
    let (order, operator) = (seen.order.as_ref()?, seen.operator.as_ref()?);
    let stands = match &seen.stands {
        Stands::Asks => "asks",
        Stands::Waits | Stands::Due => "waits",
        Stands::Begun => "runs",
        Stands::Refused(_) | Stands::Over => "over",
    };
    let outcome = match &seen.stands {
        Stands::Refused(why) => Some(Outcome::Refused(*why)),
        Stands::Asks | Stands::Waits | Stands::Due | Stands::Begun | Stands::Over => {
            seen.ordered.report.as_ref().map(|report| report.outcome)
        }
    };
    let said = |lang| {
        let say = |key: &str, values: &[(&str, &str)]| {
            words.get(lang, "support", key).map_or_else(|| key.to_owned(), |text| fill(text, values))
        };
        Sentences {
            who: say("who", &[("name", operator)]),
            what: what(&say, clinic, &order.act),
            what_for: say(&format!("for_{}", order.purpose.as_str()), &[]),
            until: say("until", &[("from", &clock(order.not_before_ms)), ("until", &clock(order.not_after_ms))]),
            came: outcome.map_or_else(String::new, |outcome| say(came(outcome), &[])),
        }
    };
    let is_yes = seen.ordered.last_said() == Some(Answer::Yes);
    Some(Shown {
        asked: name_of(seen.asked),
        stands,
        can_withdraw: is_yes && stands != "over",
        for_managers: order.act.is_for_managers(),
        why: order.why.clone(),
        not_before_ms: order.not_before_ms,
        not_after_ms: order.not_after_ms,
        ja: said(Lang::Ja),
        en: said(Lang::En),
    })
}

fn what(say: &impl Fn(&str, &[(&str, &str)]) -> String, clinic: &Clinic, act: &Act) -> String {
    let key = format!("do_{}", act.name());
    match act {
        Act::Diagnostics {} | Act::Doctor {} | Act::Screenshot {} | Act::LogLevel { .. } | Act::PullProgram {} => {
            say(&key, &[])
        }
        Act::RestartScreen { monitor } => say(&key, &[("monitor", monitor.as_str())]),
        Act::TestPage { printer } => say(&key, &[("printer", printer.as_str())]),
        Act::UpdateConfiguration { printer, address, profile } => {
            let before = clinic.standing.printers.get(printer);
            let before = before.map(|before| format!("{} {}", before.address, before.profile)).unwrap_or_default();
            let values =
                [("printer", printer.as_str()), ("before", &before), ("address", address), ("profile", profile)];
            say(&key, &values)
        }
    }
}

/// Writes an instant as the clinic has it.
fn clock(at: AtMs) -> String {
    let wall = at.in_tokyo();
    format!("{}/{} {}", wall.month(), wall.day(), at.clock_face())
}

/// Returns the name under which what came of an order has its words.
pub(crate) const fn came(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "came_done",
        Outcome::Failed => "came_failed",
        Outcome::Unknown => "came_unknown",
        Outcome::Refused(why) => match why {
            Why::Forged => "came_forged",
            Why::NotUnderstood => "came_not_understood",
            Why::NotOnTheList => "came_not_on_the_list",
            Why::OutsidePurpose => "came_outside_purpose",
            Why::AnotherSite => "came_another_site",
            Why::Late => "came_late",
            Why::TooLong => "came_too_long",
            Why::Replayed => "came_replayed",
            Why::Declined => "came_declined",
            Why::NotConsented => "came_not_consented",
            Why::Withdrawn => "came_withdrawn",
            Why::ClockLost => "came_clock_lost",
        },
    }
}
