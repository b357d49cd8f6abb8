//! What a device says and hears, as its protocol file has it: `kiosk-assets/devices` has those that are built in, and a
//! clinic may write its own.
//!
//! A file is read whole before anything is opened; what contradicts itself is refused with the reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serialport::{DataBits, Parity, StopBits};

use super::frames::{Checksum, End, Frame, MAX_CONTENT};
use super::notation::{self, NotationError, Slot};
use crate::node::Serial;

/// The files that are built in, by their names.
const BUILT_IN: [(&str, &str); 4] = [
    ("framed-box", include_str!("../../../kiosk-assets/devices/framed-box.toml")),
    ("text-box", include_str!("../../../kiosk-assets/devices/text-box.toml")),
    ("four-digits", include_str!("../../../kiosk-assets/devices/four-digits.toml")),
    ("text-reader", include_str!("../../../kiosk-assets/devices/text-reader.toml")),
];

/// A key of a button box: what a room's buttons do at the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Calls the next.
    Next,
    /// Calls again.
    Again,
    /// The called did not come.
    Absent,
    /// The called went in.
    Enter,
    /// The patient is done.
    Finish,
    /// Takes back what this box did last.
    Undo,
}

impl Key {
    /// Returns the word as protocol files have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Again => "again",
            Self::Absent => "absent",
            Self::Enter => "enter",
            Self::Finish => "finish",
            Self::Undo => "undo",
        }
    }
}

/// What a device says and hears.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// How its line is set.
    pub serial: Serial,
    /// How its words stand in frames.
    pub frame: Frame,
    /// Its keys; none where it has none.
    pub buttons: Option<Buttons>,
    /// How it shows a number; none where it does not.
    pub display: Option<Display>,
    /// What it is answered; empty where it hears nothing.
    pub answer: Answer,
}

/// The keys of a box.
#[derive(Clone, Debug)]
pub struct Buttons {
    /// A key that comes again within this time, since it last came, is the same press.
    pub debounce_ms: u64,
    /// A key that keeps coming for so long is stuck.
    pub stuck_ms: u64,
    keys: Vec<(Key, Vec<Slot>)>,
    nth_at: Option<usize>,
}

impl Buttons {
    /// Reads a word: which key it means, and the number of the press where the box gives one.
    #[must_use]
    pub fn read(&self, word: &[u8]) -> Option<(Key, Option<u8>)> {
        let is_it = |slots: &[Slot]| {
            slots.len() == word.len() && slots.iter().zip(word).all(|(slot, byte)| is_of(*slot, *byte))
        };
        let (key, _) = self.keys.iter().find(|(_, slots)| is_it(slots))?;
        Some((*key, self.nth_at.and_then(|at| word.get(at)).copied()))
    }

    /// Returns a word that means a key, for whoever plays a box.
    #[must_use]
    pub fn word(&self, key: Key, nth: u8) -> Option<Vec<u8>> {
        let (_, slots) = self.keys.iter().find(|(known, _)| *known == key)?;
        let byte = |slot: &Slot| if let Slot::Is(byte) = slot { *byte } else { nth };
        Some(slots.iter().map(byte).collect())
    }
}

const fn is_of(slot: Slot, byte: u8) -> bool {
    match slot {
        Slot::Is(is) => is == byte,
        Slot::Any => true,
        Slot::Place => false,
    }
}

/// What a box or reader is answered, as it stands on the line.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The press was taken.
    pub accepted: Vec<u8>,
    /// The press was refused: nothing happened.
    pub refused: Vec<u8>,
    /// What came was damaged.
    pub damaged: Vec<u8>,
}

/// What a display shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// Nothing.
    Blank,
    /// Who is seen.
    Steady(String),
    /// Who is called.
    Blinking(String),
}

/// How a display is told.
#[derive(Clone, Debug)]
pub struct Display {
    /// How often it is told again, in milliseconds: it may have been switched off and on.
    pub rewrite_ms: u64,
    has_letters: bool,
    pad: u8,
    steady: Vec<Slot>,
    blinking: Vec<Slot>,
    blank: Vec<u8>,
}

impl Protocol {
    /// Reads the protocol of a name that is built in, or of a file by its path.
    ///
    /// # Errors
    /// [`ProtocolError`] says what to mend.
    pub fn named(name: &str) -> Result<Self, ProtocolError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::read(text);
        }
        if !name.starts_with('/') {
            let known = BUILT_IN.map(|(known, _)| known).join(", ");
            return Err(ProtocolError::Unknown { name: name.to_owned(), known });
        }
        let path = Path::new(name);
        let text = std::fs::read_to_string(path);
        Self::read(&text.map_err(|source| ProtocolError::Unreadable { path: path.to_owned(), source })?)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`ProtocolError`] says what to mend.
    pub fn read(text: &str) -> Result<Self, ProtocolError> {
        let file: File = toml::from_str(text).map_err(|source| ProtocolError::Malformed(Box::new(source)))?;
        file.understood()
    }

    /// Returns the bytes that make a display show a picture, blank where it cannot be shown whole.
    #[must_use]
    pub fn shown(&self, picture: &Picture) -> Option<Vec<u8>> {
        let display = self.display.as_ref()?;
        let word = match picture {
            Picture::Blank => None,
            Picture::Steady(text) => display.filled(&display.steady, text),
            Picture::Blinking(text) => display.filled(&display.blinking, text),
        };
        Some(self.frame.around(word.as_ref().unwrap_or(&display.blank)))
    }
}

