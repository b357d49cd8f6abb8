//! What a request asks of a stream, read from its headers and its query.

use axum::http::HeaderMap;
use machiai_wire::offset::From;
use machiai_wire::producer::{MAX, Turn};

use super::answers::Refused;

/// Names of the protocol's headers.
pub(crate) mod header {
    pub(crate) const STREAM_SEQ: &str = "stream-seq";
    pub(crate) const NEXT_OFFSET: &str = "stream-next-offset";
    pub(crate) const UP_TO_DATE: &str = "stream-up-to-date";
    pub(crate) const CURSOR: &str = "stream-cursor";
    pub(crate) const EVENTS_ENCODING: &str = "stream-sse-data-encoding";
    pub(crate) const PRODUCER_ID: &str = "producer-id";
    pub(crate) const PRODUCER_EPOCH: &str = "producer-epoch";
    pub(crate) const PRODUCER_SEQ: &str = "producer-seq";
    pub(crate) const EXPECTED_SEQ: &str = "producer-expected-seq";
    pub(crate) const RECEIVED_SEQ: &str = "producer-received-seq";
}

/// Parts of the protocol that are not kept here: a request that asks for one is refused, never half obeyed.
const NOT_KEPT: [&str; 6] = [
    "stream-ttl",
    "stream-expires-at",
    "stream-closed",
    "stream-forked-from",
    "stream-fork-offset",
    "stream-fork-sub-offset",
];

/// The longest name of a producer, and the longest `Stream-Seq`, in bytes.
const MAX_NAME_BYTES: usize = 256;

/// How a reader waits for what is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Live {
    /// Not at all.
    No,
    /// One answer, once there is something.
    LongPoll,
    /// Events, for a while.
    Events,
}

/// A wish to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) from: From,
    pub(crate) live: Live,
    /// The cursor of the answer before.
    pub(crate) cursor: Option<u64>,
}

/// Refuses what is not kept here.
///
/// # Errors
/// [`Refused`] by the first such header.
pub(crate) fn only_what_is_kept(headers: &HeaderMap) -> Result<(), Refused> {
    NOT_KEPT.iter().find(|name| headers.contains_key(**name)).map_or(Ok(()), |name| Err(Refused::NotKept { name }))
}

/// Reads who appends, if the writer numbers its appends.
///
/// # Errors
/// [`Refused`] when a part is missing or is no number.
pub(crate) fn producer(headers: &HeaderMap) -> Result<Option<(String, Turn)>, Refused> {
    let names = [header::PRODUCER_ID, header::PRODUCER_EPOCH, header::PRODUCER_SEQ];
    match names.map(|name| headers.get(name).map(|value| value.to_str().unwrap_or_default())) {
        [None, None, None] => Ok(None),
        [Some(id), Some(epoch), Some(seq)] if !id.is_empty() && id.len() <= MAX_NAME_BYTES => {
            Ok(Some((id.to_owned(), Turn { epoch: number(epoch)?, seq: number(seq)? })))
        }
        [_, _, _] => Err(Refused::Malformed { what: "the producer's headers" }),
    }
}

fn number(text: &str) -> Result<u64, Refused> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_number && *number <= MAX);
    number.ok_or(Refused::Malformed { what: "a producer's number" })
}

/// Reads the writer's own sequence.
///
/// # Errors
/// [`Refused`] when it is too long or no text.
pub(crate) fn stream_seq(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(value) = headers.get(header::STREAM_SEQ) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=MAX_NAME_BYTES).contains(&text.len()));
    text.map(|text| Some(text.to_owned())).ok_or(Refused::Malformed { what: "Stream-Seq" })
}

/// Reads where a reader begins and how it waits; what the query says beside that is passed over.
///
/// # Errors
/// [`Refused`] for a place that is none, given twice, or missing where a reader waits.
pub(crate) fn reading(query: &[(String, String)]) -> Result<Reading, Refused> {
    let one = |name: &'static str| {
        let mut values = query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            (_, Some(_)) => Err(Refused::Malformed { what: name }),
        }
    };
    let live = match one("live")? {
        None => Live::No,
        Some("long-poll") => Live::LongPoll,
        Some("sse") => Live::Events,
        Some(_) => return Err(Refused::Malformed { what: "live" }),
    };
    let from = match one("offset")? {
        Some(text) => text.parse().map_err(|_bad| Refused::Malformed { what: "offset" })?,
        None if live == Live::No => From::Start,
        None => return Err(Refused::Malformed { what: "offset" }),
    };
    Ok(Reading { from, live, cursor: one("cursor")?.and_then(|cursor| cursor.parse().ok()) })
}
