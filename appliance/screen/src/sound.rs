//! What is heard beside the film: a chime for each call, then what is said of it, one announcement after the other. The
//! film grows quiet meanwhile and comes back after the last.
//!
//! Nothing here may stop the picture: what cannot be heard is told in the log, and the next is tried.

use std::collections::VecDeque;

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::AppSrc;
use machiai_panel::Lang;
use machiai_panel::link::Speech;

use crate::voice::{Came, Voice};

/// Samples a second, and in each of two channels.
const RATE: u32 = 48_000;

/// Bytes of a sample of both channels, and of what is handed in at once: a fiftieth of a second.
const FRAME_BYTES: usize = 8;
const PIECE_BYTES: usize = FRAME_BYTES * 48_000 / 50;

/// How long after it was asked for a chime is heard: longer than the mixer is ahead, by a film's piece of sound at most.
const HEARD_AFTER: ClockTime = ClockTime::from_mseconds(85);

/// How long before the end of what is heard the next is handed in; what is handed in cannot be taken back.
const LEAD: ClockTime = ClockTime::from_mseconds(200);

/// The silence between two announcements.
const BETWEEN: ClockTime = ClockTime::from_mseconds(300);

/// How long the next piece of speech is waited for when what came before is over.
const PATIENCE: ClockTime = ClockTime::from_seconds(2);

/// Announcements that may wait; a clinic that calls more has lost its listeners long before.
const MOST_WAITING: usize = 16;

/// The two tones of the chime, high and low, in hertz, and when each begins, in seconds.
const TONES: [(f32, f32); 2] = [(659.26, 0.0), (523.25, 0.45)];

/// How long the chime is, in seconds.
const CHIME_S: f32 = 1.6;

/// How loud it is, of full scale.
const LOUD: f32 = 0.35;

/// How quickly a tone dies away, per second.
const DECAY: f32 = 3.2;

/// How loud the film is under a chime.
const DUCKED: f64 = 0.15;

/// How long the film takes to grow quiet, and to come back.
const DOWN: ClockTime = ClockTime::from_mseconds(200);
const UP: ClockTime = ClockTime::from_mseconds(500);

/// An announcement that waits or runs.
struct Announcement {
    id: u64,
    /// What is said of it and has not been handed in.
    pieces: VecDeque<gst::Buffer>,
    /// Whether no more pieces come.
    is_whole: bool,
}

/// What is heard beside the film.
pub(crate) struct Sound {
    to: AppSrc,
    film: gst::Pad,
    chime: gst::Buffer,
    voice: Option<Voice>,
    waiting: VecDeque<Announcement>,
    running: Option<Announcement>,
    /// When all that was handed in is over.
    free_from: ClockTime,
    /// From when until when the film is quiet.
    quiet: VecDeque<(ClockTime, ClockTime)>,
}

impl Sound {
    /// Takes hold of the way into the mixer, and of the film's loudness there.
    pub(crate) fn new(to: AppSrc, film: gst::Pad) -> Self {
        let bytes: Vec<u8> = chime().iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Self {
            to,
            film,
            chime: gst::Buffer::from_slice(bytes),
            voice: None,
            waiting: VecDeque::new(),
            running: None,
            free_from: ClockTime::ZERO,
            quiet: VecDeque::new(),
        }
    }

    /// Gives it a voice; until then a call is the chime alone.
    pub(crate) fn speak_with(&mut self, voice: Voice) {
        self.voice = Some(voice);
    }

    /// Returns the languages in which it can speak.
    pub(crate) fn languages(&self) -> Vec<Lang> {
        self.voice.as_ref().map(Voice::languages).unwrap_or_default()
    }

    /// Announces something after all that was announced before.
    pub(crate) fn announce(&mut self, id: u64, speech: &Speech, now: ClockTime) {
        if self.waiting.len() >= MOST_WAITING {
            tracing::warn!(id, "too many calls wait to be heard, one is only seen");
            return;
        }
        let is_asked = !speech.pieces().is_empty() && self.voice.as_ref().is_some_and(|voice| voice.ask(id, speech));
        self.waiting.push_back(Announcement { id, pieces: VecDeque::new(), is_whole: !is_asked });
        self.step(now);
    }

