//! Backups of a hub: a folder with the store's file and the authority. It is made while the hub serves, and brought back
//! while it does not.
//!
//! A store that comes back begins a new life: whoever reads on from a place of the life before is told that it is gone,
//! and the boxes send again what the store has lost.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use machiai_core::time::AtMs;
use thiserror::Error;

use crate::store::sqlite::backup::revive;
use crate::store::{Store, StoreError};

/// The store's file in a state folder, and in a backup.
pub const STORE: &str = "hub.db";

/// What lies beside it while it is written.
const BESIDE: [&str; 3] = [STORE, "hub.db-wal", "hub.db-shm"];

/// The authority's files.
const AUTHORITY: [&str; 2] = ["hub-ca.key", "hub-ca.crt"];

/// A store that is to take the place of the one before.
const NEW: &str = "hub.db.new";

/// Held by whoever serves.
const LOCK: &str = "hub.lock";

/// Why there is no backup, or it does not come back.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A file cannot be used.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store failed.
    #[error("cannot use the store")]
    Store(#[source] StoreError),
    /// The hub serves.
    #[error("a hub serves from {state}: stop it first")]
    Serves {
        /// From where.
        state: PathBuf,
    },
    /// A backup that was not taken back to its end.
    #[error("a backup was not brought back to its end: do it again")]
    CutOff,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + '_ {
    move |source| BackupError::File { path: path.to_owned(), source }
}

/// Says that a hub serves from a state folder, until the file is dropped.
///
/// # Errors
/// [`BackupError::Serves`]: another does.
pub fn hold(state: &Path) -> Result<File, BackupError> {
    let path = state.join(LOCK);
    let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(BackupError::Serves { state: state.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(at(&path)(cause)),
    }
}

/// Fails where a backup was cut off while it was brought back: what is missing then must not be made anew, and empty.
///
/// # Errors
/// [`BackupError::CutOff`].
pub fn is_whole(state: &Path) -> Result<(), BackupError> {
    if state.join(NEW).exists() && !state.join(STORE).exists() { Err(BackupError::CutOff) } else { Ok(()) }
}

/// Copies a store that is a file, and the authority of its state folder, into a new folder. A store on a server is left to
/// the server's own tools.
///
/// # Errors
/// [`BackupError`]: the folder is there already, or the disk is full; remove what was made.
pub async fn back_up(store: &Store, state: &Path, to: &Path) -> Result<(), BackupError> {
    DirBuilder::new().mode(0o700).create(to).map_err(at(to))?;
    let file = to.join(STORE);
    if store.copy_to(&file).await.map_err(BackupError::Store)? {
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(at(&file))?;
        sync(&file)?;
    }
    for name in AUTHORITY {
        let from = state.join(name);
        if from.exists() {
            copy(&from, &to.join(name))?;
        }
    }
    sync(to)
}

/// Brings a backup back into a state folder, at an instant of the hub's clock; what was there is set aside in a folder
/// of its own, whose path is returned.
///
/// # Errors
/// [`BackupError`]: what was there stands, or it is to be done again.
pub fn restore(from: &Path, state: &Path, now: AtMs) -> Result<PathBuf, BackupError> {
    DirBuilder::new().recursive(true).mode(0o700).create(state).map_err(at(state))?;
    let _held = hold(state)?;
    let new = state.join(NEW);
    remove(&new)?;
    copy(&from.join(STORE), &new)?;
    // All that can fail is done before anything is set aside.
    revive(&new, now).map_err(BackupError::Store)?;
    sync(&new)?;
    let aside = state.join(format!("before-{}", now.0));
    DirBuilder::new().mode(0o700).create(&aside).map_err(at(&aside))?;
    for name in BESIDE.into_iter().chain(AUTHORITY) {
        let path = state.join(name);
        if path.exists() {
            fs::rename(&path, aside.join(name)).map_err(at(&path))?;
        }
    }
    for name in AUTHORITY {
        let kept = from.join(name);
        if kept.exists() {
            copy(&kept, &state.join(name))?;
        }
    }
    let path = state.join(STORE);
    fs::rename(&new, &path).map_err(at(&path))?;
    sync(state)?;
    Ok(aside)
}

/// Copies a file for its owner alone; when it returns, the copy is on the disk.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::copy(from, to).map_err(at(from))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o600)).map_err(at(to))?;
    sync(to)
}

fn sync(path: &Path) -> Result<(), BackupError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(at(path))
}

fn remove(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(at(path)(cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}
