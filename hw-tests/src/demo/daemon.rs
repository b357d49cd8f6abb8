//! The daemon as a child of the demo: its folder, its settings, its start, and its stop by process id.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::bench::machine::pss_kib;

/// How long a start may take, a stop, and one command of the command line.
const START_FOR: Duration = Duration::from_secs(60);
const STOP_FOR: Duration = Duration::from_secs(30);

/// How often a daemon that should run is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The number of the facility.
pub const SITE: u32 = 1001;

/// The program that is the daemon.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    own: bool,
    /// What prepares films, where it is not what lies beside the daemon.
    prepare: Option<PathBuf>,
}

impl Program {
    /// Returns the daemon's program in the folder of this one.
    ///
    /// # Errors
    /// It has not been built.
    pub fn beside(this: &Path) -> Result<Self> {
        let path = this.with_file_name("machiai");
        if path.is_file() {
            return Ok(Self { path, own: false, prepare: None });
        }
        bail!("there is no {}: build the daemon first, or run it out of this program", path.display())
    }

    /// Returns the daemon out of the demo's own program; it prepares no films.
    #[must_use]
    pub fn own(this: &Path) -> Self {
        Self { path: this.to_owned(), own: true, prepare: Some(PathBuf::from("/there/is/none")) }
    }

    /// Lets a program prepare the daemon's films.
    #[must_use]
    pub fn preparing_by(self, prepare: &Path) -> Self {
        Self { prepare: Some(prepare.to_owned()), ..self }
    }

    pub(crate) fn command(&self, config: &Path) -> Command {
        let mut command = Command::new(&self.path);
        if self.own {
            command.arg("machiai");
        }
        command.arg("-c").arg(config).stdin(Stdio::null());
        command
    }
}

/// How a daemon is to run.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// Its program.
    pub program: &'a Program,
    /// A folder for its configuration and its state.
    pub folder: &'a Path,
    /// The clinic's settings, TOML; empty for a box that has none yet.
    pub settings: &'a str,
    /// The rehearsal's start, with its offset, and how many times faster than real time it runs.
    pub rehearsal: (String, u32),
    /// Whether it also serves the clinic's network, at a free port of 127.0.0.1.
    pub has_lan: bool,
    /// The hub with which it reconciles.
    pub hub: Option<&'a str>,
    /// Where its log goes.
    pub log: &'a Path,
}

/// A daemon's memory, in mebibytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// The most that was resident.
    pub most_mib: f64,
    /// What of that is pages of files, its program's above all: they are as many as the build makes them, and the system
    /// takes them back when it needs room.
    pub of_files_mib: f64,
    /// What it holds of its own now.
    pub own_mib: f64,
}

/// A running daemon; it is ended when dropped.
pub struct Daemon {
    child: Option<Child>,
    program: Program,
    config: PathBuf,
    state: PathBuf,
    log: PathBuf,
    address: String,
}

impl Daemon {
    /// Brings the settings in and starts the daemon.
    ///
    /// # Errors
    /// It refused its settings, or was not ready in time; the log says why.
    pub async fn start(setting: &Setting<'_>) -> Result<Self> {
        let (config, state) = (setting.folder.join("machiai.toml"), setting.folder.join("state"));
        let settings = setting.folder.join("settings.toml");
        write(&config, configuration(&state, setting, "127.0.0.1:0"))?;
        write(&settings, setting.settings)?;
        let (program, log) = (setting.program.clone(), setting.log.to_owned());
        // What another daemon logged there is not this one's.
        File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut daemon = Self { child: None, program, config, state, log, address: String::new() };
        if !setting.settings.is_empty() {
            daemon.ask(&["settings", "import", &settings.to_string_lossy()]).await?;
        }
        daemon.run().await?;
        // What is asked from now on at the command line finds the daemon where it listens.
        let listens = daemon.address.trim_start_matches("http://");
        write(&daemon.config, configuration(&daemon.state, setting, listens))?;
        Ok(daemon)
    }

    /// Starts it as it is configured by now, and waits until it is ready.
    ///
    /// # Errors
    /// It was not ready in time; the log says why.
    pub async fn run(&mut self) -> Result<()> {
        let log = File::options().append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = self.program.command(&self.config);
        apart(&mut command);
        let mut child =
            command.arg("run").stdout(Stdio::piped()).stderr(log).spawn().context("cannot start machiai")?;
        let (tell, told) = oneshot::channel();
        let stdout = child.stdout.take().context("the daemon has no standard output")?;
        self.child = Some(child);
        // Ends with the daemon.
        let _reading = spawn_blocking(move || read_ready(BufReader::new(stdout), tell));
        let ready = tokio::time::timeout(START_FOR, told).await.context("the daemon was not ready in time")?;
        self.address = ready.with_context(|| format!("the daemon ended, see {}", self.log.display()))?;
        Ok(())
    }

