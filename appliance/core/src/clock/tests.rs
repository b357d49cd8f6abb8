//! The hybrid clock stepped through wrong, jumping and restarted clocks.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]

use alloc::vec::Vec;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// The build: 2026-11-01T00:00:00Z.
const FLOOR: AtMs = AtMs(1_793_491_200_000);
/// A morning three weeks later.
const MORNING: AtMs = AtMs(1_793_491_200_000 + 21 * 24 * HOUR_MS);

fn free(wall: AtMs, mono_ms: u64) -> Reading {
    Reading { wall, mono_ms, synced: false, rehearsal: false }
}

fn synced(wall: AtMs, mono_ms: u64) -> Reading {
    Reading { synced: true, ..free(wall, mono_ms) }
}

fn stamp(at: AtMs, n: u32) -> Stamp {
    Stamp { at, n }
}

/// A clock started in the morning by the machine's own clock, when its monotonic clock stood at 0.
fn started() -> HybridClock {
    HybridClock::resume(None, free(MORNING, 0), FLOOR)
}

#[test]
fn facts_of_one_millisecond_are_counted() {
    let mut clock = started();
    let reading = synced(MORNING, 0);
    assert_eq!(clock.stamp(reading), (stamp(MORNING, 0), Trust::Synced));
    assert_eq!(clock.stamp(reading), (stamp(MORNING, 1), Trust::Synced));
    assert_eq!(clock.stamp(synced(MORNING.plus_ms(1), 1)), (stamp(MORNING.plus_ms(1), 0), Trust::Synced));
}

#[test]
fn a_full_counter_goes_on_in_the_next_millisecond() {
    let mut clock = HybridClock::resume(Some(stamp(MORNING, u32::MAX)), synced(MORNING, 0), FLOOR);
    assert_eq!(clock.stamp(synced(MORNING, 0)).0, stamp(MORNING.plus_ms(1), 0));
}

#[rstest]
#[case::in_1970(AtMs(3_600_000))]
#[case::before_the_build(FLOOR.plus_ms(-1))]
#[case::an_hour_before_the_newest_fact(MORNING.plus_ms(-HOUR_MS))]
#[case::eleven_years_after_it(MORNING.plus_ms(11 * YEAR_MS))]
#[case::at_the_end_of_time(AtMs(i64::MAX))]
fn an_implausible_clock_is_lost_and_counts_from_the_newest_fact(#[case] wall: AtMs) {
    let mut clock = HybridClock::resume(Some(stamp(MORNING, 7)), free(wall, 500), FLOOR);
    assert_eq!(clock.stamp(free(wall, 500)), (stamp(MORNING, 8), Trust::Lost));
    let later = free(wall.plus_ms(60_000), 60_500);
    assert_eq!(clock.stamp(later), (stamp(MORNING.plus_ms(60_000), 0), Trust::Lost));
    assert_eq!(clock.shown(later), (MORNING.plus_ms(60_000), Trust::Lost));
}

#[test]
fn a_lost_clock_without_facts_counts_from_the_build() {
    let mut clock = HybridClock::resume(None, free(AtMs(0), 9), FLOOR);
    assert_eq!(clock.stamp(free(AtMs(1), 10)), (stamp(FLOOR.plus_ms(1), 0), Trust::Lost));
}

#[test]
fn a_lost_clock_is_found_when_somebody_sets_it() {
    let mut clock = HybridClock::resume(Some(stamp(MORNING, 0)), free(AtMs(0), 0), FLOOR);
    let set = free(MORNING.plus_ms(HOUR_MS), 1_000);
    assert_eq!(clock.stamp(set), (stamp(MORNING.plus_ms(HOUR_MS), 0), Trust::Free));
    // From then on it is counted: the next step of the machine's clock is not followed.
    let stepped = free(MORNING.plus_ms(2 * HOUR_MS), 2_000);
    assert_eq!(clock.stamp(stepped).0, stamp(MORNING.plus_ms(HOUR_MS + 1_000), 0));
}

#[rstest]
#[case::forward(3 * HOUR_MS)]
#[case::back(-3 * HOUR_MS)]
#[case::to_1970(-MORNING.0)]
fn an_unsynchronised_clock_is_read_once(#[case] step_ms: i64) {
    let mut clock = started();
    let reading = free(MORNING.plus_ms(1_000 + step_ms), 1_000);
    assert_eq!(clock.shown(reading), (MORNING.plus_ms(1_000), Trust::Free));
    assert_eq!(clock.stamp(reading), (stamp(MORNING.plus_ms(1_000), 0), Trust::Free));
}

