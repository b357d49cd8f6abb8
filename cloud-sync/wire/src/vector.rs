//! What each side lacks: the origins that grow one by one, all others by digests that are split where they differ.
//!
//! A site that has lived for years has thousands of origins behind it, nearly all of which both sides hold alike: one
//! digest says so in a few bytes. Where it differs, the hub tells the digests of its sixteen parts, and so on, until a
//! part is small enough to be told whole.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use machiai_core::ids::Origin;
use serde::{Deserialize, Serialize};

use crate::chain::Hash;
use crate::run::{Head, Heads};
use crate::service::Service;

/// The version that is spoken.
pub const VERSION: u8 = 1;

/// A part with so many origins or fewer is told whole.
pub const TOLD_WHOLE: usize = 24;

/// Origins and parts that one question may name: more than any box has open, and one split of each of them.
pub const MAX_NAMED: usize = 512;

/// The longest prefix: all figures of an origin.
const MAX_PREFIX: usize = 32;

/// How far one side's knowledge of an origin reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry(pub Origin, pub Head);

/// All origins whose hexadecimal figures begin alike, but for the open ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The figures; none for all origins.
    pub prefix: String,
    /// What one side holds of them.
    pub digest: Hash,
}

/// What a box asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// [`VERSION`].
    pub v: u8,
    /// The origins that grow, as far as the box holds them.
    pub open: Vec<Entry>,
    /// The others.
    pub closed: Vec<Part>,
}

/// What the hub holds of a part that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// All of it.
    Whole(Vec<Entry>),
    /// The digests of its parts, by the next figure.
    Parts(Vec<Hash>),
}

/// What the hub answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// [`VERSION`].
    pub v: u8,
    /// What it holds of the open origins; one that is not named is not known here.
    pub open: Vec<Entry>,
    /// The parts that differ; one that is not named is alike.
    pub closed: Vec<(String, Differs)>,
    /// The highest session that any origin of the site was appended in.
    pub epoch: u64,
    /// Where the hub's own facts go on: what is before it stands in the entries.
    pub down: String,
    /// When the hub serves; left out where it always does.
    #[serde(default, skip_serializing_if = "Service::is_always")]
    pub service: Service,
}

/// Whether a text can begin an origin's figures.
#[must_use]
pub fn is_prefix(text: &str) -> bool {
    text.len() <= MAX_PREFIX && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Lists the origins of a part, but for the open ones.
pub fn part_of<'a>(
    heads: &'a Heads,
    open: &'a BTreeSet<Origin>,
    prefix: &str,
) -> impl Iterator<Item = Entry> + use<'a> {
    let bytes = |fill: u8| {
        let figure = |nth: usize| prefix.as_bytes().get(nth).and_then(|figure| value(*figure)).unwrap_or(fill);
        core::array::from_fn(|nth| {
            let nth = nth.saturating_mul(2);
            (figure(nth) << 4) | figure(nth.saturating_add(1))
        })
    };
    let (first, last) = (Origin::from_bytes(bytes(0)), Origin::from_bytes(bytes(15)));
    let within = heads.range(first..=last).filter(|(origin, _)| !open.contains(origin));
    within.map(|(origin, head)| Entry(*origin, *head))
}

fn value(figure: u8) -> Option<u8> {
    match figure {
        b'0'..=b'9' => figure.checked_sub(b'0'),
        b'a'..=b'f' => figure.checked_sub(b'a').and_then(|value| value.checked_add(10)),
        _ => None,
    }
}

