//! The running hash of an origin: it proves that two sides hold the same facts in the same order.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// Running hash after a fact: blake3(hash before, the fact's bytes).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash before an origin's first fact.
    pub const START: Self = Self([0; 32]);

    /// Returns the running hash after one more fact.
    #[must_use]
    pub fn after(&self, line: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(line);
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Text that is no hash: 64 figures of 0 to 9 and a to f.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a hash of 64 hexadecimal figures")]
pub struct BadHash;

impl FromStr for Hash {
    type Err = BadHash;

    fn from_str(text: &str) -> Result<Self, BadHash> {
        let is_lower = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let read = blake3::Hash::from_hex(text).ok().filter(|_| is_lower);
        read.map(|hash| Self(*hash.as_bytes())).ok_or(BadHash)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_hash_is_blake3_of_the_hash_before_and_the_bytes() {
        let mut both = [0_u8; 34].to_vec();
        both[32..].copy_from_slice(b"{}");
        assert_eq!(Hash::START.after(b"{}").to_string(), blake3::hash(&both).to_hex().to_string());
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = Hash::START.after(b"{}");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "00", &hash.to_string().to_uppercase()] {
            assert_eq!(bad.parse::<Hash>(), Err(BadHash), "{bad}");
        }
    }

    #[test]
    fn the_order_of_facts_changes_the_running_hash() {
        assert_ne!(Hash::START.after(b"1").after(b"2"), Hash::START.after(b"2").after(b"1"));
    }
}
