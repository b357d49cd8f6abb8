//! What the daemon and a screen say to each other over a unix socket: one line of JSON each, in both directions.
//!
//! The screen speaks first. It holds nothing that the daemon could not tell it again: after a break it says hello, and
//! hears what to show.

use std::path::PathBuf;

use machiai_core::facts::Lang;
use machiai_core::program::as_run::Seen;
use machiai_core::speech::{MAX_SPOKEN_CHARS, Spoken};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::look::Layout;

/// The longest line: a drawing of twelve rooms with a photograph is far below it.
pub const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// The longest drawing of a scene: letters and one photograph. If JSON escaped every byte of it, it would still fit a line.
pub const MAX_DRAWING_BYTES: usize = 2_000_000;

/// The longest time for which a scene is shown before it is cued again: an hour, in milliseconds.
pub const MAX_SCENE_MS: u32 = 60 * 60 * 1_000;

/// Most pieces in which a call is spoken.
pub const MAX_PIECES: usize = 4;

/// What a screen says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromScreen {
    /// It runs; nothing that was cued before is known to it.
    Hello {
        /// Which monitor, by the place where it hangs: `monitor1`.
        monitor: String,
        /// How it hangs.
        layout: Layout,
        /// With what it decodes films.
        decoding: Decoding,
    },
    /// It cannot show anything, and ends; said in place of hello.
    Fails {
        /// Which monitor, by the place where it hangs.
        monitor: String,
        /// Why, for who looks after it.
        why: String,
    },
    /// It shows frames.
    Alive {
        /// Frames composed since it started.
        n_frames: u64,
        /// The languages in which it can speak, as far as it knows by now.
        voices: Vec<Lang>,
        /// Whether its monitor is lit.
        seen: Seen,
        /// Whether what it says is heard.
        #[serde(default)]
        heard: Heard,
    },
    /// The first picture of an item is seen.
    Begun {
        /// Which, as it was cued.
        id: u64,
    },
    /// How much of the running item was seen so far.
    Shown {
        /// Which.
        id: u64,
        /// Its pictures seen so far.
        n_frames: u64,
    },
    /// An item is over.
    Ended {
        /// Which.
        id: u64,
        /// Its pictures that were seen.
        n_frames: u64,
        /// How it ended.
        end: End,
    },
}

/// Whether a sound device takes what a screen says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// One does.
    Yes,
    /// One did, and is gone.
    Gone,
    /// None ever did.
    #[default]
    Never,
}

/// With what a screen decodes films.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoding {
    /// Software: there is nothing else.
    Software,
    /// Software; a device would decode by VA-API, but nobody has tried it there.
    SoftwareVaUntried,
}

/// How an item came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case", deny_unknown_fields)]
pub enum End {
    /// It was shown to its end.
    Whole,
    /// It was cut where its time was up.
    TimeUp,
    /// Something else was put in its place.
    Replaced,
    /// It gave no picture in time; the last one was held meanwhile.
    Silent,
    /// It could not be decoded.
    Broken {
        /// What the decoder said.
        why: String,
    },
}

/// What the daemon says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum ToScreen {
    /// A drawing of the whole monitor, from now on.
    Board {
        /// The drawing, SVG.
        svg: String,
        /// Whether it lies over the film too: a call.
        is_over: bool,
    },
    /// An item to be opened, and shown after those cued before.
    Cue {
        /// Its number, never used before in this connection.
        id: u64,
        /// What is to be seen.
        item: Item,
    },
    /// All that is cued ends as soon as can be.
    Clear,
    /// Nothing is cued any more: the film's region shows what the board draws there.
    Uncover,
    /// What lies over all of the monitor from now on.
    Cover {
        /// What.
        with: Cover,
    },
    /// Somebody is called: the chime, and then what is said, after all that was announced before.
    Announce {
        /// Its number, never used before in this connection.
        id: u64,
        /// What is said, in this order; nothing is the chime alone.
        speech: Speech,
    },
    /// It ends, and is started anew by whoever keeps it.
    Restart,
    /// What was announced need not be heard any more, as far as it has not been.
    Hush {
        /// Which.
        id: u64,
    },
}

/// What is said of a call: at most [`MAX_PIECES`] texts of at most [`MAX_SPOKEN_CHARS`] characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Spoken>", into = "Vec<Spoken>")]
pub struct Speech(Vec<Spoken>);

impl Speech {
    /// Returns what may be said of some texts: whatever is too long or too much is left out.
    #[must_use]
    pub fn of(spoken: &[Spoken]) -> Self {
        Self(spoken.iter().filter(|one| is_short(one)).take(MAX_PIECES).cloned().collect())
    }

    /// Returns the texts, in the order in which they are said.
    #[must_use]
    pub fn pieces(&self) -> &[Spoken] {
        &self.0
    }
}

fn is_short(spoken: &Spoken) -> bool {
    spoken.text.chars().count() <= MAX_SPOKEN_CHARS
}

