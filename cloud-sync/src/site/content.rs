//! Content for a site's boxes: only what a fact of that very site describes, whole or from a byte on.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use machiai_core::ids::SiteId;
use machiai_core::program::content::ContentHash;
use machiai_core::queue::Clinic;
use machiai_wire::content::{Wanted, read_range, tag};

use super::clinic::Clinics;
use crate::blobs::Blobs;
use crate::stream::answers::{Refused, set};

/// What gives content to sites.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) clinics: Clinics,
    pub(crate) blobs: Blobs,
}

/// Gives a piece of content, or a part of it.
pub(crate) async fn content(
    State(Shelf { clinics, blobs }): State<Shelf>,
    Path((site, named)): Path<(SiteId, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    // Whatever else was put into the path is not looked for anywhere.
    let content: ContentHash = named.parse().map_err(|_other| Refused::NoContent)?;
    if clinics.ask(site, |clinic, _| is_for(clinic, content)).await? != Some(true) {
        return Err(Refused::NoContent);
    }
    let n_bytes = blobs.size(content).await.map_err(Refused::Blobs)?.ok_or(Refused::NoContent)?;
    let tag = tag(content);
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // The content of a hash never changes: a range of another tag is one of other content.
    let range = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|known| known == tag));
    let (from, to) = match range.map_or(Wanted::All, |range| read_range(range, n_bytes)) {
        Wanted::All => (0, n_bytes),
        Wanted::Part { from, to } => (from, to),
        Wanted::Beyond => {
            let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
            set(&mut response, "content-range", &format!("bytes */{n_bytes}"));
            return Ok(response);
        }
    };
    let mut response = Body::from_stream(blobs.read(content, from..to)).into_response();
    set(&mut response, "content-length", &to.saturating_sub(from).to_string());
    if (from, to) != (0, n_bytes) {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        set(&mut response, "content-range", &format!("bytes {from}-{}/{n_bytes}", to.saturating_sub(1)));
    }
    set(&mut response, "content-type", "application/octet-stream");
    set(&mut response, "accept-ranges", "bytes");
    set(&mut response, "etag", &tag);
    set(&mut response, "cache-control", "private, max-age=31536000, immutable");
    Ok(response)
}

/// Whether a fact of a clinic describes a piece of content that is a file and was not withdrawn.
fn is_for(clinic: &Clinic, content: ContentHash) -> bool {
    let known = clinic.program.content(content);
    known.is_some_and(|(state, told)| !state.withdrawn.value && told.scene.is_none())
}
