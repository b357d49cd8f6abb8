//! Reading a command's request: its key, its device, and a body in which nothing unknown may stand.

use std::future::Future;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode};
use machiai_core::envelope::{By, Cmd};
use machiai_core::ids::DeviceId;
use machiai_core::people::DeviceKind;
use serde::de::DeserializeOwned;

use crate::access::{Caller, not_paired};
use crate::app::Shared;
use crate::problem::Problem;
use crate::seal::hex;

/// The header with the idempotency key (draft-ietf-httpapi-idempotency-key-header).
const KEY_HEADER: &str = "idempotency-key";

/// The header that names the kiosk, tablet or program.
const DEVICE_HEADER: &str = "machiai-device";

/// A command's request, read.
pub(crate) struct Order<T> {
    /// Its body.
    pub(crate) body: T,
    /// Its key and the digest of what was pressed.
    pub(crate) cmd: Cmd,
    /// Who sent it.
    pub(crate) by: By,
    /// What the device is for; none at the box itself.
    pub(crate) kind: Option<DeviceKind>,
}

impl<T: DeserializeOwned> FromRequest<Shared> for Order<T> {
    type Rejection = Problem;

    fn from_request(request: Request, app: &Shared) -> impl Future<Output = Result<Self, Problem>> + Send {
        let app = app.clone();
        async move {
            let refuse = |status, code, detail| Problem::request(app.panel.words(), status, code, detail);
            // On the network the device is the paired one, whatever the header says.
            let caller = request.extensions().get::<Caller>().cloned().ok_or_else(|| not_paired(&app))?;
            let by = caller.by(device_of(request.headers()));
            let by = by.ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "device_missing", None))?;
            let key = key_of(request.headers()).ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "key_missing", None))?;
            let path = request.uri().path().to_owned();
            let bytes = Bytes::from_request(request, &app).await.map_err(|rejection| {
                let status = rejection.status();
                let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "body_too_large" } else { "body_broken" };
                refuse(status, code, None)
            })?;
            let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
            let not_understood = |detail| refuse(StatusCode::UNPROCESSABLE_ENTITY, "body_not_understood", Some(detail));
            let body = read(text).map_err(not_understood)?;
            let digest = digest(&by.device, &path, text);
            Ok(Self { body, cmd: Cmd { key, digest }, by, kind: caller.kind() })
        }
    }
}

/// Reads a body; says where it is wrong.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    // serde would take a list for a struct, field by field.
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err("not an object".to_owned());
    }
    serde_json::from_slice(text).map_err(|cause| place_of(&cause))
}

/// Says where a body is wrong without repeating what stands there, which may be a patient's.
fn place_of(cause: &serde_json::Error) -> String {
    let what = match cause.classify() {
        serde_json::error::Category::Data => "wrong type, unknown key or missing key",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Eof => "cut off",
        serde_json::error::Category::Io => "broken off",
    };
    format!("{what} at line {} column {}", cause.line(), cause.column())
}

fn device_of(headers: &HeaderMap) -> Option<DeviceId> {
    headers.get(DEVICE_HEADER)?.to_str().ok()?.parse().ok()
}

fn key_of(headers: &HeaderMap) -> Option<String> {
    headers.get(KEY_HEADER)?.to_str().ok().filter(|key| is_key(key)).map(str::to_owned)
}

/// Whether a text can be an idempotency key.
pub(super) fn is_key(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

/// First 8 bytes of blake3 over who pressed what.
pub(super) fn digest(device: &DeviceId, path: &str, body: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [device.as_str().as_bytes(), path.as_bytes(), body] {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hex(hasher.finalize().as_bytes().get(..8).unwrap_or_default())
}
