//! Reading SQLite's write-ahead log without SQLite, for a journal that is damaged.
//!
//! Follows "The WAL file format" of SQLite's documentation. A frame's checksum goes on from the one stored in the
//! frame before, so a frame can be proved good although an earlier one is not.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::files::Files;

/// Size of the journal's pages.
pub(crate) const PAGE_BYTES: usize = 4_096;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const FRAME_BYTES: usize = 4_120;

/// The pages that a log holds for certain.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Where the newest committed copy of a page lies in the log, by page number.
    pub(crate) pages: BTreeMap<u32, u64>,
    /// Every committed copy, in the order written: page number and place.
    pub(crate) copies: Vec<(u32, u64)>,
    /// Committed transactions behind a frame that is no good: SQLite would ignore them.
    pub(crate) n_ignored: usize,
    /// Whether the header is no good, so that SQLite ignores the whole log.
    pub(crate) is_headless: bool,
}

#[derive(Clone, Copy)]
struct Sums(u32, u32);

impl Sums {
    fn after(self, bytes: &[u8], is_big_endian: bool) -> Self {
        let word = if is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        let Self(mut first, mut second) = self;
        for pair in bytes.chunks_exact(8) {
            if let &[a, b, c, d, e, f, g, h] = pair {
                first = first.wrapping_add(word([a, b, c, d])).wrapping_add(second);
                second = second.wrapping_add(word([e, f, g, h])).wrapping_add(first);
            }
        }
        Self(first, second)
    }

    fn stored(bytes: &[u8], at: usize) -> Self {
        Self(big(bytes, at), big(bytes, at.saturating_add(4)))
    }
}

fn big(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at.saturating_add(4)).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

impl Log {
    /// Reads a log; one that is missing, empty or foreign holds nothing.
    pub(crate) fn read(files: &dyn Files, path: &Path) -> io::Result<Self> {
        let mut log = Self::default();
        if !files.exists(path)? {
            return Ok(log);
        }
        let header = files.read(path, 0, HEADER_BYTES)?;
        if header.len() < HEADER_BYTES {
            return Ok(log);
        }
        let is_big_endian = big(&header, 0) & 1 == 1;
        let sums = Sums(0, 0).after(header.get(..24).unwrap_or_default(), is_big_endian);
        let stored = Sums::stored(&header, 24);
        log.is_headless = (sums.0, sums.1) != (stored.0, stored.1);
        log.read_frames(files, path, &header)?;
        Ok(log)
    }

    fn read_frames(&mut self, files: &dyn Files, path: &Path, header: &[u8]) -> io::Result<()> {
        // Without its header, a log is of the generation of its first frame.
        let salts_of_first = || files.read(path, 40, 8);
        let salts = if self.is_headless { salts_of_first()? } else { header.get(16..24).unwrap_or_default().to_vec() };
        let is_big_endian = !self.is_headless && big(header, 0) & 1 == 1;
        let mut before = Sums::stored(header, 24);
        let mut uncommitted = Vec::new();
        let mut is_whole = !self.is_headless;
        for offset in (32_u64..).step_by(FRAME_BYTES) {
            let frame = files.read(path, offset, FRAME_BYTES)?;
            let Some((head, page)) =
                frame.split_at_checked(FRAME_HEADER_BYTES).filter(|(_, page)| page.len() == PAGE_BYTES)
            else {
                break;
            };
            let sums = before.after(head.get(..8).unwrap_or_default(), is_big_endian).after(page, is_big_endian);
            let stored = Sums::stored(head, 16);
            before = stored;
            if head.get(8..16) != Some(salts.as_slice()) || (sums.0, sums.1) != (stored.0, stored.1) {
                is_whole = false;
                continue;
            }
            uncommitted.push((big(head, 0), offset.saturating_add(24)));
            if big(head, 4) != 0 {
                self.pages.extend(uncommitted.iter().copied());
                self.copies.append(&mut uncommitted);
                self.n_ignored = self.n_ignored.saturating_add(usize::from(!is_whole));
            }
        }
        Ok(())
    }
}
