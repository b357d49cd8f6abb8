//! Who may speak to the hub: TLS with an authority of its own, enrolment, certificates, and how much each may ask.
//!
//! Whoever has no certificate may enrol with a code, and nothing else. Nothing here looks into a fact.

pub mod authority;
mod certificate;
mod denied;
mod enrol;
mod guard;
pub mod limits;
mod listener;
mod peer;
mod verifier;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::post;
use machiai_core::ids::SiteId;
use machiai_wire::enrol::{Code, ENROL_PATH};
use thiserror::Error;

use crate::chance::{self, NoChance};
use crate::hub::Hub;
use crate::site::routes::spoken;
use crate::store::devices::{NewCode, Replaces};
use crate::store::{Store, StoreError};
use crate::stream::routes::Streams;
use authority::{Authority, AuthorityError};
use limits::{Gauge, Limits};
pub(crate) use listener::{Tls, serve};

/// How long an enrolment code is good: a day, in seconds.
pub const CODE_FOR_S: u64 = 24 * 60 * 60;

/// What everybody at the door holds.
#[derive(Clone)]
pub(crate) struct Door {
    hub: Hub,
    authority: Arc<Authority>,
    gauge: Arc<Gauge>,
}

impl Door {
    /// Opens the door to a hub.
    pub(crate) fn new(hub: Hub, authority: Authority, limits: Limits) -> Self {
        Self { hub, authority: Arc::new(authority), gauge: Arc::new(Gauge::new(limits)) }
    }

    fn now_s(&self) -> u64 {
        (self.streams().now_s)()
    }

    const fn streams(&self) -> &Streams {
        self.hub.streams()
    }

    fn routes(&self) -> Router {
        let guarded = self.hub.for_boxes().route_layer(from_fn_with_state(self.clone(), guard::guard));
        let left = self.hub.for_boxes_before().route_layer(from_fn_with_state(self.clone(), guard::guard_left));
        let open = Router::new()
            .route(ENROL_PATH, post(enrol::enrol))
            .route("/v1/sites/{site}/renew", post(enrol::renew))
            .with_state(self.clone());
        spoken(guarded.merge(left).merge(open))
    }
}

/// Why there is no enrolment code.
#[derive(Debug, Error)]
pub enum NoCode {
    /// The authority cannot be read or made.
    #[error("cannot use the hub's authority")]
    Authority(#[source] AuthorityError),
    /// No random bytes.
    #[error("cannot draw a code")]
    Chance(#[source] NoChance),
    /// The store failed.
    #[error("cannot keep the code")]
    Store(#[source] StoreError),
    /// The site is not known.
    #[error("there is no site {0}: add it first")]
    NoSite(SiteId),
}

/// Draws an enrolment code for a site, good for a day; `now_s` is in seconds since 1970, `state` holds the authority.
///
/// # Errors
/// [`NoCode`].
pub async fn draw_code(
    (store, state): (&Store, &Path),
    (site, replaces): (SiteId, Replaces),
    now_s: u64,
) -> Result<Code, NoCode> {
    let authority = Authority::open(state).map_err(NoCode::Authority)?;
    let secret = chance::bytes().map_err(NoCode::Chance)?;
    let code = Code { site, secret, fingerprint: authority.fingerprint() };
    let until_s = now_s.saturating_add(CODE_FOR_S);
    let kept = store.keep_code(NewCode { site, hash: code.hash(), replaces, until_s }).await;
    if kept.map_err(NoCode::Store)? { Ok(code) } else { Err(NoCode::NoSite(site)) }
}
