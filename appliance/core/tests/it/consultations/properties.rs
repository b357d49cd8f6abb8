//! Properties of calls: any order of arrival gives one view, and a second rater, which looks at every second, agrees.

use machiai_core::call::tariff::{Rule, Stretch, Tariff};
use machiai_core::call::told::{CallAssigned, CallEnd, TariffSet};
use machiai_core::call::{Calls, Leases};
use machiai_core::envelope::Envelope;
use machiai_core::facts::Fact;
use proptest::prelude::*;

use super::{MINUTE_MS, START, Stage, end, folded, nothing_open};

/// The longest call of these days, in seconds.
const MOST_S: i64 = 4 * 3_600;

/// Rates by looking at every second, one after the other; written for being plain, not for being quick.
fn by_seconds(tariff: &Tariff, spans_s: &[(i64, i64)]) -> i64 {
    let end = spans_s.iter().map(|span| span.1).max().unwrap_or(0);
    let is_on = |second: i64| spans_s.iter().any(|(from, to)| (*from..*to).contains(&second));
    let unit_s = i64::from(tariff.unit_min) * 60;
    let ceil = |seconds: i64| (seconds + unit_s - 1) / unit_s;
    let on: Vec<i64> = (0..end).filter(|second| is_on(*second)).collect();
    let (Some(first), Some(last)) = (on.first(), on.last()) else { return 0 };
    match tariff.rule {
        Rule::ReservationTotal => ceil(i64::try_from(on.len()).unwrap()),
        Rule::Span => ceil(last - first + 1),
        Rule::Windows => {
            let mut windows: Vec<i64> = on.iter().map(|second| (second - first) / unit_s).collect();
            windows.dedup();
            i64::try_from(windows.len()).unwrap()
        }
        Rule::PerConnection => runs(&on, 0).into_iter().map(ceil).sum(),
        Rule::MergeGap => runs(&on, (i64::from(tariff.gap_min) * 60 - 1).max(0)).into_iter().map(ceil).sum(),
    }
}

/// Returns how long runs of seconds are, of which up to so many may be missing.
fn runs(on: &[i64], most_missing: i64) -> Vec<i64> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for second in on {
        match runs.last_mut() {
            Some(run) if second - run.1 - 1 <= most_missing => run.1 = *second,
            _ => runs.push((*second, *second)),
        }
    }
    runs.into_iter().map(|(first, last)| last - first + 1).collect()
}

fn any_spans() -> impl Strategy<Value = Vec<(i64, i64)>> {
    // Whole minutes half of the time, so that edges meet.
    let instant = prop_oneof![(0..MOST_S / 60).prop_map(|minute| minute * 60), 0..MOST_S];
    prop::collection::vec((instant, prop_oneof![Just(1_800_i64), Just(600), 0..3_600_i64]), 0..8)
        .prop_map(|spans| spans.into_iter().map(|(from, length)| (from, from + length)).collect())
}

fn any_tariff() -> impl Strategy<Value = Tariff> {
    (prop::sample::select(&Rule::ALL[..]), prop_oneof![Just(30_u16), 1_u16..61], prop_oneof![Just(10_u16), 0_u16..31])
        .prop_map(|(rule, unit_min, gap_min)| Tariff { unit_min, gap_min, ..Tariff::built_in(rule) })
}

/// What may happen in a clinic, however absurd.
#[derive(Clone, Debug)]
enum Deed {
    Wait(i64),
    Step(i64),
    Restart,
    Connect(usize),
    Disconnect(usize),
    Lost(usize, u64),
    Reserve(i64),
    Assign(bool),
    Tariff(Tariff),
}

/// The connections of these days.
const NAMES: [&str; 5] = ["R1 pc c1", "R1 pc c2", "R1 tab -", "R2 pc c1", "- pc c7"];

fn any_deeds() -> impl Strategy<Value = Vec<Deed>> {
    let name = 0..NAMES.len();
    let deed = prop_oneof![
        4 => (0..3_600_000_i64).prop_map(Deed::Wait),
        1 => (-90_000_000_i64..90_000_000).prop_map(Deed::Step),
        1 => Just(Deed::Restart),
        6 => name.clone().prop_map(Deed::Connect),
        6 => name.clone().prop_map(Deed::Disconnect),
        1 => (name, any::<u64>()).prop_map(|(name, mono_ms)| Deed::Lost(name, mono_ms)),
        1 => (0..100_000_000_i64).prop_map(Deed::Reserve),
        1 => any::<bool>().prop_map(Deed::Assign),
        1 => any_tariff().prop_map(Deed::Tariff),
    ];
    prop::collection::vec(deed, 0..40)
}

