//! Properties that hold for any day: the invariants of the design, tried on random presses.

mod presses;
pub(crate) mod sound;

use std::collections::BTreeSet;

use machiai_core::envelope::{Canonical, Envelope};
use machiai_core::facts::Fact;
use machiai_core::ids::Origin;
use machiai_core::queue::arrivals::Arrivals;
use machiai_core::queue::{Clinic, Taken};
use proptest::prelude::*;

use crate::play::Play;
use presses::{Press, presses};
use sound::{assert_numbers, assert_sound, assert_structure};

/// How many presses a random day has at most.
const MAX_PRESSES: usize = 80;

/// A quarter of the usual cases: each is a whole day.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, failure_persistence: None, ..usual }
}

/// Plays a random day, sound after every press.
fn day_of(presses: &[Press]) -> Play {
    let mut play = Play::new().run(&["8:30 open 1 morning", "open 2 morning"]);
    for press in presses {
        press.on(&mut play);
        assert_sound(&play.clinic, play.now);
    }
    assert_numbers(&play.written);
    play
}

/// Plays a random day of another box, whose facts nobody here decided.
fn elsewhere(presses: &[Press]) -> Play {
    let mut play = Play::new();
    play.origin = Origin::from_bytes([0xee; 16]);
    play.draw_from(1_000_000);
    for press in presses {
        press.on(&mut play);
    }
    play
}

fn folded(facts: &[Envelope]) -> Clinic {
    let mut sorted: Vec<&Envelope> = facts.iter().collect();
    sorted.sort_by_key(|envelope| envelope.head.canonical());
    let mut clinic = Clinic::default();
    for envelope in sorted {
        clinic.after(envelope);
    }
    clinic
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_presses_leave_a_sound_queue(presses in presses(MAX_PRESSES)) {
        day_of(&presses);
    }

    #[test]
    fn an_undo_puts_everything_back(presses in presses(MAX_PRESSES), last in any::<Press>()) {
        let mut play = day_of(&presses);
        last.with_undo(&mut play);
    }

    #[test]
    fn what_was_written_is_read_to_the_same_queue(presses in presses(MAX_PRESSES)) {
        let play = day_of(&presses);
        let mut again = Clinic::default();
        for envelope in &play.written {
            let line = envelope.write().unwrap();
            let read = Envelope::read(&line).unwrap();
            prop_assert_eq!(&read, envelope);
            prop_assert_eq!(read.write().unwrap(), line);
            prop_assert_eq!(again.after(&read), Taken::InOrder);
            prop_assert_eq!(again.after(&read), Taken::Known, "a repeat changes nothing");
        }
        prop_assert_eq!(again, play.clinic);
    }

    #[test]
    fn a_fold_may_be_split_anywhere_and_kept_as_a_checkpoint(presses in presses(MAX_PRESSES), at in any::<prop::sample::Index>()) {
        let play = day_of(&presses);
        let (before, after) = play.written.split_at(at.index(play.written.len()));
        let kept = serde_json::to_string(&folded(before)).unwrap();
        let mut clinic: Clinic = serde_json::from_str(&kept).unwrap();
        for envelope in after {
            clinic.after(envelope);
        }
        prop_assert_eq!(clinic, play.clinic);
    }

    #[test]
    fn any_order_of_arrival_with_repeats_gives_one_queue(
        here in presses(30),
        there in presses(15),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..300),
        base in any::<prop::sample::Index>(),
    ) {
        let mut facts = day_of(&here).written;
        facts.extend(elsewhere(&there).written);
        let expected = folded(&facts);
        assert_structure(&expected);
        facts.sort_by_key(|envelope| envelope.head.canonical());
        let (before, after) = facts.split_at(base.index(facts.len()));
        let mut arrivals = Arrivals::after(folded(before));
        let drawn = order.iter().map(|index| &facts[index.index(facts.len())]);
        let mut seen = BTreeSet::new();
        let newest: Option<Canonical> = before.last().map(|envelope| envelope.head.canonical());
        for envelope in drawn.chain(after) {
            let id = envelope.head.id();
            let is_known = newest.is_some_and(|newest| envelope.head.canonical() <= newest) || seen.contains(&id);
            let expected = if is_known { Taken::Known } else { Taken::InOrder };
            prop_assert_eq!(arrivals.take_in(envelope.clone()), expected);
            seen.insert(id);
        }
        prop_assert_eq!(arrivals.clinic(), &expected);
    }

    #[test]
    fn facts_of_unknown_kinds_change_nothing_but_remarks(
        presses in presses(30),
        kind in "[A-Z][a-z]{3,9}Xx",
        at in any::<prop::sample::Index>(),
    ) {
        let play = day_of(&presses);
        let nth = at.index(play.written.len());
        let mut head = play.written[nth].head.clone();
        head.origin = Origin::from_bytes([0xdd; 16]);
        let mut line = serde_json::to_value(&head).unwrap();
        line["kind"] = kind.clone().into();
        line["body"] = serde_json::json!({"anything": [1, null, {"x": kind}]});
        let newer = Envelope::read(line.to_string().as_bytes()).unwrap();
        prop_assert_eq!(newer.fact.kind(), kind.as_str());
        prop_assert!(matches!(newer.fact, Fact::Unknown(_)));
        let mut facts = play.written.clone();
        facts.push(newer);
        let clinic = folded(&facts);
        prop_assert_eq!(clinic.visits, play.clinic.visits);
        prop_assert_eq!(clinic.lines, play.clinic.lines);
        prop_assert_eq!(clinic.n_facts, play.clinic.n_facts + 1);
    }
}

#[test]
fn a_fact_from_before_the_base_asks_for_an_earlier_base() {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1"]);
    let mut other = play.written[0].clone();
    other.head.origin = Origin::from_bytes([0xdd; 16]);
    let mut arrivals = Arrivals::after(play.clinic.clone());
    assert_eq!(arrivals.take_in(other), Taken::Late);
    assert_eq!(arrivals.clinic(), &play.clinic);
}
