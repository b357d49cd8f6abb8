//! The protocol's routes over a store: what is asked of any stream, whoever may ask it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header as http};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use machiai_core::ids::{Origin, SiteId};
use machiai_wire::json;
use machiai_wire::offset::From;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::answers::{self, Refused};
use super::asked::{self, Live};
use super::body::whole;
use super::{About, Append, Appended, Chunk, JSON, Made, Read, Wanted, live, media_type};
use crate::nodes::Nodes;
use crate::site::down_of;
use crate::store::{Lines, Store, StoreError};
use crate::wake::Wakes;

/// How much one answer brings, in bytes.
const MOST_BYTES: usize = 1024 * 1024;

/// Appends of facts that are unpacked and kept at the same time: each takes some megabytes, and the store takes one after
/// the other. Who waits longer for a turn than boxes are patient is sent away before that.
const MOST_AT_ONCE: usize = 16;
const TURN_WITHIN: Duration = Duration::from_secs(20);

/// Media type of a stream that was made without one.
const BYTES: &str = "application/octet-stream";

/// Streams of one store, with those who wait for them.
#[derive(Clone)]
pub struct Streams {
    pub(crate) store: Store,
    pub(crate) wakes: Wakes,
    pub(crate) long_poll_for: Duration,
    pub(crate) now_s: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) stopping: CancellationToken,
    pub(crate) nodes: Nodes,
    turns: Arc<Semaphore>,
}

impl Streams {
    /// Serves the streams of a store; `now_s` is the wall clock in seconds since 1970, and readers who wait are answered
    /// when it is to stop.
    #[must_use]
    pub fn new(
        store: Store,
        now_s: impl Fn() -> u64 + Send + Sync + 'static,
        long_poll_for: Duration,
        stopping: CancellationToken,
    ) -> Self {
        let (wakes, turns) = (Wakes::default(), Arc::new(Semaphore::new(MOST_AT_ONCE)));
        Self { store, wakes, long_poll_for, now_s: Arc::new(now_s), stopping, nodes: Nodes::LOOKING, turns }
    }

    /// Serves them as one of several nodes on the store.
    #[must_use]
    pub fn among(self, nodes: Nodes) -> Self {
        Self { nodes, ..self }
    }

    /// Returns the store.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Writes facts of the hub's own for a site, and wakes whoever listens; returns whether there were any, they
    /// followed, and the site is known.
    ///
    /// # Errors
    /// [`StoreError`]: look what is held before writing them again.
    pub async fn write_own(&self, site: SiteId, origin: Origin, lines: Lines) -> Result<bool, StoreError> {
        let is_written = self.store.write_own(site, origin, lines).await?;
        self.wakes.wake(&down_of(site));
        Ok(is_written)
    }

    /// Waits for a turn to append facts.
    ///
    /// # Errors
    /// [`Refused::Busy`]: too many wait.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Refused> {
        self.turn_within(TURN_WITHIN).await
    }

    async fn turn_within(&self, longest: Duration) -> Result<SemaphorePermit<'_>, Refused> {
        match tokio::time::timeout(longest, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Refused::Busy),
        }
    }

    pub(crate) async fn about(&self, path: &str) -> Result<About, Refused> {
        self.store.about(path).await?.ok_or(Refused::NoStream)
    }

    pub(crate) async fn chunk(&self, path: &str, from: From) -> Result<Chunk, Refused> {
        match self.store.read(path, Wanted { from, most_bytes: MOST_BYTES }).await? {
            Read::Chunk(chunk) => Ok(chunk),
            Read::NoStream => Err(Refused::NoStream),
            Read::Gone => Err(Refused::Gone),
        }
    }

    async fn make(&self, path: &str, request: Request) -> Result<Response, Refused> {
        let (head, body) = request.into_parts();
        asked::only_what_is_kept(&head.headers)?;
        let content_type = content_type(&head.headers).unwrap_or_else(|| BYTES.to_owned());
        let body = whole(body).await?;
        let is_empty = body.is_empty() || (content_type == JSON && json::is_nothing(&body));
        let first = if is_empty { Vec::new() } else { messages(&content_type, &body)? };
        match self.store.make(path, &content_type, first).await? {
            Made::New(about) => {
                let mut response = answers::about(StatusCode::CREATED, &about.content_type, about.tail);
                let host = head.headers.get(http::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
                answers::set(&mut response, "location", &format!("http://{host}{path}"));
                Ok(response)
            }
            Made::Same(about) => Ok(answers::about(StatusCode::OK, &about.content_type, about.tail)),
            Made::Other => Err(Refused::OtherStream),
        }
    }

    async fn append(&self, path: &str, request: Request) -> Result<Response, Refused> {
        let (head, body) = request.into_parts();
        asked::only_what_is_kept(&head.headers)?;
        let producer = asked::producer(&head.headers)?;
        let stream_seq = asked::stream_seq(&head.headers)?;
        let body = whole(body).await?;
        if body.is_empty() {
            return Err(Refused::NoBody);
        }
        let content_type = content_type(&head.headers).ok_or(Refused::Malformed { what: "Content-Type" })?;
        if self.about(path).await?.content_type != content_type {
            return Err(Refused::OtherType);
        }
        let messages = messages(&content_type, &body)?;
        let turn = producer.as_ref().map(|(_, turn)| *turn);
        let received = turn.map_or(0, |turn| turn.seq);
        match self.store.append(path, Append { content_type, messages, producer, stream_seq }).await? {
            Appended::New(tail) => {
                self.wakes.wake(path);
                Ok(answers::appended(tail, turn, true))
            }
            Appended::Seen(tail, newest) => Ok(answers::appended(tail, Some(newest), false)),
            Appended::NoStream => Err(Refused::NoStream),
            Appended::OtherType => Err(Refused::OtherType),
            Appended::NotAfter => Err(Refused::NotAfter),
            Appended::Gap { expected } => Err(Refused::Gap { expected, received }),
            Appended::Stale { epoch } => Err(Refused::Stale { epoch }),
            Appended::BeginsLate => Err(Refused::BeginsLate),
        }
    }

    pub(crate) async fn read(
        &self,
        path: &str,
        headers: &HeaderMap,
        query: &[(String, String)],
    ) -> Result<Response, Refused> {
        let reading = asked::reading(query)?;
        match reading.live {
            Live::No => {
                let chunk = self.chunk(path, reading.from).await?;
                let known = headers.get(http::IF_NONE_MATCH);
                Ok(answers::read(&chunk, (known, None), reading.from == From::Now))
            }
            Live::LongPoll => live::long_poll(self, path, reading).await,
            Live::Events => live::events(self, path, reading).await,
        }
    }
}

