//! An emulated ticket printer that speaks real ESC/POS over TCP or a PTY, with knobs for what goes wrong.
//!
//! Two threads, as in the real thing: the line takes bytes into a small buffer and obeys real-time commands at once,
//! the mechanism prints what is in the buffer. A paper is what was cut off; what was printed and not cut hangs out and
//! comes with the next one. While it cannot print it keeps its buffer, and prints it when it can again.

mod commands;
mod knobs;
mod line;
mod paper;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use knobs::Knobs;
pub use paper::Paper;

use commands::{Asks, Mechanism};

/// How long a slow printer waits between two portions.
const SLOW_TICK: Duration = Duration::from_millis(5);
/// Bytes printed before others may look in.
const PORTION_BYTES: usize = 256;

/// The line a printer hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A free port of the loopback.
    Tcp,
    /// A given port of the loopback.
    TcpPort(u16),
    /// A pseudo-terminal.
    Pty,
}

/// What kind of printer it is.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The line it hangs on.
    pub line: Line,
    /// Dots across the head.
    pub dots: u32,
    /// Dots per inch.
    pub dpi: u8,
    /// Motion units per inch across and along, until `GS P` sets others.
    pub motion_units: (usize, usize),
    /// Whether it cuts; one that does not delivers when its connection ends or it is torn.
    pub has_cutter: bool,
    /// Bytes that it takes before it has printed them.
    pub buffer_bytes: usize,
    /// Where papers are saved, if anywhere.
    pub folder: Option<PathBuf>,
}

impl Setup {
    /// Returns a printer with a head of so many dots, 203 dots to the inch, a cutter and a buffer of 64 KiB.
    #[must_use]
    pub const fn new(line: Line, dots: u32) -> Self {
        let motion_units = (203, 203);
        Self { line, dots, dpi: 203, motion_units, has_cutter: true, buffer_bytes: 65_536, folder: None }
    }
}

/// What was waited for did not happen in time.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLate {
    /// What there was instead.
    pub papers: usize,
}

impl std::fmt::Display for TooLate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "the printer had delivered only {} papers in time", self.papers)
    }
}

impl std::error::Error for TooLate {}

/// A running emulator; it stops when dropped.
pub struct Emulator {
    shared: Arc<Shared>,
    address: String,
    port: Option<SocketAddr>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    folder: Option<PathBuf>,
}

struct State {
    knobs: Knobs,
    buffer: VecDeque<u8>,
    buffer_bytes: usize,
    has_cutter: bool,
    /// What it last told by itself, once it was asked to.
    report: Option<[u8; 4]>,
    mechanism: Mechanism,
    papers: Vec<Paper>,
    /// Where answers go.
    answers: Option<Box<dyn io::Write + Send>>,
    /// The client, to be thrown out.
    client: Option<TcpStream>,
    /// A client has gone whose paper is still to be torn off.
    tear_at_end: bool,
    /// Errors of saving papers.
    faults: Vec<io::Error>,
    stop: bool,
}

impl Emulator {
    /// Starts a printer.
    ///
    /// # Errors
    /// No port or pseudo-terminal is to be had, or no thread.
    pub fn start(setup: Setup) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                knobs: Knobs::default(),
                buffer: VecDeque::new(),
                buffer_bytes: setup.buffer_bytes,
                has_cutter: setup.has_cutter,
                report: None,
                mechanism: Mechanism::new(&setup),
                papers: Vec::new(),
                answers: None,
                client: None,
                tear_at_end: false,
                faults: Vec::new(),
                stop: false,
            }),
            changed: Condvar::new(),
            folder: setup.folder,
        });
        let (line, address, port) = line::start(setup.line, &shared)?;
        let mechanism = Arc::clone(&shared);
        let printing = std::thread::Builder::new().name("printer-mechanism".into()).spawn(move || run(&mechanism))?;
        Ok(Self { shared, address, port, threads: vec![line, printing] })
    }

    /// Returns its address as the settings write it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Turns knobs.
    pub fn turn(&self, hand: impl FnOnce(&mut Knobs)) {
        let mut state = self.shared.lock();
        hand(&mut state.knobs);
        let rows = state.knobs.rows_left.take();
        if rows.is_some() || !state.knobs.paper_out {
            state.mechanism.roll.set_left(rows);
        }
        state.report();
        self.shared.changed.notify_all();
    }

    /// Takes its power away for a moment: the connection, the buffer and what was half received are lost, the paper
    /// stays as it is.
    pub fn power_cycle(&self) {
        self.shared.lock().power_cycle();
        self.shared.changed.notify_all();
    }

    /// Tears off what hangs out of a printer, whole ticket or scrap.
    pub fn tear(&self) {
        let mut state = self.shared.lock();
        if let Some(paper) = state.mechanism.tear() {
            self.shared.deliver(&mut state, paper);
        }
        self.shared.changed.notify_all();
    }

    /// Returns the papers so far.
    #[must_use]
    pub fn papers(&self) -> Vec<Paper> {
        self.shared.lock().papers.clone()
    }

    /// Waits until there are so many papers, and returns all there are.
    ///
    /// # Errors
    /// They did not come in time.
    pub fn wait_for_papers(&self, papers: usize, within: Duration) -> Result<Vec<Paper>, TooLate> {
        let state = self.wait_until(within, |state| state.papers.len() >= papers);
        state.map(|state| state.papers.clone())
    }

    /// Says bytes that nobody asked for.
    pub fn say(&self, bytes: &[u8]) {
        self.shared.lock().answer(bytes);
    }

    /// Waits until somebody is connected.
    ///
    /// # Errors
    /// Nobody came in time.
    pub fn wait_for_client(&self, within: Duration) -> Result<(), TooLate> {
        self.wait_until(within, |state| state.client.is_some()).map(drop)
    }

    /// Waits until it has taken at least so many bytes that it has not printed yet.
    ///
    /// # Errors
    /// They did not come in time.
    pub fn wait_for_backlog(&self, bytes: usize, within: Duration) -> Result<(), TooLate> {
        self.wait_until(within, |state| state.buffer.len() >= bytes).map(drop)
    }

    /// Waits until it has no client and has printed all it can.
    ///
    /// # Errors
    /// It was still at work.
    pub fn wait_until_idle(&self, within: Duration) -> Result<(), TooLate> {
        let is_idle = |state: &State| {
            state.client.is_none() && !state.tear_at_end && (state.buffer.is_empty() || !state.knobs.is_online())
        };
        self.wait_until(within, is_idle).map(drop)
    }

    /// Stops it and returns the papers and what went wrong in saving them.
    #[must_use]
    pub fn stop(mut self) -> (Vec<Paper>, Vec<io::Error>) {
        self.end();
        let mut state = self.shared.lock();
        (std::mem::take(&mut state.papers), std::mem::take(&mut state.faults))
    }

    #[expect(clippy::disallowed_methods, reason = "a test waits for a state with a deadline in real time")]
    fn wait_until(&self, within: Duration, is_so: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>, TooLate> {
        let until = Instant::now() + within;
        let mut state = self.shared.lock();
        while !is_so(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(TooLate { papers: state.papers.len() });
            }
            state = self.shared.wait(state, left);
        }
        Ok(state)
    }

    fn end(&mut self) {
        {
            let mut state = self.shared.lock();
            state.stop = true;
            state.throw_client_out();
        }
        self.shared.changed.notify_all();
        if let Some(port) = self.port {
            // The line's thread waits for a client: this is one.
            drop(TcpStream::connect_timeout(&port, Duration::from_secs(1)));
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already.
            drop(thread.join());
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, within: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, within).unwrap_or_else(PoisonError::into_inner).0
    }

    fn deliver(&self, state: &mut State, paper: Paper) {
        if let Some(folder) = &self.folder
            && let Err(error) = paper.save(folder)
        {
            state.faults.push(error);
        }
        state.papers.push(paper);
    }
}

