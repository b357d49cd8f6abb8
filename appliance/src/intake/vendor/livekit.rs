//! LiveKit's webhook: a JSON body, and a JWT (HS256) in `Authorization` whose claims hold the body's SHA-256.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use machiai_core::call::told::Seen;
use machiai_core::time::AtMs;
use ring::{digest, hmac};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Bad, Event};
use crate::config::Livekit;

/// How far the two clocks may differ, in seconds.
const LEEWAY_S: i64 = 60;

#[derive(Deserialize)]
struct Head {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    exp: i64,
    #[serde(default)]
    nbf: i64,
    sha256: String,
}

#[derive(Deserialize)]
struct Body {
    event: String,
    id: String,
    #[serde(default)]
    room: Option<Room>,
    #[serde(default)]
    participant: Option<Participant>,
    #[serde(default, rename = "createdAt")]
    created_at: Option<Whole>,
}

#[derive(Deserialize)]
struct Room {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Participant {
    #[serde(default)]
    sid: String,
    #[serde(default)]
    identity: String,
    #[serde(default, rename = "joinedAt")]
    joined_at: Option<Whole>,
    #[serde(default, rename = "joinedAtMs")]
    joined_at_ms: Option<Whole>,
}

/// A whole number, which JSON of protocol buffers writes as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Whole {
    Number(i64),
    Text(String),
}

impl Whole {
    fn get(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// Checks who signed a body, that it is the one that was signed, and that this was a short while ago.
pub(super) fn check(of: &Livekit, token: &str, body: &[u8], now: AtMs) -> Result<(), Bad> {
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let (signed, signature) = token.rsplit_once('.').ok_or(Bad::NotSigned)?;
    let (head, claims) = signed.split_once('.').ok_or(Bad::NotSigned)?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_broken| Bad::NotSigned)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, of.secret.bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_wrong| Bad::NotSigned)?;
    let (head, claims): (Head, Claims) = (part(head)?, part(claims)?);
    let hash = BASE64_STANDARD.decode(&claims.sha256).map_err(|_broken| Bad::NotSigned)?;
    if head.alg != "HS256" || claims.iss != of.key || hash != digest::digest(&digest::SHA256, body).as_ref() {
        return Err(Bad::NotSigned);
    }
    let now_s = now.0.div_euclid(1_000);
    let from = claims.nbf.saturating_sub(LEEWAY_S);
    if (from..=claims.exp.saturating_add(LEEWAY_S)).contains(&now_s) { Ok(()) } else { Err(Bad::TooOld) }
}

fn part<T: DeserializeOwned>(part: &str) -> Result<T, Bad> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_broken| Bad::NotSigned)?;
    serde_json::from_slice(&bytes).map_err(|_other| Bad::NotSigned)
}

/// Reads an event; none for those that tell nothing of who came or went.
pub(super) fn read(body: &[u8]) -> Result<Option<Event>, Bad> {
    let body: Body = serde_json::from_slice(body).map_err(|_other| Bad::Value("body"))?;
    let seen = match body.event.as_str() {
        "participant_joined" => Seen::Joined,
        // One that never became active is over all the same.
        "participant_left" | "participant_connection_aborted" => Seen::Left,
        _ => return Ok(None),
    };
    let participant = body.participant.ok_or(Bad::Value("participant"))?;
    let seconds = |whole: &Option<Whole>| whole.as_ref().and_then(Whole::get).filter(|at| *at > 0);
    let joined_ms = || {
        let whole = seconds(&participant.joined_at).map(|at| at.saturating_mul(1_000));
        seconds(&participant.joined_at_ms).or(whole).filter(|_| seen == Seen::Joined)
    };
    let created_ms = seconds(&body.created_at).map(|at| at.saturating_mul(1_000));
    let at = AtMs(joined_ms().or(created_ms).ok_or(Bad::Value("createdAt"))?);
    let room = body.room.map(|room| room.name).unwrap_or_default();
    let Participant { sid: connection, identity, .. } = participant;
    Ok(Some(Event { event: body.id, room, identity, connection, seen, at }))
}
