//! The content store at work in the daemon: a thread of its own takes in what the clinic brings, prepares what waits,
//! says what can be played, and writes facts of what came of each film.
//!
//! It decides nothing about what airs. A film may take minutes; nobody waits for this thread but the end of the daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use machiai_core::command::Command;
use machiai_core::facts::{Fact, Lang};
use machiai_core::program::Program;
use machiai_core::program::content::{Content, ContentHash, ContentKind, ContentQuarantined, OfContent};
use machiai_panel::Layout;
use machiai_panel::film::{Findings, Refused};

use super::ear::{Bell, Ear};
use super::served::{DOOR, is_door};
use super::watched::{Taken, Watched};
use super::{ImportError, Imported, Keep, OnDisk, Setup, Store, StoreError, Verdict, trouble};
use crate::app::Shared;
use crate::config::Config;
use crate::contents::{ContentStatus, Files, RefusedFile, whole_in};
use crate::surface::printer::clock::{Monotonic, RealTime};

/// How often the folder and the store are looked at, whatever the kernel says of them.
const EVERY: Duration = Duration::from_secs(10);

/// How often while something waits: a file is whole once it has stood still for so long.
const WHILE_WAITING: Duration = Duration::from_secs(2);

/// After how long a film that could not be prepared is tried again, in milliseconds.
const AGAIN_AFTER_MS: u64 = 60_000;

/// The longest film, in milliseconds: what a waiting room watches.
const MOST_MS: u32 = 10 * 60 * 1_000;

/// The largest file, in bytes: ten minutes straight from a camera.
pub(crate) const MOST_BYTES: u64 = 4 << 30;

/// For how long the preparing process may say nothing; it gives up by itself before.
const SILENT_FOR: Duration = Duration::from_secs(600);

/// How long a still of the clinic is shown, in milliseconds.
const STILL_MS: u32 = 15_000;

/// How many files that were refused at first sight are remembered.
const MOST_UNREAD: usize = 32;

/// The thread, until it is stopped.
pub(crate) struct Keeping {
    stop: Arc<AtomicBool>,
    bell: Bell,
    thread: JoinHandle<()>,
}

