//! The routes of a site: the protocol's, with what a site may do, the vector, and what a box that was replaced left.

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt as _;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_wire::box_side::Most;
use machiai_wire::content::CONTENT_ROUTE;
use machiai_wire::hub_side::Judged;
use machiai_wire::producer::Verdict;
use machiai_wire::run::BadRun;
use machiai_wire::said::Run;
use machiai_wire::trial::TRIAL_ROUTE;
use machiai_wire::vector::{Answer, Question, answer};
use machiai_wire::{http, json};
use serde::Deserialize;

use super::content::{Shelf, content};
use super::sealed::Sealed;
use super::seen::Seen;
use super::{down_of, trial, up_of};
use crate::service::Announced;
use crate::store::{SentBy, Standing};
use crate::stream::answers::{self, Refused};
use crate::stream::asked;
use crate::stream::body::{plain, whole};
use crate::stream::routes::{Streams, secure};

/// The version of the channel, said on every answer.
const VERSION: HeaderValue = HeaderValue::from_static("1");

/// What one answer to a fetch takes.
const MOST: Most = Most { lines: 2_048, bytes: 768 * 1024 };

/// Facts of which origin, after which number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    origin: Origin,
    after: Seq,
}

/// What the routes of sites hold.
#[derive(Clone)]
pub(crate) struct Sites {
    pub(crate) streams: Streams,
    pub(crate) seen: Seen,
    pub(crate) announced: Announced,
    pub(crate) sealed: Sealed,
}

/// Returns the routes of all sites.
pub(crate) fn routes(sites: Sites) -> Router {
    Router::new()
        .route("/v1/sites/{site}/vector", post(vector))
        .route("/v1/sites/{site}/facts", get(facts))
        .route("/v1/sites/{site}/up", get(read).post(append))
        .route("/v1/sites/{site}/down", get(read))
        .route(TRIAL_ROUTE, get(trial::give).post(trial::take))
        .with_state(sites)
}

/// Returns the routes by which a box that was replaced hands over what it had not sent; it reads nothing there.
pub(crate) fn routes_left(sites: Sites) -> Router {
    Router::new()
        .route("/v1/sites/{site}/left/vector", post(left_vector))
        .route("/v1/sites/{site}/left/up", post(left))
        .with_state(sites)
}

/// Returns the route of all sites' content.
pub(crate) fn of_content(shelf: Shelf) -> Router {
    Router::new().route(CONTENT_ROUTE, get(content)).with_state(shelf)
}

/// Adds what every answer of a hub says.
pub(crate) fn spoken(routes: Router) -> Router {
    routes.layer(map_response(say_who)).layer(map_response(secure))
}

/// Says on every answer that it is a hub's.
async fn say_who(mut response: Response) -> Response {
    response.headers_mut().insert(http::header::HUB, VERSION);
    response
}

async fn standing(streams: &Streams, site: SiteId) -> Result<Standing, Refused> {
    streams.store.standing(site).await?.ok_or(Refused::NoStream)
}

/// Says what each side lacks.
async fn vector(State(sites): State<Sites>, Path(site): Path<SiteId>, request: Request) -> Result<Response, Refused> {
    sites.seen.note(site);
    compare(&sites, site, request).await
}

/// Says what each side lacks, of which a box that was replaced may only send.
async fn left_vector(
    State(sites): State<Sites>,
    Path(site): Path<SiteId>,
    request: Request,
) -> Result<Response, Refused> {
    compare(&sites, site, request).await
}

async fn compare(
    Sites { streams, announced, .. }: &Sites,
    site: SiteId,
    request: Request,
) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    let body = plain(&head.headers, whole(body).await?).await?;
    let malformed = Refused::Malformed { what: "the vector" };
    let Ok(question) = serde_json::from_slice::<Question>(&body) else { return Err(malformed) };
    let Standing { heads, epoch, down } = standing(streams, site).await?;
    let answered = answer(&heads, &question, (epoch, down.to_string())).ok_or(malformed)?;
    Ok(Json(Answer { service: announced.said(), ..answered }).into_response())
}

/// Keeps a box's facts.
async fn append(State(sites): State<Sites>, Path(site): Path<SiteId>, request: Request) -> Result<Response, Refused> {
    keep(&sites, (site, SentBy::TheBox), request).await
}

