//! Streams as rows.

use std::collections::BTreeMap;

use deadpool_postgres::Transaction;
use machiai_wire::box_side::Most;
use machiai_wire::offset::{Incarnation, Offset};
use machiai_wire::producer::Turn;
use tokio_postgres::Row;

use super::StoreError;
use super::server::{Answer, Tried as _, Value, change, number, row, rows, signed};
use crate::store::row::{Stream, Taken};
use crate::stream::{Append, Appended, Made, Read, Wanted};

/// Where streams outside all sites stand among the partitions.
pub(super) const OUTSIDE_SITES: i64 = -1;

/// Messages that one question asks for: a hundred kilobytes of facts.
const AT_ONCE: u64 = 256;

/// A stream's row, and the site among whose partitions its messages are.
pub(super) struct Found {
    pub(super) site: i64,
    pub(super) stream: Stream,
}

fn read_row(row: &Row) -> Answer<Found> {
    let stream = Stream {
        stream_id: row.try_get(0)?,
        content_type: row.try_get(2)?,
        incarnation: Incarnation(row.try_get::<_, i64>(3)?.cast_unsigned()),
        n_messages: number(row, 4)?,
        stream_seq: row.try_get(5)?,
    };
    Ok(Found { site: row.try_get(1)?, stream })
}

/// Finds a stream by its path.
pub(super) async fn find(tx: &Transaction<'_>, path: &str) -> Result<Option<Found>, StoreError> {
    let step = "find a stream";
    let sql = "SELECT stream_id, site, content_type, incarnation, n_messages, stream_seq
               FROM streams WHERE path = $1";
    row(tx, sql, &[&path]).await.tried(step)?.as_ref().map(read_row).transpose().tried(step)
}

/// Finds a stream, and keeps everybody else from appending to it until the transaction ends.
pub(super) async fn lock(tx: &Transaction<'_>, path: &str) -> Result<Option<Found>, StoreError> {
    let step = "lock a stream";
    let sql = "SELECT stream_id, site, content_type, incarnation, n_messages, stream_seq
               FROM streams WHERE path = $1 FOR UPDATE";
    row(tx, sql, &[&path]).await.tried(step)?.as_ref().map(read_row).transpose().tried(step)
}

/// Makes a stream of a media type and a new life.
pub(super) async fn make(
    tx: &Transaction<'_>,
    (site, path): (i64, &str),
    (content_type, incarnation): (&str, Incarnation),
    first: &[impl AsRef<[u8]> + Sync],
) -> Result<Made, StoreError> {
    let step = "make a stream";
    let sql = "INSERT INTO streams (path, site, content_type, incarnation, n_messages) VALUES ($1, $2, $3, $4, 0)
               ON CONFLICT (path) DO NOTHING RETURNING stream_id";
    let made = row(tx, sql, &[&path, &site, &content_type, &incarnation.0.cast_signed()]).await.tried(step)?;
    let Some(made) = made else {
        // It was there, or came while this one was to be made; one that went meanwhile is to be asked for again.
        let there = find(tx, path).await?.ok_or(StoreError::NotCommitted)?.stream;
        let is_same = there.content_type == content_type;
        return Ok(if is_same { Made::Same(there.about()) } else { Made::Other });
    };
    let (stream_id, content_type) = (made.try_get(0).tried(step)?, content_type.to_owned());
    let stream = Stream { stream_id, content_type, incarnation, n_messages: 0, stream_seq: None };
    let mut found = Found { site, stream };
    add(tx, &mut found, first).await?;
    Ok(Made::New(found.stream.about()))
}

/// Removes a stream and all that belongs to it.
pub(super) async fn remove(tx: &Transaction<'_>, path: &str) -> Result<bool, StoreError> {
    let step = "remove a stream";
    let Some(Found { site, stream }) = lock(tx, path).await? else { return Ok(false) };
    let sql = "DELETE FROM messages WHERE site = $1 AND stream_id = $2";
    change(tx, sql, &[&site, &stream.stream_id]).await.tried(step)?;
    for sql in ["DELETE FROM producers WHERE stream_id = $1", "DELETE FROM streams WHERE stream_id = $1"] {
        change(tx, sql, &[&stream.stream_id]).await.tried(step)?;
    }
    Ok(true)
}

/// Appends messages.
pub(super) async fn append(tx: &Transaction<'_>, path: &str, append: Append) -> Result<Appended, StoreError> {
    let Some(mut found) = lock(tx, path).await? else { return Ok(Appended::NoStream) };
    let stream_id = found.stream.stream_id;
    let newest = match &append.producer {
        Some((producer, _)) => newest(tx, stream_id, producer).await?,
        None => None,
    };
    if let Some(refused) = found.stream.refuses(&append, newest) {
        return Ok(refused);
    }
    if let Some((producer, turn)) = &append.producer {
        stand_at(tx, stream_id, producer, *turn).await?;
    }
    found.stream.stream_seq = append.stream_seq.or(found.stream.stream_seq);
    add(tx, &mut found, &append.messages).await?;
    Ok(Appended::New(found.stream.tail()))
}

