//! Many streams looked at by one thread: when the last of them has got what changed.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use super::boards::open;
use crate::demo::stopwatch::Stopwatch;

/// How long one change may take to reach everybody.
const ROUND_FOR: Duration = Duration::from_secs(30);

/// Silence after which nothing is on its way any more.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 150_000_000 };

/// How long a thread waits for news before it looks whether the change was made at all.
const SHORT: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Less than this is a sign of life or a part of an event, not a board.
const LEAST_BYTES: usize = 1_000;

/// One change, and when it came through; all times are counted from just before the trigger.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// When whoever made the change was answered.
    pub answered: Duration,
    /// When the last stream had got it whole.
    pub last: Duration,
    /// What all streams got together.
    pub n_bytes: usize,
}

#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    n_bytes: usize,
    /// The last four bytes.
    tail: Vec<u8>,
    has_got_it: bool,
}

impl Stream {
    const fn of(socket: TcpStream) -> Self {
        Self { socket, n_bytes: 0, tail: Vec::new(), has_got_it: false }
    }

    /// Takes bytes in; whether a whole board has just come.
    fn got(&mut self, bytes: &[u8]) -> bool {
        self.n_bytes += bytes.len();
        self.tail.extend_from_slice(bytes.get(bytes.len().saturating_sub(4)..).unwrap_or_default());
        self.tail.drain(..self.tail.len().saturating_sub(4));
        let is_news = !self.has_got_it && self.n_bytes >= LEAST_BYTES && ends_event(&self.tail);
        self.has_got_it |= is_news;
        is_news
    }
}

/// Many streams.
#[derive(Debug)]
pub struct Crowd {
    epoll: OwnedFd,
    streams: Vec<Stream>,
    chunk: Vec<u8>,
    n_closed: usize,
    /// Streams that have got the change of this round.
    n_through: usize,
}

impl Crowd {
    /// Opens so many streams and waits until each has got its first event.
    ///
    /// # Errors
    /// Not all could be opened, or not all got something in time.
    pub fn open(address: SocketAddr, n_streams: usize, path: &str) -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).context("cannot watch streams")?;
        let mut crowd = Self { epoll, streams: Vec::new(), chunk: vec![0; 64 * 1024], n_closed: 0, n_through: 0 };
        for idx in 0..n_streams {
            let socket = open(address, path).with_context(|| format!("stream {idx}"))?;
            socket.set_nonblocking(true).context("bad socket")?;
            let data = EventData::new_u64(idx.try_into()?);
            epoll::add(&crowd.epoll, &socket, data, EventFlags::IN).context("cannot watch a stream")?;
            crowd.streams.push(Stream::of(socket));
        }
        let watch = Stopwatch::start();
        while crowd.streams.iter().any(|stream| stream.n_bytes == 0) {
            ensure!(watch.read() < ROUND_FOR, "not every stream has begun");
            crowd.take(Some(&QUIET))?;
        }
        Ok(crowd)
    }

    /// Returns how many streams the other side has ended.
    #[must_use]
    pub const fn n_closed(&self) -> usize {
        self.n_closed
    }

    /// Makes a change beside, and waits until every stream has got it.
    ///
    /// # Errors
    /// The change was refused, or did not come through in time.
    pub fn round(&mut self, trigger: impl FnOnce() -> Result<()> + Send) -> Result<Round> {
        while self.take(Some(&QUIET))? > 0 {}
        for stream in &mut self.streams {
            (stream.n_bytes, stream.has_got_it) = (0, false);
        }
        self.n_through = 0;
        let watch = Stopwatch::start();
        std::thread::scope(|scope| {
            let mut triggering = Some(scope.spawn(|| trigger().map(|()| watch.read())));
            let (mut answered, mut last) = (Duration::ZERO, Duration::ZERO);
            while self.n_through < self.streams.len() || triggering.is_some() {
                if let Some(done) = triggering.take_if(|thread| thread.is_finished()) {
                    answered = done.join().unwrap_or_else(|_| bail!("the trigger panicked"))?;
                }
                if self.n_through < self.streams.len() {
                    self.take(Some(&SHORT))?;
                    last = watch.read();
                }
                ensure!(watch.read() < ROUND_FOR, "{} streams have it after {ROUND_FOR:?}", self.n_through);
            }
            Ok(Round { answered, last, n_bytes: self.streams.iter().map(|stream| stream.n_bytes).sum() })
        })
    }

    /// Reads what has come, waiting for something if there is nothing; returns how many streams had something.
    fn take(&mut self, patience: Option<&Timespec>) -> Result<usize> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), patience).context("cannot wait")?;
        for event in &events {
            let data = event.data;
            let Some(stream) = self.streams.get_mut(usize::try_from(data.u64())?) else { continue };
            match stream.socket.read(&mut self.chunk) {
                Ok(0) => {
                    self.n_closed += 1;
                    epoll::delete(&self.epoll, &stream.socket).context("cannot leave a stream")?;
                }
                Ok(n_bytes) => {
                    let is_news = stream.got(self.chunk.get(..n_bytes).unwrap_or_default());
                    self.n_through += usize::from(is_news);
                }
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
                Err(cause) => return Err(cause).context("a stream broke"),
            }
        }
        Ok(events.len())
    }
}

/// Whether bytes end with the blank line that ends an event, bare or at the end of a chunk.
fn ends_event(tail: &[u8]) -> bool {
    tail.ends_with(b"\n\n") || tail.ends_with(b"\n\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn an_event_ends_with_its_blank_line_and_not_before() {
        assert!(ends_event(b"data: x\n\n") && ends_event(b"data: x\n\n\r\n"));
        assert!(!ends_event(b"data: x\n") && !ends_event(b"data: x") && !ends_event(b"event: board\n"));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = Stream::of(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        assert!(!stream.got(&[b'x'; 2_000]) && !stream.got(b"\n"));
        assert!(stream.got(b"\n\r\n"), "its end comes in two pieces");
        assert!(!stream.got(b"data: 1\n\n"), "a round counts it once");
    }

    #[test]
    fn a_round_lasts_until_the_last_stream_has_got_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            (0..5)
                .map(|_| listener.accept().unwrap().0)
                .map(|mut socket| {
                    socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n: hello\n\n").unwrap();
                    socket
                })
                .collect::<Vec<_>>()
        });
        let mut crowd = Crowd::open(address, 5, "/").unwrap();
        let mut sockets = server.join().unwrap();
        let event = format!("data: {}\n\n", "x".repeat(50_000));
        let change = || {
            for socket in &mut sockets {
                socket.write_all(event.as_bytes()).unwrap();
            }
            Ok(())
        };
        let round = crowd.round(change).unwrap();
        assert_eq!(round.n_bytes, 5 * event.len());
        assert_eq!(crowd.n_closed(), 0);
        assert!(crowd.round(|| bail!("no")).is_err(), "a change that was not made does not come through");
    }
}
