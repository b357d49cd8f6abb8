//! A drawing as a thermal printer takes it: one bit a dot, at the printer's own pitch.

use std::ops::Range;

use crate::raster::PngError;

/// A 1-bit picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dots {
    /// Dots in a row, a multiple of 8.
    pub width: u32,
    /// Rows, top row first.
    pub height: u32,
    /// `height × width / 8` bytes; the first dot of a row is the highest bit of its first byte, 1 is black.
    pub rows: Vec<u8>,
    /// The rows that hold nothing but the large number: a slow printer may get them at half resolution.
    pub number_rows: Option<Range<u32>>,
}

impl Dots {
    /// Writes the dots as a 1-bit grey PNG, for people to look at.
    ///
    /// # Errors
    /// Dots whose size and bytes do not agree.
    pub fn png(&self) -> Result<Vec<u8>, PngError> {
        // In PNG a set bit is white.
        let bytes: Vec<u8> = self.rows.iter().map(|byte| !byte).collect();
        crate::raster::write_png((self.width, self.height), (png::ColorType::Grayscale, png::BitDepth::One), &bytes)
    }

    /// Returns how many dots are black.
    #[must_use]
    pub fn n_black(&self) -> u64 {
        self.rows.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }

    /// Tells whether the dot of a column and row is black; outside the picture nothing is.
    #[must_use]
    pub fn is_black(&self, column: u32, row: u32) -> bool {
        if column >= self.width || row >= self.height {
            return false;
        }
        let at = u64::from(row) * u64::from(self.width / 8) + u64::from(column / 8);
        let byte = usize::try_from(at).ok().and_then(|at| self.rows.get(at));
        byte.is_some_and(|byte| byte & (0x80 >> (column % 8)) != 0)
    }
}
