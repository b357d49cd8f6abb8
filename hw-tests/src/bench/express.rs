//! What somebody would write instead: express and better-sqlite3, installed by npm into the build's own folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use super::child::Talker;
use super::client::Presses;
use crate::demo::daemon::write;
use crate::demo::progress::out;

const PACKAGE: &str = include_str!("../../data/bench/express-package.json");
const SERVER: &str = include_str!("../../data/bench/express-server.js");

/// A script that fails unless both packages are there and work; better-sqlite3 is partly C++.
const PROBE: &str = "require('express'); require('better-sqlite3')(':memory:').exec('SELECT 1')";

/// A running server; it is ended when dropped.
#[derive(Debug)]
pub struct Express {
    /// Its presses.
    pub presses: Presses,
    /// Its process.
    pub talker: Talker,
}

impl Express {
    /// Starts it on a file in a folder; `kept` is where it is installed, once.
    ///
    /// # Errors
    /// node or npm is missing, or the packages cannot be installed: the comparison is left out.
    pub fn start(kept: &Path, folder: &Path) -> Result<Self> {
        let server = install(kept)?;
        let mut talker = Talker::start(Command::new("node").arg(server).arg(folder.join("express.db")))?;
        let port = talker.ready()?.parse::<u16>().context("express listens nowhere")?;
        Ok(Self { presses: Presses::on(([127, 0, 0, 1], port).into()), talker })
    }
}

fn install(kept: &Path) -> Result<PathBuf> {
    for program in ["node", "npm"] {
        run(Command::new(program).arg("--version")).with_context(|| format!("{program} is missing"))?;
    }
    std::fs::create_dir_all(kept).with_context(|| format!("cannot make {}", kept.display()))?;
    let (package, server) = (kept.join("package.json"), kept.join("server.js"));
    let is_current = std::fs::read_to_string(&package).is_ok_and(|there| there == PACKAGE);
    let works = || run(Command::new("node").args(["-e", PROBE]).current_dir(kept));
    if !is_current || works().is_err() {
        out("installing express and better-sqlite3 with npm; where better-sqlite3 must be compiled, for minutes\n");
        write(&package, PACKAGE)?;
        let flags = ["install", "--no-audit", "--no-fund", "--omit=dev", "--loglevel=error"];
        run(Command::new("npm").args(flags).current_dir(kept)).context("npm cannot install them")?;
        works().context("what npm installed does not work")?;
    }
    write(&server, SERVER)?;
    Ok(server)
}

fn run(command: &mut Command) -> Result<()> {
    let Output { status, stderr, .. } = command.stdin(Stdio::null()).output().context("cannot be started")?;
    if status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&stderr);
    bail!("{}", stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("failed without a word"))
}
