//! The daemon from start to stop, in the order in which it happens: open, repair, wire, ready, wait, stop.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use machiai_core::command::Command;
use machiai_core::facts::OpenedAfter;
use machiai_core::queue::Clinic;
use machiai_journal::open::{Disk, Open};
use machiai_journal::store::Batch;
use machiai_journal::{Journal, OpenError, Parts, SecretChange, Store, StoreError};
use machiai_panel::{FontPaths, Panel, PanelError};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::access::{acts, setup};
use crate::app::{App, Shared, Trouble};
use crate::causes::with_causes;
use crate::chance::{Chance, NoChance};
use crate::clock::{Clock, Source};
use crate::config::Config;
use crate::content::keeper::Keeping;
use crate::gate::{Gate, GateError};
use crate::intake::{arrivals, buttons};
use crate::lan::{Door, LanError};
use crate::link::{Linking, place};
use crate::rules::{self, ClinicRules};
use crate::seal::SealError;
use crate::surface::paper::Paperwork;
use crate::surface::{board, numbers, paper, screen};
use crate::token::{TOKEN_PURPOSE, Tokens};
use crate::vault::Vault;
use crate::{health, house, http, lan, pulse, rehearsal, service, support};

/// How long the paper surface may take to stop before it is named in the log and left.
const STOP_FOR: Duration = Duration::from_secs(8);

