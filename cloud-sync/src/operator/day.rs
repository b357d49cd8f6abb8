//! What a site's box did today, from the newest of what it sent: airings and consultation calls.
//!
//! Only a page of one site asks this; it reads the stream's end, never all of it.

use std::collections::BTreeMap;

use machiai_core::call::connection::{Connection, Standing};
use machiai_core::call::{Calls, Leases};
use machiai_core::envelope::Envelope;
use machiai_core::ids::{FactId, ReservationId, SiteId};
use machiai_core::program::as_run::{AsRun, End, as_run};
use machiai_core::program::content::ContentHash;
use machiai_core::time::AtMs;
use machiai_wire::offset::{From, Offset};

use crate::site::up_of;
use crate::store::{Store, StoreError};
use crate::stream::{Chunk, Read, Wanted};

/// Messages that are looked at: more than any box sends in a day.
const MOST_MESSAGES: u64 = 20_000;

/// How much one step reads, in bytes.
const STEP_BYTES: usize = 1024 * 1024;

/// What the kinds that count here begin with, as they stand in a line.
const MARKS: [&str; 2] = ["\"kind\":\"Airing", "\"kind\":\"Call"];

/// A consultation call (通信記録) of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// None while nobody has said which.
    pub(super) reservation: Option<ReservationId>,
    pub(super) from: AtMs,
    /// None while it lasts, as far as the hub knows.
    pub(super) to: Option<AtMs>,
}

/// One airing of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aired {
    pub(super) content: ContentHash,
    pub(super) from: AtMs,
    pub(super) to: AtMs,
    pub(super) end: End,
}

/// Reads the facts of airings and calls since an instant.
///
/// # Errors
/// [`StoreError`]: ask again.
pub(super) async fn facts(store: &Store, site: SiteId, since: AtMs) -> Result<Vec<Envelope>, StoreError> {
    let path = up_of(site);
    let Some(about) = store.about(&path).await? else { return Ok(Vec::new()) };
    let after = about.tail.after.saturating_sub(MOST_MESSAGES);
    let mut from = From::At(Offset { after, ..about.tail });
    let mut facts = Vec::new();
    loop {
        let wanted = Wanted { from, most_bytes: STEP_BYTES };
        let Read::Chunk(Chunk { messages, next, is_tail, .. }) = store.read(&path, wanted).await? else {
            return Ok(facts);
        };
        let counts =
            |line: &&Vec<u8>| core::str::from_utf8(line).is_ok_and(|text| MARKS.iter().any(|mark| text.contains(mark)));
        let read = messages.iter().filter(counts).filter_map(|line| Envelope::read(line).ok());
        facts.extend(read.filter(|fact| fact.head.at_ms >= since));
        if is_tail {
            return Ok(facts);
        }
        from = From::At(next);
    }
}

/// Makes one row of each airing, in the order in which they began.
pub(super) fn airings(facts: &[Envelope]) -> Vec<Aired> {
    let mut rows: BTreeMap<(AtMs, FactId), Aired> = BTreeMap::new();
    let mut begun: BTreeMap<FactId, AtMs> = BTreeMap::new();
    for AsRun { begun: id, content, from, to, end, .. } in as_run(facts) {
        let first = *begun.entry(id).or_insert(from);
        let row = rows.entry((first, id)).or_insert(Aired { content, from, to, end });
        (row.to, row.end) = (row.to.max(to), end);
    }
    rows.into_values().collect()
}

/// Makes one row of each connection, in the order in which they began.
pub(super) fn calls(facts: &[Envelope]) -> Vec<Call> {
    let mut calls = Calls::default();
    facts.iter().for_each(|fact| calls.after(fact));
    let of_each = calls.connections(&Leases::new()).into_iter();
    let mut rows: Vec<Call> =
        of_each.flat_map(|(of, all)| all.into_iter().map(move |one| row(of.as_ref(), &one))).collect();
    rows.sort_by_key(|row| row.from);
    rows
}

fn row(reservation: Option<&ReservationId>, one: &Connection) -> Call {
    let to = matches!(one.standing, Standing::Ended(_)).then(|| one.from_ms.plus_ms(one.length_ms));
    Call { reservation: reservation.cloned(), from: one.from_ms, to }
}
