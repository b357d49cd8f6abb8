//! What a disk holds, and what it may hold after a power cut.
//!
//! A written byte is safe once its file was synced, a name once its folder was. Until then a cut keeps any part of the
//! writes, by sectors, and of the name changes a beginning. A sync that fails once makes the disk forget what it had to
//! write, while readers still see it (as Linux does since 4.13).

use std::collections::BTreeMap;

use crate::chance::Chance;

/// The smallest part of a file that reaches the disk whole.
const SECTOR_BYTES: usize = 512;

/// A file, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileNo(u32);

/// A change of what a disk holds, in the order made.
#[derive(Clone, Debug)]
pub enum Change {
    /// A file was made.
    Create(String),
    /// Bytes were written at an offset.
    Write(FileNo, usize, Vec<u8>),
    /// A file was cut to a length, or grown with zeros.
    Resize(FileNo, usize),
    /// A file's bytes were put on the disk.
    Sync(FileNo),
    /// A file's bytes could not be put on the disk, and will not be tried again.
    FailSync(FileNo),
    /// A name was given to another file, from an old name.
    Rename(String, String),
    /// A name was removed.
    Remove(String),
    /// The names were put on the disk.
    SyncNames,
}

/// How much of what was not synced a power cut keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// Any sectors and a beginning of the name changes.
    Some,
    /// The same, and one in eight of the sectors kept is garbage.
    Garbage,
}

#[derive(Clone, Debug, Default)]
struct Body {
    now: Vec<u8>,
    safe: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Clone, Debug)]
enum Pending {
    Write(usize, Vec<u8>),
    Resize(usize),
}

#[derive(Clone, Debug)]
enum Naming {
    Give(String, FileNo),
    Rename(String, String),
    Remove(String),
}

type Names = BTreeMap<String, FileNo>;

/// A disk's contents: as programs see them, and as a power cut would leave them.
#[derive(Clone, Debug, Default)]
pub struct Platter {
    bodies: BTreeMap<FileNo, Body>,
    names: Names,
    safe_names: Names,
    namings: Vec<Naming>,
    n_files: u32,
}

impl Platter {
    /// Makes one change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Create(name) => {
                let file = FileNo(self.n_files);
                self.n_files = self.n_files.saturating_add(1);
                self.bodies.insert(file, Body::default());
                self.name(Naming::Give(name.clone(), file));
            }
            Change::Write(file, at, bytes) => self.change(*file, Pending::Write(*at, bytes.clone())),
            Change::Resize(file, size) => self.change(*file, Pending::Resize(*size)),
            Change::Sync(file) => {
                if let Some(body) = self.bodies.get_mut(file) {
                    for pending in std::mem::take(&mut body.pending) {
                        pending.apply(&mut body.safe);
                    }
                }
            }
            Change::FailSync(file) => {
                if let Some(body) = self.bodies.get_mut(file) {
                    body.pending.clear();
                }
            }
            Change::Rename(from, to) => self.name(Naming::Rename(from.clone(), to.clone())),
            Change::Remove(name) => self.name(Naming::Remove(name.clone())),
            Change::SyncNames => {
                for naming in std::mem::take(&mut self.namings) {
                    naming.apply(&mut self.safe_names);
                }
            }
        }
    }

    fn change(&mut self, file: FileNo, pending: Pending) {
        if let Some(body) = self.bodies.get_mut(&file) {
            pending.apply(&mut body.now);
            body.pending.push(pending);
        }
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.namings.push(naming);
    }

    /// Returns the file of a name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<FileNo> {
        self.names.get(name).copied()
    }

    /// Returns the names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// Returns a file's bytes as programs see them.
    #[must_use]
    pub fn bytes(&self, file: FileNo) -> &[u8] {
        self.bodies.get(&file).map_or(&[], |body| &body.now)
    }

    /// Returns how many bytes the named files take up.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.names.values().map(|file| self.bytes(*file).len()).sum()
    }

    /// Returns what the disk holds when the power comes back.
    #[must_use]
    pub fn after_cut(&self, keep: Keep, chance: &mut Chance) -> Self {
        let mut names = self.safe_names.clone();
        let n_kept = match keep {
            Keep::Nothing => 0,
            Keep::Everything => self.namings.len(),
            Keep::Some | Keep::Garbage => chance.below(self.namings.len().saturating_add(1)),
        };
        self.namings.iter().take(n_kept).for_each(|naming| naming.apply(&mut names));
        let bodies = names.values().filter_map(|file| {
            let body = self.bodies.get(file)?;
            let mut safe = body.safe.clone();
            body.pending.iter().for_each(|pending| pending.tear(&mut safe, keep, chance));
            Some((*file, Body { now: safe.clone(), safe, pending: Vec::new() }))
        });
        let bodies = bodies.collect();
        Self { bodies, safe_names: names.clone(), names, namings: Vec::new(), n_files: self.n_files }
    }
}

