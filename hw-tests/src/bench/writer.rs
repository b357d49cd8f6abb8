//! The floor under every fan-out: the same bytes written to every connection, one after the other, and nothing else.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};

use super::Bench;
use super::child::Talker;

/// The word on the command line that makes this program the one that writes.
pub const WORD: &str = "writer";

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n";

/// Keeps every connection that asks for something, and writes an event of so many bytes to each at every line of the
/// input.
///
/// # Errors
/// It cannot listen.
pub fn serve(event_bytes: usize, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = listener.local_addr().context("no address")?;
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&kept);
    // Ends with the program.
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            if let Some(socket) = welcome(socket) {
                keep.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
            }
        }
    });
    writeln!(output, "ready {address}").and_then(|()| output.flush()).context("nobody listens")?;
    let event = event(event_bytes);
    for line in input.lines() {
        line.context("cannot read")?;
        for socket in kept.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            socket.write_all(&event).context("a connection broke")?;
        }
    }
    Ok(())
}

fn event(n_bytes: usize) -> Vec<u8> {
    let (begin, end) = (b"data: ".as_slice(), b"\n\n".as_slice());
    let filling = vec![b'x'; n_bytes.saturating_sub(begin.len() + end.len())];
    [begin, &filling, end].concat()
}

fn welcome(mut socket: TcpStream) -> Option<TcpStream> {
    // The request of the bench's own client comes in one piece.
    let mut request = [0; 1_024];
    let asked = socket.set_nodelay(true).and_then(|()| socket.read(&mut request)).is_ok();
    (asked && socket.write_all(HEAD).is_ok()).then_some(socket)
}

/// The program that writes.
#[derive(Debug)]
pub struct RawWriter {
    talker: Talker,
    address: SocketAddr,
}

impl RawWriter {
    /// Starts it for events of so many bytes.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(bench: &Bench, event_bytes: usize) -> Result<Self> {
        let mut talker = Talker::start(Command::new(&bench.this).arg(WORD).arg(event_bytes.to_string()))?;
        let address = talker.ready()?.parse().context("the raw writer has no address")?;
        Ok(Self { talker, address })
    }

    /// Returns its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has it write to every connection.
    ///
    /// # Errors
    /// It has ended.
    pub fn write(&mut self) -> Result<()> {
        self.talker.say("write")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_as_long_as_asked_and_ends_as_events_do() {
        let event = event(1_234);
        assert_eq!(event.len(), 1_234);
        assert!(event.starts_with(b"data: x") && event.ends_with(b"x\n\n"));
    }
}
