//! The patient's page: the line's status, a ticket taken from afar, one's own turn, and leaving the line.
//!
//! It shows what the clinic last said and how long ago that was, never more.

mod cookie;
mod page;
pub(crate) mod view;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use machiai_core::command::Command;
use machiai_core::facts::Lang;
use machiai_core::ids::{LineNo, SiteId};
use machiai_core::queue::Clinic;
use machiai_core::time::AtMs;
use machiai_wire::buckets::{Buckets, Rate};
use machiai_wire::token::{digest_of, letters};
use serde::Deserialize;

use crate::chance;
use crate::service::Pausing;
use crate::site::remote::{Done, Remote};
use crate::site::seen::Seen;
use crate::store::StoreError;
use crate::words;
use cookie::Person;
pub(crate) use page::OUT_OF_REACH_S;
use page::{About, Pages};
use view::TicketView;

/// How long a cookie lives: it is of no use after its business day.
const COOKIE_S: u32 = 24 * 3_600;

/// What patients' pages are made of.
#[derive(Clone)]
pub(crate) struct Patients {
    remote: Remote,
    seen: Seen,
    pages: Arc<Pages>,
    secret: [u8; 32],
    asks: Arc<Asks>,
}

/// How much all patients of a clinic may ask together: who they are, nobody knows behind a proxy.
struct Asks {
    pages: Mutex<Buckets<SiteId>>,
    presses: Mutex<Buckets<SiteId>>,
}

/// Pages of a clinic: a few hundred telephones that ask every 20 s, and the rush when it opens.
const PAGES: Rate = Rate { per_minute: 3_000, at_once: 600 };

/// Presses for tickets of a clinic.
const PRESSES: Rate = Rate { per_minute: 60, at_once: 30 };

impl Asks {
    const fn begin() -> Self {
        Self { pages: Mutex::new(Buckets::of(PAGES)), presses: Mutex::new(Buckets::of(PRESSES)) }
    }

    /// Takes a press of a clinic's patients, at an instant of the hub's clock.
    fn take_press(&self, site: SiteId, now: AtMs) -> Result<(), NoPage> {
        Self::take(&self.presses, site, now)
    }

    /// Takes a page of a clinic's patients.
    fn take_page(&self, site: SiteId, now: AtMs) -> Result<(), NoPage> {
        Self::take(&self.pages, site, now)
    }

    fn take(from: &Mutex<Buckets<SiteId>>, site: SiteId, now: AtMs) -> Result<(), NoPage> {
        let mut buckets = from.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(site, now.0.cast_unsigned()).map_err(|after_s| NoPage::TooMany { after_s })
    }
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum NoPage {
    /// There is no such clinic, or no such ticket today.
    NotFound,
    /// The store failed, or a template did.
    Failed,
    /// The form is not one of ours.
    BadForm,
    /// The clinic's patients ask more than is served at once.
    TooMany { after_s: u64 },
    /// The hub does not serve now, as was announced.
    Pausing(Pausing),
}

impl From<StoreError> for NoPage {
    fn from(cause: StoreError) -> Self {
        tracing::error!(error = %cause, "a patient's page is not answered");
        Self::Failed
    }
}

impl From<minijinja::Error> for NoPage {
    fn from(cause: minijinja::Error) -> Self {
        tracing::error!(error = %cause, "a patient's page is not drawn");
        Self::Failed
    }
}

impl IntoResponse for NoPage {
    fn into_response(self) -> Response {
        let after_s = match self {
            Self::TooMany { after_s } | Self::Pausing(Pausing { after_s, .. }) => Some(after_s),
            Self::NotFound | Self::Failed | Self::BadForm => None,
        };
        let until = if let Self::Pausing(Pausing { until, .. }) = self { until.clock_face() } else { String::new() };
        let pauses_ja = format!(
            "点検のため、{until}まで表示できません。番号はそのまま有効です。クリニックの窓口とモニターは動いています。"
        );
        let pauses_en = format!(
            "Closed for maintenance until {until}. Your number stays valid, and the clinic's own desk and monitor go on."
        );
        let (status, ja, en) = match self {
            Self::Pausing(_) => (StatusCode::SERVICE_UNAVAILABLE, pauses_ja.as_str(), pauses_en.as_str()),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "このページはありません。番号のページは、診療日の終わりまで有効です。",
                "There is no such page. A ticket's page is valid until the end of its day.",
            ),
            Self::Failed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "ただいま表示できません。少し待ってから、もう一度お試しください。",
                "This cannot be shown now. Please try again in a moment.",
            ),
            Self::TooMany { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "ただいま混み合っています。少し待ってから、もう一度お試しください。",
                "So many are asking now. Please try again in a moment.",
            ),
            Self::BadForm => (
                StatusCode::BAD_REQUEST,
                "もう一度、はじめのページからお試しください。",
                "Please try again from the first page.",
            ),
        };
        let page = format!(
            "<!doctype html><html lang=\"ja\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width,initial-scale=1\"><title>待合</title><body style=\"font:20px/1.7 sans-serif;\
             padding:32px 20px;max-width:32em;margin:auto\"><p>{ja}</p><p lang=\"en\">{en}</p></body></html>"
        );
        let mut response = (status, html_headers(), page).into_response();
        if let Some(after_s) = after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after_s));
        }
        response
    }
}

