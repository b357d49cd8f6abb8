//! The content that can be played: which, by which file, and what the desk is told of it.
//!
//! The content store's thread writes here and everybody else reads. Whoever takes a file says when it plays, so that it
//! is not removed under them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use machiai_core::program::content::ContentHash;
use machiai_core::time::{AtMs, MINUTE_MS};
use machiai_panel::Layout;
use serde::Serialize;

/// For how long after it was taken a file is not removed, in milliseconds: the longest film, and the wait before it.
const TAKEN_FOR_MS: i64 = 15 * MINUTE_MS;

/// What is told of the content store.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct ContentStatus {
    /// Pieces of content that can be played.
    pub(crate) n_contents: usize,
    /// Films that wait to be prepared, and files that wait to be taken in.
    pub(crate) n_waiting: usize,
    /// Whether films can be prepared: without the program they air as they came.
    pub(crate) can_prepare: bool,
    /// What is held, in bytes.
    pub(crate) size_bytes: u64,
    /// What may be held, in bytes.
    pub(crate) quota_bytes: u64,
    /// What may be held beside what must stay, in bytes.
    pub(crate) room_bytes: u64,
    /// What is refused, and why.
    pub(crate) refused: Vec<RefusedFile>,
}

/// Why a piece of content does not come from the hub, by code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeldUp {
    /// What came was not it.
    WrongBytes,
    /// There is no room for it.
    NoRoom,
    /// The hub has no such content.
    Unknown,
}

/// What comes from the hub.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Coming {
    /// Pieces of content that the program names and the disk lacks.
    pub(crate) n_missing: usize,
    /// The one that comes now.
    pub(crate) content: Option<ContentHash>,
    /// Bytes of it that are here.
    pub(crate) n_bytes: u64,
    /// Bytes that it has.
    pub(crate) size_bytes: u64,
    /// What is let be for a while, and why.
    pub(crate) held_up: BTreeMap<ContentHash, HeldUp>,
}

/// Returns the content that lies whole in the folder in which content comes, and waits to be taken in.
pub(crate) fn whole_in(coming: &Path) -> BTreeSet<ContentHash> {
    let entries = std::fs::read_dir(coming).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A file that is not fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedFile {
    /// Its name, or its title; none for one that was refused before the last start and that nobody told of.
    pub(crate) name: Option<String>,
    /// Its hash; none for one that was not read through.
    pub(crate) content: Option<ContentHash>,
    /// The code, as in the letter beside the file: `film-damaged`.
    pub(crate) code: String,
    /// The reason in Japanese.
    pub(crate) ja: String,
    /// The reason in English.
    pub(crate) en: String,
}

/// The file that a piece of content is played by, on monitors of each layout.
pub(crate) type Files = BTreeMap<Layout, PathBuf>;

/// What lies on the disk and can be played.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Where the content store stands.
    folder: PathBuf,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    files: BTreeMap<ContentHash, Files>,
    /// How monitors hang here, as far as screens said so.
    layouts: BTreeSet<Layout>,
    /// Their keys, shared with whoever asks: the program is asked after every fact.
    on_disk: Arc<BTreeSet<ContentHash>>,
    /// The content of which there is a small picture.
    pictures: BTreeSet<ContentHash>,
    /// When what was taken plays.
    taken: BTreeMap<ContentHash, AtMs>,
    status: ContentStatus,
    coming: Coming,
    /// Whether somebody wants what is missing to be asked for at once.
    is_pulled: bool,
}

