//! Places in a stream, as both sides write them.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

/// One life of a stream in one store. A store that was restored from a backup, and a stream that was made anew, have
/// another one, so that no place of the life before is taken for one of this life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Incarnation(pub u64);

/// A place in a stream: after so many of its messages.
///
/// Written as 16 and 20 figures, so that two places of one life compare as texts as they do as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offset {
    /// The life of the stream that the place belongs to.
    pub incarnation: Incarnation,
    /// Messages before it.
    pub after: u64,
}

/// Text that names no place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a place in a stream")]
pub struct BadOffset;

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}_{:020}", self.incarnation.0, self.after)
    }
}

impl FromStr for Offset {
    type Err = BadOffset;

    fn from_str(text: &str) -> Result<Self, BadOffset> {
        let (incarnation, after) = text.split_once('_').ok_or(BadOffset)?;
        let is_lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = incarnation.len() == 16 && incarnation.bytes().all(is_lower) && after.len() == 20;
        if !fits || !after.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadOffset);
        }
        let incarnation = u64::from_str_radix(incarnation, 16).ok().ok_or(BadOffset)?;
        let after = after.parse().ok().ok_or(BadOffset)?;
        Ok(Self { incarnation: Incarnation(incarnation), after })
    }
}

/// Where a reader wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the first message: `-1`.
    Start,
    /// After the last one: `now`.
    Now,
    /// At a place that the other side named.
    At(Offset),
}

impl FromStr for From {
    type Err = BadOffset;

    fn from_str(text: &str) -> Result<Self, BadOffset> {
        match text {
            "-1" => Ok(Self::Start),
            "now" => Ok(Self::Now),
            text => text.parse().map(Self::At),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;
    use rstest::rstest;

    proptest! {
        #[test]
        fn places_compare_as_texts_and_come_back(life: u64, one: u64, other: u64) {
            let place = |after| Offset { incarnation: Incarnation(life), after };
            let (one, other) = (place(one), place(other));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
            prop_assert_eq!(one.to_string().parse(), Ok(one));
        }
    }

    #[rstest]
    #[case("")]
    #[case("0")]
    #[case("0,1")]
    #[case("000000000000000A_00000000000000000001")]
    #[case("0000000000000001_0000000000000000001")]
    #[case("0000000000000001_+0000000000000000001")]
    #[case("0000000000000001_99999999999999999999")]
    fn another_text_is_no_place(#[case] text: &str) {
        assert_eq!(text.parse::<From>(), Err(BadOffset));
    }
}
