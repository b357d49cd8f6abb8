//! How a picture is cut into raster strips, so that few bytes say all of it.
//!
//! Blank rows are fed, strips end at the last inked byte of their rows (and begin at the first where the printer has a
//! left margin), rows that are drawn two by two dots, as a QR code is, go out at half resolution, and the cuts are
//! placed where they save most: the cheapest way to each row is found once, from the top down. Nothing here speaks
//! ESC/POS.

use std::ops::Range;

use machiai_panel::dots::Dots;

use super::profile::Profile;

/// What one more strip may cost, in bytes, its own header included: every strip can make the paper stop and start,
/// which a reader sees as a fine line, so a cut must be worth it.
const STRIP_COST: u32 = 150;
/// What one feed may cost, in bytes.
const FEED_COST: u32 = 40;
/// What it costs to feed over a gap instead of sending it.
const GAP_COST: usize = (STRIP_COST + FEED_COST) as usize;

/// One piece of the paper, from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Blank rows.
    Feed {
        /// How many.
        rows: u32,
    },
    /// Inked rows.
    Strip(Strip),
}

/// A raster that one command carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strip {
    /// Whether every dot is printed as two by two.
    pub(super) doubled: bool,
    /// Blank dots to its left.
    pub(super) left_dots: u32,
    /// Bytes in a row.
    pub(super) row_bytes: u32,
    /// Rows.
    pub(super) rows: u32,
    /// `rows × row_bytes` bytes, 1 is black.
    pub(super) bytes: Vec<u8>,
}

/// Why a picture cannot be cut for a printer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misfit {
    /// It is wider than the head.
    #[error("picture of {width} dots on a head of {dots}")]
    TooWide {
        /// Of the picture.
        width: u32,
        /// Of the head.
        dots: u32,
    },
    /// Its bytes are not its width and height.
    #[error("picture of {width} by {height} dots in {bytes} bytes")]
    NotAPicture {
        /// Dots across.
        width: u32,
        /// Rows.
        height: u32,
        /// Bytes given.
        bytes: usize,
    },
}

/// Cuts a picture for a kind of printer.
pub(super) fn cut(dots: &Dots, profile: &Profile) -> Result<Vec<Piece>, Misfit> {
    let row_bytes = checked_row_bytes(dots, profile)?;
    let mut pieces = Vec::new();
    let half = half_rows(dots, profile);
    let full = |rows: Range<u32>| Bits::part_of(dots, row_bytes, rows);
    cut_part(&full(0..half.start), profile, &mut pieces);
    if !half.is_empty() {
        cut_part(&full(half.clone()).halved(), profile, &mut pieces);
    }
    cut_part(&full(half.end..dots.height), profile, &mut pieces);
    Ok(pieces)
}

fn checked_row_bytes(dots: &Dots, profile: &Profile) -> Result<usize, Misfit> {
    let Dots { width, height, .. } = *dots;
    let size = u64::from(width / 8) * u64::from(height);
    let row_bytes = usize::try_from(width / 8).unwrap_or(0);
    if row_bytes == 0 || width % 8 != 0 || u64::try_from(dots.rows.len()) != Ok(size) {
        return Err(Misfit::NotAPicture { width, height, bytes: dots.rows.len() });
    }
    if width > profile.dots {
        return Err(Misfit::TooWide { width, dots: profile.dots });
    }
    Ok(row_bytes)
}

/// Returns the rows that go out at half resolution: an even number of those that hold the large number alone.
fn half_rows(dots: &Dots, profile: &Profile) -> Range<u32> {
    let Some(number) = dots.number_rows.clone().filter(|_| profile.half_number) else { return 0..0 };
    let start = number.start.min(dots.height);
    let end = number.end.clamp(start, dots.height);
    start..end - (end - start) % 2
}

/// Rows of a picture, at full or half resolution.
struct Bits {
    doubled: bool,
    row_bytes: usize,
    rows: Vec<Vec<u8>>,
}

