//! What the box tells the hub of itself: written as a fact when a coarse value changed, and once at the start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use machiai_core::command::Command;
use machiai_core::facts::PrintTrouble;
use machiai_core::health::{Disk, HealthReported, Line, PrinterHealth, ScreenHealth};
use machiai_core::ids::PrinterId;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use utoipa::ToSchema;

use crate::app::{App, Shared, Trouble};
use crate::config::Config;
use crate::surface::printer::Outcome;

/// How often the box looks at itself.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What came of the last attempt of each printer since the start, and test pages that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Printers {
    known: Mutex<BTreeMap<PrinterId, PrinterHealth>>,
    tests: Mutex<Vec<TestPage>>,
    /// Rings when a test page is wanted.
    pub(crate) wanted: Notify,
}

/// A test page that somebody waits for.
#[derive(Debug)]
pub(crate) struct TestPage {
    /// On which printer.
    pub(crate) printer: PrinterId,
    /// Who is told what came of it.
    pub(crate) told: oneshot::Sender<Outcome>,
}

impl Printers {
    /// Notes what came of an attempt.
    pub(crate) fn note(&self, printer: &PrinterId, health: PrinterHealth) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(printer.clone(), health);
    }

    /// Returns what came of a printer's last attempt.
    pub(crate) fn of(&self, printer: &PrinterId) -> PrinterHealth {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(printer).copied();
        known.unwrap_or(PrinterHealth::Untried)
    }

    /// Has a test page printed, after the tickets that wait already, and says what came of it.
    pub(crate) async fn test(&self, printer: PrinterId) -> Outcome {
        let (told, hears) = oneshot::channel();
        self.tests.lock().unwrap_or_else(PoisonError::into_inner).push(TestPage { printer, told });
        self.wanted.notify_one();
        // A daemon that stops lets the page go.
        hears.await.unwrap_or(Outcome::Refused(PrintTrouble::Restarted))
    }

    /// Takes the test pages that are wanted.
    pub(crate) fn take_tests(&self) -> Vec<TestPage> {
        std::mem::take(&mut *self.tests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What came of a test page.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct TestAnswer {
    /// `printed`, `refused` or `unconfirmed`.
    outcome: Came,
    /// Why it was not printed, by code.
    #[schema(value_type = Option<String>)]
    trouble: Option<PrintTrouble>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Came {
    Printed,
    Refused,
    Unconfirmed,
}

impl From<Outcome> for TestAnswer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Printed => Self { outcome: Came::Printed, trouble: None },
            Outcome::Refused(trouble) => Self { outcome: Came::Refused, trouble: Some(trouble) },
            Outcome::Unconfirmed(trouble) => Self { outcome: Came::Unconfirmed, trouble: Some(trouble) },
        }
    }
}

impl From<TestAnswer> for Outcome {
    fn from(answer: TestAnswer) -> Self {
        let trouble = answer.trouble.unwrap_or(PrintTrouble::Broken);
        match answer.outcome {
            Came::Printed => Self::Printed,
            Came::Refused => Self::Refused(trouble),
            Came::Unconfirmed => Self::Unconfirmed(trouble),
        }
    }
}

/// Tells how the box does, until the app stops; a box without a hub tells it too, as its journal may be sent later.
pub(crate) async fn tell(app: Shared, config: Config) {
    let mut told: Option<(HealthReported, u64)> = None;
    let mut due = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = due.tick() => {}
        }
        let (report, now_ms) = (look(&app, &config.state), app.gate.clock.mono_ms());
        let since_ms = told.as_ref().map_or(0, |(_, at_ms)| now_ms.saturating_sub(*at_ms));
        if !report.is_due(told.as_ref().map(|(before, _)| before), since_ms) {
            continue;
        }
        match app.ask_itself(Command::NoteHealth { report: report.clone() }).await {
            Ok(_) => told = Some((report, now_ms)),
            Err(cause) => tracing::debug!(error = %cause, "how the box does is told at the next look"),
        }
    }
}

/// Looks how the box does: what `machiai status` says, coarsely.
pub(crate) fn look(app: &App, state: &Path) -> HealthReported {
    let hub = app.linked.status();
    let line = hub.as_ref().and_then(|hub| hub.mode.as_deref()).and_then(|mode| match mode {
        "events" => Some(Line::Events),
        "long_poll" => Some(Line::LongPoll),
        "poll" => Some(Line::Poll),
        _ => None,
    });
    let shown = app.screens.now().into_keys().map(|at| (at, ScreenHealth::Shown));
    let gone = app.screens.gone().into_iter().map(|(at, why)| {
        let health = if why.is_some() { ScreenHealth::Failed } else { ScreenHealth::Gone };
        (at, health)
    });
    let printers = app.gate.read(|clinic| clinic.standing.printers.keys().cloned().collect::<Vec<_>>());
    let printers = printers.into_iter().map(|printer| {
        let health = app.printers.of(&printer);
        (printer, health)
    });
    HealthReported {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        clock: app.gate.clock.shown().1,
        disk: disk(state),
        line,
        n_unsent: HealthReported::band_of_unsent(hub.map_or(0, |hub| hub.n_pending)),
        printers: printers.collect(),
        screens: shown.chain(gone).collect(),
        troubles: app.troubles_now().into_iter().filter_map(code).collect(),
    }
}

/// Returns the code of a trouble, as `machiai status` has it.
fn code(trouble: Trouble) -> Option<String> {
    serde_json::to_value(trouble).ok()?.as_str().map(str::to_owned)
}

/// Returns how much of the disk that holds a folder is free for us.
fn disk(folder: &Path) -> Option<Disk> {
    let told = rustix::fs::statvfs(folder).ok()?;
    let bytes = |n_blocks: u64| n_blocks.saturating_mul(told.f_frsize);
    Some(Disk::of(bytes(told.f_bavail), bytes(told.f_blocks)))
}
