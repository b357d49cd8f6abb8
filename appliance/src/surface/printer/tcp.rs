//! A printer on a raw socket, port 9100: one connection for one job.
//!
//! Such printers take one client at a time and wedge when a connection is left half closed, so a line is closed in
//! order: what the printer still says is read before the socket goes, or else the system would reset the connection
//! and the printer could lose the end of the ticket.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::sockopt;

use super::address::Address;
use super::transport::{Transport, TransportError};
use crate::node::{is_not_now, wait};

/// What the system may hold back for the printer. Small, so that a printer that stops taking bytes is noticed while
/// the ticket is being written; the system doubles it.
const SEND_BUFFER_BYTES: usize = 4096;
/// How long a printer may take to close its side.
const GOODBYE: Duration = Duration::from_millis(300);
/// What is thrown away of old answers at most: a printer that talks without end must not hold up a ticket.
const DRAIN_READS: usize = 64;

pub(super) struct TcpLine {
    address: Address,
    host: String,
    port: u16,
    stream: Option<TcpStream>,
}

impl TcpLine {
    pub(super) fn new(host: &str, port: u16) -> Self {
        let address = Address::Tcp { host: host.to_owned(), port };
        Self { address, host: host.to_owned(), port, stream: None }
    }

    fn stream(&mut self) -> Result<&mut TcpStream, TransportError> {
        self.stream.as_mut().ok_or_else(|| TransportError::not_open(&self.address))
    }

    fn connect(&self, within: Duration) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        // A name is looked up by the system's resolver, whose own limits apply; an address is not looked up.
        for target in (self.host.as_str(), self.port).to_socket_addrs()? {
            match connect_to(&target, within) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn connect_to(target: &SocketAddr, within: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(target, within)?;
    stream.set_nodelay(true)?;
    sockopt::set_socket_send_buffer_size(&stream, SEND_BUFFER_BYTES)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

impl Transport for TcpLine {
    fn open(&mut self, within: Duration) -> Result<(), TransportError> {
        let stream = self.connect(within).map_err(|error| TransportError::unreachable(&self.address, error))?;
        self.stream = Some(stream);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], within: Duration) -> Result<usize, TransportError> {
        let stream = self.stream()?;
        match write_some(stream, bytes, within) {
            Ok(0) => Err(TransportError::stalled(&self.address, within)),
            Ok(taken) => Ok(taken),
            Err(error) => Err(TransportError::broken(&self.address, error)),
        }
    }

    fn read(&mut self, buffer: &mut [u8], within: Duration) -> Result<usize, TransportError> {
        let stream = self.stream()?;
        read_some(stream, buffer, within).map_err(|error| TransportError::broken(&self.address, error))
    }

    fn drain(&mut self) -> Result<(), TransportError> {
        let mut old = [0; 256];
        for _ in 0..DRAIN_READS {
            if self.read(&mut old, Duration::ZERO)? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    fn flush(&mut self, _within: Duration) -> Result<(), TransportError> {
        // A socket passes on by itself what it was given, also after it was closed.
        Ok(())
    }

    fn close(&mut self) {
        let Some(mut stream) = self.stream.take() else { return };
        if stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut rest = [0; 256];
        for _ in 0..DRAIN_READS {
            // An error is the printer's own close; nothing read is a printer that does not close.
            match read_some(&mut stream, &mut rest, GOODBYE) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    fn abort(&mut self) {
        if let Some(stream) = self.stream.take() {
            // Without this the system goes on for a quarter of an hour to offer the rest of the ticket.
            sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).ok();
        }
    }
}

/// Writes what the socket takes; zero when it took nothing within the time.
fn write_some(stream: &mut TcpStream, bytes: &[u8], within: Duration) -> io::Result<usize> {
    if !wait(stream.as_fd(), PollFlags::OUT, within)? {
        return Ok(0);
    }
    match stream.write(bytes) {
        Err(error) if is_not_now(&error) => Ok(0),
        other => other,
    }
}

/// Reads what has come; zero when nothing came within the time. The printer's close is an error.
fn read_some(stream: &mut TcpStream, buffer: &mut [u8], within: Duration) -> io::Result<usize> {
    if !wait(stream.as_fd(), PollFlags::IN, within)? {
        return Ok(0);
    }
    match stream.read(buffer) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if is_not_now(&error) => Ok(0),
        other => other,
    }
}