    /// Takes back what has not been heard of an announcement.
    pub(crate) fn hush(&mut self, id: u64) {
        self.waiting.retain(|call| call.id != id);
        if let Some(call) = self.running.as_mut().filter(|call| call.id == id) {
            call.pieces.clear();
            call.is_whole = true;
        }
    }

    /// Hands in what comes next, and makes the film as loud as it may be now.
    pub(crate) fn step(&mut self, now: ClockTime) {
        self.collect();
        while self.free_from <= now.saturating_add(LEAD) && self.hand_in_next(now) {}
        if self.running.is_some() {
            self.keep_quiet(now, now.saturating_add(LEAD));
        }
        while self.quiet.pop_front_if(|(_, until)| until.saturating_add(UP) < now).is_some() {}
        let loudness = loudness(&self.quiet, now);
        if self.film.property::<f64>("volume").total_cmp(&loudness).is_ne() {
            self.film.set_property("volume", loudness);
        }
    }

    /// Takes what the voice has made.
    fn collect(&mut self) {
        let came: Vec<Came> = self.voice.iter().flat_map(Voice::came).collect();
        for one in came {
            let (Came::Piece(id, _) | Came::Whole(id)) = &one;
            let mut all = self.running.iter_mut().chain(&mut self.waiting);
            // What was hushed is whole, and takes nothing more.
            let Some(call) = all.find(|call| call.id == *id && !call.is_whole) else { continue };
            match one {
                Came::Piece(_, samples) => call.pieces.push_back(samples),
                Came::Whole(_) => call.is_whole = true,
            }
        }
    }

    /// Hands in one piece of sound; false where none is to be handed in now.
    fn hand_in_next(&mut self, now: ClockTime) -> bool {
        if let Some(call) = self.running.as_mut() {
            if let Some(piece) = call.pieces.pop_front() {
                self.hand_in(&piece, ClockTime::ZERO, now);
                return true;
            }
            if !call.is_whole && now < self.free_from.saturating_add(PATIENCE) {
                return false;
            }
        }
        self.running = self.waiting.pop_front();
        if self.running.is_some() {
            self.hand_in(&self.chime.copy(), BETWEEN, now);
        }
        self.running.is_some()
    }

    /// Hands in samples, to be heard as soon as can be, and so long after what was handed in before.
    fn hand_in(&mut self, samples: &gst::Buffer, after: ClockTime, now: ClockTime) {
        let at = self.free_from.saturating_add(after).max(now.saturating_add(HEARD_AFTER));
        if let Err(cause) = self.to.push_buffer_list(in_pieces(samples, at)) {
            tracing::warn!(error = %cause, "a call is not heard");
        }
        self.free_from = at.saturating_add(lasts(samples.size()));
        self.keep_quiet(now, self.free_from);
    }

    /// Keeps the film quiet until then, at least.
    fn keep_quiet(&mut self, now: ClockTime, until: ClockTime) {
        match self.quiet.back_mut() {
            Some((_, last)) if *last >= now => *last = until.max(*last),
            Some(_) | None => self.quiet.push_back((now, until)),
        }
    }
}

/// Returns samples to be heard from a moment on, cut up: the mixer mixes as far ahead as what it was handed reaches, and a
/// film that begins meanwhile would find its moment mixed already.
fn in_pieces(samples: &gst::BufferRef, at: ClockTime) -> gst::BufferList {
    let mut list = gst::BufferList::new();
    let pieces = list.make_mut();
    for from in (0..samples.size()).step_by(PIECE_BYTES) {
        let n_bytes = PIECE_BYTES.min(samples.size() - from);
        let Ok(mut piece) = samples.copy_region(gst::BufferCopyFlags::MEMORY, from..from + n_bytes) else { continue };
        let buffer = piece.make_mut();
        buffer.set_pts(at.saturating_add(lasts(from)));
        buffer.set_duration(lasts(n_bytes));
        if from == 0 {
            buffer.set_flags(gst::BufferFlags::DISCONT);
        }
        pieces.add(piece);
    }
    list
}

