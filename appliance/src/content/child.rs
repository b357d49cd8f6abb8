//! The process that prepares one film: started with three open files and nothing else, and ended when it hangs.
//!
//! What it reads may be hostile, and what it says is believed only in its shape. Its memory, its time on the processor
//! and the bytes it writes are bounded; it has no environment, and no open file but its own.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use machiai_panel::film::{Findings, Line, Order, Reason, Refused};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit, setpriority_process};
use thiserror::Error;

/// The most memory that it may ask for, in bytes: 4K takes a quarter of it.
const MOST_MEMORY: u64 = 4 << 30;

/// The most time on the processor, in seconds: an hour of film on the slowest machine.
const MOST_CPU_S: u64 = 4 * 3_600;

/// How far it stands back behind the queue, the pages and the screen.
const NICENESS: i32 = 10;

/// The longest line that is read, in bytes.
const MOST_LINE: u64 = 16 * 1_024;

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
    /// `machiai-screen`.
    pub(super) program: &'a Path,
    /// For what region.
    pub(super) order: Order,
    /// The film.
    pub(super) film: File,
    /// Where the prepared film is written.
    pub(super) prepared: File,
    /// The most bytes of it.
    pub(super) most_bytes: u64,
    /// For how long it may say nothing.
    pub(super) silent_for: Duration,
}

/// A running process; it is ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            tracing::warn!(%error, "a preparing process was not ended");
        }
    }
}

/// Prepares a film and waits for the answer.
///
/// # Errors
/// [`ChildError`]: the film may be tried again.
pub(super) fn prepare(task: Task<'_>) -> Result<Result<Findings, Refused>, ChildError> {
    let Task { program, order, film, prepared, most_bytes, silent_for } = task;
    let started = Command::new(program)
        .arg("prepare")
        .args(["--width", &order.width_px.to_string(), "--height", &order.height_px.to_string()])
        .args(["--most-ms", &order.most_ms.to_string()])
        .env_clear()
        // Many threads' arenas would count as memory that nobody uses.
        .env("MALLOC_ARENA_MAX", "2")
        .current_dir("/")
        .stdin(Stdio::from(film))
        .stdout(Stdio::from(prepared))
        .stderr(Stdio::piped())
        .spawn();
    let start = |source| ChildError::Start { program: program.display().to_string(), source };
    let mut running = Running(started.map_err(start)?);
    bound(&running.0, most_bytes)?;
    let lines = match running.0.stderr.take() {
        Some(stderr) => read_apart(stderr).map_err(ChildError::Bounds)?,
        None => return Err(ChildError::Failed { said: "nothing".to_owned() }),
    };
    answer(&mut running, &lines, silent_for)
}

/// Sets the limits, right after the start: nothing of the film has been read by then.
fn bound(child: &Child, most_bytes: u64) -> Result<(), ChildError> {
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
        Err(errno) => Err(ChildError::Bounds(errno.into())),
    }
}

fn answer(
    running: &mut Running,
    lines: &Receiver<Line>,
    silent_for: Duration,
) -> Result<Result<Findings, Refused>, ChildError> {
    loop {
        match lines.recv_timeout(silent_for) {
            Ok(Line::Working { .. }) => {}
            Ok(Line::Prepared(findings)) => return Ok(Ok(findings)),
            Ok(Line::Refused(refused)) => return Ok(Err(refused)),
            Ok(Line::Failed(said)) => return Err(ChildError::Failed { said }),
            Err(RecvTimeoutError::Timeout) => {
                return Ok(Err(Refused { reason: Reason::Stalled, detail: String::new() }));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return died(running.0.wait().map_err(ChildError::Bounds)?);
            }
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
fn read_apart(stderr: ChildStderr) -> std::io::Result<Receiver<Line>> {
    let (tell, lines) = sync_channel(N_LINES);
    std::thread::Builder::new().name("prepare's lines".to_owned()).spawn(move || read(stderr, &tell))?;
    Ok(lines)
}

fn read(stderr: ChildStderr, tell: &SyncSender<Line>) {
    let mut from = BufReader::new(stderr);
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
