//! Facts in any order of arrival, folded in the one order that every machine folds in.
//!
//! Facts from elsewhere come late, twice, and between those made here. Nothing here forgets a fact or asks where it
//! came from.

use alloc::collections::{BTreeMap, BTreeSet};

use super::{Clinic, Taken};
use crate::envelope::{Canonical, Envelope};
use crate::ids::FactId;

/// A clinic with the facts that came after some point, so that a late one finds its place.
#[derive(Clone, Debug)]
pub struct Arrivals {
    base: Clinic,
    facts: BTreeMap<Canonical, Envelope>,
    ids: BTreeSet<FactId>,
    clinic: Clinic,
}

impl Arrivals {
    /// Begins with a clinic folded up to some point, a checkpoint or nothing.
    #[must_use]
    pub fn after(base: Clinic) -> Self {
        Self { clinic: base.clone(), base, facts: BTreeMap::new(), ids: BTreeSet::new() }
    }

    /// Returns the clinic as all facts so far have it.
    #[must_use]
    pub const fn clinic(&self) -> &Clinic {
        &self.clinic
    }

    /// Takes in a fact wherever it belongs.
    ///
    /// Returns [`Taken::Late`] only for a fact from before the base, which is not taken in: begin with an earlier base.
    pub fn take_in(&mut self, envelope: Envelope) -> Taken {
        let (place, id) = (envelope.head.canonical(), envelope.head.id());
        if self.ids.contains(&id) || self.base.knows(id) {
            return Taken::Known;
        }
        if self.base.newest().is_some_and(|newest| newest > place) {
            return Taken::Late;
        }
        let is_last = self.facts.last_key_value().is_none_or(|(last, _)| *last < place);
        if is_last {
            self.clinic.after(&envelope);
        }
        self.ids.insert(id);
        self.facts.insert(place, envelope);
        if !is_last {
            self.refold();
        }
        Taken::InOrder
    }

    fn refold(&mut self) {
        self.clinic = self.base.clone();
        for envelope in self.facts.values() {
            self.clinic.after(envelope);
        }
    }
}
