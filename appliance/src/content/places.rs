//! The folders of the content store, and how a file comes to stand in one: written aside, synced, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use machiai_core::program::content::ContentHash;
use rustix::fs::{Mode, OFlags};

/// What a file is called until it is whole; whatever still is at a start was cut off.
const ASIDE: &str = ".aside";

/// How much is copied at once, in bytes.
const PIECE: usize = 1 << 20;

/// The folders.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// Files as they came, by their hash.
    pub(super) originals: PathBuf,
    /// Files as they are played, by the hash of the original and the region.
    pub(super) prepared: PathBuf,
    /// What was found in each.
    pub(super) verdicts: PathBuf,
}

impl Places {
    /// Makes the folders where they are missing, and sweeps what was cut off.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let place = |name: &str| folder.join(name);
        let places = Self { originals: place("originals"), prepared: place("prepared"), verdicts: place("verdicts") };
        for place in places.all() {
            fs::create_dir_all(place)?;
            for (name, path) in list(place)? {
                if name.starts_with(ASIDE) {
                    fs::remove_file(path)?;
                }
            }
        }
        Ok(places)
    }

    pub(super) fn all(&self) -> [&Path; 3] {
        [&self.originals, &self.prepared, &self.verdicts]
    }

    pub(super) fn original(&self, hash: ContentHash) -> PathBuf {
        self.originals.join(hash.to_string())
    }

    pub(super) fn verdict(&self, hash: ContentHash) -> PathBuf {
        self.verdicts.join(format!("{hash}.json"))
    }

    pub(super) fn prepared(&self, hash: ContentHash, (width_px, height_px): (u32, u32)) -> PathBuf {
        self.prepared.join(format!("{hash}-{width_px}x{height_px}"))
    }

    /// Returns the region that a file of this name was prepared for.
    pub(super) fn region_of(name: &str) -> Option<(u32, u32)> {
        let (width_px, height_px) = name.rsplit_once('-')?.1.split_once('x')?;
        width_px.parse().ok().zip(height_px.parse().ok())
    }
}

/// A file that is being written aside; dropped before it is kept, it is gone.
#[derive(Debug)]
pub(super) struct Aside {
    pub(super) file: File,
    path: PathBuf,
}

impl Aside {
    /// Begins a file in a folder; one is written there at a time.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        let path = folder.join(ASIDE);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        Ok(Self { file, path })
    }

    /// Gives it its name, for good.
    pub(super) fn keep(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)?;
        sync_folder(path)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Ok(()) => {}
            // It was kept.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "a half-made file was not removed"),
        }
    }
}

/// Writes a small file, whole or not at all.
pub(super) fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut aside = Aside::begin(folder)?;
    aside.file.write_all(bytes)?;
    aside.keep(path)
}

/// Syncs the folder of a path, without which a new name does not survive a power cut.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Opens a file of other people: no link, and nothing that would make the opening wait.
pub(super) fn open_plain(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file"));
    }
    Ok(file)
}

/// Copies a file and takes its hash on the way; more bytes than `most` are not copied.
pub(super) fn copy(from: &File, to: &mut File, most: u64) -> io::Result<ContentHash> {
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    let mut from = from.take(most.saturating_add(1));
    loop {
        let n_read = from.read(&mut piece)?;
        let Some(read) = piece.get(..n_read).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
        to.write_all(read)?;
    }
    Ok(ContentHash::from_bytes(*hasher.finalize().as_bytes()))
}

/// Lists the plain files of a folder with their names; names that are no text are left out.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.file_type()?.is_file()
        {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}