#[test]
fn a_synchronised_clock_is_followed_forward_at_once() {
    let mut clock = started();
    let stepped = synced(MORNING.plus_ms(20 * HOUR_MS), 1_000);
    assert_eq!(clock.stamp(stepped), (stamp(MORNING.plus_ms(20 * HOUR_MS), 0), Trust::Synced));
}

#[test]
fn a_clock_that_lost_its_time_server_counts_on() {
    let mut clock = started();
    clock.observe(synced(MORNING.plus_ms(HOUR_MS), 1_000));
    let alone = free(AtMs(0), 61_000);
    assert_eq!(clock.shown(alone), (MORNING.plus_ms(HOUR_MS + 60_000), Trust::Free));
}

#[test]
fn a_clock_set_back_shows_the_truth_and_mends_the_facts_at_half_speed() {
    // The machine kept local time: nine hours ahead until the time server was heard.
    let mut clock = started();
    let (before, _) = clock.stamp(free(MORNING, 0));
    let truth = |mono_ms: i64| synced(MORNING.plus_ms(mono_ms - 9 * HOUR_MS), u64::try_from(mono_ms).unwrap());

    let (after, trust) = clock.stamp(truth(60_000));
    assert!(after > before);
    assert_eq!((after.at, trust), (MORNING.plus_ms(30_000), Trust::Lost));
    assert_eq!(clock.shown(truth(60_000)), (MORNING.plus_ms(60_000 - 9 * HOUR_MS), Trust::Synced));

    let (halfway, _) = clock.now(truth(10 * HOUR_MS));
    assert_eq!(halfway.since(after.at), 5 * HOUR_MS - 30_000);
    assert_eq!(clock.now(truth(18 * HOUR_MS - 1_000)), (MORNING.plus_ms(9 * HOUR_MS - 500), Trust::Synced));
    let mended = truth(18 * HOUR_MS);
    assert_eq!(clock.stamp(mended), (stamp(mended.wall, 0), Trust::Synced));
}

#[test]
fn facts_from_the_far_future_keep_their_order_and_their_durations() {
    let wrong = MORNING.plus_ms(5 * YEAR_MS);
    let mut clock = HybridClock::resume(Some(stamp(wrong, 3)), synced(MORNING, 0), FLOOR);
    assert_eq!(clock.stamp(synced(MORNING, 0)), (stamp(wrong, 4), Trust::Lost));
    let later = synced(MORNING.plus_ms(HOUR_MS), 3_600_000);
    assert_eq!(clock.stamp(later), (stamp(wrong.plus_ms(HOUR_MS), 0), Trust::Lost));
    assert_eq!(clock.shown(later), (MORNING.plus_ms(HOUR_MS), Trust::Synced));
}

#[test]
fn a_small_step_back_lowers_the_trust_of_stamps_only_while_it_lasts() {
    let mut clock = started();
    clock.stamp(synced(MORNING, 0));
    assert_eq!(clock.now(synced(MORNING.plus_ms(-400), 0)).1, Trust::Synced);
    assert_eq!(clock.now(synced(MORNING.plus_ms(-2_000), 0)).1, Trust::Free);
    assert_eq!(clock.now(synced(MORNING.plus_ms(2_000), 4_000)), (MORNING.plus_ms(2_000), Trust::Synced));
}

#[test]
fn a_peer_moves_the_clock_unless_it_is_far_ahead() {
    let mut clock = started();
    let near = stamp(MORNING.plus_ms(PEER_AHEAD_MS), 2);
    assert!(!clock.hear(stamp(near.at.plus_ms(1), 0), free(MORNING, 0)));
    assert_eq!(clock.clone().stamp(free(MORNING, 0)).0, stamp(MORNING, 0));
    assert!(clock.hear(near, free(MORNING, 0)));
    assert_eq!(clock.stamp(free(MORNING, 0)).0, stamp(near.at, 3));
    assert!(clock.hear(stamp(FLOOR, 0), free(MORNING, 0)), "an old fact was refused");
}

#[test]
fn a_lost_clock_takes_the_time_from_its_peers() {
    let in_1970 = free(AtMs(0), 0);
    let mut clock = HybridClock::resume(None, in_1970, FLOOR);
    assert!(!clock.hear(stamp(AtMs(i64::MAX), 0), in_1970), "an impossible instant was believed");
    assert!(clock.hear(stamp(MORNING, 5), in_1970));
    assert_eq!(clock.stamp(in_1970), (stamp(MORNING, 6), Trust::Lost));
    assert_eq!(clock.shown(free(AtMs(0), 1_000)), (MORNING.plus_ms(1_000), Trust::Lost));
}

