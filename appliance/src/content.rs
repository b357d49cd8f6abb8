//! The content store: films and stills by the hash of their bytes, each decoded in full and prepared before it counts.
//!
//! ```text
//! STATE/content/originals/<hash>           the file as it came; airings name its hash
//! STATE/content/prepared/<hash>-<w>x<h>    the film as it is played
//! STATE/content/verdicts/<hash>.json       what was found in it, or why it is refused
//! ```
//!
//! Whatever stands under a name is whole. No decoder runs in this process. All of it can be made again from the hub and
//! the clinic's own files; what may air stands in the facts, never here.

mod child;
mod ear;
pub(crate) mod keeper;
mod kinds;
mod places;
mod room;
mod served;
pub mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use machiai_core::program::content::{ContentHash, ContentTrouble};
use machiai_panel::film::{Findings, Order, Reason, Refused};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use child::ChildError;
use child::{Room, Task};
use places::{Aside, Places};
pub use room::Keep;

/// How often a film may see its preparing process killed, or stand still, before the film counts as the reason.
const MOST_TRIES: u8 = 3;

/// The longest verdict that is read, in bytes.
const MOST_VERDICT: u64 = 600 * 1_024;

/// What a store needs to know.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where it stands: `STATE/content`.
    pub folder: PathBuf,
    /// `machiai-screen`.
    pub program: PathBuf,
    /// Width and height of each region that films play in, in pixels; the first one's findings are kept.
    pub regions: Vec<(u32, u32)>,
    /// The longest film, in milliseconds.
    pub most_ms: u32,
    /// The largest file, in bytes.
    pub most_bytes: u64,
    /// All that the store may hold, in bytes.
    pub quota_bytes: u64,
    /// For how long the preparing process may say nothing.
    pub silent_for: Duration,
}

/// What is known of a piece of content once it was decoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It plays.
    Prepared(Findings),
    /// It is in quarantine.
    Refused(Refused),
}

/// What became of a film that was brought, or waited.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Its hash; none where it was refused at first sight, before all of it was read.
    pub content: Option<ContentHash>,
    /// What was found.
    pub verdict: Verdict,
    /// What had to go for it.
    pub evicted: Vec<ContentHash>,
}

/// A piece of content that can air.
#[derive(Clone, Debug, PartialEq)]
pub struct OnDisk {
    /// The file to play: prepared for the region, or else the original.
    pub path: PathBuf,
    /// What was found in it; none for an original that was not decoded yet.
    pub findings: Option<Findings>,
    /// Whether the file was prepared for the region.
    pub is_prepared: bool,
}

/// The store cannot be used.
#[derive(Debug, Error)]
#[error("cannot {step} in the content store {folder}")]
pub struct StoreError {
    /// What was tried.
    pub step: &'static str,
    /// The store.
    pub folder: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// A file was not taken in, and may be brought again.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file changed while it was copied.
    #[error("{path} changed while it was read")]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// Its bytes are not those that were expected.
    #[error("the bytes of {content} are those of {found}")]
    WrongBytes {
        /// What was expected.
        content: ContentHash,
        /// What came.
        found: ContentHash,
    },
    /// All that is held is to be kept.
    #[error("no room for {n_bytes} bytes more")]
    NoRoom {
        /// How much more was needed.
        n_bytes: u64,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be decoded for now.
    #[error("cannot prepare {content}")]
    Child {
        /// Which.
        content: ContentHash,
        /// Why.
        #[source]
        source: ChildError,
    },
}

/// What is asked before a piece of content is removed for want of room: whether it may go now.
pub type MayGo = Box<dyn Fn(ContentHash) -> bool + Send>;

/// Returns the content that lies in a store's folder, for whoever asks beside the thread that has the store.
pub(crate) fn hashes_in(folder: &Path) -> BTreeSet<ContentHash> {
    let named = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.get(..64)?.parse().ok();
    let places = ["originals", "prepared"].map(|place| fs::read_dir(folder.join(place)));
    places.into_iter().flatten().flatten().filter_map(named).collect()
}

/// Returns the small picture of a piece of content, JPEG; none where there is none.
pub(crate) fn picture_in(folder: &Path, content: ContentHash) -> Option<Vec<u8>> {
    let verdict = read_verdict(&folder.join("verdicts").join(format!("{content}.json")))?;
    match verdict {
        Verdict::Prepared(findings) => BASE64_STANDARD.decode(findings.picture?).ok(),
        Verdict::Refused(_) => None,
    }
}

/// The store; one thread has it.
pub struct Store {
    setup: Setup,
    places: Places,
    verdicts: BTreeMap<ContentHash, Verdict>,
    n_tries: BTreeMap<ContentHash, u8>,
    may_go: MayGo,
    stop: Arc<AtomicBool>,
}

impl Store {
    /// Opens the store, sweeps what a crash left half made, and reads what is known.
    ///
    /// # Errors
    /// [`StoreError`]: nothing new can air.
    pub fn open(setup: Setup) -> Result<Self, StoreError> {
        let failed = |source| StoreError { step: "open the folders", folder: setup.folder.clone(), source };
        let places = Places::open(&setup.folder).map_err(failed)?;
        let mut verdicts = BTreeMap::new();
        for (name, path) in places::list(&places.verdicts).map_err(failed)? {
            let hash = name.strip_suffix(".json").and_then(|name| name.parse::<ContentHash>().ok());
            if let Some((hash, verdict)) = hash.zip(read_verdict(&path)) {
                verdicts.insert(hash, verdict);
            }
        }
        let may_go: MayGo = Box::new(|_| true);
        Ok(Self { setup, places, verdicts, n_tries: BTreeMap::new(), may_go, stop: Arc::default() })
    }

