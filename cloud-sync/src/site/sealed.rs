//! The hub's seal on its own facts, and whose facts are taken in without it.
//!
//! A hub that was built anew without a backup has drawn another secret: what the hub before it wrote lies on the boxes,
//! and is refused until an operator says, for a site and for a while, that it is to be taken in.

use machiai_core::ids::SiteId;
use machiai_wire::seal::Seal;

use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// The name of the secret that seals facts.
const FACTS: &str = "facts";

/// Returns the seal that all nodes on a store have.
///
/// # Errors
/// [`StoreError`]: ask again.
pub(crate) async fn seal_of(store: &Store) -> Result<Seal, StoreError> {
    store.secret(FACTS).await.map(Seal::new)
}

/// Who judges facts that say that the hub wrote them.
#[derive(Clone)]
pub(crate) struct Sealed {
    pub(crate) seal: Seal,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl Sealed {
    /// Returns the first of a box's lines, from 0, that the hub did not write although it says so; none while the
    /// site's facts of an earlier hub are taken in.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub(crate) async fn first_forged(&self, site: SiteId, lines: &[Vec<u8>]) -> Result<Option<usize>, StoreError> {
        let Some(nth) = self.seal.first_forged(lines.iter().map(Vec::as_slice)) else { return Ok(None) };
        let is_adopted = self.clock.now() < self.store.adopted_until(site).await?;
        Ok((!is_adopted).then_some(nth))
    }
}
