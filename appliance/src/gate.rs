//! The one way in: commands go through here to the journal, and questions are answered from what is on disk.
//!
//! Intake and surfaces both hold the gate and never each other.

use std::sync::{Arc, PoisonError, RwLock};

use machiai_core::call::Leases;
use machiai_core::command::Command;
use machiai_core::envelope::{By, Cmd};
use machiai_core::ids::{DeviceId, Origin};
use machiai_core::queue::Clinic;
use machiai_core::refusal::Refusal;
use machiai_core::seal::{Personal, Sealed};
use machiai_journal::reader::NamedSecret;
use machiai_journal::{Health, Journal, JournalError, Reader, Readers, Received, StoreError, Submission};
use tokio::sync::{oneshot, watch};

use crate::chance::Chance;
use crate::clock::Clock;
use crate::rules::{Ask, ClinicRules, Done, Published};
use crate::seal::{self, SealError};
use crate::token::Tokens;
use crate::vault::Vault;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GateError {
    /// The rules of the clinic say no.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The journal could not keep it.
    #[error("the journal did not keep the command")]
    Journal(#[source] JournalError),
    /// The journal could not be read.
    #[error("the journal could not be read")]
    Unreadable(#[source] StoreError),
    /// The box stands aside.
    #[error("the box stands aside")]
    Aside(Aside),
    /// Personal data could not be sealed, and is never written in clear.
    #[error("personal data could not be sealed")]
    Seal(#[source] SealError),
}

/// Why a box takes no commands of the clinic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// It has taken another one's place, and the day is still coming from the hub.
    DayComing,
    /// Another one has taken its place.
    Replaced,
}

impl Aside {
    /// Returns the code under which its words stand.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::DayComing => "day_coming",
            Self::Replaced => "box_replaced",
        }
    }

    /// Whether a command is carried out all the same: what the box did, and what begins or ends its standing aside.
    const fn lets_through(self, command: &Command) -> bool {
        let is_ours =
            matches!(command, Command::NoteOpening { .. } | Command::EndPrint { .. } | Command::NoteProgram { .. });
        // How the site does is for the box to tell that it has.
        is_ours || matches!((self, command), (Self::DayComing, Command::NoteHealth { .. }))
    }
}

/// The way in.
pub(crate) struct Gate {
    journal: RwLock<Option<Journal<ClinicRules>>>,
    published: Arc<Published>,
    readers: Readers,
    /// The daemon's clock.
    pub(crate) clock: Clock,
    chance: Chance,
    vault: Vault,
    tokens: Tokens,
    origin: Origin,
    aside: RwLock<Option<Aside>>,
}

impl Gate {
    /// Opens the way to a running journal.
    pub(crate) fn new(
        journal: Journal<ClinicRules>,
        published: Arc<Published>,
        readers: Readers,
        clock: Clock,
        (chance, vault, tokens, origin): (Chance, Vault, Tokens, Origin),
    ) -> Self {
        let (journal, aside) = (RwLock::new(Some(journal)), RwLock::new(None));
        Self { journal, published, readers, clock, chance, vault, tokens, origin, aside }
    }

