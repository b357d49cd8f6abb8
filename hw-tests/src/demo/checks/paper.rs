//! Paper: what was printed, how often, and what stands on it.

use std::collections::BTreeMap;

use machiai_core::view::TicketView;
use machiai_panel::dots::Dots;
use serde_json::Value;

use super::{Check, Evidence, Paper};

/// How many papers are compared row by row with a drawing of their number.
const N_COMPARED: usize = 24;
/// The part of a paper in which the number must stand, in hundredths of its height.
const NUMBER_BAND: (u32, u32) = (12, 50);
/// How much of that part a number blackens at least, in thousandths.
const LEAST_INK: u64 = 20;

/// Whether a ticket given by a channel is printed.
fn is_printed(channel: &str) -> bool {
    matches!(channel, "kiosk" | "desk" | "emergency")
}

/// Every ticket given here began to be printed once and ended as printed; no other did.
pub(super) fn attempts(evidence: &Evidence<'_>) -> Check {
    let mut begun: BTreeMap<&str, u64> = BTreeMap::new();
    let mut ended: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for (_, fact) in evidence.of_kind("PrintBegun") {
        *begun.entry(fact.text("visit")).or_default() += 1;
    }
    for (_, fact) in evidence.of_kind("PrintEnded") {
        ended.entry(fact.text("visit")).or_default().push((fact.text("outcome"), fact.text("trouble")));
    }
    let mut faults = Vec::new();
    for (_, fact) in evidence.of_kind("TicketIssued") {
        let (visit, label) = (fact.text("visit"), fact.text("label"));
        let n_begun = begun.remove(visit).unwrap_or_default();
        let outcomes = ended.remove(visit).unwrap_or_default();
        let wanted = u64::from(is_printed(fact.text("channel")));
        if n_begun != wanted || outcomes.len() as u64 != wanted || outcomes.iter().any(|one| one.0 != "printed") {
            faults.push(format!("{label} was begun {n_begun} times and ended as {outcomes:?}"));
        }
    }
    faults.extend(begun.keys().map(|visit| format!("the unknown visit {visit} was printed")));
    Check::of(
        "every ticket given here was printed once",
        &faults,
        "each attempt began once and ended as printed".into(),
    )
}

/// As many papers came out as were confirmed, and none twice.
pub(super) fn papers(evidence: &Evidence<'_>) -> Check {
    let n_printed = evidence.of_kind("PrintEnded").filter(|(_, fact)| fact.text("outcome") == "printed").count();
    let n_papers = evidence.papers.len();
    let mut faults = Vec::new();
    if n_printed != n_papers {
        faults.push(format!("{n_papers} papers were cut and {n_printed} confirmed"));
    }
    for paper in evidence.papers {
        if paper.name.contains('-') {
            faults.push(format!("{} is a second paper", paper.name));
        }
        if paper.paper.garbage > 0 {
            faults.push(format!("{} has {} characters of noise", paper.name, paper.paper.garbage));
        }
    }
    Check::of("as many papers came out as were confirmed", &faults, format!("{n_papers} papers"))
}

/// The number stands on each paper, and on some it is compared row by row with a drawing of its own.
pub(super) fn numbers(evidence: &Evidence<'_>) -> Check {
    let tickets = told(evidence);
    let every = evidence.papers.len().div_ceil(N_COMPARED).max(1);
    let (mut faults, mut n_compared) = (Vec::new(), 0);
    for (nth, Paper { name, visit, paper }) in evidence.papers.iter().enumerate() {
        let dots = &paper.dots;
        let (from, to) = (dots.height * NUMBER_BAND.0 / 100, dots.height * NUMBER_BAND.1 / 100);
        let n_dots = u64::from(to - from) * u64::from(dots.width);
        if n_black(dots, from, to) * 1_000 < n_dots * LEAST_INK {
            faults.push(format!("{name} has no number"));
        }
        if nth % every != 0 {
            continue;
        }
        match drawn(evidence, tickets.get(visit.as_str())) {
            Some(rows) => {
                n_compared += 1;
                if !holds(dots, &rows) {
                    faults.push(format!("{name} does not show the number of its ticket"));
                }
            }
            None => faults.push(format!("{name} cannot be drawn once more")),
        }
    }
    Check::of("every paper shows its number", &faults, format!("{n_compared} compared row by row, the rest for ink"))
}

