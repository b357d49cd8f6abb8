//! What support is handed: made of what is named here, and of nothing else.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use machiai_core::envelope::Envelope;
use machiai_core::facts::Fact;
use machiai_core::health::HealthReported;
use machiai_core::time::AtMs;
use machiai_journal::open::Disk;
use machiai_journal::{Position, Reader, StoreError};
use machiai_panel::words::Words;
use serde::Serialize;
use serde_json::json;

use super::{redact, tar};
use crate::app::App;
use crate::cli::CliError;
use crate::clock::Source;
use crate::config::Config;
use crate::doctor::Report;
use crate::doctor::eye::Eye;
use crate::doctor::look::from_outside;
use crate::health;

/// The newest lines of the log that are looked at.
const MOST_LINES: &str = "2000";

/// Facts that are read at a time.
const FACTS_AT_A_TIME: u32 = 1_000;

/// How the box does, in counts and codes.
#[derive(Debug, Serialize)]
pub(crate) struct Diagnostics {
    /// What the vendor's fleet is told.
    health: HealthReported,
    /// Facts folded in, and those that could not be followed.
    n_facts: u64,
    n_remarks: usize,
    /// Lines, rooms and printers of the settings.
    n_lines: usize,
    n_rooms: usize,
    n_printers: usize,
    /// Attempts to print under way.
    n_printing: usize,
    /// Films that can be played, the room that they take, and those that cannot be.
    n_contents: usize,
    contents_bytes: u64,
    n_refused: usize,
}

/// Looks how the box does.
pub(crate) fn diagnostics(app: &App) -> Diagnostics {
    let content = app.contents.status();
    let health = health::look(app, app.access.state());
    app.gate.read(|clinic| Diagnostics {
        health,
        n_facts: clinic.n_facts,
        n_remarks: clinic.remarks.len(),
        n_lines: clinic.standing.lines.len(),
        n_rooms: clinic.standing.rooms.len(),
        n_printers: clinic.standing.printers.len(),
        n_printing: clinic.printing.len(),
        n_contents: content.n_contents,
        contents_bytes: content.size_bytes,
        n_refused: content.refused.len(),
    })
}

/// What is known of a journal, in counts.
#[derive(Debug, Default, Serialize)]
struct Counts {
    /// Facts.
    n_facts: u64,
    /// Openings of the journal, and other machines'.
    n_origins: usize,
    /// Facts by kind; those of kinds that this version does not know are one count.
    kinds: BTreeMap<String, u64>,
    /// When the oldest and the newest were written, by their own clocks.
    from_ms: Option<AtMs>,
    until_ms: Option<AtMs>,
    /// How large the file is.
    size_bytes: Option<u64>,
}

/// Writes the bundle into a new file, for its owner alone.
///
/// # Errors
/// [`CliError`]: the file is there already, or cannot be written.
pub(crate) fn write(config: &Config, to: &Path) -> Result<(), CliError> {
    let report = from_outside(config, false)?;
    let log = journalctl();
    let at = Source::start(None).read().wall;
    let words = Words::built_in().map_err(|source| CliError::Work { what: "read the words", source: source.into() })?;
    let bytes = made((config, &words), &report, (log.as_deref(), at))
        .map_err(|source| CliError::Work { what: "make a bundle", source: source.into() })?;
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let written = file.and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
    written.map_err(|source| CliError::File { path: to.to_owned(), source })
}

/// Makes the bundle.
fn made(
    (config, words): (&Config, &Words),
    report: &Report,
    (log, at): (Option<&str>, AtMs),
) -> std::io::Result<Vec<u8>> {
    let text = |value: serde_json::Result<Vec<u8>>| value.map_err(std::io::Error::other);
    let eye = Eye::open();
    let versions = json!({
        "machiai": env!("CARGO_PKG_VERSION"),
        "kernel": eye.word("/proc/sys/kernel/osrelease"),
        "debian": eye.word("/etc/debian_version"),
    });
    let journal = counts(config).unwrap_or_default();
    let log = log.map_or_else(
        || "there is no journalctl, or nothing in it\n".to_owned(),
        |log| redact::log(&redact::Vocabulary::of(words), log),
    );
    let texts = [
        ("machiai-support/versions.json", text(serde_json::to_vec_pretty(&versions))?),
        ("machiai-support/doctor.json", text(serde_json::to_vec_pretty(&report.coarse()))?),
        ("machiai-support/configuration.json", text(serde_json::to_vec_pretty(&redact::configuration(config)))?),
        ("machiai-support/journal.json", text(serde_json::to_vec_pretty(&journal))?),
        ("machiai-support/log.txt", log.into_bytes()),
    ];
    tar::packed(&texts, u64::try_from(at.0 / 1_000).unwrap_or_default())
}

/// Counts what is in a journal; the text of no fact is looked at beyond its kind and when it was written.
fn counts(config: &Config) -> Result<Counts, StoreError> {
    let reader = Reader::open(&Disk::real(), &config.journal())?;
    let size_bytes = std::fs::metadata(config.journal()).ok().map(|meta| meta.len());
    let mut counts = Counts { n_origins: reader.heads()?.len(), size_bytes, ..Counts::default() };
    let mut position = Position(0);
    loop {
        let kept = reader.facts_after(position, FACTS_AT_A_TIME)?;
        let Some(last) = kept.last() else { return Ok(counts) };
        position = last.position;
        for fact in kept.iter().filter_map(|kept| kept.envelope().ok()) {
            count(&mut counts, &fact);
        }
    }
}

fn count(counts: &mut Counts, fact: &Envelope) {
    let kind = if matches!(fact.fact, Fact::Unknown(_)) { "unknown" } else { fact.fact.kind() };
    let n = counts.kinds.entry(kind.to_owned()).or_default();
    *n = n.saturating_add(1);
    counts.n_facts = counts.n_facts.saturating_add(1);
    let at = fact.head.at_ms;
    counts.from_ms = Some(counts.from_ms.map_or(at, |from| from.min(at)));
    counts.until_ms = Some(counts.until_ms.map_or(at, |until| until.max(at)));
}

/// Reads the newest lines of our units' log; none where there is no journal of the system.
fn journalctl() -> Option<String> {
    let units = ["--unit=machiai", "--unit=machiai-screen@*", "--unit=machiai-prepare@*"];
    let mut command = Command::new("journalctl");
    command.args(units).args(["--lines", MOST_LINES, "--output=short-iso", "--no-pager", "--quiet"]);
    let done = command.output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
