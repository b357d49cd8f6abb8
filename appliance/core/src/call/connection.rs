//! Connections made of the facts about them, and the one scale on which those of a reservation are laid out.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use serde::Serialize;

use super::Leases;
use super::tariff::Stretch;
use super::told::{CallEnd, CallKey, EndReason, Evidence, Side};
use super::why::Flag;
use crate::envelope::{Canonical, Head, Trust};
use crate::ids::{BootId, FactId};
use crate::time::AtMs;

/// What an end of a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Connected,
    Disconnected,
}

/// A fact about a connection, with what its envelope says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happened {
    what: What,
    at: Canonical,
    clocks: Evidence,
    trust: Trust,
    end: CallEnd,
}

impl Happened {
    pub(super) fn new(head: &Head, what: What, end: &CallEnd) -> Self {
        Self { what, at: head.canonical(), clocks: Evidence::of(head), trust: head.clock, end: end.clone() }
    }
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It has not ended; its length is that up to the last evidence.
    Running,
    /// It ended; why, where that was told.
    Ended(Option<EndReason>),
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Its name.
    #[serde(flatten)]
    pub key: CallKey,
    /// The fact that connected it, or that ended it where nothing else is known.
    pub begun: FactId,
    /// Where that fact stands.
    #[serde(skip)]
    pub begun_at: Canonical,
    /// Whose end.
    pub side: Side,
    /// Whether it is a test.
    pub test: bool,
    /// Whether it is of a rehearsal.
    pub rehearsal: bool,
    /// The clocks when it began.
    #[serde(skip)]
    pub start: Evidence,
    /// When it began, for people.
    pub from_ms: AtMs,
    /// How long it was, in milliseconds by the monotonic clock; never negative.
    pub length_ms: i64,
    /// How it stands.
    pub standing: Standing,
    /// What should be known of it before it is billed.
    pub flags: BTreeSet<Flag>,
}

impl Connection {
    fn new(happened: &Happened) -> Self {
        let Happened { what: _, at, clocks, trust, end } = happened;
        let mut flags = BTreeSet::new();
        if end.by_hand || end.key.connection.is_none() {
            flags.insert(Flag::ByHand);
        }
        if *trust == Trust::Lost {
            flags.insert(Flag::ClockLost);
        }
        Self {
            key: end.key.clone(),
            begun: at.id,
            begun_at: *at,
            side: end.side,
            test: end.test,
            rehearsal: *trust == Trust::Rehearsal,
            start: *clocks,
            from_ms: clocks.at_ms,
            length_ms: 0,
            standing: Standing::Running,
            flags,
        }
    }

    /// Ends it where a fact says so: at the evidence that it names, or at the fact's own instant.
    fn end(&mut self, happened: &Happened) {
        let end = &happened.end;
        self.standing = Standing::Ended(end.reason);
        let seen = end.evidence.unwrap_or(happened.clocks);
        match seen.since(&self.start) {
            Some(length_ms) => self.length_ms = length_ms,
            // No clock counts over a restart, and nothing is left of what was known before it.
            None => drop(self.flags.insert(Flag::Restarted)),
        }
        match (end.evidence.is_some(), end.reason) {
            (_, Some(EndReason::Restarted)) => drop(self.flags.insert(Flag::Restarted)),
            (true, _) | (_, Some(EndReason::Silent)) => drop(self.flags.insert(Flag::Silent)),
            (false, _) => {}
        }
    }
}

/// Makes connections of the facts of one name, given in canonical order.
///
/// What is told twice is one; a name that is used again after its end is another connection, so that nothing is lost.
/// Within one start of the box facts stand in the order of the monotonic clock, whatever became of the other one.
pub(super) fn connections<'a>(ends: impl Iterator<Item = &'a Happened>, leases: &Leases) -> Vec<Connection> {
    let (mut done, mut open): (Vec<Connection>, Option<Connection>) = (Vec::new(), None);
    let mut ends: Vec<&Happened> = ends.collect();
    let mut starts: BTreeMap<BootId, Canonical> = BTreeMap::new();
    for happened in &ends {
        starts.entry(happened.clocks.boot).or_insert(happened.at);
    }
    ends.sort_by_key(|happened| (starts.get(&happened.clocks.boot), happened.clocks.mono_ms, happened.at));
    for happened in ends {
        match (happened.what, &mut open) {
            (What::Connected, Some(running)) => drop(running.flags.insert(Flag::ConnectedTwice)),
            (What::Connected, None) => open = Some(Connection::new(happened)),
            (What::Disconnected, Some(running)) => {
                running.end(happened);
                done.extend(open.take());
            }
            (What::Disconnected, None) => match done.last_mut() {
                Some(last) => drop(last.flags.insert(Flag::EndedTwice)),
                None => done.push(orphan(happened)),
            },
        }
    }
    if let Some(mut running) = open {
        let seen = leases.get(&running.begun).and_then(|evidence| evidence.since(&running.start));
        running.length_ms = seen.unwrap_or(0);
        running.flags.insert(Flag::Running);
        done.push(running);
    }
    done
}

/// An end of which nobody told a beginning: it is kept, and nothing is counted.
fn orphan(happened: &Happened) -> Connection {
    let mut connection = Connection::new(happened);
    connection.standing = Standing::Ended(happened.end.reason);
    connection.flags.insert(Flag::EndWithoutStart);
    connection
}

/// Lays connections out in milliseconds from the first one's start.
///
/// Within one start of the box the monotonic clock says where they stand. Between two starts only the facts' clock can
/// tell, which may have been set meanwhile: the gap is never negative, and no connection's length depends on it.
#[must_use]
pub fn laid_out(connections: &[&Connection]) -> Vec<Stretch> {
    let mut ordered: Vec<&Connection> = connections.to_vec();
    ordered.sort_by_key(|connection| connection.begun_at);
    let mut scales: BTreeMap<BootId, (Evidence, i64)> = BTreeMap::new();
    let (mut last_at, mut last_ms) = (None::<AtMs>, 0_i64);
    for connection in ordered {
        let start = connection.start;
        let gap_ms = last_at.map_or(0, |last_at| start.at_ms.since(last_at).max(0));
        let new = (start, last_ms.saturating_add(gap_ms));
        let (zero, zero_ms) = *scales.entry(start.boot).or_insert(new);
        let from_ms = zero_ms.saturating_add(start.since(&zero).unwrap_or(0));
        let to_ms = from_ms.saturating_add(connection.length_ms);
        if to_ms >= last_ms {
            (last_at, last_ms) = (Some(start.at_ms.plus_ms(connection.length_ms)), to_ms);
        }
    }
    connections.iter().map(|connection| stretch_of(connection, &scales)).collect()
}

fn stretch_of(connection: &Connection, scales: &BTreeMap<BootId, (Evidence, i64)>) -> Stretch {
    let place = scales.get(&connection.start.boot).map(|(zero, zero_ms)| {
        let before = zero.since(&connection.start).unwrap_or(0);
        zero_ms.saturating_add(connection.start.since(zero).unwrap_or(0)).saturating_sub(before)
    });
    let from_ms = place.unwrap_or(0);
    Stretch { from_ms, to_ms: from_ms.saturating_add(connection.length_ms.max(0)) }
}
