//! What must stay on the disk: the content that tables in force and coming may ask for, and the clinic's own.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

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

    /// Lists the content that may still air, is a file and does not lie on the disk, in the order in which it is wanted:
    /// substitutes, which stand in for all the rest, then what tables name by their start, then the clinic's own; never
    /// what was found not to play.
    #[must_use]
    pub fn missing(&self, on_disk: &BTreeSet<ContentHash>, now: AtMs) -> Vec<ContentHash> {
        let mut starts: BTreeMap<ContentHash, AtMs> = BTreeMap::new();
        for state in self.tables.values() {
            let from = state.revisions.values().map(|received| received.table.from).min().unwrap_or(AtMs(i64::MAX));
            for content in named(state) {
                starts.entry(content).and_modify(|start| *start = from.min(*start)).or_insert(from);
            }
        }
        let lacks = self.kept(now).into_iter().filter(|content| !on_disk.contains(content));
        let mut missing: Vec<(bool, AtMs, ContentHash)> = lacks
            .filter_map(|content| {
                let (state, told) = self.content(content)?;
                let is_file = told.scene.is_none() && state.trouble.value.is_none();
                let start = starts.get(&content).copied().unwrap_or(AtMs(i64::MAX));
                is_file.then_some((told.kind != ContentKind::Substitute, start, content))
            })
            .collect();
        missing.sort_unstable();
        missing.into_iter().map(|(_, _, content)| content).collect()
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
