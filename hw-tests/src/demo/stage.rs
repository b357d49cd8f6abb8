//! The stage on which a morning is played: a daemon, a printer, the hub where there is one, and the folder of all.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use machiai::settings::Settings;
use machiai::surface::printer::profile::Profile;
use machiai_core::settings::Printer;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::{Api, Press};
use super::cloud::Cloud;
use super::daemon::{Daemon, Program, SITE, Setting};
use super::row::{Action, Row};
use super::stopwatch::Stopwatch;
use crate::printer::{Emulator, Line, Setup};

/// The clinic of the recorded mornings.
const SETTINGS: &str = include_str!("../../data/morning-settings.toml");
/// The same with a line for tests and one for payment.
const STAGES: &str = include_str!("../../data/stages-settings.toml");
/// What the daemon logs, within the folder of what is left.
pub const LOG: &str = "machiai.log";
/// The printer at the kiosk.
const PROFILE: &str = "epson-80";

/// Which clinic is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clinic {
    /// Two lines, three rooms.
    Small,
    /// The same with tests and payment.
    WithStages,
}

impl Clinic {
    /// Returns the clinic in which a morning is played: who goes for a test or pays needs a line for it.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let needs_stages = |row: &Row| matches!(row.action, Action::Test | Action::Back | Action::Pay);
        if rows.iter().any(needs_stages) { Self::WithStages } else { Self::Small }
    }

    const fn settings(self) -> &'static str {
        match self {
            Self::Small => SETTINGS,
            Self::WithStages => STAGES,
        }
    }
}

/// What is to be set up.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The daemon's program.
    pub program: &'a Program,
    /// The clinic.
    pub clinic: Clinic,
    /// The folder of what is left.
    pub out: &'a Path,
    /// The rehearsal's start, with its offset, and how many times faster than real time it runs.
    pub rehearsal: (String, u32),
    /// Where the printer saves its papers, if it does.
    pub papers: Option<PathBuf>,
    /// Whether the clinic's network is served too.
    pub has_lan: bool,
    /// This project's own program, of which a hub is made; without one the box is alone.
    pub hub: Option<&'a Path>,
}

/// A daemon and a printer that stand until dropped.
pub struct Stage {
    /// The daemon.
    pub daemon: Daemon,
    /// The way to it.
    pub api: Api,
    /// The printer at the kiosk.
    pub printer: Emulator,
    /// The hub with which the box reconciles.
    pub cloud: Option<Cloud>,
    _folder: TempDir,
}

impl Stage {
    /// Starts a printer and a daemon that prints on it, and where a hub is wanted that, with the box enrolled.
    ///
    /// # Errors
    /// One of them does not start.
    pub async fn set(wanted: Wanted<'_>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("machiai-demo-").tempdir().context("cannot make a folder")?;
        let profile = Profile::named(PROFILE).context("the demo's printer is unknown")?;
        let mut setup = Setup::new(Line::Tcp, profile.dots);
        setup.dpi = profile.dpi;
        setup.folder = wanted.papers;
        let printer = Emulator::start(setup).context("cannot start the printer")?;
        let settings = settings(wanted.clinic, printer.address())?;
        let mut cloud = match wanted.hub {
            Some(program) => Some(Cloud::lay(program, folder.path(), wanted.rehearsal.1).await?),
            None => None,
        };
        let hub = cloud.as_ref().map(|cloud| cloud.house.name());
        let setting = Setting {
            program: wanted.program,
            folder: folder.path(),
            settings: &settings,
            rehearsal: wanted.rehearsal,
            has_lan: wanted.has_lan,
            hub: hub.as_deref(),
            log: &wanted.out.join(LOG),
        };
        let daemon = Daemon::start(&setting).await?;
        let api = Api::new(daemon.address(), Stopwatch::start())?;
        if let Some(cloud) = &mut cloud {
            cloud.open(&api, &daemon).await?;
        }
        Ok(Self { daemon, api, printer, cloud, _folder: folder })
    }
}

/// Returns the clinic's settings with a printer.
fn settings(clinic: Clinic, address: &str) -> Result<String> {
    let mut settings = Settings::read(clinic.settings()).context("the demo's settings are not as they should be")?;
    settings.printers.push(Printer {
        printer: "kiosk".parse().context("the printer has a name that cannot be")?,
        address: address.to_owned(),
        profile: PROFILE.to_owned(),
        lines: Vec::new(),
    });
    settings.write().context("cannot write the demo's settings")
}

/// Opens both lines for a visitor, and lets a few patients come so that the board is not empty.
///
/// # Errors
/// The daemon refuses.
pub async fn furnish(api: &Api) -> Result<()> {
    let ticket = |line: u16, body: Value| (format!("lines/{SITE}-{line}/tickets"), body);
    let kiosk = |family: u32| json!({"channel": "kiosk", "family": family});
    let acts = [
        (format!("lines/{SITE}-1/open"), json!({"session": "morning"})),
        (format!("lines/{SITE}-2/open"), json!({"session": "morning"})),
        ("message".to_owned(), json!({"text": "本日は大変混み合っております"})),
        ticket(1, kiosk(1)),
        ticket(2, kiosk(2)),
        ticket(1, kiosk(1)),
        ticket(1, json!({"channel": "remote"})),
        ticket(2, kiosk(1)),
        ticket(1, kiosk(1)),
        ("rooms/room1/call".to_owned(), json!({})),
        ("rooms/room1/enter".to_owned(), json!({})),
    ];
    for (nth, (path, body)) in acts.into_iter().enumerate() {
        // A device of its own each, so that no press is taken for a double one.
        let press = Press { device: format!("demo/{nth}"), path, body };
        let answered = api.press(press, format!("furnish-{nth}")).await?;
        if let Some(code) = answered.code() {
            bail!("the daemon refused {}: {code}", answered.press.path);
        }
    }
    Ok(())
}
