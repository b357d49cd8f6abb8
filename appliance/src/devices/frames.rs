//! Cuts what comes over a serial line into frames: bytes in, frames out, however they are split; noise is passed over.

/// The longest frame that is waited for: a reader's code, or a box's word.
pub const MAX_CONTENT: usize = 256;

/// How long a frame may stand half before what came of it is thrown away, in milliseconds.
pub const HALF_FOR_MS: u64 = 500;

/// How a device puts its words into frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What a frame begins with; nothing for lines of text.
    pub start: Vec<u8>,
    /// Where its content ends.
    pub end: End,
    /// The byte after that, which proves the frame.
    pub checksum: Checksum,
}

/// Where a frame's content ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// After so many bytes.
    Length(usize),
    /// Before these bytes.
    Bytes(Vec<u8>),
}

/// What the byte after content and end is, over both of them; the start does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// There is none.
    None,
    /// Their exclusive or.
    Xor,
    /// Their sum, of which the low byte counts.
    Sum,
}

impl Checksum {
    const fn n_bytes(self) -> usize {
        match self {
            Self::None => 0,
            Self::Xor | Self::Sum => 1,
        }
    }

    fn of(self, covered: &[u8]) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Xor => Some(covered.iter().fold(0, |all, byte| all ^ byte)),
            Self::Sum => Some(covered.iter().fold(0, |all: u8, byte| all.wrapping_add(*byte))),
        }
    }
}

impl Frame {
    /// Puts a word into a frame.
    #[must_use]
    pub fn around(&self, content: &[u8]) -> Vec<u8> {
        let mut frame = self.start.clone();
        frame.extend_from_slice(content);
        if let End::Bytes(end) = &self.end {
            frame.extend_from_slice(end);
        }
        let covered = frame.get(self.start.len()..).unwrap_or_default();
        let proof = self.checksum.of(covered);
        frame.extend(proof);
        frame
    }
}

/// What came over a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A word.
    Word(Vec<u8>),
    /// A frame that its last byte does not prove, or that has no end.
    Damaged,
}

/// What is at the beginning of the bytes that are held.
enum Found {
    /// Not enough to tell.
    Half,
    /// A frame of so many bytes, with its word.
    Whole(usize, Vec<u8>),
    /// No frame: the next one may begin one byte on.
    Wrong,
}

/// Cuts bytes into frames.
#[derive(Clone, Debug)]
pub struct Frames {
    frame: Frame,
    held: Vec<u8>,
    came_at_ms: u64,
}

impl Frames {
    /// Begins with nothing held.
    #[must_use]
    pub const fn new(frame: Frame) -> Self {
        Self { frame, held: Vec::new(), came_at_ms: 0 }
    }

    /// Takes bytes that came at an instant of any clock that never steps back; returns the frames that they complete.
    pub fn take(&mut self, bytes: &[u8], now_ms: u64) -> Vec<Came> {
        let mut came = Vec::new();
        if bytes.is_empty() {
            return came;
        }
        if !self.held.is_empty() && now_ms.saturating_sub(self.came_at_ms) > HALF_FOR_MS {
            self.held.clear();
        }
        self.came_at_ms = now_ms;
        // In pieces, so that however much comes at once, no more than a frame is held.
        for piece in bytes.chunks(MAX_CONTENT) {
            self.held.extend_from_slice(piece);
            self.cut(&mut came);
        }
        came
    }

    fn cut(&mut self, came: &mut Vec<Came>) {
        loop {
            self.pass_over_noise();
            match self.first() {
                Found::Half => return,
                Found::Whole(n, word) => {
                    self.held.drain(..n);
                    came.push(Came::Word(word));
                }
                Found::Wrong => {
                    // A true frame may begin within what looked like one.
                    self.held.drain(..1);
                    came.push(Came::Damaged);
                }
            }
        }
    }

    /// Drops what stands before the first start.
    fn pass_over_noise(&mut self) {
        let start = &self.frame.start;
        let n = (0..self.held.len()).find(|at| {
            let rest = self.held.get(*at..).unwrap_or_default();
            rest.starts_with(start) || start.starts_with(rest)
        });
        self.held.drain(..n.unwrap_or(self.held.len()));
    }

    fn first(&self) -> Found {
        let n_start = self.frame.start.len();
        let Some(rest) = self.held.get(n_start..).filter(|_| self.held.starts_with(&self.frame.start)) else {
            return Found::Half;
        };
        let (n_content, n_end) = match &self.frame.end {
            End::Length(n) => (*n, 0),
            End::Bytes(end) => match rest.windows(end.len()).position(|window| window == end) {
                Some(at) if at <= MAX_CONTENT => (at, end.len()),
                Some(_) => return Found::Wrong,
                None if rest.len() >= MAX_CONTENT.saturating_add(end.len()) => return Found::Wrong,
                None => return Found::Half,
            },
        };
        let n_covered = n_content.saturating_add(n_end);
        let n_rest = n_covered.saturating_add(self.frame.checksum.n_bytes());
        let Some(whole) = rest.get(..n_rest) else { return Found::Half };
        let (content, covered) = (whole.get(..n_content).unwrap_or_default(), whole.get(..n_covered));
        if self.frame.checksum.of(covered.unwrap_or_default()) != whole.get(n_covered).copied() {
            return Found::Wrong;
        }
        Found::Whole(n_start.saturating_add(n_rest), content.to_vec())
    }
}

#[cfg(test)]
mod tests;