/// Serves every path below `/v1/stream/` as a stream that anybody may make, write, read and remove: for conformance
/// tests on the machine itself, never for a network.
pub fn open_to_all(streams: Streams) -> Router {
    Router::new()
        .route("/v1/stream/{*path}", any(serve))
        .layer(map_response(for_any_page))
        .layer(map_response(secure))
        .with_state(streams)
}

async fn serve(
    State(streams): State<Streams>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Result<Response, Refused> {
    let path = request.uri().path().to_owned();
    match request.method().as_str() {
        "PUT" => streams.make(&path, request).await,
        "POST" => streams.append(&path, request).await,
        "GET" => streams.read(&path, request.headers(), &query).await,
        "HEAD" => {
            let about = streams.about(&path).await?;
            Ok(answers::about(StatusCode::OK, &about.content_type, about.tail))
        }
        "DELETE" => {
            if !streams.store.remove(&path).await? {
                return Err(Refused::NoStream);
            }
            streams.wakes.wake(&path);
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        "OPTIONS" => Ok(StatusCode::NO_CONTENT.into_response()),
        _ => Ok(StatusCode::METHOD_NOT_ALLOWED.into_response()),
    }
}

/// Lets a page of another origin use the streams.
async fn for_any_page(mut response: Response) -> Response {
    answers::set(&mut response, "access-control-allow-origin", "*");
    answers::set(&mut response, "access-control-allow-headers", "*");
    answers::set(&mut response, "access-control-allow-methods", "GET, HEAD, POST, PUT, DELETE");
    answers::set(&mut response, "access-control-expose-headers", "*");
    response
}

/// Keeps browsers from taking an answer for what it is not.
pub(crate) async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(http::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let named = headers.get(http::CONTENT_TYPE)?.to_str().ok().map(media_type)?;
    Some(named).filter(|named| !named.is_empty())
}

/// Cuts a body into its messages: the elements of an array of JSON, or the whole.
fn messages(content_type: &str, body: &Bytes) -> Result<Vec<Bytes>, Refused> {
    if content_type != JSON {
        return Ok(vec![body.clone()]);
    }
    let cut = json::cut(body).map_err(|_bad| Refused::NotJson)?;
    Ok(cut.into_iter().map(|message| body.slice_ref(message)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_turn_to_append_is_sent_away_and_has_one_when_another_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("hub.db").display())).await.unwrap();
        let streams = Streams::new(store, || 0, Duration::ZERO, CancellationToken::new());
        let mut turns = Vec::new();
        for _ in 0..MOST_AT_ONCE {
            turns.push(streams.turn().await.unwrap());
        }
        let sent_away = streams.turn_within(Duration::from_millis(1)).await.err().unwrap().into_response();
        assert_eq!(sent_away.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(sent_away.headers()["retry-after"], "30");
        turns.pop();
        assert!(streams.turn_within(Duration::from_millis(1)).await.is_ok());
    }
}
