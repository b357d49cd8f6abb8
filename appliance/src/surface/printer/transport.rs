//! How bytes get to a printer and back, with a limit to every wait.
//!
//! Every descriptor is non-blocking and is waited for by `poll`: a printer without paper stops taking bytes, and a
//! thread blocked in a write could not be called back. An error keeps its cause and tells which of three faults it is.

use std::io;
use std::time::Duration;

use super::address::Address;
use super::device::{FileLine, SerialLine};
use super::tcp::TcpLine;

/// A line to a printer, opened for one job.
pub trait Transport: Send {
    /// Opens the line.
    ///
    /// # Errors
    /// The printer cannot be reached.
    fn open(&mut self, within: Duration) -> Result<(), TransportError>;

    /// Hands over the first of the bytes as soon as the line takes some, and returns how many it took, at least one.
    ///
    /// # Errors
    /// The line broke, or took nothing within the time.
    fn write(&mut self, bytes: &[u8], within: Duration) -> Result<usize, TransportError>;

    /// Reads what has come, waiting for the first byte; zero means that nothing came within the time.
    ///
    /// # Errors
    /// The line broke.
    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<usize, TransportError>;

    /// Throws away what has come and was not read, so that an old answer is not taken for a new one.
    ///
    /// # Errors
    /// The line broke.
    fn drain(&mut self) -> Result<(), TransportError>;

    /// Waits until the system has passed on what was written, as far as it can tell.
    ///
    /// # Errors
    /// The line broke, or nothing moved within the time.
    fn flush(&mut self, within: Duration) -> Result<(), TransportError>;

    /// Closes the line and lets what was written go out.
    fn close(&mut self);

    /// Closes the line and throws away what has not gone out: it must not be printed hours later.
    fn abort(&mut self);
}

/// Which of three things is the matter with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line could not be opened.
    Unreachable,
    /// The line was open and broke.
    Broken,
    /// The line is open and takes nothing.
    Stalled,
}

/// What kept bytes from passing.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The line could not be opened.
    #[error("cannot reach printer {address}")]
    Unreachable {
        /// Where.
        address: Address,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The line broke.
    #[error("the line to printer {address} broke")]
    Broken {
        /// Where.
        address: Address,
        /// How.
        #[source]
        source: io::Error,
    },
    /// The line took nothing in time.
    #[error("printer {address} took no byte for {waited_ms} ms")]
    Stalled {
        /// Where.
        address: Address,
        /// How long it was waited.
        waited_ms: u128,
    },
}

impl TransportError {
    /// Tells which fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unreachable { .. } => Fault::Unreachable,
            Self::Broken { .. } => Fault::Broken,
            Self::Stalled { .. } => Fault::Stalled,
        }
    }

    pub(super) fn unreachable(address: &Address, source: io::Error) -> Self {
        Self::Unreachable { address: address.clone(), source }
    }

    pub(super) fn broken(address: &Address, source: io::Error) -> Self {
        Self::Broken { address: address.clone(), source }
    }

    pub(super) fn stalled(address: &Address, waited: Duration) -> Self {
        Self::Stalled { address: address.clone(), waited_ms: waited.as_millis() }
    }

    pub(super) fn not_open(address: &Address) -> Self {
        Self::broken(address, io::ErrorKind::NotConnected.into())
    }
}

impl Address {
    /// Returns the line to this address, not yet open.
    #[must_use]
    pub fn transport(&self) -> Box<dyn Transport> {
        match self {
            Self::Tcp { host, port } => Box::new(TcpLine::new(host, *port)),
            Self::Serial { path, baud } => Box::new(SerialLine::new(path, *baud)),
            Self::File { path } => Box::new(FileLine::new(path)),
        }
    }
}
