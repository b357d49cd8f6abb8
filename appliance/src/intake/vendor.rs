//! The vendor's witness of consultation calls: signed webhooks and lists. It never changes an amount.
//!
//! A webhook comes in at the box itself, by whatever the clinic's IT relays it with. What is not signed, too old or too
//! large is refused; an event that comes twice is one. A patient's name at the vendor may be a name, and is not kept.

mod list;
mod livekit;
mod twilio;

use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FormRejection};
use axum::extract::{DefaultBodyLimit, Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use machiai_core::call::decide::CallCommand;
use machiai_core::call::told::{CallKey, CallWitnessed, Seen, Side, Vendor};
use machiai_core::command::Command;
use machiai_core::envelope::Cmd;
use machiai_core::ids::{DeviceId, EventId};
use machiai_core::time::AtMs;

use super::api::{Answer, carry};
use crate::answer::{Answered, answer};
use crate::app::Shared;
use crate::config::Livekit;
use crate::gate::Gate;
use crate::problem::{Problem, Told};
use crate::rules::Done;
use crate::seal::hex;

/// The largest list, in bytes: a month of some ten thousand connections.
const MAX_LIST_BYTES: usize = 2 * 1024 * 1024;

/// Returns the routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/calls/vendor/livekit", post(livekit))
        .route("/api/v1/calls/vendor/twilio", post(twilio))
        .route("/api/v1/calls/vendor/list", post(list).layer(DefaultBodyLimit::max(MAX_LIST_BYTES)))
}

/// Why something that a vendor sent is not taken in.
#[derive(Debug, PartialEq, Eq)]
enum Bad {
    /// Nobody with the secret signed it.
    NotSigned,
    /// It was signed too long ago: somebody sends it again.
    TooOld,
    /// A value cannot be used.
    Value(&'static str),
    /// A line of a list cannot be read; from 1, the head included.
    Line(usize),
}

/// Something that a vendor saw.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    event: String,
    room: String,
    identity: String,
    connection: String,
    seen: Seen,
    at: AtMs,
}

impl Event {
    /// Makes the fact of it; a patient's own name is left out.
    fn told(self, vendor: Vendor, clinic: &str) -> Result<CallWitnessed, Bad> {
        let side = if self.identity.starts_with(clinic) { Side::Clinic } else { Side::Patient };
        let identity = if side == Side::Clinic { self.identity.as_str() } else { "patient" };
        let read = |field| move |_other| Bad::Value(field);
        let key = CallKey {
            reservation: Some(self.room.parse().map_err(read("room"))?),
            endpoint: identity.parse().map_err(read("identity"))?,
            connection: Some(self.connection.parse().map_err(read("connection"))?),
        };
        let event: EventId = self.event.parse().map_err(read("event"))?;
        Ok(CallWitnessed { vendor, event, key, side, seen: self.seen, seen_at_ms: self.at })
    }
}

/// What a LiveKit server tells of its rooms: a JWT over the body's SHA-256 in `Authorization`.
#[utoipa::path(post, path = "/api/v1/calls/vendor/livekit", request_body = Object, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn livekit(
    State(app): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    let body = body.map_err(|rejection| unread(&app, rejection.status()))?;
    let Some(of) = app.vendors.livekit.clone() else { return Err(Problem::unknown_address(app.panel.words())) };
    let token = headers.get("authorization").and_then(|token| token.to_str().ok()).unwrap_or_default();
    let now = app.gate.clock.now().0;
    let read = livekit::check(&of, token, &body, now).and_then(|()| livekit::read(&body));
    witness(&app, Vendor::Livekit, read).await
}

/// What Twilio tells of its rooms: an HMAC over address and parameters in `X-Twilio-Signature`.
#[utoipa::path(post, path = "/api/v1/calls/vendor/twilio", request_body = Object, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn twilio(
    State(app): State<Shared>,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Answer {
    let Form(form) = form.map_err(|rejection| unread(&app, rejection.status()))?;
    let Some(of) = app.vendors.twilio.clone() else { return Err(Problem::unknown_address(app.panel.words())) };
    let signature = headers.get("x-twilio-signature").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let now = app.gate.clock.now().0;
    let read = twilio::check(&of, signature, &form).and_then(|()| twilio::read(&form, now));
    witness(&app, Vendor::Twilio, read).await
}

