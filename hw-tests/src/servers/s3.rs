//! A store that speaks S3, on a free port of this machine: moto's server, which AWS's own tools are tested with.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use machiai::link::on_this_machine;
use rustix::process::Signal;

use super::Server;

/// What it says once it listens, before its address.
const LISTENS: &str = "Running on ";

/// Where `make s3` leaves it.
const PLACE: &str = "target/s3";

/// A running server; it is ended when dropped.
#[derive(Debug)]
pub struct S3 {
    _server: Server,
    url: String,
}

impl S3 {
    /// Starts a server without buckets.
    ///
    /// # Errors
    /// It is missing, type: make s3; or it does not start.
    pub fn start() -> Result<Self> {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(PLACE);
        ensure!(place.join("moto").is_dir(), "there is no {PLACE}, type: make s3");
        let mut command = Command::new("python3");
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]).env("PYTHONPATH", place).current_dir("/");
        let read = |line: &str| line.split_once(LISTENS).map(|(_, url)| url.trim().to_owned());
        let (server, url) = Server::start(&mut command, Signal::KILL, read)?;
        Ok(Self { _server: server, url })
    }

    /// Returns where it is, `http://127.0.0.1:5000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// It does not.
    pub async fn make_bucket(&self, bucket: &str) -> Result<()> {
        let asked = on_this_machine()?.build()?.put(format!("{}/{bucket}", self.url));
        asked.send().await?.error_for_status().context("no bucket is made").map(drop)
    }
}
