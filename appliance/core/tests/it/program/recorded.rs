//! As-run: each airing once, split at the hour, whatever is lost, repeated, reordered or restarted.

use machiai_core::envelope::{Envelope, Head, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, FactId, Origin, Seq};
use machiai_core::program::aired::Aired;
use machiai_core::program::as_run::{AiringBegun, AiringContinued, AiringEnded, AsRun, Cut, End, Seen, as_run};
use machiai_core::program::table::{ItemPlace, Revision};
use machiai_core::time::{AtMs, HOUR_MS};
use proptest::prelude::*;
use rstest::rstest;

use super::{Stage, at, content, hash, head, line, name};

/// An airing's facts, told by the monotonic clock alone.
#[derive(Debug)]
struct Film {
    from: AtMs,
    duration_ms: u32,
    facts: Vec<Envelope>,
}

impl Film {
    fn begins(when: &str, what: &str, duration_ms: u32) -> Self {
        let from = at(when);
        let place = ItemPlace {
            table: "w48".parse().unwrap(),
            revision: Revision(1),
            slot: Some("day".parse().unwrap()),
            item: Some("i1".parse().unwrap()),
        };
        let begun = AiringBegun {
            monitor: "hall".parse().unwrap(),
            content: hash(what),
            kind: content(what).kind,
            duration_ms,
            place: Some(place),
            seen: Seen::Lit,
        };
        let seq = Seq(u64::try_from(from.0).unwrap());
        let facts = vec![Envelope { head: airing_head(from, seq), fact: Fact::AiringBegun(begun) }];
        Self { from, duration_ms, facts }
    }

    fn id(&self) -> FactId {
        self.facts[0].head.id()
    }

    fn write(mut self, after_ms: i64, fact: Fact) -> Self {
        let seq = Seq(self.id().seq.0 + u64::try_from(self.facts.len()).unwrap());
        self.facts.push(Envelope { head: airing_head(self.from.plus_ms(after_ms), seq), fact });
        self
    }

    fn goes_on(self, after_ms: i64, frames: u32, seen: Seen) -> Self {
        let begun = self.id();
        self.write(after_ms, Fact::AiringContinued(AiringContinued { begun, frames, seen }))
    }

    fn ends(self, after_ms: i64, frames: u32, cut: Option<Cut>) -> Self {
        let begun = self.id();
        self.write(after_ms, Fact::AiringEnded(AiringEnded { begun, frames, seen: Seen::Lit, cut }))
    }
}

/// Airings have an origin of their own.
fn airing_head(at_ms: AtMs, seq: Seq) -> Head {
    Head { origin: Origin::from_bytes([0xa2; 16]), ..head(at_ms, Trust::Synced, seq) }
}

/// A whole airing of 15 seconds.
pub(super) fn airing(when: &str, what: &str) -> Vec<Envelope> {
    Film::begins(when, what, 15_000).ends(15_000, 450, None).facts
}

/// Rows as text: from, seconds, frames, lit seconds, end.
fn rows(facts: &[Envelope]) -> Vec<String> {
    let line = |row: &AsRun| {
        let from = row.from.in_tokyo().time();
        let length = row.to.since(row.from) / 1_000;
        format!(
            "{} {from} {length}s {} frames {}s lit {:?}",
            name(row.content),
            row.frames,
            row.lit_ms / 1_000,
            row.end
        )
    };
    as_run(facts).iter().map(line).collect()
}

#[test]
fn an_airing_is_one_row_with_its_place() {
    let facts = airing("11-24 9:00", "A1");
    assert_eq!(rows(&facts), ["A1 09:00:00 15s 450 frames 15s lit Whole"]);
    let row = &as_run(&facts)[0];
    assert_eq!(row.place.as_ref().unwrap().revision, Revision(1));
    assert_eq!((row.begun, row.part, row.monitor.as_str()), (facts[0].head.id(), 0, "hall"));
}

#[test]
fn an_airing_is_split_at_the_hour() {
    let film = Film::begins("11-24 9:59:50", "A1", 15_000).ends(15_000, 451, None);
    assert_eq!(
        rows(&film.facts),
        ["A1 09:59:50 10s 300 frames 10s lit Whole", "A1 10:00:00 5s 151 frames 5s lit Whole"]
    );
}

