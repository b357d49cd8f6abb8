//! Consultation calls: each is counted once, as long as the doctor was connected, and comes to the same on both sides.

use std::collections::BTreeMap;

use super::{Check, Evidence};
use crate::demo::facts::Fact;
use crate::demo::row::Action;

/// How long a press may take in real time, in milliseconds: the rehearsal's clock runs on meanwhile.
const PRESS_MS: u64 = 500;

/// The usual tariff: so many yen for each begun stretch of so many milliseconds of a reservation's calls together.
const UNIT_MS: u64 = 30 * 60 * 1_000;
const UNIT_YEN: u64 = 100;

/// Stretches of a reservation's calls, from and to, in milliseconds.
type Stretches = Vec<(u64, u64)>;

/// What the box writes and what the hub rates is what its facts say, and nearly what was played.
pub(in crate::demo) fn rated(evidence: &Evidence<'_>) -> Check {
    let (told, played) = (told(evidence.facts), played(evidence));
    let mut faults = Vec::new();
    for (reservation, stretches) in &told {
        let (ms, n_ends) = (union_ms(stretches), 2 * stretches.len() as u64);
        let expected = (ms / 1_000, ms.div_ceil(UNIT_MS), ms.div_ceil(UNIT_MS) * UNIT_YEN);
        for (side, calls) in [("the box", &evidence.calls.here), ("the hub", &evidence.calls.there)] {
            let found: Vec<_> = calls.iter().filter(|call| call.reservation == *reservation).collect();
            let is_it = found.len() == 1
                && found.iter().all(|call| (call.seconds, call.units, call.yen) == expected)
                && found.iter().all(|call| call.tariff == "reservation-total");
            if !is_it {
                faults.push(format!("{side} has {found:?} of {reservation}, not {expected:?}"));
            }
        }
        let played_ms = played.get(reservation).map(union_ms).unwrap_or_default();
        if ms.abs_diff(played_ms) > n_ends * PRESS_MS * u64::from(evidence.speed) {
            faults.push(format!("{reservation} lasted {ms} ms, and {played_ms} ms were played"));
        }
    }
    for calls in [&evidence.calls.here, &evidence.calls.there] {
        faults.extend(
            calls
                .iter()
                .filter(|call| !told.contains_key(&call.reservation))
                .map(|call| format!("{} has no connection", call.reservation)),
        );
    }
    let lacking = played.keys().filter(|reservation| !told.contains_key(*reservation));
    faults.extend(lacking.map(|reservation| format!("{reservation} was played and is not told")));
    let yen: u64 = evidence.calls.there.iter().map(|call| call.yen).sum();
    Check::of("calls come to the same on both sides", &faults, format!("{} reservations, {yen} yen", told.len()))
}

/// Returns what the facts say, by the monotonic clock: a connection ends at the next end of its own key.
fn told(facts: &[Fact]) -> BTreeMap<String, Stretches> {
    let mut begun: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut told: BTreeMap<String, Stretches> = BTreeMap::new();
    for fact in facts {
        let key = ["reservation", "endpoint", "connection"].map(|field| fact.text(field)).join(" ");
        match fact.kind.as_str() {
            "CallConnected" => drop(begun.insert(key, (fact.text("reservation").to_owned(), fact.mono_ms))),
            "CallDisconnected" => {
                if let Some((reservation, from)) = begun.remove(&key) {
                    let until = fact.body["evidence"]["mono_ms"].as_u64().unwrap_or(fact.mono_ms);
                    told.entry(reservation).or_default().push((from, until));
                }
            }
            _ => {}
        }
    }
    told
}

/// Returns what was played.
fn played(evidence: &Evidence<'_>) -> BTreeMap<String, Stretches> {
    let mut begun = BTreeMap::new();
    let mut played: BTreeMap<String, Stretches> = BTreeMap::new();
    for row in evidence.rows {
        let (key, at_ms) = ((row.who.as_str(), row.detail.as_str()), u64::from(row.at_s) * 1_000);
        if row.action == Action::Connect {
            begun.insert(key, at_ms);
        } else if row.action == Action::Disconnect
            && let Some(from) = begun.remove(&key)
        {
            played.entry(row.who.clone()).or_default().push((from, at_ms));
        }
    }
    played
}

/// Returns how long stretches last together, what overlaps counted once: second by second would do, a sweep is quicker.
fn union_ms(stretches: &Stretches) -> u64 {
    let mut sorted = stretches.clone();
    sorted.sort_unstable();
    let mut reached = 0;
    sorted.into_iter().fold(0, |sum, (from, until)| {
        let from = from.max(reached);
        reached = reached.max(until);
        sum + until.saturating_sub(from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::checks::tests::{Case, fact, held};
    use crate::demo::consultations::Call;
    use serde_json::json;

    const ROWS: &str = "at,action,line,who,detail\n13:00:00,connect,,R1,pc\n13:20:00,disconnect,,R1,pc\n\
        13:25:00,connect,,R1,pc\n13:45:00,disconnect,,R1,pc\n";

    /// Two connections of twenty minutes each.
    fn consulted(case: &mut Case) {
        let end = |seq, kind: &str, min: u64| {
            let body = json!({"reservation": "R1", "endpoint": "pc", "connection": "c"});
            let mut fact = fact(seq, None, kind, body);
            fact["mono_ms"] = json!(min * 60_000);
            fact
        };
        case.rows = ROWS;
        case.facts = [("CallConnected", 0), ("CallDisconnected", 20), ("CallConnected", 25), ("CallDisconnected", 45)]
            .into_iter()
            .zip(1..)
            .map(|((kind, min), seq)| end(seq, kind, min))
            .collect();
        let (reservation, tariff) = ("R1".to_owned(), "reservation-total".to_owned());
        let call = Call { reservation, seconds: 2_400, units: 2, yen: 200, tariff, flagged: false };
        (case.calls.here, case.calls.there) = (vec![call.clone()], vec![call]);
    }

    #[test]
    fn a_call_that_is_lost_doubled_or_rated_otherwise_on_one_side_is_caught() {
        assert!(held(rated, consulted), "the good morning fails");
        let falsified: [fn(&mut Case); 7] = [
            |case| case.calls.here[0].seconds += 1,
            |case| case.calls.there[0].units -= 1,
            |case| case.calls.there[0].yen = 0,
            |case| case.calls.here[0].tariff = "span".to_owned(),
            |case| case.calls.there.clear(),
            |case| case.facts[3]["mono_ms"] = json!(65 * 60_000),
            |case| case.facts.clear(),
        ];
        for (nth, falsify) in falsified.into_iter().enumerate() {
            let both = |case: &mut Case| {
                consulted(case);
                falsify(case);
            };
            assert!(!held(rated, both), "falsified morning {nth} passes");
        }
    }

    #[test]
    fn what_overlaps_counts_once() {
        assert_eq!(union_ms(&vec![(0, 10), (5, 15), (20, 30), (21, 22)]), 25);
        assert_eq!(union_ms(&Vec::new()), 0);
    }
}