impl Patients {
    /// Prepares the pages.
    ///
    /// # Errors
    /// A template or a file of words cannot be read.
    pub(crate) fn new(
        (remote, seen): (Remote, Seen),
        secret: [u8; 32],
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self { remote, seen, pages: Arc::new(Pages::built_in()?), secret, asks: Arc::new(Asks::begin()) })
    }

    /// Returns the routes of patients' pages.
    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/s/{site}", get(site))
            .route("/s/{site}/take", post(take))
            .route("/t/{site}/{token}", get(ticket))
            .route("/t/{site}/{token}/leave", get(ask_to_leave).post(leave))
            .with_state(self)
    }

    async fn about(&self, site: SiteId, lang: Lang, told: Option<String>) -> Result<About, StoreError> {
        let seen_ms = self.seen.last_ms(site).await?;
        let age_s = seen_ms.map(|seen_ms| self.seen.age_s(seen_ms));
        let heard_at = seen_ms.map(|seen| AtMs(seen).clock_face()).unwrap_or_default();
        Ok(About { site, lang, age_s, heard_at, told })
    }

    async fn site_page(&self, (site, lang): (SiteId, Lang), told: Option<String>) -> Result<String, NoPage> {
        let (now, by) = (self.remote.clock.now(), crate::site::remote::by());
        let seen = |clinic: &Clinic| {
            let mut view = view::site(clinic, now, &by);
            for line in &mut view.lines {
                if let Err(refusal) = self.remote.knows_leases(clinic, line.line) {
                    line.may_take = Err(refusal);
                }
            }
            view
        };
        let view = self.remote.clinics.ask(site, |clinic, _| seen(clinic)).await?;
        let view = view.ok_or(NoPage::NotFound)?;
        let key: [u8; machiai_wire::token::N_LETTERS] = chance::bytes().map_err(|_none| NoPage::Failed)?;
        Ok(self.pages.site(&self.about(site, lang, told).await?, &view, &letters(&key))?)
    }

    /// Returns the visit of a token as its holder sees it; none when it is none of this day.
    async fn view(&self, site: SiteId, token: &str) -> Result<Option<TicketView>, StoreError> {
        let (now, digest) = (self.remote.clock.now(), digest_of(token));
        let view = self.remote.clinics.ask(site, |clinic, _| view::ticket(clinic, &digest, now)).await?;
        Ok(view.flatten())
    }

    async fn ticket_page(&self, (site, lang): (SiteId, Lang), token: &str, asks: bool) -> Result<String, NoPage> {
        let view = self.view(site, token).await?.ok_or(NoPage::NotFound)?;
        Ok(self.pages.ticket(&self.about(site, lang, None).await?, (&view, token), asks)?)
    }

    /// Returns the live ticket of a person, if it is one of this day.
    async fn live(&self, site: SiteId, person: &Person) -> Result<Option<String>, StoreError> {
        let live = self.view(site, &person.token).await?.filter(|ticket| !ticket.state.is_over());
        Ok(live.map(|_| person.token.clone()))
    }

    fn person(&self, site: SiteId, headers: &HeaderMap) -> Person {
        let day = self.today();
        let found = read_cookie(headers, &cookie::name(site.0)).and_then(|value| cookie::read(value, &self.secret));
        found.filter(|person| person.day == day).unwrap_or(Person { day, ..Person::default() })
    }

    fn today(&self) -> String {
        self.remote.clock.now().in_tokyo().date().to_string()
    }
}

/// What a page may be asked for with.
#[derive(Debug, Deserialize)]
struct Asked {
    lang: Option<String>,
}

impl Asked {
    /// Returns the language asked for, else the first of the browser's that is known, else Japanese.
    fn lang(&self, headers: &HeaderMap) -> Lang {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let wanted = self.lang.as_deref().into_iter().chain(accepted.split(',').map(str::trim));
        let known =
            |wanted: &str| words::LANGS.iter().find(|(_, code, _)| wanted.starts_with(code)).map(|known| known.0);
        wanted.filter_map(known).next().unwrap_or_default()
    }
}

