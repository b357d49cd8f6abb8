//! `machiai-screen prepare-served`: what systemd starts for one connection of the daemon's, as a user of its own.
//!
//! The daemon hands over an order and two open files, and hears the lines of the process that prepares; how that ended
//! is the last of them. A daemon that goes away ends it.

use std::fs::File;
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use machiai_panel::film::{Line, Order};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The longest order, in bytes.
const MOST_ORDER: usize = 1_024;

/// Serves the connection on standard input.
///
/// # Errors
/// No order came over it, or what prepares cannot be started.
pub fn carry_out() -> io::Result<()> {
    serve(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

fn serve(mut door: UnixStream) -> io::Result<()> {
    let (order, film, prepared) = receive(&door)?;
    let mut child = start(&order, film, prepared)?;
    tracing::info!(width = order.width_px, height = order.height_px, "a film is being prepared");
    end_with(&door, &child)?;
    let Some(mut said) = child.stderr.take() else { return Err(io::ErrorKind::BrokenPipe.into()) };
    let heard = io::copy(&mut said, &mut door);
    if heard.is_err() {
        child.kill()?;
    }
    let mut line = serde_json::to_vec(&Line::Died { status: child.wait()?.into_raw() }).map_err(io::Error::other)?;
    line.push(b'\n');
    // Whoever had its answer does not wait for the end.
    let _heard = door.write_all(&line);
    Ok(())
}

/// Receives an order, the film and where it is to be prepared.
fn receive(door: &UnixStream) -> io::Result<(Order, File, File)> {
    let mut bytes = [0; MOST_ORDER];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let came = recvmsg(door, &mut [IoSliceMut::new(&mut bytes)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    let mut files: Vec<OwnedFd> = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(handed) = message {
            files.extend(handed);
        }
    }
    let order = serde_json::from_slice(bytes.get(..came.bytes).unwrap_or_default()).map_err(io::Error::other)?;
    let [film, prepared] =
        <[OwnedFd; 2]>::try_from(files).map_err(|_other| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok((order, film.into(), prepared.into()))
}

/// Starts what prepares, with the two files and a pipe for what it says.
fn start(order: &Order, film: File, prepared: File) -> io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg("prepare")
        .args(["--width", &order.width_px.to_string(), "--height", &order.height_px.to_string()])
        .args(["--most-ms", &order.most_ms.to_string()])
        .stdin(Stdio::from(film))
        .stdout(Stdio::from(prepared))
        .stderr(Stdio::piped())
        .spawn()
}

/// Ends a process when the other end of a connection closes.
fn end_with(door: &UnixStream, child: &Child) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    let process = pidfd_open(pid, PidfdFlags::empty())?;
    let mut listened = door.try_clone()?;
    let end = move || {
        // The daemon says nothing more: whatever ends this is its end.
        let mut byte = [0];
        while listened.read(&mut byte).is_ok_and(|n| n > 0) {}
        // It may be over already.
        let _ended = pidfd_send_signal(process, Signal::KILL);
    };
    std::thread::Builder::new().name("daemon".to_owned()).spawn(end).map(drop)
}
