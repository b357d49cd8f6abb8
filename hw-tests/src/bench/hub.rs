//! The release hub on the bench: over TLS, its store in a file, patients in clear beside it.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::child::Talker;
use super::machine;

/// A running hub; it is ended when dropped.
#[derive(Debug)]
pub struct Hub {
    talker: Talker,
    program: PathBuf,
    /// Where its state and its store are.
    kept: Vec<OsString>,
    boxes: SocketAddr,
    patients: SocketAddr,
}

impl Hub {
    /// Starts a hub on what a folder holds, or on another store.
    ///
    /// # Errors
    /// It has not been built, or was not ready in time.
    pub fn start(bench: &Bench, folder: &Path, store: Option<&str>) -> Result<Self> {
        let program = bench.this.with_file_name("machiai-hub");
        let mut kept = vec!["--state".into(), folder.join("hub").into_os_string()];
        kept.extend(store.into_iter().flat_map(|store| [OsString::from("--store"), store.into()]));
        let mut command = Command::new(&program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--public", "127.0.0.1:0"]).args(&kept);
        let mut talker = Talker::start(command.stderr(Stdio::null()))?;
        let mut told = |before: &str| -> Result<SocketAddr> {
            let line = talker.line().context("the hub")?;
            let address = line.strip_prefix(before).with_context(|| format!("the hub says {line:?}"))?;
            address.parse().with_context(|| format!("{address:?} is no address"))
        };
        let (boxes, patients) = (told("listening on ")?, told("patients at ")?);
        Ok(Self { talker, program, kept, boxes, patients })
    }

    /// Adds a site, and draws a code that enrols a box of it.
    ///
    /// # Errors
    /// The hub says why not.
    pub fn enrol_code(&self, site: u32) -> Result<String> {
        let site = site.to_string();
        self.ask(&["site", "add", &site])?;
        self.ask(&["enrol-code", &site])
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let told = Command::new(&self.program).args(arguments).args(&self.kept).output();
        let told = told.context("cannot start the hub's program")?;
        ensure!(told.status.success(), "machiai-hub {arguments:?}: {}", String::from_utf8_lossy(&told.stderr).trim());
        Ok(String::from_utf8_lossy(&told.stdout).trim().to_owned())
    }

    /// Returns where boxes reach it.
    #[must_use]
    pub const fn boxes(&self) -> SocketAddr {
        self.boxes
    }

    /// Returns where patients reach it.
    #[must_use]
    pub const fn patients(&self) -> SocketAddr {
        self.patients
    }

    /// Returns the processor time it has used.
    ///
    /// # Errors
    /// It has ended.
    pub fn used(&self) -> Result<Duration> {
        machine::used_by(self.talker.pid())
    }
}
