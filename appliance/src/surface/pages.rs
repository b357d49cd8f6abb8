//! Pages for browsers: static files, the clinic's fonts, and nothing from outside the box.

use std::io::Write as _;

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use machiai_core::facts::Lang;
use machiai_core::ids::{ReservationId, VisitId};
use machiai_core::queue::line::Reception;
use machiai_core::settings::Line;
use machiai_panel::fill;
use serde::Deserialize;
use serde_json::json;

use crate::app::Shared;
use crate::markup::escaped;
use crate::problem::Problem;

/// A file that is built in: its name, its media type, its bytes.
type File = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

const FILES: [File; 28] = [
    ("index.html", HTML, include_bytes!("../../../kiosk-assets/pages/index.html")),
    ("board.html", HTML, include_bytes!("../../../kiosk-assets/pages/board.html")),
    ("desk.html", HTML, include_bytes!("../../../kiosk-assets/pages/desk.html")),
    ("kiosk.html", HTML, include_bytes!("../../../kiosk-assets/pages/kiosk.html")),
    ("number.html", HTML, include_bytes!("../../../kiosk-assets/pages/number.html")),
    ("manager.html", HTML, include_bytes!("../../../kiosk-assets/pages/manager.html")),
    ("program.html", HTML, include_bytes!("../../../kiosk-assets/pages/program.html")),
    ("people.html", HTML, include_bytes!("../../../kiosk-assets/pages/people.html")),
    ("report.html", HTML, include_bytes!("../../../kiosk-assets/pages/report.html")),
    ("calls.html", HTML, include_bytes!("../../../kiosk-assets/pages/calls.html")),
    ("call.html", HTML, include_bytes!("../../../kiosk-assets/pages/call.html")),
    ("health.html", HTML, include_bytes!("../../../kiosk-assets/pages/health.html")),
    ("call-open.html", HTML, include_bytes!("../../../kiosk-assets/pages/call-open.html")),
    ("style.css", CSS, include_bytes!("../../../kiosk-assets/pages/style.css")),
    ("fonts.css", CSS, include_bytes!("../../../kiosk-assets/pages/fonts.css")),
    ("page.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/page.js")),
    ("board.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/board.js")),
    ("desk.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/desk.js")),
    ("kiosk.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/kiosk.js")),
    ("people.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/people.js")),
    ("program.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/program.js")),
    ("manager.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/manager.js")),
    ("calls.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/calls.js")),
    ("call.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/call.js")),
    ("health.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/health.js")),
    ("support.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/support.js")),
    ("doctor.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/doctor.js")),
    ("report.js", SCRIPT, include_bytes!("../../../kiosk-assets/pages/report.js")),
];

/// The faces that boards and pages are set in, from where Debian's package puts them.
const FONTS: [(&str, &str); 4] = [
    ("BIZUDPGothic-Regular.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Regular.ttf"),
    ("BIZUDPGothic-Bold.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDPGothic-Bold.ttf"),
    ("BIZUDGothic-Regular.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf"),
    ("BIZUDGothic-Bold.ttf", "/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Bold.ttf"),
];

/// Returns the routes of the pages.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(async |State(app), headers| page(&app, &headers, "index.html")))
        .route("/board", get(async |State(app), headers| page(&app, &headers, "board.html")))
        .merge(desk_routes())
        .route("/desk/program", get(program))
        .route("/desk/calls", get(async |State(app), headers| page(&app, &headers, "calls.html")))
        .route("/desk/health", get(async |State(app), headers| page(&app, &headers, "health.html")))
        .route("/call", get(call))
        .route("/call/open", get(open_call))
        .route("/kiosk", get(kiosk))
        .route("/kiosk/number", get(number))
        .route("/manager", get(async |State(app), headers| page(&app, &headers, "manager.html")))
        .route("/people", get(async |State(app), headers| page(&app, &headers, "people.html")))
        .route("/report", get(async |State(app), headers| page(&app, &headers, "report.html")))
        .route("/assets/{name}", get(asset))
        .route("/fonts/{name}", get(font))
}

