//! The running hash of an origin: it proves that two sides hold the same facts in the same order.

use core::fmt;

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
    fn the_order_of_facts_changes_the_running_hash() {
        assert_ne!(Hash::START.after(b"1").after(b"2"), Hash::START.after(b"2").after(b"1"));
    }
}
