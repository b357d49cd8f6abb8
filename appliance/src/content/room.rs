//! Which content goes when there is no room: the one that aired longest ago, and never one that is to be kept.

use std::collections::{BTreeMap, BTreeSet};

use machiai_core::program::content::ContentHash;
use machiai_core::time::AtMs;

/// What the program says about what may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// What never goes: the weeks that are approved or may still be, notices, substitutes.
    pub hashes: BTreeSet<ContentHash>,
    /// When each aired last; what never aired goes first.
    pub aired: BTreeMap<ContentHash, AtMs>,
}

/// Returns what has to go so that `held` and `coming_bytes` fit into `quota_bytes`; none when that cannot be.
pub(super) fn decide_evicted(
    held: &BTreeMap<ContentHash, u64>,
    keep: &Keep,
    coming_bytes: u64,
    quota_bytes: u64,
) -> Option<Vec<ContentHash>> {
    let mut may_go: Vec<ContentHash> = held.keys().filter(|hash| !keep.hashes.contains(hash)).copied().collect();
    may_go.sort_by_key(|hash| (keep.aired.get(hash).copied(), *hash));
    let mut total = held.values().fold(coming_bytes, |total, bytes| total.saturating_add(*bytes));
    let mut evicted = Vec::new();
    for hash in may_go {
        if total <= quota_bytes {
            break;
        }
        total = total.saturating_sub(held.get(&hash).copied().unwrap_or(0));
        evicted.push(hash);
    }
    (total <= quota_bytes).then_some(evicted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hash(n: u8) -> ContentHash {
        ContentHash::from_bytes([n; 32])
    }

    #[test]
    fn what_aired_longest_ago_goes_first_and_what_is_kept_never() {
        let held = BTreeMap::from([(hash(1), 10), (hash(2), 10), (hash(3), 10), (hash(4), 10)]);
        let keep = Keep {
            hashes: BTreeSet::from([hash(4)]),
            aired: BTreeMap::from([(hash(1), AtMs(30)), (hash(2), AtMs(20)), (hash(4), AtMs(1))]),
        };
        for (coming, expected) in [
            (0, Some(vec![])),
            (1, Some(vec![hash(3)])),
            (10, Some(vec![hash(3)])),
            (11, Some(vec![hash(3), hash(2)])),
            (30, Some(vec![hash(3), hash(2), hash(1)])),
            (31, None),
            (u64::MAX, None),
        ] {
            assert_eq!(decide_evicted(&held, &keep, coming, 40), expected, "{coming} more bytes");
        }
    }
}
