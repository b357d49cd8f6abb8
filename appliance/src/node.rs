//! Device nodes, opened without ever waiting for them: each is non-blocking and waited for by `poll`, with a limit.
//!
//! A node may vanish at any moment: a serial port that is ready and gives nothing, or says EIO, is gone.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use serialport::{ClearBuffer, DataBits, FlowControl, Parity, SerialPort, StopBits, TTYPort};

/// The major number of input devices (Linux, `admin-guide/devices.txt`).
const INPUT_MAJOR: u32 = 13;

/// How a serial line is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serial {
    /// Bits per second.
    pub baud: u32,
    /// The parity bit.
    pub parity: Parity,
    /// Bits of a byte.
    pub data_bits: DataBits,
    /// Stop bits.
    pub stop_bits: StopBits,
}

impl Serial {
    /// Returns what most devices speak, at a speed: eight bits, no parity, one stop bit.
    #[must_use]
    pub const fn usual(baud: u32) -> Self {
        Self { baud, parity: Parity::None, data_bits: DataBits::Eight, stop_bits: StopBits::One }
    }
}

/// A device node that is open.
pub struct Node {
    bytes: File,
    /// Holds the line's settings; its own reads and writes block, and are not used.
    _port: Option<TTYPort>,
    /// Keeps others from what is typed there.
    _grabbed: Option<evdev::Device>,
}

impl Node {
    /// Opens a serial line for this program alone; what came there before is thrown away.
    ///
    /// # Errors
    /// It is not there, it is no serial line, or somebody else has it.
    pub fn serial(path: &Path, serial: Serial) -> io::Result<Self> {
        let bytes = open_node(path)?;
        let settings = serialport::new(path.to_string_lossy(), serial.baud)
            .parity(serial.parity)
            .data_bits(serial.data_bits)
            .stop_bits(serial.stop_bits)
            .flow_control(FlowControl::None)
            .exclusive(true);
        let port = TTYPort::open(&settings)?;
        // What was pressed while nobody listened is not pressed now.
        port.clear(ClearBuffer::Input)?;
        Ok(Self { bytes, _port: Some(port), _grabbed: None })
    }

    /// Opens an input device, and keeps its keys from everybody else: a number that is typed for us is no password.
    ///
    /// A pipe is read as it is: nobody else hears what comes by it.
    ///
    /// # Errors
    /// It is not there, or somebody else has grabbed it.
    pub fn input(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let bytes = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let about = rustix::fs::fstat(&bytes)?;
        let is_input = rustix::fs::major(about.st_rdev) == INPUT_MAJOR;
        let grabbed = if is_input { Some(grab(&bytes)?) } else { None };
        Ok(Self { bytes, _port: None, _grabbed: grabbed })
    }

    /// Reads what has come, waiting for the first byte; zero means that nothing came within the time.
    ///
    /// # Errors
    /// It is gone.
    pub fn read(&mut self, buffer: &mut [u8], within: Duration) -> io::Result<usize> {
        if !wait(self.bytes.as_fd(), PollFlags::IN, within)? {
            return Ok(0);
        }
        match self.bytes.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if is_not_now(&error) => Ok(0),
            other => other,
        }
    }

    /// Writes bytes, waiting until the line has taken them all.
    ///
    /// # Errors
    /// It is gone, or took nothing for the time given.
    pub fn write(&mut self, mut bytes: &[u8], within: Duration) -> io::Result<()> {
        while !bytes.is_empty() {
            if !wait(self.bytes.as_fd(), PollFlags::OUT, within)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            match self.bytes.write(bytes) {
                Ok(taken) => bytes = bytes.get(taken..).unwrap_or_default(),
                Err(error) if is_not_now(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Grabs an input device: the second descriptor is the same opening of it.
fn grab(node: &File) -> io::Result<evdev::Device> {
    let mut device = evdev::Device::from_fd(node.try_clone()?.into())?;
    device.grab()?;
    Ok(device)
}

/// Counts real time: devices live in it even in a rehearsal.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts counting.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "devices live in real time: this is the edge where it comes in")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the milliseconds since the start.
    #[must_use]
    pub fn ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Opens a node for reading and writing; a line that lacks its carrier is not waited for.
pub(crate) fn open_node(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Waits until a descriptor can be read or written, or has failed; false when the time passed first.
pub(crate) fn wait(fd: BorrowedFd<'_>, events: PollFlags, within: Duration) -> io::Result<bool> {
    let timeout = timespec(within);
    let mut fds = [PollFd::from_borrowed_fd(fd, events)];
    Ok(rustix::io::retry_on_intr(|| poll(&mut fds, Some(&timeout)))? > 0)
}

/// Waits a moment, for devices that can only be asked again and again.
pub(crate) fn pause(moment: Duration) -> io::Result<()> {
    let timeout = timespec(moment);
    rustix::io::retry_on_intr(|| poll(&mut [], Some(&timeout)))?;
    Ok(())
}

fn timespec(span: Duration) -> Timespec {
    let whole = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: whole, tv_nsec: i64::from(span.subsec_nanos()) }
}

/// Returns whether an error only says that a non-blocking descriptor had nothing to give or take just now.
pub(crate) fn is_not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
