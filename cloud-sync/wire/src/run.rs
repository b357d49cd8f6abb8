//! Runs of facts: consecutive lines of one origin, and whether they follow what was there before.

use alloc::collections::BTreeMap;

use machiai_core::envelope::MAX_FACT_BYTES;
use machiai_core::ids::{Origin, Seq, SiteId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chain::Hash;

/// How far one side's knowledge of an origin reaches: written `[seq, hash]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(Seq, Hash)", into = "(Seq, Hash)")]
pub struct Head {
    /// The newest fact's number; 0 before the first.
    pub seq: Seq,
    /// The running hash after it.
    pub hash: Hash,
}

impl Head {
    /// Before an origin's first fact.
    pub const START: Self = Self { seq: Seq(0), hash: Hash::START };
}

impl From<(Seq, Hash)> for Head {
    fn from((seq, hash): (Seq, Hash)) -> Self {
        Self { seq, hash }
    }
}

impl From<Head> for (Seq, Hash) {
    fn from(head: Head) -> Self {
        (head.seq, head.hash)
    }
}

/// Returns the origin under which an opening of a journal writes its airings: they are many, and go after all else.
///
/// It follows from the opening's own origin, so that either side knows it for one without being told.
#[must_use]
pub fn of_airings(opening: Origin) -> Origin {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"airings of ");
    hasher.update(opening.bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    Origin::from_bytes(bytes)
}

/// How far one side's knowledge of each origin reaches.
pub type Heads = BTreeMap<Origin, Head>;

/// The part of a fact that says where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Named {
    /// The facility.
    pub site: SiteId,
    /// The opening of a journal that wrote it.
    pub origin: Origin,
    /// Its number there.
    pub seq: Seq,
}

/// Lines that cannot be kept as they stand.
#[derive(Debug, Error)]
pub enum BadRun {
    /// A line that is no fact.
    #[error("line {nth} is no fact")]
    Malformed {
        /// Which, from 0.
        nth: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A line that is longer than facts are, or more than one line.
    #[error("line {nth} is no single line of at most {MAX_FACT_BYTES} bytes")]
    NoLine {
        /// Which, from 0.
        nth: usize,
    },
    /// A fact of another facility.
    #[error("line {nth} belongs to site {site}")]
    OtherSite {
        /// Which, from 0.
        nth: usize,
        /// Whose it is.
        site: SiteId,
    },
    /// A fact of another origin.
    #[error("line {nth} belongs to origin {origin}")]
    OtherOrigin {
        /// Which, from 0.
        nth: usize,
        /// Whose it is.
        origin: Origin,
    },
    /// A fact that does not follow the one before.
    #[error("line {nth} is number {found}, {expected} is next")]
    NotNext {
        /// Which, from 0.
        nth: usize,
        /// The number that is next.
        expected: Seq,
        /// The number that it has.
        found: Seq,
    },
    /// The lines are not those that the other side hashed.
    #[error("the running hash after {seq} is {found}, stated as {stated}")]
    OtherHash {
        /// The last number.
        seq: Seq,
        /// The hash that was stated.
        stated: Hash,
        /// The hash that the lines give.
        found: Hash,
    },
}

/// Reads where a fact belongs.
///
/// # Errors
/// [`BadRun`], with the line's place among its neighbours.
pub fn read_named(line: &[u8], nth: usize) -> Result<Named, BadRun> {
    if line.len() > MAX_FACT_BYTES || line.contains(&b'\n') {
        return Err(BadRun::NoLine { nth });
    }
    serde_json::from_slice(line).map_err(|source| BadRun::Malformed { nth, source })
}

/// Returns where an origin stands after more of its lines.
///
/// # Errors
/// [`BadRun`] by the first line that does not follow: keep none of them.
pub fn follow<'a>(
    (site, origin): (SiteId, Origin),
    before: Head,
    lines: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Head, BadRun> {
    let mut head = before;
    for (nth, line) in lines.into_iter().enumerate() {
        let named = read_named(line, nth)?;
        let expected = Seq(head.seq.0.saturating_add(1));
        if named.site != site {
            return Err(BadRun::OtherSite { nth, site: named.site });
        }
        if named.origin != origin {
            return Err(BadRun::OtherOrigin { nth, origin: named.origin });
        }
        if named.seq != expected {
            return Err(BadRun::NotNext { nth, expected, found: named.seq });
        }
        head = Head { seq: expected, hash: head.hash.after(line) };
    }
    Ok(head)
}

/// Checks the hash that the other side states.
///
/// # Errors
/// [`BadRun::OtherHash`]: the lines were changed on their way, or one of the two sides holds other facts.
pub fn is_as_stated(head: Head, stated: Hash) -> Result<Head, BadRun> {
    let (seq, found) = (head.seq, head.hash);
    if found == stated { Ok(head) } else { Err(BadRun::OtherHash { seq, stated, found }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    const SITE: SiteId = SiteId(1001);
    const ORIGIN: Origin = Origin::from_bytes([7; 16]);

    fn line(site: u32, origin: Origin, seq: u64) -> String {
        format!(r#"{{"site":{site},"origin":"{origin}","seq":{seq},"kind":"Any"}}"#)
    }

    fn after(lines: &[String]) -> Result<Head, BadRun> {
        follow((SITE, ORIGIN), Head::START, lines.iter().map(String::as_bytes))
    }

    #[test]
    fn a_run_follows_or_nothing_of_it_is_kept() {
        let good = [line(1001, ORIGIN, 1), line(1001, ORIGIN, 2)];
        let head = after(&good).unwrap();
        assert_eq!(head.hash, good.iter().fold(Hash::START, |hash, line| hash.after(line.as_bytes())));
        assert!(is_as_stated(head, head.hash).is_ok());
        assert!(matches!(is_as_stated(head, Hash::START), Err(BadRun::OtherHash { seq: Seq(2), .. })));

        let other = Origin::from_bytes([8; 16]);
        let with = |last: String| after(&[line(1001, ORIGIN, 1), last]);
        assert!(matches!(with(line(1002, ORIGIN, 2)), Err(BadRun::OtherSite { nth: 1, site: SiteId(1002) })));
        assert!(matches!(with(line(1001, other, 2)), Err(BadRun::OtherOrigin { nth: 1, .. })));
        assert!(matches!(with(line(1001, ORIGIN, 3)), Err(BadRun::NotNext { nth: 1, found: Seq(3), .. })));
        assert!(matches!(with(line(1001, ORIGIN, 1)), Err(BadRun::NotNext { nth: 1, expected: Seq(2), .. })));
        assert!(matches!(with("{}".into()), Err(BadRun::Malformed { nth: 1, .. })));
        let twice = line(1001, ORIGIN, 2).replace("1001", "1002,\"site\":1001");
        assert!(matches!(with(twice), Err(BadRun::Malformed { nth: 1, .. })), "a key that stands twice");
        assert!(matches!(with(line(1001, ORIGIN, 2).replace(',', ",\n")), Err(BadRun::NoLine { nth: 1 })));
        let long = line(1001, ORIGIN, 2).replace("Any", &"x".repeat(MAX_FACT_BYTES));
        assert!(matches!(with(long), Err(BadRun::NoLine { nth: 1 })));
    }
}
