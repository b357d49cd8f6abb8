//! What must hold after a morning, found in what it left behind and not by asking the daemon.

pub(super) mod acts;
mod calls;
pub(super) mod hub;
mod journal;
mod paper;
mod queue;
mod refusals;
#[cfg(test)]
mod tests;
pub(super) mod tickets;

use std::collections::BTreeMap;
use std::path::PathBuf;

use machiai_panel::Panel;
use serde::Serialize;

use super::cloud::Both;
use super::consultations::Calls;
use super::daemon::Memory;
use super::facts::Fact;
use super::player::Played;
use super::row::Row;
use crate::printer;

/// How many faults a check names.
const N_NAMED: usize = 5;

/// One thing that must hold.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// Whether it held.
    pub held: bool,
    /// How it was found, or where it failed.
    pub detail: String,
}

impl Check {
    /// Makes a check that holds when there are no faults, and tells `good` then.
    fn of(name: &'static str, faults: &[String], good: String) -> Self {
        let held = faults.is_empty();
        if held {
            return Self { name, held, detail: good };
        }
        let more = faults.len().saturating_sub(N_NAMED);
        let mut detail = faults.iter().take(N_NAMED).cloned().collect::<Vec<_>>().join("; ");
        if more > 0 {
            detail.push_str(&format!("; and {more} more"));
        }
        Self { name, held, detail }
    }
}

/// A paper with the ticket it should be.
pub struct Paper {
    /// The name of its files.
    pub name: String,
    /// The visit whose ticket was printed when it came out.
    pub visit: String,
    /// The paper.
    pub paper: printer::Paper,
}

/// Everything a morning left behind.
pub struct Evidence<'a> {
    /// The rows that were played.
    pub rows: &'a [Row],
    /// What came of them.
    pub played: &'a Played,
    /// Every fact, in the order in which the box came to know it.
    pub facts: &'a [Fact],
    /// What the box and the hub hold.
    pub both: &'a Both,
    /// What consultation calls come to on both sides.
    pub calls: &'a Calls,
    /// How many times faster than real time the rehearsal's clock ran.
    pub speed: u32,
    /// The places of the facts of each command.
    pub places: BTreeMap<&'a str, Vec<u64>>,
    /// The papers.
    pub papers: &'a [Paper],
    /// What draws.
    pub panel: &'a Panel,
    /// When the rehearsal began and ended on the daemon's clock, milliseconds of UTC.
    pub span_ms: (i64, i64),
    /// What `machiai journal verify` said.
    pub verified: Result<String, String>,
    /// How the daemon ended.
    pub ended: Result<(), String>,
    /// Its memory when the morning was over.
    pub memory: Memory,
    /// Files and folders in which nothing private may stand.
    pub places_to_search: Vec<PathBuf>,
}

impl<'a> Evidence<'a> {
    /// Returns every fact, in the one order that every machine folds in.
    fn in_order(&self) -> Vec<&'a Fact> {
        let mut facts: Vec<&Fact> = self.facts.iter().collect();
        facts.sort_by_key(|fact| fact.canonical());
        facts
    }

    /// Returns the facts of a kind with their places, from 1.
    fn of_kind(&self, kind: &'a str) -> impl Iterator<Item = (u64, &'a Fact)> {
        (1..).zip(self.facts).filter(move |(_, fact)| fact.kind == kind)
    }

    /// Returns the facts that a command made, with their places.
    fn of_key(&self, key: &str) -> impl Iterator<Item = (u64, &'a Fact)> {
        let places = self.places.get(key).into_iter().flatten();
        let facts = self.facts;
        places.filter_map(move |place| {
            let idx = usize::try_from(place.checked_sub(1)?).ok()?;
            facts.get(idx).map(|fact| (*place, fact))
        })
    }
}

/// Makes every check.
#[must_use]
pub fn all(evidence: &Evidence<'_>) -> Vec<Check> {
    vec![
        tickets::issued(evidence),
        tickets::unique(evidence),
        tickets::gaps(evidence),
        tickets::double_presses(evidence),
        paper::attempts(evidence),
        paper::papers(evidence),
        paper::numbers(evidence),
        paper::codes(evidence),
        refusals::explained(evidence),
        hub::same(evidence),
        hub::leased(evidence),
        calls::rated(evidence),
        queue::emergencies(evidence),
        queue::families(evidence),
        queue::boards(evidence),
        queue::desks(evidence),
        acts::effects(evidence),
        acts::undone(evidence),
        acts::again(evidence),
        acts::crossing(evidence),
        acts::happened(evidence),
        journal::sequences(evidence),
        journal::counted(evidence),
        journal::rehearsed(evidence),
        journal::private(evidence),
        journal::ended(evidence),
        journal::memory(evidence),
    ]
}
