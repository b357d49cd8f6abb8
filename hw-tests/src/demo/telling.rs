//! The facts as a box came to know them, folded at each step in the one order that every machine folds in.
//!
//! What the hub wrote while box and hub were out of reach comes late, and belongs before facts that are known already.

use super::facts::Fact;
use super::model::Model;

/// Facts that are folded again at most when one comes a little late.
const MOST_RECENT: usize = 512;

/// What is true by the facts told so far.
#[derive(Default)]
pub struct Telling<'a> {
    /// The facts told so far, in their own order.
    facts: Vec<&'a Fact>,
    /// The oldest of them, folded.
    base: (usize, Model),
    model: Model,
}

impl<'a> Telling<'a> {
    /// Returns what is true.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// Takes in a fact, wherever it belongs.
    pub fn after(&mut self, fact: &'a Fact) {
        let at = self.facts.partition_point(|known| known.canonical() < fact.canonical());
        self.facts.insert(at, fact);
        if at + 1 == self.facts.len() {
            self.model.after(fact);
            self.settle();
            return;
        }
        if at < self.base.0 {
            self.base = (0, Model::default());
        }
        self.model = self.base.1.clone();
        self.facts[self.base.0..].iter().for_each(|fact| self.model.after(fact));
    }

    /// Lets the older half of many facts be part of what is not folded again.
    fn settle(&mut self) {
        let (n_base, base) = &mut self.base;
        if self.facts.len() - *n_base > MOST_RECENT {
            self.facts[*n_base..*n_base + MOST_RECENT / 2].iter().for_each(|fact| base.after(fact));
            *n_base += MOST_RECENT / 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::demo::facts;

    #[test]
    fn facts_in_any_order_come_to_the_same() {
        let rank = |nth: u64| {
            json!({"origin": "o", "seq": nth, "at_ms": nth, "at_n": 0, "mono_ms": 0, "clock": "rehearsal", "line": 1, "by": {},
                "kind": "Reordered", "body": {"visit": "v", "rank": nth}})
        };
        let mut told: Vec<Value> = (2..1_500).map(rank).collect();
        told.insert(
            0,
            json!({"origin": "o", "seq": 1, "at_ms": 1, "at_n": 0, "mono_ms": 0, "clock": "rehearsal", "line": 1, "by": {},
            "kind": "TicketIssued", "body": {"visit": "v", "rank": 0, "label": "1"}}),
        );
        let text = |told: &[Value]| told.iter().map(|fact| format!("{fact}\n")).collect::<String>();
        let in_order = facts::read(&text(&told)).unwrap();
        // A few come late, one of them very late.
        told[1_000..1_020].reverse();
        let last = told.remove(3);
        told.push(last);
        let late = facts::read(&text(&told)).unwrap();
        let told = |facts: &[Fact]| {
            let mut telling = Telling::default();
            facts.iter().for_each(|fact| telling.after(fact));
            let visit = &telling.model().visits["v"];
            (visit.spot.clone(), visit.acts.iter().map(|act| act.id.1).collect::<Vec<u64>>())
        };
        assert_eq!(told(&late), told(&in_order));
        assert_eq!(told(&in_order).1, (2..1_500).collect::<Vec<u64>>());
    }
}
