//! The floor under every ticket: one row inserted and committed by SQLite, and nothing else.
//!
//! It runs as a program of its own, so that a slowed disk can be put under it as under the daemon.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::Connection;

use super::Bench;
use super::child::Talker;
use super::daemon::Slowed;
use super::figures::Samples;
use crate::demo::stopwatch::Stopwatch;

/// A row as long as the fact of a ticket.
const BODY: &str = r#"{"site":1001,"line":1,"origin":"7f3c2a9d5b8e4f60a1c2d3e4f5061728","seq":1234,"at_ms":1795483440000,"at_n":0,"boot":"00112233445566778899aabbccddeeff","mono_ms":123456,"clock":"synced","by":{"device":"kiosk/1"},"cmd":"bench-1234#0123456789abcdef","kind":"TicketIssued","body":{"visit":"0f1e2d3c4b5a69788796a5b4c3d2e1f0","day":"2026-11-24","session":"day","number":123,"label":"A123","rank":128974848,"channel":"kiosk","arrived":true,"token_hash":"00112233445566778899aabbccddeeff"}}"#;

/// The word on the command line that makes this program the one that commits.
pub const WORD: &str = "commits";

/// Commits as often as each line of the input says, and answers with the time of every commit in nanoseconds.
///
/// # Errors
/// The file cannot be used.
pub fn serve(file: &Path, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let db = Connection::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    db.pragma_update(None, "journal_mode", "WAL").context("cannot write ahead")?;
    db.pragma_update(None, "synchronous", "FULL").context("cannot have commits synced")?;
    db.execute_batch("CREATE TABLE rows (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT").context("no table")?;
    let mut insert = db.prepare("INSERT INTO rows (body) VALUES (?1)").context("cannot prepare the insert")?;
    writeln!(output, "ready 0").and_then(|()| output.flush()).context("nobody listens")?;
    let watch = Stopwatch::start();
    for line in input.lines() {
        let n_commits: usize = line.context("cannot read")?.trim().parse().context("not a number of commits")?;
        let mut told = String::with_capacity(n_commits * 8);
        for _ in 0..n_commits {
            let begun = watch.read();
            insert.execute([BODY]).context("cannot insert")?;
            told.push_str(&format!("{} ", watch.read().saturating_sub(begun).as_nanos()));
        }
        writeln!(output, "{told}").and_then(|()| output.flush()).context("nobody listens")?;
    }
    Ok(())
}

/// The program that commits.
#[derive(Debug)]
pub struct RawCommits(Talker);

impl RawCommits {
    /// Starts it on a file in a folder.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(bench: &Bench, folder: &Path, slowed: Option<Slowed<'_>>) -> Result<Self> {
        let mut command = Command::new(&bench.this);
        command.arg(WORD).arg(folder.join("raw.db")).envs(slowed.iter().flat_map(Slowed::environment));
        let mut talker = Talker::start(&mut command)?;
        talker.ready()?;
        Ok(Self(talker))
    }

    /// Has it commit so often.
    ///
    /// # Errors
    /// It failed.
    pub fn round(&mut self, n_commits: usize) -> Result<Samples> {
        self.0.say(&n_commits.to_string())?;
        let told = self.0.line().context("raw commits")?;
        let times = told.split_whitespace().map(|nanos| nanos.parse().map(Duration::from_nanos));
        times.collect::<Result<Samples, _>>().context("cannot read the times of raw commits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_asked_for_is_timed_and_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("raw.db");
        let mut told = Vec::new();
        serve(&file, "3\n2\n".as_bytes(), &mut told).unwrap();
        let counts: Vec<usize> = String::from_utf8(told).unwrap().lines().map(|line| line.split(' ').count()).collect();
        assert_eq!(counts, [2, 4, 3], "the first line says that it is ready, each other ends with a blank");
        let n_rows: u32 =
            Connection::open(&file).unwrap().query_row("SELECT count(*) FROM rows", [], |r| r.get(0)).unwrap();
        assert_eq!(n_rows, 5);
    }
}
