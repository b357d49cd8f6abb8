//! The mark that has the next opening verify a whole file, set when a running journal meets damage.

use crate::error::{OnFile, StoreError};
use crate::open::{Open, beside};
use crate::swap::folder_of;

const SUFFIX: &str = ".suspect";

pub(crate) fn raise(about: &Open) -> Result<(), StoreError> {
    let (files, path, folder) = (about.disk.files(), beside(&about.path, SUFFIX), folder_of(&about.path));
    files.note(&path, b"verify").on("write", &path)?;
    files.sync_folder(folder).on("sync", folder)
}

pub(crate) fn is_raised(about: &Open) -> bool {
    about.disk.files().exists(&beside(&about.path, SUFFIX)).unwrap_or(false)
}

pub(crate) fn clear(about: &Open) -> Result<(), StoreError> {
    let path = beside(&about.path, SUFFIX);
    if is_raised(about) { about.disk.files().remove(&path).on("remove", &path) } else { Ok(()) }
}
