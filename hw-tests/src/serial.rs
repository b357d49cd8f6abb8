//! Emulated devices on serial lines: a socket with a path that stays, and what is plugged into it, over a
//! pseudo-terminal that has another name each time.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use machiai::devices::transcript::{Passed, Way};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::demo::stopwatch::Stopwatch;

/// How often a device looks whether it is unplugged.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Opens a terminal that is nobody's.
const NOCTTY: i32 = 0o400;

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
        // Not handed on: a daemon that is started would hold the cable's end, and never hear that it was pulled.
        let master = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?);
        grantpt(&master)?;
        unlockpt(&master)?;
        let node = PathBuf::from(OsString::from_vec(ptsname(&master, Vec::new())?.into_bytes()));
        let slave = OpenOptions::new().read(true).write(true).custom_flags(NOCTTY).open(&node)?;
        let mut settings = tcgetattr(&slave)?;
        settings.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &settings)?;
        let (writer, mut line) = (master.try_clone()?, master);
        let shared = Arc::<Shared>::default();
        let heard = Arc::clone(&shared);
        let listen = move || {
            // The device's own end stays in the cable, whoever opens the other one.
            let _end = slave;
            listen(&mut line, &heard);
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

fn listen(line: &mut File, shared: &Shared) {
    let mut portion = [0; 256];
    while !shared.lock().is_unplugged {
        let mut ready = [PollFd::from_borrowed_fd(line.as_fd(), PollFlags::IN)];
        match poll(&mut ready, Some(&LOOK)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        let Ok(n) = line.read(&mut portion) else { return };
        shared.lock().heard.extend(portion.get(..n).unwrap_or_default());
        shared.changed.notify_all();
    }
}

/// A device that is plugged in; dropped, it is unplugged.
pub struct Plugged {
    path: PathBuf,
    writer: File,
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