impl Display {
    /// Puts a number into its places; none where it has too many figures, or letters that cannot be shown.
    fn filled(&self, slots: &[Slot], text: &str) -> Option<Vec<u8>> {
        let may_show = |byte: u8| byte.is_ascii_digit() || self.has_letters && byte.is_ascii_uppercase();
        let n_places = slots.iter().filter(|slot| **slot == Slot::Place).count();
        if text.is_empty() || text.len() > n_places || !text.bytes().all(may_show) {
            return None;
        }
        let n_pads = n_places.saturating_sub(text.len());
        let mut figures = std::iter::repeat_n(self.pad, n_pads).chain(text.bytes());
        slots.iter().map(|slot| if let Slot::Is(byte) = slot { Some(*byte) } else { figures.next() }).collect()
    }
}

/// Why a protocol cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// No such name.
    #[error("no protocol is called {name:?}: it is one of {known}, or the whole path of a file")]
    Unknown {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// The file cannot be read.
    #[error("cannot read the protocol file {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not TOML, or has a key that there is not.
    #[error("the protocol is not as it should be")]
    Malformed(#[source] Box<toml::de::Error>),
    /// Bytes are not written as they should be.
    #[error("{what} of the protocol cannot be read")]
    Bytes {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: NotationError,
    },
    /// It contradicts itself.
    #[error("the protocol {0}")]
    Wrong(&'static str),
}

/// A protocol file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Which device it is of, for whoever reads the file.
    #[serde(rename = "about")]
    _about: String,
    line: LinePart,
    frame: FramePart,
    buttons: Option<ButtonsPart>,
    display: Option<DisplayPart>,
    #[serde(default)]
    answer: AnswerPart,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinePart {
    baud: u32,
    #[serde(default)]
    parity: ParityPart,
    #[serde(default = "eight")]
    data_bits: u8,
    #[serde(default = "one")]
    stop_bits: u8,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ParityPart {
    #[default]
    None,
    Even,
    Odd,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FramePart {
    #[serde(default)]
    start: String,
    end: Option<String>,
    length: Option<usize>,
    #[serde(default)]
    checksum: ChecksumPart,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChecksumPart {
    #[default]
    None,
    Xor,
    Sum,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ButtonsPart {
    debounce_ms: u64,
    #[serde(default = "ten_seconds")]
    stuck_ms: u64,
    nth_at: Option<usize>,
    keys: BTreeMap<Key, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisplayPart {
    #[serde(default = "ten_seconds")]
    rewrite_ms: u64,
    #[serde(default)]
    letters: bool,
    pad: String,
    steady: String,
    blinking: String,
    blank: String,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct AnswerPart {
    accepted: String,
    refused: String,
    damaged: String,
}

const fn eight() -> u8 {
    8
}
const fn one() -> u8 {
    1
}
const fn ten_seconds() -> u64 {
    10_000
}

fn read_bytes(what: &'static str, text: &str) -> Result<Vec<u8>, ProtocolError> {
    notation::bytes(text).map_err(|source| ProtocolError::Bytes { what, source })
}

fn read_pattern(what: &'static str, text: &str) -> Result<Vec<Slot>, ProtocolError> {
    notation::pattern(text).map_err(|source| ProtocolError::Bytes { what, source })
}

impl File {
    fn understood(self) -> Result<Protocol, ProtocolError> {
        let (serial, frame) = (self.line.understood()?, self.frame.understood()?);
        let buttons = self.buttons.map(ButtonsPart::understood).transpose()?;
        let display = self.display.map(DisplayPart::understood).transpose()?;
        let answer = Answer {
            accepted: read_bytes("answer.accepted", &self.answer.accepted)?,
            refused: read_bytes("answer.refused", &self.answer.refused)?,
            damaged: read_bytes("answer.damaged", &self.answer.damaged)?,
        };
        let protocol = Protocol { serial, frame, buttons, display, answer };
        if !protocol.fits_its_frame() {
            return Err(ProtocolError::Wrong("has words that are not as long as frame.length"));
        }
        Ok(protocol)
    }
}

impl Protocol {
    /// Whether every word is as long as frames are, where those are of one length.
    fn fits_its_frame(&self) -> bool {
        let End::Length(length) = self.frame.end else { return true };
        let mut keys = self.buttons.iter().flat_map(|buttons| &buttons.keys);
        let of_display = |display: &Display| {
            [display.steady.len(), display.blinking.len(), display.blank.len()].iter().all(|n| *n == length)
        };
        keys.all(|(_, slots)| slots.len() == length) && self.display.as_ref().is_none_or(of_display)
    }
}

impl LinePart {
    fn understood(self) -> Result<Serial, ProtocolError> {
        // The speeds that any line has; a driver may have more.
        if !(300..=921_600).contains(&self.baud) {
            return Err(ProtocolError::Wrong("has a line.baud that is not 300 to 921600"));
        }
        let parity = match self.parity {
            ParityPart::None => Parity::None,
            ParityPart::Even => Parity::Even,
            ParityPart::Odd => Parity::Odd,
        };
        let data_bits = match self.data_bits {
            7 => DataBits::Seven,
            8 => DataBits::Eight,
            _ => return Err(ProtocolError::Wrong("has line.data_bits that are neither 7 nor 8")),
        };
        let stop_bits = match self.stop_bits {
            1 => StopBits::One,
            2 => StopBits::Two,
            _ => return Err(ProtocolError::Wrong("has line.stop_bits that are neither 1 nor 2")),
        };
        Ok(Serial { baud: self.baud, parity, data_bits, stop_bits })
    }
}

impl FramePart {
    fn understood(self) -> Result<Frame, ProtocolError> {
        let start = read_bytes("frame.start", &self.start)?;
        let end = match (self.end, self.length) {
            (Some(end), None) => End::Bytes(read_bytes("frame.end", &end)?),
            (None, Some(length)) if (1..=MAX_CONTENT).contains(&length) => End::Length(length),
            (None, Some(_)) => return Err(ProtocolError::Wrong("has a frame.length that is not 1 to 256")),
            (Some(_), Some(_)) | (None, None) => {
                return Err(ProtocolError::Wrong("needs one of frame.end and frame.length"));
            }
        };
        match &end {
            End::Bytes(end) if end.is_empty() => return Err(ProtocolError::Wrong("has an empty frame.end")),
            End::Length(_) if start.is_empty() => {
                return Err(ProtocolError::Wrong("needs a frame.start: frames of one length have no other mark"));
            }
            End::Bytes(_) | End::Length(_) => {}
        }
        let checksum = match self.checksum {
            ChecksumPart::None => Checksum::None,
            ChecksumPart::Xor => Checksum::Xor,
            ChecksumPart::Sum => Checksum::Sum,
        };
        Ok(Frame { start, end, checksum })
    }
}

impl ButtonsPart {
    fn understood(self) -> Result<Buttons, ProtocolError> {
        if !(20..=2_000).contains(&self.debounce_ms) || self.stuck_ms <= self.debounce_ms {
            return Err(ProtocolError::Wrong("needs buttons.debounce_ms of 20 to 2000, and buttons.stuck_ms above it"));
        }
        let read = |(key, text): (Key, String)| Ok((key, read_pattern("a key", &text)?));
        let keys = self.keys.into_iter().map(read).collect::<Result<Vec<_>, ProtocolError>>()?;
        if keys.is_empty() || keys.iter().any(|(_, slots)| slots.is_empty() || slots.contains(&Slot::Place)) {
            return Err(ProtocolError::Wrong("needs keys, each of some bytes and without #"));
        }
        let is_nth = |(_, slots): &(Key, Vec<Slot>)| self.nth_at.is_none_or(|at| slots.get(at) == Some(&Slot::Any));
        if !keys.iter().all(is_nth) {
            return Err(ProtocolError::Wrong("needs ?? in each key where buttons.nth_at points"));
        }
        let are_one = |one: &[Slot], other: &[Slot]| {
            let same = |(a, b): (&Slot, &Slot)| a == b || *a == Slot::Any || *b == Slot::Any;
            one.len() == other.len() && one.iter().zip(other).all(same)
        };
        let mut pairs = keys
            .iter()
            .enumerate()
            .flat_map(|(nth, one)| keys.iter().skip(nth.saturating_add(1)).map(move |other| (one, other)));
        if pairs.any(|(one, other)| are_one(&one.1, &other.1)) {
            return Err(ProtocolError::Wrong("has two keys that one word means"));
        }
        Ok(Buttons { debounce_ms: self.debounce_ms, stuck_ms: self.stuck_ms, keys, nth_at: self.nth_at })
    }
}

impl DisplayPart {
    fn understood(self) -> Result<Display, ProtocolError> {
        let pad = match read_bytes("display.pad", &self.pad)?.as_slice() {
            [pad] => *pad,
            _ => return Err(ProtocolError::Wrong("needs a display.pad of one byte")),
        };
        let places = |what, text: &str| {
            let slots = read_pattern(what, text)?;
            let n_places = slots.iter().filter(|slot| **slot == Slot::Place).count();
            if n_places == 0 || slots.contains(&Slot::Any) {
                return Err(ProtocolError::Wrong("needs # for the number in what a display is told, and no ??"));
            }
            Ok(slots)
        };
        if !(1_000..=600_000).contains(&self.rewrite_ms) {
            return Err(ProtocolError::Wrong("needs a display.rewrite_ms of 1000 to 600000"));
        }
        Ok(Display {
            rewrite_ms: self.rewrite_ms,
            has_letters: self.letters,
            pad,
            steady: places("display.steady", &self.steady)?,
            blinking: places("display.blinking", &self.blinking)?,
            blank: read_bytes("display.blank", &self.blank)?,
        })
    }
}

#[cfg(test)]
mod tests;