fn day_of(deeds: &[Deed]) -> Stage {
    let mut stage = Stage::new();
    for deed in deeds {
        match deed {
            Deed::Wait(ms) => {
                stage.until(stage.mono_ms + ms);
            }
            Deed::Step(ms) => {
                stage.step_clock(*ms);
            }
            Deed::Restart => {
                stage.restart(1_000);
            }
            Deed::Connect(name) => {
                stage.connect(NAMES[*name]);
            }
            Deed::Disconnect(name) => {
                stage.disconnect(NAMES[*name]);
            }
            Deed::Lost(name, mono_ms) => {
                let evidence = machiai_core::call::told::Evidence { mono_ms: *mono_ms, ..stage.now() };
                stage.write(Fact::CallDisconnected(CallEnd { evidence: Some(evidence), ..end(NAMES[*name]) }));
            }
            Deed::Reserve(ms) => stage.reserve("R1", START.plus_ms(*ms)),
            Deed::Assign(is_given) => {
                let to = is_given.then(|| "R2".parse().unwrap());
                let (endpoint, connection) = ("pc".parse().unwrap(), "c7".parse().unwrap());
                stage.write(Fact::CallAssigned(CallAssigned { endpoint, connection, to }));
            }
            Deed::Tariff(tariff) => {
                let set = TariffSet { from: "2026-11-24".parse().unwrap(), tariff: tariff.clone() };
                stage.write(Fact::TariffSet(set));
            }
        }
    }
    stage
}

fn n_ends(facts: &[Envelope]) -> usize {
    facts.iter().filter(|it| matches!(it.fact, Fact::CallConnected(_) | Fact::CallDisconnected(_))).count()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rater_that_looks_at_every_second_agrees(spans_s in any_spans(), tariff in any_tariff()) {
        let stretches: Vec<Stretch> =
            spans_s.iter().map(|(from, to)| Stretch { from_ms: from * 1_000, to_ms: to * 1_000 }).collect();
        prop_assert_eq!(tariff.units(&stretches), by_seconds(&tariff, &spans_s));
    }

    #[test]
    fn facts_are_rated_as_their_seconds_are(spans_s in any_spans(), tariff in any_tariff(), step in -9_i64..10) {
        let mut stage = Stage::new();
        stage.reserve("R1", START);
        stage.write(Fact::TariffSet(TariffSet { from: "2026-11-01".parse().unwrap(), tariff: tariff.clone() }));
        stage.step_clock(step * 60 * MINUTE_MS);
        let spans: Vec<(i64, i64)> = spans_s.iter().map(|(from, to)| (from * 1_000, to * 1_000)).collect();
        stage.connections("R1", &spans);
        let units = stage.calls().rated(&nothing_open()).first().map_or(0, |rated| rated.given.units);
        prop_assert_eq!(units, by_seconds(&tariff, &spans_s));
    }

    #[test]
    fn any_order_of_arrival_with_repeats_gives_the_same_calls(
        deeds in any_deeds(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let facts = day_of(&deeds).written;
        let drawn = order.iter().filter(|_| !facts.is_empty()).map(|index| &facts[index.index(facts.len())]);
        let again = folded(drawn.chain(facts.iter().rev()));
        prop_assert_eq!(again.rated(&Leases::new()), folded(&facts).rated(&Leases::new()));
        prop_assert_eq!(again, folded(&facts));
    }

    #[test]
    fn a_fold_of_calls_may_be_split_anywhere(deeds in any_deeds(), at in any::<prop::sample::Index>()) {
        let facts = day_of(&deeds).written;
        let (before, after) = facts.split_at(at.index(facts.len() + 1));
        let mut calls: Calls = folded(before);
        after.iter().for_each(|fact| calls.after(fact));
        prop_assert_eq!(calls, folded(&facts));
    }

    #[test]
    fn nothing_is_ever_negative_and_nothing_is_lost(deeds in any_deeds()) {
        let facts = day_of(&deeds).written;
        let calls = folded(&facts);
        let all: Vec<_> = calls.connections(&Leases::new()).into_values().flatten().collect();
        prop_assert!(all.iter().all(|it| it.length_ms >= 0));
        prop_assert_eq!(all.is_empty(), n_ends(&facts) == 0);
        for rated in calls.rated(&Leases::new()) {
            prop_assert!(rated.given.units >= 0 && rated.given.yen >= 0 && rated.connected_ms >= 0);
            let longest = rated.connections.iter().filter(|it| !it.test && !it.rehearsal).map(|it| it.length_ms).max();
            // An end that lies ages ahead is cut where numbers end.
            prop_assert!(rated.connected_ms >= longest.unwrap_or(0).min(i64::MAX / 2));
        }
    }
}
