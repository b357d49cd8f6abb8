//! What comes out of an emulated printer: a roll that is printed on, and the papers cut off it.

use std::fs;
use std::io;
use std::path::Path;

use machiai_panel::dots::Dots;

/// Rows that one line of garbage text takes.
const TEXT_ROWS: usize = 24;
/// Bytes across that one character of garbage text takes.
const TEXT_BYTES: usize = 1;

/// A paper cut off the roll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// Which paper of this printer it is, from 1.
    pub number: usize,
    /// What is on it, as wide as the head.
    pub dots: Dots,
    /// The bytes that made it, from the first set-up to the cut.
    pub raw: Vec<u8>,
    /// Bytes that were no command and came out as text: a raster that lost its count shows here.
    pub garbage: usize,
}

impl Paper {
    /// Saves the picture as `NNN.png` and the bytes as `NNN.bin`.
    ///
    /// # Errors
    /// A file cannot be written.
    #[expect(clippy::disallowed_methods, reason = "an emulator's output need not survive a power cut")]
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(format!("{:03}.png", self.number)), self.dots.png().map_err(io::Error::other)?)?;
        fs::write(folder.join(format!("{:03}.bin", self.number)), &self.raw)
    }
}

/// The paper under the head.
#[derive(Debug)]
pub(super) struct Roll {
    row_bytes: usize,
    rows: Vec<Vec<u8>>,
    garbage: usize,
    /// Rows until the paper runs out.
    left: Option<usize>,
}

impl Roll {
    pub(super) fn new(width: u32) -> Self {
        Self { row_bytes: (width / 8).try_into().unwrap_or(0), rows: Vec::new(), garbage: 0, left: None }
    }

    pub(super) fn set_left(&mut self, rows: Option<usize>) {
        self.left = rows;
    }

    /// Returns whether the paper has run out under the head.
    pub(super) fn is_used_up(&self) -> bool {
        self.left == Some(0)
    }

    pub(super) fn is_blank(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints one row of dots from a dot on; what does not fit is lost, as on paper.
    pub(super) fn print_row(&mut self, left_dots: usize, row: &[u8]) {
        let mut printed = vec![0; self.row_bytes];
        for dot in 0..row.len() * 8 {
            let to = left_dots + dot;
            if row[dot / 8] >> (7 - dot % 8) & 1 == 1
                && let Some(byte) = printed.get_mut(to / 8)
            {
                *byte |= 0x80 >> (to % 8);
            }
        }
        self.push(printed);
    }

    pub(super) fn feed(&mut self, rows: usize) {
        for _ in 0..rows {
            self.push(vec![0; self.row_bytes]);
        }
    }

    /// Prints a line of text that nobody meant, as hatched blocks.
    pub(super) fn print_garbage(&mut self, characters: usize) {
        self.garbage += characters;
        let inked = (characters * TEXT_BYTES).min(self.row_bytes);
        for idx in 0..TEXT_ROWS {
            let mut row = vec![0; self.row_bytes];
            row.iter_mut().take(inked).for_each(|byte| *byte = if idx % 4 < 2 { 0x6c } else { 0x36 });
            self.push(row);
        }
    }

    /// Cuts off what hangs out.
    pub(super) fn cut(&mut self, number: usize, raw: Vec<u8>) -> Paper {
        let rows = std::mem::take(&mut self.rows);
        let dots = Dots {
            width: u32::try_from(self.row_bytes * 8).unwrap_or(u32::MAX),
            height: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            rows: rows.concat(),
            number_rows: None,
        };
        Paper { number, dots, raw, garbage: std::mem::take(&mut self.garbage) }
    }

    fn push(&mut self, row: Vec<u8>) {
        match &mut self.left {
            Some(0) => return,
            Some(left) => *left -= 1,
            None => {}
        }
        self.rows.push(row);
    }
}
