//! Content that the program names and the disk lacks, fetched from the hub: one piece at a time, behind the facts, in a
//! thread of its own.
//!
//! What came before a line broke or the daemon ended lies in `STATE/content/coming/<hash>.part` and is not fetched again.
//! Nothing has its name there before its bytes are those of its hash; the content store takes it from there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use machiai_core::program::content::ContentHash;
use machiai_wire::content::{Given, content_path, read_given, tag, write_range};
use machiai_wire::http::Answer;
use machiai_wire::said::Failure;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::clients::Clients;
use super::line::texts;
use super::pace::Pace;
use crate::app::Shared;
use crate::causes::with_causes;
use crate::config::Config;
use crate::content::hashes_in;
use crate::content::keeper::MOST_BYTES;
use crate::contents::HeldUp;
use crate::surface::printer::clock::{Monotonic as _, RealTime};

/// How often it looks what is missing.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// For how long a line may bring nothing.
const STALL_FOR: Duration = Duration::from_secs(60);

/// For how long facts that wait keep content waiting: what never gets through must not keep the monitor dark.
const BEHIND_FACTS_FOR: Duration = Duration::from_secs(30);

/// How often it looks whether facts wait.
const FACTS_EVERY: Duration = Duration::from_millis(200);

/// How long it lets a line be that broke: twice as long each time, and no longer than the second.
const REST: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

/// How long it lets a piece of content be that did not come right.
const HELD_UP_FOR: Duration = Duration::from_secs(600);

/// How much is hashed at once, in bytes.
const PIECE: usize = 1024 * 1024;

