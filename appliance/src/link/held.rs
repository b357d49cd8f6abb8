//! What the journal holds, as the channel's machine asks for it.

use std::collections::BTreeSet;

use machiai_core::ids::{Origin, Seq};
use machiai_journal::reader::Newest;
use machiai_journal::{Position, Readers, StoreError};
use machiai_wire::box_side::{Facts, Most};
use machiai_wire::chain::Hash;
use machiai_wire::run::{Head, Heads, of_airings};

/// The journal's facts, with how far each origin reaches as of the last look.
pub(super) struct Held {
    readers: Readers,
    heads: Heads,
    position: Position,
}

impl Held {
    /// Looks at all origins.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read.
    pub(super) fn read(readers: Readers) -> Result<Self, StoreError> {
        let (heads, position) = readers.ask(|reader| {
            // Looked at first: what is written meanwhile is looked at again.
            let position = reader.newest_position()?;
            Ok((reader.heads()?, position))
        })?;
        let heads = heads.into_iter().map(|(origin, newest)| (origin, head(newest))).collect();
        Ok(Self { readers, heads, position })
    }

    /// Looks at what came since the last look.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read.
    pub(super) fn look(&mut self) -> Result<(), StoreError> {
        let after = self.position;
        let (heads, position) = self.readers.ask(|reader| {
            let position = reader.newest_position()?;
            Ok((if position > after { reader.heads_after(after)? } else { Default::default() }, position))
        })?;
        self.heads.extend(heads.into_iter().map(|(origin, newest)| (origin, head(newest))));
        self.position = position;
        Ok(())
    }

    /// Returns the origins of airings: of this opening of the journal and of those before it.
    pub(super) fn airings(&self, own: Origin) -> BTreeSet<Origin> {
        let openings = self.heads.keys().copied().chain([own]);
        openings
            .map(of_airings)
            .filter(|origin| *origin == of_airings(own) || self.heads.contains_key(origin))
            .collect()
    }
}

fn head(newest: Newest) -> Head {
    Head { seq: newest.seq, hash: newest.hash }
}

impl Facts for Held {
    fn heads(&self) -> &Heads {
        &self.heads
    }

    fn hash_at(&self, origin: Origin, seq: Seq) -> Option<Hash> {
        let asked = self.readers.ask(|reader| reader.hash_at(origin, seq));
        asked.inspect_err(|cause| tracing::warn!(error = %cause, "cannot read the journal for the hub")).ok().flatten()
    }

    fn lines(&self, origin: Origin, after: Seq, most: Most) -> Vec<Vec<u8>> {
        let limit = u32::try_from(most.lines).unwrap_or(u32::MAX);
        let asked = self.readers.ask(|reader| reader.facts_of_origin(origin, after, limit));
        let kept = asked.inspect_err(|cause| tracing::warn!(error = %cause, "cannot read the journal for the hub"));
        let (mut lines, mut n_bytes) = (Vec::new(), 0_usize);
        for kept in kept.unwrap_or_default() {
            n_bytes = n_bytes.saturating_add(kept.line.len());
            if n_bytes > most.bytes && !lines.is_empty() {
                break;
            }
            lines.push(kept.line);
        }
        lines
    }
}