impl Bits {
    fn part_of(dots: &Dots, row_bytes: usize, rows: Range<u32>) -> Self {
        let all = dots.rows.chunks_exact(row_bytes).map(<[u8]>::to_vec);
        let skipped = usize::try_from(rows.start).unwrap_or(usize::MAX);
        let taken = usize::try_from(rows.end - rows.start).unwrap_or(0);
        Self { doubled: false, row_bytes, rows: all.skip(skipped).take(taken).collect() }
    }

    /// Returns the same at half resolution: of each two by two dots, two black ones make a black one, so that thin
    /// strokes stay whole wherever they lie.
    fn halved(&self) -> Self {
        let rows = halved_pairs(&self.rows, self.row_bytes);
        Self { doubled: true, row_bytes: self.row_bytes.div_ceil(2), rows }
    }

    /// Returns the first inked byte of a row and the one after its last.
    fn ink(row: &[u8]) -> Option<(usize, usize)> {
        let first = row.iter().position(|byte| *byte != 0)?;
        let last = row.iter().rposition(|byte| *byte != 0)?;
        Some((first, last + 1))
    }
}

fn halved_pairs(rows: &[Vec<u8>], row_bytes: usize) -> Vec<Vec<u8>> {
    rows.chunks(2).map(|pair| halved_rows(pair, row_bytes.div_ceil(2))).collect()
}

fn halved_rows(pair: &[Vec<u8>], row_bytes: usize) -> Vec<u8> {
    let mut row = vec![0; row_bytes];
    for (idx, byte) in row.iter_mut().enumerate() {
        for bit in 0..8 {
            let dot = idx * 16 + bit * 2;
            let black: usize = pair.iter().map(|row| dot_of(row, dot) + dot_of(row, dot + 1)).sum();
            if black >= 2 {
                *byte |= 0x80 >> bit;
            }
        }
    }
    row
}

fn dot_of(row: &[u8], dot: usize) -> usize {
    row.get(dot / 8).map_or(0, |byte| usize::from(byte >> (7 - dot % 8) & 1))
}

/// The cheapest way found to the rows above one.
#[derive(Clone, Copy)]
struct Way {
    cost: u32,
    /// The row where its last piece begins.
    from: usize,
    /// What the last piece sends; none is a feed.
    sent: Option<Sent>,
}

/// What a strip sends of its rows.
#[derive(Clone, Copy)]
struct Sent {
    /// The first byte of each row, and the one after the last.
    bytes: (usize, usize),
    /// Whether they go out at half resolution, which shows no difference.
    halved: bool,
}

fn cut_part(part: &Bits, profile: &Profile, pieces: &mut Vec<Piece>) {
    let ways = cheapest_ways(part, profile);
    let mut back = Vec::new();
    let mut row = part.rows.len();
    while row > 0 {
        let Some(way) = ways.get(row).copied().flatten() else { break };
        back.push(piece_of(part, way, row));
        row = way.from;
    }
    pieces.extend(back.into_iter().rev());
}

