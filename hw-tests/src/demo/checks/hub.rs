//! The hub: it holds what the box does, gave what was leased to it and nothing else; and which of its refusals are true
//! of what it could know.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::refusals::is_within;
use super::{Check, Evidence};
use crate::demo::facts::Fact;
use crate::demo::far::Reach;
use crate::demo::instant_ms;
use crate::demo::model::Model;
use crate::demo::player::Sent;

/// A leased number so far behind the newest of its line is given to nobody any more.
const FRESH: u64 = 20;
/// How far the clocks of box and hub may be apart, in milliseconds of real time: each is set by the other's answer.
const APART_MS: i64 = 50;
const DAY_MS: i64 = 24 * 3_600_000;

/// The hub holds the facts of the box by their bytes, and no others.
pub(super) fn same(evidence: &Evidence<'_>) -> Check {
    let both = evidence.both;
    let mut faults = Vec::new();
    if !both.are_identical() {
        let here: BTreeSet<&str> = both.here.lines().collect();
        let there: BTreeSet<&str> = both.there.iter().map(String::as_str).collect();
        let (n_here, n_there) = (here.difference(&there).count(), there.difference(&here).count());
        faults.push(format!("{n_here} facts are the box's alone and {n_there} the hub's, of {}", here.len()));
    }
    let good = format!("{} facts, alike by their bytes", both.there.len());
    Check::of("the hub holds the same facts", &faults, good)
}

/// Whoever took a ticket from afar got a leased number, under the token of its page; the hub gave no other.
pub(super) fn leased(evidence: &Evidence<'_>) -> Check {
    let leased = leases(evidence.facts);
    let given = |fact: &&Fact| fact.kind == "TicketIssued" && fact.is_hubs();
    let given: BTreeMap<&str, &Fact> =
        evidence.facts.iter().filter(given).map(|fact| (fact.text("visit"), fact)).collect();
    let mut faults = Vec::new();
    for (visit, fact) in &given {
        if leased.get(*visit) != Some(&(fact.line.unwrap_or_default(), fact.number("number"))) {
            faults.push(format!("{} was given from afar and not leased", fact.text("label")));
        }
    }
    let mut taken = BTreeSet::new();
    for sent in evidence.played.sent.iter().filter(|sent| sent.is_from_afar() && sent.answered.is_done()) {
        let ticket = &sent.answered.answer["tickets"][0];
        let told = |field: &str| ticket[field].as_str().unwrap_or_default();
        let token = told("page").rsplit('/').next().unwrap_or_default();
        let hash: String = blake3::hash(token.as_bytes()).to_hex().chars().take(32).collect();
        let is_this = |fact: &&Fact| fact.text("label") == told("label") && fact.text("token_hash") == hash;
        match given.get(told("visit")).copied().filter(is_this) {
            Some(fact) => drop(taken.insert(fact.text("visit"))),
            None => faults.push(format!("the page of {} is of no ticket of the hub's", sent.answered.key)),
        }
    }
    let nobodys = given.iter().filter(|(visit, _)| !taken.contains(*visit));
    faults.extend(nobodys.map(|(_, fact)| format!("nobody took {} from afar", fact.text("label"))));
    let good = format!("{} of {} leased numbers were given", taken.len(), leased.len());
    Check::of("only leased numbers are given from afar", &faults, good)
}

/// Returns line and number of each visit that was leased.
fn leases(facts: &[Fact]) -> BTreeMap<&str, (u64, u64)> {
    let leased = facts.iter().filter(|fact| fact.kind == "NumbersLeased").flat_map(|fact| {
        let leases = fact.body["leased"].as_array().into_iter().flatten();
        leases.filter_map(|lease| {
            Some((lease["visit"].as_str()?, (fact.line.unwrap_or_default(), lease["number"].as_u64()?)))
        })
    });
    leased.collect()
}

/// Returns how many leased numbers became tickets.
pub(in crate::demo) fn n_leased_used(facts: &[Fact]) -> usize {
    let leased = leases(facts);
    let tickets = facts.iter().filter(|fact| fact.kind == "TicketIssued").map(|fact| fact.text("visit"));
    tickets.filter(|visit| leased.contains_key(visit)).collect::<BTreeSet<_>>().len()
}