/// Returns how long so many bytes of samples are heard.
fn lasts(n_bytes: usize) -> ClockTime {
    let n_frames = u64::try_from(n_bytes / FRAME_BYTES).unwrap_or_default();
    ClockTime::from_nseconds(n_frames.saturating_mul(1_000_000_000) / u64::from(RATE))
}

/// Returns how loud the film is: quiet while something is heard, and on its way there and back.
fn loudness(quiet: &VecDeque<(ClockTime, ClockTime)>, now: ClockTime) -> f64 {
    let of = |(from, until): &(ClockTime, ClockTime)| {
        let down = share(now.saturating_sub(*from), DOWN);
        let up = share(now.saturating_sub(*until), UP);
        1.0 - (1.0 - DUCKED) * (down - up).max(0.0)
    };
    quiet.iter().map(of).fold(1.0, f64::min)
}

/// Returns how much of a span has passed, from 0 to 1.
pub(crate) fn share(passed: ClockTime, of: ClockTime) -> f64 {
    (passed.seconds_f64() / of.seconds_f64()).min(1.0)
}

/// Makes the chime: two tones that die away, each sample twice for two channels.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two seconds")]
fn chime() -> Vec<f32> {
    let n_frames = (CHIME_S * RATE as f32) as u32;
    let at = |nth: u32| {
        let now_s = nth as f32 / RATE as f32;
        let tone = |(hertz, from_s): (f32, f32)| {
            let since_s = now_s - from_s;
            // A tone that began at full loudness would click.
            let swell = (since_s / 0.005).clamp(0.0, 1.0);
            let overtone = 0.25 * (since_s * hertz * 2.0 * std::f32::consts::TAU).sin();
            swell * (-DECAY * since_s).exp() * ((since_s * hertz * std::f32::consts::TAU).sin() + overtone)
        };
        // And so would one that broke off.
        let end = ((CHIME_S - now_s) / 0.05).min(1.0);
        LOUD * end * TONES.into_iter().filter(|(_, from_s)| now_s >= *from_s).map(tone).sum::<f32>()
    };
    (0..n_frames).flat_map(|nth| [at(nth); 2]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chime_begins_and_ends_in_silence_and_is_never_cut_at_full_scale() {
        let samples = chime();
        assert_eq!(samples.len(), 2 * 76_800);
        assert!(samples[0].abs() < 0.001 && samples[samples.len() - 1].abs() < 0.001);
        let loudest = samples.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
        assert!((0.25..0.9).contains(&loudest), "{loudest}");
        let jump = samples.windows(3).map(|three| (three[2] - three[0]).abs()).fold(0.0_f32, f32::max);
        assert!(jump < 0.12, "a click of {jump}");
    }

    #[test]
    fn the_film_is_quiet_under_a_chime_and_comes_back() {
        let ms = ClockTime::from_mseconds;
        let quiet = VecDeque::from([(ms(800), ms(4_200)), (ms(4_450), ms(6_000))]);
        let near = |at: u64, expected: f64| {
            let heard = loudness(&quiet, ms(at));
            assert!((heard - expected).abs() < 0.01, "{heard} at {at}");
        };
        near(700, 1.0);
        near(900, 0.575);
        near(1_000, DUCKED);
        near(2_600, DUCKED);
        near(4_200, DUCKED);
        near(4_450, 0.575);
        // A call that comes while it grows louder makes it quiet again without a jump.
        near(4_550, 0.575);
        near(4_650, DUCKED);
        near(6_250, 0.575);
        near(6_500, 1.0);
    }
}
