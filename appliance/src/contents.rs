//! The content that can be played: which, and where it lies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use machiai_core::program::content::ContentHash;

/// What lies on the disk and can be played.
#[derive(Debug, Default)]
pub(crate) struct Contents(RwLock<BTreeMap<ContentHash, PathBuf>>);

impl Contents {
    /// Reads a folder of files that are named by their hashes; others are not ours.
    pub(crate) fn look(&self, folder: &Path) {
        let named = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.ok()?.path();
            Some((path.file_name()?.to_str()?.parse().ok()?, path))
        };
        let found = std::fs::read_dir(folder).into_iter().flatten().filter_map(named).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// Returns what can be played.
    pub(crate) fn on_disk(&self) -> BTreeSet<ContentHash> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Returns where a piece of content lies; none for one that does not.
    pub(crate) fn file_of(&self, content: ContentHash) -> Option<PathBuf> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&content).cloned()
    }
}