impl State {
    fn power_cycle(&mut self) {
        if self.client.is_some() {
            self.throw_client_out();
        }
        self.buffer.clear();
        self.report = None;
        self.mechanism.reset();
    }

    fn throw_client_out(&mut self) {
        self.answers = None;
        if let Some(client) = self.client.take() {
            // It may have gone by itself.
            drop(client.shutdown(std::net::Shutdown::Both));
        }
    }

    /// Tells by itself what has changed, if it was asked to.
    fn report(&mut self) {
        let report = self.knobs.report();
        if self.report.is_some_and(|last| last != report) {
            self.report = Some(report);
            self.answer(&report);
        }
    }

    fn answer(&mut self, bytes: &[u8]) {
        if self.knobs.silent {
            return;
        }
        if let Some(answers) = &mut self.answers {
            // A client that has gone hears nothing.
            drop(answers.write_all(bytes).and_then(|()| answers.flush()));
        }
    }
}

/// The mechanism: prints what is in the buffer.
fn run(shared: &Shared) {
    /// How long it sleeps when nothing wakes it.
    const NAP: Duration = Duration::from_secs(60);
    let mut state = shared.lock();
    while !state.stop {
        if state.buffer.is_empty() && state.tear_at_end {
            state.tear_at_end = false;
            if let Some(paper) = state.mechanism.tear() {
                shared.deliver(&mut state, paper);
            }
            shared.changed.notify_all();
        }
        if state.buffer.is_empty() || !state.knobs.is_online() {
            state = shared.wait(state, NAP);
            continue;
        }
        let rate = state.knobs.bytes_per_second;
        let portion = rate.map_or(PORTION_BYTES, |rate| (rate / 200).max(1));
        print_portion(shared, &mut state, portion);
        shared.changed.notify_all();
        if rate.is_some() {
            state = shared.wait_tick(state);
        }
    }
}

fn print_portion(shared: &Shared, state: &mut State, portion: usize) {
    for _ in 0..portion {
        let Some(byte) = state.buffer.pop_front() else { return };
        match state.mechanism.take(byte) {
            Some(Asks::Cut(paper)) => {
                state.knobs.sees_end = state.knobs.ends_at_cut;
                shared.deliver(state, paper);
            }
            Some(Asks::Fence(n)) => {
                if let Some(sensor) = state.knobs.sensor(n) {
                    state.answer(&[sensor]);
                }
            }
            Some(Asks::Report(0)) => state.report = None,
            Some(Asks::Report(_)) => {
                let report = state.knobs.report();
                state.report = Some(report);
                state.answer(&report);
            }
            None => {}
        }
        if state.mechanism.roll.is_used_up() {
            state.knobs.paper_out = true;
            state.report();
            return;
        }
    }
}

impl Shared {
    /// Waits for one tick whatever wakes it, since the rate is what is emulated.
    #[expect(clippy::disallowed_methods, reason = "a slow printer is slow in real time")]
    fn wait_tick<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let until = Instant::now() + SLOW_TICK;
        let mut state = state;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.stop {
                return state;
            }
            state = self.wait(state, left);
        }
    }
}
