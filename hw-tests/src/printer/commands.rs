//! The ESC/POS that an emulated printer understands, after Epson's command reference.
//!
//! Bytes go in one at a time, as they reach the mechanism. What is no command is printed as text and counted.

use std::mem;

use super::paper::{Paper, Roll};

const NUL: u8 = 0x00;
const LF: u8 = 0x0a;
const DLE: u8 = 0x10;
const ESC: u8 = 0x1b;
const FS: u8 = 0x1c;
const GS: u8 = 0x1d;
/// Rows that one line takes.
const LINE_ROWS: usize = 30;
/// A raster larger than this is taken for bytes out of step, as the counts of real printers are bounded too.
const RASTER_BYTES: usize = 1 << 20;

/// What a command asks of the rest of the printer.
#[derive(Debug)]
pub(super) enum Asks {
    /// To hand out what was cut off.
    Cut(Paper),
    /// To answer `GS r n`.
    Fence(u8),
    /// To tell by itself what changes, or nothing: `GS a n`.
    Report(u8),
}

/// The head, the paper under it, and the command that is being received.
#[derive(Debug)]
pub(super) struct Mechanism {
    pub(super) roll: Roll,
    dpi: usize,
    usual_units: (usize, usize),
    units: (usize, usize),
    has_cutter: bool,
    command: Vec<u8>,
    margin: usize,
    position: usize,
    text: usize,
    raw: Vec<u8>,
    papers: usize,
}

/// How many bytes a command has.
enum Length {
    /// It is not known yet.
    More,
    /// So many.
    Is(usize),
    /// It is no command.
    Unknown,
}

impl Mechanism {
    pub(super) fn new(setup: &super::Setup) -> Self {
        let dpi = usize::from(setup.dpi);
        Self {
            roll: Roll::new(setup.dots),
            dpi,
            usual_units: setup.motion_units,
            units: setup.motion_units,
            has_cutter: setup.has_cutter,
            command: Vec::new(),
            margin: 0,
            position: 0,
            text: 0,
            raw: Vec::new(),
            papers: 0,
        }
    }

    /// Forgets the command that is being received and all settings; the paper stays as it is.
    pub(super) fn reset(&mut self) {
        self.command.clear();
        self.margin = 0;
        self.position = 0;
        self.text = 0;
        self.units = self.usual_units;
    }

