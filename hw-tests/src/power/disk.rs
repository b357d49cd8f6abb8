//! A disk in memory, with a SQLite VFS of its own, a size, and syncs that can be told to fail.
//!
//! Each disk is apart from all others, so tests may run side by side. One disk serves one thread at a time.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use machiai_journal::files::{Files, Lock};

use super::platter::{Change, FileNo, Platter};
use super::vfs::Registered;
use crate::chance::Chance;

/// What a disk is told to do wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The disk's size in bytes; none for endless.
    pub size_bytes: Option<usize>,
    /// The sync that fails, counted from 1.
    pub failing_sync: Option<u64>,
    /// The write that fails, counted from 1.
    pub failing_write: Option<u64>,
    /// Whether nothing at all can be written, as by a system that has taken fright.
    pub is_read_only: bool,
}

#[derive(Debug, Default)]
pub(super) struct Machine {
    pub(super) platter: Platter,
    pub(super) changes: Vec<Change>,
    pub(super) keeps_changes: bool,
    pub(super) chance: Option<Chance>,
    pub(super) locks: BTreeMap<FileNo, super::vfs::Locks>,
    pub(super) faults: Faults,
    pub(super) n_syncs: u64,
    pub(super) n_writes: u64,
    pub(super) n_temporary: u64,
}

/// Why a simulated disk does not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The disk is full.
    Full,
    /// The disk failed.
    Failed,
}

impl Machine {
    pub(super) fn make(&mut self, change: Change) {
        self.platter.apply(&change);
        if self.keeps_changes {
            self.changes.push(change);
        }
    }

    pub(super) fn create(&mut self, name: &str) -> Result<FileNo, Refusal> {
        self.make(Change::Create(name.to_owned()));
        self.platter.file(name).ok_or(Refusal::Failed)
    }

    pub(super) fn write(&mut self, file: FileNo, at: usize, bytes: &[u8]) -> Result<(), Refusal> {
        self.n_writes += 1;
        if self.faults.is_read_only || self.faults.failing_write == Some(self.n_writes) {
            return Err(Refusal::Failed);
        }
        let more = at.saturating_add(bytes.len()).saturating_sub(self.platter.bytes(file).len());
        if more > self.free_bytes() {
            return Err(Refusal::Full);
        }
        self.make(Change::Write(file, at, bytes.to_vec()));
        Ok(())
    }

    pub(super) fn sync(&mut self, file: FileNo) -> Result<(), Refusal> {
        self.n_syncs += 1;
        if self.faults.is_read_only || self.faults.failing_sync == Some(self.n_syncs) {
            self.make(Change::FailSync(file));
            return Err(Refusal::Failed);
        }
        self.make(Change::Sync(file));
        Ok(())
    }

    fn free_bytes(&self) -> usize {
        let size = self.faults.size_bytes.unwrap_or(usize::MAX);
        size.saturating_sub(self.platter.used_bytes())
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => ErrorKind::StorageFull.into(),
            Refusal::Failed => Self::other("simulated failure"),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Machine>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A simulated disk; it goes when the last copy does.
#[derive(Clone, Debug)]
pub struct Disk {
    shared: Shared,
    vfs: Arc<Registered>,
}

impl Disk {
    /// Makes a disk that holds what a platter holds.
    ///
    /// # Errors
    /// When SQLite does not take the VFS.
    pub fn new(platter: Platter, seed: u64) -> io::Result<Self> {
        let machine = Machine { platter, chance: Some(Chance::new(seed)), ..Machine::default() };
        let shared = Shared(Arc::new(Mutex::new(machine)));
        let vfs = Arc::new(Registered::new(shared.clone())?);
        Ok(Self { shared, vfs })
    }

    /// Returns the journal's way to this disk.
    #[must_use]
    pub fn for_journal(&self) -> machiai_journal::Disk {
        machiai_journal::Disk::behind(self.vfs(), Arc::new(self.clone()))
    }

    /// Returns the name by which SQLite finds it.
    #[must_use]
    pub fn vfs(&self) -> &str {
        self.vfs.name()
    }

    /// Puts another content on the disk, as after a power cut; no file may be open.
    pub fn replace(&self, platter: Platter, seed: u64) {
        *self.shared.lock() = Machine { platter, chance: Some(Chance::new(seed)), ..Machine::default() };
    }

    /// Keeps every change from now on, in order.
    pub fn keep_changes(&self) {
        self.shared.lock().keeps_changes = true;
    }

    /// Tells the disk what to do wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.lock().faults = faults;
    }

    /// Returns how many changes were kept so far.
    #[must_use]
    pub fn n_changes(&self) -> usize {
        self.shared.lock().changes.len()
    }

    /// Returns the changes kept so far, in order.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.shared.lock().changes.clone()
    }

