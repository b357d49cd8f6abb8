//! Reads what the kernel and the system say of this machine, below a folder that is `/` everywhere but in tests.
//!
//! What is not there, or cannot be read from within the unit, is unknown; nothing is guessed from it.

use std::path::{Path, PathBuf};

/// The largest text that is read: a long list of sockets.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Reads below a folder.
#[derive(Clone, Debug)]
pub(crate) struct Eye {
    root: PathBuf,
}

impl Eye {
    /// Reads this machine.
    pub(crate) fn open() -> Self {
        Self { root: PathBuf::from("/") }
    }

    /// Reads a machine that lies in a folder.
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Returns a text; none where it cannot be read.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        use std::io::Read as _;
        let file = std::fs::File::open(self.path(path)).ok()?;
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Returns a text of one word.
    pub(crate) fn word(&self, path: &str) -> Option<String> {
        self.text(path).map(|text| text.trim().to_owned())
    }

    /// Returns the names in a folder, in order; nothing where there is none.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path(path)) else { return Vec::new() };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether there is something.
    pub(crate) fn is_there(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Whether there is a link that leads to a place.
    pub(crate) fn leads_to(&self, path: &str, place: &str) -> bool {
        std::fs::read_link(self.path(path)).is_ok_and(|to| to == Path::new(place))
    }
}
