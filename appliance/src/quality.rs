//! How good the line to the hub is, when somebody asks: tried by hand, kept until the next time or the end of the
//! daemon, and told in plain words with what to do.
//!
//! A consultation call has the line for itself: it is tried then only for whoever says that it is to be.

use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use machiai_core::facts::Lang;
use machiai_core::time::AtMs;
use machiai_journal::Reader;
use machiai_journal::open::Disk;
use machiai_panel::{Words, fill};
use machiai_wire::trial::RECOMMENDED_KBIT_S;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::cli::CliError;
use crate::config::Config;
use crate::intake::body::Order;
use crate::link::hops::{Fault, Hop};
use crate::link::trial::{Figures, Prober};
use crate::problem::{Problem, Told};

/// What came of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Tried {
    /// When.
    at_ms: AtMs,
    /// The hop that failed; none where the hub was reached.
    hop: Option<Hop>,
    /// What is wrong there.
    fault: Option<Fault>,
    /// How good it is; none where something is wrong.
    #[serde(flatten)]
    figures: Option<Figures>,
    /// Whether a consultation call was up: it had a part of the line.
    during_call: bool,
}

impl Tried {
    fn of(at_ms: AtMs, came: Result<Figures, Fault>, during_call: bool) -> Self {
        let fault = came.err();
        Self { at_ms, hop: fault.map(Fault::hop), fault, figures: came.ok(), during_call }
    }

    /// Whether it carries what is recommended each way.
    fn is_enough(&self) -> bool {
        self.figures.is_some_and(Figures::is_enough)
    }

    /// Says it in a language, a sentence each.
    fn said(&self, words: &Words, lang: Lang) -> Vec<String> {
        let say = |key: &str, values: &[(&str, &str)]| {
            words.get(lang, "line", key).map_or_else(|| key.to_owned(), |text| fill(text, values))
        };
        if let Some(fault) = self.fault {
            return vec![say(fault.code(), &[])];
        }
        let Some(Figures { latency_ms, up_kbit_s, down_kbit_s }) = self.figures else { return Vec::new() };
        let recommended = (RECOMMENDED_KBIT_S / 1_000).to_string();
        let way = |key, kbit_s| say(key, &[("mbps", &mbps(kbit_s))]);
        let ways = [way("up", up_kbit_s), way("down", down_kbit_s)];
        let short: Vec<&str> = [up_kbit_s, down_kbit_s]
            .iter()
            .zip(&ways)
            .filter(|(kbit_s, _)| **kbit_s < RECOMMENDED_KBIT_S)
            .map(|(_, said)| said.as_str())
            .collect();
        let comma = say("and", &[]);
        let mut lines = if short.is_empty() {
            vec![say("enough", &[("recommended", &recommended), ("ways", &ways.join(&comma))])]
        } else {
            let short = say("short", &[("recommended", &recommended), ("ways", &short.join(&comma))]);
            vec![short, say("short_do", &[]), say("both", &[("ways", &ways.join(&comma))])]
        };
        lines.push(say("latency", &[("ms", &latency_ms.to_string())]));
        lines.extend(self.during_call.then(|| say("during_call", &[])));
        lines
    }
}

/// Writes megabits a second with as many figures as tell something.
pub(crate) fn mbps(kbit_s: u32) -> String {
    // Cut off, not rounded: what is short of something is never written as if it were not.
    match kbit_s {
        0..1_000 => format!("0.{:02}", kbit_s / 10),
        1_000..100_000 => format!("{}.{}", kbit_s / 1_000, kbit_s % 1_000 / 100),
        _ => (kbit_s / 1_000).to_string(),
    }
}

/// What tries the line while the daemon runs, and what came of it last.
#[derive(Default)]
pub(crate) struct Quality {
    prober: Mutex<Option<Prober>>,
    last: Mutex<Option<Tried>>,
    /// One trial at a time.
    trying: tokio::sync::Mutex<()>,
}

impl Quality {
    /// Takes in with what the line is tried from now on; none where there is no hub.
    pub(crate) fn lead(&self, prober: Option<Prober>) {
        *self.prober.lock().unwrap_or_else(PoisonError::into_inner) = prober;
    }

