//! Facts of sites: an origin's next ones only, all or nothing, in the stream that carries them.

use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_wire::box_side::Most;
use machiai_wire::chain::Hash;
use machiai_wire::hub_side::{Judged, judge_run};
use machiai_wire::offset::Incarnation;
use machiai_wire::run::{Head, Heads, follow};
use machiai_wire::said::Run;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Before, Lines, Standing, StoreError, Tried as _};
use super::{fleet, rows};
use crate::site::{down_of, up_of};
use crate::store::SentBy;
use crate::store::row::{Stream, Taken};
use crate::stream::JSON;

/// Makes a site and its two streams.
pub(super) fn add_site(
    db: &Connection,
    site: SiteId,
    (up, down): (Incarnation, Incarnation),
) -> Result<bool, StoreError> {
    let step = "make a site";
    let n_made = db.execute("INSERT INTO sites (site) VALUES (?1) ON CONFLICT DO NOTHING", [site.0]).tried(step)?;
    if n_made == 0 {
        return Ok(false);
    }
    rows::make(db, &up_of(site), (JSON, up), &[])?;
    rows::make(db, &down_of(site), (JSON, down), &[])?;
    Ok(true)
}

fn knows(db: &Connection, site: SiteId) -> Result<bool, StoreError> {
    let step = "find a site";
    let mut statement = db.prepare_cached("SELECT 1 FROM sites WHERE site = ?1").tried(step)?;
    statement.exists([site.0]).tried(step)
}

fn stream(db: &Connection, path: &str) -> Result<Stream, StoreError> {
    rows::find(db, path)?.ok_or(StoreError::Lacks { what: "a site's stream" })
}

/// Returns what is held of a site.
pub(super) fn standing(db: &Connection, site: SiteId) -> Result<Option<Standing>, StoreError> {
    if !knows(db, site)? {
        return Ok(None);
    }
    let step = "read how far origins reach";
    let mut statement = db.prepare_cached("SELECT origin, seq, hash FROM origins WHERE site = ?1").tried(step)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok((Origin::from_bytes(row.get(0)?), Head { seq: Seq(row.get(1)?), hash: Hash(row.get(2)?) }))
    };
    let heads: Heads = statement.query_map([site.0], read).tried(step)?.collect::<Result<_, _>>().tried(step)?;
    let up = stream(db, &up_of(site))?;
    let sql = "SELECT coalesce(max(epoch), 0) FROM producers WHERE stream_id = ?1";
    let mut newest = db.prepare_cached(sql).tried(step)?;
    let epoch = newest.query_row([up.stream_id], |row| row.get(0)).tried(step)?;
    Ok(Some(Standing { heads, epoch, down: stream(db, &down_of(site))?.tail() }))
}

fn head(db: &Connection, (site, origin): (SiteId, Origin)) -> Result<Head, StoreError> {
    let step = "read how far an origin reaches";
    let sql = "SELECT seq, hash FROM origins WHERE site = ?1 AND origin = ?2";
    let mut statement = db.prepare_cached(sql).tried(step)?;
    let read = |row: &rusqlite::Row<'_>| Ok(Head { seq: Seq(row.get(0)?), hash: Hash(row.get(1)?) });
    let head = statement.query_row(params![site.0, origin.bytes()], read).optional().tried(step)?;
    Ok(head.unwrap_or(Head::START))
}

/// Keeps a box's facts if they follow.
pub(super) fn keep(db: &Connection, site: SiteId, run: &Run, by: SentBy) -> Result<Option<Judged>, StoreError> {
    if !knows(db, site)? {
        return Ok(None);
    }
    let up = stream(db, &up_of(site))?;
    let producer = run.origin.to_string();
    let newest = rows::newest(db, up.stream_id, &producer)?;
    let judged = judge_run(site, (head(db, (site, run.origin))?, newest), run);
    if let Judged::Keep(head) = &judged {
        rows::stand_at(db, up.stream_id, &producer, run.turn)?;
        let carries = match by {
            SentBy::TheBox => up,
            SentBy::OneBefore => stream(db, &down_of(site))?,
        };
        add(db, (site, run.origin), (carries, *head), &run.lines)?;
        fleet::copy(db, site, &run.lines)?;
    }
    Ok(Some(judged))
}

