//! Streams: what is appended to them, what is read of them, and the routes that do both.
//!
//! The profile of the Durable Streams protocol that is kept stands in `wire/PROFILE.md`.

pub(crate) mod answers;
pub(crate) mod asked;
pub(crate) mod body;
pub(crate) mod live;
pub mod routes;

use axum::body::Bytes;
use machiai_wire::offset::{From, Offset};
use machiai_wire::producer::Turn;

/// Media type of streams whose messages are JSON values.
pub(crate) const JSON: &str = "application/json";

/// What is known of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// Media type of its messages, in lower case and without parameters.
    pub content_type: String,
    /// The place after its last message.
    pub tail: Offset,
}

/// What came of the wish that there be a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    New(About),
    /// It was there, of the same media type.
    Same(About),
    /// Another one stands there.
    Other,
}

/// Messages to append, all or none.
#[derive(Clone, Debug)]
pub struct Append {
    /// The media type that the writer claims.
    pub content_type: String,
    /// The messages, at least one.
    pub messages: Vec<Bytes>,
    /// Who appends, if it numbers its appends.
    pub producer: Option<(String, Turn)>,
    /// Must be greater, byte by byte, than the one before it.
    pub stream_seq: Option<String>,
}

/// What came of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is on disk; the place after it.
    New(Offset),
    /// Its number was seen before; the stream's tail, and where the producer stands.
    Seen(Offset, Turn),
    /// There is no such stream.
    NoStream,
    /// The stream's messages are of another media type.
    OtherType,
    /// `Stream-Seq` is not greater than the one before.
    NotAfter,
    /// One before it is missing.
    Gap {
        /// The number that is wanted.
        expected: u64,
    },
    /// A later session has begun.
    Stale {
        /// Its epoch.
        epoch: u64,
    },
    /// A session that begins with another number than 0.
    BeginsLate,
}

/// Messages that were read, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Media type of the messages.
    pub content_type: String,
    /// Where it was read from.
    pub from: Offset,
    /// The messages.
    pub messages: Vec<Vec<u8>>,
    /// The place after the last of them.
    pub next: Offset,
    /// Whether that is the stream's tail.
    pub is_tail: bool,
}

/// What came of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Messages, or none.
    Chunk(Chunk),
    /// There is no such stream.
    NoStream,
    /// The place belongs to another life of the stream, or is not in it.
    Gone,
}

/// Where to read, and how much at most.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Where to begin.
    pub from: From,
    /// How many bytes to read at most; one message is read whatever its size.
    pub most_bytes: usize,
}

/// Writes a media type as streams are compared by: in lower case, without parameters.
#[must_use]
pub fn media_type(text: &str) -> String {
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether messages of a media type are handed out as text in events; others are written in base64.
pub(crate) fn is_text(content_type: &str) -> bool {
    content_type.starts_with("text/") || content_type == JSON
}
