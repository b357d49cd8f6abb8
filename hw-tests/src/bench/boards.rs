//! Boards: how soon one shows what was answered, how soon the last of a thousand does, and what each of them costs.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Bench;
use super::client::{Client, Presses, get};
use super::crowd::{Crowd, Round};
use super::daemon::{Daemon, With};
use super::figures::Limit::AtMost;
use super::figures::{Report, Samples, shown};
use super::stream::{Event, take_events};
use super::writer::RawWriter;
use crate::demo::stopwatch::Stopwatch;

/// The stream of a board that hangs landscape.
pub const STREAM: &str = "/api/v1/board/events";

/// How long a board may take to show something.
const SHOW_FOR: Duration = Duration::from_secs(10);

/// Patients who take a ticket, are called, enter and leave, while one board looks.
const N_PATIENTS: usize = 150;

/// Boards that look at the same time, and how often something changes for them.
const N_BOARDS: usize = 1_000;
const N_CHANGES: usize = 20;

/// Measures boards.
///
/// # Errors
/// The daemon fails, or a board gets nothing.
pub fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let folder = bench.folder()?;
    let (daemon, presses) = Daemon::open(&bench.program, folder.path(), With::default())?;
    let event_bytes = one_board(&presses, report)?;
    many_boards(bench, (&daemon, &presses), event_bytes, report)?;
    daemon.stop()
}

/// Lets patients come and go before one board; returns the length of its last event.
fn one_board(presses: &Presses, report: &mut Report) -> Result<usize> {
    let watch = Stopwatch::start();
    let events = look(presses.address(), watch)?;
    let (mut shown_at, mut last) = (Samples::default(), next(&events, 0)?);
    let mut desk = Client::connect(presses.address())?;
    for nth in 0..N_PATIENTS {
        let room = format!("rooms/room{}", 1 + nth % 3);
        let ticket = format!("lines/{}-{}/tickets", crate::demo::daemon::SITE, 1 + nth % 3);
        let room = |act: &str| presses.press(&format!("{room}/{act}"), "{}");
        let acts = [presses.press(&ticket, r#"{"channel":"kiosk"}"#), room("call"), room("enter"), room("finish")];
        for act in acts {
            let seen = last.1.n_facts.unwrap_or_default();
            desk.ask(&act)?;
            let answered = watch.read();
            last = next(&events, seen)?;
            shown_at.extend([last.0.saturating_sub(answered)]);
        }
    }
    let told = format!(
        "p50 {} ms, worst {} ms, {} commands, an event of {} bytes",
        shown(shown_at.p50_ms()),
        shown(shown_at.worst_ms()),
        shown_at.n(),
        last.1.n_bytes
    );
    report.add("from a command's answer to the new board, p99", (shown_at.p99_ms(), "ms"), AtMost(10.0), told);
    Ok(last.1.n_bytes)
}

/// Opens a board's stream and returns its events as they come, with the instant at which each was whole.
fn look(address: SocketAddr, watch: Stopwatch) -> Result<Receiver<(Duration, Event)>> {
    let mut stream = open(address, STREAM)?;
    let (tell, events) = channel();
    // Ends with the stream, or when nobody listens any more.
    std::thread::spawn(move || {
        let (mut received, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
        while let Ok(n_bytes) = stream.read(&mut chunk) {
            let at = watch.read();
            received.extend_from_slice(chunk.get(..n_bytes).unwrap_or_default());
            let told = take_events(&mut received).into_iter().all(|event| tell.send((at, event)).is_ok());
            if n_bytes == 0 || !told {
                return;
            }
        }
    });
    Ok(events)
}

/// Asks for a stream.
///
/// # Errors
/// Nobody listens there.
pub fn open(address: SocketAddr, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.write_all(&get(address, path)).context("cannot ask for a stream")?;
    Ok(stream)
}

/// Waits for a board that shows more facts than were seen.
fn next(events: &Receiver<(Duration, Event)>, seen: u64) -> Result<(Duration, Event)> {
    loop {
        let (at, event) = events.recv_timeout(SHOW_FOR).context("the board shows nothing new")?;
        if event.n_facts.is_some_and(|n_facts| n_facts > seen) {
            return Ok((at, event));
        }
    }
}

/// Lets a thousand boards look, and has as many connections written to by hand beside them.
fn many_boards(
    bench: &Bench,
    (daemon, presses): (&Daemon, &Presses),
    event_bytes: usize,
    report: &mut Report,
) -> Result<()> {
    let before_kib = daemon.pss_kib()?;
    let watch = Stopwatch::start();
    let mut ours = Crowd::open(daemon.address(), N_BOARDS, STREAM)?;
    let opened_in = watch.read();
    let mut raw = RawWriter::start(bench, event_bytes)?;
    let mut theirs = Crowd::open(raw.address(), N_BOARDS, "/")?;
    let mut kiosk = Client::connect(daemon.address())?;
    let (mut our_rounds, mut their_rounds, mut most_kib) = (Vec::new(), Vec::new(), 0.0_f64);
    let used_before = daemon.used()?;
    for _ in 0..N_CHANGES {
        our_rounds.push(ours.round(|| kiosk.ask(&presses.ticket()).map(drop)).context("boards of machiai")?);
        most_kib = most_kib.max(daemon.pss_kib()?);
        their_rounds.push(theirs.round(|| raw.write()).context("connections written to by hand")?);
    }
    let used = daemon.used()?.saturating_sub(used_before);
    ensure!(our_rounds.iter().all(|round| round.n_bytes >= N_BOARDS * event_bytes / 2), "boards got too little");
    let last = |rounds: &[Round]| rounds.iter().map(|round| round.last).collect::<Samples>().p50_ms();
    let since_answer = |round: &Round| round.last.saturating_sub(round.answered);
    let (our_ms, their_ms) = (last(&our_rounds), last(&their_rounds));
    ensure!(their_ms > 0.0, "the raw writer's time cannot be told");
    let told = format!(
        "last board {} ms after the press ({} ms after its answer), raw writer {} ms, {} bytes each, {} us of processor \
         per board; all opened in {} s",
        shown(our_ms),
        shown(our_rounds.iter().map(since_answer).collect::<Samples>().p50_ms()),
        shown(their_ms),
        event_bytes,
        shown(used.as_secs_f64() * 1e6 / (N_BOARDS * N_CHANGES) as f64),
        shown(opened_in.as_secs_f64())
    );
    report.add("last of 1,000 boards over a raw writer of the same bytes", (our_ms / their_ms, "x"), AtMost(3.0), told);
    let each_kib = (most_kib - before_kib) / N_BOARDS as f64;
    let told = format!("{} KiB before, {} KiB with {N_BOARDS} boards", shown(before_kib), shown(most_kib));
    report.add("memory per board", (each_kib, "KiB"), AtMost(24.0), told);
    if ours.n_closed() + theirs.n_closed() > 0 {
        bail!("{} boards were cut off", ours.n_closed());
    }
    Ok(())
}
