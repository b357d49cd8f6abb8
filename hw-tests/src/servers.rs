//! Servers of others that scenes start for themselves: each has a folder that goes with it, is reached from this machine
//! alone, and is ended by its process id.

pub mod hub;
pub mod nats;
pub mod postgres;
pub mod s3;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running server; it is ended when dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    end: Signal,
}

impl Server {
    /// Starts a server that logs to its standard error, and returns what is read of the line that says that it is ready;
    /// `end` is the signal at which it ends at once, with all of its own.
    fn start<T: Send + 'static>(
        command: &mut Command,
        end: Signal,
        read_ready: impl Fn(&str) -> Option<T> + Send + 'static,
    ) -> Result<(Self, T)> {
        let named = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.with_context(|| format!("cannot start {named}"))?;
        let log = child.stderr.take().context("a server without a log")?;
        let server = Self { child, end };
        let (tell, told) = channel();
        // Ends with the server; what it says later is read all the same, so that it is not held up.
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                drop(tell.send(read_ready(&line).ok_or(line)));
            }
        });
        let mut log = Vec::new();
        loop {
            match told.recv_timeout(READY_WITHIN) {
                Ok(Ok(ready)) => return Ok((server, ready)),
                Ok(Err(line)) => log.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    bail!("{named} is not ready: {}", log.join("\n"))
                }
            }
        }
    }
}

/// Finds a program: in folders that a path need not name, or else by the path.
fn find(program: &str, folders: impl IntoIterator<Item = PathBuf>) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = folders.into_iter().chain(std::env::split_paths(&path)).map(|folder| folder.join(program));
    found.find(|path| path.is_file()).with_context(|| format!("{program} is missing"))
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; its files are thrown away.
        kill_process(Pid::from_child(&self.child), self.end).unwrap_or(());
        drop(self.child.wait());
    }
}
