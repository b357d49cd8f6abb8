//! What the daemon and a screen say to each other over a unix socket: one line of JSON each, in both directions.
//!
//! The screen speaks first. It holds nothing that the daemon could not tell it again: after a break it says hello, and
//! hears what to show.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::look::Layout;

/// The longest line: a drawing of twelve rooms with a photograph is far below it.
pub const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

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
    },
    /// It shows frames.
    Alive {
        /// Frames composed since it started.
        n_frames: u64,
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
        /// The file.
        file: PathBuf,
        /// When a film is cut, and how long a still is shown.
        play_for_ms: Option<u32>,
    },
    /// All that is cued ends as soon as can be.
    Clear,
    /// Somebody is called: the chime.
    Ring,
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

    #[test]
    fn what_is_said_is_one_line_and_comes_back_as_it_was() {
        let svg = "<svg>\n<text>𠮷 \"&amp;\"</text></svg>".to_owned();
        let told = [
            ToScreen::Board { svg, is_over: true },
            ToScreen::Cue { id: 7, file: "/films/あ.mp4".into(), play_for_ms: Some(10_000) },
            ToScreen::Clear,
            ToScreen::Ring,
        ];
        for said in told {
            let line = line(&said);
            assert_eq!((line.iter().filter(|byte| **byte == b'\n').count(), line.last()), (1, Some(&b'\n')));
            assert_eq!(read::<ToScreen>(&line).unwrap(), said);
        }
        let heard = [
            FromScreen::Hello { monitor: "monitor1".to_owned(), layout: Layout::Portrait },
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
        ] {
            assert!(read::<ToScreen>(line.as_bytes()).is_err(), "{line}");
        }
    }
}