#[test]
fn a_rehearsal_is_believed_whatever_day_it_plays() {
    let long_ago = AtMs(1_000_000_000_000);
    let rehearsal = |after_ms: i64| Reading { rehearsal: true, ..free(long_ago.plus_ms(after_ms), 0) };
    let mut clock = HybridClock::resume(None, rehearsal(0), FLOOR);
    assert_eq!(clock.stamp(rehearsal(0)), (stamp(long_ago, 0), Trust::Rehearsal));
    assert_eq!(clock.stamp(rehearsal(600)), (stamp(long_ago.plus_ms(600), 0), Trust::Rehearsal));
}

/// What may happen to a clock between two facts.
#[derive(Clone, Copy, Debug)]
enum Event {
    Stamp,
    Observe,
    Hear(Stamp),
    Restart,
}

/// Readings near the morning, at the ends of time, and anywhere.
fn instants() -> impl Strategy<Value = AtMs> {
    prop_oneof![
        4 => (-48 * HOUR_MS..48 * HOUR_MS).prop_map(|off_ms| MORNING.plus_ms(off_ms)),
        1 => (0_i64..40 * YEAR_MS).prop_map(AtMs),
        1 => any::<i64>().prop_map(AtMs),
    ]
}

fn readings() -> impl Strategy<Value = Reading> {
    let mono_ms = prop_oneof![4 => 0_u64..200_000_000, 1 => any::<u64>()];
    let kinds = prop_oneof![4 => Just(false), 1 => Just(true)];
    (instants(), mono_ms, any::<bool>(), kinds).prop_map(|(wall, mono_ms, synced, rehearsal)| Reading {
        wall,
        mono_ms,
        synced,
        rehearsal,
    })
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Stamp),
        1 => Just(Event::Observe),
        1 => (instants(), any::<u32>()).prop_map(|(at, n)| Event::Hear(Stamp { at, n })),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #[test]
    fn stamps_increase_strictly_whatever_the_clocks_say(
        first in readings(),
        story in prop::collection::vec((events(), readings()), 1..60),
    ) {
        let mut clock = HybridClock::resume(None, first, FLOOR);
        let mut newest = None;
        for (event, reading) in story {
            match event {
                Event::Stamp => {
                    let (now, _) = clock.now(reading);
                    let (stamp, _) = clock.stamp(reading);
                    prop_assert!(newest < Some(stamp), "{stamp:?} after {newest:?}");
                    prop_assert!(stamp.at >= now);
                    newest = Some(stamp);
                }
                Event::Observe => clock.observe(reading),
                Event::Hear(peer) => {
                    if clock.hear(peer, reading) {
                        newest = newest.max(Some(peer));
                    }
                }
                Event::Restart => clock = HybridClock::resume(newest, reading, FLOOR),
            }
        }
    }

    #[test]
    fn a_synchronised_clock_is_shown_as_it_is(
        story in prop::collection::vec(readings(), 0..20),
        wall in FLOOR.0..FLOOR.0 + ERA_MS,
        mono_ms in any::<u64>(),
    ) {
        let mut clock = started();
        for reading in story {
            clock.stamp(reading);
        }
        prop_assert_eq!(clock.shown(synced(AtMs(wall), mono_ms)), (AtMs(wall), Trust::Synced));
    }

    #[test]
    fn an_unsynchronised_clock_runs_by_the_monotonic_one(
        steps in prop::collection::vec((any::<i64>(), 0_u64..10_000_000), 1..40),
    ) {
        let mut clock = started();
        let mut mono_ms = 0;
        for (wall, step_ms) in steps {
            mono_ms += step_ms;
            let (stamp, trust) = clock.stamp(free(AtMs(wall), mono_ms));
            prop_assert_eq!(stamp.at, MORNING.plus_ms(i64::try_from(mono_ms).unwrap()));
            prop_assert_eq!(trust, Trust::Free);
        }
    }

    #[test]
    fn a_step_back_is_mended_in_twice_its_length(
        back_ms in 0..MEND_MS,
        stops in prop::collection::vec(0..2 * MEND_MS, 0..20),
    ) {
        let mut clock = started();
        clock.stamp(synced(MORNING, 0));
        let reading = |mono_ms: i64| synced(MORNING.plus_ms(mono_ms - back_ms), u64::try_from(mono_ms).unwrap());
        let mut stops: Vec<i64> = stops.into_iter().filter(|mono_ms| *mono_ms < 2 * back_ms).collect();
        stops.sort_unstable();
        let mut last = MORNING;
        for mono_ms in stops {
            let (now, _) = clock.now(reading(mono_ms));
            prop_assert!(last <= now, "{now:?} after {last:?}");
            clock.observe(reading(mono_ms));
            last = now;
        }
        let mended = reading(2 * back_ms);
        prop_assert_eq!(clock.now(mended), (mended.wall, Trust::Synced));
    }
}
