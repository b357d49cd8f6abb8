//! When the hub serves: said by the command line, told to boxes with every vector, and kept here while a pause runs.
//!
//! Out of its hours a hub that runs serves all the same; in a pause it serves nobody but operators, so that what is done
//! to it meanwhile is done to a store that nobody changes.

pub mod orders;

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use machiai_core::time::AtMs;
use machiai_wire::service::Service;

use crate::causes::with_causes;
use crate::clock::Clock;
use crate::patient::NoPage;
use crate::store::{Store, StoreError};
use crate::stream::answers::Refused;

/// Whoever comes in a pause is told to come again in so many seconds at most: pauses end sooner than was thought.
const MOST_AFTER_S: i64 = 15 * 60;

/// What was said, as this node knows it.
#[derive(Clone)]
pub(crate) struct Announced {
    store: Store,
    clock: Clock,
    said: Arc<RwLock<Service>>,
}

/// A pause that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pausing {
    /// When the hub serves again.
    pub(crate) until: AtMs,
    /// In how many seconds to come again.
    pub(crate) after_s: u64,
}

impl Announced {
    /// Reads what stands.
    ///
    /// # Errors
    /// [`StoreError`]: the hub does not begin.
    pub(crate) async fn read(store: Store, clock: Clock) -> Result<Self, StoreError> {
        let said = Arc::new(RwLock::new(store.service().await?));
        Ok(Self { store, clock, said })
    }

    /// Reads it again, as another program may have said something; call it now and then.
    pub(crate) async fn look(&self) {
        match self.store.service().await {
            Ok(said) => *self.said.write().unwrap_or_else(PoisonError::into_inner) = said,
            Err(cause) => tracing::warn!(error = %with_causes(&cause), "when the hub serves is not known anew"),
        }
    }

    /// Returns what boxes are told.
    pub(crate) fn said(&self) -> Service {
        self.said.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the pause that runs, if one does.
    pub(crate) fn pausing(&self) -> Option<Pausing> {
        let (said, now) = (self.said.read().unwrap_or_else(PoisonError::into_inner), self.clock.now());
        let until = said.pause(now)?.until_ms;
        let after_s = until.since(now).saturating_add(999) / 1_000;
        Some(Pausing { until, after_s: u64::try_from(after_s.clamp(1, MOST_AFTER_S)).unwrap_or(1) })
    }
}

/// Serves boxes, but in a pause.
pub(crate) async fn for_boxes(State(announced): State<Announced>, request: Request, next: Next) -> Response {
    match announced.pausing() {
        Some(pausing) => Refused::Pausing(pausing).into_response(),
        None => next.run(request).await,
    }
}

/// Serves patients and everybody else, but in a pause.
pub(crate) async fn for_all(State(announced): State<Announced>, request: Request, next: Next) -> Response {
    match announced.pausing() {
        Some(pausing) => NoPage::Pausing(pausing).into_response(),
        None => next.run(request).await,
    }
}
