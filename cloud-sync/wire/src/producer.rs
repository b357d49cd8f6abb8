//! Idempotent producers: which append is new, which was there before, and which must not be kept.
//!
//! A producer numbers its appends from 0 in each of its epochs; an epoch is one session, and a later one shuts the earlier
//! out. (Durable Streams protocol, 5.2.1.)

/// The largest epoch and number, so that every reader of JSON reads them alike: 2^53 - 1.
pub const MAX: u64 = 9_007_199_254_740_991;

/// An append's place among those of its producer, as it claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// The session.
    pub epoch: u64,
    /// The append's number in it, from 0.
    pub seq: u64,
}

/// What is to be done with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it; the producer stands at its turn then.
    New,
    /// Keep nothing: the number was seen. It does not say that the same bytes were.
    Seen {
        /// Where the producer stands.
        newest: Turn,
    },
    /// Refuse it: one before it is missing.
    Gap {
        /// The number that is wanted.
        expected: u64,
    },
    /// Refuse it: another session has begun.
    Stale {
        /// Its epoch.
        epoch: u64,
    },
    /// Refuse it: a session begins with number 0.
    BeginsLate,
}

/// Judges an append by where its producer stands; none has appended before.
#[must_use]
pub const fn judge(newest: Option<Turn>, claimed: Turn) -> Verdict {
    match newest {
        None if claimed.seq == 0 => Verdict::New,
        None => Verdict::Gap { expected: 0 },
        Some(newest) if claimed.epoch < newest.epoch => Verdict::Stale { epoch: newest.epoch },
        Some(newest) if claimed.epoch > newest.epoch => {
            if claimed.seq == 0 {
                Verdict::New
            } else {
                Verdict::BeginsLate
            }
        }
        Some(newest) if claimed.seq <= newest.seq => Verdict::Seen { newest },
        Some(newest) => {
            let expected = newest.seq.saturating_add(1);
            if claimed.seq == expected { Verdict::New } else { Verdict::Gap { expected } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::first(None, (0, 0), Verdict::New)]
    #[case::first_of_a_later_session(None, (7, 0), Verdict::New)]
    #[case::without_its_first(None, (0, 1), Verdict::Gap { expected: 0 })]
    #[case::next(Some((3, 4)), (3, 5), Verdict::New)]
    #[case::again(Some((3, 4)), (3, 4), Verdict::Seen { newest: Turn { epoch: 3, seq: 4 } })]
    #[case::long_ago(Some((3, 4)), (3, 0), Verdict::Seen { newest: Turn { epoch: 3, seq: 4 } })]
    #[case::one_is_missing(Some((3, 4)), (3, 6), Verdict::Gap { expected: 5 })]
    #[case::new_session(Some((3, 4)), (9, 0), Verdict::New)]
    #[case::new_session_in_the_middle(Some((3, 4)), (4, 5), Verdict::BeginsLate)]
    #[case::old_session(Some((3, 4)), (2, 5), Verdict::Stale { epoch: 3 })]
    fn a_turn_is_judged_by_the_newest(
        #[case] newest: Option<(u64, u64)>,
        #[case] claimed: (u64, u64),
        #[case] expected: Verdict,
    ) {
        let turn = |(epoch, seq)| Turn { epoch, seq };
        assert_eq!(judge(newest.map(turn), turn(claimed)), expected);
    }
}
