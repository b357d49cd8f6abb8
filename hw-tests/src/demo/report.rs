//! The figures of a morning, as `report.json` holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::checks::tickets::asks_for_ticket;
use super::checks::{Check, Evidence, acts, hub};
use super::consultations::Call;
use super::facts::Fact;
use super::frames::Frame;
use super::screen::Figures;

/// Half of the measurements are below the first, all but one in a hundred below the second; milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
}

impl Spread {
    /// Returns the spread of some measurements; zeros when there are none.
    #[must_use]
    pub fn of(mut measured: Vec<Duration>) -> Self {
        measured.sort_unstable();
        let at = |hundredths: usize| {
            let idx = measured.len().saturating_sub(1) * hundredths / 100;
            measured.get(idx).map_or(0.0, |span| rounded(span.as_secs_f64() * 1_000.0))
        };
        Self { p50: at(50), p99: at(99) }
    }
}

/// What the demo says of a morning.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Tickets given.
    pub tickets: usize,
    /// Whether no number and no label was given twice.
    pub numbers_unique: bool,
    /// Whether every number passed over has its reason.
    pub gaps_explained: bool,
    /// Papers known to be out.
    pub printed: usize,
    /// Attempts to print of which nobody knows.
    pub unconfirmed: usize,
    /// Tickets called at least once.
    pub called: usize,
    /// Tickets that were done.
    pub finished: usize,
    /// Tickets whose holder did not come at least once.
    pub absent: usize,
    /// How many rows of each action were done.
    pub actions: BTreeMap<&'static str, usize>,
    /// How often each kind of act was taken back.
    pub undone: BTreeMap<String, usize>,
    /// Answers that said no.
    pub refused: usize,
    /// Facts on disk.
    pub facts: usize,
    /// Facts that the hub holds.
    pub hub_facts: usize,
    /// Whether they are the same, by their bytes.
    pub identical: bool,
    /// For how many seconds of the rehearsal's clock the line to the hub was cut.
    pub offline_s: u64,
    /// Leased numbers that became tickets.
    pub leased_used: usize,
    /// Consultation calls, as the hub rates them.
    pub calls: Vec<Call>,
    /// From the request for a ticket to its answer.
    pub ticket_ms: Spread,
    /// From an answer to the board with its change.
    pub board_ms: Spread,
    /// The most memory the daemon had, in mebibytes.
    pub daemon_rss_mib: f64,
    /// The monitor's figures, where it was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<Figures>,
    /// What was checked.
    pub checks: Vec<Check>,
}

impl Report {
    /// Makes the report of what a morning left behind.
    #[must_use]
    pub fn of(evidence: &Evidence<'_>, frames: &[Frame], checks: Vec<Check>) -> Self {
        let held = |name: &str| checks.iter().any(|check| check.name == name && check.held);
        let of_kind = |kind: &'static str| evidence.facts.iter().filter(move |fact| fact.kind == kind);
        let outcome = |which: &str| of_kind("PrintEnded").filter(|fact| fact.text("outcome") == which).count();
        Self {
            tickets: of_kind("TicketIssued").map(|fact| fact.text("visit")).collect::<BTreeSet<&str>>().len(),
            numbers_unique: held("numbers and labels are unique"),
            gaps_explained: held("every gap has its reason"),
            printed: outcome("printed"),
            unconfirmed: outcome("unconfirmed"),
            called: n_visits(evidence.facts, "Called"),
            finished: n_visits(evidence.facts, "Finished"),
            absent: n_visits(evidence.facts, "MarkedAbsent"),
            actions: acts::counts(evidence),
            undone: acts::kinds_undone(evidence.facts).into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect(),
            refused: evidence.played.sent.iter().filter(|sent| !sent.answered.is_done()).count(),
            facts: evidence.facts.len(),
            hub_facts: evidence.both.there.len(),
            identical: evidence.both.are_identical(),
            offline_s: evidence.played.offline_s,
            leased_used: hub::n_leased_used(evidence.facts),
            calls: evidence.calls.there.clone(),
            ticket_ms: Spread::of(ticket_times(evidence)),
            board_ms: Spread::of(board_times(evidence, frames)),
            daemon_rss_mib: rounded(evidence.memory.most_mib),
            screen: None,
            checks,
        }
    }

    /// Returns the checks that did not hold.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.held)
    }
}

fn n_visits(facts: &[Fact], kind: &str) -> usize {
    facts.iter().filter(|fact| fact.kind == kind).flat_map(Fact::visits).collect::<BTreeSet<&str>>().len()
}

fn ticket_times(evidence: &Evidence<'_>) -> Vec<Duration> {
    let asked = evidence.played.sent.iter().filter(|sent| asks_for_ticket(sent));
    let given = asked.filter(|sent| !sent.answered.issued().is_empty());
    given.map(|sent| sent.answered.answered.saturating_sub(sent.answered.sent)).collect()
}

/// Returns how long after each answer the first frame came that holds all of its facts; a frame may be quicker.
fn board_times(evidence: &Evidence<'_>, frames: &[Frame]) -> Vec<Duration> {
    let done = evidence.played.sent.iter().filter(|sent| sent.answered.is_done());
    let shown = done.filter_map(|sent| {
        let place = evidence.places.get(sent.answered.key.as_str())?.last()?;
        let frame = frames.iter().find(|frame| frame.n_facts >= *place)?;
        Some(frame.at.saturating_sub(sent.answered.answered))
    });
    shown.collect()
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_median_and_the_slowest_but_a_few() {
        let spread = Spread::of((1..=101).rev().map(Duration::from_millis).collect());
        assert!((spread.p50 - 51.0).abs() < f64::EPSILON && (spread.p99 - 100.0).abs() < f64::EPSILON, "{spread:?}");
        assert!(Spread::of(Vec::new()).p99 < f64::EPSILON);
    }
}
