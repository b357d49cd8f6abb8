//! The line of an emulated printer: takes bytes into its buffer and obeys real-time commands at once.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, MutexGuard};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use serialport::{SerialPort, TTYPort};

use super::knobs::{AtOnce, RealTime};
use super::{Line, Shared, State};

/// What the system may hold for the printer: as little as a printer's own window, so that one that stops reading is
/// felt at the other end.
const WINDOW_BYTES: usize = 8192;
/// Bytes taken from the line at once.
const PORTION_BYTES: usize = 1024;
/// How often a pseudo-terminal looks whether it is to stop.
const PTY_LOOK: Duration = Duration::from_millis(20);
/// How long the line sleeps when nothing wakes it.
const NAP: Duration = Duration::from_secs(60);
/// The speed in a pseudo-terminal's address; it has none.
const PTY_BAUD: u32 = 115_200;

type Started = (JoinHandle<()>, String, Option<SocketAddr>);

pub(super) fn start(line: Line, shared: &Arc<Shared>) -> io::Result<Started> {
    match line {
        Line::Tcp => start_tcp(0, shared),
        Line::TcpPort(port) => start_tcp(port, shared),
        Line::Pty => start_pty(shared),
    }
}

fn start_tcp(port: u16, shared: &Arc<Shared>) -> io::Result<Started> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    rustix::net::sockopt::set_socket_recv_buffer_size(&listener, WINDOW_BYTES)?;
    let at = listener.local_addr()?;
    let shared = Arc::clone(shared);
    let thread = Builder::new().name("printer-line".into()).spawn(move || serve(&listener, &shared))?;
    Ok((thread, format!("tcp:{at}"), Some(at)))
}

/// Serves one client at a time; others wait at the door.
fn serve(listener: &TcpListener, shared: &Shared) {
    while let Ok((client, _)) = listener.accept() {
        let Ok(Some(mut client)) = admit(client, shared) else { return };
        listen(&mut client, shared);
        let mut state = shared.lock();
        state.answers = None;
        state.client = None;
        state.report = None;
        state.tear_at_end = !state.has_cutter;
        shared.changed.notify_all();
    }
}

/// Takes a client in; none when the printer stops.
fn admit(client: TcpStream, shared: &Shared) -> io::Result<Option<TcpStream>> {
    client.set_nodelay(true)?;
    let mut state = shared.lock();
    if state.stop {
        return Ok(None);
    }
    state.answers = Some(Box::new(client.try_clone()?));
    state.client = Some(client.try_clone()?);
    shared.changed.notify_all();
    Ok(Some(client))
}

fn start_pty(shared: &Arc<Shared>) -> io::Result<Started> {
    let (mut master, slave) = TTYPort::pair()?;
    master.set_timeout(PTY_LOOK)?;
    let path = slave.name().ok_or(io::ErrorKind::NotFound)?;
    shared.lock().answers = Some(Box::new(Answers(master.try_clone_native()?)));
    let shared = Arc::clone(shared);
    let run = move || {
        // The printer's own end of the cable stays plugged in between jobs.
        let _plugged = slave;
        listen(&mut master, &shared);
        shared.lock().answers = None;
    };
    let thread = Builder::new().name("printer-line".into()).spawn(run)?;
    Ok((thread, format!("serial:{path}:{PTY_BAUD}"), None))
}

/// A terminal's flush waits until the other end has read, which may be never.
struct Answers(TTYPort);

impl Write for Answers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes bytes until the client goes, the line breaks, or the printer stops.
fn listen(source: &mut impl Read, shared: &Shared) {
    let mut real_time = RealTime::default();
    let mut taken = 0;
    let mut portion = [0; PORTION_BYTES];
    // What comes to a serial line while the printer starts again is lost, until the line falls quiet.
    let mut starting = false;
    loop {
        let Some(room) = wait_for_room(shared, taken) else { return };
        let read = match source.read(&mut portion[..room.min(PORTION_BYTES)]) {
            Ok(0) => return,
            Ok(read) => read,
            Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
                starting = false;
                continue;
            }
            Err(_) => return,
        };
        taken += read;
        if starting {
            continue;
        }
        let mut state = shared.lock();
        for byte in &portion[..read] {
            state.buffer.push_back(*byte);
            obey_at_once(&mut state, real_time.take(*byte));
        }
        if state.knobs.power_cycle_after.is_some_and(|after| taken >= after) {
            state.knobs.power_cycle_after = None;
            state.power_cycle();
            starting = true;
        }
        shared.changed.notify_all();
    }
}

/// Waits until bytes may be taken and returns how many; none when the line is to end.
fn wait_for_room(shared: &Shared, taken: usize) -> Option<usize> {
    let mut state: MutexGuard<'_, State> = shared.lock();
    loop {
        let until_dropped = state.knobs.drop_after.map_or(usize::MAX, |after| after.saturating_sub(taken));
        if state.stop || until_dropped == 0 {
            return None;
        }
        let until_cycled = state.knobs.power_cycle_after.map_or(usize::MAX, |after| after.saturating_sub(taken).max(1));
        let room = state.buffer_bytes.saturating_sub(state.buffer.len());
        if room > 0 && !state.knobs.stalled {
            return Some(room.min(until_dropped).min(until_cycled));
        }
        state = shared.wait(state, NAP);
    }
}

fn obey_at_once(state: &mut State, order: Option<AtOnce>) {
    match order {
        Some(AtOnce::Tell(n)) => {
            if let Some(answer) = state.knobs.real_time(n) {
                state.answer(&[answer]);
            }
        }
        Some(AtOnce::Clear) => {
            state.buffer.clear();
            state.mechanism.reset();
            state.answer(&[0x37, 0x25, 0x00]);
        }
        None => {}
    }
}
