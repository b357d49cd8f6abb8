//! Enrolment and renewal: a box gets its certificate for a code once, and the next one for the one before.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Extension, Path, State};
use machiai_core::ids::SiteId;
use machiai_wire::enrol::{Admitted, BoxId, BoxName, Code, Enrol, Enrolled, Renew};
use serde::de::DeserializeOwned;

use super::Door;
use super::authority::{AuthorityError, Request, next_certificate};
use super::denied::Denied;
use super::guard::renewable;
use super::peer::Peer;
use crate::chance;
use crate::site::up_of;
use crate::store::devices::{CodeUse, NewCertificate};
use crate::stream::answers::Refused;

/// How large a request for a certificate may be, and how long it may take.
const MAX_BYTES: usize = 16 * 1024;
const READ_FOR: Duration = Duration::from_secs(20);

/// Gives a box its first certificate.
pub(super) async fn enrol(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Result<Json<Admitted>, Denied> {
    let tried = door.gauge.take_try(peer.network(), door.gauge.now_ms());
    tried.map_err(|after_s| Denied::TooMany { after_s })?;
    let sent: Enrol = read(body).await?;
    let code: Code = sent.code.parse().map_err(Denied::Mistyped)?;
    if code.fingerprint != door.authority.fingerprint() {
        return Err(Denied::OtherHub);
    }
    let request = Request::read(&sent.csr).map_err(|_bad| Denied::BadRequest)?;
    // All that can fail is done before the code is used.
    let id = chance::bytes().map_err(|cause| Denied::Authority(AuthorityError::Chance(cause)))?;
    let now_s = door.now_s();
    let certificate = next_certificate(now_s).map_err(Denied::Authority)?;
    let sent_before = door.streams().store.about(&up_of(code.site)).await?;
    let has_facts = sent_before.is_some_and(|about| about.tail.after > 0);
    let generation = match door.streams().store.use_code(code.hash(), now_s, certificate).await? {
        CodeUse::Enrolled(generation) => generation,
        CodeUse::Unknown => return Err(Denied::UnknownCode),
        CodeUse::Used => return Err(Denied::UsedCode),
        CodeUse::Old => return Err(Denied::OldCode),
        CodeUse::HasABox => return Err(Denied::HasABox),
    };
    let name = BoxName { site: code.site, generation, id: BoxId(u128::from_le_bytes(id)) };
    tracing::info!(site = %name.site, %generation, "a box is enrolled");
    Ok(Json(Admitted { enrolled: door.sign(&request, name, certificate)?, has_facts }))
}

/// Gives a box its next certificate.
pub(super) async fn renew(
    State(door): State<Door>,
    Path(site): Path<SiteId>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Result<Json<Enrolled>, Denied> {
    let before = door.admit(site, &peer).await?;
    let now_s = door.now_s();
    renewable(&before, now_s)?;
    let Renew { csr } = read(body).await?;
    let request = Request::read(&csr).map_err(|_bad| Denied::BadRequest)?;
    let certificate = next_certificate(now_s).map_err(Denied::Authority)?;
    door.streams().store.keep_certificate((site, before.name.generation), certificate).await?;
    door.sign(&request, before.name, certificate).map(Json)
}

impl Door {
    fn sign(&self, request: &Request, name: BoxName, certificate: NewCertificate) -> Result<Enrolled, Denied> {
        let certificate = self.authority.sign(request, name, &certificate).map_err(Denied::Authority)?;
        Ok(Enrolled { certificate, authority: self.authority.pem().to_owned() })
    }
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Denied> {
    let whole = tokio::time::timeout(READ_FOR, to_bytes(body, MAX_BYTES)).await;
    let bytes = whole.map_err(|_late| Refused::Torn)?.map_err(|_cut| Refused::TooLarge)?;
    serde_json::from_slice(&bytes).map_err(|_bad| Denied::Malformed)
}
