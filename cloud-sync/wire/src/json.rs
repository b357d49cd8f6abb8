//! JSON mode: messages are cut out of an array, and joined to one, by their bytes alone.
//!
//! A message is never parsed into values and written again: that would change numbers, escapes and spaces, and with them
//! the running hash of a fact.

use alloc::vec::Vec;

use serde_json::value::RawValue;
use thiserror::Error;

/// A body that cannot be appended in JSON mode.
#[derive(Debug, Error)]
pub enum BadJson {
    /// It is not one JSON value.
    #[error("the body is not JSON")]
    Parse(#[source] serde_json::Error),
    /// It is an array of nothing.
    #[error("the body is an empty array")]
    Empty,
}

/// Cuts a body into its messages: the elements of an array, one level deep, or the one value that it is.
///
/// Each message has the bytes that stood in the body, without the spaces around it.
///
/// # Errors
/// [`BadJson`]: refuse the body, nothing of it can be kept.
pub fn cut(body: &[u8]) -> Result<Vec<&[u8]>, BadJson> {
    let is_array = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !is_array {
        let value: &RawValue = serde_json::from_slice(body).map_err(BadJson::Parse)?;
        return Ok([value.get().as_bytes()].into());
    }
    let values: Vec<&RawValue> = serde_json::from_slice(body).map_err(BadJson::Parse)?;
    if values.is_empty() {
        Err(BadJson::Empty)
    } else {
        Ok(values.iter().map(|value| value.get().as_bytes()).collect())
    }
}

/// Whether a body is an array of nothing, which may create a stream and never be appended to one.
#[must_use]
pub fn is_nothing(body: &[u8]) -> bool {
    matches!(cut(body), Err(BadJson::Empty))
}

/// Joins messages to the array that [`cut`] cuts into them again.
#[must_use]
pub fn join<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut body = Vec::from(*b"[");
    for (nth, message) in messages.into_iter().enumerate() {
        if nth > 0 {
            body.push(b',');
        }
        body.extend_from_slice(message);
    }
    body.push(b']');
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::spaces(r#" [ {"a" : 1.0} , {"b":"\u3042"} ] "#, &[r#"{"a" : 1.0}"#, r#"{"b":"\u3042"}"#])]
    #[case::one_value(r#" {"n":12345678901234567890123} "#, &[r#"{"n":12345678901234567890123}"#])]
    #[case::only_one_level(r#"[[1,2],[3]]"#, &["[1,2]", "[3]"])]
    #[case::twice_a_key(r#"[{"a":1,"a":2}]"#, &[r#"{"a":1,"a":2}"#])]
    fn a_message_keeps_its_bytes(#[case] body: &str, #[case] messages: &[&str]) {
        let cut = cut(body.as_bytes()).unwrap();
        assert_eq!(cut, messages.iter().map(|message| message.as_bytes()).collect::<Vec<_>>());
    }

    #[rstest]
    #[case::nothing("")]
    #[case::half("[1,")]
    #[case::two_values("1 2")]
    #[case::two_arrays("[1][2]")]
    #[case::words("hello")]
    #[case::empty("[ ]")]
    fn what_is_not_a_message_is_refused(#[case] body: &str) {
        assert!(cut(body.as_bytes()).is_err());
        assert_eq!(is_nothing(body.as_bytes()), body == "[ ]");
    }

    proptest! {
        #[test]
        fn what_is_joined_is_cut_into_the_same_bytes(texts in proptest::collection::vec("\\PC{0,20}", 1..20)) {
            let messages: Vec<Vec<u8>> = texts.iter().map(|text| serde_json::to_vec(text).unwrap()).collect();
            let joined = join(messages.iter().map(Vec::as_slice));
            prop_assert_eq!(cut(&joined).unwrap(), messages);
        }
    }
}
