//! Sealing personal data before it becomes part of a fact, and opening it for those who may read it.
//!
//! ChaCha20-Poly1305 (RFC 8439) under a random key of its own each time; the key goes to the journal's secrets in the
//! same commit as the fact, sealed with the machine's own, and its destruction is the erasure.

use machiai_core::ids::KeyId;
use machiai_core::seal::{Personal, Sealed};
use machiai_journal::SecretChange;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::chance::{Chance, NoChance};
use crate::vault::Vault;

/// The purpose under which keys lie in the journal's secrets.
pub(crate) const KEY_PURPOSE: &str = "personal";

/// Why personal data cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No random key can be drawn.
    #[error("cannot draw a key")]
    Chance(#[source] NoChance),
    /// The data cannot be written as JSON.
    #[error("cannot write personal data as JSON")]
    Json(#[source] serde_json::Error),
    /// The cipher refused: a wrong key, or bytes that were changed.
    #[error("what is sealed does not open: it is another machine's, or was changed")]
    Cipher,
    /// The machine's own key cannot be had.
    #[error("the machine's own key cannot be opened here")]
    Locked,
}

/// Seals personal data; the change puts its key among the secrets, sealed with the machine's own where it has one.
///
/// # Errors
/// [`SealError`]: refuse the command, nothing may be written in clear.
pub(crate) fn seal(
    personal: &Personal,
    (chance, vault): (&Chance, &Vault),
) -> Result<(Sealed, SecretChange), SealError> {
    let key_bytes: [u8; 32] = chance.bytes().map_err(SealError::Chance)?;
    let key_id = chance.key_id().map_err(SealError::Chance)?;
    let text = serde_json::to_vec(personal).map_err(SealError::Json)?;
    let (nonce, text) = encrypt(&key_bytes, key_id.bytes(), text, chance)?;
    let value = vault.seal(key_id.bytes(), key_bytes.to_vec())?;
    let sealed = Sealed { key_id, nonce: hex(&nonce), ct: hex(&text) };
    let change = SecretChange::Put { key_id: key_id.bytes().to_vec(), purpose: KEY_PURPOSE.to_owned(), value };
    Ok((sealed, change))
}

/// Opens sealed personal data with its key, as that is kept.
///
/// # Errors
/// [`SealError::Cipher`] when the key is not the right one or the bytes were changed, [`SealError::Locked`] when the key
/// itself does not open here.
pub(crate) fn open(sealed: &Sealed, kept: Vec<u8>, vault: &Vault) -> Result<Personal, SealError> {
    let name = sealed.key_id.bytes();
    let nonce = unhex(&sealed.nonce).and_then(|nonce| nonce.try_into().ok()).ok_or(SealError::Cipher)?;
    let text = unhex(&sealed.ct).ok_or(SealError::Cipher)?;
    let clear = decrypt(&vault.open(name, kept)?, name, nonce, text)?;
    serde_json::from_slice(&clear).map_err(SealError::Json)
}

/// Encrypts a text under a key and the name that it stands under; returns the nonce, drawn for it, beside it.
///
/// # Errors
/// [`SealError`].
pub(crate) fn encrypt(
    key_bytes: &[u8],
    name: &[u8],
    mut text: Vec<u8>,
    chance: &Chance,
) -> Result<([u8; NONCE_LEN], Vec<u8>), SealError> {
    let drawn = chance.bytes().map_err(SealError::Chance)?;
    let nonce = Nonce::assume_unique_for_key(drawn);
    key(key_bytes)?
        .seal_in_place_append_tag(nonce, Aad::from(name), &mut text)
        .map_err(|ring::error::Unspecified| SealError::Cipher)?;
    Ok((drawn, text))
}

/// Decrypts what [`encrypt`] made.
///
/// # Errors
/// [`SealError::Cipher`].
pub(crate) fn decrypt(
    key_bytes: &[u8],
    name: &[u8],
    nonce: [u8; NONCE_LEN],
    mut text: Vec<u8>,
) -> Result<Vec<u8>, SealError> {
    let nonce = Nonce::assume_unique_for_key(nonce);
    let opened = key(key_bytes)?.open_in_place(nonce, Aad::from(name), &mut text);
    let n_clear = opened.map_err(|ring::error::Unspecified| SealError::Cipher)?.len();
    text.truncate(n_clear);
    Ok(text)
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

/// Reads hexadecimal figures.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Keeper;

    fn personal() -> Personal {
        Personal { name: Some("髙﨑 𠮷子 <&\"".to_owned()), phone: Some("090-0000-0000".to_owned()), note: None }
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let chance = Chance::system();
        let (sealed, change) = seal(&personal(), (&chance, &Vault::Bare)).unwrap();
        let SecretChange::Put { value, .. } = change else { panic!("no key was kept") };
        assert_eq!(open(&sealed, value.clone(), &Vault::Bare).unwrap(), personal());
        assert!(open(&sealed, vec![0; 32], &Vault::Bare).is_err());
        let mut moved = sealed.clone();
        moved.key_id = chance.key_id().unwrap();
        assert!(open(&moved, value, &Vault::Bare).is_err(), "a seal was moved to another key's name");
    }

    #[test]
    fn its_key_lies_sealed_where_the_machine_has_one_and_opens_there_alone() {
        let own = Vault::Open { key: [0x5e; 32], by: Keeper::Tpm };
        let (sealed, change) = seal(&personal(), (&Chance::system(), &own)).unwrap();
        let SecretChange::Put { value, .. } = change else { panic!("no key was kept") };
        assert_eq!(open(&sealed, value.clone(), &own).unwrap(), personal());
        for without in [Vault::Bare, Vault::Locked] {
            assert!(matches!(open(&sealed, value.clone(), &without), Err(SealError::Locked)), "{without:?}");
        }
    }

    #[test]
    fn nothing_of_the_text_shows_in_the_seal() {
        let (sealed, _) = seal(&personal(), (&Chance::system(), &Vault::Bare)).unwrap();
        let line = serde_json::to_string(&sealed).unwrap();
        assert!(!line.contains("090-0000-0000") && !line.contains('髙'), "{line}");
    }
}
