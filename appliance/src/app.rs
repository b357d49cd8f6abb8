//! What every handler holds: the gate, the panel with its words, and what the program knows of itself.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use machiai_core::command::Command;
use machiai_core::envelope::Trust;
use machiai_core::ids::{DeviceId, SiteId};
use machiai_core::speech::Spoken;
use machiai_core::time::AtMs;
use machiai_panel::{Look, Panel};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::access::Access;
use crate::config::{Config, Vendors};
use crate::contents::Contents;
use crate::devices::known::Devices;
use crate::gate::{Aside, Gate, GateError};
use crate::health::Printers;
use crate::link::told::Linked;
use crate::quality::Quality;
use crate::rehearsal::Rehearsals;
use crate::rules::Done;
use crate::surface::screen::Screens;

/// A board frame ready to be sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frame {
    /// Counts frames: a client that has this one needs only a sign of life.
    pub(crate) nth: u64,
    /// The event as it goes over the wire.
    pub(crate) event: axum::body::Bytes,
    /// The drawing alone.
    pub(crate) svg: axum::body::Bytes,
    /// Whether it lies over the film too: a call, or a number that is asked to wait a little longer.
    pub(crate) is_over_film: bool,
    /// The calls that it shows; each new one is heard.
    pub(crate) calls: Vec<Call>,
    /// The facts that it shows.
    pub(crate) n_facts: u64,
    /// When time alone makes it untrue.
    pub(crate) until: AtMs,
}

/// A call that a frame shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Whom.
    pub(crate) label: String,
    /// Since when.
    pub(crate) at: AtMs,
    /// Whether again.
    pub(crate) again: bool,
    /// What is said of it.
    pub(crate) speech: Vec<Spoken>,
}

impl Frame {
    /// Whether it still shows what is true, of so many facts and at this instant.
    pub(crate) fn is_true(&self, n_facts: u64, now: AtMs) -> bool {
        !self.event.is_empty() && self.n_facts == n_facts && now < self.until
    }
}

/// Something that staff or IT should know; its words stand in the assets under the same code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trouble {
    /// The journal was damaged, set aside and salvaged.
    JournalDamaged,
    /// The journal came from a backup.
    JournalRestored,
    /// The disk is full: commands are refused.
    DiskFull,
    /// The disk takes nothing any more, for another reason: commands are refused.
    DiskRefuses,
    /// The space kept back for a full disk is used up: make room.
    BallastGone,
    /// The clock cannot be trusted.
    ClockLost,
    /// A template has an error; the last good one is used.
    TemplateFault,
    /// The board cannot be drawn; the last picture stays.
    BoardNotDrawn,
    /// The nightly copy of the journal failed.
    BackupFailed,
    /// A monitor that was there is not: patients are to be called by voice.
    MonitorGone,
    /// The sound device of a monitor is gone: calls are seen, not heard.
    SoundGone,
    /// Content that came from the hub was not what its hash says: it is thrown away, and fetched again later.
    ContentWrong,
    /// Another box speaks for this site: a copied disk, or the one before this.
    AnotherBox,
    /// The configuration was read again and cannot be used: the last good one stays.
    ConfigRefused,
    /// This box has taken another one's place, and the day is still coming from the hub.
    DayComing,
    /// Another box has taken this one's place.
    BoxReplaced,
    /// A button box, number display, keypad or reader is not there.
    DeviceAway,
    /// A key of a button box hangs.
    KeyStuck,
    /// The clinic's network cannot be served: its address is taken, or not there.
    NetworkShut,
    /// The machine's own key cannot be opened: what was sealed with it is not used.
    SecretsLocked,
}

impl Trouble {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 20] = [
        Self::JournalDamaged,
        Self::JournalRestored,
        Self::DiskFull,
        Self::DiskRefuses,
        Self::BallastGone,
        Self::ClockLost,
        Self::TemplateFault,
        Self::BoardNotDrawn,
        Self::BackupFailed,
        Self::MonitorGone,
        Self::SoundGone,
        Self::ContentWrong,
        Self::AnotherBox,
        Self::ConfigRefused,
        Self::DayComing,
        Self::BoxReplaced,
        Self::DeviceAway,
        Self::KeyStuck,
        Self::NetworkShut,
        Self::SecretsLocked,
    ];
}

