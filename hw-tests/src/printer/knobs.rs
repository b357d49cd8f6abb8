//! What can be the matter with an emulated printer, and the bytes by which it says so.

/// What a person, a fault or a bad line does to a printer. Turned while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knobs {
    /// There is no paper.
    pub paper_out: bool,
    /// The roll is nearly at its end.
    pub paper_near_end: bool,
    /// The cover is open.
    pub cover_open: bool,
    /// The cutter is jammed.
    pub jammed: bool,
    /// It takes bytes and never answers.
    pub silent: bool,
    /// It has stopped taking bytes.
    pub stalled: bool,
    /// How many bytes it prints in a second; none is as many as come.
    pub bytes_per_second: Option<usize>,
    /// After how many more rows the paper runs out.
    pub rows_left: Option<usize>,
    /// The roll ends just under the next cut: the sensor sees it, and what is in the buffer is still obeyed.
    pub ends_at_cut: bool,
    pub(super) sees_end: bool,
    /// After how many bytes of a connection the line breaks; on a serial line, for good.
    pub drop_after: Option<usize>,
    /// After how many bytes of a connection it loses power for a moment.
    pub power_cycle_after: Option<usize>,
}

impl Knobs {
    /// Returns whether it prints.
    #[must_use]
    pub const fn is_online(&self) -> bool {
        !(self.paper_out || self.cover_open || self.jammed)
    }

    /// Returns the answer to `DLE EOT n`, where there is one.
    pub(super) fn real_time(&self, n: u8) -> Option<u8> {
        let bits = |pairs: &[(bool, u8)]| pairs.iter().filter(|pair| pair.0).fold(0x12, |byte, pair| byte | pair.1);
        match n {
            // Bit 2 is the drawer's pin, high where there is no drawer.
            1 => Some(bits(&[(true, 0x04), (!self.is_online(), 0x08)])),
            2 => Some(bits(&[(self.cover_open, 0x04), (self.paper_out, 0x20), (self.jammed, 0x40)])),
            3 => Some(bits(&[(self.jammed, 0x08)])),
            4 => Some(bits(&[(self.paper_near_end, 0x0c), (self.sees_no_paper(), 0x60)])),
            _ => None,
        }
    }

    /// Returns the answer to `GS r n`, where there is one.
    pub(super) const fn sensor(&self, n: u8) -> Option<u8> {
        match n {
            1 | 49 => {
                let near = if self.paper_near_end { 0x03 } else { 0 };
                let end = if self.sees_no_paper() { 0x0c } else { 0 };
                Some(near | end)
            }
            2 | 50 => Some(0),
            _ => None,
        }
    }

    /// Returns the four bytes of automatic status, `GS a`.
    pub(super) const fn report(&self) -> [u8; 4] {
        let offline = if self.is_online() { 0 } else { 0x08 };
        let cover = if self.cover_open { 0x20 } else { 0 };
        let cutter = if self.jammed { 0x08 } else { 0 };
        let near = if self.paper_near_end { 0x03 } else { 0 };
        let end = if self.sees_no_paper() { 0x0c } else { 0 };
        [0x14 | offline | cover, cutter, near | end, 0]
    }

    /// The sensor sits in the cover.
    const fn sees_no_paper(&self) -> bool {
        self.paper_out || self.cover_open || self.sees_end
    }
}

/// Finds the commands that a printer obeys the moment they come in, even amid other data.
#[derive(Debug, Default)]
pub(super) struct RealTime {
    last: Vec<u8>,
}

/// A command obeyed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtOnce {
    /// `DLE EOT n`.
    Tell(u8),
    /// `DLE DC4 8` with its seven bytes: empty the buffers.
    Clear,
}

const CLEAR: [u8; 10] = [0x10, 0x14, 8, 1, 3, 20, 1, 6, 2, 8];

impl RealTime {
    pub(super) fn take(&mut self, byte: u8) -> Option<AtOnce> {
        if self.last.len() == CLEAR.len() {
            self.last.remove(0);
        }
        self.last.push(byte);
        if self.last.ends_with(&CLEAR) {
            return Some(AtOnce::Clear);
        }
        match self.last.as_slice() {
            [.., 0x10, 0x04, n] => Some(AtOnce::Tell(*n)),
            _ => None,
        }
    }
}
