//! The set-up code: a file beside the journal, so that only whoever owns the box's files can make its first manager.
//!
//! It works once, and there is no password to begin with. A clinic whose manager forgot the password draws a new one.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

use super::secret::draw_code;
use crate::chance::Chance;

fn file(state: &Path) -> PathBuf {
    state.join("setup-code")
}

/// Returns the code that stands, if one does.
pub(crate) fn code(state: &Path) -> Option<String> {
    let code = std::fs::read_to_string(file(state)).ok()?;
    let code = code.trim().to_owned();
    (code.len() >= 12).then_some(code)
}

/// Returns the code that stands, or draws one.
///
/// # Errors
/// The file cannot be written, or there are no random bytes.
pub(crate) fn code_or_new(state: &Path) -> std::io::Result<String> {
    if let Some(code) = code(state) {
        return Ok(code);
    }
    let code = draw_code(&Chance::system()).map_err(std::io::Error::other)?;
    write_private(&file(state), format!("{code}\n").as_bytes())?;
    Ok(code)
}

/// Destroys the code.
///
/// # Errors
/// The file cannot be removed: the code must not work.
pub(crate) fn forget(state: &Path) -> std::io::Result<()> {
    std::fs::remove_file(file(state))
}

/// Writes a file that its folder's owner alone can read: aside first, on disk, then under its name.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let aside = path.with_extension("new");
    // A leftover of a start that was cut off may have another owner or mode.
    match std::fs::remove_file(&aside) {
        Ok(()) => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(cause),
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    let (made, around) = (file.metadata()?, std::fs::metadata(folder)?);
    if made.uid() != around.uid() {
        // Drawn by root for the daemon.
        chown(&aside, Some(around.uid()), Some(around.gid()))?;
    }
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_code_stands_until_it_is_used_and_only_its_owner_reads_it() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(code(state.path()), None);
        let drawn = code_or_new(state.path()).unwrap();
        assert_eq!(code_or_new(state.path()).unwrap(), drawn);
        let mode = std::fs::metadata(file(state.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        forget(state.path()).unwrap();
        assert_eq!(code(state.path()), None);
        assert_ne!(code_or_new(state.path()).unwrap(), drawn);
    }

    #[test]
    fn an_empty_file_is_no_code() {
        let state = tempfile::tempdir().unwrap();
        write_private(&file(state.path()), b"\n").unwrap();
        assert_eq!(code(state.path()), None);
    }
}
