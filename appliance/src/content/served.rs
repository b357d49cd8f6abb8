//! The door behind which films are prepared: a socket of systemd's, which starts a process of another user's for each
//! connection. That process sees what it is handed and nothing else of this machine.

use std::fs::{self, File};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use machiai_panel::film::Order;
use rustix::fs::{Access, access};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Where systemd listens.
pub(super) const DOOR: &str = "/run/machiai-prepare.sock";

/// Whether a path is a door that lets this process in.
pub(super) fn is_door(path: &Path) -> bool {
    let is_socket = fs::metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    is_socket && access(path, Access::WRITE_OK).is_ok()
}

/// Hands an order, a film and where it is to be prepared through a door; returns where the answer comes from. It ends
/// when that is dropped.
pub(super) fn ask(door: &Path, order: &Order, film: &File, prepared: &File) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(door)?;
    let order = serde_json::to_vec(order).map_err(io::Error::other)?;
    let files = [film.as_fd(), prepared.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let n_sent = beside
        .push(SendAncillaryMessage::ScmRights(&files))
        .then(|| sendmsg(&stream, &[IoSlice::new(&order)], &mut beside, SendFlags::NOSIGNAL));
    match n_sent {
        Some(Ok(n_sent)) if n_sent == order.len() => Ok(stream),
        Some(Err(errno)) => Err(errno.into()),
        Some(Ok(_)) | None => Err(io::ErrorKind::WriteZero.into()),
    }
}