/// Keeps what a box that was replaced had not sent.
async fn left(State(sites): State<Sites>, Path(site): Path<SiteId>, request: Request) -> Result<Response, Refused> {
    keep(&sites, (site, SentBy::OneBefore), request).await
}

async fn keep(
    Sites { streams, seen, sealed, .. }: &Sites,
    (site, by): (SiteId, SentBy),
    request: Request,
) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    asked::only_what_is_kept(&head.headers)?;
    let (producer, turn) =
        asked::producer(&head.headers)?.ok_or(Refused::Malformed { what: "the producer's headers" })?;
    let origin = producer.parse().map_err(|_bad| Refused::Malformed { what: "Producer-Id" })?;
    let hash = head.headers.get(http::header::HASH).and_then(|hash| hash.to_str().ok()?.parse().ok());
    let hash = hash.ok_or(Refused::Malformed { what: "Machiai-Hash" })?;
    let body = whole(body).await?;
    let _turn = streams.turn().await?;
    let body = plain(&head.headers, body).await?;
    let lines: Vec<_> = json::cut(&body).map_err(|_bad| Refused::NotJson)?.into_iter().map(<[u8]>::to_vec).collect();
    if let Some(nth) = sealed.first_forged(site, &lines).await? {
        tracing::warn!(%site, %origin, nth, "facts of a box that say that the hub wrote them are refused");
        return Err(Refused::NotTheHubs { nth });
    }
    let judged = streams.store.keep(site, (Run { origin, turn, hash, lines }, by)).await?.ok_or(Refused::NoStream)?;
    match judged {
        Judged::Keep(_) => {
            let grew = match by {
                SentBy::TheBox => up_of(site),
                SentBy::OneBefore => down_of(site),
            };
            if by == SentBy::TheBox {
                seen.note(site);
            }
            streams.wakes.wake(&grew);
            Ok(answers::kept(turn))
        }
        Judged::Seen(newest) => Ok(answers::seen(newest)),
        Judged::OutOfTurn(Verdict::Stale { epoch }) => Err(Refused::Stale { epoch }),
        Judged::OutOfTurn(Verdict::Gap { expected }) => Err(Refused::Gap { expected, received: turn.seq }),
        Judged::OutOfTurn(Verdict::BeginsLate | Verdict::New | Verdict::Seen { .. }) => Err(Refused::BeginsLate),
        Judged::Behind(head) => Err(Refused::Behind { seq: head.seq }),
        Judged::Bad(bad) => {
            tracing::warn!(%site, %origin, %bad, "facts of a box are refused");
            Err(Refused::BadRun { is_divergence: matches!(bad, BadRun::OtherHash { .. }), why: bad.to_string() })
        }
    }
}

/// Gives a box facts that it lacks.
async fn facts(
    State(Sites { streams, .. }): State<Sites>,
    Path(site): Path<SiteId>,
    Query(Wanted { origin, after }): Query<Wanted>,
) -> Result<Response, Refused> {
    let lines = streams.store.facts((site, origin), after, MOST).await?.ok_or(Refused::NoStream)?;
    let mut response = json::join(lines.iter().map(Vec::as_slice)).into_response();
    answers::set(&mut response, "content-type", crate::stream::JSON);
    answers::set(&mut response, "cache-control", "private, no-store");
    Ok(response)
}

/// Reads one of a site's streams.
async fn read(
    State(Sites { streams, seen, .. }): State<Sites>,
    Path(site): Path<SiteId>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Refused> {
    let is_up = request.uri().path().ends_with("/up");
    let path = if is_up { up_of(site) } else { down_of(site) };
    if request.method() == axum::http::Method::HEAD {
        let about = streams.about(&path).await?;
        return Ok(answers::about(StatusCode::OK, &about.content_type, about.tail));
    }
    // A box that listens is heard of for as long as its line is open.
    let open = (!is_up).then(|| seen.open(site));
    let (head, body) = streams.read(&path, &headers, &query).await?.into_parts();
    let held = body.into_data_stream().inspect(move |_| {
        let _held = &open;
    });
    Ok(Response::from_parts(head, Body::from_stream(held)))
}
