//! Facts of sites: an origin's next ones only, all or nothing, in the stream that carries them.

use deadpool_postgres::Transaction;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_wire::box_side::Most;
use machiai_wire::chain::Hash;
use machiai_wire::hub_side::{Judged, judge_run};
use machiai_wire::offset::Incarnation;
use machiai_wire::run::{Head, Heads, follow};
use machiai_wire::said::Run;
use tokio_postgres::Row;

use super::fleet;
use super::rows::{self, Found};
use super::server::{Answer, Tried as _, change, number, row, rows as ask, signed};
use super::{Before, Lines, Standing, StoreError};
use crate::site::{down_of, up_of};
use crate::store::SentBy;
use crate::store::row::Taken;
use crate::stream::JSON;

/// Makes a site and its two streams.
pub(super) async fn add_site(
    tx: &Transaction<'_>,
    site: SiteId,
    (up, down): (Incarnation, Incarnation),
) -> Result<bool, StoreError> {
    let number = i64::from(site.0);
    let sql = "INSERT INTO sites (site) VALUES ($1) ON CONFLICT DO NOTHING";
    if change(tx, sql, &[&number]).await.tried("make a site")? == 0 {
        return Ok(false);
    }
    let nothing: [&[u8]; 0] = [];
    rows::make(tx, (number, &up_of(site)), (JSON, up), &nothing).await?;
    rows::make(tx, (number, &down_of(site)), (JSON, down), &nothing).await?;
    Ok(true)
}

async fn knows(tx: &Transaction<'_>, site: SiteId) -> Result<bool, StoreError> {
    let found = row(tx, "SELECT FROM sites WHERE site = $1", &[&i64::from(site.0)]).await;
    found.map(|found| found.is_some()).tried("find a site")
}

/// Locks one of a site's streams; none for a site that is not known.
async fn lock(tx: &Transaction<'_>, site: SiteId, path: &str) -> Result<Option<Found>, StoreError> {
    match rows::lock(tx, path).await? {
        None if knows(tx, site).await? => Err(StoreError::Lacks { what: "a site's stream" }),
        found => Ok(found),
    }
}

fn read_hash(row: &Row, column: usize) -> Result<Hash, StoreError> {
    let bytes: &[u8] = row.try_get(column).tried("read a running hash")?;
    bytes.try_into().map(Hash).map_err(|_other_length| StoreError::Lacks { what: "a running hash of 32 bytes" })
}

fn read_origin(row: &Row, column: usize) -> Result<Origin, StoreError> {
    let bytes: &[u8] = row.try_get(column).tried("read an origin")?;
    let lacks = StoreError::Lacks { what: "an origin of 16 bytes" };
    bytes.try_into().map(Origin::from_bytes).map_err(|_other_length| lacks)
}

/// Returns what is held of a site.
pub(super) async fn standing(tx: &Transaction<'_>, site: SiteId) -> Result<Option<Standing>, StoreError> {
    let step = "read how far origins reach";
    let lacks = || StoreError::Lacks { what: "a site's stream" };
    if !knows(tx, site).await? {
        return Ok(None);
    }
    let sql = "SELECT origin, seq, hash FROM origins WHERE site = $1";
    let mut heads = Heads::new();
    for row in ask(tx, sql, &[&i64::from(site.0)]).await.tried(step)? {
        let head = Head { seq: Seq(number(&row, 1).tried(step)?), hash: read_hash(&row, 2)? };
        heads.insert(read_origin(&row, 0)?, head);
    }
    let up = rows::find(tx, &up_of(site)).await?.ok_or_else(lacks)?.stream;
    let sql = "SELECT coalesce(max(epoch), 0) FROM producers WHERE stream_id = $1";
    let newest = row(tx, sql, &[&up.stream_id]).await.tried(step)?;
    let epoch = newest.as_ref().map_or(Ok(0), |row| number(row, 0)).tried(step)?;
    let down = rows::find(tx, &down_of(site)).await?.ok_or_else(lacks)?.stream;
    Ok(Some(Standing { heads, epoch, down: down.tail() }))
}

async fn head(tx: &Transaction<'_>, (site, origin): (SiteId, Origin)) -> Result<Head, StoreError> {
    let step = "read how far an origin reaches";
    let sql = "SELECT seq, hash FROM origins WHERE site = $1 AND origin = $2";
    let values = (i64::from(site.0), origin.bytes().as_slice());
    let Some(found) = row(tx, sql, &[&values.0, &values.1]).await.tried(step)? else { return Ok(Head::START) };
    Ok(Head { seq: Seq(number(&found, 0).tried(step)?), hash: read_hash(&found, 1)? })
}

/// Keeps a box's facts if they follow.
pub(super) async fn keep(
    tx: &Transaction<'_>,
    site: SiteId,
    (run, by): (&Run, SentBy),
) -> Result<Option<Judged>, StoreError> {
    // Locked before anything of the origin is read: two that append at once are judged one after the other.
    let Some(up) = lock(tx, site, &up_of(site)).await? else { return Ok(None) };
    let (producer, stream_id) = (run.origin.to_string(), up.stream.stream_id);
    let stood = tokio::try_join!(head(tx, (site, run.origin)), rows::newest(tx, stream_id, &producer))?;
    let judged = judge_run(site, stood, run);
    if let Judged::Keep(head) = &judged {
        let carries = match by {
            SentBy::TheBox => up,
            SentBy::OneBefore => {
                let lacks = StoreError::Lacks { what: "a site's stream" };
                lock(tx, site, &down_of(site)).await?.ok_or(lacks)?
            }
        };
        tokio::try_join!(
            rows::stand_at(tx, stream_id, &producer, run.turn),
            add(tx, (site, run.origin), (carries, *head), &run.lines),
            fleet::copy(tx, site, &run.lines),
        )?;
    }
    Ok(Some(judged))
}

