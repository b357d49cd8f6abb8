//! The channel to the hub: who the box is there, and one thread that steps the pure machine and carries out what it says.
//!
//! The machine's clock is the real one, also in a rehearsal: lines are. Nothing of a clinic waits for this thread.

mod clients;
pub mod enrol;
mod fetch;
mod held;
pub(crate) mod hops;
pub mod hub_clock;
pub mod identity;
pub mod line;
mod pace;
pub(crate) mod place;
pub(crate) mod told;
pub(crate) mod trial;
mod trust;
mod twin;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use machiai_core::command::Command;
use machiai_core::decide::lease_is_due;
use machiai_journal::StoreError;
use machiai_wire::box_side::{Action, Input, Machine, Who};
use machiai_wire::run::of_airings;
use machiai_wire::said::Ask;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::app::{Shared, Trouble};
use crate::chance::Chance;
use crate::config::Config;
use clients::Clients;
use held::Held;
use identity::IdentityError;
use line::Line;
use trial::Prober;
use twin::Opening;

/// How long the thread waits at most before it looks again, in milliseconds of the clinic's clock: numbers are leased
/// when the hours of reception begin, and nothing else may happen then.
const LOOK_EVERY_MS: i64 = 60_000;

/// Lines for which numbers are leased in one go; more have their turn at the next look.
const MOST_LINES: usize = 32;

/// How long it rests when the journal cannot be read or written.
const REST_AFTER_FAULT: Duration = Duration::from_secs(5);

