//! Consultation calls as a question: what runs, a month's reservations and how each amount came about.

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::call::connection::laid_out;
use machiai_core::call::open::OpenCall;
use machiai_core::call::rate::{Invoice, Rated};
use machiai_core::call::tariff::{Stretch, Tariff};
use machiai_core::call::told::{Mark, RecordingMarked};
use machiai_core::call::why::HowAmount;
use machiai_core::facts::Lang;
use machiai_core::ids::{RecordingPlace, ReservationId};
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_core::settings::Text;
use machiai_core::time::{AtMs, MINUTE_MS};
use machiai_panel::Words;
use serde::{Deserialize, Serialize};

use crate::app::Shared;
use crate::calls;
use crate::problem::{Problem, Told};

/// What a tariff is tried on, in minutes from the first connect: an ordinary call, one just beyond half an hour, and one
/// that broke off for a short while and for a long one.
const EXAMPLES: [&[(i64, i64)]; 4] = [&[(0, 20)], &[(0, 31)], &[(0, 10), (15, 25)], &[(0, 10), (35, 45)]];

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/calls", get(calls_of_month)).route("/api/v1/calls/example", get(example))
}

/// Which month.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// `2026-11`; the running one where none is named.
    month: Option<String>,
}

/// In Japanese and in English.
#[derive(Serialize)]
struct Said<T> {
    ja: T,
    en: T,
}

/// What is said of one reservation.
#[derive(Serialize)]
struct SaidOf {
    how: Said<String>,
    remarks: Said<Vec<String>>,
    /// Where each connection stands, in milliseconds from the first one's start.
    line: Vec<Stretch>,
    marks: Vec<Marked>,
}

/// What happened to a recording.
#[derive(Serialize)]
struct Marked {
    at_ms: AtMs,
    mark: Mark,
    place: Option<RecordingPlace>,
}

/// What the page shows.
#[derive(Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    invoice: Invoice,
    /// What is said of each reservation.
    said: BTreeMap<ReservationId, SaidOf>,
    /// The names of the tariffs.
    tariffs: Said<BTreeMap<String, String>>,
    /// What runs now, of whichever month.
    open: Vec<OpenCall>,
    /// The clinic.
    clinic: Text,
    /// The instant of which it is true.
    now_ms: AtMs,
}

/// A month's consultation calls: what runs, each reservation's connections and amount, and what to look at.
#[utoipa::path(get, path = "/api/v1/calls", tag = "questions", params(("month" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = "4XX", body = Told)))]
pub(crate) async fn calls_of_month(
    State(app): State<Shared>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let words = app.panel.words();
    let (now, _) = app.gate.clock.now();
    let bad = || Problem::refused(words, &Refusal::new(RefusalCode::BadValue).with("field", &"month"));
    let month = calls::wanted(wanted.month.as_deref(), now).ok_or_else(bad)?;
    let leases = app.gate.leases();
    let found = app.gate.ask_journal(move |reader| calls::invoice(reader, month, &leases)).await;
    let (known, invoice) = found.map_err(|cause| Problem::gate(words, &cause))?;
    let said = invoice.reservations.iter().map(|rated| {
        let marks = rated.connections.iter().flat_map(|connection| known.marks(&connection.key));
        (rated.reservation.clone(), said_of(words, rated, marks))
    });
    let said = said.collect();
    let (open, clinic) = app.gate.read(|clinic| (clinic.calls.open.clone(), clinic.standing.site.name.clone()));
    let tariffs = Said { ja: calls::tariffs(words, Lang::Ja), en: calls::tariffs(words, Lang::En) };
    let shown = Shown { invoice, said, tariffs, open, clinic, now_ms: now };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(shown)).into_response())
}

/// What a tariff gives for one call.
#[derive(Serialize)]
pub(crate) struct Example {
    /// The clinic's connections.
    stretches: Vec<Stretch>,
    units: i64,
    yen: i64,
    how: Said<String>,
}

/// What a tariff would give for calls that are made up; it need not be one of the clinic's.
#[utoipa::path(get, path = "/api/v1/calls/example", tag = "questions", responses((status = 200, body = [Object]), (status = "4XX", body = Told)),
    params(("name" = String, Query), ("version" = u32, Query), ("rule" = String, Query), ("unit_min" = u16, Query),
        ("unit_yen" = u32, Query), ("gap_min" = u16, Query), ("tax_permille" = u16, Query)))]
pub(crate) async fn example(
    State(app): State<Shared>,
    wanted: Result<Query<Tariff>, QueryRejection>,
) -> Result<Json<Vec<Example>>, Problem> {
    let words = app.panel.words();
    let bad = || Problem::refused(words, &Refusal::new(RefusalCode::BadValue).with("field", &"tariff"));
    let tariff = wanted.ok().map(|Query(tariff)| tariff).filter(Tariff::is_sound).ok_or_else(bad)?;
    Ok(Json(EXAMPLES.map(|minutes| tried(words, &tariff, minutes)).into()))
}

fn tried(words: &Words, tariff: &Tariff, minutes: &[(i64, i64)]) -> Example {
    let stretch = |(from, to): &(i64, i64)| Stretch { from_ms: from * MINUTE_MS, to_ms: to * MINUTE_MS };
    let stretches: Vec<Stretch> = minutes.iter().map(stretch).collect();
    let units = tariff.units(&stretches);
    let told = HowAmount::of(tariff, &stretches, units);
    let how = |lang| calls::how(words, lang, &told);
    Example { units, yen: tariff.yen(units), how: Said { ja: how(Lang::Ja), en: how(Lang::En) }, stretches }
}

fn said_of<'a>(words: &Words, rated: &Rated, marks: impl Iterator<Item = (AtMs, &'a RecordingMarked)>) -> SaidOf {
    let how = |lang| calls::how(words, lang, &rated.how);
    let remarks = |lang| calls::remarks(words, lang, rated);
    SaidOf {
        how: Said { ja: how(Lang::Ja), en: how(Lang::En) },
        remarks: Said { ja: remarks(Lang::Ja), en: remarks(Lang::En) },
        line: laid_out(&rated.connections.iter().collect::<Vec<_>>()),
        marks: marks.map(|(at_ms, it)| Marked { at_ms, mark: it.mark, place: it.place.clone() }).collect(),
    }
}
