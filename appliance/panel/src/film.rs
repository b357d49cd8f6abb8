//! What the daemon and the process that prepares one film say to each other: an order, and lines of JSON back.
//!
//! The process reads a film that may be hostile, so the daemon believes its lines only as far as their shapes go.

use serde::{Deserialize, Serialize};

/// What a film is prepared for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The width of the region it plays in, in pixels.
    pub width_px: u32,
    /// The height of the region, in pixels.
    pub height_px: u32,
    /// The longest film that is taken, in milliseconds.
    pub most_ms: u32,
}

/// A line that the process says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// Work goes on.
    Working {
        /// Pictures prepared so far.
        n_frames: u64,
    },
    /// The film is prepared.
    Prepared(Findings),
    /// The film is not fit to be shown.
    Refused(Refused),
    /// It did not go on, and hardly had the processor: a machine under load, or a decoder that waits for ever.
    Stuck,
    /// The film could not be tried: what is missing is this machine's.
    Failed(String),
    /// It is over; said by whoever started it, after all its own lines.
    Died {
        /// How, as `wait` gives it.
        status: i32,
    },
}

/// What was found in a film that was decoded from its beginning to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// How long its pictures run, in milliseconds; 0 for a still.
    pub duration_ms: u32,
    /// The width of the original, in pixels.
    pub width_px: u32,
    /// The height of the original, in pixels.
    pub height_px: u32,
    /// How its pictures are coded.
    pub picture_codec: String,
    /// How its sound is coded; none without sound.
    pub sound_codec: Option<String>,
    /// Pictures a second as the file tells, as a fraction; `0/1` where they have no fixed rate.
    pub frames_per_s: String,
    /// Pictures decoded.
    pub n_frames: u64,
    /// Loudness in LUFS (ITU-R BS.1770, gated); none without sound, or in silence.
    pub loudness_lufs: Option<f64>,
    /// What was added to the sound of the prepared film, in dB.
    pub gain_db: f64,
    /// Pictures of the prepared film, 30 a second.
    pub n_prepared: u64,
    /// One of its pictures, small, for staff to know it by: JPEG in base64; none where none could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Why a film is not fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The reason.
    pub reason: Reason,
    /// What the decoder said of it, for the clinic's IT; may be empty.
    pub detail: String,
}

/// A reason: each has its words under `[film]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is nothing in the file.
    Empty,
    /// It is no film or still of a kind that is known.
    NotAFilm,
    /// There is only sound, or nothing to see.
    NoPicture,
    /// Its pictures or sound are coded in a way that nothing here reads.
    UnknownCodec,
    /// It runs longer than is allowed.
    TooLong,
    /// Its picture is larger than 4K.
    TooLarge,
    /// The file, or what would be made of it, has more bytes than are allowed.
    TooManyBytes,
    /// Pictures in it are broken.
    Damaged,
    /// It ends before its end.
    CutShort,
    /// It does not go on.
    Stalled,
    /// The decoder died of it.
    Crashed,
}

impl Reason {
    /// Returns the code that people can tell one another; also the key of its words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotAFilm => "not_a_film",
            Self::NoPicture => "no_picture",
            Self::UnknownCodec => "unknown_codec",
            Self::TooLong => "too_long",
            Self::TooLarge => "too_large",
            Self::TooManyBytes => "too_many_bytes",
            Self::Damaged => "damaged",
            Self::CutShort => "cut_short",
            Self::Stalled => "stalled",
            Self::Crashed => "crashed",
        }
    }

    /// Lists all reasons.
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::NotAFilm,
        Self::NoPicture,
        Self::UnknownCodec,
        Self::TooLong,
        Self::TooLarge,
        Self::TooManyBytes,
        Self::Damaged,
        Self::CutShort,
        Self::Stalled,
        Self::Crashed,
    ];
}
