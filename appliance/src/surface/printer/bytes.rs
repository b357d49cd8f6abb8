//! A ticket as ESC/POS bytes.
//!
//! The escpos crate compiles the commands it knows into a buffer; rasters, margins and the fence it does not know are
//! added as they stand in Epson's command reference. Nothing here is ever sent in parts or twice.

use std::cell::RefCell;

use escpos::driver::Driver;
use escpos::errors::{PrinterError, Result as EscposResult};
use escpos::printer::Printer;
use escpos::utils::Protocol;
use machiai_panel::dots::Dots;

use super::profile::{Cutter, Profile};
use super::strips::{Misfit, Piece, Strip, cut};

const ESC: u8 = 0x1b;
const GS: u8 = 0x1d;
/// `GS a`: tell by yourself when you go offline, have an error, or see the paper change.
const REPORT: [u8; 3] = [GS, b'a', 0x0e];
/// `GS a`: tell nothing by yourself.
const REPORT_NO_MORE: [u8; 3] = [GS, b'a', 0];
/// `GS r 1`: the state of the paper sensors, answered when everything before has been printed.
const FENCE: [u8; 3] = [GS, b'r', 1];
/// Fills up what a command that broke off may still lack, so that the questions before a ticket are not taken for it:
/// none has more than eight bytes before its data. Alone they mean nothing.
pub(super) const UNSTICK: [u8; 8] = [0; 8];
/// `DLE DC4 8`: empties all buffers, with the seven bytes that guard against sending it by chance.
pub(super) const CLEAR: [u8; 10] = [0x10, 0x14, 8, 1, 3, 20, 1, 6, 2, 8];

/// Why a ticket has no bytes.
#[derive(Debug, thiserror::Error)]
pub(super) enum EncodeError {
    /// The picture does not fit the printer.
    #[error("cannot cut the picture into strips")]
    Misfit(#[source] Misfit),
    /// The command compiler refused.
    #[error("cannot compile the printer's commands")]
    Compile(#[source] PrinterError),
}

/// Returns the bytes that end a ticket after its cut.
pub(super) fn end(profile: &Profile) -> Vec<u8> {
    let silence: &[u8] = if profile.reports { &REPORT_NO_MORE } else { &[] };
    let fence: &[u8] = if profile.fence { &FENCE } else { &[] };
    [silence, fence].concat()
}

/// Returns the bytes of a ticket: set up, picture, cut; what ends it is not among them.
pub(super) fn ticket(dots: &Dots, profile: &Profile) -> Result<Vec<u8>, EncodeError> {
    let pieces = cut(dots, profile).map_err(EncodeError::Misfit)?;
    compile(&pieces, profile).map_err(EncodeError::Compile)
}

/// Returns the bytes that bring a printer back into step whose last ticket broke off.
///
/// It may still wait for the rest of a strip and would take the next ticket for it. Zero bytes fill the strip up with
/// white, and mean nothing once it is full; then what hangs out of the printer is cut off, so that the next patient
/// does not get it.
pub(super) fn resync(profile: &Profile) -> Result<Vec<u8>, EncodeError> {
    let strip_bytes = usize::try_from(profile.strip_rows * profile.dots / 8).unwrap_or(0);
    let mut bytes = vec![0; strip_bytes];
    bytes.extend(compile(&[], profile).map_err(EncodeError::Compile)?);
    Ok(bytes)
}

fn compile(pieces: &[Piece], profile: &Profile) -> EscposResult<Vec<u8>> {
    let mut printer = Printer::new(Buffer::default(), Protocol::default(), None);
    printer.init()?;
    if profile.motion_units {
        printer.motion_units(profile.dpi, profile.dpi)?;
    }
    if profile.reports {
        printer.custom(&REPORT)?;
    }
    let mut margin = 0;
    for piece in pieces {
        match piece {
            Piece::Feed { rows } => feed(&mut printer, *rows)?,
            Piece::Strip(strip) => {
                if strip.left_dots != margin {
                    margin = strip.left_dots;
                    printer.custom(&with_word(&[GS, b'L'], margin))?;
                }
                printer.custom(&raster(strip))?;
            }
        }
    }
    if profile.feed_lines > 0 {
        printer.feeds(profile.feed_lines)?;
    }
    match profile.cutter {
        Cutter::Full => drop(printer.cut()?),
        // The crate's partial_cut sends `GS V 65 1`, a full cut.
        Cutter::Partial => drop(printer.custom(&[GS, b'V', 66, 0])?),
        Cutter::None => {}
    }
    printer.print()?;
    Ok(printer.driver().bytes.into_inner())
}

/// Feeds blank rows: `ESC J` moves at most 255.
fn feed(printer: &mut Printer<Buffer>, rows: u32) -> EscposResult<()> {
    let mut left = rows;
    while left > 0 {
        let step = u8::try_from(left).unwrap_or(u8::MAX);
        printer.custom(&[ESC, b'J', step])?;
        left -= u32::from(step);
    }
    Ok(())
}

/// `GS v 0 m xL xH yL yH`, m = 3 where one dot stands for two by two.
fn raster(strip: &Strip) -> Vec<u8> {
    let mode = if strip.doubled { 3 } else { 0 };
    let mut bytes = with_word(&with_word(&[GS, b'v', b'0', mode], strip.row_bytes), strip.rows);
    bytes.extend(&strip.bytes);
    bytes
}

fn with_word(command: &[u8], word: u32) -> Vec<u8> {
    // Strips are cut so that every count is below 65,536.
    let [low, high, ..] = word.to_le_bytes();
    [command, &[low, high]].concat()
}

/// The crate's driver that only remembers.
#[derive(Default)]
struct Buffer {
    bytes: RefCell<Vec<u8>>,
}

impl Driver for Buffer {
    fn name(&self) -> String {
        String::from("buffer")
    }

    fn write(&self, data: &[u8]) -> EscposResult<()> {
        self.bytes.borrow_mut().extend_from_slice(data);
        Ok(())
    }

    fn read(&self, _buf: &mut [u8]) -> EscposResult<usize> {
        Ok(0)
    }

    fn flush(&self) -> EscposResult<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
