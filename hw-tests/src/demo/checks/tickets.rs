//! Tickets and their numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Evidence};
use crate::demo::facts::{self, Fact};
use crate::demo::player::{Role, Sent};

/// Whether a press asks for a ticket of the box's.
pub(in crate::demo) fn asks_for_ticket(sent: &Sent) -> bool {
    let path = &sent.answered.press.path;
    path.ends_with("/tickets") || path.ends_with("/emergency")
}

/// Whether an answer repeats an older one.
fn is_replay(sent: &Sent) -> bool {
    sent.answered.answer["replayed"].as_bool() == Some(true)
}

/// Every press for a ticket that was done gave its tickets, and nothing else gave any.
pub(super) fn issued(evidence: &Evidence<'_>) -> Check {
    let mut faults = Vec::new();
    let mut n_expected = 0;
    for sent in evidence.played.sent.iter().filter(|sent| asks_for_ticket(sent) && sent.answered.is_done()) {
        let key = &sent.answered.key;
        let tickets: Vec<&Fact> =
            evidence.of_key(key).map(|(_, fact)| fact).filter(|fact| fact.kind == "TicketIssued").collect();
        if is_replay(sent) {
            continue;
        }
        let family = sent.answered.press.body["family"].as_u64().unwrap_or(1);
        n_expected += family;
        if tickets.len() as u64 != family {
            faults.push(format!("{key} gave {} tickets and not {family}", tickets.len()));
        }
        if tickets.windows(2).any(|two| two[0].number("number") + 1 != two[1].number("number")) {
            faults.push(format!("the family of {key} has no consecutive numbers"));
        }
        let told: BTreeSet<String> = sent.answered.issued().into_iter().collect();
        if told != tickets.iter().map(|fact| fact.text("visit").to_owned()).collect() {
            faults.push(format!("{key} was answered with other tickets than were given"));
        }
    }
    let far = evidence.played.sent.iter().filter(|sent| sent.is_from_afar() && sent.answered.is_done());
    // The same press once more is answered with the same ticket.
    let far: BTreeSet<(&str, String)> = far
        .flat_map(|sent| sent.answered.issued().into_iter().map(|visit| (sent.answered.press.device.as_str(), visit)))
        .collect();
    n_expected += far.len() as u64;
    let n_issued =
        evidence.of_kind("TicketIssued").map(|(_, fact)| fact.text("visit")).collect::<BTreeSet<_>>().len() as u64;
    if n_issued != n_expected {
        faults.push(format!("{n_issued} tickets were given and {n_expected} asked for"));
    }
    Check::of("every ticket asked for was given", &faults, format!("{n_issued} tickets"))
}

/// No number stands twice in a day and line, no label twice in a day, at the box and at the hub.
pub(super) fn unique(evidence: &Evidence<'_>) -> Check {
    let (mut numbers, mut labels, mut visits) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
    let mut faults = Vec::new();
    let hubs = match hubs_alone(evidence) {
        Ok(hubs) => hubs,
        Err(cause) => {
            faults.push(cause);
            Vec::new()
        }
    };
    let hubs = hubs.iter().filter(|fact| fact.kind == "TicketIssued");
    for fact in evidence.of_kind("TicketIssued").map(|(_, fact)| fact).chain(hubs) {
        let (day, label) = (fact.body["day"].to_string(), fact.text("label"));
        let ticket = (day.clone(), fact.line, fact.number("number"), label);
        let of = |by_hub: bool| (fact.text("visit"), by_hub);
        // A ticket that the hub gave out of the box's reach stands twice, once by each.
        match (visits.insert(of(fact.is_hubs()), ticket.clone()), visits.get(&of(!fact.is_hubs()))) {
            (None, None) => {}
            (None, Some(known)) if *known == ticket => continue,
            (Some(_), _) | (None, Some(_)) => faults.push(format!("the visit of {label} has two tickets")),
        }
        if !numbers.insert((day.clone(), fact.line, fact.number("number"))) {
            faults.push(format!("number {} stands twice in line {:?}", fact.number("number"), fact.line));
        }
        if !labels.insert((day, label)) {
            faults.push(format!("label {label} stands twice"));
        }
    }
    Check::of("numbers and labels are unique", &faults, format!("{} numbers", numbers.len()))
}

/// Returns the facts of the hub's that the box does not hold.
fn hubs_alone(evidence: &Evidence<'_>) -> Result<Vec<Fact>, String> {
    let here: BTreeSet<&str> = evidence.both.here.lines().collect();
    let alone = evidence.both.there.iter().filter(|line| !here.contains(line.as_str()));
    facts::read(&alone.map(|line| format!("{line}\n")).collect::<String>()).map_err(|cause| format!("{cause:#}"))
}

