//! The routes of operators' pages, which have a listener of their own: nothing else is served there, and none of these
//! anywhere else.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::FormRejection;
use axum::extract::{DefaultBodyLimit, Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use machiai_core::facts::Lang;
use machiai_core::ids::SiteId;
use machiai_core::program::content::ContentHash;
use machiai_core::program::table::Table;
use machiai_core::time::{AtMs, Month};
use serde::Deserialize;

use super::day;
use super::form;
use super::pages::{About, Looked, Pages, STYLE, SiteView};
use super::session::{Came, Gate, NowS, Session, Typed, is_foreign, is_own_form, no_cookie};
use super::signs::{SiteSigns, Tally, judge};
use crate::calls::invoice;
use crate::publish::orders::{MAX_DOCUMENT_BYTES, parse_document};
use crate::publish::{PublishError, Publisher, outlook};
use crate::site::remote::Remote;
use crate::site::seen::Seen;
use crate::store::fleet::FleetRow;
use crate::store::operators::{Entry, Use};
use crate::store::{Store, StoreError};

/// Entries of the audit that a page shows.
const MOST_ENTRIES: u32 = 200;

/// The largest body: a table's document and what a form has around it.
const MAX_BODY_BYTES: usize = 1_100_000;
const _: () = assert!(MAX_DOCUMENT_BYTES < 1_100_000, "a document fits into a body");

/// What operators' pages are made of.
#[derive(Clone)]
pub(crate) struct Operators(Arc<Inner>);

struct Inner {
    store: Store,
    now_s: NowS,
    gate: Gate,
    pages: Pages,
    publisher: Publisher,
    remote: Remote,
    seen: Seen,
}

/// Why there is no page.
enum NoPage {
    /// Nobody is signed in: whoever asks is led to where that is done.
    SignedOut(Lang),
    /// There is no such site or page.
    NotFound,
    /// A form of another page, or of nobody.
    Foreign,
    /// A form that is not one of ours.
    BadForm,
    /// The store failed, or a template did.
    Failed,
}

impl From<StoreError> for NoPage {
    fn from(cause: StoreError) -> Self {
        tracing::error!(error = %crate::causes::with_causes(&cause), "an operator's page is not answered");
        Self::Failed
    }
}

impl From<minijinja::Error> for NoPage {
    fn from(cause: minijinja::Error) -> Self {
        tracing::error!(error = %cause, "an operator's page is not drawn");
        Self::Failed
    }
}

impl IntoResponse for NoPage {
    fn into_response(self) -> Response {
        let plain = |status, text: &'static str| (status, headers("text/plain; charset=utf-8"), text).into_response();
        match self {
            Self::SignedOut(lang) => to(&with_lang("/sign-in", lang), None),
            Self::NotFound => plain(StatusCode::NOT_FOUND, "このページはありません。 There is no such page."),
            Self::Foreign => plain(
                StatusCode::FORBIDDEN,
                "ほかのページからの操作は受け付けません。 Nothing is taken from other pages.",
            ),
            Self::BadForm => {
                plain(StatusCode::BAD_REQUEST, "送られた内容を読み取れません。 This form is not one of ours.")
            }
            Self::Failed => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "ただいま表示できません。少し待ってから、もう一度お試しください。 Please try again in a moment.",
            ),
        }
    }
}

/// What a page may be asked for with.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    lang: Option<String>,
    show: Option<String>,
    q: Option<String>,
    /// The page was loaded again by itself.
    auto: Option<String>,
    /// What was done just before, by code.
    done: Option<String>,
    /// Which month, `2026-11`.
    month: Option<String>,
}

impl Asked {
    fn lang(&self) -> Lang {
        if self.lang.as_deref() == Some("en") { Lang::En } else { Lang::Ja }
    }

    fn how(&self) -> Use {
        if self.auto.is_some() { Use::ByItself } else { Use::Own }
    }
}

impl Operators {
    /// Prepares the pages.
    ///
    /// # Errors
    /// A template or a file of words cannot be read.
    pub(crate) fn new(
        (store, now_s): (Store, NowS),
        (remote, seen): (Remote, Seen),
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (gate, pages) = (Gate::new(store.clone(), Arc::clone(&now_s)), Pages::built_in()?);
        let publisher = Publisher::of(remote.clone());
        Ok(Self(Arc::new(Inner { store, now_s, gate, pages, publisher, remote, seen })))
    }

