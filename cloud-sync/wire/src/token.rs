//! The token on a ticket, by which its holder's page is opened: letters read and typed without doubt, known again by
//! their digest alone.

use alloc::format;
use alloc::string::String;

/// Letters that are read and typed without doubt: no 0, 1, I, O, l.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// Figures of a token: 16 of 32 letters are 80 bits.
pub const N_LETTERS: usize = 16;

/// Writes random bytes as a token's letters, five bits of each.
#[must_use]
pub fn letters(random: &[u8]) -> String {
    random.iter().map(letter).collect()
}

/// Writes five bits of a byte as a letter that is read and typed without doubt.
#[must_use]
pub fn letter(byte: &u8) -> char {
    LETTERS.get(usize::from(byte % 32)).copied().map_or('2', char::from)
}

/// Whether a text can be a token.
#[must_use]
pub fn is_token(text: &str) -> bool {
    text.len() == N_LETTERS && text.bytes().all(|letter| LETTERS.contains(&letter))
}

/// Returns the digest by which a token is known again: blake3, its first 16 bytes in hexadecimal.
#[must_use]
pub fn digest_of(token: &str) -> String {
    let hash = blake3::hash(token.as_bytes());
    hash.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
