//! Whether each frame of a soak shows what belongs there, and how long it was silent at the joins.

use std::collections::BTreeMap;

use gstreamer::ClockTime;
use machiai_panel::link::End;
use machiai_screen::playout::Told;
use serde::{Deserialize, Serialize};

use super::Part;
use crate::films::{Coding, Film, Seen};

/// A frame of the output, in nanoseconds.
const FRAME_NS: u64 = 33_333_333;

/// A still and its neighbours are mixed for nine frames.
const MIXED: u64 = 10;

/// A sample is silent below this, of full scale.
const SILENT: f32 = 0.002;

/// Samples a second of the mixed sound, and bytes of one in both channels.
const RATE: u64 = 48_000;
const SAMPLE_BYTES: usize = 8;

/// How near a join a silence counts, on either side.
const NEAR_JOIN: ClockTime = ClockTime::from_mseconds(200);

/// A frame as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// Its moment on the output's clock.
    pub(crate) at: ClockTime,
    /// What it shows.
    pub(crate) seen: Seen,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Frames that came.
    pub frames: u64,
    /// Frames of the output's grid that never came.
    pub dropped: u64,
    /// Frames whose film region was black.
    pub black_frames: u64,
    /// Frames that were read and compared with what belongs there.
    pub compared: u64,
    /// Those that showed another picture: one is missing, repeated, or of another film.
    pub wrong_pictures: u64,
    /// Good films that did not end as a whole, and bad ones that did.
    pub bad_ends: u64,
    /// The longest silence at a join of two films that sound, in milliseconds.
    pub silence_ms_max: f64,
}

/// When an item was on the output.
struct Span {
    part: usize,
    begins: ClockTime,
    ends: ClockTime,
}

/// Compares what was shown with what was cued and told.
pub(crate) fn judge(cued: &[Part], told: &[Told], shown: &[Shown], silences: &Silences) -> Judged {
    let spans = spans(told);
    let steps = shown.windows(2).filter_map(|pair| match pair {
        [one, next] => Some((next.at.saturating_sub(one.at).nseconds() + FRAME_NS / 2) / FRAME_NS),
        _ => None,
    });
    let mut judged = Judged {
        frames: shown.len() as u64,
        dropped: steps.map(|n_steps| n_steps.saturating_sub(1)).sum(),
        black_frames: shown.iter().filter(|one| one.seen == Seen::Black).count() as u64,
        bad_ends: bad_ends(cued, told).len() as u64,
        silence_ms_max: silence_ms_max(cued, &spans, silences),
        ..Judged::default()
    };
    for (nth, span) in spans.iter().enumerate() {
        let film = cued.get(span.part).and_then(|part| part.film);
        // What is counted picture by picture is what runs at the output's own pace.
        let Some(film) = film.filter(|film| film.per_s == 30) else { continue };
        let before = nth.checked_sub(1).and_then(|nth| spans.get(nth));
        let follows_still = before.and_then(|span| cued.get(span.part)).is_none_or(|part| part.film.is_none());
        let next = spans.get(nth + 1).map_or(span.ends, |next| next.begins);
        compare(&mut judged, (&film, span, next), follows_still, shown);
    }
    judged
}

/// Compares the frames of a film, and those in which its last picture is held until the next one begins.
fn compare(judged: &mut Judged, (film, span, next): (&Film, &Span, ClockTime), mixes: bool, shown: &[Shown]) {
    let from = shown.partition_point(|one| one.at + ClockTime::from_nseconds(FRAME_NS / 2) < span.begins);
    for one in shown.iter().skip(from).take_while(|one| one.at + ClockTime::from_nseconds(FRAME_NS / 2) < next) {
        let nth = (one.at.saturating_sub(span.begins).nseconds() + FRAME_NS / 2) / FRAME_NS;
        let expected = nth.min(u64::from(film.n_frames).saturating_sub(1));
        let is_mixed = mixes && nth < MIXED;
        if let Seen::Picture { clip, frame } = one.seen
            && !is_mixed
        {
            judged.compared += 1;
            judged.wrong_pictures += u64::from(clip != film.clip || u64::from(frame) != expected);
        }
    }
}

/// Returns when each item that was seen was on the output, in order.
fn spans(told: &[Told]) -> Vec<Span> {
    let mut begun = BTreeMap::new();
    let mut spans = Vec::new();
    for one in told {
        match one {
            Told::Begun { id, at } => {
                begun.insert(*id, *at);
            }
            Told::Ended { id, at, .. } => {
                if let (Some(begins), Ok(part)) = (begun.remove(id), usize::try_from(*id)) {
                    spans.push(Span { part, begins, ends: *at });
                }
            }
            Told::Shown { .. } => {}
        }
    }
    spans
}

/// Names the items that did not end as they should.
pub(crate) fn bad_ends(cued: &[Part], told: &[Told]) -> Vec<String> {
    let ended = told.iter().filter_map(|one| match one {
        Told::Ended { id, end, n_frames, .. } => {
            Some((id, usize::try_from(*id).ok().and_then(|id| cued.get(id))?, end, n_frames))
        }
        Told::Begun { .. } | Told::Shown { .. } => None,
    });
    let bad = ended.filter(|(_, part, end, _)| part.is_bad == matches!(end, End::Whole));
    bad.map(|(id, part, end, n_frames)| format!("item {id}, {}: {end:?} after {n_frames} frames", part.file.display()))
        .collect()
}

