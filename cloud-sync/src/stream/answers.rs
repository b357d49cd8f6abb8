//! Answers about streams, as the protocol words them; and refusals in words.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header as http};
use axum::response::{IntoResponse, Response};
use machiai_core::ids::Seq;
use machiai_wire::enrol::reason;
use machiai_wire::json;
use machiai_wire::offset::Offset;
use machiai_wire::producer::Turn;
use serde_json::json;

use super::asked::header;
use super::{Chunk, JSON};
use crate::blobs::BlobError;
use crate::causes::with_causes;
use crate::service::Pausing;
use crate::store::StoreError;

/// For how long a writer is to stay away when too many write, in seconds.
const BUSY_S: u64 = 30;

/// Why a request is not carried out.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A header or parameter is not as it must be.
    Malformed { what: &'static str },
    /// The body has nothing to append.
    NoBody,
    /// The body is not JSON.
    NotJson,
    /// The body is larger than is taken.
    TooLarge,
    /// The body did not come whole, or not in time.
    Torn,
    /// The body is packed in a way that is not read here.
    OtherEncoding,
    /// A part of the protocol that is not kept here.
    NotKept { name: &'static str },
    /// There is no such stream.
    NoStream,
    /// Another stream stands there.
    OtherStream,
    /// The stream's messages are of another media type.
    OtherType,
    /// `Stream-Seq` is not greater than the one before.
    NotAfter,
    /// One before it is missing.
    Gap { expected: u64, received: u64 },
    /// A later session has begun.
    Stale { epoch: u64 },
    /// A session that begins with another number than 0.
    BeginsLate,
    /// The first fact is not its origin's next.
    Behind { seq: Seq },
    /// Lines that are no run of the site's facts, or not the one that was hashed.
    BadRun { is_divergence: bool, why: String },
    /// A fact in the hub's name that it did not write.
    NotTheHubs { nth: usize },
    /// The place is not in this life of the stream.
    Gone,
    /// The hub does not serve now, as was announced.
    Pausing(Pausing),
    /// Too many wait for the store.
    Busy,
    /// There is no such content for the site.
    NoContent,
    /// Content cannot be read.
    Blobs(BlobError),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(cause: StoreError) -> Self {
        Self::Store(cause)
    }
}

impl Refused {
    pub(crate) fn words(&self) -> (StatusCode, &'static str, String) {
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::Malformed { what } => (bad, "malformed", format!("cannot read {what}")),
            Self::NoBody => (bad, "no_body", "there is nothing to append".to_owned()),
            Self::NotJson => (bad, "not_json", "the body is not JSON".to_owned()),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is too large".to_owned()),
            Self::Torn => (bad, "torn", "the body did not come whole".to_owned()),
            Self::OtherEncoding => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "other_encoding", "send the body plain, or by gzip".to_owned())
            }
            Self::NotKept { name } => (bad, "not_kept", format!("{name} is not supported here")),
            Self::NoStream => (StatusCode::NOT_FOUND, "no_stream", "there is no such stream".to_owned()),
            Self::OtherStream => (StatusCode::CONFLICT, "other_stream", "another stream stands there".to_owned()),
            Self::OtherType => (StatusCode::CONFLICT, "other_type", "the stream has another content type".to_owned()),
            Self::NotAfter => {
                (StatusCode::CONFLICT, "not_after", "Stream-Seq is not greater than the one before".to_owned())
            }
            Self::Gap { expected, .. } => {
                (StatusCode::CONFLICT, "gap", format!("Producer-Seq {expected} has not come yet"))
            }
            Self::Stale { epoch } => (StatusCode::FORBIDDEN, "stale", format!("session {epoch} has begun")),
            Self::BeginsLate => (bad, "begins_late", "a session begins with Producer-Seq 0".to_owned()),
            Self::Behind { seq } => (StatusCode::CONFLICT, "behind", format!("the hub holds this origin up to {seq}")),
            Self::BadRun { is_divergence: true, why } => (StatusCode::CONFLICT, "diverged", why.clone()),
            Self::BadRun { is_divergence: false, why } => (bad, reason::BAD_RUN, why.clone()),
            Self::NotTheHubs { nth } => (
                StatusCode::CONFLICT,
                reason::NOT_THE_HUBS,
                format!("line {nth} says that the hub wrote it, and it did not"),
            ),
            Self::Gone => (StatusCode::GONE, "gone", "the offset is not in this life of the stream".to_owned()),
            Self::Pausing(Pausing { until, .. }) => {
                let until = until.clock_face();
                (StatusCode::SERVICE_UNAVAILABLE, "pausing", format!("the hub pauses until {until}, as it said"))
            }
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "too many append at once, come again".to_owned()),
            Self::NoContent => (StatusCode::NOT_FOUND, "no_content", "the site has no such content".to_owned()),
            Self::Blobs(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "blobs", "content cannot be read, ask again".to_owned())
            }
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store", "the store failed, ask again".to_owned()),
        }
    }

    fn headers(&self) -> Vec<(&'static str, u64)> {
        match self {
            Self::Gap { expected, received } => {
                vec![(header::EXPECTED_SEQ, *expected), (header::RECEIVED_SEQ, *received)]
            }
            Self::Stale { epoch } => vec![(header::PRODUCER_EPOCH, *epoch)],
            Self::Busy => vec![("retry-after", BUSY_S)],
            Self::Pausing(Pausing { after_s, .. }) => vec![("retry-after", *after_s)],
            Self::Malformed { .. } | Self::NoBody | Self::NotJson | Self::TooLarge | Self::Torn => Vec::new(),
            Self::OtherEncoding
            | Self::NotKept { .. }
            | Self::NoStream
            | Self::OtherStream
            | Self::OtherType
            | Self::NotAfter => Vec::new(),
            Self::BeginsLate | Self::Behind { .. } | Self::BadRun { .. } | Self::NotTheHubs { .. } => Vec::new(),
            Self::Gone | Self::Store(_) => Vec::new(),
            Self::NoContent | Self::Blobs(_) => Vec::new(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        if let Self::Store(cause) = &self {
            tracing::error!(error = %with_causes(cause), "the store failed");
        }
        if let Self::Blobs(cause) = &self {
            tracing::error!(error = %with_causes(cause), "content cannot be read");
        }
        let (status, code, says) = self.words();
        let mut response = (status, Json(json!({"code": code, "detail": says}))).into_response();
        for (name, number) in self.headers() {
            response.headers_mut().insert(HeaderName::from_static(name), number.into());
        }
        response
    }
}

/// Sets a header whose value is made here, and so is one.
pub(crate) fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

/// Answers a made or found stream, or a question about one.
pub(crate) fn about(status: StatusCode, content_type: &str, tail: Offset) -> Response {
    let mut response = status.into_response();
    set(&mut response, "content-type", content_type);
    set(&mut response, header::NEXT_OFFSET, &tail.to_string());
    set(&mut response, "cache-control", "no-store");
    response
}

/// Answers an append.
pub(crate) fn appended(tail: Offset, stands_at: Option<Turn>, is_new: bool) -> Response {
    // 200 says that a producer's append is new.
    let status = if stands_at.is_some() && is_new { StatusCode::OK } else { StatusCode::NO_CONTENT };
    let mut response = status.into_response();
    set(&mut response, header::NEXT_OFFSET, &tail.to_string());
    if let Some(turn) = stands_at {
        stand_at(&mut response, turn);
    }
    response
}

/// Answers an append whose facts are on disk.
pub(crate) fn kept(turn: Turn) -> Response {
    let mut response = StatusCode::OK.into_response();
    stand_at(&mut response, turn);
    response
}

/// Answers an append whose number was seen before.
pub(crate) fn seen(newest: Turn) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    stand_at(&mut response, newest);
    response
}

