//! Whoever works on the box as root leaves nothing behind that the daemon, a user of its own, cannot read or write.
//!
//! The service manager gives the daemon its folder, but looks into one that is the daemon's already no further.

use std::fs::symlink_metadata;
use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::path::Path;

/// Gives what root made in a folder of somebody else's to whom the folder is; returns how much that was.
///
/// Links are not followed, and a file of several names is left alone: it may be one of the system's.
///
/// # Errors
/// The folder cannot be read, or the owner not be changed.
pub(crate) fn hand_over(folder: &Path) -> io::Result<usize> {
    let of = symlink_metadata(folder)?;
    // Nobody but root gives anything away.
    if !rustix::process::geteuid().is_root() || of.uid() == 0 {
        return Ok(0);
    }
    let mut n_given = 0_usize;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let meta = symlink_metadata(&path)?;
        let is_plain = meta.is_file() && meta.nlink() == 1;
        if meta.uid() == 0 && (is_plain || meta.is_dir()) {
            lchown(&path, Some(of.uid()), Some(of.gid()))?;
            n_given = n_given.saturating_add(1);
        }
        if meta.is_dir() {
            n_given = n_given.saturating_add(hand_over(&path)?);
        }
    }
    Ok(n_given)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::access::setup::write_private;

    /// Whom the folder is: somebody else where the test may give it away.
    fn somebody() -> u32 {
        let own = rustix::process::geteuid();
        if own.is_root() { 65_534 } else { own.as_raw() }
    }

    #[test]
    fn what_root_leaves_in_the_daemons_folder_is_the_daemons_and_nothing_else_is() {
        let [state, elsewhere] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (of, shared) = (somebody(), elsewhere.path().join("shared"));
        write_private(&shared, b"the system's").unwrap();
        let own = symlink_metadata(&shared).unwrap().uid();
        lchown(state.path(), Some(of), Some(of)).unwrap();
        for folder in ["", "backups"] {
            std::fs::create_dir_all(state.path().join(folder)).unwrap();
            write_private(&state.path().join(folder).join("journal.db"), b"facts").unwrap();
        }
        symlink(&shared, state.path().join("link")).unwrap();
        hand_over(state.path()).unwrap();
        for made in ["journal.db", "backups", "backups/journal.db"] {
            assert_eq!(symlink_metadata(state.path().join(made)).unwrap().uid(), of, "{made}");
        }
        assert_eq!(symlink_metadata(&shared).unwrap().uid(), own, "through a link");
        std::fs::hard_link(&shared, state.path().join("name")).unwrap();
        assert_eq!(hand_over(state.path()).unwrap(), 0, "what has other names is left alone");
    }
}