    /// Returns the routes.
    pub(crate) fn routes(self) -> Router {
        Router::new()
            .route("/", get(async || to("/fleet", None)))
            .route("/sign-in", get(ask_to_sign_in).post(sign_in))
            .route("/sign-out", post(sign_out))
            .route("/fleet", get(fleet))
            .route("/fleet/{site}", get(site))
            .route("/fleet/{site}/calls", get(calls))
            .route("/fleet/{site}/table", post(publish))
            .route("/fleet/{site}/withdraw", post(withdraw))
            .route("/fleet/{site}/message", post(message))
            .route("/audit", get(audit))
            .route("/assets/style.css", get(async || (headers("text/css; charset=utf-8"), STYLE)))
            .fallback(async || NoPage::NotFound)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(self)
    }

    async fn session(&self, headers: &HeaderMap, asked: &Asked) -> Result<Session, NoPage> {
        let found = self.0.gate.session(headers, asked.how()).await?;
        found.ok_or(NoPage::SignedOut(asked.lang()))
    }

    /// Returns who is signed in and sent a form of their own.
    async fn acting(&self, headers: &HeaderMap, (asked, token): (&Asked, &str)) -> Result<Session, NoPage> {
        if is_foreign(headers) {
            return Err(NoPage::Foreign);
        }
        let session = self.session(headers, asked).await?;
        if is_own_form(&session, token) { Ok(session) } else { Err(NoPage::Foreign) }
    }

    fn signs(&self, row: &FleetRow) -> SiteSigns {
        let seen_ms = self.0.seen.newest_ms(row.site, row.seen_ms);
        judge(row, seen_ms.map(|seen_ms| self.0.seen.age_s(seen_ms)), (self.0.now_s)())
    }

    /// Judges all sites.
    async fn all_signs(&self) -> Result<Vec<SiteSigns>, StoreError> {
        Ok(self.0.store.fleet(None).await?.iter().map(|row| self.signs(row)).collect())
    }

    /// Counts the sites by how they do.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub(crate) async fn tally(&self) -> Result<Tally, StoreError> {
        Ok(Tally::of(&self.all_signs().await?))
    }

    /// Writes into the audit what is to be done, before it is.
    async fn note(&self, session: &Session, (what, site): (&str, SiteId), detail: String) -> Result<(), StoreError> {
        let (at_s, operator) = ((self.0.now_s)(), session.operator.clone());
        self.0.store.note_audit(Entry { at_s, operator, what: what.to_owned(), site: Some(site), detail }).await
    }

    /// Draws a site's page, with what came of something.
    async fn site_page(
        &self,
        (session, lang): (&Session, Lang),
        site: SiteId,
        told: Option<(String, bool)>,
    ) -> Result<String, NoPage> {
        let rows = self.0.store.fleet(Some(site)).await?;
        let row = rows.first().ok_or(NoPage::NotFound)?;
        let now = self.0.remote.clock.now();
        let asked = self.0.remote.clinics.ask(site, |clinic, _| {
            let rules = &clinic.standing.rules;
            let since = rules.day_at(now).at_min(rules.day_starts.minutes());
            (outlook(clinic, now), clinic.standing.message.clone(), since)
        });
        let (outlook, message, since): (_, _, AtMs) = asked.await?.ok_or(NoPage::NotFound)?;
        let facts = day::facts(&self.0.store, site, since).await?;
        let view = SiteView { outlook, message, airings: day::airings(&facts), calls: day::calls(&facts) };
        let path = format!("/fleet/{site}");
        let about = About { lang, session, path: &path };
        Ok(self.0.pages.site(&about, (&self.signs(row), &view), told)?)
    }

    /// Answers an order: done, and the page is loaded anew; or not, and the page says why.
    async fn answer(
        &self,
        (session, lang): (&Session, Lang),
        (site, code): (SiteId, &str),
        outcome: Result<(), PublishError>,
    ) -> Result<Response, NoPage> {
        let why = match outcome {
            Ok(()) => {
                let path = with_lang(&format!("/fleet/{site}?done={code}"), lang);
                return Ok(to(&path, None));
            }
            Err(PublishError::Refused(refusal)) => self.0.pages.words.refusal(lang, &refusal),
            Err(PublishError::Busy(_)) => self.0.pages.say(lang, "busy", &[]),
            Err(PublishError::NoSite(_)) => return Err(NoPage::NotFound),
            Err(PublishError::Store { source, .. }) => return Err(source.into()),
        };
        self.refuse((session, lang), site, why).await
    }

    async fn refuse(&self, (session, lang): (&Session, Lang), site: SiteId, why: String) -> Result<Response, NoPage> {
        self.note(session, ("refused", site), why.clone()).await?;
        let page = self.site_page((session, lang), site, Some((why, false))).await?;
        Ok((StatusCode::CONFLICT, headers(HTML), page).into_response())
    }
}

