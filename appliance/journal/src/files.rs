//! The file operations beside SQLite's own: renaming, removing, the ballast, raw reading of a damaged file.
//!
//! A trait, so that the fault harness can cut the power at each of them too. Never opens the database through
//! here while SQLite has it open: closing such a descriptor would drop SQLite's locks (POSIX advisory locks), so
//! whole-file reads happen before it is opened or after it is closed.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Held as long as this process is the one that writes a journal.
pub type Lock = Box<dyn Send + Sync>;

/// What a journal asks of the file system beside SQLite's own use of it.
pub trait Files: fmt::Debug + Send + Sync {
    /// Whether there is a file of that name.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Returns the names of the files in a folder, in order.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Returns a file's size in bytes.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn size(&self, path: &Path) -> io::Result<u64>;

    /// Reads `n_bytes` from `offset`, fewer only where the file ends.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn read(&self, path: &Path, offset: u64, n_bytes: usize) -> io::Result<Vec<u8>>;

    /// Renames a file, replacing one of the new name.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; one that is not there is no error.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Puts the names in a folder on disk.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Puts a file's bytes on disk.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn sync(&self, path: &Path) -> io::Result<()>;

    /// Makes a copy of a file and puts its bytes on disk, replacing one of the new name.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Writes a whole small file in place, without waiting for the disk.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn note(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Makes a file of `size_bytes` that really takes up that much of the disk.
    ///
    /// # Errors
    /// Whatever the file system reports; what was written until then is removed again.
    fn fill(&self, path: &Path, size_bytes: u64) -> io::Result<()>;

    /// Returns the bytes that a process may still write to a folder's disk.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;

    /// Takes the lock of a journal's writer; `None` when another process has it.
    ///
    /// # Errors
    /// Whatever the file system reports.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;
}

/// The files of this machine.
#[derive(Clone, Copy, Debug)]
pub struct RealFiles;

/// Bytes written at a time into the ballast.
const FILL_CHUNK_BYTES: usize = 64 * 1024;

impl Files for RealFiles {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        fs::metadata(path).map(|about| about.len())
    }

    fn read(&self, path: &Path, offset: u64, n_bytes: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(u64::try_from(n_bytes).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().write(true).open(path)?.sync_all()
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut copy = OpenOptions::new().write(true).create(true).truncate(true).open(to)?;
        io::copy(&mut File::open(from)?, &mut copy)?;
        copy.sync_all()
    }

    fn note(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().write(true).create(true).truncate(false).open(path)?.write_all(bytes)
    }

    fn fill(&self, path: &Path, size_bytes: u64) -> io::Result<()> {
        let filled = fill(path, size_bytes);
        if filled.is_err() {
            self.remove(path)?;
        }
        filled
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let about = rustix::fs::statvfs(folder)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Writes bytes that no file system stores in less space than they take: neither holes nor repeats.
fn fill(path: &Path, size_bytes: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut left = size_bytes;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chunk = vec![0_u8; FILL_CHUNK_BYTES];
    while left > 0 {
        for word in chunk.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let n_bytes = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        file.write_all(chunk.get(..n_bytes).unwrap_or_default())?;
        left = left.saturating_sub(u64::try_from(n_bytes).unwrap_or(left));
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_filled_file_takes_up_its_size_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ballast");
        RealFiles.fill(&path, 1_000_000).unwrap();
        let about = fs::metadata(&path).unwrap();
        assert_eq!(about.len(), 1_000_000);
        assert!(about.blocks() * 512 >= 1_000_000, "only {} blocks", about.blocks());
    }

    #[test]
    fn only_one_process_holds_the_writer_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = RealFiles.lock(&path).unwrap();
        assert!(first.is_some());
        assert!(RealFiles.lock(&path).unwrap().is_none());
        drop(first);
        assert!(RealFiles.lock(&path).unwrap().is_some());
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(RealFiles.remove(&folder.path().join("nothing")).is_ok());
    }
}
