//! The release daemon on the bench: on the real clock, with lines that never run out of numbers, and no printer.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::child::Talker;
use super::client::{Client, N_LINES, Presses};
use super::machine;
use crate::demo::daemon::{Program, SITE, write};

/// The clinic of the bench.
pub const SETTINGS: &str = include_str!("../../data/bench/settings.toml");

/// What is done to a program's disk.
#[derive(Clone, Copy, Debug)]
pub struct Slowed<'a> {
    /// The shim that goes before the system's library.
    pub shim: &'a Path,
    /// How long a sync lasts at least.
    pub sync_us: u32,
}

impl Slowed<'_> {
    /// Returns what a program's environment needs for it.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        [("LD_PRELOAD", self.shim.display().to_string()), ("SLOW_SYNC_US", self.sync_us.to_string())]
    }
}

/// How a daemon runs beside the usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct With<'a> {
    /// What is done to its disk.
    pub slowed: Option<Slowed<'a>>,
    /// Where it finds its hub, over TLS.
    pub hub: Option<SocketAddr>,
}

/// A running daemon; it is ended when dropped.
#[derive(Debug)]
pub struct Daemon {
    talker: Talker,
    address: SocketAddr,
}

impl Daemon {
    /// Sets a clinic up in a folder, starts the daemon there and opens every line.
    ///
    /// # Errors
    /// It refused its settings, was not ready in time, or refused to open a line.
    pub fn open(program: &Program, folder: &Path, with: With<'_>) -> Result<(Self, Presses)> {
        let settings = folder.join("settings.toml");
        write(&settings, SETTINGS)?;
        let mut import = program.command(&configure(folder, with)?);
        let told = import.args(["settings", "import"]).arg(&settings).output().context("cannot start machiai")?;
        if !told.status.success() {
            bail!("machiai settings import: {}", String::from_utf8_lossy(&told.stderr).trim());
        }
        let daemon = Self::start(program, folder, with)?;
        let presses = Presses::on(daemon.address);
        let mut reception = Client::connect(daemon.address)?;
        for line in 1..=N_LINES {
            let open = presses.press(&format!("lines/{SITE}-{line}/open"), r#"{"session":"day"}"#);
            reception.ask(&open).context("cannot open a line")?;
        }
        Ok((daemon, presses))
    }

    /// Starts the daemon on what its folder holds.
    ///
    /// # Errors
    /// It was not ready in time; its log says why.
    pub fn start(program: &Program, folder: &Path, with: With<'_>) -> Result<Self> {
        let log = folder.join("machiai.log");
        let mut command = program.command(&configure(folder, with)?);
        command.arg("run").stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
        command.envs(with.slowed.iter().flat_map(Slowed::environment));
        let mut talker = Talker::start(&mut command)?;
        let ready = talker.ready().with_context(|| {
            format!("the daemon did not start: {}", std::fs::read_to_string(&log).unwrap_or_default().trim())
        })?;
        let address = ready.trim_start_matches("http://").trim_end_matches('/').parse();
        Ok(Self { talker, address: address.with_context(|| format!("{ready:?} is no address"))? })
    }

    /// Returns its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the processor time it has used.
    ///
    /// # Errors
    /// It has ended.
    pub fn used(&self) -> Result<Duration> {
        machine::used_by(self.talker.pid())
    }

    /// Returns its memory in KiB, what it shares counted by its share.
    ///
    /// # Errors
    /// It has ended.
    pub fn pss_kib(&self) -> Result<f64> {
        machine::pss_kib(self.talker.pid())
    }

    /// Stops it.
    ///
    /// # Errors
    /// It did not stop as it should.
    pub fn stop(self) -> Result<()> {
        self.talker.stop().context("the daemon")
    }
}

/// Returns the journal of a daemon that runs in a folder.
#[must_use]
pub fn journal(folder: &Path) -> PathBuf {
    folder.join("state").join("journal.db")
}

/// Writes the configuration of a daemon that runs in a folder.
///
/// # Errors
/// The folder cannot be written to.
pub fn configure(folder: &Path, with: With<'_>) -> Result<PathBuf> {
    let (config, state) = (folder.join("machiai.toml"), folder.join("state"));
    let hub = with.hub.map_or_else(String::new, |hub| format!("hub = \"https://{hub}\"\n"));
    let text = format!("site = {SITE}\nstate = \"{}\"\nlisten = \"127.0.0.1:0\"\n{hub}", state.display());
    write(&config, text)?;
    Ok(config)
}