/// Why a piece of content did not come.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    /// The line, or the hub, cannot now.
    #[error("the hub cannot be asked for content: {0:?}")]
    Line(Failure),
    /// The line broke.
    #[error("the line broke while content came")]
    Broke(#[source] reqwest::Error),
    /// The line brought nothing for long, or less than was announced.
    #[error("the line brought no more of the content")]
    Short,
    /// It is to wait.
    #[error("the content is held up: {0:?}")]
    Held(HeldUp),
    /// A consultation call is up, and has the line for itself.
    #[error("a consultation call is up")]
    CallIsUp,
    /// The disk.
    #[error("cannot keep what came")]
    Disk(#[source] io::Error),
    /// The channel stops.
    #[error("the channel stops")]
    Stopped,
}

/// Starts to fetch, in a thread that ends when the channel stops.
///
/// # Errors
/// No thread.
pub(super) fn start(
    (app, clients): (&Shared, Clients),
    (config, hub): (&Config, &str),
    stop: CancellationToken,
) -> io::Result<JoinHandle<()>> {
    let fetcher = Fetcher {
        app: Arc::clone(app),
        stop,
        clients,
        hub: hub.trim_end_matches('/').to_owned(),
        coming: app.contents.coming_folder(),
        pace: Pace::of(config.hub_kbit_s),
        n_broken: 0,
        rests_until: Duration::ZERO,
        held: BTreeMap::new(),
        runtime: Handle::current(),
        clock: RealTime::start(),
    };
    std::thread::Builder::new().name("fetch".to_owned()).spawn(move || fetcher.run())
}

/// What the thread has.
struct Fetcher {
    app: Shared,
    stop: CancellationToken,
    clients: Clients,
    /// The hub's address, without a path.
    hub: String,
    /// The folder.
    coming: PathBuf,
    pace: Pace,
    /// How often the line broke since something came over it.
    n_broken: u32,
    /// Until when the line is let be.
    rests_until: Duration,
    /// What is held up, and until when it is let be.
    held: BTreeMap<ContentHash, (HeldUp, Duration)>,
    runtime: Handle,
    clock: RealTime,
}

impl Fetcher {
    fn run(mut self) {
        if let Err(error) = fs::create_dir_all(&self.coming) {
            tracing::error!(%error, folder = %self.coming.display(), "no content is fetched: its folder cannot be made");
            return;
        }
        while self.waits(LOOK_EVERY) {
            if self.app.contents.take_pull() {
                (self.n_broken, self.rests_until) = (0, Duration::ZERO);
                self.held.clear();
            }
            // Looked at first: what goes from here to the store meanwhile is seen there.
            let has_whole = self.has_whole();
            let missing = self.missing();
            self.sweep(&missing);
            let now = self.clock.now();
            let is_due = |content: &&ContentHash| self.held.get(content).is_none_or(|(_, until)| *until <= now);
            let next = missing.iter().find(is_due).copied();
            let may = self.rests_until <= now && self.app.linked.is_even() && !has_whole && !self.call_is_up();
            if let Some(content) = next.filter(|_| may) {
                let came = self.fetch(content);
                self.note(content, came);
            }
            self.tell(missing.len());
        }
    }

    /// Whether somebody consults by video.
    fn call_is_up(&self) -> bool {
        self.app.gate.read(|clinic| !clinic.calls.open.is_empty())
    }

    /// Waits; false when the channel stops.
    fn waits(&self, span: Duration) -> bool {
        // A timer begins where there is a runtime.
        let waited = async { self.stop.run_until_cancelled(tokio::time::sleep(span)).await };
        self.runtime.block_on(waited).is_some()
    }

    /// Lists what the program names and the disk lacks, the soonest first.
    fn missing(&self) -> Vec<ContentHash> {
        let (on_disk, now) = (hashes_in(self.app.contents.folder()), self.app.gate.clock.now().0);
        let mut missing = self.app.gate.read(|clinic| clinic.program.missing(&on_disk, now));
        let status = self.app.contents.status();
        let refused: BTreeSet<ContentHash> = status.refused.iter().filter_map(|file| file.content).collect();
        missing.retain(|content| !refused.contains(content));
        missing
    }

    /// Whether a whole piece waits for the store: there is never more than one beside what the store counts.
    fn has_whole(&self) -> bool {
        !crate::contents::whole_in(&self.coming).is_empty()
    }

    /// Removes what is not wanted any more.
    fn sweep(&mut self, missing: &[ContentHash]) {
        self.held.retain(|content, _| missing.contains(content));
        for entry in fs::read_dir(&self.coming).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let part = name.to_str().and_then(|name| name.strip_suffix(".part")?.parse::<ContentHash>().ok());
            if part.is_some_and(|content| !missing.contains(&content))
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!(%error, "a part of content that nobody wants was not removed");
            }
        }
    }

    /// Fetches one piece of content, or goes on with it.
    fn fetch(&mut self, content: ContentHash) -> Result<(), FetchError> {
        let part = self.coming.join(format!("{content}.part"));
        let options = OpenOptions::new().append(true).create(true).read(true).open(&part);
        let mut file = options.map_err(FetchError::Disk)?;
        let has = file.metadata().map_err(FetchError::Disk)?.len();
        let (stop, runtime) = (self.stop.clone(), self.runtime.clone());
        let fetching = async { stop.run_until_cancelled(self.receive(content, (&mut file, has))).await };
        runtime.block_on(fetching).unwrap_or(Err(FetchError::Stopped))?;
        if self.is_of(&file, content)? {
            file.sync_all().map_err(FetchError::Disk)?;
            fs::rename(&part, self.coming.join(content.to_string())).map_err(FetchError::Disk)?;
            return File::open(&self.coming).and_then(|folder| folder.sync_all()).map_err(FetchError::Disk);
        }
        fs::remove_file(&part).map_err(FetchError::Disk)?;
        Err(FetchError::Held(HeldUp::WrongBytes))
    }

    /// Receives what is lacking of a piece of content.
    async fn receive(&mut self, content: ContentHash, (file, has): (&mut File, u64)) -> Result<(), FetchError> {
        let path = format!("{}{}", self.hub, content_path(self.app.site, content));
        let mut asked = self.clients.client().map_err(FetchError::Line)?.get(path);
        if has > 0 {
            asked = asked.header("range", write_range(has)).header("if-range", tag(content));
        }
        let answered = tokio::time::timeout(STALL_FOR, asked.send()).await.map_err(|_late| FetchError::Short)?;
        let mut answered = answered.map_err(FetchError::Broke)?;
        let (headers, status) = (texts(answered.headers()), answered.status().as_u16());
        let given = read_given(has, Answer { status, headers: &headers, body: &[] }).map_err(FetchError::Line)?;
        let (from, of) = match given {
            Given::Bytes { from, of } => (from, of),
            // More lies here than there is: what it is the hash will say.
            Given::NoMore { .. } => return Ok(()),
            Given::Unknown => return Err(FetchError::Held(HeldUp::Unknown)),
        };
        if of > MOST_BYTES || of > self.app.contents.status().room_bytes {
            return Err(FetchError::Held(HeldUp::NoRoom));
        }
        if from != has {
            file.set_len(from).map_err(FetchError::Disk)?;
        }
        let mut n_bytes = from;
        while n_bytes < of {
            let came = tokio::time::timeout(STALL_FOR, answered.chunk()).await.map_err(|_late| FetchError::Short)?;
            let bytes = came.map_err(FetchError::Broke)?.ok_or(FetchError::Short)?;
            file.write_all(&bytes).map_err(FetchError::Disk)?;
            self.n_broken = 0;
            let n_came = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            n_bytes = n_bytes.saturating_add(n_came);
            self.app.contents.comes(content, (n_bytes, of));
            if self.call_is_up() {
                return Err(FetchError::CallIsUp);
            }
            tokio::time::sleep(self.pace.came(n_came, self.clock.now())).await;
            self.let_facts_pass().await;
        }
        Ok(())
    }

    /// Waits while facts wait, but not for ever.
    async fn let_facts_pass(&self) {
        let passed = async {
            while self.app.linked.has_pending() {
                tokio::time::sleep(FACTS_EVERY).await;
            }
        };
        // Facts that are held up for longer are not held up by content.
        drop(tokio::time::timeout(BEHIND_FACTS_FOR, passed).await);
    }

    /// Tells whether a file has the bytes of a hash.
    fn is_of(&self, file: &File, content: ContentHash) -> Result<bool, FetchError> {
        let mut file = file;
        file.seek(SeekFrom::Start(0)).map_err(FetchError::Disk)?;
        let (mut hasher, mut piece) = (blake3::Hasher::new(), vec![0; PIECE]);
        loop {
            if self.stop.is_cancelled() {
                return Err(FetchError::Stopped);
            }
            let n_read = file.read(&mut piece).map_err(FetchError::Disk)?;
            let Some(read) = piece.get(..n_read).filter(|read| !read.is_empty()) else { break };
            hasher.update(read);
        }
        Ok(hasher.finalize().as_bytes() == content.bytes())
    }

    /// Takes in what came of a piece of content.
    fn note(&mut self, content: ContentHash, came: Result<(), FetchError>) {
        self.held.remove(&content);
        let now = self.clock.now();
        match came {
            Ok(()) => tracing::info!(%content, "content came from the hub"),
            Err(FetchError::Stopped) => {}
            Err(FetchError::Held(why)) => {
                match why {
                    HeldUp::WrongBytes => {
                        tracing::error!(%content, "the bytes that came are not those of the content, and are thrown away");
                    }
                    HeldUp::NoRoom => tracing::warn!(%content, "there is no room for content"),
                    HeldUp::Unknown => tracing::info!(%content, "the hub has no such content"),
                }
                self.held.insert(content, (why, now.saturating_add(HELD_UP_FOR)));
            }
            // It goes on where it was, once the call is over.
            Err(FetchError::CallIsUp) => tracing::info!(%content, "content waits for a consultation call"),
            Err(error @ (FetchError::Line(_) | FetchError::Broke(_) | FetchError::Short | FetchError::Disk(_))) => {
                let cause = with_causes(&error);
                if matches!(error, FetchError::Disk(_)) {
                    tracing::warn!(error = %cause, %content, "content cannot be kept, and is fetched again later");
                } else {
                    tracing::info!(error = %cause, %content, "content does not come, and is asked for again later");
                }
                self.rests_until = now.saturating_add(self.rest(&error));
                self.n_broken = self.n_broken.saturating_add(1);
            }
        }
    }

    /// Returns how long to let the line be.
    fn rest(&self, error: &FetchError) -> Duration {
        if let FetchError::Line(Failure::Busy { after_ms: Some(after_ms) }) = error {
            return Duration::from_millis(*after_ms).max(REST.0);
        }
        REST.0.saturating_mul(1_u32.checked_shl(self.n_broken).unwrap_or(u32::MAX)).min(REST.1)
    }

    /// Says how it does.
    fn tell(&self, n_missing: usize) {
        let held = self.held.iter().map(|(content, (why, _))| (*content, *why)).collect();
        self.app.contents.rests(n_missing, held);
    }
}