    /// Lets somebody who plays films say whether one may go now.
    #[must_use]
    pub fn asking(self, may_go: MayGo) -> Self {
        Self { may_go, ..self }
    }

    /// Returns what ends the preparing process, set from another thread.
    #[must_use]
    pub fn stopper(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Sets the program that prepares.
    pub fn use_program(&mut self, program: PathBuf) {
        self.setup.program = program;
    }

    /// Sets the regions that films play in; what lacks one of them waits.
    pub fn use_regions(&mut self, regions: Vec<(u32, u32)>) {
        self.setup.regions = regions;
    }

    /// Returns the regions for which anything was prepared.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn regions(&self) -> Result<BTreeSet<(u32, u32)>, StoreError> {
        let prepared = places::list(&self.places.prepared).map_err(|source| self.failed("look", source))?;
        Ok(prepared.iter().filter_map(|(name, _)| Places::region_of(name)).collect())
    }

    /// Returns what can air in a region, and by which file: never what is in quarantine.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn on_disk(&self, region: (u32, u32)) -> Result<BTreeMap<ContentHash, OnDisk>, StoreError> {
        let originals = places::list(&self.places.originals).map_err(|source| self.failed("look", source))?;
        let hashes = originals.iter().filter_map(|(name, _)| name.parse::<ContentHash>().ok());
        let on_disk = hashes.filter_map(|hash| {
            let findings = match self.verdicts.get(&hash) {
                Some(Verdict::Refused(_)) => return None,
                Some(Verdict::Prepared(findings)) => Some(findings.clone()),
                None => None,
            };
            let prepared = self.places.prepared(hash, region);
            let is_prepared = prepared.exists();
            let path = if is_prepared { prepared } else { self.places.original(hash) };
            Some((hash, OnDisk { path, findings, is_prepared }))
        });
        Ok(on_disk.collect())
    }

    /// Lists what is in quarantine, with the reason.
    pub fn quarantined(&self) -> impl Iterator<Item = (ContentHash, &Refused)> {
        self.verdicts.iter().filter_map(|(hash, verdict)| match verdict {
            Verdict::Refused(refused) => Some((*hash, refused)),
            Verdict::Prepared(_) => None,
        })
    }