/// Returns the route of the desk's page alone.
pub(crate) fn desk_routes() -> Router<Shared> {
    Router::new().route("/desk", get(async |State(app), headers| page(&app, &headers, "desk.html")))
}

/// Answers with a page that knows its facility: lines are addressed by it.
fn page(app: &Shared, asked: &HeaderMap, name: &'static str) -> Response {
    filled(app, asked, name, &[])
}

/// Answers with a page whose gaps are filled; what is filled in has been escaped.
fn filled(app: &Shared, asked: &HeaderMap, name: &'static str, gaps: &[(&str, &str)]) -> Response {
    let page = FILES.iter().find(|file| file.0 == name).and_then(|file| std::str::from_utf8(file.2).ok());
    let Some(page) = page else { return unknown(app) };
    let site = app.site.to_string();
    let values: Vec<(&str, &str)> = gaps.iter().copied().chain([("site", site.as_str())]).collect();
    sent(HTML, fill(page, &values).into_bytes(), asked)
}

/// Answers with the kiosk, whose buttons are plain forms until its script is there, if it ever comes.
async fn kiosk(State(app): State<Shared>, asked: HeaderMap) -> Response {
    let key = app.gate.draw_key();
    let forms = app.gate.read(|clinic| {
        let lines = clinic.standing.lines.values().filter(|line| line.kind.is_entrance());
        let form = |line: &Line| {
            let (name, english) = (escaped(&line.name.ja), escaped(line.name.en.as_deref().unwrap_or_default()));
            let is_open = clinic.lines.get(&line.line).is_some_and(|day| day.reception == Reception::Open);
            let closed = if is_open { "" } else { " disabled" };
            let hint = if is_open { "" } else { "ただいま受け付けていません" };
            let color = line.color.name();
            format!(
                "<form method=\"post\" action=\"/kiosk/take\"><input type=\"hidden\" name=\"key\" value=\"{key}-{no}\">\
                 <button class=\"line {color}\" name=\"line\" value=\"{no}\"{closed}><strong>{name}</strong>\
                 <em lang=\"en\">{english}</em><span class=\"wait\">{hint}</span></button></form>",
                no = line.line
            )
        };
        lines.map(form).collect::<String>()
    });
    filled(&app, &asked, "kiosk.html", &[("forms", &forms)])
}

/// Answers with the program's page, which knows the words of every reason.
async fn program(State(app): State<Shared>, asked: HeaderMap) -> Response {
    let words = app.panel.words();
    let of = |lang| json!({"why": words.table(lang, "why"), "on_air": words.table(lang, "on_air")});
    let reasons = json!({"ja": of(Lang::Ja), "en": of(Lang::En)});
    // No word of ours ends a script.
    filled(&app, &asked, "program.html", &[("reasons", &reasons.to_string())])
}

/// With what a doctor's page is opened.
#[derive(Deserialize)]
struct OfCall {
    #[serde(default)]
    reservation: String,
    /// Whether it is to begin by itself.
    auto: Option<String>,
}

/// Answers with the doctor's page. For whoever comes from another site's page it does not begin by itself: a link would
/// make a call.
async fn call(State(app): State<Shared>, asked: HeaderMap, Query(of): Query<OfCall>) -> Response {
    let begins = if of.auto.is_some() && !is_from_elsewhere(&asked) { "1" } else { "" };
    let pages = serde_json::to_string(&app.vendors.pages).unwrap_or_default();
    filled(&app, &asked, "call.html", &[("begins", begins), ("pages", &escaped(&pages))])
}

/// Whether a browser says that another site's page led here.
fn is_from_elsewhere(asked: &HeaderMap) -> bool {
    let site = asked.get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| site != b"same-origin" && site != b"none")
}

/// Leads whoever comes from another site's page to the doctor's page by a step of our own: no browser sends cookies that
/// are ours alone along with the first.
async fn open_call(State(app): State<Shared>, asked: HeaderMap, Query(of): Query<OfCall>) -> Response {
    let reservation: Option<ReservationId> = of.reservation.parse().ok();
    let reservation = reservation.map(|reservation| escaped(reservation.as_str())).unwrap_or_default();
    filled(&app, &asked, "call-open.html", &[("reservation", &reservation)])
}

