//! Emulated devices on serial lines: a socket with a path that stays, and what is plugged into it, over a
//! pseudo-terminal that has another name each time.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use machiai::devices::transcript::{Passed, Way};
use serialport::{SerialPort, TTYPort};

use crate::demo::stopwatch::Stopwatch;

/// How often a device looks whether it is unplugged.
const LOOK: Duration = Duration::from_millis(20);

/// Where a device is plugged in: its path is that of `/dev/serial/by-id`.
#[derive(Clone, Debug)]
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Makes a socket in a folder; nothing is plugged in.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name) }
    }

    /// Returns the path that stays.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Plugs a device in.
    ///
    /// # Errors
    /// The system gives no pseudo-terminal, or one is plugged in already.
    pub fn plug(&self) -> io::Result<Plugged> {
        let (mut master, slave) = TTYPort::pair()?;
        master.set_timeout(LOOK)?;
        let node = slave.name().ok_or(io::ErrorKind::NotFound)?;
        let writer = master.try_clone_native()?;
        let shared = Arc::<Shared>::default();
        let heard = Arc::clone(&shared);
        let listen = move || {
            // The device's own end stays in the cable, whoever opens the other one.
            let _end = slave;
            listen(&mut master, &heard);
        };
        let thread = Builder::new().name("serial-device".into()).spawn(listen)?;
        std::os::unix::fs::symlink(node, &self.path)?;
        Ok(Plugged { path: self.path.clone(), writer, shared, thread: Some(thread) })
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    heard: Vec<u8>,
    is_unplugged: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(line: &mut TTYPort, shared: &Shared) {
    let mut portion = [0; 256];
    while !shared.lock().is_unplugged {
        match line.read(&mut portion) {
            Ok(n) => shared.lock().heard.extend(portion.get(..n).unwrap_or_default()),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => continue,
            Err(_) => return,
        }
        shared.changed.notify_all();
    }
}

/// A device that is plugged in; dropped, it is unplugged.
pub struct Plugged {
    path: PathBuf,
    writer: TTYPort,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Plugged {
    /// Says something.
    ///
    /// # Errors
    /// Nobody takes it.
    pub fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Returns all that it has heard since it was plugged in.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        self.shared.lock().heard.clone()
    }

    /// Waits until what it has heard is as wanted, and returns that; none when the time passed first.
    #[must_use]
    pub fn wait(&self, within: Duration, is: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let state = self.shared.lock();
        let (state, _) = self
            .shared
            .changed
            .wait_timeout_while(state, within, |state| !is(&state.heard))
            .unwrap_or_else(PoisonError::into_inner);
        is(&state.heard).then(|| state.heard.clone())
    }

    /// Plays a transcript in its own time; returns what did not come back as it did then, by its place.
    ///
    /// # Errors
    /// Nobody takes what it says.
    pub fn play(&mut self, transcript: &[Passed], within: Duration) -> io::Result<Option<usize>> {
        let (watch, mut n_due) = (Stopwatch::start(), self.heard().len());
        for (idx, passed) in transcript.iter().enumerate() {
            match passed.way {
                Way::Came => {
                    watch.wait_until(Duration::from_millis(passed.at_ms));
                    self.say(&passed.bytes)?;
                }
                Way::Went => {
                    let from = n_due;
                    n_due = n_due.saturating_add(passed.bytes.len());
                    let heard = self.wait(within, |heard| heard.len() >= n_due).unwrap_or_default();
                    if heard.get(from..n_due) != Some(&passed.bytes) {
                        return Ok(Some(idx));
                    }
                }
            }
        }
        Ok(None)
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        // As udev does: the name goes with the device.
        drop(std::fs::remove_file(&self.path));
        self.shared.lock().is_unplugged = true;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