/// Why the daemon cannot start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state folder cannot be made.
    #[error("cannot make the folder {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The journal cannot be opened.
    #[error("cannot open the journal")]
    Journal(#[source] OpenError),
    /// The journal cannot be read or written.
    #[error("cannot use the journal")]
    Store(#[source] StoreError),
    /// The system gives no random bytes.
    #[error("cannot begin without random bytes")]
    Chance(#[source] NoChance),
    /// A secret cannot be sealed.
    #[error("cannot seal a secret")]
    Seal(#[source] SealError),
    /// Fonts or templates are missing.
    #[error("cannot draw anything")]
    Panel(#[source] PanelError),
    /// The address is taken.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The clinic's network cannot be served.
    #[error("cannot listen on {address} for the clinic's network")]
    Lan {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: LanError,
    },
    /// The socket of the screens cannot be made.
    #[error("cannot listen for screens on {socket}")]
    Screens {
        /// Where.
        socket: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The system would not start a thread or a signal handler.
    #[error("cannot start {what}")]
    Start {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The opening could not be written down.
    #[error("cannot write down that the journal was opened")]
    Opening(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The journal's thread ended by itself.
    #[error("the journal ended by itself: the next start repairs it")]
    JournalEnded,
}

/// Runs the daemon until it is told to stop.
///
/// `ready` is told the address once the first request can be answered.
///
/// # Errors
/// [`DaemonError`], worded for the clinic's IT.
pub async fn run(config: &Config, ready: impl FnOnce(SocketAddr)) -> Result<(), DaemonError> {
    // Nothing is opened, and no opening written down, where nobody could ask anything.
    let listener = listen(config.listen)?;
    let address = listener.local_addr().map_err(|source| DaemonError::Listen { address: config.listen, source })?;

    // Open and repair: the journal verifies itself, the clinic is folded, a fact says how this opening came about.
    let journal_ended = CancellationToken::new();
    let ended = journal_ended.clone();
    let (gate, after) = open(config, None, Box::new(move || ended.cancel()))?;
    let app = assemble(config, gate, after)?;
    // What a rehearsal left when the power went is nobody's.
    rehearsal::end(&app).await;
    let printing_before = app.gate.read(|clinic| clinic.printing.values().cloned().collect());
    note_opening(&app, after).await?;
    app.gate.stand_aside(place::aside(&config.private()));
    // What ran when the last run ended is over: it ends at its last evidence, before anybody is heard.
    house::keep_calls(&app).await;

    // Wire.
    let door = open_lan(&app, config)?;
    let socket = config.screen_socket();
    let screens = screen::listen(&socket).map_err(|source| DaemonError::Screens { socket, source })?;
    let serving = tokio::spawn(http::serve(listener, Arc::clone(&app)));
    let lan_serving = tokio::spawn(lan::serve(door, Arc::clone(&app)));
    let showing = tokio::spawn(screen::serve(screens, Arc::clone(&app)));
    let painting = tokio::spawn(board::paint(Arc::clone(&app)));
    let printing = tokio::spawn(paper::run(Arc::clone(&app), printing_before));
    let housekeeping = tokio::spawn(house::keep(Arc::clone(&app), config.clone()));
    let supporting = tokio::spawn(support::serve(Arc::clone(&app)));
    let telling = tokio::spawn(health::tell(Arc::clone(&app), config.clone()));
    let feeling = tokio::spawn(pulse::feel(Arc::clone(&app), address));
    let mut parts = Reloaded {
        content: keep_content(&app, config),
        linking: link(&app, config),
        attending: Attending::start(&app, config),
        config: config.clone(),
    };

    // Ready, also to be told to stop: whoever hears that it is ready may do so at once.
    let told = Told::listen()?;
    tracing::info!(%address, "ready");
    say_set_up_code(&app, config);
    ready(address);
    service::ready();

    // Wait.
    let outcome = wait(&app, (&journal_ended, told), &mut parts).await;

    // Stop: no new requests, then the printers, then the journal, last.
    service::stopping();
    app.stop.cancel();
    rehearsal::end(&app).await;
    end("pages and API", serving).await;
    end("the clinic's network", lan_serving).await;
    end("screens", showing).await;
    end("board painter", painting).await;
    end("housekeeping", housekeeping).await;
    end("telling the hub", telling).await;
    end("remote support", supporting).await;
    end("the pulse", feeling).await;
    stop_link(parts.linking).await;
    stop_content(parts.content).await;
    parts.attending.stop(&app).await;
    stop_printing(printing).await;
    if !close(&app.gate).await {
        tracing::error!("journal did not stop as it should; the next start verifies it");
    }
    tracing::info!("stopped");
    outcome
}

/// Opens the journal and folds the clinic from it; fails with [`OpenError::InUse`] while another process has it.
///
/// A new journal may begin as the copy of a clinic.
///
/// # Errors
/// As [`run`].
pub(crate) fn open(
    config: &Config,
    copied: Option<&Clinic>,
    ended: Box<dyn FnOnce() + Send>,
) -> Result<(Gate, OpenedAfter), DaemonError> {
    let chance = Chance::system();
    let boot = chance.boot().map_err(DaemonError::Chance)?;
    let source = Source::start(config.rehearsal.as_ref());
    let about = opening(config)?;
    let origin = about.origin;
    let mut store = Store::open(about).map_err(DaemonError::Journal)?;
    let opened = store.opened().clone();
    if let Some(clinic) = copied {
        rules::copy_into(&mut store, clinic).map_err(DaemonError::Store)?;
    }
    let clock = Clock::resume(source, opened.newest, boot);
    let tokens = tokens(&mut store, (&chance, &config.vault))?;
    let reader = store.reader().map_err(DaemonError::Store)?;
    let of = (config.site_id(), origin);
    let rules = ClinicRules::fold(of, reader, clock.clone(), tokens.clone()).map_err(DaemonError::Store)?;
    let (published, readers) = (rules.published(), store.readers());
    let parts = Parts { store, rules, stamper: clock.clone(), ended };
    let journal = Journal::start(parts).map_err(|cause| DaemonError::Opening(Box::new(cause)))?;
    Ok((Gate::new(journal, published, readers, clock, (chance, config.vault.clone(), tokens, origin)), opened.after))
}

/// Brings together what every handler holds.
///
/// # Errors
/// Fonts or templates are missing.
pub(crate) fn assemble(config: &Config, gate: Gate, after: OpenedAfter) -> Result<Shared, DaemonError> {
    let (panel, faults) = Panel::open(&FontPaths::debian(), config.assets.as_deref()).map_err(DaemonError::Panel)?;
    for fault in &faults {
        tracing::warn!(error = %fault, "a template has an error, the built-in one is used");
    }
    let app = App::new(config, gate, Arc::new(panel));
    app.note(Trouble::TemplateFault, !faults.is_empty());
    app.note(Trouble::SecretsLocked, config.vault == Vault::Locked);
    match after {
        OpenedAfter::Nothing => tracing::info!("new journal"),
        OpenedAfter::Run => tracing::info!("journal opened"),
        OpenedAfter::Restore => {
            tracing::warn!("journal was restored from a backup: numbering jumps ahead");
            app.note(Trouble::JournalRestored, true);
        }
        // It is written down by a box that runs, once it holds what the hub does.
        OpenedAfter::Replacement => {}
        OpenedAfter::Damage => {
            tracing::warn!("journal was damaged and set aside: facts were salvaged and numbering jumps ahead");
            app.note(Trouble::JournalDamaged, true);
        }
    }
    Ok(Arc::new(app))
}

/// Stops the journal and says whether it stopped as it should.
pub(crate) async fn close(gate: &Gate) -> bool {
    let Some(journal) = gate.close() else { return true };
    matches!(tokio::task::spawn_blocking(move || journal.stop()).await, Ok(Ok(())))
}

/// Returns an opening of the journal, with an origin drawn for it and the folders made.
///
/// # Errors
/// As [`run`].
pub(crate) fn opening(config: &Config) -> Result<Open, DaemonError> {
    make_folder(&config.state)?;
    make_folder(&config.backups())?;
    Ok(Open {
        path: config.journal(),
        disk: Disk::real(),
        origin: Chance::system().origin().map_err(DaemonError::Chance)?,
        at: Source::start(config.rehearsal.as_ref()).read().wall,
        ballast_bytes: config.ballast_mib.saturating_mul(1024 * 1024),
        backups: house::backups(&config.backups()),
    })
}

fn listen(address: SocketAddr) -> Result<TcpListener, DaemonError> {
    http::listen(address).map_err(|source| DaemonError::Listen { address, source })
}

/// Makes a folder that its owner alone can look into: the journal in it holds keys and hashes.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make_folder(path: &Path) -> Result<(), DaemonError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| DaemonError::Folder { path: path.to_owned(), source })
}

/// Returns the maker of tokens, with a new secret at the first start, sealed once the machine has its key.
fn tokens(store: &mut Store, (chance, vault): (&Chance, &Vault)) -> Result<Tokens, DaemonError> {
    let name = TOKEN_PURPOSE.as_bytes();
    let kept = store.reader().and_then(|reader| reader.secrets_for(TOKEN_PURPOSE)).map_err(DaemonError::Store)?;
    let kept = kept.into_iter().next().map(|(_, kept)| kept);
    let lacks_seal = kept.as_ref().is_some_and(|kept| vault.lacks_seal(kept));
    let known: Option<[u8; 32]> = match kept.map(|kept| vault.open(name, kept)).transpose() {
        Ok(known) => known.and_then(|secret| secret.try_into().ok()),
        // The key that sealed it is gone for good.
        Err(SealError::Cipher) => None,
        Err(cause) => {
            // Today's tickets are not known to phones any more; the next start may have the key again.
            tracing::warn!(error = %cause, "the secret behind tickets does not open: one of this start stands in");
            return chance.bytes().map(Tokens::new).map_err(DaemonError::Chance);
        }
    };
    let secret = known.map_or_else(|| chance.bytes(), Ok).map_err(DaemonError::Chance)?;
    if known.is_none() || lacks_seal {
        let value = vault.seal(name, secret.to_vec()).map_err(DaemonError::Seal)?;
        let put = SecretChange::Put { key_id: name.to_vec(), purpose: TOKEN_PURPOSE.to_owned(), value };
        store.append(&Batch { secrets: vec![put], ..Batch::default() }).map_err(DaemonError::Store)?;
    }
    Ok(Tokens::new(secret))
}

async fn note_opening(app: &Shared, after: OpenedAfter) -> Result<(), DaemonError> {
    let command = Command::NoteOpening { version: env!("CARGO_PKG_VERSION").to_owned(), after };
    match app.ask_itself(command).await {
        Ok(_) => Ok(()),
        // A full disk must not keep the board dark: it is said, and written down when there is space.
        Err(cause @ GateError::Journal(machiai_journal::JournalError::DiskFull)) => {
            tracing::warn!(error = %cause, "disk is full: the board is shown, commands are refused");
            Ok(())
        }
        Err(cause) => Err(DaemonError::Opening(Box::new(cause))),
    }
}

/// Opens the door to the clinic's network, where the configuration has one.
fn open_lan(app: &App, config: &Config) -> Result<Option<Door>, DaemonError> {
    let Some(address) = config.lan else { return Ok(None) };
    let (lan, door) = match lan::open(app, config, address) {
        Err(LanError::Certificate(cause)) if config.vault == Vault::Locked => {
            // Whoever is at this machine goes on; the authority that tablets trust is not replaced behind their backs.
            tracing::error!(error = %with_causes(&cause), "the clinic's network is not served");
            return Ok(None);
        }
        opened => opened.map_err(|source| DaemonError::Lan { address, source })?,
    };
    // Nothing was set before: a daemon starts once.
    drop(app.access.lan.set(lan));
    Ok(Some(door))
}

/// Lets the content store work; without it the queue goes on, and nothing new airs.
fn keep_content(app: &Shared, config: &Config) -> Option<Keeping> {
    let started = Keeping::start(app, config);
    started.inspect_err(|cause| tracing::error!(error = %cause, "no films: the content store does not work")).ok()
}

/// Opens the channel to the hub, where the configuration has one; without it the clinic goes on alone.
fn link(app: &Shared, config: &Config) -> Option<Linking> {
    let started = Linking::start(app, config);
    started.inspect_err(|cause| tracing::error!(error = %cause, "the channel to the hub does not work")).ok().flatten()
}

/// Says the code by which the first manager is made, while there is none and the network is open.
fn say_set_up_code(app: &App, config: &Config) {
    if config.lan.is_none() || !acts::lacks_manager(app) {
        return;
    }
    match setup::code_or_new(&config.state) {
        Ok(code) => tracing::warn!(code, "no manager yet: make one with this code on the page /sign-in"),
        Err(cause) => tracing::warn!(error = %cause, "no manager yet, and no set-up code can be kept"),
    }
}

/// What a configuration that is read again makes anew.
struct Reloaded {
    content: Option<Keeping>,
    linking: Option<Linking>,
    attending: Attending,
    /// What they were made of, and what all else was.
    config: Config,
}

impl Reloaded {
    /// Reads the configuration again and follows it where a running daemon can; a bad one changes nothing.
    async fn reload(&mut self, app: &Shared) {
        let new = match Config::read(&self.config.read_from) {
            Ok(new) => new,
            Err(cause) => {
                let error = with_causes(&cause);
                tracing::error!(error, "configuration cannot be used, the last good one stays: run `machiai check`");
                app.note(Trouble::ConfigRefused, true);
                return;
            }
        };
        app.note(Trouble::ConfigRefused, false);
        let fixed = self.config.fixed_differences(&new);
        if !fixed.is_empty() {
            tracing::warn!(keys = fixed.join(", "), "configuration has changes that wait for a restart");
        }
        let (links_otherwise, keeps_otherwise, attends_otherwise) = (
            self.config.links_otherwise(&new),
            self.config.content != new.content,
            self.config.attends_otherwise(&new),
        );
        // What waits for a restart stays as it is until then.
        (self.config.hub, self.config.hub_proxy, self.config.hub_kbit_s) = (new.hub, new.hub_proxy, new.hub_kbit_s);
        (self.config.content, self.config.support, self.config.devices) = (new.content, new.support, new.devices);
        app.follow(&self.config);
        if links_otherwise {
            stop_link(self.linking.take()).await;
            app.linked.forget();
            app.quality.lead(None);
            self.linking = link(app, &self.config);
        }
        if keeps_otherwise {
            stop_content(self.content.take()).await;
            self.content = keep_content(app, &self.config);
        }
        if attends_otherwise {
            // No port is opened while somebody holds it.
            std::mem::take(&mut self.attending).stop(app).await;
            self.attending = Attending::start(app, &self.config);
        }
        tracing::info!(links_otherwise, keeps_otherwise, attends_otherwise, "configuration read again");
    }
}

/// The signals by which it is told to stop, or to read its configuration again.
struct Told {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Told {
    fn listen() -> Result<Self, DaemonError> {
        let listen = |kind| signal(kind).map_err(|source| DaemonError::Start { what: "signal handler", source });
        let [terminate, interrupt, hangup] =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(listen);
        Ok(Self { terminate: terminate?, interrupt: interrupt?, hangup: hangup? })
    }
}

async fn wait(
    app: &Shared,
    (journal_ended, mut told): (&CancellationToken, Told),
    parts: &mut Reloaded,
) -> Result<(), DaemonError> {
    loop {
        tokio::select! {
            _ = told.terminate.recv() => return Ok(()),
            _ = told.interrupt.recv() => return Ok(()),
            () = app.stop.cancelled() => return Ok(()),
            () = journal_ended.cancelled() => return Err(DaemonError::JournalEnded),
            _ = told.hangup.recv() => {
                service::reloading();
                parts.reload(app).await;
                service::ready();
            }
        }
    }
}

async fn end(what: &str, task: tokio::task::JoinHandle<impl Sized>) {
    if tokio::time::timeout(STOP_FOR, task).await.is_err() {
        tracing::error!(what, "did not stop in time");
    }
}

/// Who attends to the devices on lines of their own, a thread each.
#[derive(Default)]
struct Attending {
    stop: CancellationToken,
    threads: Vec<JoinHandle<()>>,
}

impl Attending {
    fn start(app: &Shared, config: &Config) -> Self {
        let (devices, stop) = (&config.devices, app.stop.child_token());
        let of = (app, &stop);
        let buttons = devices.buttons.iter().map(|it| buttons::attend(of, it));
        let displays = devices.displays.iter().map(|it| numbers::show(of, it));
        let keypads = devices.keypads.iter().map(|it| arrivals::attend_keypad(of, it));
        let readers = devices.readers.iter().map(|it| arrivals::attend_reader(of, it));
        let started = buttons.chain(displays).chain(keypads).chain(readers);
        let told = |cause: &std::io::Error| tracing::error!(error = %cause, "a device has no thread, and is not heard");
        let threads = started.filter_map(|started| started.inspect_err(told).ok()).collect();
        Self { stop, threads }
    }

    async fn stop(self, app: &App) {
        self.stop.cancel();
        let threads = self.threads;
        let ended = move || threads.into_iter().filter_map(|thread| thread.join().err()).count();
        match tokio::time::timeout(STOP_FOR, tokio::task::spawn_blocking(ended)).await {
            Ok(Ok(0)) => {}
            Ok(_) => tracing::error!("a device's thread had ended by itself"),
            Err(_) => tracing::error!("a device did not let go in time"),
        }
        app.devices.forget();
    }
}

async fn stop_content(content: Option<Keeping>) {
    let Some(content) = content else { return };
    let stopped = tokio::task::spawn_blocking(move || content.stop());
    if tokio::time::timeout(STOP_FOR, stopped).await.is_err() {
        tracing::error!("the content store did not stop in time: what it was at is swept at the next start");
    }
}

async fn stop_link(linking: Option<Linking>) {
    let Some(linking) = linking else { return };
    let stopped = tokio::task::spawn_blocking(move || linking.stop());
    if tokio::time::timeout(STOP_FOR, stopped).await.is_err() {
        tracing::error!("the channel to the hub did not stop in time: the next session begins with a vector anyhow");
    }
}

async fn stop_printing(printing: tokio::task::JoinHandle<Paperwork>) {
    if let Ok(paperwork) = printing.await {
        let stopped = tokio::task::spawn_blocking(move || paperwork.stop());
        if tokio::time::timeout(STOP_FOR, stopped).await.is_err() {
            tracing::error!("a printer did not finish in time: its ticket is unconfirmed at the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use machiai_core::ids::VisitId;

    use super::*;
    use crate::vault::Keeper;

    #[tokio::test]
    async fn whoever_hears_that_it_is_ready_may_stop_it_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("site = 1001\nlisten = \"127.0.0.1:0\"\nballast_mib = 0\nstate = {:?}\n", folder.path());
        let config = Config::of(&folder.path().join("machiai.toml"), &text).unwrap();
        let own = rustix::process::getpid();
        let stop = |_| rustix::process::kill_process(own, rustix::process::Signal::TERM).unwrap();
        run(&config, stop).await.unwrap();
    }

    #[test]
    fn the_secret_behind_tickets_lies_sealed_and_is_not_lost_while_its_key_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("site = 1001\nballast_mib = 0\nstate = {:?}\n", folder.path());
        let config = Config::of(&folder.path().join("machiai.toml"), &text).unwrap();
        let of = |byte| Vault::Open { key: [byte; 32], by: Keeper::Disk };
        let own = of(0x5e);
        let with = |vault: &Vault| {
            let mut store = Store::open(opening(&config).unwrap()).unwrap();
            let visit = VisitId::from_bytes([7; 16]);
            let token = tokens(&mut store, (&Chance::system(), vault)).unwrap().token(visit);
            (token, store.reader().unwrap().secrets_for(TOKEN_PURPOSE).unwrap().remove(0).1)
        };
        let (token, clear) = with(&Vault::Bare);
        assert_eq!(clear.len(), 32);
        let (again, sealed) = with(&own);
        assert_eq!(again, token, "tickets that are out are still known");
        assert!(!sealed.windows(32).any(|part| part == clear));
        let (away, kept) = with(&Vault::Locked);
        assert!(away != token && kept == sealed);
        assert_eq!(with(&own), (token.clone(), sealed));
        let other = of(0xa7);
        let (new, _) = with(&other);
        assert!(new != token && with(&other).0 == new, "what is lost for good is drawn anew once");
    }
}