/// A list of what the vendor saw, as CSV: `reservation,identity,connection,joined,left`; all of it or nothing.
#[utoipa::path(post, path = "/api/v1/calls/vendor/list", request_body = String, tag = "calls",
    responses((status = 200, body = Answered), (status = "4XX", body = Told)))]
pub(crate) async fn list(State(app): State<Shared>, body: Result<Bytes, BytesRejection>) -> Answer {
    let body = body.map_err(|rejection| unread(&app, rejection.status()))?;
    let told = list::read(&body).and_then(|events| {
        events.into_iter().map(|event| event.told(Vendor::Csv, &app.vendors.clinic)).collect::<Result<Vec<_>, _>>()
    });
    let seen = told.map_err(|bad| refusal(&app, &bad))?;
    let key = format!("list/{}", hex(blake3::hash(&body).as_bytes().get(..16).unwrap_or_default()));
    note(&app, key, seen).await
}

async fn witness(app: &Shared, vendor: Vendor, read: Result<Option<Event>, Bad>) -> Answer {
    let told = read.and_then(|event| event.map(|event| event.told(vendor, &app.vendors.clinic)).transpose());
    match told.map_err(|bad| refusal(app, &bad))? {
        // Rooms tell of much more than who came and went.
        None => Ok(answer(app, &Done { facts: Vec::new(), replayed: false })),
        Some(seen) => note(app, format!("{vendor:?}/{}", seen.event), vec![seen]).await,
    }
}

async fn note(app: &Shared, key: String, seen: Vec<CallWitnessed>) -> Answer {
    let device: DeviceId = "vendor".parse().unwrap_or_else(|_| unreachable!("a fixed word of six letters"));
    // The key says all there is to be compared: what is told under it again is the same.
    let hash = blake3::hash(key.as_bytes()).to_hex();
    let (key, digest) = (hash.get(..32).unwrap_or_default(), hash.get(32..48).unwrap_or_default());
    let cmd = Cmd { key: format!("seen/{key}"), digest: digest.to_owned() };
    let command = Command::Consultation { command: CallCommand::Witness { seen } };
    carry(app, Gate::by(device, Some(cmd), command)).await
}

fn unread(app: &Shared, status: StatusCode) -> Problem {
    let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "body_too_large" } else { "body_broken" };
    Problem::request(app.panel.words(), status, code, None)
}

fn refusal(app: &Shared, bad: &Bad) -> Problem {
    let words = app.panel.words();
    match bad {
        Bad::NotSigned => Problem::request(words, StatusCode::UNAUTHORIZED, "not_signed", None),
        Bad::TooOld => Problem::request(words, StatusCode::UNAUTHORIZED, "too_old", None),
        Bad::Value(field) => Problem::of_field(words, StatusCode::UNPROCESSABLE_ENTITY, "bad_value", field),
        Bad::Line(line) => {
            Problem::of_value(words, StatusCode::UNPROCESSABLE_ENTITY, "list_broken", ("line", line.to_string()))
        }
    }
}

/// When vendors' events are taken to come, for whoever tries them: within the life of the token of the tests.
const TASTED_AT: AtMs = AtMs(1_795_476_670_000);

/// Reads bytes as each vendor's, for nobody: what is signed may be anything too. A token stands behind a NUL.
pub(crate) fn taste(bytes: &[u8]) {
    static OF: LazyLock<Option<Livekit>> = LazyLock::new(|| toml::from_str("key = \"API1\"\nsecret = \"hush\"").ok());
    let told = |event: Event| event.told(Vendor::Csv, "clinic");
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (body, token) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if let Some(of) = &*OF {
        drop(livekit::check(of, &String::from_utf8_lossy(token), body, TASTED_AT));
    }
    drop(livekit::read(body).map(|event| event.map(told)));
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let form: Vec<(String, String)> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    drop(twilio::read(&form, TASTED_AT).map(|event| event.map(told)));
    drop(list::read(bytes).map(|events| events.into_iter().map(told).collect::<Vec<_>>()));
}

#[cfg(test)]
pub(crate) mod tests;
