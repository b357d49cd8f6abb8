//! The hub's seal on its own facts. A box brings them back to a hub that was restored from an older backup: by the seal
//! that hub knows them for its own, and a box that writes in the hub's name is found out.
//!
//! It is the fact's last field, `mac`: blake3, keyed with a secret of the hub's, over the line as it is without that field.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;

use machiai_core::envelope::MAX_FACT_BYTES;
use serde::Deserialize;

use crate::hub_side::DEVICE;

/// What stands around the seal's 64 figures, up to the line's end.
const BEFORE: &[u8] = br#","mac":""#;
const AFTER: &[u8] = br#""}"#;

/// How many bytes a seal adds to a line.
const N_BYTES: usize = BEFORE.len() + 64 + AFTER.len() - 1;

/// The secret that seals; all nodes of a hub have the same.
#[derive(Clone)]
pub struct Seal([u8; 32]);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

/// The part of a fact that says by which device it was written.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    by: By<'a>,
}

#[derive(Deserialize)]
struct By<'a> {
    #[serde(borrow)]
    device: Cow<'a, str>,
}

impl Seal {
    /// Seals with a secret.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// Seals a fact's line; none for what is no line of an object, or would be longer than facts are.
    #[must_use]
    pub fn sealed(&self, line: &[u8]) -> Option<Vec<u8>> {
        let open = line.strip_suffix(b"}")?;
        let mac = self.of(open).to_hex();
        let sealed = [open, BEFORE, mac.as_bytes(), AFTER].concat();
        (sealed.len() <= MAX_FACT_BYTES).then_some(sealed)
    }

    /// Returns the first of a box's lines, from 0, that says that the hub wrote it, and it did not.
    pub fn first_forged<'a>(&self, lines: impl IntoIterator<Item = &'a [u8]>) -> Option<usize> {
        lines.into_iter().position(|line| is_by_hub(line) && !self.is_on(line))
    }

    /// Whether a line bears this seal; the time that takes tells nothing of the seal.
    fn is_on(&self, line: &[u8]) -> bool {
        let Some((open, end)) = line.len().checked_sub(N_BYTES + 1).and_then(|n_open| line.split_at_checked(n_open))
        else {
            return false;
        };
        let figures = end.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(AFTER));
        let stated = figures.and_then(|figures| blake3::Hash::from_hex(figures).ok());
        stated.is_some_and(|stated| stated == self.of(open))
    }

    fn of(&self, open: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(open).update(b"}");
        hasher.finalize()
    }
}

fn is_by_hub(line: &[u8]) -> bool {
    serde_json::from_slice::<Written<'_>>(line).is_ok_and(|written| written.by.device == DEVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEAL: Seal = Seal::new([7; 32]);
    const OURS: &[u8] = br#"{"site":1001,"seq":1,"by":{"device":"hub"},"kind":"Any"}"#;

    fn is_forged(line: &[u8]) -> bool {
        SEAL.first_forged([line]).is_some()
    }

    #[test]
    fn a_sealed_fact_is_the_hubs_own_and_no_other_is() {
        let sealed = SEAL.sealed(OURS).unwrap();
        assert_eq!(sealed.len(), OURS.len() + N_BYTES);
        assert!(serde_json::from_slice::<serde_json::Value>(&sealed).unwrap()["mac"].is_string());
        assert!(!is_forged(&sealed));
        assert!(is_forged(OURS), "without a seal");
        for nth in 0..sealed.len() {
            let mut other = sealed.clone();
            other[nth] ^= 1;
            // A device of another name needs no seal, and what is no fact is for others to refuse.
            assert!(is_forged(&other) || !is_by_hub(&other), "byte {nth}");
        }
        let of_another = Seal::new([8; 32]).sealed(OURS).unwrap();
        assert!(is_forged(&of_another));
        assert_eq!(SEAL.first_forged([sealed.as_slice(), &of_another]), Some(1));
    }

    #[test]
    fn a_name_written_otherwise_is_the_same_name_and_a_boxs_own_facts_need_no_seal() {
        assert!(is_forged(br#"{"by":{"person":"x","device":"h\u0075b"},"kind":"Any"}"#));
        assert!(!is_forged(br#"{"by":{"device":"desk"},"note":"hub","kind":"Any"}"#));
        assert!(!is_forged(br#"{"kind":"Any"}"#));
    }

    #[test]
    fn what_a_seal_would_make_too_long_is_not_sealed() {
        let long = [b"{".as_slice(), &alloc::vec![b' '; MAX_FACT_BYTES - N_BYTES - 1], b"}"].concat();
        assert!(SEAL.sealed(&long).is_none());
        assert!(SEAL.sealed(&long[1..]).is_some());
        assert!(SEAL.sealed(b"[]").is_none());
    }
}