/// Returns the digest of a part.
#[must_use]
pub fn digest(entries: impl IntoIterator<Item = Entry>) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for Entry(origin, head) in entries {
        hasher.update(origin.bytes());
        hasher.update(&head.seq.0.to_le_bytes());
        hasher.update(&head.hash.0);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// Returns the sixteen parts of a part.
pub fn split(prefix: &str) -> impl Iterator<Item = String> {
    b"0123456789abcdef".iter().map(move |figure| {
        let mut longer = String::from(prefix);
        longer.push(char::from(*figure));
        longer
    })
}

/// Returns the first question of a session: the open origins and one digest of all others.
#[must_use]
pub fn first(heads: &Heads, open: &BTreeSet<Origin>) -> Question {
    let known = open.iter().filter_map(|origin| Some(Entry(*origin, *heads.get(origin)?)));
    let all = Part { prefix: String::new(), digest: digest(part_of(heads, open, "")) };
    Question { v: VERSION, open: known.collect(), closed: [all].into() }
}

/// Answers a question by what is held; nothing for one that no box of ours asks.
#[must_use]
pub fn answer(heads: &Heads, question: &Question, (epoch, down): (u64, String)) -> Option<Answer> {
    let n_named = question.open.len().saturating_add(question.closed.len());
    let fits = question.v == VERSION && n_named <= MAX_NAMED;
    if !fits || !question.closed.iter().all(|part| is_prefix(&part.prefix)) {
        return None;
    }
    let open: BTreeSet<Origin> = question.open.iter().map(|Entry(origin, _)| *origin).collect();
    let held = open.iter().filter_map(|origin| Some(Entry(*origin, *heads.get(origin)?))).collect();
    let differing = question.closed.iter().filter_map(|part| {
        let own: Vec<Entry> = part_of(heads, &open, &part.prefix).collect();
        if digest(own.iter().copied()) == part.digest {
            return None;
        }
        let differs = if own.len() <= TOLD_WHOLE || part.prefix.len() >= MAX_PREFIX {
            Differs::Whole(own)
        } else {
            Differs::Parts(split(&part.prefix).map(|part| digest(part_of(heads, &open, &part))).collect())
        };
        Some((part.prefix.clone(), differs))
    });
    let service = Service::default();
    Some(Answer { v: VERSION, open: held, closed: differing.collect(), epoch, down, service })
}

/// What a box learns from an answer about the closed origins.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// What the hub holds, of origins that differ or that one side does not know; none where the hub knows nothing.
    pub differing: Vec<(Origin, Option<Head>)>,
    /// What is still to be asked.
    pub ask: Vec<Part>,
}

/// Compares an answer about the closed origins with what the box holds.
#[must_use]
pub fn learn(heads: &Heads, open: &BTreeSet<Origin>, closed: &[(String, Differs)]) -> Learned {
    let mut learned = Learned::default();
    for (prefix, differs) in closed.iter().filter(|(prefix, _)| is_prefix(prefix)) {
        match differs {
            Differs::Whole(held) => {
                let held: Heads = held.iter().map(|Entry(origin, head)| (*origin, *head)).collect();
                let ours = part_of(heads, open, prefix).filter(|Entry(origin, head)| held.get(origin) != Some(head));
                learned.differing.extend(ours.map(|Entry(origin, _)| (origin, held.get(&origin).copied())));
                let unknown = held.iter().filter(|(origin, _)| !heads.contains_key(origin));
                learned.differing.extend(unknown.map(|(origin, head)| (*origin, Some(*head))));
            }
            Differs::Parts(digests) => {
                let ours = split(prefix).map(|prefix| {
                    let digest = digest(part_of(heads, open, &prefix));
                    Part { prefix, digest }
                });
                let differing = ours.zip(digests).filter(|(part, theirs)| part.digest != **theirs);
                learned.ask.extend(differing.map(|(part, _)| part));
            }
        }
    }
    learned
}

#[cfg(test)]
mod tests {
    use super::*;
    use machiai_core::ids::Seq;
    use proptest::prelude::*;

    fn heads(seeds: &[(u16, u64)]) -> Heads {
        let entry = |(seed, seq): &(u16, u64)| {
            let origin = blake3::hash(&seed.to_le_bytes());
            let bytes = core::array::from_fn(|nth| origin.as_bytes()[nth]);
            let hash = Hash(*blake3::hash(&[&bytes[..], &seq.to_le_bytes()].concat()).as_bytes());
            (Origin::from_bytes(bytes), Head { seq: Seq(*seq), hash })
        };
        seeds.iter().map(entry).collect()
    }