/// Writes facts of the hub's own.
pub(super) async fn write_own(tx: &Transaction<'_>, of: (SiteId, Origin), lines: Lines) -> Result<bool, StoreError> {
    let Some(down) = lock(tx, of.0, &down_of(of.0)).await? else { return Ok(false) };
    let before = head(tx, of).await?;
    let lines = lines(Before { head: before, down: down.stream.tail() });
    if lines.is_empty() {
        return Ok(false);
    }
    let followed = follow(of, before, lines.iter().map(Vec::as_slice));
    let Ok(head) = followed.inspect_err(|bad| tracing::error!(%bad, "the hub's own facts do not follow")) else {
        return Ok(false);
    };
    add(tx, of, (down, head), &lines).await?;
    Ok(true)
}

/// Adds facts to a stream, and writes down how far their origin reaches then.
async fn add(
    tx: &Transaction<'_>,
    (site, origin): (SiteId, Origin),
    (mut found, head): (Found, Head),
    lines: &[Vec<u8>],
) -> Result<(), StoreError> {
    let step = "keep facts";
    let n_facts = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    if n_facts == 0 {
        return Ok(());
    }
    let last_nth = signed(found.stream.n_messages).saturating_add(n_facts);
    let (stream_id, site, seq) = (found.stream.stream_id, i64::from(site.0), signed(head.seq.0));
    let (origin, hash) = (origin.bytes().as_slice(), head.hash.0.as_slice());
    let upsert = "INSERT INTO origins (site, origin, seq, hash) VALUES ($1, $2, $3, $4)
                  ON CONFLICT (site, origin) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";
    let insert = "INSERT INTO runs (site, origin, last_seq, n_facts, stream_id, last_nth)
                  VALUES ($1, $2, $3, $4, $5, $6)";
    tokio::try_join!(
        rows::add(tx, &mut found, lines),
        async { change(tx, upsert, &[&site, &origin, &seq, &hash]).await.tried(step) },
        async { change(tx, insert, &[&site, &origin, &seq, &n_facts, &stream_id, &last_nth]).await.tried(step) },
    )?;
    Ok(())
}

/// Messages of one stream: after one, up to another.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    stream_id: i64,
    after: u64,
    last: u64,
}

/// Reads where a run's facts after a number stand.
fn read_range(row: &Row, after: Seq) -> Answer<Range> {
    let (last_seq, n_facts, last) = (number(row, 0)?, number(row, 1)?, number(row, 3)?);
    let n_wanted = last_seq.saturating_sub(after.0).min(n_facts);
    Ok(Range { stream_id: row.try_get(2)?, after: last.saturating_sub(n_wanted), last })
}

/// Joins ranges that follow one another in one stream.
fn joined(ranges: impl IntoIterator<Item = Range>) -> Vec<Range> {
    let mut joined: Vec<Range> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(before) if before.stream_id == range.stream_id && before.last == range.after => {
                before.last = range.last;
            }
            Some(_) | None => joined.push(range),
        }
    }
    joined
}

/// Returns facts of an origin after a number, in order.
pub(super) async fn facts(
    tx: &Transaction<'_>,
    (site, origin): (SiteId, Origin),
    after: Seq,
    most: Most,
) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
    if !knows(tx, site).await? {
        return Ok(None);
    }
    let step = "read an origin's facts";
    let sql = "SELECT last_seq, n_facts, stream_id, last_nth FROM runs
               WHERE site = $1 AND origin = $2 AND last_seq > $3 ORDER BY last_seq LIMIT $4";
    // Each run has a fact at least.
    let (site, n_runs) = (i64::from(site.0), i64::try_from(most.lines).unwrap_or(i64::MAX));
    let values = (origin.bytes().as_slice(), signed(after.0));
    let found = ask(tx, sql, &[&site, &values.0, &values.1, &n_runs]).await.tried(step)?;
    let ranges: Vec<Range> = found.iter().map(|row| read_range(row, after)).collect::<Answer<_>>().tried(step)?;
    let mut taken = Taken::at_most(most);
    for Range { stream_id, after, last } in joined(ranges) {
        if !rows::take(tx, (site, stream_id), (after, last), &mut taken).await? {
            break;
        }
    }
    Ok(Some(taken.messages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_follow_one_another_are_read_as_one() {
        let range = |stream_id, after, last| Range { stream_id, after, last };
        let runs = [range(1, 4, 6), range(1, 6, 7), range(2, 7, 9), range(2, 12, 13), range(2, 13, 20)];
        assert_eq!(joined(runs), [range(1, 4, 7), range(2, 7, 9), range(2, 12, 20)]);
        assert_eq!(joined([]), []);
    }
}
