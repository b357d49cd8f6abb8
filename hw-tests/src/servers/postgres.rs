//! A PostgreSQL server with a cluster of its own, behind a Unix socket alone.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, getuid};
use tempfile::TempDir;

use super::{Server, find};

/// Where Debian puts the programs, by the server's version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Who runs it where we are root, whom it refuses: Debian's user, or else nobody in particular.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// A running server; it is ended when dropped, and its folder with it.
#[derive(Debug)]
pub struct Postgres {
    server: Option<Server>,
    folder: TempDir,
    user: Option<(u32, u32)>,
}

impl Postgres {
    /// Makes a cluster and starts its server.
    ///
    /// # Errors
    /// The programs are missing (they come with Debian's postgresql), or do not like the machine.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder")?;
        let user = if getuid().is_root() { Some(read_user()?) } else { None };
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).context("cannot hand the folder over")?;
        }
        let mut postgres = Self { server: None, folder, user };
        let mut initdb = postgres.command("initdb")?;
        initdb.args(["--username=hub", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        let made = initdb.arg(postgres.data()).output().context("cannot start initdb")?;
        if !made.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        postgres.run()?;
        Ok(postgres)
    }

    /// Returns what a hub calls it, with more of libpq's words.
    #[must_use]
    pub fn name(&self, more: &str) -> String {
        format!("postgres:host={} user=hub dbname=postgres {more}", self.folder.path().display())
    }

    /// Ends the server as a crash would, and starts it again.
    ///
    /// # Errors
    /// It does not come back.
    pub fn crash(&mut self) -> Result<()> {
        self.server = None;
        self.run()
    }

    fn run(&mut self) -> Result<()> {
        let mut command = self.command("postgres")?;
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path()).args(["-c", "listen_addresses="]);
        let is_ready = |line: &str| line.contains("database system is ready to accept connections").then_some(());
        // At once, with all processes of its own, and without writing anything more.
        self.server = Some(Server::start(&mut command, Signal::QUIT, is_ready)?.0);
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(find(program, folders())?);
        // Neither another server's settings nor another language.
        command.env_clear().env("LC_ALL", "C").current_dir(self.folder.path());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        Ok(command)
    }
}

/// Returns the folders of Debian's programs, the newest version's first.
fn folders() -> Vec<PathBuf> {
    let versions = std::fs::read_dir(DEBIAN).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// Reads the numbers of the user and group that run it.
fn read_user() -> Result<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read who is here")?;
    let of = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    USERS.into_iter().find_map(of).context("there is nobody but root to run the server")
}
