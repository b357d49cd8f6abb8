//! How a protocol file writes bytes: two hexadecimal digits each, or text between single quotes, parted by spaces.
//!
//! In a pattern `??` stands for any byte; in what a display is told each `#` is a place of the number.

/// The most bytes that a file may write at once: no device has a longer word.
const MAX_BYTES: usize = 64;

/// One place of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// This byte.
    Is(u8),
    /// Any byte.
    Any,
    /// A place of the number.
    Place,
}

/// Why a text is not bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotationError {
    /// Neither hexadecimal nor quoted.
    #[error("{token:?} is neither two hexadecimal digits nor text between single quotes")]
    Token {
        /// What stands there.
        token: String,
    },
    /// A quote that is not closed.
    #[error("a single quote is not closed")]
    Unclosed,
    /// Text that is not of the plain letters.
    #[error("text between quotes may have printable ASCII alone")]
    NotAscii,
    /// Too much.
    #[error("{n} bytes are more than {MAX_BYTES}")]
    TooLong {
        /// How many.
        n: usize,
    },
    /// `??` or `#` where only bytes may stand.
    #[error("?? and # may not stand here")]
    NotBytes,
}

/// Reads a pattern.
///
/// # Errors
/// It is not written as it should be.
pub fn pattern(text: &str) -> Result<Vec<Slot>, NotationError> {
    let mut slots = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (inner, after) = quoted.split_once('\'').ok_or(NotationError::Unclosed)?;
            if !inner.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
                return Err(NotationError::NotAscii);
            }
            slots.extend(inner.bytes().map(Slot::Is));
            rest = after.trim_start();
            continue;
        }
        let (token, after) = rest.split_once(' ').unwrap_or((rest, ""));
        slots.extend(token_slots(token)?);
        rest = after.trim_start();
    }
    if slots.len() > MAX_BYTES {
        return Err(NotationError::TooLong { n: slots.len() });
    }
    Ok(slots)
}

fn token_slots(token: &str) -> Result<Vec<Slot>, NotationError> {
    if token == "??" {
        return Ok(vec![Slot::Any]);
    }
    if token.bytes().all(|byte| byte == b'#') {
        return Ok(vec![Slot::Place; token.len()]);
    }
    let is_hex = token.len() == 2 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = is_hex.then(|| u8::from_str_radix(token, 16).ok()).flatten();
    byte.map(|byte| vec![Slot::Is(byte)]).ok_or_else(|| NotationError::Token { token: token.to_owned() })
}

/// Reads bytes.
///
/// # Errors
/// They are not written as they should be, or have places that are no byte.
pub fn bytes(text: &str) -> Result<Vec<u8>, NotationError> {
    let byte = |slot: &Slot| match slot {
        Slot::Is(byte) => Ok(*byte),
        Slot::Any | Slot::Place => Err(NotationError::NotBytes),
    };
    pattern(text)?.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_hexadecimal_or_quoted() {
        assert_eq!(bytes("02 'K1' 0d"), Ok(vec![2, b'K', b'1', 13]));
        assert_eq!(bytes("'a b'"), Ok(b"a b".to_vec()));
        assert_eq!(bytes(""), Ok(Vec::new()));
        assert_eq!(pattern("41 ?? ##"), Ok(vec![Slot::Is(0x41), Slot::Any, Slot::Place, Slot::Place]));
    }

    #[test]
    fn what_is_not_written_so_is_refused_with_words() {
        for (text, words) in [
            ("4", "neither two"),
            ("+1", "neither two"),
            ("0x41", "neither two"),
            ("'K", "not closed"),
            ("'番'", "printable ASCII"),
            ("??", "may not stand"),
            ("'########################################' '#########################'", "more than 64"),
        ] {
            assert!(bytes(text).unwrap_err().to_string().contains(words), "{text}");
        }
    }
}
