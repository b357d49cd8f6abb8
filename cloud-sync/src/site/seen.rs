//! When each clinic was last heard of: noted at once on this node, and kept in the store now and then for the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use machiai_core::ids::SiteId;
use machiai_core::time::AtMs;

use crate::clock::Clock;
use crate::store::{Store, StoreError};

/// Who was heard of.
#[derive(Clone)]
pub(crate) struct Seen {
    store: Store,
    clock: Clock,
    noted: Arc<Mutex<Noted>>,
}

#[derive(Debug, Default)]
struct Noted {
    /// When each site was last heard of by this node, in milliseconds of UTC.
    last_ms: BTreeMap<SiteId, i64>,
    /// Sites that are heard of all the time: so many of their lines are open.
    open: BTreeMap<SiteId, usize>,
    /// What the store does not know yet.
    unkept: BTreeSet<SiteId>,
}

/// A line that is open: while it is held, its site is heard of.
pub(crate) struct OpenLine {
    seen: Seen,
    site: SiteId,
}

impl Seen {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, noted: Arc::default() }
    }

    /// Notes that a site was heard of now.
    pub(crate) fn note(&self, site: SiteId) {
        let now_ms = self.clock.now().0;
        let mut noted = self.lock();
        noted.last_ms.insert(site, now_ms);
        noted.unkept.insert(site);
    }

    /// Notes that a line of a site is open.
    pub(crate) fn open(&self, site: SiteId) -> OpenLine {
        self.note(site);
        let mut noted = self.lock();
        let n_open = noted.open.entry(site).or_default();
        *n_open = n_open.saturating_add(1);
        drop(noted);
        OpenLine { seen: self.clone(), site }
    }

    /// Returns when a site was last heard of, by this node or another, in milliseconds of UTC.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub(crate) async fn last_ms(&self, site: SiteId) -> Result<Option<i64>, StoreError> {
        let (is_open, here) = {
            let noted = self.lock();
            (noted.open.contains_key(&site), noted.last_ms.get(&site).copied())
        };
        if is_open {
            return Ok(Some(self.clock.now().0));
        }
        Ok(self.store.seen_ms(site).await?.max(here))
    }

    /// Returns when a site was last heard of, by what the store said of it and what this node knows, in milliseconds of
    /// UTC; none when it never was.
    pub(crate) fn newest_ms(&self, site: SiteId, kept_ms: i64) -> Option<i64> {
        let noted = self.lock();
        if noted.open.contains_key(&site) {
            return Some(self.clock.now().0);
        }
        noted.last_ms.get(&site).copied().max(Some(kept_ms).filter(|kept_ms| *kept_ms > 0))
    }

    /// Returns how many sites have a line open to this node.
    pub(crate) fn n_open(&self) -> usize {
        self.lock().open.len()
    }

    /// Returns how many seconds ago something was.
    pub(crate) fn age_s(&self, at_ms: i64) -> u64 {
        u64::try_from(self.clock.now().since(AtMs(at_ms)).max(0) / 1_000).unwrap_or(0)
    }

    /// Has the store know what this node knows; call it now and then.
    pub(crate) async fn keep(&self) {
        let now_ms = self.clock.now().0;
        let heard: BTreeMap<SiteId, i64> = {
            let mut noted = self.lock();
            let unkept = std::mem::take(&mut noted.unkept);
            let last = unkept.into_iter().filter_map(|site| Some((site, *noted.last_ms.get(&site)?)));
            last.chain(noted.open.keys().map(|site| (*site, now_ms))).collect()
        };
        if let Err(cause) = self.store.note_seen(heard).await {
            tracing::warn!(error = %cause, "the store does not know who was heard of");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenLine {
    fn drop(&mut self) {
        self.seen.note(self.site);
        let mut noted = self.seen.lock();
        if let Some(n_open) = noted.open.get_mut(&self.site) {
            *n_open = n_open.saturating_sub(1);
            if *n_open == 0 {
                noted.open.remove(&self.site);
            }
        }
    }
}