impl Pending {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(at, written) => write(bytes, *at, written),
            Self::Resize(size) => resize(bytes, *size),
        }
    }

    fn tear(&self, bytes: &mut Vec<u8>, keep: Keep, chance: &mut Chance) {
        let is_kept = |chance: &mut Chance| match keep {
            Keep::Nothing => false,
            Keep::Everything => true,
            Keep::Some | Keep::Garbage => chance.draw() & 1 << 20 != 0,
        };
        match self {
            Self::Resize(_) if !is_kept(chance) => {}
            Self::Resize(size) => resize(bytes, *size),
            Self::Write(at, written) => {
                let first = (SECTOR_BYTES - at % SECTOR_BYTES).min(written.len());
                let (head, tail) = written.split_at(first);
                let mut at = *at;
                for sector in std::iter::once(head).chain(tail.chunks(SECTOR_BYTES)) {
                    if is_kept(chance) && keep == Keep::Garbage && chance.below(8) == 0 {
                        let garbage: Vec<u8> = sector.iter().map(|_| chance.draw().to_le_bytes()[3]).collect();
                        write(bytes, at, &garbage);
                    } else if is_kept(chance) {
                        write(bytes, at, sector);
                    }
                    at = at.saturating_add(sector.len());
                }
            }
        }
    }
}

fn write(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    let end = at.saturating_add(written.len());
    if bytes.len() < end {
        resize(bytes, end);
    }
    bytes[at..end].copy_from_slice(written);
}

fn resize(bytes: &mut Vec<u8>, size: usize) {
    bytes.truncate(size);
    // Copied, because filling byte by byte is slow without optimisation.
    while bytes.len() < size {
        let n_more = (size - bytes.len()).min(SECTOR_BYTES);
        bytes.extend_from_slice(&[0; SECTOR_BYTES][..n_more]);
    }
}

impl Naming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Give(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(synced: bool) -> Platter {
        let mut platter = Platter::default();
        platter.apply(&Change::Create("a".into()));
        let file = platter.file("a").unwrap();
        platter.apply(&Change::Write(file, 100, vec![1; 2_000]));
        if synced {
            platter.apply(&Change::Sync(file));
            platter.apply(&Change::SyncNames);
        }
        platter
    }

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_be_torn() {
        let kept = written(true).after_cut(Keep::Nothing, &mut Chance::new(1));
        assert_eq!(kept.bytes(kept.file("a").unwrap()), written(true).bytes(FileNo(0)));
        assert_eq!(written(false).after_cut(Keep::Nothing, &mut Chance::new(1)).file("a"), None);
        let torn = (0..50).filter(|seed| {
            let after = written(false).after_cut(Keep::Some, &mut Chance::new(*seed));
            after.file("a").is_some_and(|file| after.bytes(file) != written(false).bytes(file))
        });
        assert!(torn.count() > 10);
    }

    #[test]
    fn a_sync_that_failed_leaves_bytes_that_read_well_and_are_lost() {
        let mut platter = written(true);
        let file = platter.file("a").unwrap();
        platter.apply(&Change::Write(file, 0, vec![7; 10]));
        platter.apply(&Change::FailSync(file));
        platter.apply(&Change::Sync(file));
        assert_eq!(platter.bytes(file)[0], 7);
        let after = platter.after_cut(Keep::Everything, &mut Chance::new(1));
        assert_eq!(after.bytes(file)[0], 0);
    }
}