const HTML: &str = "text/html; charset=utf-8";

async fn ask_to_sign_in(State(operators): State<Operators>, Query(asked): Query<Asked>) -> Result<Response, NoPage> {
    Ok((headers(HTML), operators.0.pages.sign_in(asked.lang(), None)?).into_response())
}

async fn sign_in(
    State(operators): State<Operators>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
    form: Result<Form<Typed>, FormRejection>,
) -> Result<Response, NoPage> {
    if is_foreign(&sent) {
        return Err(NoPage::Foreign);
    }
    let Ok(Form(typed)) = form else { return Err(NoPage::BadForm) };
    let lang = asked.lang();
    let page = |status, told| {
        let page = operators.0.pages.sign_in(lang, Some(told))?;
        Ok::<_, NoPage>((status, headers(HTML), page).into_response())
    };
    match operators.0.gate.sign_in(typed).await? {
        Came::In(cookie) => Ok(to(&with_lang("/fleet", lang), Some(&cookie))),
        Came::Out => page(StatusCode::FORBIDDEN, "not_signed_in"),
        Came::Busy { after_s } => {
            let mut response = page(StatusCode::TOO_MANY_REQUESTS, "busy")?;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after_s));
            Ok(response)
        }
    }
}

/// A form that carries no more than whose it is.
#[derive(Deserialize)]
struct Bare {
    token: String,
}

async fn sign_out(
    State(operators): State<Operators>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
    form: Result<Form<Bare>, FormRejection>,
) -> Result<Response, NoPage> {
    let Ok(Form(Bare { token })) = form else { return Err(NoPage::BadForm) };
    let session = operators.acting(&sent, (&asked, &token)).await?;
    operators.0.store.sign_out(session.hash, (operators.0.now_s)()).await?;
    Ok(to(&with_lang("/sign-in", asked.lang()), Some(&no_cookie())))
}

async fn fleet(
    State(operators): State<Operators>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
) -> Result<Response, NoPage> {
    let session = operators.session(&sent, &asked).await?;
    let sites = operators.all_signs().await?;
    let about = About { lang: asked.lang(), session: &session, path: "/fleet" };
    let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let looked = Looked { show: given(asked.show), q: given(asked.q) };
    Ok((headers(HTML), operators.0.pages.fleet(&about, &sites, &looked)?).into_response())
}

async fn site(
    State(operators): State<Operators>,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
) -> Result<Response, NoPage> {
    let session = operators.session(&sent, &asked).await?;
    let (site, lang) = (read_site(&site)?, asked.lang());
    let known = ["table_sent", "content_withdrawn", "message_set"];
    let done = known.into_iter().find(|code| asked.done.as_deref() == Some(code));
    let told = done.map(|code| (operators.0.pages.say(lang, code, &[]), true));
    Ok((headers(HTML), operators.site_page((&session, lang), site, told).await?).into_response())
}

/// A month of a site's consultation calls; the running one where none is named.
async fn calls(
    State(operators): State<Operators>,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
) -> Result<Response, NoPage> {
    let session = operators.session(&sent, &asked).await?;
    let (site, lang) = (read_site(&site)?, asked.lang());
    let month: Month = match &asked.month {
        Some(month) => month.parse().map_err(|_other| NoPage::NotFound)?,
        None => Month::holding(operators.0.remote.clock.now()),
    };
    let invoice = invoice(&operators.0.store, site, month).await?.ok_or(NoPage::NotFound)?;
    let path = format!("/fleet/{site}/calls?month={month}");
    let about = About { lang, session: &session, path: &path };
    Ok((headers(HTML), operators.0.pages.calls(&about, site, &invoice)?).into_response())
}

