//! Clinics as their facts have them: folded when somebody asks, and kept for the next who does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use machiai_core::envelope::{Canonical, Envelope};
use machiai_core::ids::SiteId;
use machiai_core::queue::{Clinic, Taken};
use machiai_wire::offset::{From, Offset};

use super::{down_of, up_of};
use crate::store::{Store, StoreError};
use crate::stream::{Chunk, Read, Wanted};

/// Clinics that are kept folded; whoever is asked for least recently goes.
const MOST_KEPT: usize = 256;

/// Facts that are kept beside the fold, so that one which comes late is put in its place without reading all again.
const MOST_RECENT: usize = 2_000;

/// How much of a stream one step reads, in bytes.
const STEP_BYTES: usize = 1024 * 1024;

/// A clinic, and how far its streams were read for it.
#[derive(Clone, Debug, Default)]
struct Folded {
    /// The clinic without the recent facts.
    base: Clinic,
    recent: BTreeMap<Canonical, Envelope>,
    /// The clinic with them.
    clinic: Clinic,
    up: Option<Offset>,
    down: Option<Offset>,
}

/// One clinic, which one asker at a time brings up to date.
type Kept = Arc<tokio::sync::Mutex<Folded>>;

/// The clinics that are kept, each with the number of the question that last asked for it.
#[derive(Debug, Default)]
struct Shelf {
    n_asked: u64,
    sites: BTreeMap<SiteId, (u64, Kept)>,
}

/// Clinics, folded as they are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Clinics {
    store: Store,
    shelf: Arc<Mutex<Shelf>>,
}

impl Clinics {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, shelf: Arc::default() }
    }

    /// Brings a clinic up to date and asks it something, telling how far the hub's own facts reach in it; none for a site
    /// that is not known.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub(crate) async fn ask<T>(
        &self,
        site: SiteId,
        question: impl FnOnce(&Clinic, Offset) -> T,
    ) -> Result<Option<T>, StoreError> {
        let kept = self.kept(site);
        let mut folded = kept.lock().await;
        if !self.catch_up(site, &mut folded).await? {
            return Ok(None);
        }
        Ok(folded.down.map(|down| question(&folded.clinic, down)))
    }

    fn kept(&self, site: SiteId) -> Kept {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let Shelf { n_asked, sites } = &mut *shelf;
        *n_asked = n_asked.saturating_add(1);
        let (asked, found) = sites.entry(site).or_default();
        *asked = *n_asked;
        let found = Arc::clone(found);
        if sites.len() > MOST_KEPT
            && let Some(oldest) = sites.iter().min_by_key(|(_, (asked, _))| *asked).map(|(site, _)| *site)
        {
            sites.remove(&oldest);
        }
        found
    }

    /// Reads what came since, and folds it; returns whether the site is known.
    async fn catch_up(&self, site: SiteId, folded: &mut Folded) -> Result<bool, StoreError> {
        for _ in 0..2 {
            let (up, down) = (up_of(site), down_of(site));
            let read = self.since(&up, folded.up).await?.zip(self.since(&down, folded.down).await?);
            match read {
                Some((up, down)) => {
                    (folded.up, folded.down) = (Some(up.1), Some(down.1));
                    if folded.take(up.0.into_iter().chain(down.0)) {
                        return Ok(true);
                    }
                }
                // The streams have begun another life: so does the fold.
                None if folded.up.is_some() => {}
                None => return Ok(false),
            }
            *folded = Folded::default();
        }
        Err(StoreError::Lacks { what: "an order of facts" })
    }

    /// Reads a stream's facts from a place on; none when the place is not in it, or there is no such stream.
    async fn since(&self, path: &str, from: Option<Offset>) -> Result<Option<(Vec<Envelope>, Offset)>, StoreError> {
        let (mut facts, mut from) = (Vec::new(), from.map_or(From::Start, From::At));
        loop {
            let Read::Chunk(Chunk { messages, next, is_tail, .. }) =
                self.store.read(path, Wanted { from, most_bytes: STEP_BYTES }).await?
            else {
                return Ok(None);
            };
            // What a box of another version wrote so that it cannot be placed was refused when it came.
            facts.extend(messages.iter().filter_map(|line| Envelope::read(line).ok()));
            if is_tail {
                return Ok(Some((facts, next)));
            }
            from = From::At(next);
        }
    }
}

impl Folded {
    /// Folds facts in; returns whether each found its place.
    fn take(&mut self, facts: impl Iterator<Item = Envelope>) -> bool {
        let mut facts: Vec<Envelope> = facts.collect();
        facts.sort_by_key(|fact| fact.head.canonical());
        let mut is_late = false;
        for fact in facts {
            if self.base.newest().is_some_and(|newest| fact.head.canonical() <= newest) {
                return self.base.knows(fact.head.id());
            }
            is_late |= self.clinic.after(&fact) == Taken::Late;
            self.recent.insert(fact.head.canonical(), fact);
        }
        if is_late {
            self.clinic = self.base.clone();
            for fact in self.recent.values() {
                self.clinic.after(fact);
            }
        }
        self.settle();
        true
    }

    /// Lets the older half of many recent facts be part of what is not folded again.
    fn settle(&mut self) {
        if self.recent.len() <= MOST_RECENT {
            return;
        }
        for _ in 0..MOST_RECENT / 2 {
            if let Some((_, fact)) = self.recent.pop_first() {
                self.base.after(&fact);
            }
        }
    }
}