    /// Lists the originals that wait to be decoded, after a crash or a new region: [`Store::prepare`] them.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn waiting(&self) -> Result<BTreeSet<ContentHash>, StoreError> {
        let mut waiting = BTreeSet::new();
        for region in &self.setup.regions {
            let lacks = self.on_disk(*region)?.into_iter().filter(|(_, one)| !one.is_prepared);
            waiting.extend(lacks.map(|(hash, _)| hash));
        }
        Ok(waiting)
    }

    /// Takes a file in: copied, decoded in full, prepared. It is left where it is.
    ///
    /// # Errors
    /// [`ImportError`]: nothing of it is kept, and it may be brought again.
    pub fn import(&mut self, path: &Path, expected: Option<ContentHash>, keep: &Keep) -> Result<Imported, ImportError> {
        let read = |source| ImportError::Read { path: path.to_owned(), source };
        let file = places::open_plain(path).map_err(read)?;
        let before = file.metadata().map_err(read)?;
        if let Some(reason) = self.at_first_sight(&file, before.len()) {
            let verdict = Verdict::Refused(Refused { reason, detail: format!("{} bytes", before.len()) });
            return Ok(Imported { content: expected, verdict, evicted: Vec::new() });
        }
        let mut evicted = self.make_room(before.len(), keep)?;
        let step = |source| self.failed("copy a file", source);
        let mut aside = Aside::begin(&self.places.originals).map_err(step)?;
        let copied = places::copy(&file, &mut aside.file, self.setup.most_bytes);
        let content = copied.map_err(step)?;
        let after = file.metadata().map_err(read)?;
        let same = |meta: &fs::Metadata| (meta.len(), meta.mtime(), meta.mtime_nsec());
        if same(&before) != same(&after) {
            return Err(ImportError::Changed { path: path.to_owned() });
        }
        if let Some(expected) = expected.filter(|expected| *expected != content) {
            return Err(ImportError::WrongBytes { content: expected, found: content });
        }
        if let Some(refused @ Verdict::Refused(_)) = self.verdicts.get(&content) {
            return Ok(Imported { content: Some(content), verdict: refused.clone(), evicted });
        }
        let original = self.places.original(content);
        let was_there = original.exists();
        aside.keep(&original).map_err(|source| self.failed("keep a file", source))?;
        let prepared = self.prepare(content, keep);
        let may_stay = was_there || keep.hashes.contains(&content);
        if matches!(prepared, Err(ImportError::NoRoom { .. })) && !may_stay {
            self.remove_files(content).map_err(|source| self.failed("remove a file", source))?;
        }
        let mut imported = prepared?;
        evicted.append(&mut imported.evicted);
        Ok(Imported { evicted, ..imported })
    }

    /// Takes in a file whose bytes were found to be those of its hash, and which lies on the store's own disk: it goes
    /// from where it was and waits to be decoded, or is refused and gone.
    ///
    /// # Errors
    /// [`ImportError`]: it lies where it was.
    pub fn adopt(&mut self, path: &Path, content: ContentHash, keep: &Keep) -> Result<Option<Verdict>, ImportError> {
        let read = |source| ImportError::Read { path: path.to_owned(), source };
        let file = places::open_plain(path).map_err(read)?;
        let n_bytes = file.metadata().map_err(read)?.len();
        if let Some(reason) = self.at_first_sight(&file, n_bytes) {
            self.judge(content, Verdict::Refused(Refused { reason, detail: format!("{n_bytes} bytes") }))?;
        }
        if let Some(refused @ Verdict::Refused(_)) = self.verdicts.get(&content) {
            fs::remove_file(path).map_err(|source| self.failed("remove a file", source))?;
            return Ok(Some(refused.clone()));
        }
        self.make_room(n_bytes, keep)?;
        let original = self.places.original(content);
        let kept = fs::rename(path, &original).and_then(|()| places::sync_folder(&original));
        kept.map_err(|source| self.failed("keep a file", source))?;
        Ok(None)
    }

    /// Refuses a file for what is seen without reading it through.
    fn at_first_sight(&self, file: &fs::File, n_bytes: u64) -> Option<Reason> {
        let mut head = [0; kinds::N_HEAD];
        let n_head = file.read_at(&mut head, 0).unwrap_or(0);
        if n_bytes > self.setup.most_bytes {
            return Some(Reason::TooManyBytes);
        }
        if n_bytes == 0 {
            return Some(Reason::Empty);
        }
        let is_taken = head.get(..n_head).is_some_and(kinds::is_taken);
        (!is_taken).then_some(Reason::NotAFilm)
    }

    /// Decodes an original in full, prepares it for each region that lacks it, and makes room for what was prepared.
    ///
    /// # Errors
    /// [`ImportError`]: the original stays, and may be tried again.
    pub fn prepare(&mut self, content: ContentHash, keep: &Keep) -> Result<Imported, ImportError> {
        let lacks: Vec<(u32, u32)> =
            self.setup.regions.iter().copied().filter(|one| !self.places.prepared(content, *one).exists()).collect();
        for region in lacks {
            let known = self.verdicts.get(&content).cloned();
            match (self.prepare_for(content, region, keep)?, known) {
                (Ok(_), Some(Verdict::Prepared(_))) => {}
                (Ok(findings), None | Some(Verdict::Refused(_))) => self.judge(content, Verdict::Prepared(findings))?,
                (Err(refused), _) => {
                    self.judge(content, Verdict::Refused(refused))?;
                    self.remove_files(content).map_err(|source| self.failed("remove a file", source))?;
                    break;
                }
            }
        }
        let known = self.verdicts.get(&content).cloned();
        let verdict = known.ok_or_else(|| {
            ImportError::Store(self.failed("find a film's verdict", io::Error::from(io::ErrorKind::NotFound)))
        })?;
        let mut keep_too = keep.clone();
        keep_too.hashes.insert(content);
        let evicted = self.make_room(0, &keep_too)?;
        Ok(Imported { content: Some(content), verdict, evicted })
    }

    fn prepare_for(
        &mut self,
        content: ContentHash,
        region: (u32, u32),
        keep: &Keep,
    ) -> Result<Result<Findings, Refused>, ImportError> {
        let step = |source| self.failed("prepare a film", source);
        let film = places::open_plain(&self.places.original(content)).map_err(step)?;
        let aside = Aside::begin(&self.places.prepared).map_err(step)?;
        let room = self.room(content, keep).map_err(step)?;
        let answer = child::prepare(Task {
            program: &self.setup.program,
            order: Order { width_px: region.0, height_px: region.1, most_ms: self.setup.most_ms },
            film,
            prepared: aside.file.try_clone().map_err(step)?,
            room,
            silent_for: self.setup.silent_for,
            stop: &self.stop,
        });
        match answer {
            Ok(Ok(findings)) => {
                aside.keep(&self.places.prepared(content, region)).map_err(step)?;
                Ok(Ok(findings))
            }
            Ok(Err(refused)) => Ok(Err(refused)),
            Err(ChildError::NoRoom) => Err(ImportError::NoRoom { n_bytes: room.now_bytes.saturating_add(1) }),
            Err(source) => self.tried(content, source).map(Err),
        }
    }

    /// Counts a try that came to nothing, and says from when on the film is the reason.
    fn tried(&mut self, content: ContentHash, source: ChildError) -> Result<Refused, ImportError> {
        let reason = match &source {
            ChildError::Killed => Some(Reason::Crashed),
            ChildError::Stuck => Some(Reason::Stalled),
            ChildError::Start { .. }
            | ChildError::Bounds(_)
            | ChildError::NoRoom
            | ChildError::Stopped
            | ChildError::Failed { .. } => None,
        };
        let n_tries = self.n_tries.entry(content).or_default();
        *n_tries = n_tries.saturating_add(u8::from(reason.is_some()));
        match reason.filter(|_| *n_tries >= MOST_TRIES) {
            Some(reason) => Ok(Refused { reason, detail: source.to_string() }),
            None => Err(ImportError::Child { content, source }),
        }
    }

    /// Measures how large what is prepared of a piece of content may become.
    fn room(&self, content: ContentHash, keep: &Keep) -> io::Result<Room> {
        let held = self.held()?;
        let own = held.get(&content).copied().unwrap_or(0);
        let kept = held.iter().filter(|(hash, _)| keep.hashes.contains(hash) && **hash != content);
        let kept = kept.fold(own, |total, (_, bytes)| total.saturating_add(*bytes));
        let quota_bytes = self.setup.quota_bytes;
        Ok(Room { alone_bytes: quota_bytes.saturating_sub(own), now_bytes: quota_bytes.saturating_sub(kept) })
    }

    /// Makes room for so many bytes more, and returns what had to go.
    ///
    /// # Errors
    /// [`ImportError::NoRoom`]: all that is held is to be kept; nothing was removed.
    pub fn make_room(&mut self, n_bytes: u64, keep: &Keep) -> Result<Vec<ContentHash>, ImportError> {
        let held = self.held().map_err(|source| self.failed("measure what is held", source))?;
        let mut keep = keep.clone();
        let evicted = loop {
            let evicted = room::decide_evicted(&held, &keep, n_bytes, self.setup.quota_bytes);
            let evicted = evicted.ok_or(ImportError::NoRoom { n_bytes })?;
            // Each turn keeps one more, so that there is an end.
            match evicted.iter().find(|hash| !(self.may_go)(**hash)) {
                Some(hash) => keep.hashes.insert(*hash),
                None => break evicted,
            };
        };
        for hash in &evicted {
            self.remove_files(*hash).map_err(|source| self.failed("remove a file", source))?;
        }
        Ok(evicted)
    }

    /// Measures all that is held, in bytes.
    ///
    /// # Errors
    /// The folders cannot be read.
    pub fn held_bytes(&self) -> Result<u64, StoreError> {
        let held = self.held().map_err(|source| self.failed("measure what is held", source))?;
        Ok(held.values().fold(0, |total: u64, bytes| total.saturating_add(*bytes)))
    }

    /// Measures what the store can hold beside what is to be kept, in bytes.
    ///
    /// # Errors
    /// The folders cannot be read.
    pub fn room_bytes(&self, keep: &Keep) -> Result<u64, StoreError> {
        let held = self.held().map_err(|source| self.failed("measure what is held", source))?;
        let kept = held.iter().filter(|(hash, _)| keep.hashes.contains(hash));
        let kept = kept.fold(0_u64, |total, (_, bytes)| total.saturating_add(*bytes));
        Ok(self.setup.quota_bytes.saturating_sub(kept))
    }

    /// Measures what is held of each piece of content.
    fn held(&self) -> io::Result<BTreeMap<ContentHash, u64>> {
        let mut held = BTreeMap::new();
        for place in [&self.places.originals, &self.places.prepared] {
            for (name, path) in places::list(place)? {
                let hash = name.split('-').next().and_then(|hash| hash.parse::<ContentHash>().ok());
                if let Some(hash) = hash {
                    *held.entry(hash).or_default() += fs::metadata(path)?.len();
                }
            }
        }
        Ok(held)
    }

    fn judge(&mut self, content: ContentHash, verdict: Verdict) -> Result<(), StoreError> {
        let path = self.places.verdict(content);
        let written = serde_json::to_vec(&verdict)
            .map_err(io::Error::other)
            .and_then(|bytes| places::write_whole(&self.places.verdicts, &path, &bytes));
        written.map_err(|source| self.failed("write a verdict", source))?;
        self.verdicts.insert(content, verdict);
        Ok(())
    }

    /// Removes the files of a piece of content, the prepared ones first; its verdict stays.
    fn remove_files(&self, content: ContentHash) -> io::Result<()> {
        let prefix = format!("{content}-");
        let prepared = places::list(&self.places.prepared)?.into_iter().filter(|(name, _)| name.starts_with(&prefix));
        let paths = prepared.map(|(_, path)| path).chain([self.places.original(content)]);
        for path in paths {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        places::sync_folder(&self.places.original(content))
    }

    fn failed(&self, step: &'static str, source: io::Error) -> StoreError {
        StoreError { step, folder: self.setup.folder.clone(), source }
    }
}

/// Reads a verdict; one that cannot be read is found again by decoding.
fn read_verdict(path: &Path) -> Option<Verdict> {
    let mut bytes = Vec::new();
    fs::File::open(path).and_then(|file| file.take(MOST_VERDICT).read_to_end(&mut bytes)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Returns what a reason is among the facts.
#[must_use]
pub const fn trouble(reason: Reason) -> ContentTrouble {
    match reason {
        Reason::Empty | Reason::NoPicture => ContentTrouble::Empty,
        Reason::TooLong | Reason::TooLarge | Reason::TooManyBytes => ContentTrouble::TooLarge,
        Reason::NotAFilm
        | Reason::UnknownCodec
        | Reason::Damaged
        | Reason::CutShort
        | Reason::Stalled
        | Reason::Crashed => ContentTrouble::Undecodable,
    }
}