/// Why the channel does not work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// No client.
    #[error("cannot make a client for the hub")]
    Client(#[source] IdentityError),
    /// The journal.
    #[error("cannot read the journal for the hub")]
    Journal(#[source] StoreError),
    /// No thread.
    #[error("cannot start the channel's thread")]
    Thread(#[source] std::io::Error),
}

/// What reaches the thread.
enum Event {
    /// Something for the machine.
    Input(Input),
    /// The end.
    Stop,
}

/// The running channel.
pub(crate) struct Linking {
    events: Sender<Event>,
    /// Ends what works beside the thread.
    stop: CancellationToken,
    thread: JoinHandle<()>,
    fetching: JoinHandle<()>,
}

impl Linking {
    /// Starts the channel where the configuration names a hub.
    ///
    /// # Errors
    /// [`LinkError`]: the clinic goes on alone.
    pub(crate) fn start(app: &Shared, config: &Config) -> Result<Option<Self>, LinkError> {
        let Some(hub) = &config.hub else { return Ok(None) };
        let own = app.gate.origin();
        let clients = Clients::of(config, hub)?;
        let stop = app.stop.child_token();
        app.quality.lead(Some(Prober::over(clients.clone(), config, hub)));
        tokio::spawn(clients.clone().keep_young(config.clone(), stop.clone()));
        let fetching = fetch::start((app, clients.clone()), (config, hub), stop.clone()).map_err(LinkError::Thread)?;
        let line = Line::new((clients.clone(), hub), app.site);
        let held = Held::read(app.gate.readers()).map_err(LinkError::Journal)?;
        let airings = held.airings(own);
        let who = Who { site: app.site, own: vec![own, of_airings(own)], late: airings };
        let opening = Opening::new(who.own.clone(), app.gate.clock.now().0);
        let (events, waiting) = channel();
        tokio::spawn(look_at_changes(Arc::clone(app), stop.clone(), events.clone()));
        let machine = Machine::new(who);
        let channel = Channel {
            app: Arc::clone(app),
            held,
            opening,
            machine,
            line,
            clients,
            asked: BTreeMap::new(),
            runtime: Handle::current(),
            events: events.clone(),
            started: now(),
        };
        let thread = std::thread::Builder::new().name("link".to_owned());
        let thread = thread.spawn(move || channel.run(&waiting)).map_err(LinkError::Thread)?;
        Ok(Some(Self { events, stop, thread, fetching }))
    }

    /// Ends the channel; call it where waiting is allowed.
    pub(crate) fn stop(self) {
        self.stop.cancel();
        drop(self.events.send(Event::Stop));
        if self.thread.join().is_err() {
            tracing::error!("the channel to the hub had ended by itself");
        }
        if self.fetching.join().is_err() {
            tracing::error!("what fetches content had ended by itself");
        }
    }
}

/// Has the machine look whenever facts were written here.
async fn look_at_changes(app: Shared, stop: CancellationToken, events: Sender<Event>) {
    let mut changes = app.gate.changes();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
        if events.send(Event::Input(Input::Look)).is_err() {
            return;
        }
    }
}

/// What the thread owns.
struct Channel {
    app: Shared,
    held: Held,
    opening: Opening,
    machine: Machine,
    line: Line,
    clients: Clients,
    /// What is under way, by the ask's number.
    asked: BTreeMap<u64, AbortHandle>,
    runtime: Handle,
    events: Sender<Event>,
    started: Instant,
}

impl Channel {
    fn run(mut self, events: &Receiver<Event>) {
        let mut inputs = vec![Input::Look];
        loop {
            let rest = match self.go_on(inputs) {
                Ok(()) => self.until_look(),
                Err(Fault) => REST_AFTER_FAULT,
            };
            match wait(events, rest) {
                Some(waited) => inputs = waited,
                None => break,
            }
        }
        for task in self.asked.values() {
            task.abort();
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn until_look(&self) -> Duration {
        let clock = &self.app.gate.clock;
        let due = clock.until(clock.now().0.plus_ms(LOOK_EVERY_MS));
        Duration::from_millis(self.machine.look_at_ms().saturating_sub(self.now_ms())).min(due)
    }

    /// Steps the machine with what came, until it has nothing more to do.
    fn go_on(&mut self, inputs: Vec<Input>) -> Result<(), Fault> {
        for input in inputs {
            let mut next = Some(input);
            while let Some(input) = next.take() {
                self.held.look().map_err(told_fault)?;
                let chance = Chance::system().bytes().map_or(0, u64::from_le_bytes);
                let came = matches!(input, Input::Came(..));
                self.look_where_it_stands();
                for action in self.machine.step((self.now_ms(), chance), &self.held, input) {
                    match action {
                        Action::Ask(nth, ask) => self.ask(nth, ask),
                        Action::GiveUp(nth) => drop(self.asked.remove(&nth).map(|task| task.abort())),
                        Action::TakeIn(lines) => {
                            let is_twins = lines.iter().any(|line| self.opening.is_anothers(line));
                            self.app.gate.receive_waiting(lines).map_err(told_fault)?;
                            if is_twins {
                                self.app.note(Trouble::AnotherBox, true);
                            }
                            if self.app.gate.aside().is_none() {
                                self.do_itself(Command::PlaceRemote)?;
                            }
                            next = Some(Input::Look);
                        }
                    }
                }
                self.lose_place()?;
                if self.tell(came) && self.has_its_place()? {
                    self.lease()?;
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, nth: u64, ask: Ask) {
        let (line, events) = (self.line.clone(), self.events.clone());
        let task = self.runtime.spawn(async move {
            // The thread may have ended: nobody is left to hear it.
            let tell = |input| drop(events.send(Event::Input(input)));
            let input = match line.ask(&ask, |came| tell(Input::Came(nth, came))).await {
                Ok(came) => Input::Came(nth, came),
                Err(failure) => Input::Failed(nth, failure),
            };
            tell(input);
        });
        self.asked.retain(|_, task| !task.is_finished());
        self.asked.insert(nth, task.abort_handle());
    }

    /// Leases numbers to the hub, which is there.
    fn lease(&self) -> Result<(), Fault> {
        let now = self.app.gate.clock.now().0;
        // Each leases for one line.
        for _ in 0..MOST_LINES {
            if !self.app.gate.read(|clinic| lease_is_due(clinic, now)) {
                break;
            }
            self.do_itself(Command::LeaseNumbers)?;
        }
        Ok(())
    }

    fn do_itself(&self, command: Command) -> Result<(), Fault> {
        self.app.gate.ask_waiting(&self.app.own_device, command).map(drop).map_err(told_fault)
    }

    /// Says how the channel does, for whoever asks the daemon; returns whether it listens to the hub.
    fn tell(&self, came: bool) -> bool {
        let told = self.machine.told(&self.held);
        self.app.linked.note(&told, (self.app.gate.clock.shown().0, came));
        told.mode.is_some()
    }
}

/// The journal could not be read or written: it was said in the log.
struct Fault;

fn told_fault(cause: impl std::error::Error) -> Fault {
    tracing::warn!(error = %cause, "the channel to the hub rests: the journal");
    Fault
}

/// Waits for what comes; none at the end.
fn wait(events: &Receiver<Event>, most: Duration) -> Option<Vec<Input>> {
    let first = match events.recv_timeout(most) {
        Ok(event) => Some(event),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => return None,
    };
    let mut inputs = Vec::new();
    for event in first.into_iter().chain(events.try_iter()) {
        match event {
            Event::Stop => return None,
            // One look is as good as many.
            Event::Input(Input::Look) if inputs.last() == Some(&Input::Look) => {}
            Event::Input(input) => inputs.push(input),
        }
    }
    if inputs.is_empty() {
        inputs.push(Input::Look);
    }
    Some(inputs)
}

#[expect(clippy::disallowed_methods, reason = "the line to the hub runs in real time")]
fn now() -> Instant {
    Instant::now()
}

/// Begins a client of what this machine serves itself, over plain HTTP: no proxy, and nobody trusted over TLS.
///
/// A client that is begun without saying whom it trusts looks for the machine's own list, and for a set of ciphers that
/// nobody chose: it panics.
///
/// # Errors
/// TLS cannot be set up.
pub fn on_this_machine() -> Result<reqwest::ClientBuilder, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[&rustls::version::TLS13])?;
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Ok(reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config))
}
