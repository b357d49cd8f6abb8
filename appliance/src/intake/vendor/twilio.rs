//! Twilio's status callback of a room: a form, and in `X-Twilio-Signature` an HMAC-SHA1 over the callback's address and
//! the sorted parameters.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use machiai_core::call::told::Seen;
use machiai_core::time::{AtMs, HOUR_MS, MINUTE_MS};
use ring::hmac;

use super::{Bad, Event};
use crate::config::Twilio;

/// How old an event may be: Twilio tries again for hours, and nothing in the signature says when it was made.
const AGE_MS: i64 = 24 * HOUR_MS;

/// How far ahead of the box's clock Twilio's may be.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// Checks that a form was signed with the account's token, for this address.
pub(super) fn check(of: &Twilio, signature: &str, form: &[(String, String)]) -> Result<(), Bad> {
    let mut sorted: Vec<&(String, String)> = form.iter().collect();
    sorted.sort();
    let mut signed = of.url.clone();
    for (name, value) in sorted {
        signed.push_str(name);
        signed.push_str(value);
    }
    let signature = BASE64_STANDARD.decode(signature).map_err(|_broken| Bad::NotSigned)?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, of.token.bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_wrong| Bad::NotSigned)
}

/// Reads an event; none for those that tell nothing of who came or went.
pub(super) fn read(form: &[(String, String)], now: AtMs) -> Result<Option<Event>, Bad> {
    let of = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let seen = match of("StatusCallbackEvent") {
        Some("participant-connected") => Seen::Joined,
        Some("participant-disconnected") => Seen::Left,
        Some(_) | None => return Ok(None),
    };
    let get = |name: &'static str| of(name).ok_or(Bad::Value(name));
    let at: jiff::Timestamp = get("Timestamp")?.parse().map_err(|_other| Bad::Value("Timestamp"))?;
    let at = AtMs(at.as_millisecond());
    if !(-AHEAD_MS..=AGE_MS).contains(&now.since(at)) {
        return Err(Bad::TooOld);
    }
    let connection = get("ParticipantSid")?.to_owned();
    let event =
        format!("{connection}-{}", of("SequenceNumber").unwrap_or(if seen == Seen::Joined { "j" } else { "l" }));
    let (room, identity) = (get("RoomName")?.to_owned(), get("ParticipantIdentity")?.to_owned());
    Ok(Some(Event { event, room, identity, connection, seen, at }))
}
