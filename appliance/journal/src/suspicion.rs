//! Marks beside a journal that tell the next opening what this process could not put right.

use std::path::PathBuf;

use crate::error::{OnFile, StoreError};
use crate::open::{Open, beside};
use crate::swap::folder_of;

/// What the next opening has to see to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspicion {
    /// Something in the file was found damaged: verify all of it.
    Damaged,
    /// The disk failed, and what the log shows may not be on it: write the log anew.
    Unsettled,
}

fn path(about: &Open, suspicion: Suspicion) -> PathBuf {
    let suffix = match suspicion {
        Suspicion::Damaged => ".suspect",
        Suspicion::Unsettled => ".unsettled",
    };
    beside(&about.path, suffix)
}

/// Sets a mark; it need not outlive a power cut, but it does where it can.
pub(crate) fn raise(about: &Open, suspicion: Suspicion) -> Result<(), StoreError> {
    let (files, path, folder) = (about.disk.files(), path(about, suspicion), folder_of(&about.path));
    files.note(&path, b"!").on("write", &path)?;
    files.sync_folder(folder).on("sync", folder)
}

pub(crate) fn is_raised(about: &Open, suspicion: Suspicion) -> bool {
    about.disk.files().exists(&path(about, suspicion)).unwrap_or(false)
}

pub(crate) fn clear(about: &Open, suspicion: Suspicion) -> Result<(), StoreError> {
    let path = path(about, suspicion);
    if is_raised(about, suspicion) { about.disk.files().remove(&path).on("remove", &path) } else { Ok(()) }
}