/// Whether a refusal of the hub's is true of what it could know of the clinic by then.
pub(super) fn is_true(evidence: &Evidence<'_>, sent: &Sent) -> bool {
    let Some(line) = sent.answered.press.body["line"].as_u64() else { return false };
    match sent.answered.code().unwrap_or_default() {
        "lease_used_up" => {
            let is_used_up = |reach| is_used_up(evidence, (sent, reach), line);
            sent.reach.is_some_and(is_used_up) || is_day_over(evidence, around(evidence, sent).1)
        }
        "remote_closed" => {
            let mut model = Model::default();
            evidence.facts.iter().filter(|fact| fact.kind.ends_with("Set")).for_each(|fact| model.after(fact));
            let around = around(evidence, sent);
            model.lines.get(&line).is_some_and(|line| !is_within(&model, line, "remote", around))
        }
        // No line of the demo's clinic has such a limit, and each has its hours.
        _ => false,
    }
}

/// Whether the last business day that anybody had begun may have been over: no number of it is given any more.
fn is_day_over(evidence: &Evidence<'_>, until_ms: i64) -> bool {
    let is_before = |fact: &&Fact| fact.kind == "DayOpened" && fact.at_ms <= until_ms;
    let opened = evidence.facts.iter().rfind(is_before);
    let begins = opened.and_then(|opened| instant_ms(&format!("{}T04:00:00+09:00", opened.text("day"))).ok());
    begins.is_some_and(|begins_ms| until_ms - begins_ms >= DAY_MS)
}

/// Returns the instants between which the hub decided, by its own clock.
fn around(evidence: &Evidence<'_>, sent: &Sent) -> (i64, i64) {
    let apart_ms = APART_MS * i64::from(evidence.speed);
    (sent.clock_ms.0 - apart_ms, sent.clock_ms.1 + apart_ms)
}

/// Whether at some point of what the hub can have known every number that stood leased in a line had its ticket.
fn is_used_up(evidence: &Evidence<'_>, (sent, reach): (&Sent, Reach), line: u64) -> bool {
    let until_ms = around(evidence, sent).1;
    let is_ticket = |fact: &&Fact| fact.kind == "TicketIssued" && fact.line == Some(line);
    let tickets = evidence.facts.iter().filter(is_ticket);
    let used: BTreeSet<u64> =
        tickets.filter(|fact| fact.is_hubs() && fact.at_ms <= until_ms).map(|fact| fact.number("number")).collect();
    let most = reach.most.unwrap_or(u64::MAX);
    let own = (1..).zip(evidence.facts).take_while(|(place, _)| *place <= most);
    let own: Vec<(u64, &Fact)> = own.filter(|(_, fact)| !fact.is_hubs() && fact.at_ms <= until_ms).collect();
    let n_held = own.iter().filter(|(place, _)| *place <= reach.least.0).count() as u64;
    let n_least = n_held.saturating_sub(reach.least.1);
    let (mut leased, mut top) = (BTreeSet::new(), 0);
    let stands_used_up = |leased: &BTreeSet<u64>, top: u64| {
        leased.iter().all(|number: &u64| number + FRESH <= top || used.contains(number))
    };
    if n_least == 0 {
        return true;
    }
    for (n_known, (_, fact)) in (1..).zip(own) {
        if fact.line == Some(line) && fact.kind == "NumbersLeased" {
            let numbers = fact.body["leased"].as_array().into_iter().flatten();
            leased.extend(numbers.filter_map(|lease| lease["number"].as_u64()));
            top = top.max(leased.last().copied().unwrap_or(0));
        } else if fact.line == Some(line) && fact.kind == "TicketIssued" {
            top = top.max(fact.number("number"));
            // Whoever came with it before the box had heard of it.
            leased.remove(&fact.number("number"));
        }
        if n_known >= n_least && stands_used_up(&leased, top) {
            return true;
        }
    }
    false
}