    fn prober(&self) -> Option<Prober> {
        self.prober.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns what the line carried when it was last tried and the hub was reached.
    pub(crate) fn figures(&self) -> Option<Figures> {
        self.last()?.figures
    }

    fn last(&self) -> Option<Tried> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, tried: Tried) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(tried);
    }
}

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/line", get(line)).route("/api/v1/line/try", post(try_now))
}

/// Whether the line is to be tried although a call is up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TryBody {
    #[serde(default)]
    during_call: bool,
}

/// In Japanese and in English.
#[derive(Serialize)]
struct Said {
    ja: Vec<String>,
    en: Vec<String>,
}

/// What is said of the line.
#[derive(Serialize)]
struct Shown {
    /// What came of the last trial since the daemon began.
    last: Option<Tried>,
    /// Whether it carries what is recommended.
    is_enough: bool,
    /// It in words.
    said: Said,
    /// What is recommended each way, in kilobits a second.
    recommended_kbit_s: u32,
    /// Whether there is a hub to which a line leads.
    has_hub: bool,
    /// Whether somebody consults by video now.
    call_is_up: bool,
    /// The instant of which it is true.
    now_ms: AtMs,
}

/// Reads what the line carried out of what is said of it, for the command line.
pub(crate) fn figures_of(shown: &[u8]) -> Option<Figures> {
    #[derive(Deserialize)]
    struct Read {
        last: Option<Last>,
    }
    #[derive(Deserialize)]
    struct Last {
        #[serde(flatten)]
        figures: Option<Figures>,
    }
    serde_json::from_slice::<Read>(shown).ok()?.last?.figures
}

/// How good the line to the hub was when it was last tried.
#[utoipa::path(get, path = "/api/v1/line", tag = "questions", responses((status = 200, body = Object)))]
pub(crate) async fn line(State(app): State<Shared>) -> Response {
    shown(&app)
}

/// Tries the line: five seconds and 8 MiB at most, where it works.
#[utoipa::path(post, path = "/api/v1/line/try", request_body = TryBody, tag = "calls",
    responses((status = 200, body = Object), (status = "4XX", body = Told)))]
pub(crate) async fn try_now(State(app): State<Shared>, order: Order<TryBody>) -> Result<Response, Problem> {
    let refuse = |code| Err(Problem::request(app.panel.words(), StatusCode::CONFLICT, code, None));
    let Some(prober) = app.quality.prober() else { return refuse("no_hub") };
    let Ok(_alone) = app.quality.trying.try_lock() else { return refuse("line_is_tried") };
    let during_call = call_is_up(&app);
    if during_call && !order.body.during_call {
        return refuse("call_is_up");
    }
    let came = prober.try_line().await;
    app.quality.keep(Tried::of(app.gate.clock.now().0, came, during_call || call_is_up(&app)));
    Ok(shown(&app))
}

fn call_is_up(app: &Shared) -> bool {
    app.gate.read(|clinic| !clinic.calls.open.is_empty())
}

fn shown(app: &Shared) -> Response {
    let (words, last) = (app.panel.words(), app.quality.last());
    let said = |lang| last.map(|last| last.said(words, lang)).unwrap_or_default();
    let shown = Shown {
        last,
        is_enough: last.is_some_and(|last| last.is_enough()),
        said: Said { ja: said(Lang::Ja), en: said(Lang::En) },
        recommended_kbit_s: RECOMMENDED_KBIT_S,
        has_hub: app.quality.prober().is_some(),
        call_is_up: call_is_up(app),
        now_ms: app.gate.clock.now().0,
    };
    ([(header::CACHE_CONTROL, "private, no-store")], Json(shown)).into_response()
}