    #[expect(clippy::arithmetic_side_effects, reason = "a test counts little")]
    /// Asks until nothing is left to ask; returns what was learned, in how many questions and bytes.
    fn compare(ours: &Heads, theirs: &Heads) -> (Heads, Vec<Origin>, usize, usize) {
        let open = BTreeSet::new();
        let (mut question, mut differing, mut n_asked, mut n_bytes) = (first(ours, &open), Vec::new(), 0, 0);
        loop {
            let answer = answer(theirs, &question, (0, String::new())).unwrap();
            n_asked += 1;
            n_bytes += serde_json::to_vec(&question).unwrap().len() + serde_json::to_vec(&answer).unwrap().len();
            let learned = learn(ours, &open, &answer.closed);
            differing.extend(learned.differing);
            if learned.ask.is_empty() {
                break;
            }
            question = Question { v: VERSION, open: Vec::new(), closed: learned.ask };
        }
        let told = differing.iter().filter_map(|(origin, head)| Some((*origin, (*head)?))).collect();
        let unknown = differing.iter().filter(|(_, head)| head.is_none()).map(|(origin, _)| *origin).collect();
        (told, unknown, n_asked, n_bytes)
    }

    proptest! {
        #[test]
        fn exactly_what_differs_is_found(
            both in proptest::collection::vec((0..2_000_u16, 1..9_u64), 0..400),
            ours in proptest::collection::vec((2_000..3_000_u16, 1..9_u64), 0..40),
            theirs in proptest::collection::vec((1_900..2_100_u16, 1..9_u64), 0..40),
        ) {
            let (mine, hubs) = (heads(&[&both[..], &ours[..]].concat()), heads(&[&both[..], &theirs[..]].concat()));
            let (told, unknown, n_asked, _) = compare(&mine, &hubs);
            let expected: Heads = hubs.clone().into_iter().filter(|(origin, head)| mine.get(origin) != Some(head)).collect();
            prop_assert_eq!(told, expected);
            let expected: BTreeSet<Origin> = mine.keys().filter(|origin| !hubs.contains_key(origin)).copied().collect();
            prop_assert_eq!(unknown.into_iter().collect::<BTreeSet<_>>(), expected);
            prop_assert!(n_asked <= 6, "{} questions", n_asked);
        }
    }

    #[test]
    fn a_site_with_five_thousand_origins_behind_it_asks_in_few_bytes() {
        let years: Vec<(u16, u64)> = (0..5_000).map(|seed| (seed, 9)).collect();
        let (_, _, n_asked, n_bytes) = compare(&heads(&years), &heads(&years));
        assert_eq!(n_asked, 1);
        assert!(n_bytes < 300, "{n_bytes} bytes");
        let one_more = [&years[..], &[(6_000, 1)]].concat();
        let (told, _, n_asked, n_bytes) = compare(&heads(&years), &heads(&one_more));
        assert_eq!((told.len(), n_asked), (1, 4));
        assert!(n_bytes < 9_000, "{n_bytes} bytes");
    }

    #[test]
    fn a_question_that_no_box_asks_has_no_answer() {
        let good = first(&heads(&[(1, 1)]), &BTreeSet::new());
        let answered = |question: &Question| answer(&Heads::new(), question, (0, String::new())).is_some();
        assert!(answered(&good));
        assert!(!answered(&Question { v: 2, ..good.clone() }));
        for prefix in ["g", "A", &"0".repeat(33)] {
            let part = Part { prefix: prefix.into(), digest: Hash::START };
            assert!(!answered(&Question { closed: [part].into(), ..good.clone() }), "{prefix}");
        }
        let part = good.closed[0].clone();
        assert!(!answered(&Question { closed: alloc::vec![part; MAX_NAMED + 1], ..good }));
    }
}