async fn site(
    State(patients): State<Patients>,
    Path(site): Path<SiteId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, NoPage> {
    patients.asks.take_page(site, patients.remote.clock.now())?;
    let page = patients.site_page((site, asked.lang(&headers)), None).await?;
    Ok((html_headers(), page).into_response())
}

/// A press on the button that takes a ticket.
#[derive(Debug, Deserialize)]
struct Taken {
    line: LineNo,
    /// Drawn with the page: the ticket's token follows from it, so that a press counts once.
    key: String,
    lang: Option<String>,
}

async fn take(
    State(patients): State<Patients>,
    Path(site): Path<SiteId>,
    headers: HeaderMap,
    form: Result<Form<Taken>, axum::extract::rejection::FormRejection>,
) -> Result<Response, NoPage> {
    let Ok(Form(Taken { line, key, lang })) = form else { return Err(NoPage::BadForm) };
    let asked = Asked { lang };
    let lang = asked.lang(&headers);
    let refused = async |said: String| {
        let page = patients.site_page((site, lang), Some(said)).await?;
        Ok((StatusCode::CONFLICT, html_headers(), page).into_response())
    };
    patients.asks.take_press(site, patients.remote.clock.now())?;
    let mut person = patients.person(site, &headers);
    if let Some(token) = patients.live(site, &person).await? {
        return Ok(to_ticket(site, &token, lang, None));
    }
    if person.n_taken >= cookie::MOST_A_DAY {
        return refused(patients.pages.words.say(lang, ("patient", "too_many"), &[])).await;
    }
    let token = token_of(&key, &patients.secret);
    match patients.remote.take(site, &view::taking(line, lang), &token).await? {
        Done::Written => {
            person = Person { n_taken: person.n_taken.saturating_add(1), token: token.clone(), ..person };
            let value = cookie::write(&person, &patients.secret);
            let cookie =
                format!("{}={value}; Path=/; Max-Age={COOKIE_S}; HttpOnly; SameSite=Lax; Secure", cookie::name(site.0));
            Ok(to_ticket(site, &token, lang, Some(&cookie)))
        }
        Done::Refused(refusal) => refused(patients.pages.words.refusal(lang, &refusal)).await,
        Done::NoSite => Err(NoPage::NotFound),
        Done::Busy => refused(patients.pages.words.say(lang, ("patient", "busy"), &[])).await,
    }
}

async fn ticket(
    State(patients): State<Patients>,
    Path((site, token)): Path<(SiteId, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, NoPage> {
    patients.asks.take_page(site, patients.remote.clock.now())?;
    let page = patients.ticket_page((site, asked.lang(&headers)), &token, false).await?;
    Ok((html_headers(), page).into_response())
}

async fn ask_to_leave(
    State(patients): State<Patients>,
    Path((site, token)): Path<(SiteId, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, NoPage> {
    let page = patients.ticket_page((site, asked.lang(&headers)), &token, true).await?;
    Ok((html_headers(), page).into_response())
}

async fn leave(
    State(patients): State<Patients>,
    Path((site, token)): Path<(SiteId, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, NoPage> {
    let lang = asked.lang(&headers);
    let view = patients.view(site, &token).await?.ok_or(NoPage::NotFound)?;
    match patients.remote.ask(site, &Command::LeaveLine { visit: view.visit }).await? {
        // Whoever is called or has left already finds that on the page.
        Done::Written | Done::Refused(_) => Ok(to_ticket(site, &token, lang, None)),
        Done::NoSite => Err(NoPage::NotFound),
        Done::Busy => Err(NoPage::Failed),
    }
}

/// Returns the token of the ticket that a page's key takes.
fn token_of(key: &str, secret: &[u8; 32]) -> String {
    let digest = blake3::keyed_hash(secret, key.as_bytes());
    letters(digest.as_bytes().get(..machiai_wire::token::N_LETTERS).unwrap_or_default())
}

/// Sends a browser to the page of a ticket.
fn to_ticket(site: SiteId, token: &str, lang: Lang, cookie: Option<&str>) -> Response {
    let location = format!("/t/{site}/{token}?lang={}", words::code(lang));
    let mut response = StatusCode::SEE_OTHER.into_response();
    for (name, value) in [(header::LOCATION, Some(location.as_str())), (header::SET_COOKIE, cookie)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

pub(crate) fn read_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Pages hold a token in their address: they are kept by nobody, and tell nobody where they came from.
fn html_headers() -> [(header::HeaderName, &'static str); 5] {
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clinics_patients_press_so_often_and_another_clinics_are_not_held_up() {
        let (asks, [one, other], at) = (Asks::begin(), [SiteId(1), SiteId(2)], AtMs(1_800_000_000_000));
        assert!((0..30).all(|_| asks.take_press(one, at).is_ok()));
        assert!(matches!(asks.take_press(one, at), Err(NoPage::TooMany { after_s: 1 })));
        assert!(asks.take_press(other, at).is_ok());
        assert!(asks.take_page(one, at).is_ok(), "pages are shown all the same");
        assert!(asks.take_press(one, at.plus_ms(1_000)).is_ok() && asks.take_press(one, at.plus_ms(1_000)).is_err());
        let response = NoPage::TooMany { after_s: 7 }.into_response();
        assert_eq!((response.status().as_u16(), response.headers()[header::RETRY_AFTER].to_str().unwrap()), (429, "7"));
    }
}
