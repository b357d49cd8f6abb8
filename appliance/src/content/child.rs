//! The process that prepares one film: started with three open files and nothing else, and ended when it hangs. Where
//! systemd keeps a door for that, it is another user's process behind the door.
//!
//! What it reads may be hostile, and what it says is believed only in its shape. Its memory, its time on the processor
//! and the bytes it writes are bounded; it has no environment, and no open file but its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use machiai_panel::film::{Findings, Line, Order, Reason, Refused};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit, setpriority_process};
use thiserror::Error;

use super::served;

/// The most memory that it may ask for, in bytes: 4K takes a quarter of it.
const MOST_MEMORY: u64 = 4 << 30;

/// The most time on the processor, in seconds: an hour of film on the slowest machine.
const MOST_CPU_S: u64 = 4 * 3_600;

/// What any file of its may have beside the prepared film, in bytes: its libraries write files of their own at a start.
const ASIDE_BYTES: u64 = 64 << 20;

/// The most bits that a second of a prepared film takes for each of its pixels: twice what its coder is told.
const MOST_BITS_PER_PX_S: u64 = 9;

/// Where its libraries would keep what they know of their plugins: nowhere. What a hostile film's process writes must
/// not be read by the next one, and in `/proc` not even root makes a file.
const NO_REGISTRY: &str = "/proc/no-registry";

/// How often the bytes written and the wish to stop are looked at, at least.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How far it stands back behind the queue, the pages and the screen.
const NICENESS: i32 = 10;

/// The longest line that is read, in bytes: a small picture in base64 is below it.
const MOST_LINE: u64 = 512 * 1_024;

/// Lines that wait to be read.
const N_LINES: usize = 16;

/// A film was not tried to its end; it is not the film's fault, so far as is known.
#[derive(Debug, Error)]
pub enum ChildError {
    /// The program cannot be started.
    #[error("cannot start {program}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It cannot be bounded or waited for.
    #[error("cannot keep the preparing process in bounds")]
    Bounds(#[source] std::io::Error),
    /// Somebody ended it: a person, or the system for want of memory.
    #[error("the preparing process was killed")]
    Killed,
    /// It did not go on, and nobody knows whether the film or a machine under load is to blame.
    #[error("the preparing process did not go on")]
    Stuck,
    /// All that is held is to be kept, and what is left is too little for the prepared film.
    #[error("no room for the prepared film")]
    NoRoom,
    /// The store is being closed.
    #[error("the preparing process was ended with the program")]
    Stopped,
    /// It says that something is missing on this machine.
    #[error("the film cannot be tried here: {said}")]
    Failed {
        /// What.
        said: String,
    },
}

/// What the process needs.
#[derive(Debug)]
pub(super) struct Task<'a> {
    /// `machiai-screen`, or a door behind which it is started.
    pub(super) program: &'a Path,
    /// For what region.
    pub(super) order: Order,
    /// The film.
    pub(super) film: File,
    /// Where the prepared film is written.
    pub(super) prepared: File,
    /// How large it may become.
    pub(super) room: Room,
    /// For how long it may say nothing.
    pub(super) silent_for: Duration,
    /// Ends it.
    pub(super) stop: &'a AtomicBool,
}

/// How large a prepared film may become, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// In a store that holds nothing else: a larger film never fits.
    pub(super) alone_bytes: u64,
    /// Beside what is to be kept: a larger film has to wait.
    pub(super) now_bytes: u64,
}

impl Room {
    /// Tells whether so many bytes are too many, and whose fault that is.
    fn exceeded(self, n_bytes: u64) -> Option<Result<Refused, ChildError>> {
        if n_bytes > self.alone_bytes {
            let detail = format!("more than {} bytes", self.alone_bytes);
            return Some(Ok(Refused { reason: Reason::TooManyBytes, detail }));
        }
        (n_bytes > self.now_bytes).then_some(Err(ChildError::NoRoom))
    }
}

/// Returns how many bytes a prepared film has at most, whatever room there is.
fn most_bytes(order: &Order) -> u64 {
    let px = u64::from(order.width_px).saturating_mul(u64::from(order.height_px));
    let bits_per_s = px.saturating_mul(MOST_BITS_PER_PX_S);
    (bits_per_s / 8 / 1_000).saturating_mul(u64::from(order.most_ms)).saturating_add(ASIDE_BYTES)
}

/// A running process; it is ended when dropped.
enum Running {
    Child(Child),
    /// One behind a door ends when the connection does.
    Served(UnixStream),
}