/// What every handler holds.
pub(crate) struct App {
    /// The facility.
    pub(crate) site: SiteId,
    /// The way in.
    pub(crate) gate: Gate,
    /// Who may come in.
    pub(crate) access: Access,
    /// What draws.
    pub(crate) panel: Arc<Panel>,
    /// Board frames, in the order of [`Look::ALL`].
    pub(crate) frames: [watch::Sender<Frame>; Look::ALL.len()],
    /// Told when a board begins to look: while none does, nothing is drawn.
    pub(crate) board_wanted: Notify,
    /// The device that stands for the program itself.
    pub(crate) own_device: DeviceId,
    /// Ends every stream and loop.
    pub(crate) stop: CancellationToken,
    /// What went wrong at the start or since, for the pages of staff and IT.
    pub(crate) troubles: Mutex<BTreeSet<Trouble>>,
    /// The content that can be played.
    pub(crate) contents: Contents,
    /// The monitors that are connected.
    pub(crate) screens: Screens,
    /// The copy of the day on which new staff learn.
    pub(crate) rehearsals: Rehearsals,
    /// How the channel to the hub does.
    pub(crate) linked: Linked,
    /// How good the line to it is.
    pub(crate) quality: Quality,
    /// How the printers do.
    pub(crate) printers: Printers,
    /// How button boxes, displays, keypads and readers do.
    pub(crate) devices: Devices,
    /// Who else tells of consultation calls.
    pub(crate) vendors: Vendors,
    /// Held while somebody looks at everything.
    pub(crate) looking: tokio::sync::Mutex<()>,
    /// The configuration that the daemon follows now.
    configured: RwLock<Arc<Config>>,
}

impl App {
    /// Brings together what every handler holds.
    pub(crate) fn new(config: &Config, gate: Gate, panel: Arc<Panel>) -> Self {
        Self {
            site: config.site_id(),
            access: Access::open(&gate, config.state.clone()),
            gate,
            panel,
            frames: Default::default(),
            board_wanted: Notify::new(),
            own_device: "machiai".parse().unwrap_or_else(|_| unreachable!("a fixed word of seven letters")),
            stop: CancellationToken::new(),
            troubles: Mutex::default(),
            contents: Contents::new(config.contents()),
            screens: Screens::default(),
            rehearsals: Rehearsals::new(config),
            linked: Linked::default(),
            quality: Quality::default(),
            printers: Printers::default(),
            devices: Devices::default(),
            vendors: config.calls.clone(),
            looking: tokio::sync::Mutex::default(),
            configured: RwLock::new(Arc::new(config.clone())),
        }
    }

    /// Returns the configuration that the daemon follows now.
    pub(crate) fn configured(&self) -> Arc<Config> {
        Arc::clone(&self.configured.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes the configuration that the daemon follows from now on.
    pub(crate) fn follow(&self, config: &Config) {
        *self.configured.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config.clone());
    }

    /// Carries out a command of the program's own.
    ///
    /// # Errors
    /// As [`Gate::ask`].
    pub(crate) async fn ask_itself(&self, command: Command) -> Result<Done, GateError> {
        self.gate.ask(Gate::by(self.own_device.clone(), None, command)).await
    }

    /// Notes that something is wrong, or is so no longer.
    pub(crate) fn note(&self, trouble: Trouble, stands: bool) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if stands {
            troubles.insert(trouble);
        } else {
            troubles.remove(&trouble);
        }
    }

    /// Returns what is wrong now.
    pub(crate) fn troubles_now(&self) -> Vec<Trouble> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let health = self.gate.health();
        let live = [
            (Trouble::DayComing, self.gate.aside() == Some(Aside::DayComing)),
            (Trouble::BoxReplaced, self.gate.aside() == Some(Aside::Replaced)),
            (Trouble::DiskFull, health.is_some_and(|health| health.is_full)),
            (Trouble::DiskRefuses, health.is_some_and(|health| health.is_refused)),
            (Trouble::BallastGone, health.is_some_and(|health| !health.has_ballast)),
            (Trouble::MonitorGone, self.screens.lack_one()),
            (Trouble::SoundGone, self.screens.lack_sound()),
            (Trouble::DeviceAway, self.devices.lack_one()),
            (Trouble::KeyStuck, self.devices.have_one_stuck()),
            (Trouble::ContentWrong, self.contents.has_wrong()),
            (Trouble::ClockLost, self.gate.clock.shown().1 == Trust::Lost),
        ];
        troubles.extend(live.into_iter().filter(|(_, stands)| *stands).map(|(trouble, _)| trouble));
        troubles.into_iter().collect()
    }
}

/// The app as handlers share it.
pub(crate) type Shared = Arc<App>;