async fn publish(
    State(operators): State<Operators>,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
    body: Bytes,
) -> Result<Response, NoPage> {
    let content_type = sent.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts = form::read(content_type, &body).ok_or(NoPage::BadForm)?;
    let part = |name: &str| parts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let session = operators.acting(&sent, (&asked, part("token").unwrap_or_default())).await?;
    let (site, lang) = (read_site(&site)?, asked.lang());
    let read = parse_document::<Table>(part("table").ok_or(NoPage::BadForm)?).map_err(|cause| cause.to_string());
    let table = match read {
        Ok(table) => table,
        Err(cause) => {
            let why = operators.0.pages.say(lang, "not_a_table", &[("why", &cause)]);
            return operators.refuse((&session, lang), site, why).await;
        }
    };
    operators.note(&session, ("table_sent", site), format!("{} {}", table.table, table.revision.0)).await?;
    let outcome = operators.0.publisher.table(site, &table).await;
    operators.answer((&session, lang), (site, "table_sent"), outcome).await
}

#[derive(Deserialize)]
struct Withdrawn {
    token: String,
    content: String,
}

async fn withdraw(
    State(operators): State<Operators>,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
    form: Result<Form<Withdrawn>, FormRejection>,
) -> Result<Response, NoPage> {
    let Ok(Form(Withdrawn { token, content })) = form else { return Err(NoPage::BadForm) };
    let session = operators.acting(&sent, (&asked, &token)).await?;
    let content: ContentHash = content.parse().map_err(|_bad| NoPage::BadForm)?;
    let (site, lang) = (read_site(&site)?, asked.lang());
    operators.note(&session, ("content_withdrawn", site), content.to_string()).await?;
    let outcome = operators.0.publisher.withdraw(site, content).await;
    operators.answer((&session, lang), (site, "content_withdrawn"), outcome).await
}

#[derive(Deserialize)]
struct Messaged {
    token: String,
    text: String,
}

async fn message(
    State(operators): State<Operators>,
    Path(site): Path<String>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
    form: Result<Form<Messaged>, FormRejection>,
) -> Result<Response, NoPage> {
    let Ok(Form(Messaged { token, text })) = form else { return Err(NoPage::BadForm) };
    let session = operators.acting(&sent, (&asked, &token)).await?;
    let (site, lang) = (read_site(&site)?, asked.lang());
    // As long as a message may be, and no longer: the rules refuse more.
    let detail: String = text.chars().take(100).collect();
    operators.note(&session, ("message_set", site), detail).await?;
    let outcome = operators.0.publisher.message(site, &text).await;
    operators.answer((&session, lang), (site, "message_set"), outcome).await
}

async fn audit(
    State(operators): State<Operators>,
    Query(asked): Query<Asked>,
    sent: HeaderMap,
) -> Result<Response, NoPage> {
    let session = operators.session(&sent, &asked).await?;
    let entries = operators.0.store.audit(0, MOST_ENTRIES).await?;
    let about = About { lang: asked.lang(), session: &session, path: "/audit" };
    Ok((headers(HTML), operators.0.pages.audit(&about, &entries)?).into_response())
}

/// Reads a site out of a path; what is none is not there.
fn read_site(text: &str) -> Result<SiteId, NoPage> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).map(SiteId).ok_or(NoPage::NotFound)
}

fn with_lang(path: &str, lang: Lang) -> String {
    if lang == Lang::Ja {
        return path.to_owned();
    }
    format!("{path}{}lang=en", if path.contains('?') { '&' } else { '?' })
}

/// Sends a browser to a page of ours.
fn to(path: &str, cookie: Option<&str>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, headers("text/plain; charset=utf-8")).into_response();
    for (name, value) in [(header::LOCATION, Some(path)), (header::SET_COOKIE, cookie)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Pages are kept by nobody, run nothing, show nothing of others and stand in no frame.
fn headers(kind: &'static str) -> [(HeaderName, &'static str); 6] {
    [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ]
}