fn stand_at(response: &mut Response, turn: Turn) {
    set(response, header::PRODUCER_EPOCH, &turn.epoch.to_string());
    set(response, header::PRODUCER_SEQ, &turn.seq.to_string());
}

/// Returns the body of what was read.
pub(crate) fn body(chunk: &Chunk) -> Vec<u8> {
    let messages = chunk.messages.iter().map(Vec::as_slice);
    if chunk.content_type == JSON { json::join(messages) } else { messages.collect::<Vec<_>>().concat() }
}

/// Names what was read, so that it need not be sent twice.
fn tag(chunk: &Chunk) -> String {
    format!("\"{}:{}\"", chunk.from, chunk.next.after)
}

/// Answers what was read; a reader that has it already gets a short answer.
pub(crate) fn read(chunk: &Chunk, (known, cursor): (Option<&HeaderValue>, Option<u64>), is_now: bool) -> Response {
    let tag = tag(chunk);
    let is_known = !is_now && known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { body(chunk).into_response() };
    set(&mut response, "content-type", &chunk.content_type);
    set(&mut response, header::NEXT_OFFSET, &chunk.next.to_string());
    if chunk.is_tail {
        set(&mut response, header::UP_TO_DATE, "true");
    }
    if let Some(cursor) = cursor {
        set(&mut response, header::CURSOR, &cursor.to_string());
    }
    if is_now {
        set(&mut response, "cache-control", "no-store");
    } else {
        set(&mut response, "etag", &tag);
        set(&mut response, "cache-control", "private, no-cache");
    }
    response
}

/// Answers a reader who waited in vain.
pub(crate) fn nothing_came(tail: Offset, cursor: u64) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    set(&mut response, header::NEXT_OFFSET, &tail.to_string());
    set(&mut response, header::UP_TO_DATE, "true");
    set(&mut response, header::CURSOR, &cursor.to_string());
    response.headers_mut().insert(http::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
