//! How loud a sound is, as ITU-R BS.1770-4 has it: K-weighted, in blocks of 400 ms that overlap by 75 %, gated twice.
//!
//! Two channels of 48 kHz only. Debian's GStreamer 1.22 has no element that measures this.

/// Samples of one channel in 100 ms.
const STEP: usize = 4_800;

/// Steps in a block of 400 ms.
const STEPS_PER_BLOCK: usize = 4;

/// Blocks that are quieter than this are silence (LUFS).
const ABSOLUTE_GATE: f64 = -70.0;

/// Blocks that are this much quieter than the mean do not count (LU).
const RELATIVE_GATE: f64 = -10.0;

/// What a prepared film is brought to: the programme loudness of Japanese television (ARIB TR-B32), in LUFS.
const TARGET: f64 = -24.0;

/// The highest sample of a prepared film, in dB below full scale.
const CEILING_DB: f64 = -1.0;

/// The most that is added: a film recorded more quietly than this is mostly noise.
const MOST_ADDED_DB: f64 = 12.0;

/// A filter of second order, in direct form II transposed.
#[derive(Clone, Copy, Debug)]
struct Filter {
    b: [f64; 3],
    a: [f64; 2],
    kept: [f64; 2],
}

impl Filter {
    /// BS.1770-4, table 1: what the head does to sound from before it.
    const HEAD: Self = Self {
        b: [1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85],
        a: [-1.690_659_293_182_41, 0.732_480_774_215_85],
        kept: [0.0; 2],
    };

    /// BS.1770-4, table 2: low tones count less.
    const HIGH_PASS: Self =
        Self { b: [1.0, -2.0, 1.0], a: [-1.990_047_454_833_98, 0.990_072_250_366_21], kept: [0.0; 2] };

    fn pass(&mut self, x: f64) -> f64 {
        let ([b0, b1, b2], [a1, a2], [z1, z2]) = (self.b, self.a, self.kept);
        let y = b0.mul_add(x, z1);
        self.kept = [b1 * x - a1 * y + z2, b2 * x - a2 * y];
        y
    }
}

/// Measures a sound piece by piece.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    filters: [[Filter; 2]; 2],
    /// The energy of the step that is being filled, and how many samples it has.
    filling: (f64, usize),
    steps: Vec<f64>,
    peak: f64,
}

impl Meter {
    /// Starts with nothing heard.
    pub(super) const fn new() -> Self {
        let one = [Filter::HEAD, Filter::HIGH_PASS];
        Self { filters: [one, one], filling: (0.0, 0), steps: Vec::new(), peak: 0.0 }
    }

    /// Hears samples of F32LE, left and right in turn.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let samples = bytes.as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
        let (left, right) = (samples.clone().step_by(2), samples.skip(1).step_by(2));
        for pair in left.zip(right) {
            self.hear_one(<[f64; 2]>::from(pair).map(|x| if x.is_finite() { x } else { 0.0 }));
        }
    }

    fn hear_one(&mut self, pair: [f64; 2]) {
        for (x, [head, high_pass]) in pair.into_iter().zip(&mut self.filters) {
            self.peak = self.peak.max(x.abs());
            let y = high_pass.pass(head.pass(x));
            self.filling.0 += y * y;
        }
        self.filling.1 += 1;
        if self.filling.1 == STEP {
            self.steps.push(self.filling.0);
            self.filling = (0.0, 0);
        }
    }

    /// Returns the loudness of all that was heard, in LUFS; none for silence and for less than 400 ms.
    pub(super) fn loudness(&self) -> Option<f64> {
        let n_samples = f64::from(u32::try_from(STEP * STEPS_PER_BLOCK).ok()?);
        let blocks: Vec<f64> =
            self.steps.windows(STEPS_PER_BLOCK).map(|steps| steps.iter().sum::<f64>() / n_samples).collect();
        let heard = mean_above(&blocks, ABSOLUTE_GATE)?;
        mean_above(&blocks, (lufs(heard) + RELATIVE_GATE).max(ABSOLUTE_GATE)).map(lufs)
    }

    /// Returns what is to be added, in dB, so that all films are heard alike and none is cut off at full scale.
    pub(super) fn gain_db(&self) -> f64 {
        let Some(loudness) = self.loudness() else { return 0.0 };
        let headroom = CEILING_DB - 20.0 * self.peak.log10();
        (TARGET - loudness).min(headroom).min(MOST_ADDED_DB)
    }
}

fn lufs(energy: f64) -> f64 {
    10.0f64.mul_add(energy.log10(), -0.691)
}

fn mean_above(blocks: &[f64], gate: f64) -> Option<f64> {
    let (sum, n_blocks) =
        blocks.iter().filter(|block| lufs(**block) > gate).fold((0.0, 0.0), |(sum, n), block| (sum + block, n + 1.0));
    (n_blocks > 0.0).then(|| sum / n_blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a tone on both channels.
    fn tone(per_s: f64, peak_db: f64, n_ms: u32) -> Vec<u8> {
        let peak = 10.0f64.powf(peak_db / 20.0);
        let wave = (0..n_ms * 48).map(|n| peak * (f64::from(n) * per_s * std::f64::consts::TAU / 48_000.0).sin());
        #[expect(clippy::cast_possible_truncation, reason = "samples are F32")]
        let both = wave.flat_map(|x| [x as f32, x as f32]);
        both.flat_map(f32::to_le_bytes).collect()
    }

    fn measured(parts: &[Vec<u8>]) -> Meter {
        let mut meter = Meter::new();
        parts.iter().for_each(|part| meter.hear(part));
        meter
    }

    /// EBU Tech 3341, minimum requirements, cases 1 to 3: 1 kHz on both channels, within 0.1 LU.
    #[test]
    fn the_tones_of_the_standard_are_as_loud_as_it_says() {
        let quiet_around = [tone(1_000.0, -36.0, 10_000), tone(1_000.0, -23.0, 60_000), tone(1_000.0, -36.0, 10_000)];
        for (parts, expected) in [
            (vec![tone(1_000.0, -23.0, 20_000)], -23.0),
            (vec![tone(1_000.0, -33.0, 20_000)], -33.0),
            (quiet_around.to_vec(), -23.0),
        ] {
            let loudness = measured(&parts).loudness().unwrap();
            assert!((loudness - expected).abs() < 0.1, "{loudness} is not {expected}");
        }
    }

    #[test]
    fn silence_has_no_loudness_and_is_left_alone() {
        for silence in [vec![], tone(1_000.0, -90.0, 5_000), tone(1_000.0, -20.0, 300)] {
            let meter = measured(&[silence]);
            assert_eq!((meter.loudness(), meter.gain_db()), (None, 0.0));
        }
    }

    #[test]
    fn a_gain_brings_to_the_target_but_never_to_full_scale_nor_up_from_noise() {
        let gain = |peak_db| measured(&[tone(1_000.0, peak_db, 3_000)]).gain_db();
        assert!((gain(-10.0) + 14.0).abs() < 0.1, "{}", gain(-10.0));
        assert!((gain(-60.0) - 12.0).abs() < 0.001, "{}", gain(-60.0));
        // A click of full scale in a quiet tone leaves room for nothing but -1 dB.
        let click = [1.0f32, 1.0].map(f32::to_le_bytes).concat();
        let clicked = measured(&[tone(1_000.0, -40.0, 3_000), click]).gain_db();
        assert!((clicked + 1.0).abs() < 0.001, "{clicked}");
    }
}
