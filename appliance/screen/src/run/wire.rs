//! The connection to the daemon: a thread that reads, and connects again for as long as the screen lives.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use machiai_panel::link::{self, FromScreen, MAX_LINE_BYTES, ToScreen};

/// How long to wait before a connection is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// How long the daemon may take to take a line.
const SENT_WITHIN: Duration = Duration::from_secs(2);

/// What comes from the daemon.
#[derive(Debug)]
pub(super) enum Heard {
    /// A daemon is there, which knows nothing of what was cued.
    Connected {
        /// Which connection this is, counted from 1.
        nth: u64,
    },
    /// It said something.
    Said(ToScreen),
}

/// The way to the daemon.
pub(super) struct Wire {
    way: Arc<Way>,
    reading: Option<JoinHandle<()>>,
}

struct Way {
    to: Mutex<Option<(u64, UnixStream)>>,
    closed: AtomicBool,
}

/// Says one thing to whatever daemon is there, and hears nothing.
pub(super) fn say_alone(socket: &Path, said: &FromScreen) {
    let spoken = UnixStream::connect(socket).and_then(|mut to| {
        to.set_write_timeout(Some(SENT_WITHIN))?;
        to.write_all(&link::line(said))
    });
    if let Err(cause) = spoken {
        tracing::debug!(error = %cause, "no daemon to be told");
    }
}

impl Wire {
    /// Begins to connect.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn open(socket: PathBuf, hello: FromScreen, tell: Sender<Heard>) -> std::io::Result<Self> {
        let way = Arc::new(Way { to: Mutex::default(), closed: AtomicBool::new(false) });
        let of_thread = Arc::clone(&way);
        let read = move || {
            let mut nth: u64 = 0;
            while !of_thread.closed.load(Ordering::Relaxed) {
                nth = nth.saturating_add(1);
                if let Err(cause) = of_thread.read(&socket, nth, &hello, &tell) {
                    tracing::debug!(error = %cause, "no connection to the daemon");
                }
                of_thread.drop_connection();
                std::thread::park_timeout(AGAIN_AFTER);
            }
        };
        let reading = std::thread::Builder::new().name("wire".to_owned()).spawn(read)?;
        Ok(Self { way, reading: Some(reading) })
    }

    /// Says something to the daemon of a connection; what cannot be said now is not said later, as a daemon that comes
    /// back is told anew, and knows nothing of what another cued.
    pub(super) fn say(&self, nth: u64, said: &FromScreen) {
        let mut to = self.way.to.lock().unwrap_or_else(PoisonError::into_inner);
        let its = to.as_mut().filter(|(of, _)| *of == nth);
        let failed = its.is_some_and(|(_, to)| to.write_all(&link::line(said)).is_err());
        if failed && let Some((_, broken)) = to.take() {
            // The reading end notices, and connects again.
            drop(broken.shutdown(std::net::Shutdown::Both));
        }
    }

    /// Ends the connection and its thread.
    pub(super) fn close(&mut self) {
        self.way.closed.store(true, Ordering::Relaxed);
        self.way.drop_connection();
        if let Some(reading) = self.reading.take() {
            reading.thread().unpark();
            if reading.join().is_err() {
                tracing::error!("the wire ended badly");
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.close();
    }
}

impl Way {
    /// Connects, says hello, and reads until the connection ends.
    fn read(&self, socket: &Path, nth: u64, hello: &FromScreen, tell: &Sender<Heard>) -> std::io::Result<()> {
        let stream = UnixStream::connect(socket)?;
        stream.set_write_timeout(Some(SENT_WITHIN))?;
        let mut to = stream.try_clone()?;
        to.write_all(&link::line(hello))?;
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = Some((nth, to));
        let mut from = BufReader::new(stream);
        let is_gone = |_gone| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        tell.send(Heard::Connected { nth }).map_err(is_gone)?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let most = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
            if from.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let said = link::read(&line).map_err(std::io::Error::other)?;
            tell.send(Heard::Said(said)).map_err(is_gone)?;
        }
    }

    fn drop_connection(&self) {
        if let Some((_, to)) = self.to.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It may be gone already.
            drop(to.shutdown(std::net::Shutdown::Both));
        }
    }
}
