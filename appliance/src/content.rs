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
mod kinds;
mod places;
mod room;
pub mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai_core::program::content::{ContentHash, ContentTrouble};
use machiai_panel::film::{Findings, Order, Reason, Refused};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use child::ChildError;
use child::Task;
use places::{Aside, Places};
pub use room::Keep;

/// How often a film may see its preparing process killed before the film counts as the reason.
const MOST_KILLED: u8 = 3;

/// The longest verdict that is read, in bytes.
const MOST_VERDICT: u64 = 64 * 1_024;

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

/// What became of a file that was brought.
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

/// The store; one thread has it.
#[derive(Debug)]
pub struct Store {
    setup: Setup,
    places: Places,
    verdicts: BTreeMap<ContentHash, Verdict>,
    n_killed: BTreeMap<ContentHash, u8>,
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
        Ok(Self { setup, places, verdicts, n_killed: BTreeMap::new() })
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
        let verdict = match self.verdicts.get(&content) {
            Some(refused @ Verdict::Refused(_)) => refused.clone(),
            Some(Verdict::Prepared(_)) | None => {
                aside.keep(&self.places.original(content)).map_err(|source| self.failed("keep a file", source))?;
                self.prepare(content)?
            }
        };
        evicted.extend(self.settle(content, keep)?);
        Ok(Imported { content: Some(content), verdict, evicted })
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

    /// Decodes an original in full and prepares it for each region that lacks it.
    ///
    /// # Errors
    /// [`ImportError`]: it stays as it is.
    pub fn prepare(&mut self, content: ContentHash) -> Result<Verdict, ImportError> {
        let lacks: Vec<(u32, u32)> =
            self.setup.regions.iter().copied().filter(|one| !self.places.prepared(content, *one).exists()).collect();
        for region in lacks {
            let known = self.verdicts.get(&content).cloned();
            match (self.prepare_for(content, region)?, known) {
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
        known.ok_or_else(|| {
            ImportError::Store(self.failed("find a film's verdict", io::Error::from(io::ErrorKind::NotFound)))
        })
    }

    fn prepare_for(
        &mut self,
        content: ContentHash,
        (width_px, height_px): (u32, u32),
    ) -> Result<Result<Findings, Refused>, ImportError> {
        let step = |source| self.failed("prepare a film", source);
        let film = places::open_plain(&self.places.original(content)).map_err(step)?;
        let aside = Aside::begin(&self.places.prepared).map_err(step)?;
        let answer = child::prepare(Task {
            program: &self.setup.program,
            order: Order { width_px, height_px, most_ms: self.setup.most_ms },
            film,
            prepared: aside.file.try_clone().map_err(step)?,
            most_bytes: self.setup.quota_bytes,
            silent_for: self.setup.silent_for,
        });
        match answer {
            Ok(Ok(findings)) => {
                aside.keep(&self.places.prepared(content, (width_px, height_px))).map_err(step)?;
                Ok(Ok(findings))
            }
            Ok(Err(refused)) => Ok(Err(refused)),
            Err(source) => {
                let n_killed = self.n_killed.entry(content).or_default();
                *n_killed = n_killed.saturating_add(u8::from(matches!(source, ChildError::Killed)));
                if *n_killed >= MOST_KILLED {
                    return Ok(Err(Refused { reason: Reason::Crashed, detail: source.to_string() }));
                }
                Err(ImportError::Child { content, source })
            }
        }
    }

    /// Makes room for so many bytes more, and returns what had to go.
    ///
    /// # Errors
    /// [`ImportError::NoRoom`]: all that is held is to be kept; nothing was removed.
    pub fn make_room(&mut self, n_bytes: u64, keep: &Keep) -> Result<Vec<ContentHash>, ImportError> {
        let held = self.held().map_err(|source| self.failed("measure what is held", source))?;
        let evicted = room::decide_evicted(&held, keep, n_bytes, self.setup.quota_bytes);
        let evicted = evicted.ok_or(ImportError::NoRoom { n_bytes })?;
        for hash in &evicted {
            self.remove_files(*hash).map_err(|source| self.failed("remove a file", source))?;
        }
        Ok(evicted)
    }

    /// Brings the store below its quota once a film is prepared; a film that finds no room goes again.
    fn settle(&mut self, content: ContentHash, keep: &Keep) -> Result<Vec<ContentHash>, ImportError> {
        let mut keep_too = keep.clone();
        keep_too.hashes.insert(content);
        let settled = self.make_room(0, &keep_too);
        if matches!(settled, Err(ImportError::NoRoom { .. })) && !keep.hashes.contains(&content) {
            self.remove_files(content).map_err(|source| self.failed("remove a file", source))?;
        }
        settled
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
