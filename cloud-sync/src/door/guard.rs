//! What a certificate lets its box do: speak for its own site while it is good and the box was not replaced.
//!
//! Each request is judged anew: a connection outlives a revocation, a request does not.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, MatchedPath, Path, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use machiai_core::ids::SiteId;
use machiai_wire::content::CONTENT_ROUTE;
use machiai_wire::enrol::Generation;
use machiai_wire::trial::TRIAL_ROUTE;
use serde::Deserialize;

use super::Door;
use super::certificate::Certificate;
use super::denied::Denied;
use super::limits::{Gauge, Load};
use super::peer::Peer;
use crate::store::devices::Admission;
use crate::stream::answers::Refused;
use crate::stream::body::announced;

/// For how long after its end a certificate may be renewed, or what its box left be handed over: a year, in seconds.
const RENEW_WITHIN_S: u64 = 365 * 24 * 60 * 60;

/// Whose something is, by its path.
#[derive(Debug, Deserialize)]
pub(super) struct Of {
    site: SiteId,
}

/// Lets a box's request through to its site, and counts it.
pub(super) async fn guard(
    State(door): State<Door>,
    Path(Of { site }): Path<Of>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Result<Response, Denied> {
    let certificate = door.admit(site, &peer).await?;
    if certificate.not_after_s < door.now_s() {
        return Err(Denied::Expired);
    }
    door.count(certificate, request, next).await
}

/// Lets a box hand over what it had not sent when it was replaced; its certificate counts for that as for a renewal.
pub(super) async fn guard_left(
    State(door): State<Door>,
    Path(Of { site }): Path<Of>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Result<Response, Denied> {
    let (certificate, stands) = door.known(site, &peer).await?;
    match judge(stands, certificate.name.generation) {
        Ok(()) => {}
        Err(Denied::Fenced) if !stands.is_revoked => {}
        Err(Denied::Fenced) => return Err(Denied::Revoked),
        Err(denied) => return Err(denied),
    }
    renewable(&certificate, door.now_s())?;
    door.count(certificate, request, next).await
}

/// Counts the bytes of a body as they pass.
fn counted(body: Body, gauge: Arc<Gauge>, (of, load): ((SiteId, Generation), Load)) -> Body {
    Body::new(body.map_frame(move |frame| {
        let n_bytes = frame.data_ref().map_or(0, |bytes| bytes.len());
        gauge.count_bytes((of, load), n_bytes, gauge.now_ms());
        frame
    }))
}

impl Door {
    /// Lets a request through, and counts it to its box.
    async fn count(&self, certificate: Certificate, request: Request, next: Next) -> Result<Response, Denied> {
        // A body that is counted no longer says how long it is.
        announced(request.body())?;
        let of = (certificate.name.site, certificate.name.generation);
        let load = match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
            Some(CONTENT_ROUTE) => Load::Content,
            Some(TRIAL_ROUTE) => Load::Trial,
            Some(_) | None => Load::Facts,
        };
        self.gauge.take_load(of, load, self.gauge.now_ms()).map_err(|after_s| Denied::TooMany { after_s })?;
        let counted = |body| counted(body, Arc::clone(&self.gauge), (of, load));
        Ok(next.run(request.map(counted)).await.map(counted))
    }

    /// Returns the certificate of whoever asks something of a site, be it over or not.
    ///
    /// # Errors
    /// [`Denied`] when it may not even renew.
    pub(super) async fn admit(&self, site: SiteId, peer: &Peer) -> Result<Certificate, Denied> {
        let (certificate, stands) = self.known(site, peer).await?;
        judge(stands, certificate.name.generation).map(|()| certificate)
    }

    /// Returns the certificate of whoever asks something of a site, and how it stands there.
    async fn known(&self, site: SiteId, peer: &Peer) -> Result<(Certificate, Admission), Denied> {
        let certificate = peer.certificate().ok_or(Denied::NoCertificate)?;
        let name = certificate.name;
        if name.site != site {
            return Err(Denied::OtherSite);
        }
        // A box that was replaced does not use up what its successor may ask.
        let taken = self.gauge.take_request((site, name.generation), self.gauge.now_ms());
        taken.map_err(|after_s| Denied::TooMany { after_s })?;
        let store = &self.streams().store;
        let stands = store.admission(site, certificate.serial).await?.ok_or(Refused::NoStream)?;
        if !stands.is_revoked && name.generation > stands.generation {
            tracing::warn!(%site, generation = %name.generation, "the store is older than a box's certificate");
            store.raise(site, name.generation).await?;
        }
        Ok((certificate, stands))
    }
}

/// Says whether a certificate is good, or has not been over for too long.
pub(super) const fn renewable(certificate: &Certificate, now_s: u64) -> Result<(), Denied> {
    if now_s.saturating_sub(certificate.not_after_s) > RENEW_WITHIN_S { Err(Denied::TooOld) } else { Ok(()) }
}

/// Says whether a certificate of a generation counts.
fn judge(stands: Admission, generation: Generation) -> Result<(), Denied> {
    // A revoked box, too, is told first that another has its place: it stands aside then.
    if generation < stands.generation {
        return Err(Denied::Fenced);
    }
    if stands.is_revoked { Err(Denied::Revoked) } else { Ok(()) }
}
