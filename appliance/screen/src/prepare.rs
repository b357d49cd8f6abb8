//! `machiai-screen prepare`: one film that may be hostile is decoded in full and made into one that plays untouched.
//!
//! The process sees the files that it is handed and nothing else: the film on its standard input, the prepared film on
//! its standard output, and what it says, a line of JSON each, on its standard error. It opens no path and no address.

mod decoder;
mod look;
mod loudness;
mod make;
pub mod served;
mod source;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use decoder::Tell;
use gstreamer as gst;
use machiai_panel::film::{Findings, Line, Order, Reason};

use crate::run::chain;

pub use decoder::PrepareError;

/// How the process is called.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Args {
    /// The width of the region, in pixels.
    #[arg(long)]
    width: u32,
    /// The height of the region, in pixels.
    #[arg(long)]
    height: u32,
    /// The longest film that is taken, in milliseconds.
    #[arg(long)]
    most_ms: u32,
}

impl Args {
    /// Prepares what stands on the standard streams.
    ///
    /// # Errors
    /// They are not there, or nobody hears what is said.
    pub fn carry_out(self) -> io::Result<()> {
        let film = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let prepared = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let order = Order { width_px: self.width, height_px: self.height, most_ms: self.most_ms };
        carry_out(&order, (&film, &prepared), &mut io::stderr().lock())
    }
}

/// Prepares a film and says what came of it; the last line is the answer.
///
/// # Errors
/// Nobody hears what is said.
pub fn carry_out(order: &Order, (film, prepared): (&File, &File), said: &mut dyn Write) -> io::Result<()> {
    let answer = prepare(order, (film, prepared), &mut |n_frames| {
        say(said, &Line::Working { n_frames }).map_err(PrepareError::Unheard)
    });
    let line = match answer {
        Ok(findings) => Line::Prepared(findings),
        Err(PrepareError::Refused(refused)) => Line::Refused(refused),
        Err(PrepareError::Stuck) => Line::Stuck,
        Err(error) => Line::Failed(chain(&error)),
    };
    say(said, &line)
}

fn prepare(order: &Order, files: (&File, &File), tell: &mut Tell<'_>) -> Result<Findings, PrepareError> {
    gst::init().map_err(PrepareError::Build)?;
    if files.0.metadata().map_err(PrepareError::Files)?.len() == 0 {
        return Err(PrepareError::refused(Reason::Empty, ""));
    }
    let look = look::look(files.0, order.most_ms, tell)?;
    let made = make::make(files, order, &look, tell)?;
    let duration_ms = if look.is_still { 0 } else { made.n_prepared.saturating_mul(1_000) / 30 };
    Ok(Findings {
        duration_ms: u32::try_from(duration_ms).unwrap_or(u32::MAX),
        width_px: look.width_px,
        height_px: look.height_px,
        picture_codec: look.picture_codec,
        sound_codec: look.sound_codec.filter(|_| look.has_sound),
        frames_per_s: look.frames_per_s,
        n_frames: made.n_decoded,
        loudness_lufs: look.loudness_lufs,
        gain_db: look.gain_db,
        n_prepared: made.n_prepared,
        picture: made.picture.map(|jpeg| gst::glib::base64_encode(&jpeg).into()),
    })
}

fn say(said: &mut dyn Write, line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line).map_err(io::Error::other)?;
    bytes.push(b'\n');
    said.write_all(&bytes)?;
    said.flush()
}
