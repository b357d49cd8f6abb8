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
