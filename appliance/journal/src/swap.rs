//! Putting a finished journal in the place of another, so that a power cut leaves the old one or the new one.
//!
//! The finished file waits as `journal.db.next-<word>-<instant>`; the old file, its log and its shared memory get the
//! ending `.<word>-<instant>` and are never deleted. Whatever was interrupted is finished at the next opening.

use std::path::{Path, PathBuf};

use crate::error::{OnFile, StoreError};
use crate::open::{Open, beside};

const NEXT: &str = ".next-";

/// Returns the name under which a finished journal waits to take the place of the present one.
pub(crate) fn waiting(about: &Open, word: &str) -> PathBuf {
    beside(&about.path, &format!("{NEXT}{word}-{}", about.at.0))
}

/// Finishes what an earlier process began: a swap that is ready is made, half-made files are removed.
///
/// Returns where the journal that was there before lies now, if a swap was made.
pub(crate) fn finish(about: &Open) -> Result<Option<PathBuf>, StoreError> {
    let folder = folder_of(&about.path);
    let file_name = about.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let names = about.disk.files().names(folder).on("list", folder)?;
    let mut aside = None;
    for name in &names {
        let Some(ending) = name.strip_prefix(file_name) else {
            continue;
        };
        if ending.ends_with(".part") || ending.ends_with(".part-journal") {
            let path = folder.join(name);
            about.disk.files().remove(&path).on("remove", &path)?;
        } else if let Some(ending) = ending.strip_prefix(NEXT) {
            aside = Some(swap(about, &folder.join(name), ending)?);
        }
    }
    Ok(aside)
}

fn swap(about: &Open, next: &Path, ending: &str) -> Result<PathBuf, StoreError> {
    let (files, folder) = (about.disk.files(), folder_of(&about.path));
    for suffix in ["-wal", "-shm", ""] {
        let from = beside(&about.path, suffix);
        let aside = beside(&about.path, &format!(".{ending}{suffix}"));
        if files.exists(&from).on("look for", &from)? {
            files.rename(&from, &aside).on("set aside", &from)?;
        }
    }
    let anchor = beside(&about.path, ".anchor");
    files.remove(&anchor).on("remove", &anchor)?;
    files.sync_folder(folder).on("sync", folder)?;
    files.rename(next, &about.path).on("rename", next)?;
    files.sync_folder(folder).on("sync", folder)?;
    Ok(beside(&about.path, &format!(".{ending}")))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
