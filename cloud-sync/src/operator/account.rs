//! An operator's name and password, and the only form in which the password is kept.
//!
//! Argon2id (RFC 9106) with 19 MiB and two passes, as OWASP's cheat sheet on password storage advises.

use std::str::FromStr;

use argon2::Argon2;
use thiserror::Error;

use crate::chance::{self, NoChance};
use crate::store::operators::{Account, CONSOLE};

/// The fewest characters of a password.
const MIN_PASSWORD_CHARS: usize = 10;

/// The longest password in bytes: more would only be work.
pub(super) const MAX_PASSWORD_BYTES: usize = 200;

/// The longest name.
const MAX_NAME_BYTES: usize = 40;

/// The form of a kept hash: argon2id, 19 MiB, two passes, one lane.
const FORM: u8 = 1;

/// Why there is no account.
#[derive(Debug, Error)]
pub enum BadAccount {
    /// A name of other letters.
    #[error("an operator's name is 1 to 40 of a-z, 0-9, '.', '-' and '_', and not \"{CONSOLE}\"")]
    Name,
    /// A password that is soon guessed.
    #[error("a password has {MIN_PASSWORD_CHARS} characters at least, and {MAX_PASSWORD_BYTES} bytes at most")]
    Password,
    /// No random bytes.
    #[error("cannot draw an account's secrets")]
    Chance(#[source] NoChance),
    /// No memory for the hash.
    #[error("cannot hash a password")]
    Hash,
}

/// The name by which an operator signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorName(String);

impl OperatorName {
    /// Returns it as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for OperatorName {
    type Err = BadAccount;

    fn from_str(text: &str) -> Result<Self, BadAccount> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        let is_name = (1..=MAX_NAME_BYTES).contains(&text.len()) && text.bytes().all(is_letter) && text != CONSOLE;
        if is_name { Ok(Self(text.to_owned())) } else { Err(BadAccount::Name) }
    }
}

/// Makes an account with a password; what its codes follow from is drawn.
///
/// # Errors
/// [`BadAccount`].
pub fn make(password: &str) -> Result<Account, BadAccount> {
    let is_long_enough = password.chars().count() >= MIN_PASSWORD_CHARS && password.len() <= MAX_PASSWORD_BYTES;
    if !is_long_enough {
        return Err(BadAccount::Password);
    }
    let salt: [u8; 16] = chance::bytes().map_err(BadAccount::Chance)?;
    let hash = work(password, &salt).ok_or(BadAccount::Hash)?;
    let kept = [&[FORM], salt.as_slice(), hash.as_bytes()].concat();
    let password = kept.try_into().map_err(|_other_length| BadAccount::Hash)?;
    Ok(Account { password, totp: chance::bytes().map_err(BadAccount::Chance)? })
}

/// Whether a password is an account's; without an account it takes as long, and is nobody's.
#[must_use]
pub(super) fn fits(account: Option<&Account>, password: &str) -> bool {
    let kept = account.map_or([0; 49], |account| account.password);
    let (Some(salt), Some(hash)) = (kept.get(1..).and_then(<[u8]>::first_chunk::<16>), kept.last_chunk::<32>()) else {
        return false;
    };
    let found = work(password, salt);
    // Compared in constant time.
    kept.first() == Some(&FORM) && found == Some(blake3::Hash::from_bytes(*hash))
}

fn work(text: &str, salt: &[u8; 16]) -> Option<blake3::Hash> {
    let mut hash = [0; 32];
    Argon2::default().hash_password_into(text.as_bytes(), salt, &mut hash).ok()?;
    Some(blake3::Hash::from_bytes(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_account_alone_and_a_short_one_makes_none() {
        let (one, other) = (make("sakura-2026").unwrap(), make("sakura-2026").unwrap());
        assert!(fits(Some(&one), "sakura-2026") && !fits(Some(&one), "sakura-2027") && !fits(Some(&one), ""));
        assert!(one.password != other.password && one.totp != other.totp, "one salt for two");
        assert!(!fits(None, "sakura-2026") && !fits(None, ""));
        let long = "x".repeat(MAX_PASSWORD_BYTES + 1);
        for bad in ["", "sakura-26", "さくらの花が咲いた", &long] {
            assert!(matches!(make(bad), Err(BadAccount::Password)), "{bad}");
        }
    }

    #[test]
    fn a_name_is_a_short_word_and_nobody_is_called_as_the_command_line() {
        for good in ["sato", "y.tanaka", "night_2", "x"] {
            assert_eq!(good.parse::<OperatorName>().unwrap().as_str(), good);
        }
        for bad in ["", "Sato", "佐藤", "a b", "a/b", "<b>", CONSOLE, &"x".repeat(41)] {
            assert!(bad.parse::<OperatorName>().is_err(), "{bad}");
        }
    }
}