/// Whose number is shown.
#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    visit: Option<String>,
}

/// Answers a plain form: the number, or that nobody got one.
async fn number(State(app): State<Shared>, asked: HeaderMap, Query(shown): Query<Shown>) -> Response {
    let visit: Option<VisitId> = shown.visit.and_then(|visit| visit.parse().ok());
    let label = app.gate.read(|clinic| Some(clinic.visits.get(&visit?)?.label.to_string()));
    let (class, label) = match &label {
        Some(label) => ("given", escaped(label)),
        None => ("refused", String::new()),
    };
    let mut page = filled(&app, &asked, "number.html", &[("class", class), ("number", &label)]);
    // Nobody's number stays for the next.
    page.headers_mut().insert(header::REFRESH, HeaderValue::from_static("60; url=/kiosk"));
    page
}

async fn asset(State(app): State<Shared>, asked: HeaderMap, Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.0 == name && file.1 != HTML) {
        Some((_, kind, bytes)) => sent(kind, bytes.to_vec(), &asked),
        None => unknown(&app),
    }
}

/// Answers with a text, packed where the browser can unpack it: a third of the bytes on a tablet's weak line.
fn sent(kind: &'static str, text: Vec<u8>, asked: &HeaderMap) -> Response {
    let takes = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let takes_gzip = takes.flat_map(|value| value.split(',')).any(|coding| coding.trim() == "gzip");
    let packed = if takes_gzip { packed(&text).ok() } else { None };
    let is_packed = packed.is_some();
    let kept = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    let mut response = (kept, packed.unwrap_or(text)).into_response();
    if is_packed {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn packed(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    packer.write_all(text)?;
    packer.finish()
}

async fn font(State(app): State<Shared>, Path(name): Path<String>) -> Response {
    let Some((_, path)) = FONTS.iter().find(|font| font.0 == name) else { return unknown(&app) };
    match tokio::task::spawn_blocking(move || std::fs::read(path)).await {
        Ok(Ok(bytes)) => {
            let kind = [(header::CONTENT_TYPE, "font/ttf"), (header::CACHE_CONTROL, "public, max-age=604800")];
            (kind, bytes).into_response()
        }
        Ok(Err(_)) | Err(_) => unknown(&app),
    }
}

fn unknown(app: &Shared) -> Response {
    Problem::unknown_address(app.panel.words()).into_response()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_link_of_another_site_is_told_from_an_address_that_somebody_typed() {
        let from = |site: &'static str| {
            HeaderMap::from_iter([("sec-fetch-site".parse().unwrap(), HeaderValue::from_static(site))])
        };
        for elsewhere in ["cross-site", "same-site", "anything"] {
            assert!(is_from_elsewhere(&from(elsewhere)), "{elsewhere}");
        }
        assert!(!is_from_elsewhere(&from("none")) && !is_from_elsewhere(&from("same-origin")));
        assert!(!is_from_elsewhere(&HeaderMap::new()), "a program that is no browser");
    }

    #[test]
    fn the_doctors_page_beats_as_often_as_a_connection_needs() {
        let (_, _, script) = FILES.iter().find(|file| file.0 == "doctor.js").unwrap();
        let script = std::str::from_utf8(script).unwrap();
        let every = script.split_once("BEAT_EVERY_MS = ").unwrap().1.split_once(';').unwrap().0;
        let every: i64 = every.parse().unwrap();
        assert!(0 < every && every <= machiai_core::call::open::HEARTBEAT_MS, "{every}");
    }

    #[test]
    fn a_page_is_packed_for_whoever_can_unpack_it() {
        let text = "<p>待合</p>".repeat(100);
        let mut asked = HeaderMap::new();
        let plain = sent(HTML, text.clone().into_bytes(), &asked);
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING));
        asked.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("br, gzip"));
        let packed_one = sent(HTML, text.clone().into_bytes(), &asked);
        assert_eq!(packed_one.headers().get(header::CONTENT_ENCODING).unwrap(), "gzip");

        let bytes = packed(text.as_bytes()).unwrap();
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut unpacked).unwrap();
        assert!(bytes.len() < text.len() / 4 && unpacked == text);
    }
}