#[test]
fn a_film_of_three_hours_has_a_row_for_each() {
    let film = Film::begins("11-24 9:30", "P1", 10_800_000).ends(10_800_000, 324_000, None);
    let frames: Vec<u32> = as_run(&film.facts).iter().map(|row| row.frames).collect();
    assert_eq!(frames, [54_000, 108_000, 108_000, 54_000]);
}

#[test]
fn an_airing_that_begins_on_the_hour_has_no_row_before_it() {
    assert_eq!(rows(&airing("11-24 10:00", "A1")).len(), 1);
    assert_eq!(rows(&Film::begins("11-24 9:59:45", "A1", 15_000).ends(15_000, 450, None).facts).len(), 1);
}

#[rstest]
#[case::with_no_evidence_it_has_no_length(
    Film::begins("11-24 9:00", "P1", 60_000),
    "P1 09:00:00 0s 0 frames 0s lit LastEvidence"
)]
#[case::up_to_the_last_evidence(Film::begins("11-24 9:00", "P1", 60_000).goes_on(15_000, 450, Seen::Lit).goes_on(30_000, 899, Seen::Lit), "P1 09:00:00 30s 899 frames 30s lit LastEvidence")]
#[case::cut_by_an_emergency(Film::begins("11-24 9:00", "P1", 60_000).ends(20_000, 600, Some(Cut::Emergency)), "P1 09:00:00 20s 600 frames 20s lit Cut(Emergency)")]
#[case::dark_for_a_while(Film::begins("11-24 9:00", "P1", 60_000).goes_on(20_000, 600, Seen::Lit).goes_on(40_000, 1_200, Seen::Dark).ends(60_000, 1_800, None), "P1 09:00:00 60s 1800 frames 40s lit Whole")]
#[case::nobody_knows_whether_lit(Film::begins("11-24 9:00", "P1", 60_000).goes_on(60_000, 1_800, Seen::Unknown), "P1 09:00:00 60s 1800 frames 0s lit LastEvidence")]
#[case::of_two_ends_the_first(Film::begins("11-24 9:00", "P1", 60_000).ends(20_000, 600, Some(Cut::Broken)).ends(60_000, 1_800, None), "P1 09:00:00 20s 600 frames 20s lit Cut(Broken)")]
#[case::an_end_told_late(Film::begins("11-24 9:00", "P1", 60_000).ends(3_600_000, 1_800, None), "P1 09:00:00 60s 1800 frames 60s lit Whole")]
fn an_airing_ends_as_its_facts_say(#[case] film: Film, #[case] expected: &str) {
    assert_eq!(rows(&film.facts), [expected]);
}

#[test]
fn a_step_of_the_clock_changes_no_length() {
    let mut film = Film::begins("11-24 9:00", "P1", 60_000).ends(60_000, 1_800, None);
    film.facts[1].head.at_ms = at("11-24 9:00:05");
    assert_eq!(rows(&film.facts), ["P1 09:00:00 60s 1800 frames 60s lit Whole"]);
}

#[test]
fn over_a_restart_of_the_machine_the_hybrid_clock_tells() {
    let mut film = Film::begins("11-24 9:00", "P1", 60_000).goes_on(40_000, 1_200, Seen::Lit);
    film.facts[1].head.boot = BootId::from_bytes([9; 16]);
    film.facts[1].head.mono_ms = 3;
    assert_eq!(rows(&film.facts), ["P1 09:00:00 40s 1200 frames 40s lit LastEvidence"]);
}

#[test]
fn an_end_of_nothing_is_no_airing() {
    let facts = airing("11-24 9:00", "A1");
    assert_eq!(rows(&facts[1..]), Vec::<String>::new());
}

