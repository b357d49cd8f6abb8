//! A printer behind a device node: a serial port, or the kernel's printer class `/dev/usb/lp*`.
//!
//! The node may vanish at any moment. A serial port that reads nothing where something was promised, or says EIO, is
//! gone; a printer class device that reads nothing only has nothing to say, and some cannot be read at all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::PollFlags;
use serialport::{ClearBuffer, FlowControl, SerialPort, TTYPort};

use super::address::Address;
use super::transport::{Transport, TransportError};
use crate::node::{is_not_now, open_node, pause, wait};

/// How often the system is asked whether its queue is empty.
const QUEUE_ASKED_EVERY: Duration = Duration::from_millis(10);
/// How long a device that claims to be readable and is not is left alone.
const EMPTY_READ_PAUSE: Duration = Duration::from_millis(50);
/// What is thrown away of old answers at most.
const DRAIN_READS: usize = 64;

/// A serial port.
pub(super) struct SerialLine {
    address: Address,
    path: PathBuf,
    baud: u32,
    open: Option<OpenSerial>,
}

/// The port's settings and its bytes go by two descriptors: serialport's blocks in a write until all is taken, even
/// though it polled before, and a printer that holds the line would hold its thread for good.
struct OpenSerial {
    bytes: File,
    port: TTYPort,
}

impl SerialLine {
    pub(super) fn new(path: &Path, baud: u32) -> Self {
        let address = Address::Serial { path: path.to_owned(), baud };
        Self { address, path: path.to_owned(), baud, open: None }
    }

    fn connect(&self) -> io::Result<OpenSerial> {
        let bytes = open_node(&self.path)?;
        // XON/XOFF costs nothing where the printer does not use it, and no status byte looks like either.
        let settings =
            serialport::new(self.path.to_string_lossy(), self.baud).flow_control(FlowControl::Software).exclusive(true);
        let port = TTYPort::open(&settings)?;
        Ok(OpenSerial { bytes, port })
    }

    fn bytes(&mut self) -> Result<&mut File, TransportError> {
        let open = self.open.as_mut().ok_or_else(|| TransportError::not_open(&self.address))?;
        Ok(&mut open.bytes)
    }
}

impl Transport for SerialLine {
    fn open(&mut self, _within: Duration) -> Result<(), TransportError> {
        self.open = Some(self.connect().map_err(|error| TransportError::unreachable(&self.address, error))?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], within: Duration) -> Result<usize, TransportError> {
        let taken = write_some(self.bytes()?, bytes, within);
        written(&self.address, taken, within)
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<usize, TransportError> {
        let node = self.bytes()?;
        let read = match wait(node.as_fd(), PollFlags::IN, within) {
            Ok(false) => return Ok(0),
            Ok(true) => node.read(buffer),
            Err(error) => Err(error),
        };
        match read {
            Ok(0) => Err(TransportError::broken(&self.address, io::ErrorKind::UnexpectedEof.into())),
            Err(error) if is_not_now(&error) => Ok(0),
            other => other.map_err(|error| TransportError::broken(&self.address, error)),
        }
    }

    fn drain(&mut self) -> Result<(), TransportError> {
        drain(self)
    }

    fn flush(&mut self, within: Duration) -> Result<(), TransportError> {
        let Some(open) = self.open.as_ref() else { return Err(TransportError::not_open(&self.address)) };
        match empty_queue(&open.port, within) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TransportError::stalled(&self.address, within)),
            Err(error) => Err(TransportError::broken(&self.address, error)),
        }
    }

    fn close(&mut self) {
        self.open = None;
    }

    fn abort(&mut self) {
        if let Some(open) = self.open.take() {
            // A port that is gone cannot be cleared and need not be.
            drop(open.port.clear(ClearBuffer::Output));
        }
    }
}