    /// Has it read its configuration again.
    ///
    /// # Errors
    /// It does not run.
    pub fn reload(&self) -> Result<()> {
        let child = self.child.as_ref().context("the daemon has been stopped before")?;
        kill_process(Pid::from_child(child), Signal::HUP).context("cannot tell the daemon")
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the daemon has been stopped before")?;
        child.kill().context("cannot kill the daemon")?;
        child.wait().context("cannot wait for the daemon").map(drop)
    }

    /// Returns its address, `http://127.0.0.1:8110`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the folder of its journal.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Returns how much memory it has and has had.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.as_ref()?.id())).ok()?;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib / 1024.0)
        };
        Some(Memory { most_mib: mib("VmHWM:")?, of_files_mib: mib("RssFile:")?, own_mib: mib("RssAnon:")? })
    }

    /// Returns its memory in KiB, what it shares counted by its share.
    ///
    /// # Errors
    /// It has ended.
    pub fn pss_kib(&self) -> Result<f64> {
        pss_kib(self.child.as_ref().context("the daemon has been stopped before")?.id())
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// It has: a daemon runs until it is told to stop.
    pub async fn ended(&mut self) -> Result<()> {
        loop {
            let child = self.child.as_mut().context("the daemon has been stopped before")?;
            if let Some(status) = child.try_wait().context("cannot look after the daemon")? {
                self.child = None;
                bail!("the daemon ended by itself with {status}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells it to stop and waits until it has.
    ///
    /// # Errors
    /// It did not stop in time, and was ended.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        let mut child = self.child.take().context("the daemon has been stopped before")?;
        kill_process(Pid::from_child(&child), Signal::TERM).context("cannot tell the daemon to stop")?;
        let waiting = spawn_blocking(move || (child.wait(), child));
        match tokio::time::timeout(STOP_FOR, waiting).await {
            Ok(waited) => waited.context("cannot wait for the daemon")?.0.context("cannot wait for the daemon"),
            Err(_) => bail!("the daemon did not stop within {STOP_FOR:?}"),
        }
    }

    /// Carries out a command of the command line on its configuration and returns what was said.
    ///
    /// # Errors
    /// The command failed; the error says how.
    pub async fn ask(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.program.command(&self.config);
        command.args(arguments);
        let done = spawn_blocking(move || command.output()).await?.context("cannot start machiai")?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        bail!("machiai {}: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr).trim())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Something failed on the way: what was started is ended all the same.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn configuration(state: &Path, setting: &Setting<'_>, listen: &str) -> String {
    let (starts, speed) = &setting.rehearsal;
    let lan = if setting.has_lan { "lan = \"127.0.0.1:0\"\n" } else { "" };
    let hub = setting.hub.map_or_else(String::new, |hub| format!("hub = \"{hub}\"\n"));
    let prepare = setting.program.prepare.as_deref();
    let content =
        prepare.map_or_else(String::new, |prepare| format!("[content]\nprepare = \"{}\"\n\n", prepare.display()));
    format!(
        "site = {SITE}\nstate = \"{}\"\nlisten = \"{listen}\"\n{lan}{hub}ballast_mib = 1\n\n{content}\
         [rehearsal]\nstarts = \"{starts}\"\nspeed = {speed}\n",
        state.display()
    )
}

/// Keeps a Ctrl-C on the terminal from the child: the demo stops it when it is done with it.
pub(crate) fn apart(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

fn read_ready(lines: impl BufRead, tell: oneshot::Sender<String>) {
    let mut tell = Some(tell);
    for line in lines.lines().map_while(Result::ok) {
        let address = line.strip_prefix("ready ").map(|address| address.trim_end_matches('/').to_owned());
        if let (Some(address), Some(tell)) = (address, tell.take()) {
            // Nobody waits any more: the start took too long.
            drop(tell.send(address));
        }
    }
}

/// Writes a file that need not survive a power cut.
///
/// # Errors
/// Names the file.
#[expect(clippy::disallowed_methods, reason = "what the demo leaves need not survive a power cut")]
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
