//! What a site's box did today, from the newest of what it sent: airings and consultation calls.
//!
//! Only a page of one site asks this; it reads the stream's end, never all of it.

use std::collections::BTreeMap;

use machiai_core::envelope::Envelope;
use machiai_core::facts::Fact;
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
    pub(super) reservation: ReservationId,
    pub(super) from: Option<AtMs>,
    /// None while it lasts, or where nothing tells.
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

/// Makes one row of each call, in the order in which they began.
pub(super) fn calls(facts: &[Envelope]) -> Vec<Call> {
    let mut ordered: Vec<&Envelope> = facts.iter().collect();
    ordered.sort_by_key(|fact| fact.head.canonical());
    let mut calls: Vec<Call> = Vec::new();
    for Envelope { head, fact } in ordered {
        if let Fact::CallConnected(of) = fact {
            calls.push(Call { reservation: of.reservation.clone(), from: Some(head.at_ms), to: None });
        } else if let Fact::CallDisconnected(of) = fact {
            let is_it = |call: &&mut Call| call.reservation == of.reservation && call.to.is_none();
            match calls.iter_mut().rev().find(is_it) {
                Some(call) => call.to = Some(head.at_ms),
                None => calls.push(Call { reservation: of.reservation.clone(), from: None, to: Some(head.at_ms) }),
            }
        }
    }
    calls
}