/// Finds the cheapest way to each row.
fn cheapest_ways(part: &Bits, profile: &Profile) -> Vec<Option<Way>> {
    let inks: Vec<_> = part.rows.iter().map(|row| Bits::ink(row)).collect();
    let pairs = pairs(part);
    let mut ways: Vec<Option<Way>> = vec![None; inks.len() + 1];
    ways[0] = Some(Way { cost: 0, from: 0, sent: None });
    for from in 0..inks.len() {
        let (before, after) = ways.split_at_mut(from + 1);
        let Some(Way { cost, .. }) = before[from] else { continue };
        if inks[from].is_none() {
            let blank = inks[from..].iter().take_while(|ink| ink.is_none()).count();
            improve(&mut after[blank - 1], Way { cost: cost + FEED_COST, from, sent: None });
            // Blank rows inside a strip are tried from the inked row above them; none needs to begin with one.
            continue;
        }
        let strip = |n_sent: usize, bytes: (usize, usize), halved| {
            let size = u32::try_from(n_sent * (bytes.1 - bytes.0)).unwrap_or(u32::MAX);
            Way { cost: cost + STRIP_COST + size, from, sent: Some(Sent { bytes, halved }) }
        };
        for ((n_rows, bytes), way) in grown(&inks[from..], part.row_bytes, profile).zip(&mut *after) {
            if is_possible(n_rows, profile) {
                improve(way, strip(n_rows, bytes, false));
            }
        }
        let n_pairs = pairs[from..].iter().step_by(2).take_while(|is_pair| **is_pair).count();
        let halved = inks[from..].chunks_exact(2).take(n_pairs).map(|pair| pair[0]);
        let halved: Vec<_> = halved.map(|ink| ink.map(|(first, end)| (first / 2, end.div_ceil(2)))).collect();
        for ((n_rows, bytes), way) in grown(&halved, part.row_bytes, profile).zip(after.iter_mut().skip(1).step_by(2)) {
            if is_possible(n_rows, profile) {
                improve(way, strip(n_rows, bytes, true));
            }
        }
    }
    ways
}

/// Returns the strips that begin with an inked row, each a row longer than the last: how many rows, and which bytes of
/// them.
fn grown<'a>(
    inks: &'a [Option<(usize, usize)>],
    row_bytes: usize,
    profile: &'a Profile,
) -> impl Iterator<Item = (usize, (usize, usize))> + 'a {
    let most = usize::try_from(profile.strip_rows).unwrap_or(usize::MAX);
    let mut sent = (if profile.left_margin { row_bytes } else { 0 }, 0);
    let mut n_blank = 0;
    (1..=most).zip(inks).map_while(move |(n_rows, ink)| {
        n_blank = if ink.is_none() { n_blank + 1 } else { 0 };
        if let Some((first, end)) = ink {
            sent = (sent.0.min(*first), sent.1.max(*end));
        }
        // To feed so many blank rows and begin anew costs less than to send them, whatever follows.
        (n_blank * (sent.1 - sent.0) <= GAP_COST).then_some((n_rows, sent))
    })
}

/// Whether a strip may have so many rows.
const fn is_possible(n_rows: usize, profile: &Profile) -> bool {
    !(profile.avoids_48 && n_rows.is_multiple_of(48))
}

/// Returns of each row whether it and the next one together are dots of two by two.
fn pairs(part: &Bits) -> Vec<bool> {
    let is_doubled = |row: &[u8]| row.iter().all(|byte| (byte ^ byte >> 1) & 0x55 == 0);
    let below = part.rows.iter().skip(1);
    let mut pairs: Vec<bool> =
        part.rows.iter().zip(below).map(|(row, next)| !part.doubled && row == next && is_doubled(row)).collect();
    pairs.resize(part.rows.len(), false);
    pairs
}

fn improve(way: &mut Option<Way>, found: Way) {
    if way.is_none_or(|known| found.cost < known.cost) {
        *way = Some(found);
    }
}

fn piece_of(part: &Bits, way: Way, end: usize) -> Piece {
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    let Some(Sent { bytes: (first, last), halved }) = way.sent else {
        return Piece::Feed { rows: count(end - way.from) * if part.doubled { 2 } else { 1 } };
    };
    let rows = &part.rows[way.from..end];
    let rows = if halved { halved_pairs(rows, part.row_bytes) } else { rows.to_vec() };
    let doubled = part.doubled || halved;
    Piece::Strip(Strip {
        doubled,
        left_dots: count(first) * if doubled { 16 } else { 8 },
        row_bytes: count(last - first),
        rows: count(rows.len()),
        bytes: rows.iter().flat_map(|row| &row[first..last]).copied().collect(),
    })
}

#[cfg(test)]
mod tests;