impl Running {
    /// Says what it means that no more lines come.
    fn silent(&mut self) -> Result<Result<Findings, Refused>, ChildError> {
        match self {
            Self::Child(child) => died(child.wait().map_err(ChildError::Bounds)?),
            // Whoever serves tells of a film that killed its process; that it cannot is this machine's fault.
            Self::Served(_) => Err(ChildError::Failed { said: "it ended without a word".to_owned() }),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = match self {
            Self::Child(child) => child.kill().and_then(|()| child.wait().map(drop)),
            // Its lines are still read on another thread, which would keep it open.
            Self::Served(stream) => stream.shutdown(Shutdown::Both),
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a preparing process had ended already");
        }
    }
}

/// Prepares a film and waits for the answer.
///
/// # Errors
/// [`ChildError`]: the film may be tried again.
pub(super) fn prepare(task: Task<'_>) -> Result<Result<Findings, Refused>, ChildError> {
    let Task { program, order, film, prepared, room, silent_for, stop } = task;
    let written = prepared.try_clone().map_err(ChildError::Bounds)?;
    let (mut running, lines) = if served::is_door(program) {
        let asked = served::ask(program, &order, &film, &prepared).map_err(|source| start_error(program, source))?;
        let said = asked.try_clone().map_err(ChildError::Bounds)?;
        (Running::Served(asked), read_apart(said))
    } else {
        let mut child = start(program, &order, film, prepared).map_err(|source| start_error(program, source))?;
        let said = child.stderr.take();
        let running = Running::Child(child);
        let said = said.ok_or_else(|| ChildError::Failed { said: "nothing".to_owned() })?;
        (running, read_apart(said))
    };
    let lines = lines.map_err(ChildError::Bounds)?;
    answer(&mut running, &Wait { lines, written, room, silent_for, stop })
}

fn start_error(program: &Path, source: std::io::Error) -> ChildError {
    ChildError::Start { program: program.display().to_string(), source }
}

/// Starts the program with two open files, within bounds.
fn start(program: &Path, order: &Order, film: File, prepared: File) -> std::io::Result<Child> {
    let started = Command::new(program)
        .arg("prepare")
        .args(["--width", &order.width_px.to_string(), "--height", &order.height_px.to_string()])
        .args(["--most-ms", &order.most_ms.to_string()])
        .env_clear()
        // Many threads' arenas would count as memory that nobody uses.
        .env("MALLOC_ARENA_MAX", "2")
        .env("GST_REGISTRY", NO_REGISTRY)
        .current_dir("/")
        .stdin(Stdio::from(film))
        .stdout(Stdio::from(prepared))
        .stderr(Stdio::piped())
        .spawn();
    let mut child = started?;
    if let Err(cause) = bound(&child, most_bytes(order)) {
        child.kill()?;
        child.wait()?;
        return Err(cause);
    }
    Ok(child)
}

/// Sets the limits, right after the start: nothing of the film has been read by then.
fn bound(child: &Child, most_bytes: u64) -> std::io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let limit = |resource, most| prlimit(pid, resource, Rlimit { current: Some(most), maximum: Some(most) });
    let bounded = limit(Resource::As, MOST_MEMORY)
        .and_then(|_| limit(Resource::Cpu, MOST_CPU_S))
        .and_then(|_| limit(Resource::Fsize, most_bytes))
        .and_then(|_| limit(Resource::Core, 0))
        .and_then(|_| setpriority_process(pid, NICENESS));
    match bounded {
        // It is over already, and its answer says why.
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// What a running process is waited for with.
struct Wait<'a> {
    lines: Receiver<Line>,
    written: File,
    room: Room,
    silent_for: Duration,
    stop: &'a AtomicBool,
}

fn answer(running: &mut Running, wait: &Wait<'_>) -> Result<Result<Findings, Refused>, ChildError> {
    let mut silent_for = Duration::ZERO;
    loop {
        let line = wait.lines.recv_timeout(LOOK_EVERY);
        if wait.stop.load(Ordering::Relaxed) {
            return Err(ChildError::Stopped);
        }
        let n_bytes = wait.written.metadata().map_err(ChildError::Bounds)?.len();
        if let Some(exceeded) = wait.room.exceeded(n_bytes) {
            return exceeded.map(Err);
        }
        match line {
            Ok(Line::Working { .. }) => silent_for = Duration::ZERO,
            Ok(Line::Prepared(findings)) => return Ok(Ok(findings)),
            Ok(Line::Refused(refused)) => return Ok(Err(refused)),
            Ok(Line::Stuck) => return Err(ChildError::Stuck),
            Ok(Line::Failed(said)) => return Err(ChildError::Failed { said }),
            Ok(Line::Died { status }) => return died(ExitStatus::from_raw(status)),
            Err(RecvTimeoutError::Timeout) => {
                silent_for = silent_for.saturating_add(LOOK_EVERY);
                if silent_for >= wait.silent_for {
                    return Err(ChildError::Stuck);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return running.silent(),
        }
    }
}

/// Says what a death without an answer means.
fn died(status: ExitStatus) -> Result<Result<Findings, Refused>, ChildError> {
    let refused = |reason| Ok(Err(Refused { reason, detail: status.to_string() }));
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::KILL | Signal::TERM | Signal::INT | Signal::HUP) => Err(ChildError::Killed),
        Some(Signal::XFSZ) => refused(Reason::TooManyBytes),
        Some(Signal::XCPU) => refused(Reason::Stalled),
        None if status.signal().is_none() => Err(ChildError::Failed { said: status.to_string() }),
        None | Some(_) => refused(Reason::Crashed),
    }
}

/// Reads the lines on a thread of its own, which ends with the process.
fn read_apart(said: impl Read + Send + 'static) -> std::io::Result<Receiver<Line>> {
    let (tell, lines) = sync_channel(N_LINES);
    std::thread::Builder::new().name("prepare's lines".to_owned()).spawn(move || read(said, &tell))?;
    Ok(lines)
}

fn read(said: impl Read, tell: &SyncSender<Line>) {
    let mut from = BufReader::new(said);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match from.by_ref().take(MOST_LINE).read_until(b'\n', &mut bytes) {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        // Libraries write there too.
        if let Ok(line) = serde_json::from_slice(&bytes)
            && tell.send(line).is_err()
        {
            return;
        }
    }
}