    /// Tears off what hangs out, if anything does.
    pub(super) fn tear(&mut self) -> Option<Paper> {
        if self.roll.is_blank() {
            return None;
        }
        self.papers += 1;
        Some(self.roll.cut(self.papers, mem::take(&mut self.raw)))
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<Asks> {
        self.raw.push(byte);
        self.command.push(byte);
        match length_of(&self.command) {
            Length::Is(bytes) if self.command.len() >= bytes => {
                let command = mem::take(&mut self.command);
                self.obey(&command)
            }
            Length::Is(_) | Length::More => None,
            Length::Unknown => {
                self.text += mem::take(&mut self.command).len();
                None
            }
        }
    }

    fn obey(&mut self, command: &[u8]) -> Option<Asks> {
        match command {
            [LF] => self.end_line(LINE_ROWS),
            [ESC, b'@'] => self.set_up(),
            [ESC, b'J', n] => self.end_line(self.rows(*n)),
            [ESC, b'd', n] => self.end_line(usize::from(*n) * LINE_ROWS),
            [ESC, b'$', low, high] => self.position = self.columns(word(*low, *high)),
            [GS, b'L', low, high] if self.is_at_line_start() => self.margin = self.columns(word(*low, *high)),
            [GS, b'P', x, y] => {
                self.units.0 = if *x == 0 { self.usual_units.0 } else { usize::from(*x) };
                self.units.1 = if *y == 0 { self.usual_units.1 } else { usize::from(*y) };
            }
            [GS, b'v', b'0', mode, low, high, _, _, bytes @ ..] => self.print_raster(*mode, word(*low, *high), bytes),
            [GS, b'V', mode, rest @ ..] if self.has_cutter => {
                let feed = if *mode >= 65 { rest.first().map_or(0, |n| self.rows(*n)) } else { 0 };
                self.end_line(feed);
                return self.tear().map(Asks::Cut);
            }
            [ESC, b'i' | b'm'] if self.has_cutter => return self.tear().map(Asks::Cut),
            [GS, b'r', n] => return Some(Asks::Fence(*n)),
            [GS, b'a', n] => return Some(Asks::Report(*n)),
            _ => {}
        }
        None
    }

    /// `ESC @`; what a paper's bytes begin with, unless something was printed before.
    fn set_up(&mut self) {
        self.reset();
        if self.roll.is_blank() {
            self.raw = vec![ESC, b'@'];
        }
    }

    /// Prints the line so far and feeds, at least the height of what was on it.
    fn end_line(&mut self, rows: usize) {
        let text = mem::take(&mut self.text);
        self.position = 0;
        if text > 0 {
            self.roll.print_garbage(text);
        }
        self.roll.feed(rows);
    }

    fn is_at_line_start(&self) -> bool {
        self.text == 0 && self.position == 0
    }

    fn print_raster(&mut self, mode: u8, row_bytes: usize, bytes: &[u8]) {
        if !self.is_at_line_start() {
            // A raster begins a line of its own.
            self.end_line(LINE_ROWS);
        }
        let (wide, high) = (mode & 1 == 1, mode & 2 == 2);
        for row in bytes.chunks(row_bytes.max(1)) {
            let row = if wide { doubled(row) } else { row.to_vec() };
            for _ in 0..if high { 2 } else { 1 } {
                self.roll.print_row(self.margin, &row);
            }
        }
    }

    fn rows(&self, units: u8) -> usize {
        usize::from(units) * self.dpi / self.units.1.max(1)
    }

    fn columns(&self, units: usize) -> usize {
        units * self.dpi / self.units.0.max(1)
    }
}

/// Returns a row with every dot twice.
fn doubled(row: &[u8]) -> Vec<u8> {
    let spread = |nibble: u8| (0..4).fold(0, |wide, bit| wide | (((nibble >> bit) & 1) * (3 << (2 * bit))));
    row.iter().flat_map(|byte| [spread(byte >> 4), spread(byte & 0x0f)]).collect()
}

fn word(low: u8, high: u8) -> usize {
    usize::from(low) | usize::from(high) << 8
}

fn length_of(command: &[u8]) -> Length {
    match command {
        [] => Length::More,
        [DLE, ..] => length_after_dle(command),
        [ESC, ..] => length_after_esc(command),
        [FS, ..] => length_after_fs(command),
        [GS, ..] => length_after_gs(command),
        [LF | NUL..=0x09 | 0x0b..=0x1f, ..] => Length::Is(1),
        _ => Length::Unknown,
    }
}

fn length_after_dle(command: &[u8]) -> Length {
    match command {
        [_] | [_, 0x04 | 0x14] => Length::More,
        [_, 0x04, 7 | 8 | 18, ..] => Length::Is(4),
        [_, 0x04 | 0x05, ..] => Length::Is(3),
        [_, 0x14, 8, ..] => Length::Is(10),
        [_, 0x14, 1 | 2, ..] => Length::Is(5),
        [_, 0x14, 3, ..] => Length::Is(8),
        [_, 0x14, 7, ..] => Length::Is(4),
        _ => Length::Unknown,
    }
}

fn length_after_esc(command: &[u8]) -> Length {
    match command {
        [_] => Length::More,
        [_, b'@' | b'2' | b'L' | b'S' | b'i' | b'm' | b'v', ..] => Length::Is(2),
        [
            _,
            b'J' | b'd' | b'a' | b'!' | b'E' | b'G' | b'-' | b'M' | b'R' | b't' | b'V' | b'{' | b' ' | b'3' | b'=',
            ..,
        ]
        | [_, b'U' | b'r' | b'T' | b'u' | b'%' | b'?' | b'K' | b'e', ..] => Length::Is(3),
        [_, b'$' | b'\\' | b'c', ..] => Length::Is(4),
        [_, b'p', ..] => Length::Is(5),
        [_, b'W', ..] => Length::Is(10),
        [_, b'*', mode, low, high, ..] => Length::Is(5 + word(*low, *high) * if *mode >= 32 { 3 } else { 1 }),
        [_, b'(', _, low, high, ..] => Length::Is(5 + word(*low, *high)),
        [_, b'*' | b'(', ..] => Length::More,
        [_, b'D', stops @ ..] => match stops.iter().position(|stop| *stop == NUL) {
            Some(end) => Length::Is(end + 3),
            None => Length::More,
        },
        _ => Length::Unknown,
    }
}

fn length_after_fs(command: &[u8]) -> Length {
    match command {
        [_] => Length::More,
        [_, b'&' | b'.', ..] => Length::Is(2),
        [_, b'!' | b'-' | b'W' | b'C', ..] => Length::Is(3),
        [_, b'S' | b'p', ..] => Length::Is(4),
        [_, b'(', _, low, high, ..] => Length::Is(5 + word(*low, *high)),
        [_, b'(', ..] => Length::More,
        _ => Length::Unknown,
    }
}

fn length_after_gs(command: &[u8]) -> Length {
    match command {
        [_] => Length::More,
        [_, b'!' | b'B' | b'b' | b'H' | b'h' | b'w' | b'f' | b'I' | b'a' | b'r' | b'T' | b'/' | b':', ..] => {
            Length::Is(3)
        }
        [_, b'L' | b'W' | b'P' | b'$' | b'\\', ..] => Length::Is(4),
        [_, b'V', mode, ..] => Length::Is(if matches!(mode, 65 | 66 | 97 | 98 | 103 | 104) { 4 } else { 3 }),
        [_, b'V'] => Length::More,
        [_, b'v', b'0', mode, a, b, c, d, ..] => {
            let bytes = word(*a, *b) * word(*c, *d);
            if bytes > RASTER_BYTES || !matches!(mode, 0..=3 | 48..=51) {
                Length::Unknown
            } else {
                Length::Is(8 + bytes)
            }
        }
        [_, b'v'] | [_, b'v', b'0', ..] => Length::More,
        [_, b'k', 65..=79, count, ..] => Length::Is(4 + usize::from(*count)),
        [_, b'(', _, low, high, ..] => Length::Is(5 + word(*low, *high)),
        [_, b'(' | b'k', ..] if command.len() < 5 => Length::More,
        [_, b'8', b'L', a, b, c, d, ..] => Length::Is(7 + word(*a, *b) + (word(*c, *d) << 16)),
        [_, b'8'] | [_, b'8', b'L', ..] => Length::More,
        _ => Length::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::{Line, Setup};

    fn mechanism() -> Mechanism {
        Mechanism::new(&Setup::new(Line::Tcp, 64))
    }

    fn printed(bytes: &[u8]) -> (Mechanism, Vec<Paper>) {
        let mut mechanism = mechanism();
        let asks: Vec<_> = bytes.iter().filter_map(|byte| mechanism.take(*byte)).collect();
        let papers = asks.into_iter().filter_map(|ask| match ask {
            Asks::Cut(paper) => Some(paper),
            Asks::Fence(_) | Asks::Report(_) => None,
        });
        (mechanism, papers.collect())
    }

    #[test]
    fn rasters_margins_and_feeds_come_out_where_they_were_put() {
        let bytes = [
            &[ESC, b'@', ESC, b'J', 2, GS, b'L', 8, 0][..],
            &[GS, b'v', b'0', 0, 1, 0, 2, 0, 0x81, 0x42],
            &[GS, b'L', 0, 0, GS, b'v', b'0', 3, 1, 0, 1, 0, 0xa5, GS, b'V', 66, 0],
        ];
        let (_, papers) = printed(&bytes.concat());
        let [paper] = &papers[..] else { panic!("{papers:?}") };
        let rows: Vec<_> = paper.dots.rows.chunks(8).map(|row| [row[0], row[1]]).collect();
        assert_eq!(rows, [[0, 0], [0, 0], [0, 0x81], [0, 0x42], [0xcc, 0x33], [0xcc, 0x33]]);
        assert_eq!((paper.garbage, paper.number), (0, 1));
        assert_eq!(paper.raw, bytes.concat());
    }

    #[test]
    fn a_raster_that_lost_its_count_shows_as_garbage() {
        let (_, papers) = printed(&[GS, b'v', b'0', 0, 1, 0, 1, 0, 0x81, b'x', b'y', 0xff, GS, b'V', 0]);
        assert_eq!(papers[0].garbage, 3);
        assert_eq!(papers[0].dots.height, 1 + 24);
    }

    #[test]
    fn settings_and_questions_print_nothing() {
        let bytes = [
            &[ESC, b'a', 1, ESC, b'!', 8, GS, b'!', 0x11, ESC, b't', 2, FS, b'&', FS, b'C', 1, GS, b'a', 0][..],
            &[
                DLE, 4, 1, DLE, 4, 7, 1, DLE, 5, 1, GS, b'(', b'k', 3, 0, 49, 67, 3, ESC, b'D', 8, 16, 0, ESC, b'p', 0,
                1, 2,
            ],
            &[0, 0, 0, GS, b'(', b'L', 2, 0, 48, 50, ESC, b'c', b'3', 0],
        ];
        let (mechanism, papers) = printed(&bytes.concat());
        assert!(mechanism.roll.is_blank() && papers.is_empty() && mechanism.command.is_empty());
        assert_eq!(mechanism.text, 0);
    }

    #[test]
    fn motion_units_decide_how_far_a_feed_goes() {
        let mut half = Setup::new(Line::Tcp, 64);
        half.motion_units = (203, 406);
        let mut mechanism = Mechanism::new(&half);
        for byte in [ESC, b'J', 10, GS, b'P', 203, 203, ESC, b'J', 10] {
            assert!(mechanism.take(byte).is_none());
        }
        assert_eq!(mechanism.tear().unwrap().dots.height, 5 + 10);
    }
}
