//! What is heard beside the film: a chime for each call, under which the film grows quiet and comes back after it.

use std::collections::VecDeque;

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::AppSrc;

use crate::output::OutputError;

/// Samples a second, and in each of two channels.
const RATE: u32 = 48_000;

/// How long after it was asked for a chime is heard: what the mixer needs to have it whole.
const HEARD_AFTER: ClockTime = ClockTime::from_mseconds(80);

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

/// The voices beside the film.
pub(crate) struct Sound {
    voice: AppSrc,
    film: gst::Pad,
    chime: gst::Buffer,
    chime_for: ClockTime,
    /// When what was asked for is heard, and until when; they never overlap.
    asked: VecDeque<(ClockTime, ClockTime)>,
}

impl Sound {
    /// Takes hold of the voice's way into the mixer, and of the film's loudness there.
    pub(crate) fn new(voice: AppSrc, film: gst::Pad) -> Self {
        let samples = chime();
        let n_frames = u64::try_from(samples.len() / 2).unwrap_or_default();
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let chime_for = ClockTime::from_nseconds(n_frames.saturating_mul(1_000_000_000) / u64::from(RATE));
        Self { voice, film, chime: gst::Buffer::from_slice(bytes), chime_for, asked: VecDeque::new() }
    }

    /// Rings, as soon as what rings now is over.
    ///
    /// # Errors
    /// The output has stopped.
    pub(crate) fn ring(&mut self, now: ClockTime) -> Result<(), OutputError> {
        let free_from = self.asked.back().map_or(ClockTime::ZERO, |(_, until)| *until);
        let at = free_from.max(now.saturating_add(HEARD_AFTER));
        let mut buffer = self.chime.copy();
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(at);
            buffer.set_duration(self.chime_for);
            buffer.set_flags(gst::BufferFlags::DISCONT);
        }
        self.voice.push_buffer(buffer).map_err(OutputError::Stopped)?;
        self.asked.push_back((at, at.saturating_add(self.chime_for)));
        Ok(())
    }

    /// Makes the film as loud as it may be now.
    pub(crate) fn duck(&mut self, now: ClockTime) {
        while self.asked.pop_front_if(|(_, until)| until.saturating_add(UP) < now).is_some() {}
        self.film.set_property("volume", loudness(&self.asked, now));
    }
}

/// Returns how loud the film is: quiet while something is heard, and on its way there and back.
fn loudness(asked: &VecDeque<(ClockTime, ClockTime)>, now: ClockTime) -> f64 {
    let of = |(from, until): &(ClockTime, ClockTime)| {
        let down = share(now.saturating_sub(from.saturating_sub(DOWN)), DOWN);
        let up = share(now.saturating_sub(*until), UP);
        1.0 - (1.0 - DUCKED) * (down - up)
    };
    asked.iter().map(of).fold(1.0, f64::min)
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
        let asked = VecDeque::from([(ms(1_000), ms(2_600)), (ms(2_600), ms(4_200))]);
        let near = |at: u64, expected: f64| {
            let heard = loudness(&asked, ms(at));
            assert!((heard - expected).abs() < 0.01, "{heard} at {at}");
        };
        near(700, 1.0);
        near(900, 0.575);
        near(1_000, DUCKED);
        near(2_600, DUCKED);
        near(4_200, DUCKED);
        near(4_450, 0.575);
        near(4_700, 1.0);
    }
}