    /// Returns how many syncs were asked for so far.
    #[must_use]
    pub fn n_syncs(&self) -> u64 {
        self.shared.lock().n_syncs
    }

    /// Returns how many writes were asked for so far.
    #[must_use]
    pub fn n_writes(&self) -> u64 {
        self.shared.lock().n_writes
    }

    /// Returns how many bytes the files take up.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.shared.lock().platter.used_bytes()
    }

    /// Returns what the disk holds.
    #[must_use]
    pub fn platter(&self) -> Platter {
        self.shared.lock().platter.clone()
    }

    fn file(&self, path: &Path) -> io::Result<FileNo> {
        self.shared.lock().platter.file(&name_of(path)).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

fn name_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

impl Files for Disk {
    fn exists(&self, path: &Path) -> io::Result<bool> {
        Ok(self.file(path).is_ok())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let folder = format!("{}/", name_of(folder));
        let machine = self.shared.lock();
        Ok(machine.platter.names().filter_map(|name| name.strip_prefix(&folder)).map(str::to_owned).collect())
    }

    fn size(&self, path: &Path) -> io::Result<u64> {
        let file = self.file(path)?;
        Ok(u64::try_from(self.shared.lock().platter.bytes(file).len()).unwrap_or(u64::MAX))
    }

    fn read(&self, path: &Path, offset: u64, n_bytes: usize) -> io::Result<Vec<u8>> {
        let file = self.file(path)?;
        let machine = self.shared.lock();
        let bytes = machine.platter.bytes(file);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = start.saturating_add(n_bytes).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.file(from)?;
        self.shared.lock().make(Change::Rename(name_of(from), name_of(to)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.file(path).is_ok() {
            self.shared.lock().make(Change::Remove(name_of(path)));
        }
        Ok(())
    }

    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        self.shared.lock().make(Change::SyncNames);
        Ok(())
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let file = self.file(path)?;
        Ok(self.shared.lock().sync(file)?)
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let bytes = self.read(from, 0, usize::MAX)?;
        let file = self.shared.lock().create(&name_of(to))?;
        self.shared.lock().write(file, 0, &bytes)?;
        Ok(self.shared.lock().sync(file)?)
    }

    fn note(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = match self.file(path) {
            Ok(file) => file,
            Err(_) => self.shared.lock().create(&name_of(path))?,
        };
        Ok(self.shared.lock().write(file, 0, bytes)?)
    }

    fn fill(&self, path: &Path, size_bytes: u64) -> io::Result<()> {
        let file = self.shared.lock().create(&name_of(path))?;
        let bytes = vec![0x55; usize::try_from(size_bytes).unwrap_or(usize::MAX)];
        let written = self.shared.lock().write(file, 0, &bytes);
        if written.is_err() {
            self.remove(path)?;
        }
        written?;
        Ok(self.shared.lock().sync(file)?)
    }

    fn free_bytes(&self, _folder: &Path) -> io::Result<u64> {
        Ok(u64::try_from(self.shared.lock().free_bytes()).unwrap_or(u64::MAX))
    }

    fn lock(&self, _path: &Path) -> io::Result<Option<Lock>> {
        Ok(Some(Box::new(())))
    }
}
