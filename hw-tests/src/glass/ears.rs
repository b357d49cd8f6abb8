//! What is heard of a monitor without glass: when something sounds, and when it has been silent for long.

use std::time::Duration;

/// Samples a second, and bytes of one in both channels.
const RATE: u64 = 48_000;
const SAMPLE_BYTES: usize = 8;

/// A sample is heard from this on, of full scale.
const HEARD: f32 = 0.005;

/// It is silent when nothing was heard for so long: longer than the pause between two announcements.
const SILENT_FOR: Duration = Duration::from_millis(500);

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Anything is heard.
    Sound,
    /// Nothing was heard for half a second.
    Silence,
}

impl Noise {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Sound, Self::Silence];

    /// Returns its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Silence => "silence",
        }
    }
}

/// Ears that wait.
#[derive(Debug, Default)]
pub(super) struct Ears {
    wanted: Option<Noise>,
    found: Option<Duration>,
    silent_since: Option<Duration>,
}

impl Ears {
    /// Begins to wait.
    pub(super) fn want(&mut self, noise: Noise) {
        (self.wanted, self.found) = (Some(noise), None);
    }

    /// Returns when it came what was waited for, if it did.
    pub(super) const fn found(&self) -> Option<Duration> {
        self.found
    }

    /// Hears a piece of sound, F32LE with left and right in turn, whose first sample is heard now.
    pub(super) fn hear(&mut self, now: Duration, samples: &[u8]) {
        for (nth, sample) in (0_u64..).zip(samples.chunks_exact(SAMPLE_BYTES)) {
            let left = sample.first_chunk().map_or(0.0, |bytes| f32::from_le_bytes(*bytes));
            let at = now + Duration::from_nanos(nth * 1_000_000_000 / RATE);
            let noise = if left.abs() >= HEARD {
                self.silent_since = None;
                Some(Noise::Sound)
            } else {
                let since = *self.silent_since.get_or_insert(at);
                (at.saturating_sub(since) >= SILENT_FOR).then_some(Noise::Silence)
            };
            if noise.is_some() && self.wanted == noise {
                (self.wanted, self.found) = (None, Some(at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_is_heard_at_its_first_loud_sample_and_silence_when_it_has_lasted() {
        let sound = |level: f32, ms: usize| level.to_le_bytes().repeat(2 * 48 * ms);
        let ms = Duration::from_millis;
        let mut ears = Ears::default();
        ears.want(Noise::Sound);
        ears.hear(ms(1_000), &sound(0.001, 40));
        assert_eq!(ears.found(), None);
        ears.hear(ms(1_040), &[sound(0.001, 10), sound(0.2, 10)].concat());
        assert_eq!(ears.found(), Some(ms(1_050)));
        ears.want(Noise::Silence);
        ears.hear(ms(1_060), &[sound(0.0, 400), sound(-0.2, 40), sound(0.0, 490)].concat());
        assert_eq!(ears.found(), None, "a pause is no silence");
        ears.hear(ms(1_990), &sound(0.0, 40));
        assert_eq!(ears.found(), Some(ms(2_000)));
    }
}
