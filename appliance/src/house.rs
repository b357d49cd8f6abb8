//! Housekeeping: what is due by itself, templates that changed, and a copy of the journal every night.

use std::path::{Path, PathBuf};
use std::time::Duration;

use machiai_core::call::decide::CallCommand;
use machiai_core::command::Command;
use machiai_core::time::Day;
use machiai_journal::open::Disk;

use crate::app::{App, Shared, Trouble};
use crate::config::Config;
use crate::rehearsal;

/// How often the daemon looks for what is due by itself.
const EVERY: Duration = Duration::from_secs(10);

/// Copies kept: three generations, as the guideline for medical information systems asks.
const N_BACKUPS: usize = 3;

/// Keeps house until the app stops.
pub(crate) async fn keep(app: Shared, config: Config) {
    let mut due = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = due.tick() => {}
        }
        app.gate.clock.ask();
        if app.gate.aside().is_none() {
            if let Err(cause) = app.ask_itself(Command::KeepHouse).await {
                tracing::warn!(error = %cause, "housekeeping waits for the next turn");
            }
            keep_calls(&app).await;
        }
        rehearsal::end_if_over(&app).await;
        let faults = app.panel.reload();
        for fault in &faults {
            tracing::warn!(error = %fault, "a template has an error, the last good one stays");
        }
        if !faults.is_empty() {
            app.note(Trouble::TemplateFault, true);
        }
        back_up(&app, &config).await;
    }
}

/// Ends consultation calls of which nothing is heard any more, at their last evidence, and renews those noted by hand.
pub(crate) async fn keep_calls(app: &App) {
    if app.gate.read(|clinic| clinic.calls.open.is_empty()) && app.gate.leases().is_empty() {
        return;
    }
    let command = Command::Consultation { command: CallCommand::Keep };
    if let Err(cause) = app.ask_itself(command).await {
        tracing::warn!(error = %cause, "calls that are over wait for the next turn");
    }
}

/// Copies the journal once per business day, when nobody waits.
async fn back_up(app: &App, config: &Config) {
    let is_quiet =
        |clinic: &machiai_core::queue::Clinic| clinic.visits.values().all(|visit| visit.turn.state.is_over());
    let (day, is_quiet) = app.gate.read(|clinic| (clinic.day, is_quiet(clinic)));
    let Some(day) = day.filter(|_| is_quiet) else { return };
    let to = name_of(&config.backups(), day);
    if to.exists() {
        return;
    }
    let (journal, folder, copy) = (config.journal(), config.backups(), to.clone());
    let done = tokio::task::spawn_blocking(move || {
        let copied = machiai_journal::backup(&Disk::real(), &journal, &copy);
        if copied.is_ok() {
            forget_old(&folder);
        }
        copied
    })
    .await;
    app.note(Trouble::BackupFailed, !matches!(done, Ok(Ok(_))));
    match done {
        Ok(Ok(n_facts)) => tracing::info!(n_facts, file = %to.display(), "journal backed up"),
        Ok(Err(cause)) => tracing::warn!(error = %cause, "journal could not be backed up"),
        Err(cause) => tracing::warn!(error = %cause, "journal could not be backed up"),
    }
}

fn name_of(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("journal-{day}.db"))
}

/// Lists the backups there are, the newest first: their names end in the date.
pub(crate) fn backups(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "db"))
        .collect();
    found.sort();
    found.reverse();
    found
}

fn forget_old(folder: &Path) {
    for old in backups(folder).into_iter().skip(N_BACKUPS) {
        if let Err(cause) = std::fs::remove_file(&old) {
            tracing::warn!(error = %cause, file = %old.display(), "old backup could not be removed");
        }
    }
}
