//! A NATS server on a free port of this machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use rustix::process::Signal;

use super::{Server, find};

/// Where Debian puts the program.
const DEBIAN: &str = "/usr/sbin";

/// What it says once it listens, before its address.
const LISTENS: &str = "Listening for client connections on ";

/// Finds the program.
///
/// # Errors
/// It is missing: it comes with Debian's nats-server.
pub fn program() -> Result<PathBuf> {
    find("nats-server", [PathBuf::from(DEBIAN)])
}

/// A running server; it is ended when dropped.
#[derive(Debug)]
pub struct Nats {
    _server: Server,
    address: String,
}

impl Nats {
    /// Starts a server.
    ///
    /// # Errors
    /// It is missing: it comes with Debian's nats-server; or it does not start.
    pub fn start() -> Result<Self> {
        let mut command = Command::new(program()?);
        command.args(["--addr", "127.0.0.1", "--port", "-1"]);
        let read = |line: &str| line.split_once(LISTENS).map(|(_, address)| address.trim().to_owned());
        let (server, address) = Server::start(&mut command, Signal::KILL, read)?;
        Ok(Self { _server: server, address })
    }

    /// Returns its address, `nats://127.0.0.1:4222`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }
}
