//! What somebody would write instead: express and better-sqlite3.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::child::Talker;
use super::client::Presses;
use super::npm::Script;

const SCRIPT: Script = Script {
    package: include_str!("../../data/bench/express-package.json"),
    script: include_str!("../../data/bench/express-server.js"),
    probe: "require('express'); require('better-sqlite3')(':memory:').exec('SELECT 1')",
    named: "express and better-sqlite3",
};

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
        let server = SCRIPT.install(kept)?;
        let mut talker = Talker::start(Command::new("node").arg(server).arg(folder.join("express.db")))?;
        let port = talker.ready()?.parse::<u16>().context("express listens nowhere")?;
        Ok(Self { presses: Presses::on(([127, 0, 0, 1], port).into()), talker })
    }
}
