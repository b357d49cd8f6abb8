//! What the content store's thread waits at: the kernel's word of a change in a folder, and the daemon's of its end.
//!
//! What changed is not asked: whatever it was, the folders are looked at. So a queue of the kernel's that overflows
//! loses nothing, and a network folder, of which the kernel knows nothing, is only looked at a little later.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// What a folder is watched for: files that come, or are whole. One that only grows would ring all the time.
const NEWS: WatchFlags =
    WatchFlags::CREATE.union(WatchFlags::CLOSE_WRITE).union(WatchFlags::MOVED_TO).union(WatchFlags::ONLYDIR);

/// Wakes whoever waits at its [`Ear`].
#[derive(Clone, Debug)]
pub(crate) struct Bell(Arc<OwnedFd>);

/// What hears a [`Bell`] and the folders.
#[derive(Debug)]
pub(crate) struct Ear {
    bell: Bell,
    /// None where the kernel gives none: then only time tells.
    changes: Option<OwnedFd>,
    folders: Vec<PathBuf>,
}

impl Bell {
    /// Rings; whoever does not wait yet will not have to.
    pub(crate) fn ring(&self) {
        // A bell that is full of rings has rung.
        let _rung = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

impl Ear {
    /// Makes a bell and what hears it and the folders; one that is not there yet is heard once it is.
    ///
    /// # Errors
    /// The kernel gives no bell.
    pub(crate) fn new(folders: Vec<PathBuf>) -> io::Result<(Bell, Self)> {
        let bell = Bell(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?));
        let changes = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK);
        let changes = changes.inspect_err(|error| tracing::info!(%error, "the kernel tells of no changes in folders"));
        let ear = Self { bell: bell.clone(), changes: changes.ok(), folders };
        ear.listen();
        Ok((bell, ear))
    }

    /// Waits until somebody rang, a folder changed, or so long.
    pub(crate) fn wait(&self, longest: Duration) {
        // A stick may have been mounted over a folder, or the folder made anew: what stands there now is listened to.
        self.listen();
        let listeners = self.listeners();
        let mut fds: Vec<PollFd<'_>> = listeners.iter().map(|fd| PollFd::new(*fd, PollFlags::IN)).collect();
        let longest = Timespec::try_from(longest).ok();
        // An interrupted wait is a short one.
        let _heard = poll(&mut fds, longest.as_ref());
        for fd in listeners {
            let mut said = [0; 4_096];
            while rustix::io::read(fd, &mut said).is_ok_and(|n| n == said.len()) {}
        }
    }

    fn listeners(&self) -> Vec<&OwnedFd> {
        std::iter::once(&*self.bell.0).chain(&self.changes).collect()
    }

    fn listen(&self) {
        let Some(changes) = &self.changes else { return };
        for folder in &self.folders {
            // A folder that is heard already is heard as before; one that is not there is asked for again.
            let _is_heard = inotify::add_watch(changes, folder, NEWS);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    /// Far longer than any wait here should last.
    const LONG: Duration = Duration::from_secs(60);

    /// Waits at an ear until what is done ends the wait, and then finds nothing more to hear.
    fn ends_by(ear: Ear, done: impl FnOnce()) {
        let (begins, begun) = channel();
        let (ends, ended) = channel();
        let waiting = std::thread::spawn(move || {
            begins.send(()).unwrap();
            ear.wait(LONG);
            ends.send(()).unwrap();
            ear
        });
        begun.recv().unwrap();
        assert!(ended.recv_timeout(Duration::from_millis(50)).is_err(), "nothing was to be heard yet");
        done();
        ended.recv_timeout(Duration::from_secs(20)).unwrap();
        let ear = waiting.join().unwrap();
        let listeners = ear.listeners();
        let mut fds: Vec<PollFd<'_>> = listeners.iter().map(|fd| PollFd::new(*fd, PollFlags::IN)).collect();
        assert_eq!(poll(&mut fds, Some(&Timespec::default())).unwrap(), 0, "it was heard twice");
    }

    #[test]
    fn a_bell_a_new_file_and_one_that_is_moved_there_are_heard() {
        let folder = tempfile::tempdir().unwrap();
        // A file that is made and closed is news twice.
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        let new = || Ear::new(vec![folder.path().to_owned()]).unwrap();
        let (bell, ear) = new();
        ends_by(ear, || bell.ring());
        let (_bell, ear) = new();
        ends_by(ear, || std::fs::hard_link(elsewhere.path(), folder.path().join("film.part")).unwrap());
        let (_bell, ear) = new();
        ends_by(ear, || std::fs::rename(folder.path().join("film.part"), folder.path().join("film.mp4")).unwrap());
    }

    #[test]
    fn a_folder_that_is_made_later_is_heard_and_a_ring_before_the_wait_counts() {
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("later");
        let (bell, ear) = Ear::new(vec![later.clone()]).unwrap();
        bell.ring();
        ear.wait(LONG);
        std::fs::create_dir(&later).unwrap();
        ends_by(ear, || std::fs::create_dir(later.join("more")).unwrap());
    }
}
