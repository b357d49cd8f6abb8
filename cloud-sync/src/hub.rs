//! What all listeners of a hub share, and the routes that each of them has.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use machiai_core::ids::Origin;
use thiserror::Error;

use crate::blobs::Blobs;
use crate::chance::{self, NoChance};
use crate::clock::Clock;
use crate::operator::Operators;
use crate::patient::Patients;
use crate::public;
use crate::service::{self, Announced};
use crate::site::content::Shelf;
use crate::site::remote::Remote;
use crate::site::routes::{Sites, of_content, routes, routes_left};
use crate::site::sealed::{Sealed, seal_of};
use crate::site::seen::Seen;
use crate::store::StoreError;
use crate::stream::routes::Streams;
use crate::watch::{self, Watched};

/// The name of the secret that signs patients' cookies.
const COOKIES: &str = "cookies";

/// Why a hub does not begin.
#[derive(Debug, Error)]
pub enum HubError {
    /// No random bytes.
    #[error("cannot draw the origin under which this node writes")]
    Chance(#[source] NoChance),
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[source] StoreError),
    /// A template or a file of words.
    #[error("cannot read the pages")]
    Pages(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A node of the hub.
#[derive(Clone)]
pub struct Hub {
    streams: Streams,
    seen: Seen,
    remote: Remote,
    patients: Patients,
    operators: Operators,
    announced: Announced,
    sealed: Sealed,
    blobs: Option<Blobs>,
}

impl Hub {
    /// Begins a node over its streams.
    ///
    /// # Errors
    /// [`HubError`].
    pub async fn begin(streams: Streams, clock: Clock) -> Result<Self, HubError> {
        let origin = Origin::from_bytes(chance::bytes().map_err(HubError::Chance)?);
        let secret = streams.store.secret(COOKIES).await.map_err(HubError::Store)?;
        let seen = Seen::new(streams.store.clone(), clock.clone());
        let began = streams.store.life_began().await.map_err(HubError::Store)?;
        let announced = Announced::read(streams.store.clone(), clock.clone()).await.map_err(HubError::Store)?;
        let seal = seal_of(&streams.store).await.map_err(HubError::Store)?;
        let sealed = Sealed { seal: seal.clone(), store: streams.store.clone(), clock: clock.clone() };
        let remote = Remote::new(streams.clone(), (clock, began), (origin, seal));
        let patients = Patients::new((remote.clone(), seen.clone()), secret).map_err(HubError::Pages)?;
        let of_operators = (streams.store.clone(), Arc::clone(&streams.now_s));
        let operators = Operators::new(of_operators, (remote.clone(), seen.clone())).map_err(HubError::Pages)?;
        Ok(Self { streams, seen, remote, patients, operators, announced, sealed, blobs: None })
    }

    /// Has it give boxes the content that lies in a place; without one it has none.
    #[must_use]
    pub fn giving(self, blobs: Blobs) -> Self {
        Self { blobs: Some(blobs), ..self }
    }

    /// Returns the streams, for what writes to them beside the routes.
    #[must_use]
    pub const fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Returns the routes of boxes.
    ///
    /// They ask nobody who comes: who may speak for a site is for the door to say.
    pub(crate) fn for_boxes(&self) -> Router {
        let (streams, announced) = (self.streams.clone(), self.announced.clone());
        let sites = routes(Sites { streams, seen: self.seen.clone(), announced, sealed: self.sealed.clone() });
        let routes = match &self.blobs {
            Some(blobs) => {
                sites.merge(of_content(Shelf { clinics: self.remote.clinics.clone(), blobs: blobs.clone() }))
            }
            None => sites,
        };
        routes.route_layer(from_fn_with_state(self.announced.clone(), service::for_boxes))
    }

    /// Returns the routes of boxes that were replaced.
    ///
    /// They ask nobody who comes either.
    pub(crate) fn for_boxes_before(&self) -> Router {
        let (streams, announced) = (self.streams.clone(), self.announced.clone());
        let routes = routes_left(Sites { streams, seen: self.seen.clone(), announced, sealed: self.sealed.clone() });
        routes.route_layer(from_fn_with_state(self.announced.clone(), service::for_boxes))
    }

    /// Returns the routes of everybody: patients' pages, and what others may show of a clinic.
    pub(crate) fn for_all(&self) -> Router {
        let public = public::routes(public::Public { remote: self.remote.clone(), seen: self.seen.clone() });
        let routes = self.patients.clone().routes().merge(public);
        routes.route_layer(from_fn_with_state(self.announced.clone(), service::for_all))
    }

    /// Returns the routes of operators, who sign in there.
    pub(crate) fn for_operators(&self) -> Router {
        self.operators.clone().routes()
    }

    /// Returns the routes of whoever watches machines.
    pub(crate) fn for_watchers(&self) -> Router {
        let (store, operators) = (self.streams.store.clone(), self.operators.clone());
        watch::routes(Watched { store, operators, announced: self.announced.clone(), seen: self.seen.clone() })
    }

    /// Does what is due now and then: other nodes learn who was heard of here, and this one what was said meanwhile.
    pub(crate) async fn keep_house(&self) {
        self.announced.look().await;
        self.seen.keep().await;
    }
}
