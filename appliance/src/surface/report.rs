//! A day's report as a question: any business day that the journal holds.

use std::collections::BTreeSet;

use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use machiai_core::envelope::Envelope;
use machiai_core::facts::Fact;
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_core::report::{Report, report};
use machiai_core::time::Day;
use machiai_journal::{Kept, Reader, StoreError};
use serde::{Deserialize, Serialize};

use crate::app::Shared;
use crate::problem::{Problem, Told};
use crate::settings::seen::standing_facts;

/// How many days a page can choose from.
const MOST_DAYS: usize = 62;

/// Returns the route.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/report", get(report_of_day))
}

/// Which day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// `2026-11-24`; the running or last one where none is named.
    day: Option<String>,
}

/// A report, and which others there are.
#[derive(Serialize)]
pub(crate) struct Reported {
    #[serde(flatten)]
    report: Report,
    /// Business days that the journal holds, newest first.
    days: Vec<Day>,
    /// Whether another day has begun since.
    is_over: bool,
}

/// A business day's report: counts, waits, who was left over.
#[utoipa::path(get, path = "/api/v1/report", tag = "questions", params(("day" = Option<String>, Query)),
    responses((status = 200, body = Object), (status = "4XX", body = Told)))]
pub(crate) async fn report_of_day(
    State(app): State<Shared>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let words = app.panel.words();
    let (now, _) = app.gate.clock.now();
    let today = app.gate.read(|clinic| clinic.day.unwrap_or_else(|| clinic.standing.rules.day_at(now)));
    let day = match wanted.day {
        Some(day) => day.parse().ok(),
        None => Some(today),
    };
    let bad = || Problem::refused(words, &Refusal::new(RefusalCode::BadValue).with("field", &"day"));
    let day: Day = day.ok_or_else(bad)?;
    let found = app.gate.ask_journal(move |reader| facts_for(reader, day)).await;
    let (facts, days) = found.map_err(|cause| Problem::gate(words, &cause))?;
    let is_over = days.first().is_some_and(|newest| *newest > day);
    let reported = Reported { report: report(day, &facts, now), days, is_over };
    Ok(([(header::CACHE_CONTROL, "private, no-store")], Json(reported)).into_response())
}

/// Returns what a day's report is folded from, in canonical order, and the newest days there are.
fn facts_for(reader: &Reader, day: Day) -> Result<(Vec<Envelope>, Vec<Day>), StoreError> {
    let read = |kept: Vec<Kept>| kept.into_iter().filter_map(|kept| kept.envelope().ok());
    let (mut days, mut dates) = (BTreeSet::new(), BTreeSet::from([day]));
    for envelope in read(reader.facts_of_kinds(&["DayOpened", "DayRedated"])?) {
        if let Fact::DayOpened(opened) = &envelope.fact {
            days.insert(opened.day);
        } else if let Fact::DayRedated(redated) = &envelope.fact {
            days.remove(&redated.from);
            days.insert(redated.to);
            // What happened before the change stands under the date that was wrong.
            if redated.to == day {
                dates.insert(redated.from);
            }
        }
    }
    let mut facts = Vec::new();
    for date in dates {
        facts.extend(read(reader.facts_of_day(date)?));
    }
    let last = facts.iter().map(|fact| fact.head.canonical()).max();
    let standing = standing_facts(reader)?;
    facts.extend(standing.into_iter().filter(|fact| last.is_none_or(|last| fact.head.canonical() <= last)));
    facts.sort_by_key(|fact| fact.head.canonical());
    facts.dedup_by_key(|fact| fact.head.canonical());
    Ok((facts, days.into_iter().rev().take(MOST_DAYS).collect()))
}
