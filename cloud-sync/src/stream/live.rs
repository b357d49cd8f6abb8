//! Readers who wait: one answer once there is something, or events for a while.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream;
use machiai_wire::offset::From;
use serde_json::json;
use tokio::time::Instant;

use super::answers::{self, Refused};
use super::asked::{Reading, header};
use super::routes::Streams;
use super::{Chunk, is_text};
use crate::wake::Waiter;

/// After so long a stream of events ends, so that readers spread over nodes again; up to half as much again for readers
/// who came together.
const EVENTS_FOR: Duration = Duration::from_secs(240);

/// How often a reader of events hears that the line is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);

/// Cursors count these since 2024-10-09T00:00:00Z, as the protocol has it (10.1).
const CURSOR_EVERY_S: u64 = 20;
const CURSORS_FROM_S: u64 = 1_728_432_000;

/// Returns the cursor of a moment, greater than the one that a reader has.
pub(crate) fn cursor(now_s: u64, known: Option<u64>) -> u64 {
    let now = now_s.saturating_sub(CURSORS_FROM_S) / CURSOR_EVERY_S;
    known.map_or(now, |known| now.max(known.saturating_add(1)))
}

/// Answers once there is something, or after a while.
pub(crate) async fn long_poll(streams: &Streams, path: &str, reading: Reading) -> Result<Response, Refused> {
    let mut waiter = streams.wakes.wait_for(path);
    let until = Instant::now() + streams.long_poll_for;
    // Where `now` was when the reader came: what is appended meanwhile is news.
    let mut from = reading.from;
    loop {
        let chunk = streams.chunk(path, from).await?;
        let cursor = cursor((streams.now_s)(), reading.cursor);
        if !chunk.messages.is_empty() {
            return Ok(answers::read(&chunk, (None, Some(cursor)), false));
        }
        from = From::At(chunk.next);
        tokio::select! {
            () = waiter.grown() => {}
            () = tokio::time::sleep_until(until) => return Ok(answers::nothing_came(chunk.next, cursor)),
            () = streams.stopping.cancelled() => return Ok(answers::nothing_came(chunk.next, cursor)),
        }
    }
}

/// Answers with events: what there is, then what comes.
pub(crate) async fn events(streams: &Streams, path: &str, reading: Reading) -> Result<Response, Refused> {
    let waiter = streams.wakes.wait_for(path);
    let first = streams.chunk(path, reading.from).await?;
    let content_type = first.content_type.clone();
    let tail = Tail {
        streams: streams.clone(),
        path: path.to_owned(),
        waiter,
        from: From::At(first.next),
        cursor: reading.cursor,
        may_have_more: !first.is_tail,
        first: Some(first),
        until: Instant::now() + lasts(path),
    };
    let events = stream::unfold(Some(tail), async |tail| tail?.next().await);
    let mut response = Body::from_stream(events).into_response();
    answers::set(&mut response, "content-type", "text/event-stream");
    answers::set(&mut response, "cache-control", "private, no-store, no-cache");
    if !is_text(&content_type) {
        response.headers_mut().insert(header::EVENTS_ENCODING, HeaderValue::from_static("base64"));
    }
    Ok(response)
}

/// Returns how long events of a stream last: for each stream another time.
fn lasts(path: &str) -> Duration {
    let [drawn, ..] = *blake3::hash(path.as_bytes()).as_bytes();
    EVENTS_FOR + EVENTS_FOR.mul_f64(f64::from(drawn) / 512.0)
}

/// A reader of events.
struct Tail {
    streams: Streams,
    path: String,
    waiter: Waiter,
    from: From,
    cursor: Option<u64>,
    /// What was there when the reader came, which tells it its place at least.
    first: Option<Chunk>,
    /// Whether the store is to be asked: nothing is asked of it for a line that is only kept alive.
    may_have_more: bool,
    until: Instant,
}

impl Tail {
    /// Waits for the next events; returns none when there are to be no more.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Option<Self>)> {
        if let Some(first) = self.first.take() {
            return Some(self.say(&first));
        }
        loop {
            if self.may_have_more {
                // A stream that is gone, or a store that fails, ends the events: the reader comes again and is told.
                // What asking takes is not held by a line that waits.
                let chunk = Box::pin(self.streams.chunk(&self.path, self.from)).await.ok()?;
                (self.from, self.may_have_more) = (From::At(chunk.next), !chunk.is_tail);
                if !chunk.messages.is_empty() {
                    return Some(self.say(&chunk));
                }
            }
            tokio::select! {
                () = self.waiter.grown() => self.may_have_more = true,
                () = tokio::time::sleep(SIGN_OF_LIFE) => return Some((Ok(Bytes::from_static(b":\n\n")), Some(self))),
                () = tokio::time::sleep_until(self.until) => return None,
                () = self.streams.stopping.cancelled() => return None,
            }
        }
    }

    fn say(mut self, chunk: &Chunk) -> (Result<Bytes, Infallible>, Option<Self>) {
        let cursor = cursor((self.streams.now_s)(), self.cursor);
        self.cursor = Some(cursor);
        (Ok(write(chunk, cursor).into()), Some(self))
    }
}

/// Writes what was read as an event, and where the reader stands as a second one: a proxy that holds an event back until
/// another comes holds nothing back then.
fn write(chunk: &Chunk, cursor: u64) -> String {
    let mut said = String::new();
    if !chunk.messages.is_empty() {
        let body = answers::body(chunk);
        let text = if is_text(&chunk.content_type) {
            String::from_utf8_lossy(&body).into_owned()
        } else {
            STANDARD.encode(body)
        };
        said.push_str("event: data\n");
        // A line break of any kind within a message must not end the event.
        for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
            said.push_str("data:");
            said.push_str(line);
            said.push('\n');
        }
        said.push('\n');
    }
    let mut control = json!({"streamNextOffset": chunk.next.to_string(), "streamCursor": cursor.to_string()});
    if chunk.is_tail
        && let Some(control) = control.as_object_mut()
    {
        control.insert("upToDate".to_owned(), true.into());
    }
    said.push_str("event: control\ndata:");
    said.push_str(&control.to_string());
    said.push_str("\n\n");
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use machiai_wire::offset::{Incarnation, Offset};
    use rstest::rstest;

    #[rstest]
    #[case::first(None, 7)]
    #[case::older(Some(3), 7)]
    #[case::the_same(Some(7), 8)]
    #[case::ahead(Some(9), 10)]
    fn a_cursor_goes_on(#[case] known: Option<u64>, #[case] expected: u64) {
        assert_eq!(cursor(CURSORS_FROM_S + 7 * CURSOR_EVERY_S, known), expected);
    }

    #[test]
    fn a_message_cannot_end_its_event() {
        let place = |after| Offset { incarnation: Incarnation(1), after };
        let message = b"one\n\nevent: control\r\rdata: {}\r\n\r\n".to_vec();
        let (from, next) = (place(0), place(1));
        let chunk =
            Chunk { content_type: "text/plain".to_owned(), from, messages: vec![message], next, is_tail: false };
        let said = write(&chunk, 1);
        assert_eq!(said.matches("\n\n").count(), 2, "two events: {said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("event: control")).count(), 1);
        assert!(!said.contains('\r'));
    }
}