#[test]
fn a_loop_goes_on_from_its_facts_after_a_restart() {
    let sent = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";
    let mut stage = Stage::new().run(&[sent, "11-18 12:00 approve r1"]);
    let (hall, other) = ("hall".parse().unwrap(), "entrance".parse().unwrap());
    let film = Film::begins("11-24 9:00", "P1", 60_000);
    stage.aired.after(&hall, &film.facts[0]);
    let running = stage.airs(at("11-24 9:00:30"));
    assert_eq!((line(&running).as_str(), running.until), ("P1 runs_to_end", at("11-24 9:01")));
    let ended = film.ends(60_000, 1_800, None);
    stage.aired.after(&hall, &ended.facts[1]);
    assert_eq!(line(&stage.airs(at("11-24 9:01"))), "A1 scheduled");
    let mut elsewhere = Aired::default();
    elsewhere.after(&other, &ended.facts[0]);
    assert_eq!(elsewhere, Aired::default(), "another monitor has a loop of its own");
}

/// Airings of a day: when, how long, evidence, how it ended.
fn films() -> impl Strategy<Value = Vec<Film>> {
    let one = (0_u32..60, 1_u32..9_000, 0_usize..4, 0_u8..3);
    prop::collection::vec(one, 1..12).prop_map(|films| {
        let mut from_ms = 0_i64;
        let build = |(gap_s, length_s, n_evidence, end): (u32, u32, usize, u8)| {
            from_ms += i64::from(gap_s) * 1_000;
            let duration_ms = length_s * 1_000;
            let mut film = Film::begins("11-24 0:00", "P1", duration_ms);
            film.from = at("11-24 0:00").plus_ms(from_ms);
            film.facts[0].head = airing_head(film.from, Seq(u64::try_from(film.from.0).unwrap()));
            let step = i64::from(duration_ms) / 5;
            for nth in 1..=n_evidence {
                let after_ms = step * i64::try_from(nth).unwrap();
                film = film.goes_on(after_ms, u32::try_from(after_ms / 33).unwrap(), Seen::Lit);
            }
            from_ms += i64::from(duration_ms);
            let frames = duration_ms / 33;
            match end {
                0 => film,
                1 => film.ends(i64::from(duration_ms), frames, None),
                _ => film.ends(step * 4, frames * 4 / 5, Some(Cut::Stopped)),
            }
        };
        films.into_iter().map(build).collect()
    })
}

proptest! {
    #![proptest_config(super::properties::config())]

    #[test]
    fn every_airing_is_counted_once_whatever_is_repeated_or_reordered(
        films in films(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let facts: Vec<Envelope> = films.iter().flat_map(|film| film.facts.clone()).collect();
        let expected = as_run(&facts);
        let drawn: Vec<Envelope> = order.iter().map(|index| facts[index.index(facts.len())].clone()).collect();
        let shuffled: Vec<&Envelope> = drawn.iter().chain(facts.iter().rev()).collect();
        prop_assert_eq!(as_run(shuffled), expected);
    }

    #[test]
    fn the_parts_of_an_airing_are_the_airing(films in films()) {
        for film in &films {
            let parts = as_run(&film.facts);
            let (first, last) = (parts.first().unwrap(), parts.last().unwrap());
            prop_assert_eq!(first.from, film.from);
            prop_assert!(last.to.since(first.from) <= i64::from(film.duration_ms));
            prop_assert!(parts.windows(2).all(|two| two[0].to == two[1].from && two[0].to.0 % HOUR_MS == 0));
            prop_assert!(parts.iter().all(|part| part.to.since(part.from) <= HOUR_MS));
            prop_assert!(parts.iter().all(|part| i64::from(part.lit_ms) <= part.to.since(part.from)));
            let told = film.facts.iter().filter_map(|envelope| match &envelope.fact {
                Fact::AiringContinued(on) => Some(on.frames),
                Fact::AiringEnded(ended) => Some(ended.frames),
                _ => None,
            });
            prop_assert_eq!(parts.iter().map(|part| part.frames).sum::<u32>(), told.max().unwrap_or(0));
            prop_assert!(parts.iter().all(|part| part.end == last.end && part.begun == film.id()));
            prop_assert!(last.end != End::Whole || last.to.since(first.from) == i64::from(film.duration_ms));
        }
    }
}
