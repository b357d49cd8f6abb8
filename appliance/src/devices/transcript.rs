//! A transcript of a device on a serial line: each time bytes came or went, one line, for whoever plays the device later.
//!
//! `milliseconds direction bytes`: `<` from the device, `>` to it, bytes as a protocol file writes them. Lines that
//! begin with `#` say what it is.

use std::io::{self, BufRead, Write};

use super::notation::{self, NotationError};

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the device.
    Came,
    /// To the device.
    Went,
}

/// Bytes that came or went at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Milliseconds since the first line.
    pub at_ms: u64,
    /// Which way.
    pub way: Way,
    /// What.
    pub bytes: Vec<u8>,
}

/// The most bytes that stand on one line.
pub const MAX_BYTES: usize = 32;

/// Why a transcript cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TranscriptError {
    /// The file cannot be read.
    #[error("cannot read the transcript")]
    Unreadable(#[source] io::Error),
    /// A line is not as it should be.
    #[error("line {line} of the transcript is not milliseconds, < or >, and bytes")]
    Malformed {
        /// Which.
        line: usize,
    },
    /// Its bytes are not written as they should be.
    #[error("the bytes of line {line} of the transcript cannot be read")]
    Bytes {
        /// Which.
        line: usize,
        /// Why.
        #[source]
        source: NotationError,
    },
}

impl Passed {
    /// Writes it as one line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let way = match self.way {
            Way::Came => '<',
            Way::Went => '>',
        };
        let bytes: Vec<String> = self.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        writeln!(to, "{} {way} {}", self.at_ms, bytes.join(" "))
    }
}

/// Reads a transcript.
///
/// # Errors
/// [`TranscriptError`] says which line.
pub fn read(from: impl BufRead) -> Result<Vec<Passed>, TranscriptError> {
    let mut all = Vec::new();
    for (idx, line) in from.lines().enumerate() {
        let (text, line) = (line.map_err(TranscriptError::Unreadable)?, idx.saturating_add(1));
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let malformed = || TranscriptError::Malformed { line };
        let (at_ms, rest) = text.split_once(' ').ok_or_else(malformed)?;
        let (way, bytes) = rest.split_once(' ').ok_or_else(malformed)?;
        let way = match way {
            "<" => Way::Came,
            ">" => Way::Went,
            _ => return Err(malformed()),
        };
        let bytes = notation::bytes(bytes).map_err(|source| TranscriptError::Bytes { line, source })?;
        all.push(Passed { at_ms: at_ms.parse().ok().ok_or_else(malformed)?, way, bytes });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_as_it_was_written() {
        let all = [
            Passed { at_ms: 0, way: Way::Came, bytes: vec![2, 0x4e, 3] },
            Passed { at_ms: 12, way: Way::Went, bytes: vec![6] },
        ];
        let mut written = b"# a box\n\n".to_vec();
        all.iter().for_each(|passed| passed.write(&mut written).unwrap());
        assert_eq!(read(written.as_slice()).unwrap(), all);
        assert_eq!(String::from_utf8(written).unwrap(), "# a box\n\n0 < 02 4E 03\n12 > 06\n");
    }

    #[test]
    fn what_is_no_transcript_is_refused_with_its_line() {
        for text in ["# x\n5", "# x\n5 <", "# x\n5 = 00", "# x\nx < 00", "# x\n5 < 0", "# x\n5 < ??"] {
            assert!(read(text.as_bytes()).unwrap_err().to_string().contains("line 2"), "{text}");
        }
    }
}