/// Every number of a line that nobody got was passed over for a reason that a fact gives.
pub(super) fn gaps(evidence: &Evidence<'_>) -> Check {
    let mut given: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    let mut passed: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    let mut firsts: BTreeMap<u64, u64> = BTreeMap::new();
    let mut settings = BTreeMap::new();
    for fact in evidence.in_order() {
        let line = fact.line.unwrap_or_default();
        match fact.kind.as_str() {
            "LineSet" => drop(settings.insert(fact.number("line"), &fact.body)),
            "TicketIssued" | "NumbersLeased" => {
                let set = settings.get(&line).map(|set| (&set["first"][fact.text("session")], &set["first_number"]));
                let first = set.and_then(|(of_session, of_line)| of_session.as_u64().or_else(|| of_line.as_u64()));
                firsts.entry(line).or_insert(first.unwrap_or(1));
                if fact.kind == "TicketIssued" {
                    given.entry(line).or_default().insert(fact.number("number"));
                }
                // What is leased and never given is a gap whose reason is the lease.
                let leased = fact.body["leased"].as_array().into_iter().flatten();
                let leased = leased.filter_map(|lease| lease["number"].as_u64());
                passed.entry(line).or_default().extend(leased);
                for gap in fact.body["skipped"].as_array().into_iter().flatten() {
                    let run = gap["from"].as_u64().unwrap_or(0)..=gap["to"].as_u64().unwrap_or(0);
                    if gap["reason"].is_string() {
                        passed.entry(line).or_default().extend(run);
                    }
                }
            }
            "NumbersJumped" => {
                let top = given.get(&line).and_then(|numbers| numbers.last()).copied().unwrap_or(0);
                passed.entry(line).or_default().extend(top + 1..fact.number("to"));
            }
            _ => {}
        }
    }
    let mut faults = Vec::new();
    for (line, numbers) in &given {
        let first = firsts.get(line).copied().unwrap_or(1);
        let last = numbers.last().copied().unwrap_or(first);
        let reasons = passed.get(line);
        let lost = (first..=last)
            .filter(|number| !numbers.contains(number) && !reasons.is_some_and(|reasons| reasons.contains(number)));
        faults.extend(lost.map(|number| format!("number {number} of line {line} is missing without a reason")));
    }
    let n_passed: usize = passed.values().map(BTreeSet::len).sum();
    Check::of("every gap has its reason", &faults, format!("{n_passed} numbers passed over, each for a reason"))
}

/// The same press within the lock gave one ticket, and a number too many was handed back.
pub(super) fn double_presses(evidence: &Evidence<'_>) -> Check {
    let mut faults = Vec::new();
    let (mut n_doubles, mut n_slow) = (0, 0);
    let doubles = evidence.played.sent.iter().filter(|sent| sent.role == Role::Double);
    for double in doubles {
        n_doubles += 1;
        if double.is_from_afar() {
            // No lock holds there: the same page takes one ticket, however often. One of two presses may have come when
            // nothing was left.
            let is_twin = |sent: &&Sent| sent.is_from_afar() && sent.answered.press == double.answered.press;
            let twins = evidence.played.sent.iter().filter(is_twin).filter(|sent| sent.answered.is_done());
            if twins.flat_map(|sent| sent.answered.issued()).collect::<BTreeSet<_>>().len() > 1 {
                faults.push(format!("{} took another ticket", double.answered.key));
            }
            continue;
        }
        let of_row = |sent: &&Sent| sent.role != Role::TakenBack && sent.answered.press == double.answered.press;
        let same_moment = |sent: &&Sent| evidence.rows[sent.row_idx] == evidence.rows[double.row_idx];
        let done = evidence.played.sent.iter().filter(of_row).filter(same_moment);
        let done = done.filter(|sent| sent.answered.is_done() && !is_replay(sent));
        let mut at: Vec<i64> =
            done.filter_map(|sent| evidence.of_key(&sent.answered.key).next().map(|(_, fact)| fact.at_ms)).collect();
        at.sort_unstable();
        n_slow += usize::from(at.len() > 1);
        if at.windows(2).any(|two| two[1] - two[0] < evidence.played.lock_ms) {
            faults.push(format!("both presses of {} counted within the lock", double.answered.key));
        }
    }
    let good = format!("{n_doubles} double presses, {n_slow} of them so slow that they were two");
    Check::of("a double press counts once", &faults, good)
}
