//! Passwords, PINs, codes and tokens, and the only form in which they are kept.
//!
//! Argon2id (RFC 9106) with 19 MiB and two passes, as OWASP's cheat sheet on password storage advises.

use argon2::Argon2;

use crate::chance::{Chance, NoChance};
use crate::seal::hex;
use machiai_wire::token::letter;

/// The fewest characters of a password.
const MIN_PASSWORD_CHARS: usize = 10;

/// The longest password in bytes: more would only be work.
pub(crate) const MAX_PASSWORD_BYTES: usize = 200;

/// The form of a kept hash: argon2id, 19 MiB, two passes, one lane.
const FORM: u8 = 1;

/// The digest of a random token or code; a fast one will do, as there is nothing to guess.
pub(crate) type Digest = blake3::Hash;

/// A password or PIN as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Hashed {
    salt: [u8; 16],
    hash: blake3::Hash,
}

/// Whether a password is long and mixed enough.
pub(crate) fn is_good_password(password: &str) -> bool {
    let has = |is: fn(char) -> bool| password.chars().any(is);
    let is_symbol = |letter: char| !letter.is_alphanumeric() && !letter.is_whitespace() && !letter.is_control();
    password.chars().count() >= MIN_PASSWORD_CHARS
        && password.len() <= MAX_PASSWORD_BYTES
        && has(char::is_alphabetic)
        && has(|letter| letter.is_ascii_digit())
        && has(is_symbol)
        && !has(char::is_control)
}

/// Whether a PIN is four to eight figures, and not one figure over and over.
pub(crate) fn is_good_pin(pin: &str) -> bool {
    let mut figures = pin.bytes();
    let first = figures.next();
    (4..=8).contains(&pin.len()) && pin.bytes().all(|b| b.is_ascii_digit()) && figures.any(|b| Some(b) != first)
}

impl Hashed {
    /// Hashes a password or PIN under a salt of its own; takes some 30 ms.
    ///
    /// # Errors
    /// No random bytes, or no memory.
    pub(crate) fn new(text: &str, chance: &Chance) -> Result<Self, NoChance> {
        let salt = chance.bytes()?;
        let hash = work(text, &salt).ok_or(NoChance)?;
        Ok(Self { salt, hash })
    }

    /// Returns what nothing typed can match.
    pub(crate) const fn nobody() -> Self {
        Self { salt: [0; 16], hash: blake3::Hash::from_bytes([0; 32]) }
    }

    /// Whether it is the hash of this text; takes as long as hashing, right or wrong.
    pub(crate) fn fits(&self, text: &str) -> bool {
        // Compared in constant time.
        work(text, &self.salt) == Some(self.hash)
    }

    /// Writes it as it lies among the secrets.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&[FORM], self.salt.as_slice(), self.hash.as_bytes()].concat()
    }

    /// Reads it as it lies among the secrets.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (form, rest) = bytes.split_first()?;
        let (salt, hash) = rest.split_at_checked(16)?;
        let hash = blake3::Hash::from_bytes(hash.try_into().ok()?);
        (*form == FORM).then_some(Self { salt: salt.try_into().ok()?, hash })
    }
}

fn work(text: &str, salt: &[u8; 16]) -> Option<blake3::Hash> {
    let mut hash = [0; 32];
    Argon2::default().hash_password_into(text.as_bytes(), salt, &mut hash).ok()?;
    Some(blake3::Hash::from_bytes(hash))
}

/// Draws a token of 256 bits.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn draw_token(chance: &Chance) -> Result<String, NoChance> {
    chance.bytes::<32>().map(|bytes| hex(&bytes))
}

/// Draws a code that people type: `ABCD-EFGH-JKLM`, five bits a letter.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn draw_code(chance: &Chance) -> Result<String, NoChance> {
    let letters: Vec<char> = chance.bytes::<12>()?.iter().map(letter).collect();
    Ok(letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

/// Returns the digest of a token.
pub(crate) fn digest(token: &str) -> Digest {
    blake3::hash(token.as_bytes())
}

/// Returns the digest of a code however it was typed: small letters, blanks and hyphens do not matter.
pub(crate) fn code_digest(code: &str) -> Digest {
    let typed = code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase());
    blake3::hash(typed.collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_mixed() {
        for good in ["sakura-202", "abcdefgh1!", "さくらの花が咲いた-1", "correct horse 1!"] {
            assert!(is_good_password(good), "{good} was refused");
        }
        let long = format!("a1!{}", "x".repeat(MAX_PASSWORD_BYTES));
        for bad in ["", "sakura-26", "abcdefghi1", "abcdefghi!", "1234567890!", "abcdefgh1\u{7}!", &long] {
            assert!(!is_good_password(bad), "{bad} was taken");
        }
    }

    #[test]
    fn a_pin_is_four_to_eight_figures_and_not_all_the_same() {
        for good in ["1357", "12345678", "0001"] {
            assert!(is_good_pin(good), "{good} was refused");
        }
        for bad in ["", "123", "123456789", "12a4", "１３５７", "0000", "-123"] {
            assert!(!is_good_pin(bad), "{bad} was taken");
        }
    }

    #[test]
    fn a_hash_fits_its_own_text_alone_and_reads_back() {
        let chance = Chance::system();
        let hashed = Hashed::new("sakura-2026", &chance).unwrap();
        assert!(hashed.fits("sakura-2026") && !hashed.fits("sakura-2027") && !hashed.fits(""));
        let again = Hashed::new("sakura-2026", &chance).unwrap();
        assert!(again != hashed, "two people with one password have one hash");
        let bytes = hashed.bytes();
        assert!(Hashed::read(&bytes).unwrap() == hashed);
        assert!(Hashed::read(&bytes[..48]).is_none() && Hashed::read(&[]).is_none());
        assert!(!Hashed::nobody().fits(""));
    }

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = draw_code(&Chance::system()).unwrap();
        assert_eq!(code.len(), 14);
        let typed = code.to_lowercase().replace('-', " ");
        assert_eq!(code_digest(&typed), code_digest(&code));
        assert_ne!(code_digest(&code), code_digest(&draw_code(&Chance::system()).unwrap()));
    }
}
