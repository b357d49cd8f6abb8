//! What may be published: a table or a description that could not be meant as it stands is refused, with the reason,
//! before it is a fact.
//!
//! Folds take whatever there is; this is for whoever writes.

use alloc::collections::BTreeSet;

use super::Program;
use super::content::{Content, ContentHash, ContentKind};
use super::decide::{MAX_TITLE_CHARS, refuse_words};
use super::table::{Slot, Table};
use crate::envelope::MAX_FACT_BYTES;
use crate::refusal::{Refusal, RefusalCode};
use crate::time::AtMs;

/// The longest piece of content, in milliseconds: an hour.
const MAX_DURATION_MS: u32 = 60 * 60 * 1_000;

/// What a fact holds beside its table, in bytes, at most.
const BESIDE_TABLE_BYTES: usize = 2 * 1024;

/// Minutes for which adverts can be kept apart, at most.
const MAX_APART_MIN: u16 = 60;

impl Program {
    /// Tells whether a table, or the next revision of one, can be published at an instant.
    ///
    /// # Errors
    /// A [`Refusal`] by its first fault.
    pub fn refuse_table(&self, table: &Table, now: AtMs) -> Result<(), Refusal> {
        let bad = |is_bad: bool, field: &str| if is_bad { Err(bad_value(field)) } else { Ok(()) };
        bad(table.to <= table.from || table.to <= now, "to")?;
        // Whoever could not approve it in time could only find that it came too late.
        bad(table.deadline >= table.to || table.deadline < now, "deadline")?;
        bad(table.adverts.apart_min > MAX_APART_MIN, "apart_min")?;
        bad(table.slots.is_empty() || !are_unique(table.slots.iter().map(|slot| &slot.slot)), "slots")?;
        table.slots.iter().try_for_each(|slot| self.refuse_slot(slot))?;
        let most = MAX_FACT_BYTES.saturating_sub(BESIDE_TABLE_BYTES);
        if serde_json::to_vec(table).map_or(usize::MAX, |written| written.len()) > most {
            return Err(Refusal::new(RefusalCode::TooLong).with("field", &"table").with("most", &most));
        }
        // The first fact of a revision counts, and the highest revision: anything else would be passed over.
        let known = self.tables.get(&table.table).and_then(|state| state.current());
        match known.filter(|known| known.table.revision >= table.revision) {
            Some(_) => Err(Refusal::new(RefusalCode::TableChanged).with("table", &table.table)),
            None => Ok(()),
        }
    }

    fn refuse_slot(&self, slot: &Slot) -> Result<(), Refusal> {
        if slot.items.is_empty() || !are_unique(slot.items.iter().map(|item| &item.item)) {
            return Err(bad_value("items").with("slot", &slot.slot));
        }
        let is_unknown = |content: ContentHash| self.content(content).is_none_or(|(state, _)| state.withdrawn.value);
        match slot.items.iter().find(|item| is_unknown(item.content)) {
            Some(item) => Err(Refusal::new(RefusalCode::UnknownContent).with("content", &item.content)),
            None => Ok(()),
        }
    }
}

/// Tells whether a piece of content with a file can be described so.
///
/// # Errors
/// A [`Refusal`] by its first fault.
pub fn refuse_content(content: &Content) -> Result<(), Refusal> {
    refuse_words("title", &content.title, MAX_TITLE_CHARS)?;
    if !(1..=MAX_DURATION_MS).contains(&content.duration_ms) {
        return Err(bad_value("duration_ms"));
    }
    if content.advert.is_some() != (content.kind == ContentKind::Advert) {
        return Err(bad_value("advert"));
    }
    // What is drawn has no file.
    if content.scene.is_some() || content.kind == ContentKind::Notice {
        return Err(bad_value("kind"));
    }
    Ok(())
}

fn bad_value(field: &str) -> Refusal {
    Refusal::new(RefusalCode::BadValue).with("field", &field)
}

fn are_unique<'a, T: Ord + 'a>(ids: impl Iterator<Item = &'a T>) -> bool {
    let mut seen = BTreeSet::new();
    let mut ids = ids;
    ids.all(|id| seen.insert(id))
}