/// Writes facts of the hub's own.
pub(super) fn write_own(db: &Connection, of: (SiteId, Origin), lines: Lines) -> Result<bool, StoreError> {
    if !knows(db, of.0)? {
        return Ok(false);
    }
    let (before, down) = (head(db, of)?, stream(db, &down_of(of.0))?);
    let lines = lines(Before { head: before, down: down.tail() });
    if lines.is_empty() {
        return Ok(false);
    }
    let followed = follow(of, before, lines.iter().map(Vec::as_slice));
    let Ok(head) = followed.inspect_err(|bad| tracing::error!(%bad, "the hub's own facts do not follow")) else {
        return Ok(false);
    };
    add(db, of, (down, head), &lines)?;
    Ok(true)
}

/// Adds facts to a stream, and writes down how far their origin reaches then.
fn add(
    db: &Connection,
    (site, origin): (SiteId, Origin),
    (mut stream, head): (Stream, Head),
    lines: &[Vec<u8>],
) -> Result<(), StoreError> {
    let step = "keep facts";
    if lines.is_empty() {
        return Ok(());
    }
    rows::add(db, &mut stream, lines)?;
    let sql = "INSERT INTO origins (site, origin, seq, hash) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (site, origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
    let mut upsert = db.prepare_cached(sql).tried(step)?;
    upsert.execute(params![site.0, origin.bytes(), head.seq.0, head.hash.0]).tried(step)?;
    let sql = "INSERT INTO runs (site, origin, last_seq, n_facts, stream_id, last_nth) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = db.prepare_cached(sql).tried(step)?;
    let run = params![site.0, origin.bytes(), head.seq.0, lines.len(), stream.stream_id, stream.n_messages];
    insert.execute(run).tried(step).map(drop)
}

/// A run of facts, and where it stands.
struct Found {
    last_seq: u64,
    n_facts: u64,
    stream_id: i64,
    last_nth: u64,
}

/// Returns facts of an origin after a number, in order.
pub(super) fn facts(
    db: &Connection,
    (site, origin): (SiteId, Origin),
    after: Seq,
    most: Most,
) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
    if !knows(db, site)? {
        return Ok(None);
    }
    let step = "read an origin's facts";
    let sql = "SELECT last_seq, n_facts, stream_id, last_nth FROM runs
               WHERE site = ?1 AND origin = ?2 AND last_seq > ?3 ORDER BY last_seq";
    let mut runs = db.prepare_cached(sql).tried(step)?;
    let mut runs = runs.query(params![site.0, origin.bytes(), after.0]).tried(step)?;
    let sql = "SELECT bytes FROM messages WHERE stream_id = ?1 AND nth > ?2 AND nth <= ?3 ORDER BY nth";
    let mut messages = db.prepare_cached(sql).tried(step)?;
    let mut taken = Taken::at_most(most);
    while let Some(row) = runs.next().tried(step)? {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Found { last_seq: row.get(0)?, n_facts: row.get(1)?, stream_id: row.get(2)?, last_nth: row.get(3)? })
        };
        let run = read(row).tried(step)?;
        let n_wanted = run.last_seq.saturating_sub(after.0).min(run.n_facts);
        let first = run.last_nth.saturating_sub(n_wanted);
        let mut rows = messages.query(params![run.stream_id, first, run.last_nth]).tried(step)?;
        while let Some(row) = rows.next().tried(step)? {
            if !taken.takes(row.get(0).tried(step)?) {
                return Ok(Some(taken.messages));
            }
        }
    }
    Ok(Some(taken.messages))
}