/// Waits until the queue is empty; false when it stood still for the time given.
fn empty_queue(port: &TTYPort, within: Duration) -> io::Result<bool> {
    let mut left = port.bytes_to_write()?;
    let mut stood = Duration::ZERO;
    while left > 0 {
        if stood >= within {
            return Ok(false);
        }
        pause(QUEUE_ASKED_EVERY)?;
        let now_left = port.bytes_to_write()?;
        stood = if now_left < left { Duration::ZERO } else { stood.saturating_add(QUEUE_ASKED_EVERY) };
        left = now_left;
    }
    Ok(true)
}

/// A printer class device.
pub(super) struct FileLine {
    address: Address,
    path: PathBuf,
    node: Option<File>,
}

impl FileLine {
    pub(super) fn new(path: &Path) -> Self {
        Self { address: Address::File { path: path.to_owned() }, path: path.to_owned(), node: None }
    }

    fn node(&mut self) -> Result<&mut File, TransportError> {
        self.node.as_mut().ok_or_else(|| TransportError::not_open(&self.address))
    }
}

impl Transport for FileLine {
    fn open(&mut self, _within: Duration) -> Result<(), TransportError> {
        self.node = Some(open_node(&self.path).map_err(|error| TransportError::unreachable(&self.address, error))?);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], within: Duration) -> Result<usize, TransportError> {
        let taken = write_some(self.node()?, bytes, within);
        written(&self.address, taken, within)
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<usize, TransportError> {
        let node = self.node()?;
        read_if_it_talks(node, buffer, within).map_err(|error| TransportError::broken(&self.address, error))
    }

    fn drain(&mut self) -> Result<(), TransportError> {
        drain(self)
    }

    fn flush(&mut self, within: Duration) -> Result<(), TransportError> {
        // The kernel's printer class is writable again when the last transfer is through; closing earlier kills it.
        let node = self.node()?;
        match wait(node.as_fd(), PollFlags::OUT, within) {
            Ok(true) => Ok(()),
            Ok(false) => Err(TransportError::stalled(&self.address, within)),
            Err(error) => Err(TransportError::broken(&self.address, error)),
        }
    }

    fn close(&mut self) {
        self.node = None;
    }

    fn abort(&mut self) {
        self.node = None;
    }
}

/// Writes what the node takes; zero when it took nothing within the time.
fn write_some(node: &mut File, bytes: &[u8], within: Duration) -> io::Result<usize> {
    if !wait(node.as_fd(), PollFlags::OUT, within)? {
        return Ok(0);
    }
    match node.write(bytes) {
        Err(error) if is_not_now(&error) => {
            // The printer class says it is ready while paper is out; do not ask it without end.
            pause(within)?;
            node.write(bytes).or_else(|error| if is_not_now(&error) { Ok(0) } else { Err(error) })
        }
        other => other,
    }
}

fn written(address: &Address, taken: io::Result<usize>, within: Duration) -> Result<usize, TransportError> {
    match taken {
        Ok(0) => Err(TransportError::stalled(address, within)),
        Ok(taken) => Ok(taken),
        Err(error) => Err(TransportError::broken(address, error)),
    }
}

fn read_if_it_talks(node: &mut File, buffer: &mut [u8], within: Duration) -> io::Result<usize> {
    if !wait(node.as_fd(), PollFlags::IN, within)? {
        return Ok(0);
    }
    match node.read(buffer) {
        Ok(0) => {
            pause(within.min(EMPTY_READ_PAUSE))?;
            Ok(0)
        }
        // A printer of one direction only.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            pause(within)?;
            Ok(0)
        }
        Err(error) if is_not_now(&error) => Ok(0),
        other => other,
    }
}

fn drain(line: &mut dyn Transport) -> Result<(), TransportError> {
    let mut old = [0; 256];
    for _ in 0..DRAIN_READS {
        if line.read(&mut old, Duration::ZERO)? == 0 {
            return Ok(());
        }
    }
    Ok(())
}