fn silence_ms_max(cued: &[Part], spans: &[Span], silences: &Silences) -> f64 {
    let film = |span: &Span| cued.get(span.part).and_then(|part| part.film).filter(|film| film.sounds);
    let sounds = |span: &Span| film(span).is_some();
    // Opus, as the films' encoder writes it, ends before its pictures do.
    let sounds_to_its_end = |span: &Span| film(span).is_some_and(|film| film.coding != Coding::WebM);
    let joins = spans.windows(2).filter_map(|pair| match pair {
        // What lies between them is a bad file otherwise, and its place may be silent.
        [one, next] if sounds_to_its_end(one) && sounds(next) && one.part + 1 == next.part => Some(next.begins),
        _ => None,
    });
    let near = joins.flat_map(|join| {
        let is_near =
            move |silence: &&(ClockTime, ClockTime)| silence.0 < join + NEAR_JOIN && silence.1 + NEAR_JOIN > join;
        silences.over.iter().filter(is_near)
    });
    near.map(|(from, to)| to.saturating_sub(*from).nseconds() as f64 / 1e6).fold(0.0, f64::max)
}

/// Silences of more than a few samples.
#[derive(Debug, Default)]
pub(crate) struct Silences {
    /// Since when it is silent.
    since: Option<ClockTime>,
    /// Those that are over, from when to when.
    over: Vec<(ClockTime, ClockTime)>,
}

impl Silences {
    /// Hears a piece of sound.
    pub(crate) fn hear(&mut self, at: ClockTime, samples: &[u8]) {
        for (nth, sample) in (0_u64..).zip(samples.chunks_exact(SAMPLE_BYTES)) {
            let left = sample.first_chunk().map_or(0.0, |bytes| f32::from_le_bytes(*bytes));
            let now = at + ClockTime::from_nseconds(nth * 1_000_000_000 / RATE);
            if left.abs() < SILENT {
                self.since.get_or_insert(now);
            } else if let Some(since) = self.since.take() {
                // A wave is near zero twice in each of its turns.
                if now.saturating_sub(since) > ClockTime::from_mseconds(2) {
                    self.over.push((since, now));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(film: Film) -> Part {
        Part { file: "film".into(), film: Some(film), is_bad: false }
    }

    fn frame(nth: u64) -> ClockTime {
        ClockTime::from_nseconds(nth * 1_000_000_000 / 30)
    }

    fn told(id: u64, from: u64, to: u64) -> [Told; 2] {
        let end = End::Whole;
        [Told::Begun { id, at: frame(from) }, Told::Ended { id, at: frame(to), n_frames: 3, n_late: 0, end }]
    }

    fn shown(pictures: &[(u64, u8, u16)]) -> Vec<Shown> {
        let one = |(nth, clip, of): &(u64, u8, u16)| Shown {
            at: frame(*nth),
            seen: Seen::Picture { clip: *clip, frame: *of },
        };
        pictures.iter().map(one).collect()
    }

    #[test]
    fn a_picture_that_is_missing_repeated_or_of_another_film_is_counted() {
        let cued = [part(Film::of(1, 3)), part(Film::of(2, 3))];
        let told = [told(0, 10, 13), told(1, 13, 16)].concat();
        let good = [(10, 1, 0), (11, 1, 1), (12, 1, 2), (13, 2, 0), (14, 2, 1), (15, 2, 2)];
        let wrong = |pictures: &[(u64, u8, u16)]| {
            let judged = judge(&cued, &told, &shown(pictures), &Silences::default());
            (judged.dropped, judged.wrong_pictures)
        };
        // The first film comes after nothing, with which it may be mixed.
        assert_eq!(wrong(&good), (0, 0));
        let with = |nth: usize, picture: (u64, u8, u16)| {
            let mut pictures = good;
            pictures[nth] = picture;
            wrong(&pictures)
        };
        assert_eq!(with(4, (14, 2, 0)), (0, 1), "repeated");
        assert_eq!(with(4, (14, 2, 2)), (0, 1), "missing");
        assert_eq!(with(3, (13, 1, 2)), (0, 1), "held too long");
        assert_eq!(wrong(&[&good[..3], &good[4..]].concat()), (1, 0), "dropped");
    }

    #[test]
    fn a_silence_counts_at_a_join_of_two_films_that_sound() {
        let sound = |level: f32, ms: usize| level.to_le_bytes().repeat(2 * 48 * ms);
        let mut silences = Silences::default();
        silences.hear(ClockTime::ZERO, &[sound(0.2, 980), sound(0.0, 40), sound(0.2, 500)].concat());
        let told = [told(0, 0, 30), told(1, 30, 60)].concat();
        let silent = |second: Film| judge(&[part(Film::of(1, 30)), part(second)], &told, &[], &silences).silence_ms_max;
        assert!((silent(Film::of(2, 30)) - 40.0).abs() < 0.1);
        assert!(silent(Film { sounds: false, ..Film::of(2, 30) }) < 0.1);
    }
}
