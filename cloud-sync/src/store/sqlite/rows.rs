//! Streams as rows.

use std::collections::BTreeMap;

use axum::body::Bytes;
use machiai_wire::box_side::Most;
use machiai_wire::offset::{Incarnation, Offset};
use machiai_wire::producer::Turn;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{StoreError, Tried as _};
use crate::store::row::{Stream, Taken};
use crate::stream::{Append, Appended, Made, Read, Wanted};

/// Finds a stream by its path.
pub(super) fn find(db: &Connection, path: &str) -> Result<Option<Stream>, StoreError> {
    let step = "find a stream";
    let sql = "SELECT stream_id, content_type, incarnation, n_messages, stream_seq FROM streams WHERE path = ?1";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    let stream = statement.query_row([path], |row| {
        Ok(Stream {
            stream_id: row.get(0)?,
            content_type: row.get(1)?,
            incarnation: Incarnation(row.get::<_, i64>(2)?.cast_unsigned()),
            n_messages: row.get(3)?,
            stream_seq: row.get(4)?,
        })
    });
    stream.optional().tried(step)
}

/// Makes a stream of a media type and a new life.
pub(super) fn make(
    db: &Connection,
    path: &str,
    (content_type, incarnation): (&str, Incarnation),
    first: &[Bytes],
) -> Result<Made, StoreError> {
    if let Some(there) = find(db, path)? {
        let is_same = there.content_type == content_type;
        return Ok(if is_same { Made::Same(there.about()) } else { Made::Other });
    }
    let step = "make a stream";
    let sql = "INSERT INTO streams (path, content_type, incarnation, n_messages) VALUES (?1, ?2, ?3, 0)";
    let mut insert = db.prepare_cached(sql).tried(step)?;
    insert.execute(params![path, content_type, incarnation.0.cast_signed()]).tried(step)?;
    let stream_id = db.last_insert_rowid();
    let content_type = content_type.to_owned();
    let mut stream = Stream { stream_id, content_type, incarnation, n_messages: 0, stream_seq: None };
    add(db, &mut stream, first)?;
    Ok(Made::New(stream.about()))
}

/// Removes a stream and all that belongs to it.
pub(super) fn remove(db: &Connection, path: &str) -> Result<bool, StoreError> {
    let Some(stream) = find(db, path)? else { return Ok(false) };
    for sql in [
        "DELETE FROM messages WHERE stream_id = ?1",
        "DELETE FROM producers WHERE stream_id = ?1",
        "DELETE FROM streams WHERE stream_id = ?1",
    ] {
        db.execute(sql, [stream.stream_id]).tried("remove a stream")?;
    }
    Ok(true)
}

/// Appends messages.
pub(super) fn append(db: &Connection, path: &str, append: &Append) -> Result<Appended, StoreError> {
    let Some(mut stream) = find(db, path)? else { return Ok(Appended::NoStream) };
    let newest = match &append.producer {
        Some((producer, _)) => newest(db, stream.stream_id, producer)?,
        None => None,
    };
    if let Some(refused) = stream.refuses(append, newest) {
        return Ok(refused);
    }
    if let Some((producer, turn)) = &append.producer {
        stand_at(db, stream.stream_id, producer, *turn)?;
    }
    if append.stream_seq.is_some() {
        stream.stream_seq.clone_from(&append.stream_seq);
    }
    add(db, &mut stream, &append.messages)?;
    Ok(Appended::New(stream.tail()))
}

/// Adds messages behind the last one, and writes down where the stream stands.
pub(super) fn add(db: &Connection, stream: &mut Stream, messages: &[impl AsRef<[u8]>]) -> Result<(), StoreError> {
    let step = "append to a stream";
    let sql = "INSERT INTO messages (stream_id, nth, bytes) VALUES (?1, ?2, ?3)";
    let mut insert = db.prepare_cached(sql).tried(step)?;
    for message in messages {
        stream.n_messages = stream.n_messages.saturating_add(1);
        insert.execute(params![stream.stream_id, stream.n_messages, message.as_ref()]).tried(step)?;
    }
    let sql = "UPDATE streams SET n_messages = ?2, stream_seq = ?3 WHERE stream_id = ?1";
    let mut update = db.prepare_cached(sql).tried(step)?;
    update.execute(params![stream.stream_id, stream.n_messages, stream.stream_seq]).tried(step)?;
    Ok(())
}

pub(super) fn newest(db: &Connection, stream_id: i64, producer: &str) -> Result<Option<Turn>, StoreError> {
    let step = "find a producer";
    let sql = "SELECT epoch, seq FROM producers WHERE stream_id = ?1 AND producer = ?2";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    let turn = |row: &rusqlite::Row<'_>| Ok(Turn { epoch: row.get(0)?, seq: row.get(1)? });
    statement.query_row(params![stream_id, producer], turn).optional().tried(step)
}

pub(super) fn stand_at(db: &Connection, stream_id: i64, producer: &str, turn: Turn) -> Result<(), StoreError> {
    let step = "write down where a producer stands";
    let sql = "INSERT INTO producers (stream_id, producer, epoch, seq) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (stream_id, producer) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    statement.execute(params![stream_id, producer, turn.epoch, turn.seq]).tried(step)?;
    Ok(())
}

/// Reads messages from a place on.
pub(super) fn read(db: &Connection, path: &str, wanted: Wanted) -> Result<Read, StoreError> {
    let Some(stream) = find(db, path)? else { return Ok(Read::NoStream) };
    let Some(from) = stream.place(wanted.from) else { return Ok(Read::Gone) };
    let step = "read a stream";
    let sql = "SELECT bytes FROM messages WHERE stream_id = ?1 AND nth > ?2 ORDER BY nth";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    let mut rows = statement.query(params![stream.stream_id, from.after]).tried(step)?;
    let mut taken = Taken::at_most(Most { lines: usize::MAX, bytes: wanted.most_bytes });
    while let Some(row) = rows.next().tried(step)? {
        if !taken.takes(row.get(0).tried(step)?) {
            break;
        }
    }
    Ok(Read::Chunk(stream.chunk(from, taken.messages)))
}

/// Returns the tails of those streams that are there.
pub(super) fn tails(db: &Connection, paths: Vec<String>) -> Result<BTreeMap<String, Offset>, StoreError> {
    let mut tails = BTreeMap::new();
    for path in paths {
        if let Some(stream) = find(db, &path)? {
            tails.insert(path, stream.tail());
        }
    }
    Ok(tails)
}
