//! The ballast: a file of real blocks that a full disk gets back, so that issuing numbers goes on.
//!
//! In WAL mode even deleting needs space, so nothing inside the database can serve.

use crate::error::{OnFile, StoreError};
use crate::open::{Open, beside};
use crate::swap::folder_of;

/// Whether the ballast lies beside the journal, or none is wanted.
pub(crate) fn is_held(about: &Open) -> bool {
    about.ballast_bytes == 0 || about.disk.files().exists(&beside(&about.path, ".ballast")).unwrap_or(false)
}

/// Makes the ballast where it is missing and the disk has room for it twice; a power cut leaves none or all of it.
///
/// On a disk that has only just room again, taking it back would leave the journal none.
pub(crate) fn make(about: &Open) -> Result<(), StoreError> {
    if is_held(about) {
        return Ok(());
    }
    let (files, folder) = (about.disk.files(), folder_of(&about.path));
    if files.free_bytes(folder).on("measure", folder)? / 2 < about.ballast_bytes {
        return Ok(());
    }
    let (part, whole) = (beside(&about.path, ".ballast.part"), beside(&about.path, ".ballast"));
    files.remove(&part).on("remove", &part)?;
    files.fill(&part, about.ballast_bytes).on("fill", &part)?;
    files.rename(&part, &whole).on("rename", &part)
}

/// Gives the ballast's space back to the disk; whether there was any.
pub(crate) fn free(about: &Open) -> Result<bool, StoreError> {
    if about.ballast_bytes == 0 || !is_held(about) {
        return Ok(false);
    }
    let whole = beside(&about.path, ".ballast");
    about.disk.files().remove(&whole).on("remove", &whole)?;
    Ok(true)
}
