//! A watched folder, or a stick: files that stand still are taken in, and then lie in `processed/` or in `error/`.
//!
//! A scan decides, whatever brought it on: a network folder tells nobody of its changes. A file that is still being
//! copied waits.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use machiai_core::facts::Lang;
use machiai_panel::Words;
use machiai_panel::film::Refused;
use machiai_panel::words::fill;

use super::places::{list, write_whole};
use super::{ImportError, Imported, Keep, Store, Verdict};

/// For how long a file must not change before it counts as whole, in milliseconds.
const STILL_FOR_MS: u64 = 2_000;

/// After how long a file that could not be taken in is tried again, in milliseconds.
const AGAIN_AFTER_MS: u64 = 60_000;

/// Endings under which other programs write what is not whole yet.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".crdownload", ".filepart"];

/// How a file looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looks {
    n_bytes: u64,
    changed_at: (i64, i64),
}

/// What is known of a file in the folder.
#[derive(Clone, Copy, Debug)]
struct Seen {
    looks: Looks,
    /// When it is due, unless it changes.
    due_at_ms: Option<u64>,
}

/// A folder from which files are taken in.
#[derive(Debug)]
pub struct Watched {
    folder: PathBuf,
    words: Words,
    seen: BTreeMap<String, Seen>,
}

/// What a look did with one file.
#[derive(Debug)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// What became of it; an error leaves it where it is, and it is tried again.
    pub result: Result<Imported, ImportError>,
    /// Where it lies now.
    pub path: PathBuf,
}

impl Watched {
    /// Watches a folder; what lies there is seen by the first look.
    #[must_use]
    pub const fn new(folder: PathBuf, words: Words) -> Self {
        Self { folder, words, seen: BTreeMap::new() }
    }

    /// Looks into the folder and takes in what has stood still.
    ///
    /// `now_ms` is a clock that never goes back. A look lasts as long as the films take to be prepared.
    ///
    /// # Errors
    /// The folder cannot be read: look again later.
    pub fn look(&mut self, store: &mut Store, keep: &Keep, now_ms: u64) -> io::Result<Vec<Taken>> {
        let due = self.due(now_ms)?;
        let mut done = Vec::new();
        for name in due {
            let taken = self.take(name, store, keep, now_ms);
            done.push(self.put_away(taken));
        }
        Ok(done)
    }

    /// Takes in one file that is due; it lies where it was until it is put away.
    pub fn take(&mut self, name: String, store: &mut Store, keep: &Keep, now_ms: u64) -> Taken {
        let path = self.folder.join(&name);
        let result = store.import(&path, None, keep);
        if let Some(seen) = self.seen.get_mut(&name) {
            seen.due_at_ms = Some(now_ms.saturating_add(AGAIN_AFTER_MS));
        }
        Taken { name, result, path }
    }

    /// Puts a file away that was taken in or refused; one that is to be tried again stays.
    pub fn put_away(&mut self, taken: Taken) -> Taken {
        let Ok(imported) = &taken.result else { return taken };
        let moved = self.put_into(&taken.name, imported);
        // A stick that cannot be written keeps its files: they are done with, until they change.
        if let Some(seen) = self.seen.get_mut(&taken.name) {
            seen.due_at_ms = None;
        }
        let path = moved.unwrap_or_else(|_stays| taken.path.clone());
        Taken { path, ..taken }
    }

    /// Counts the files that are not done with.
    #[must_use]
    pub fn n_waiting(&self) -> usize {
        self.seen.values().filter(|seen| seen.due_at_ms.is_some()).count()
    }

    /// Returns the names of the files that have not changed for long enough.
    ///
    /// # Errors
    /// The folder cannot be read: look again later.
    pub fn due(&mut self, now_ms: u64) -> io::Result<Vec<String>> {
        let mut seen = BTreeMap::new();
        let mut due = Vec::new();
        for (name, path) in list(&self.folder)? {
            let Some(looks) = looks(&name, &path) else { continue };
            let known = self.seen.get(&name).filter(|known| known.looks == looks).copied();
            let known = known.unwrap_or(Seen { looks, due_at_ms: Some(now_ms.saturating_add(STILL_FOR_MS)) });
            if known.due_at_ms.is_some_and(|due_at_ms| due_at_ms <= now_ms) {
                due.push(name.clone());
            }
            seen.insert(name, known);
        }
        self.seen = seen;
        Ok(due)
    }

    fn put_into(&self, name: &str, imported: &Imported) -> io::Result<PathBuf> {
        let folder = match &imported.verdict {
            Verdict::Prepared(_) => self.folder.join("processed"),
            Verdict::Refused(_) => self.folder.join("error"),
        };
        fs::create_dir_all(&folder)?;
        let to = free_name(&folder, name);
        if let Verdict::Refused(refused) = &imported.verdict {
            let mut letter = to.clone().into_os_string();
            letter.push(".txt");
            write_whole(&folder, Path::new(&letter), self.letter(name, refused).as_bytes())?;
        }
        fs::rename(self.folder.join(name), &to)?;
        Ok(to)
    }

    /// Writes to whoever brought the file, in Japanese and in English.
    fn letter(&self, name: &str, refused: &Refused) -> String {
        let code = refused.reason.as_str();
        let said = |lang| {
            let word = |key| self.words.get(lang, "film", key).unwrap_or_default();
            let values = [("name", name), ("reason", word(code)), ("code", code), ("detail", refused.detail.as_str())];
            fill(word("letter"), &values)
        };
        // Notepad on the clinic's PC takes the mark for UTF-8.
        format!("\u{feff}{}\r\n\r\n{}\r\n", said(Lang::Ja), said(Lang::En))
    }
}

/// Returns how a file looks; none for what is no one's film yet.
fn looks(name: &str, path: &Path) -> Option<Looks> {
    let lower = name.to_lowercase();
    if name.starts_with(['.', '~']) || UNFINISHED.iter().any(|ending| lower.ends_with(ending)) {
        return None;
    }
    let meta = fs::symlink_metadata(path).ok()?;
    Some(Looks { n_bytes: meta.len(), changed_at: (meta.mtime(), meta.mtime_nsec()) })
}

/// Returns a path in a folder that nothing has: `film.mp4`, `2-film.mp4`…
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let names = std::iter::once(name.to_owned()).chain((2..u32::MAX).map(|nth| format!("{nth}-{name}")));
    let mut paths = names.map(|name| folder.join(name));
    paths.find(|path| !path.exists()).unwrap_or_else(|| folder.join(name))
}