/// Tries the line from the command line, whether the daemon runs or not; tells it in Japanese and in English, or as
/// data.
///
/// # Errors
/// [`CliError`]: no hub, or a call is up and nobody said that it may be disturbed.
pub(crate) async fn tried(config: &Config, during_call: bool, as_json: bool) -> Result<String, CliError> {
    let work = |what, source: Box<dyn std::error::Error + Send + Sync>| CliError::Work { what, source };
    let words = Words::built_in().map_err(|source| work("read the words", source.into()))?;
    let refuse = |code: &str| {
        let said = |lang| words.get(lang, "refusal", code).unwrap_or(code);
        CliError::Refused(format!("{} {}", said(Lang::Ja), said(Lang::En)))
    };
    let prober = Prober::of(config).map_err(|source| work("make a client for the hub", source.into()))?;
    let prober = prober.ok_or_else(|| refuse("no_hub"))?;
    let is_up = leases(config) > 0;
    if is_up && !during_call {
        return Err(refuse("call_is_up"));
    }
    let came = prober.try_line().await;
    let now = crate::clock::Source::start(config.rehearsal.as_ref()).read().wall;
    let tried = Tried::of(now, came, is_up);
    if as_json {
        let text = serde_json::to_string(&tried).map_err(|source| work("write the answer", source.into()))?;
        return Ok(text + "\n");
    }
    let lines = [Lang::Ja, Lang::En].into_iter().flat_map(|lang| tried.said(&words, lang));
    Ok(lines.map(|line| line + "\n").collect())
}

/// Returns how many calls run, by the journal's leases; none where it cannot be read: the line is what is asked about.
fn leases(config: &Config) -> usize {
    let reader = Reader::open(&Disk::real(), &config.journal());
    reader.and_then(|reader| reader.leases()).map_or(0, |leases| leases.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(up_kbit_s: u32, down_kbit_s: u32, during_call: bool) -> Tried {
        Tried::of(AtMs(0), Ok(Figures { latency_ms: 18, up_kbit_s, down_kbit_s }), during_call)
    }

    #[test]
    fn what_is_said_of_the_line_is_read_again() {
        let shown = |last: Option<Tried>| {
            let said = Said { ja: Vec::new(), en: Vec::new() };
            let is_enough = last.is_some_and(|last| last.is_enough());
            let (recommended_kbit_s, now_ms) = (RECOMMENDED_KBIT_S, AtMs(0));
            let shown = Shown { last, is_enough, said, recommended_kbit_s, has_hub: true, call_is_up: false, now_ms };
            figures_of(&serde_json::to_vec(&shown).unwrap())
        };
        let good = tried(2_000, 8_000, false);
        assert_eq!(shown(Some(good)), good.figures);
        assert_eq!(shown(Some(Tried::of(AtMs(0), Err(Fault::Broke), false))), None);
        assert_eq!(shown(None), None);
    }

    #[test]
    fn a_line_is_told_by_what_it_lacks() {
        let words = Words::built_in().unwrap();
        let said = |tried: Tried, lang| tried.said(&words, lang).join("|");
        let short = said(tried(2_100, 48_000, false), Lang::Ja);
        assert!(short.starts_with("10 Mbpsに足りません: 上り 2.1 Mbps|"), "{short}");
        assert!(short.contains("上り 2.1 Mbps、下り 48.0 Mbps") && short.contains("18ミリ秒"), "{short}");
        assert!(!tried(2_100, 48_000, false).is_enough() && tried(10_000, 10_000, false).is_enough());
        let both = said(tried(9_999, 64, true), Lang::En);
        assert!(both.starts_with("Short of 10 Mbps: up 9.9 Mbps, down 0.06 Mbps|"), "{both}");
        assert!(both.contains("A consultation call was up"), "{both}");
        let enough = said(tried(10_000, 150_900, false), Lang::Ja);
        assert!(enough.starts_with("10 Mbpsを満たしています: 上り 10.0 Mbps、下り 150 Mbps|"), "{enough}");
    }

    #[test]
    fn every_fault_has_words_in_every_language() {
        let words = Words::built_in().unwrap();
        for lang in [Lang::Ja, Lang::En, Lang::Zh, Lang::Ko] {
            let table = words.table(lang, "line");
            for fault in Fault::ALL {
                assert!(table.contains_key(fault.code()), "{fault:?} in {lang:?}");
                let code = serde_json::to_value(fault).unwrap();
                assert_eq!(code, fault.code());
            }
        }
    }
}
