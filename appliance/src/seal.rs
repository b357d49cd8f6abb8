//! Sealing personal data before it becomes part of a fact, and opening it for those who may read it.
//!
//! ChaCha20-Poly1305 (RFC 8439) under a random key of its own each time; the key goes to the journal's secrets in the
//! same commit as the fact, and its destruction is the erasure.

use machiai_core::ids::KeyId;
use machiai_core::seal::{Personal, Sealed};
use machiai_journal::SecretChange;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::chance::{Chance, NoChance};

/// The purpose under which keys lie in the journal's secrets.
pub(crate) const KEY_PURPOSE: &str = "personal";

/// Why personal data cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealError {
    /// No random key can be drawn.
    #[error("cannot draw a key")]
    Chance(#[source] NoChance),
    /// The data cannot be written as JSON.
    #[error("cannot write personal data as JSON")]
    Json(#[source] serde_json::Error),
    /// The cipher refused: a wrong key, or bytes that were changed.
    #[error("cannot open sealed personal data")]
    Cipher,
}

/// Seals personal data; the change puts its key among the secrets.
///
/// # Errors
/// [`SealError`]: refuse the command, nothing may be written in clear.
pub(crate) fn seal(personal: &Personal, chance: &Chance) -> Result<(Sealed, SecretChange), SealError> {
    let key_bytes: [u8; 32] = chance.bytes().map_err(SealError::Chance)?;
    let nonce_bytes: [u8; 12] = chance.bytes().map_err(SealError::Chance)?;
    let key_id = chance.key_id().map_err(SealError::Chance)?;
    let mut text = serde_json::to_vec(personal).map_err(SealError::Json)?;
    let nonce = Nonce::assume_unique_for_key(nonce_bytes);
    key(&key_bytes)?
        .seal_in_place_append_tag(nonce, Aad::from(key_id.bytes()), &mut text)
        .map_err(|ring::error::Unspecified| SealError::Cipher)?;
    let sealed = Sealed { key_id, nonce: hex(&nonce_bytes), ct: hex(&text) };
    let change = SecretChange::Put {
        key_id: key_id.bytes().to_vec(),
        purpose: KEY_PURPOSE.to_owned(),
        value: key_bytes.to_vec(),
    };
    Ok((sealed, change))
}

/// Opens sealed personal data with its key.
///
/// # Errors
/// [`SealError::Cipher`] when the key is not the right one or the bytes were changed.
pub(crate) fn open(sealed: &Sealed, key_bytes: &[u8]) -> Result<Personal, SealError> {
    let nonce_bytes: [u8; 12] =
        unhex(&sealed.nonce).and_then(|nonce| nonce.try_into().ok()).ok_or(SealError::Cipher)?;
    let mut text = unhex(&sealed.ct).ok_or(SealError::Cipher)?;
    let nonce = Nonce::assume_unique_for_key(nonce_bytes);
    let clear = key(key_bytes)?
        .open_in_place(nonce, Aad::from(sealed.key_id.bytes()), &mut text)
        .map_err(|ring::error::Unspecified| SealError::Cipher)?;
    serde_json::from_slice(clear).map_err(SealError::Json)
}

/// Returns the change that destroys a key.
pub(crate) fn destroy(key_id: &KeyId) -> SecretChange {
    SecretChange::Delete { key_id: key_id.bytes().to_vec() }
}

fn key(bytes: &[u8]) -> Result<LessSafeKey, SealError> {
    let unbound = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|ring::error::Unspecified| SealError::Cipher)?;
    Ok(LessSafeKey::new(unbound))
}

/// Writes bytes as hexadecimal figures.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let figure = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [figure(byte >> 4), figure(byte & 0x0f)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn personal() -> Personal {
        Personal { name: Some("髙﨑 𠮷子 <&\"".to_owned()), phone: Some("090-0000-0000".to_owned()), note: None }
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let chance = Chance::system();
        let (sealed, change) = seal(&personal(), &chance).unwrap();
        let SecretChange::Put { value, .. } = change else { panic!("no key was kept") };
        assert_eq!(open(&sealed, &value).unwrap(), personal());
        assert!(open(&sealed, &[0; 32]).is_err());
        let mut moved = sealed.clone();
        moved.key_id = chance.key_id().unwrap();
        assert!(open(&moved, &value).is_err(), "a seal was moved to another key's name");
    }

    #[test]
    fn nothing_of_the_text_shows_in_the_seal() {
        let (sealed, _) = seal(&personal(), &Chance::system()).unwrap();
        let line = serde_json::to_string(&sealed).unwrap();
        assert!(!line.contains("090-0000-0000") && !line.contains('髙'), "{line}");
    }
}