/// The QR code of each paper leads to the page of that ticket, and to no other.
pub(super) fn codes(evidence: &Evidence<'_>) -> Check {
    let (tickets, papers) = (told(evidence), evidence.papers);
    let issued = evidence.of_kind("TicketIssued");
    let hashes: BTreeMap<&str, &str> = issued.map(|(_, fact)| (fact.text("visit"), fact.text("token_hash"))).collect();
    let mut faults = Vec::new();
    for (Paper { name, visit, .. }, read) in papers.iter().zip(read_codes(papers)) {
        let told = tickets.get(visit.as_str()).map(|ticket| ticket["url"].as_str().unwrap_or_default());
        let token = read.as_deref().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
        let hash: String = blake3::hash(token.as_bytes()).to_hex().chars().take(32).collect();
        if read.is_none() {
            faults.push(format!("the code of {name} cannot be read"));
        } else if read.as_deref() != told {
            faults.push(format!("the code of {name} says {read:?} and not {told:?}"));
        } else if hashes.get(visit.as_str()).copied() != Some(hash.as_str()) {
            faults.push(format!("the code of {name} belongs to another ticket"));
        }
    }
    Check::of("every QR code leads to its ticket", &faults, format!("{} codes read", papers.len()))
}

/// Reads the code of each paper, half of them beside the other half.
fn read_codes(papers: &[Paper]) -> Vec<Option<String>> {
    let (one, other) = papers.split_at(papers.len() / 2);
    let read = |papers: &[Paper]| papers.iter().map(|paper| read_code(&paper.paper.dots)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| read(one));
        let rest = read(other);
        // Papers that nobody could read on the way are papers whose codes cannot be read.
        let mut all = beside.join().unwrap_or_else(|_| vec![None; one.len()]);
        all.extend(rest);
        all
    })
}

/// Returns every ticket as it was answered, by its visit.
fn told<'a>(evidence: &Evidence<'a>) -> BTreeMap<&'a str, &'a Value> {
    let answers = evidence.played.sent.iter().map(|sent| &sent.answered.answer["tickets"]);
    let tickets = answers.filter_map(Value::as_array).flatten();
    tickets.filter_map(|ticket| Some((ticket["visit"].as_str()?, ticket))).collect()
}

/// Draws a ticket's number and returns its rows.
fn drawn(evidence: &Evidence<'_>, ticket: Option<&&Value>) -> Option<Vec<u8>> {
    let view: TicketView = serde_json::from_value((**ticket?).clone()).ok()?;
    let dots = evidence.panel.ticket_dots(&view, machiai_panel::Paper::W576).ok()?;
    let rows = dots.number_rows.clone()?;
    let row_bytes = usize::try_from(dots.width / 8).ok()?;
    let at = |row: u32| usize::try_from(row).ok().map(|row| row * row_bytes);
    dots.rows.get(at(rows.start)?..at(rows.end)?).map(<[u8]>::to_vec)
}

/// Returns whether some rows stand on a paper, one below the other.
fn holds(dots: &Dots, rows: &[u8]) -> bool {
    let row_bytes = usize::try_from(dots.width / 8).unwrap_or(1).max(1);
    (0..dots.rows.len()).step_by(row_bytes).any(|at| dots.rows.get(at..).is_some_and(|rest| rest.starts_with(rows)))
}

fn n_black(dots: &Dots, from: u32, to: u32) -> u64 {
    let row_bytes = usize::try_from(dots.width / 8).unwrap_or(0);
    let rows = dots.rows.chunks(row_bytes.max(1)).skip(from.try_into().unwrap_or(0));
    let rows = rows.take((to - from).try_into().unwrap_or(0));
    rows.flatten().map(|byte| u64::from(byte.count_ones())).sum()
}

/// Reads the only QR code on a paper: below the number, mostly on the left.
fn read_code(dots: &Dots) -> Option<String> {
    let top = dots.height * NUMBER_BAND.1 / 100;
    [dots.width / 2, dots.width].into_iter().find_map(|width| {
        let size = (usize::try_from(width).ok()?, usize::try_from(dots.height - top).ok()?);
        let shade = |x: usize, y: usize| {
            let (column, row) = (u32::try_from(x).unwrap_or(u32::MAX), u32::try_from(y).unwrap_or(u32::MAX));
            if dots.is_black(column, row.saturating_add(top)) { 0 } else { 255 }
        };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(size.0, size.1, shade);
        image.detect_grids().into_iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text)
    })
}