impl TryFrom<Vec<Spoken>> for Speech {
    type Error = BoundError;

    fn try_from(spoken: Vec<Spoken>) -> Result<Self, BoundError> {
        let is_bounded = spoken.len() <= MAX_PIECES && spoken.iter().all(is_short);
        if is_bounded { Ok(Self(spoken)) } else { Err(BoundError::Speech { n_pieces: spoken.len() }) }
    }
}

impl From<Speech> for Vec<Spoken> {
    fn from(speech: Speech) -> Self {
        speech.0
    }
}

/// Something to be seen in the film's region for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "item", rename_all = "snake_case", deny_unknown_fields)]
pub enum Item {
    /// A film or a still.
    File {
        /// Where it lies.
        file: PathBuf,
        /// When a film is cut, and how long a still is shown.
        play_for_ms: Option<u32>,
    },
    /// A drawing of the region.
    Scene {
        /// The drawing, SVG.
        svg: Drawing,
        /// How long it is shown, from 1 to [`MAX_SCENE_MS`].
        play_for_ms: SceneMs,
    },
}

/// What lies over all of a monitor, queue and calls included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "with", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cover {
    /// Nothing.
    Nothing,
    /// Black: the monitor is dark by the hours.
    Dark,
    /// A drawing of the whole monitor: an emergency.
    Drawn {
        /// The drawing, SVG.
        svg: Drawing,
    },
}

/// An SVG drawing of at most [`MAX_DRAWING_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Drawing(String);