impl Contents {
    /// Begins with nothing to be played; the store in the folder says more.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, shelf: Mutex::default() }
    }

    /// Returns where the content store stands.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns where content from the hub lies until it is taken in: `<hash>`, and `<hash>.part` until it is whole.
    pub(crate) fn coming_folder(&self) -> PathBuf {
        self.folder.join("coming")
    }

    /// Says how much of a piece of content has come, and how much it is.
    pub(crate) fn comes(&self, content: ContentHash, (n_bytes, size_bytes): (u64, u64)) {
        let coming = &mut self.shelf().coming;
        (coming.content, coming.n_bytes, coming.size_bytes) = (Some(content), n_bytes, size_bytes);
    }

    /// Says that nothing comes just now, how much is missing, and what is held up.
    pub(crate) fn rests(&self, n_missing: usize, held_up: BTreeMap<ContentHash, HeldUp>) {
        self.shelf().coming = Coming { n_missing, held_up, ..Coming::default() };
    }

    /// Returns what comes from the hub.
    pub(crate) fn coming(&self) -> Coming {
        self.shelf().coming.clone()
    }

    /// Has what is missing asked for at once, whatever went wrong before.
    pub(crate) fn pull(&self) {
        self.shelf().is_pulled = true;
    }

    /// Whether what is missing is to be asked for at once; says so once.
    pub(crate) fn take_pull(&self) -> bool {
        std::mem::take(&mut self.shelf().is_pulled)
    }

    /// Whether what came of some content was not it.
    pub(crate) fn has_wrong(&self) -> bool {
        self.shelf().coming.held_up.values().any(|why| *why == HeldUp::WrongBytes)
    }

    /// Says what can be played from now on, and what is told of it.
    pub(crate) fn put(&self, files: BTreeMap<ContentHash, Files>, status: ContentStatus) {
        let mut shelf = self.shelf();
        shelf.taken.retain(|content, _| files.contains_key(content));
        shelf.on_disk = Arc::new(files.keys().copied().collect());
        (shelf.files, shelf.status) = (files, status);
    }

    /// Returns what can be played.
    pub(crate) fn on_disk(&self) -> Arc<BTreeSet<ContentHash>> {
        Arc::clone(&self.shelf().on_disk)
    }

    /// Says of which content there is a small picture.
    pub(crate) fn put_pictures(&self, pictures: BTreeSet<ContentHash>) {
        self.shelf().pictures = pictures;
    }

    /// Returns of which content there is a small picture.
    pub(crate) fn pictures(&self) -> BTreeSet<ContentHash> {
        self.shelf().pictures.clone()
    }

    /// Says that a monitor hangs so: what it plays is prepared for it from now on.
    pub(crate) fn hangs(&self, layout: Layout) {
        self.shelf().layouts.insert(layout);
    }

    /// Returns how monitors hang here.
    pub(crate) fn layouts(&self) -> BTreeSet<Layout> {
        self.shelf().layouts.clone()
    }

    /// Takes a piece of content that plays at an instant on a monitor: where it lies; none for one that does not.
    pub(crate) fn take(&self, content: ContentHash, layout: Layout, at: AtMs) -> Option<PathBuf> {
        let mut shelf = self.shelf();
        let file = shelf.files.get(&content)?.get(&layout).cloned()?;
        shelf.taken.insert(content, at);
        Some(file)
    }

    /// Returns when each piece of content was last taken for, since the start.
    pub(crate) fn taken(&self) -> BTreeMap<ContentHash, AtMs> {
        self.shelf().taken.clone()
    }

    /// Lets nobody take a piece of content any more, unless somebody has just taken it: then it stays, and false.
    pub(crate) fn let_go(&self, content: ContentHash, now: AtMs) -> bool {
        let mut shelf = self.shelf();
        let is_taken = shelf.taken.get(&content).is_some_and(|at| now.since(*at) < TAKEN_FOR_MS);
        if !is_taken && shelf.files.remove(&content).is_some() {
            Arc::make_mut(&mut shelf.on_disk).remove(&content);
        }
        !is_taken
    }

    /// Returns what is told of the content store.
    pub(crate) fn status(&self) -> ContentStatus {
        self.shelf().status.clone()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_took_is_not_let_go_until_it_has_played() {
        let contents = Contents::new(PathBuf::new());
        let (played, other) = (ContentHash::from_bytes([1; 32]), ContentHash::from_bytes([2; 32]));
        let of = |landscape: &str, portrait: &str| {
            let files = [(Layout::Landscape, landscape), (Layout::Portrait, portrait)];
            files.map(|(layout, path)| (layout, PathBuf::from(path))).into()
        };
        let files = BTreeMap::from([(played, of("/1", "/1p")), (other, of("/2", "/2p"))]);
        contents.put(files, ContentStatus::default());
        let landscape = Layout::Landscape;
        assert_eq!(contents.take(played, Layout::Portrait, AtMs(900)), Some(PathBuf::from("/1p")));
        assert_eq!(contents.take(played, landscape, AtMs(1_000)), Some(PathBuf::from("/1")));
        assert!(!contents.let_go(played, AtMs(2_000)));
        assert!(contents.let_go(other, AtMs(2_000)));
        assert_eq!(contents.take(other, landscape, AtMs(2_000)), None, "it is about to be removed");
        assert_eq!(*contents.on_disk(), BTreeSet::from([played]));
        assert!(contents.let_go(played, AtMs(1_000 + TAKEN_FOR_MS)));
    }
}