    /// Carries out a command; the answer comes once its facts are on disk.
    ///
    /// # Errors
    /// [`GateError`]; after [`JournalError::Unknown`] ask again with the same key.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Done, GateError> {
        let (tell, told) = oneshot::channel();
        let submission = Submission {
            cmd: ask.cmd.clone(),
            command: ask,
            answer: Box::new(move |answer| {
                // The asker may have gone; the facts stand all the same.
                drop(tell.send(answer));
            }),
        };
        self.submit(submission)?;
        match told.await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(refusal))) => Err(GateError::Refused(refusal)),
            Ok(Err(cause)) => Err(GateError::Journal(cause)),
            Err(_) => Err(GateError::Journal(JournalError::Stopped)),
        }
    }

    /// Carries out a command of the program's own, from a thread that may wait.
    ///
    /// # Errors
    /// As [`Gate::ask`].
    pub(crate) fn ask_waiting(&self, device: &DeviceId, command: Command) -> Result<Done, GateError> {
        self.press_waiting(Self::by(device.clone(), None, command))
    }

    /// Carries out a command, from a thread that may wait.
    ///
    /// # Errors
    /// As [`Gate::ask`].
    pub(crate) fn press_waiting(&self, ask: Ask) -> Result<Done, GateError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let submission =
            Submission { cmd: ask.cmd.clone(), command: ask, answer: Box::new(move |answer| drop(tell.send(answer))) };
        self.submit(submission)?;
        match told.recv() {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(refusal))) => Err(GateError::Refused(refusal)),
            Ok(Err(cause)) => Err(GateError::Journal(cause)),
            Err(_) => Err(GateError::Journal(JournalError::Stopped)),
        }
    }

    /// Keeps facts that another machine wrote, from a thread that may wait; returns how many of them were new.
    ///
    /// # Errors
    /// [`GateError::Journal`]: none of them is kept for certain.
    pub(crate) fn receive_waiting(&self, lines: Vec<Vec<u8>>) -> Result<usize, GateError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let received = Received { lines, answer: Box::new(move |answer| drop(tell.send(answer))) };
        self.with_journal(|journal| journal.receive(received))?;
        told.recv().unwrap_or(Err(JournalError::Stopped)).map_err(GateError::Journal)
    }

    /// Waits until the journal's writer has done all that was handed over before, and answers; nothing is written.
    ///
    /// # Errors
    /// [`GateError::Journal`]: too many wait, or it has ended.
    pub(crate) async fn knock(&self) -> Result<(), GateError> {
        let (tell, told) = oneshot::channel();
        // Whatever it answers, it answers: what a disk lacks is told elsewhere.
        let received = Received { lines: Vec::new(), answer: Box::new(move |answer| drop(tell.send(answer))) };
        self.with_journal(|journal| journal.receive(received))?;
        match told.await {
            Ok(_) => Ok(()),
            Err(_) => Err(GateError::Journal(JournalError::Stopped)),
        }
    }

    /// Holds the journal's writer up until the other end is dropped.
    #[cfg(test)]
    pub(crate) fn hold_writer(&self, until: std::sync::mpsc::Receiver<()>) {
        let received = Received { lines: Vec::new(), answer: Box::new(move |_| until.recv().unwrap_or_default()) };
        self.with_journal(|journal| journal.receive(received)).unwrap();
    }

    /// Has the box stand aside from now on, or no longer; returns whether that is new.
    pub(crate) fn stand_aside(&self, aside: Option<Aside>) -> bool {
        let mut stands = self.aside.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *stands, aside) != aside
    }

    /// Returns why the box takes no commands of the clinic; none where it does.
    pub(crate) fn aside(&self) -> Option<Aside> {
        *self.aside.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, submission: Submission<ClinicRules>) -> Result<(), GateError> {
        if let Some(aside) = self.aside().filter(|aside| !aside.lets_through(&submission.command.command)) {
            return Err(GateError::Aside(aside));
        }
        self.with_journal(|journal| journal.submit(submission))
    }

    fn with_journal(
        &self,
        hand_over: impl FnOnce(&Journal<ClinicRules>) -> Result<(), JournalError>,
    ) -> Result<(), GateError> {
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        let journal = journal.as_ref().ok_or(GateError::Journal(JournalError::Stopped))?;
        hand_over(journal).map_err(GateError::Journal)
    }

    /// Takes the journal out, so that it can be stopped; every later command is refused.
    pub(crate) fn close(&self) -> Option<Journal<ClinicRules>> {
        self.readers.close();
        self.journal.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Reads the clinic as the facts on disk have it.
    pub(crate) fn read<T>(&self, question: impl FnOnce(&Clinic) -> T) -> T {
        self.published.read(question)
    }

    /// Returns the last evidence on disk of each call that runs.
    pub(crate) fn leases(&self) -> Leases {
        self.published.leases()
    }

    /// Asks the journal for what no view holds: days that are over, settings of old.
    ///
    /// # Errors
    /// [`GateError::Unreadable`], or that the program is stopping.
    pub(crate) async fn ask_journal<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, GateError> {
        let readers = self.readers.clone();
        match tokio::task::spawn_blocking(move || readers.ask(question)).await {
            Ok(answer) => answer.map_err(GateError::Unreadable),
            Err(_) => Err(GateError::Journal(JournalError::Stopped)),
        }
    }

    /// Returns a watch on the number of facts published.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.published.changes()
    }

    /// Returns how the journal does; none once it is closed.
    pub(crate) fn health(&self) -> Option<Health> {
        self.journal.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(Journal::health)
    }

    /// Returns the pool that reads the journal.
    pub(crate) fn readers(&self) -> Readers {
        self.readers.clone()
    }

    /// Returns the origin of this opening of the journal.
    pub(crate) const fn origin(&self) -> Origin {
        self.origin
    }

    /// Returns the maker of tokens.
    pub(crate) const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Draws an idempotency key for a page that cannot draw one itself.
    pub(crate) fn draw_key(&self) -> String {
        // The origin was drawn from the same generator; without random bytes the daemon would not have started.
        self.chance.origin().map(|drawn| drawn.to_string()).unwrap_or_default()
    }

    /// Seals personal data for a command, if there is any.
    ///
    /// # Errors
    /// [`GateError::Seal`]: refuse the command.
    pub(crate) fn seal(&self, personal: &Personal, into: &mut Ask) -> Result<Option<Sealed>, GateError> {
        if personal.is_empty() {
            return Ok(None);
        }
        let (sealed, key) = seal::seal(personal, (&self.chance, &self.vault)).map_err(GateError::Seal)?;
        into.secrets.push(key);
        Ok(Some(sealed))
    }

    /// Returns the names and values of all secrets of a purpose.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub(crate) fn secrets_for(&self, purpose: &str) -> Result<Vec<NamedSecret>, StoreError> {
        self.readers.ask(|reader| reader.secrets_for(purpose))
    }

    /// Opens sealed personal data; none once it is erased, or where the machine's own key is gone.
    pub(crate) fn open(&self, sealed: &Sealed) -> Option<Personal> {
        let key = self.readers.ask(|reader| reader.secret(sealed.key_id.bytes())).ok().flatten()?;
        seal::open(sealed, key, &self.vault).ok()
    }

    /// Makes an ask of a device, or of a person at one.
    pub(crate) fn by(by: impl Into<By>, cmd: Option<Cmd>, command: Command) -> Ask {
        Ask { command, by: by.into(), cmd, secrets: Vec::new() }
    }
}