/// Why the content store does not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepingError {
    /// The store cannot be opened.
    #[error("cannot open the content store")]
    Store(#[source] StoreError),
    /// The watched folder cannot be made.
    #[error("cannot make the folder {path}")]
    Watched {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nothing to wait at.
    #[error("cannot wait for changes")]
    Ear(#[source] io::Error),
    /// The thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

impl Keeping {
    /// Opens the store, says what can be played, and goes on in a thread.
    ///
    /// # Errors
    /// [`KeepingError`]: nothing new can air.
    pub(crate) fn start(app: &Shared, config: &Config) -> Result<Self, KeepingError> {
        let setup = Setup {
            folder: config.contents(),
            program: PathBuf::new(),
            regions: Vec::new(),
            most_ms: MOST_MS,
            most_bytes: MOST_BYTES,
            quota_bytes: config.content.quota_mib.saturating_mul(1024 * 1024),
            silent_for: SILENT_FOR,
        };
        let quota_bytes = setup.quota_bytes;
        let asked = Arc::clone(app);
        let may_go = move |content| asked.contents.let_go(content, asked.gate.clock.now().0);
        let store = Store::open(setup).map_err(KeepingError::Store)?.asking(Box::new(may_go));
        let watched = config.watched();
        std::fs::create_dir_all(&watched).map_err(|source| KeepingError::Watched { path: watched.clone(), source })?;
        let stop = store.stopper();
        let (bell, ear) = Ear::new(vec![watched.clone(), app.contents.coming_folder()]).map_err(KeepingError::Ear)?;
        let mut keeper = Keeper {
            app: Arc::clone(app),
            watched: Watched::new(watched, app.panel.words().clone()),
            store,
            prepare: config.content.prepare.clone(),
            can_prepare: false,
            quota_bytes,
            names: BTreeMap::new(),
            unread: Vec::new(),
            again_at_ms: BTreeMap::new(),
            clock: RealTime::start(),
        };
        keeper.find_program();
        keeper.find_layouts_of_before();
        keeper.show();
        let thread = std::thread::Builder::new().name("content".to_owned()).spawn(move || keeper.run(&ear));
        Ok(Self { stop, bell, thread: thread.map_err(KeepingError::Thread)? })
    }

    /// Ends the preparing process, if one runs, and the thread.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bell.ring();
        if self.thread.join().is_err() {
            tracing::error!("the content store's thread panicked");
        }
    }
}

/// What the thread has.
struct Keeper {
    app: Shared,
    store: Store,
    watched: Watched,
    /// The preparing program as it was configured.
    prepare: Option<PathBuf>,
    can_prepare: bool,
    quota_bytes: u64,
    /// What refused files were called.
    names: BTreeMap<ContentHash, String>,
    /// Files that were refused before they were read through, the latest last.
    unread: Vec<RefusedFile>,
    /// When films that could not be prepared are tried again.
    again_at_ms: BTreeMap<ContentHash, u64>,
    clock: RealTime,
}

impl Keeper {
    fn run(mut self, ear: &Ear) {
        let mut longest = Duration::ZERO;
        loop {
            ear.wait(longest);
            if self.store_stops() {
                return;
            }
            longest = self.look();
        }
    }

    /// Looks at the folder and the store once; returns how long the next look may wait.
    fn look(&mut self) -> Duration {
        self.find_program();
        self.look_at_layouts();
        self.take_what_came();
        let mut has_prepared = false;
        if self.can_prepare {
            self.take_in();
            has_prepared = self.prepare_next();
        }
        self.note_known();
        let n_waiting = self.show();
        match n_waiting {
            _ if has_prepared => Duration::ZERO,
            0 => EVERY,
            _ => WHILE_WAITING,
        }
    }

    /// Takes up how monitors hung before the last start: their screens may take a while to come.
    fn find_layouts_of_before(&mut self) {
        let regions = self.store.regions().unwrap_or_default();
        let hung = Layout::ALL.into_iter().filter(|layout| regions.contains(&layout.film_px()));
        hung.for_each(|layout| self.app.contents.hangs(layout));
        self.look_at_layouts();
    }

    /// Has films prepared for monitors as they hang; for one on its side where nobody said anything.
    fn look_at_layouts(&mut self) {
        let layouts = self.app.contents.layouts();
        let usual = layouts.is_empty().then_some(Layout::Landscape);
        self.store.use_regions(layouts.into_iter().chain(usual).map(Layout::film_px).collect());
    }

    /// Looks for the program that prepares, as it may be installed later.
    fn find_program(&mut self) {
        let found = find_program(self.prepare.as_deref());
        if found.is_none() && self.can_prepare {
            tracing::warn!("there is no program that prepares films: they air as they came");
        }
        self.can_prepare = found.is_some();
        if let Some(program) = found {
            self.store.use_program(program);
        }
    }

    /// Takes in what the clinic has brought; a file is put away once its facts are on disk.
    fn take_in(&mut self) {
        let now_ms = self.now_ms();
        let due = match self.watched.due(now_ms) {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the watched folder cannot be read: the next look tries again");
                return;
            }
        };
        for name in due {
            let keep = self.keep();
            let taken = self.watched.take(name, &mut self.store, &keep, now_ms);
            if self.store_stops() {
                return;
            }
            match &taken.result {
                Ok(imported) => {
                    if self.note_brought(&taken, imported) {
                        self.watched.put_away(taken);
                    }
                }
                Err(error) => warn(error),
            }
            self.show();
        }
    }

    /// Takes in what came from the hub; until it is prepared it airs as it came.
    fn take_what_came(&mut self) {
        let coming = self.app.contents.coming_folder();
        for content in whole_in(&coming) {
            let keep = self.keep();
            let taken = self.store.adopt(&coming.join(content.to_string()), content, &keep);
            match taken {
                Ok(Some(refused)) => {
                    self.note(self.of_verdict(content, &refused, true));
                }
                Ok(None) => {}
                Err(error) => warn(&error),
            }
            self.show();
        }
    }

    /// Prepares one of those that wait, so that what is brought need not wait for all of them; whether one was there.
    fn prepare_next(&mut self) -> bool {
        let now_ms = self.now_ms();
        let is_due = |content: &ContentHash| self.again_at_ms.get(content).is_none_or(|at_ms| *at_ms <= now_ms);
        let waiting = self.store.waiting().unwrap_or_default();
        let Some(content) = waiting.into_iter().find(is_due) else { return false };
        let keep = self.keep();
        match self.store.prepare(content, &keep) {
            Ok(imported) => {
                self.note(self.of_verdict(content, &imported.verdict, true));
            }
            Err(_) if self.store_stops() => {}
            Err(error) => {
                warn(&error);
                self.again_at_ms.insert(content, now_ms.saturating_add(AGAIN_AFTER_MS));
            }
        }
        true
    }

    /// Writes down what came of a file that was brought; false when it could not be written and is to be tried again.
    fn note_brought(&mut self, taken: &Taken, imported: &Imported) -> bool {
        let title = Path::new(&taken.name).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into());
        let Some(content) = imported.content else {
            if let Verdict::Refused(refused) = &imported.verdict {
                self.unread.push(self.refused_file(Some(taken.name.clone()), None, refused));
                let n_over = self.unread.len().saturating_sub(MOST_UNREAD);
                self.unread.drain(..n_over);
            }
            return true;
        };
        let mut facts = Vec::new();
        match &imported.verdict {
            Verdict::Prepared(findings) => {
                let is_known =
                    |program: &Program| program.content(content).is_some_and(|(state, _)| !state.withdrawn.value);
                if !self.app.gate.read(|clinic| is_known(&clinic.program)) {
                    facts.push(Fact::ContentSet(own(content, title, findings)));
                }
            }
            Verdict::Refused(_) => {
                self.names.insert(content, taken.name.clone());
            }
        }
        facts.extend(self.of_verdict(content, &imported.verdict, true));
        self.note(facts)
    }

    /// Writes down what was found in films that a fact never told of, since the program ended too early.
    fn note_known(&mut self) {
        let on_disk = self.store.on_disk(Layout::Landscape.film_px()).unwrap_or_default();
        let prepared = on_disk.into_iter().filter_map(|(hash, one)| Some((hash, Verdict::Prepared(one.findings?))));
        let refused = self.store.quarantined().map(|(hash, refused)| (hash, Verdict::Refused(refused.clone())));
        let known: Vec<(ContentHash, Verdict)> = prepared.chain(refused).collect();
        let facts = known.iter().flat_map(|(content, verdict)| self.of_verdict(*content, verdict, false));
        let facts: Vec<Fact> = facts.collect();
        self.note(facts);
    }

    /// Returns the fact of a verdict where it tells anything: when nothing was told before, or `is_new` and otherwise.
    fn of_verdict(&self, content: ContentHash, verdict: &Verdict, is_new: bool) -> Vec<Fact> {
        let known = self.app.gate.read(|clinic| {
            let told = clinic.program.contents.get(&content).map(|state| state.trouble.clone());
            told.and_then(|told| told.at.map(|_| told.value))
        });
        let (found, fact) = match verdict {
            Verdict::Prepared(_) => (None, Fact::ContentPrepared(OfContent { content })),
            Verdict::Refused(refused) => {
                let trouble = trouble(refused.reason);
                (Some(trouble), Fact::ContentQuarantined(ContentQuarantined { content, trouble }))
            }
        };
        let tells = known.is_none_or(|known| is_new && known != found);
        if tells { vec![fact] } else { Vec::new() }
    }

    /// Writes facts down; those that cannot be written are told of again by [`Keeper::note_known`].
    fn note(&self, facts: Vec<Fact>) -> bool {
        if facts.is_empty() {
            return true;
        }
        let noted = self.app.gate.ask_waiting(&self.app.own_device, Command::NoteProgram { facts });
        if let Err(error) = &noted {
            tracing::warn!(%error, "what was found in a film is not written down yet");
        }
        noted.is_ok()
    }

    /// Returns what the program lets go of last, and never.
    fn keep(&self) -> Keep {
        let now = self.app.gate.clock.now().0;
        let hashes = self.app.gate.read(|clinic| clinic.program.kept(now));
        Keep { hashes, aired: self.app.contents.taken() }
    }

    /// Says what can be played, and what is told of it; returns how many films wait.
    fn show(&self) -> usize {
        let looked = || {
            let of_layout = |layout: Layout| Ok((layout, self.store.on_disk(layout.film_px())?));
            let all: Result<BTreeMap<Layout, _>, StoreError> = Layout::ALL.into_iter().map(of_layout).collect();
            Ok::<_, StoreError>((all?, self.store.waiting()?.len()))
        };
        let (by_layout, n_unprepared) = match looked() {
            Ok(looked) => looked,
            Err(error) => {
                tracing::warn!(%error, "the content store cannot be read: what was there before stands");
                return 1;
            }
        };
        let mut files = BTreeMap::<ContentHash, Files>::new();
        let mut pictures = BTreeSet::new();
        for (layout, on_disk) in by_layout {
            for (content, OnDisk { path, findings, .. }) in on_disk {
                files.entry(content).or_default().insert(layout, path);
                pictures.extend(findings.and_then(|findings| findings.picture).map(|_| content));
            }
        }
        let status = ContentStatus {
            n_contents: files.len(),
            n_waiting: n_unprepared.saturating_add(self.watched.n_waiting()),
            can_prepare: self.can_prepare,
            size_bytes: self.store.held_bytes().unwrap_or(0),
            quota_bytes: self.quota_bytes,
            room_bytes: self.store.room_bytes(&self.keep()).unwrap_or(0),
            refused: self.refused(),
        };
        let n_waiting = status.n_waiting;
        self.app.contents.put_pictures(pictures);
        self.app.contents.put(files, status);
        n_waiting
    }

    fn refused(&self) -> Vec<RefusedFile> {
        let title = |content| {
            let title = |program: &Program| program.content(content).map(|(_, told)| told.title.clone());
            self.names.get(&content).cloned().or_else(|| self.app.gate.read(|clinic| title(&clinic.program)))
        };
        let known = self.store.quarantined();
        let known = known.map(|(content, refused)| self.refused_file(title(content), Some(content), refused));
        known.chain(self.unread.iter().cloned()).collect()
    }

    fn refused_file(&self, name: Option<String>, content: Option<ContentHash>, refused: &Refused) -> RefusedFile {
        let key = refused.reason.as_str();
        let said = |lang| self.app.panel.words().get(lang, "film", key).unwrap_or_default().to_owned();
        RefusedFile { name, content, code: format!("film-{key}"), ja: said(Lang::Ja), en: said(Lang::En) }
    }

    fn store_stops(&self) -> bool {
        self.store.stopper().load(Ordering::Relaxed)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.clock.now().as_millis()).unwrap_or(u64::MAX)
    }
}

fn warn(error: &ImportError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "a film is not taken in yet, and is tried again");
}

/// Returns what the clinic brought as a piece of content.
fn own(content: ContentHash, title: String, findings: &Findings) -> Content {
    let duration_ms = if findings.duration_ms == 0 { STILL_MS } else { findings.duration_ms };
    Content { content, kind: ContentKind::Own, title, duration_ms, advert: None, lease_until: None, scene: None }
}

/// Finds what prepares: as configured, or systemd's door, or `machiai-screen` beside this program, or on the path.
fn find_program(configured: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = configured {
        return (path.is_file() || is_door(path)).then(|| path.to_owned());
    }
    if is_door(Path::new(DOOR)) {
        return Some(PathBuf::from(DOOR));
    }
    let beside = std::env::current_exe().ok().map(|this| this.with_file_name("machiai-screen"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("machiai-screen"));
    beside.into_iter().chain(on_path).find(|path| path.is_file())
}
