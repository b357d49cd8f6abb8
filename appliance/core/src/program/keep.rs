//! What must stay on the disk: the content that tables in force and coming may ask for, and the clinic's own.

use alloc::collections::BTreeSet;

use super::content::{ContentHash, ContentKind};
use super::{Deed, Program, TableState};
use crate::time::AtMs;

impl Program {
    /// Lists the content that may still air: of tables whose period is not over, with what stands in its stead, the
    /// clinic's own, and the substitutes; never what was withdrawn.
    #[must_use]
    pub fn kept(&self, now: AtMs) -> BTreeSet<ContentHash> {
        let lasts = |state: &&TableState| {
            !state.is_withdrawn() && state.revisions.values().any(|received| received.table.period().to > now)
        };
        let mut kept: BTreeSet<ContentHash> = self.tables.values().filter(lasts).flat_map(named).collect();
        let told = self.contents.values().filter_map(|state| state.told.value.as_ref());
        let always = told.filter(|told| told.kind.is_clinics() || told.kind == ContentKind::Substitute);
        kept.extend(always.map(|told| told.content));
        kept.retain(|content| !self.contents.get(content).is_some_and(|state| state.withdrawn.value));
        kept
    }
}

/// Lists what a table names in any revision, approval or draft: a later one may be taken back.
fn named(state: &TableState) -> impl Iterator<Item = ContentHash> + '_ {
    let slots = state.revisions.values().flat_map(|received| &received.table.slots);
    let items = slots.flat_map(|slot| &slot.items).map(|item| item.content);
    let approved = state.acts.iter().filter_map(|act| match &act.what {
        Deed::Approved { replaced, .. } => Some(replaced),
        Deed::Withdrawn | Deed::Reopened { .. } => None,
    });
    let drafted = state.drafted().map(|replaced| replaced.with);
    items.chain(approved.flatten().map(|replaced| replaced.with)).chain(drafted)
}