impl Drawing {
    /// Returns the drawing.
    #[must_use]
    pub fn svg(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Drawing {
    type Error = BoundError;

    fn try_from(svg: String) -> Result<Self, BoundError> {
        if svg.len() <= MAX_DRAWING_BYTES { Ok(Self(svg)) } else { Err(BoundError::Drawing { n_bytes: svg.len() }) }
    }
}

impl From<Drawing> for String {
    fn from(drawing: Drawing) -> Self {
        drawing.0
    }
}

/// How long a scene is shown: from 1 to [`MAX_SCENE_MS`] milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SceneMs(u32);

impl SceneMs {
    /// Returns the nearest time that a scene may be shown.
    #[must_use]
    pub fn nearest(ms: u32) -> Self {
        Self(ms.clamp(1, MAX_SCENE_MS))
    }

    /// Returns the milliseconds.
    #[must_use]
    pub const fn ms(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for SceneMs {
    type Error = BoundError;

    fn try_from(ms: u32) -> Result<Self, BoundError> {
        if (1..=MAX_SCENE_MS).contains(&ms) { Ok(Self(ms)) } else { Err(BoundError::Time { ms }) }
    }
}

impl From<SceneMs> for u32 {
    fn from(time: SceneMs) -> Self {
        time.0
    }
}

/// Something that is larger or longer than the other end takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BoundError {
    /// A drawing.
    #[error("a drawing of {n_bytes} bytes is longer than {MAX_DRAWING_BYTES}")]
    Drawing {
        /// Its bytes.
        n_bytes: usize,
    },
    /// What is said of a call.
    #[error("{n_pieces} texts are too many, or one is longer than {MAX_SPOKEN_CHARS} characters")]
    Speech {
        /// How many.
        n_pieces: usize,
    },
    /// A scene's time.
    #[error("a scene is shown for 1 to {MAX_SCENE_MS} ms, not {ms}")]
    Time {
        /// The time.
        ms: u32,
    },
}

/// A line that cannot be read.
#[derive(Debug, Error)]
#[error("cannot read a line of {n_bytes} bytes from the other end")]
pub struct LineError {
    n_bytes: usize,
    #[source]
    source: serde_json::Error,
}

/// Writes a line, its end included.
#[must_use]
pub fn line(said: &impl Serialize) -> Vec<u8> {
    // Strings, numbers and enums are always JSON.
    let mut line = serde_json::to_vec(said).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads a line.
///
/// # Errors
/// It is none of ours: close the connection.
pub fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
    serde_json::from_slice(line).map_err(|source| LineError { n_bytes: line.len(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(svg: &str) -> Drawing {
        svg.to_owned().try_into().unwrap()
    }

    fn spoken(text: &str) -> Spoken {
        Spoken { lang: Lang::Ja, text: text.to_owned() }
    }

    #[test]
    fn what_is_said_is_one_line_and_comes_back_as_it_was() {
        let svg = "<svg>\n<text>𠮷 \"&amp;\"</text></svg>".to_owned();
        let told = [
            ToScreen::Board { svg, is_over: true },
            ToScreen::Cue { id: 7, item: Item::File { file: "/films/あ.mp4".into(), play_for_ms: Some(10_000) } },
            ToScreen::Cue {
                id: 8,
                item: Item::Scene { svg: drawing("<svg>\n</svg>"), play_for_ms: SceneMs::nearest(1) },
            },
            ToScreen::Uncover,
            ToScreen::Cover { with: Cover::Nothing },
            ToScreen::Cover { with: Cover::Dark },
            ToScreen::Cover { with: Cover::Drawn { svg: drawing("<svg/>") } },
            ToScreen::Clear,
            ToScreen::Restart,
            ToScreen::Announce { id: 1, speech: Speech::default() },
            ToScreen::Announce { id: 2, speech: Speech::of(&[spoken("七番のかた、\nどうぞ。")]) },
            ToScreen::Hush { id: 2 },
        ];
        for said in told {
            let line = line(&said);
            assert_eq!((line.iter().filter(|byte| **byte == b'\n').count(), line.last()), (1, Some(&b'\n')));
            assert_eq!(read::<ToScreen>(&line).unwrap(), said);
        }
        let heard = [
            FromScreen::Hello {
                monitor: "monitor1".to_owned(),
                layout: Layout::Portrait,
                decoding: Decoding::SoftwareVaUntried,
            },
            FromScreen::Fails { monitor: "monitor1".to_owned(), why: "no monitor".to_owned() },
            FromScreen::Alive { n_frames: 30, voices: vec![Lang::Ja, Lang::En], seen: Seen::Dark, heard: Heard::Gone },
            FromScreen::Ended { id: 1, n_frames: 45, end: End::Broken { why: "no picture".to_owned() } },
        ];
        for said in heard {
            assert_eq!(read::<FromScreen>(&line(&said)).unwrap(), said);
        }
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        for line in [
            "",
            "{}",
            r#"{"say":"cue"}"#,
            r#"{"say":"board","svg":"","is_over":false,"more":1}"#,
            r#"{"say":"reboot"}"#,
            r#"{"say":"cue","id":1,"item":{"item":"scene","svg":"<svg/>"}}"#,
            r#"{"say":"cue","id":1,"item":{"item":"scene","svg":"<svg/>","play_for_ms":1,"file":"/etc/passwd"}}"#,
            r#"{"say":"cover","with":{"with":"drawn"}}"#,
            r#"{"say":"cover","with":{"with":"mirror"}}"#,
            r#"{"say":"ring"}"#,
            r#"{"say":"announce","id":1,"speech":[{"lang":"xx","text":"a"}]}"#,
            r#"{"say":"announce","id":1,"speech":[{"lang":"ja","text":"a","voice":"/bin/sh"}]}"#,
        ] {
            assert!(read::<ToScreen>(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn speech_has_its_bounds_and_is_taken_up_to_them() {
        let announce = |pieces: &[Spoken]| {
            let pieces = serde_json::to_string(pieces).unwrap();
            read::<ToScreen>(format!(r#"{{"say":"announce","id":1,"speech":{pieces}}}"#).as_bytes())
        };
        let (most, more) = (spoken(&"声".repeat(MAX_SPOKEN_CHARS)), spoken(&"声".repeat(MAX_SPOKEN_CHARS + 1)));
        let many = vec![most.clone(); MAX_PIECES + 1];
        assert!(announce(&many[..MAX_PIECES]).is_ok() && announce(&[]).is_ok());
        assert!(announce(&many).is_err() && announce(std::slice::from_ref(&more)).is_err());
        assert_eq!(Speech::of(&many).pieces().len(), MAX_PIECES);
        assert_eq!(Speech::of(&[more, most.clone()]).pieces(), [most]);
    }

    #[test]
    fn a_scene_has_its_bounds_and_is_taken_up_to_them() {
        let cue = |svg: &str, ms: u32| {
            read::<ToScreen>(
                format!(r#"{{"say":"cue","id":1,"item":{{"item":"scene","svg":"{svg}","play_for_ms":{ms}}}}}"#)
                    .as_bytes(),
            )
        };
        let cover = |svg: &str| {
            read::<ToScreen>(format!(r#"{{"say":"cover","with":{{"with":"drawn","svg":"{svg}"}}}}"#).as_bytes())
        };
        let (most, more) = ("a".repeat(MAX_DRAWING_BYTES), "a".repeat(MAX_DRAWING_BYTES + 1));
        assert!(cue(&most, 1).is_ok() && cue("", MAX_SCENE_MS).is_ok() && cover(&most).is_ok());
        assert!(cue(&more, 1).is_err() && cover(&more).is_err());
        assert!(cue("", 0).is_err() && cue("", MAX_SCENE_MS + 1).is_err());
        // A drawing of nothing but marks that JSON escapes is twice as long, and still one line.
        let escaped = Drawing::try_from("\"".repeat(MAX_DRAWING_BYTES)).unwrap();
        let longest =
            ToScreen::Cue { id: u64::MAX, item: Item::Scene { svg: escaped, play_for_ms: SceneMs::nearest(9) } };
        assert!(line(&longest).len() <= MAX_LINE_BYTES, "{}", line(&longest).len());
    }
}
