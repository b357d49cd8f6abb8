//! A site tries its line: bytes that mean nothing come and go. Nothing is kept of them, and no store is asked.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use machiai_wire::trial::{MOST_PIECE_BYTES, Taken, Wanted};

use crate::stream::answers::{Refused, set};
use crate::stream::body::thrown_away;

/// What is given at once.
static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

/// Takes bytes, throws them away, and says how many came.
pub(crate) async fn take(request: Request) -> Result<Json<Taken>, Refused> {
    let n_bytes = thrown_away(request.into_body(), MOST_PIECE_BYTES).await?;
    Ok(Json(Taken { n_bytes }))
}

/// Gives so many bytes.
pub(crate) async fn give(Query(Wanted { bytes }): Query<Wanted>) -> Result<Response, Refused> {
    if bytes > MOST_PIECE_BYTES {
        return Err(Refused::TooLarge);
    }
    let n_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let pieces = (0..n_bytes.div_ceil(PIECE.len())).map(move |nth| {
        let n_left = n_bytes.saturating_sub(nth.saturating_mul(PIECE.len()));
        let piece = PIECE.get(..n_left.min(PIECE.len())).unwrap_or_default();
        Ok::<Bytes, std::convert::Infallible>(Bytes::from_static(piece))
    });
    let mut response = Body::from_stream(stream::iter(pieces)).into_response();
    set(&mut response, "content-length", &bytes.to_string());
    set(&mut response, "content-type", "application/octet-stream");
    set(&mut response, "cache-control", "private, no-store");
    Ok(response)
}
