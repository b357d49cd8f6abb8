//! `machiai record-device`: writes down what a real device says, and what it is answered, for whoever plays it later.
//!
//! The daemon must not have the device; each line is on its way to the disk before the next one is waited for.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::frames::{Came, Frames};
use super::kept_open::HEARD_WITHIN;
use super::protocol::Protocol;
use super::transcript::{self, Passed, Way};
use crate::cli::CliError;
use crate::node::{Node, Serial, Stopwatch};

/// What is recorded, and how.
#[derive(Debug, Args)]
pub struct Recording {
    /// The device's node: /dev/serial/by-id/… or /dev/input/by-id/….
    pub path: PathBuf,
    /// The speed of its serial line, of eight bits without parity; without it and a protocol it is an input device.
    #[arg(long, value_parser = clap::value_parser!(u32).range(300..=921_600), conflicts_with = "protocol")]
    pub baud: Option<u32>,
    /// Its protocol, by name or by the path of a file: each press is answered as if it had been taken.
    #[arg(long)]
    pub protocol: Option<String>,
    /// For how many seconds.
    #[arg(long = "for", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub for_s: u64,
    /// The transcript, which is not there yet.
    #[arg(long)]
    pub out: PathBuf,
}

/// Records a device and returns how often it said something.
///
/// # Errors
/// [`CliError`]: the device cannot be opened or goes, or the file cannot be written.
pub(crate) fn record(recording: &Recording) -> Result<usize, CliError> {
    let work = |source: Box<dyn std::error::Error + Send + Sync>| CliError::Work { what: "record the device", source };
    let protocol =
        recording.protocol.as_deref().map(Protocol::named).transpose().map_err(|cause| work(cause.into()))?;
    let node = match (&protocol, recording.baud) {
        (Some(protocol), _) => Node::serial(&recording.path, protocol.serial),
        (None, Some(baud)) => Node::serial(&recording.path, Serial::usual(baud)),
        (None, None) => Node::input(&recording.path),
    };
    let node = node.map_err(|source| CliError::File { path: recording.path.clone(), source })?;
    let file = |source| CliError::File { path: recording.out.clone(), source };
    let mut out = OpenOptions::new().write(true).create_new(true).open(&recording.out).map_err(file)?;
    head(&mut out, &recording.path).map_err(file)?;
    let until_ms = recording.for_s.saturating_mul(1_000);
    listen(node, protocol.as_ref(), until_ms, &mut out).map_err(|cause| work(cause.into()))
}

fn head(out: &mut impl Write, path: &Path) -> io::Result<()> {
    writeln!(out, "# {}: milliseconds, < from the device or > to it, bytes", path.display())
}

fn listen(mut node: Node, protocol: Option<&Protocol>, until_ms: u64, out: &mut impl Write) -> io::Result<usize> {
    let (clock, mut portion, mut n_said) = (Stopwatch::start(), [0; transcript::MAX_BYTES], 0_usize);
    let mut frames = protocol.map(|protocol| Frames::new(protocol.frame.clone()));
    while clock.ms() < until_ms {
        let n = node.read(&mut portion, HEARD_WITHIN)?;
        let Some(bytes) = portion.get(..n).filter(|bytes| !bytes.is_empty()) else { continue };
        n_said = n_said.saturating_add(1);
        Passed { at_ms: clock.ms(), way: Way::Came, bytes: bytes.to_vec() }.write(out)?;
        let came = frames.as_mut().map(|frames| frames.take(bytes, clock.ms())).unwrap_or_default();
        for answer in came.iter().filter_map(|came| answer(protocol?, came)) {
            node.write(answer, Duration::from_secs(1))?;
            Passed { at_ms: clock.ms(), way: Way::Went, bytes: answer.to_vec() }.write(out)?;
        }
    }
    out.flush()?;
    Ok(n_said)
}

/// Returns what a device is answered, as if its press had been taken.
fn answer<'a>(protocol: &'a Protocol, came: &Came) -> Option<&'a [u8]> {
    let answer = match came {
        Came::Damaged => &protocol.answer.damaged,
        Came::Word(word) => {
            protocol.buttons.as_ref().and_then(|buttons| buttons.read(word))?;
            &protocol.answer.accepted
        }
    };
    Some(answer.as_slice()).filter(|answer| !answer.is_empty())
}