/// Adds messages behind the last one of a stream that is locked, and writes down where it stands.
pub(super) async fn add(
    tx: &Transaction<'_>,
    Found { site, stream }: &mut Found,
    messages: &[impl AsRef<[u8]> + Sync],
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let bytes: Vec<&[u8]> = messages.iter().map(AsRef::as_ref).collect();
    let before = signed(stream.n_messages);
    stream.n_messages = stream.n_messages.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let insert = "INSERT INTO messages (site, stream_id, nth, bytes)
                  SELECT $1::bigint, $2::bigint, $3::bigint + added.nth, added.bytes
                  FROM unnest($4::bytea[]) WITH ORDINALITY AS added (bytes, nth)";
    let update = "UPDATE streams SET n_messages = $2, stream_seq = $3 WHERE stream_id = $1";
    let (id, after) = (stream.stream_id, signed(stream.n_messages));
    // Asked together, answered one after the other: one way to the server and back.
    let added: [Value<'_>; 4] = [&*site, &id, &before, &bytes];
    let stands: [Value<'_>; 3] = [&id, &after, &stream.stream_seq];
    let changed = tokio::try_join!(change(tx, insert, &added), change(tx, update, &stands));
    changed.map(drop).tried("append to a stream")
}

pub(super) async fn newest(tx: &Transaction<'_>, stream_id: i64, producer: &str) -> Result<Option<Turn>, StoreError> {
    let step = "find a producer";
    let sql = "SELECT epoch, seq FROM producers WHERE stream_id = $1 AND producer = $2";
    let found = row(tx, sql, &[&stream_id, &producer]).await.tried(step)?;
    let turn = |row: &Row| Ok(Turn { epoch: number(row, 0)?, seq: number(row, 1)? });
    found.as_ref().map(turn).transpose().tried(step)
}

pub(super) async fn stand_at(
    tx: &Transaction<'_>,
    stream_id: i64,
    producer: &str,
    turn: Turn,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO producers (stream_id, producer, epoch, seq) VALUES ($1, $2, $3, $4)
               ON CONFLICT (stream_id, producer) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq";
    let values = (signed(turn.epoch), signed(turn.seq));
    let stood = change(tx, sql, &[&stream_id, &producer, &values.0, &values.1]).await;
    stood.map(drop).tried("write down where a producer stands")
}

/// Reads messages from a place on.
pub(super) async fn read(tx: &Transaction<'_>, path: &str, wanted: Wanted) -> Result<Read, StoreError> {
    let Some(Found { site, stream }) = find(tx, path).await? else { return Ok(Read::NoStream) };
    let Some(from) = stream.place(wanted.from) else { return Ok(Read::Gone) };
    let mut taken = Taken::at_most(Most { lines: usize::MAX, bytes: wanted.most_bytes });
    take(tx, (site, stream.stream_id), (from.after, stream.n_messages), &mut taken).await?;
    Ok(Read::Chunk(stream.chunk(from, taken.messages)))
}

/// Takes the messages of a stream after one and up to another; returns false when there were enough before.
pub(super) async fn take(
    tx: &Transaction<'_>,
    (site, stream_id): (i64, i64),
    (after, last): (u64, u64),
    taken: &mut Taken,
) -> Result<bool, StoreError> {
    let step = "read a stream";
    let sql = "SELECT bytes FROM messages
               WHERE site = $1 AND stream_id = $2 AND nth > $3 AND nth <= $4 ORDER BY nth";
    let mut after = after;
    while after < last {
        let until = after.saturating_add(AT_ONCE).min(last);
        for row in rows(tx, sql, &[&site, &stream_id, &signed(after), &signed(until)]).await.tried(step)? {
            if !taken.takes(row.try_get(0).tried(step)?) {
                return Ok(false);
            }
        }
        after = until;
    }
    Ok(true)
}

/// Returns the tails of those streams that are there.
pub(super) async fn tails(tx: &Transaction<'_>, paths: Vec<String>) -> Result<BTreeMap<String, Offset>, StoreError> {
    let step = "look how far streams reach";
    let sql = "SELECT path, incarnation, n_messages FROM streams WHERE path = ANY ($1)";
    let tail = |row: &Row| {
        let incarnation = Incarnation(row.try_get::<_, i64>(1)?.cast_unsigned());
        Ok((row.try_get(0)?, Offset { incarnation, after: number(row, 2)? }))
    };
    rows(tx, sql, &[&paths]).await.and_then(|rows| rows.iter().map(tail).collect()).tried(step)
}
