//! The token on a ticket: whoever holds the paper may look at its turn, and nobody can guess it.
//!
//! It is made from the visit and a secret of the box, so that a reprint carries the same one; facts hold its digest
//! only, by which the cloud knows it again.

use machiai_core::ids::{Origin, VisitId};

use machiai_wire::token::{N_LETTERS, digest_of, letters};

/// The purpose under which the secret lies in the journal's secrets.
pub(crate) const TOKEN_PURPOSE: &str = "token";

/// Makes tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    secret: [u8; 32],
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// Makes tokens from a secret of the box.
    pub(crate) const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// Returns the id of the `nth` visit of a journal's opening.
    pub(crate) fn visit(&self, origin: Origin, nth: u64) -> VisitId {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        hasher.update(origin.bytes()).update(&nth.to_be_bytes());
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        VisitId::from_bytes(id)
    }

    /// Returns a visit's token.
    pub(crate) fn token(&self, visit: VisitId) -> String {
        let digest = blake3::keyed_hash(&self.secret, visit.bytes());
        letters(digest.as_bytes().get(..N_LETTERS).unwrap_or_default())
    }

    /// Returns the box's own mark under some bytes, in hexadecimal: nobody who lacks the secret can make it.
    pub(crate) fn mark(&self, of: &[&[u8]]) -> String {
        // A key of its own: no mark is a token, nor a token a mark.
        let key = blake3::keyed_hash(&self.secret, b"machiai mark");
        let mut hasher = blake3::Hasher::new_keyed(key.as_bytes());
        for part in of {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()).update(part);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Returns the digest of a visit's token, as it stands in facts.
    pub(crate) fn token_hash(&self, visit: VisitId) -> String {
        digest_of(&self.token(visit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reprint_carries_the_same_token_and_another_visit_another() {
        let tokens = Tokens::new([7; 32]);
        let (one, two) = (VisitId::from_bytes([1; 16]), VisitId::from_bytes([2; 16]));
        assert_eq!(tokens.token(one), tokens.token(one));
        assert_ne!(tokens.token(one), tokens.token(two));
        assert_ne!(tokens.token(one), Tokens::new([8; 32]).token(one));
        assert_eq!(tokens.token(one).len(), N_LETTERS);
    }

    #[test]
    fn the_digest_does_not_tell_the_token() {
        let tokens = Tokens::new([7; 32]);
        let visit = VisitId::from_bytes([1; 16]);
        assert_eq!(tokens.token_hash(visit).len(), 32);
        assert!(!tokens.token_hash(visit).contains(&tokens.token(visit)));
    }
}
