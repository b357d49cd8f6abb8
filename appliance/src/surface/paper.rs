//! Tickets on paper: every attempt that the facts say has begun is carried out once, and its end is written down.
//!
//! A queue per printer, one job at a time. A ticket never waits for the printer: the number stands before this begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use machiai_core::command::Command;
use machiai_core::facts::{PrintBegun, PrintOutcome, PrintTrouble};
use machiai_core::health::PrinterHealth;
use machiai_core::ids::{PrinterId, VisitId};
use machiai_core::settings::Printer;
use machiai_core::ticket::ticket;
use machiai_panel::Paper;
use machiai_panel::dots::Dots;

use crate::answer::added;
use crate::app::{App, Shared};
use crate::gate::GateError;
use crate::surface::printer::address::Address;
use crate::surface::printer::clock::{Monotonic, RealTime};
use crate::surface::printer::profile::Profile;
use crate::surface::printer::{Job, Limits, Outcome, print};

/// Jobs that may wait for one printer: a morning's tickets, which a rehearsal gives faster than paper comes. More are
/// refused, and the desk lists them as not printed.
const MAX_JOBS: usize = 512;

/// The printers at work.
pub(crate) struct Paperwork {
    workers: BTreeMap<PrinterId, Worker>,
    in_hand: BTreeSet<(VisitId, u32)>,
    /// Printers that the program before may have left in the middle of a job, until they get their next one.
    broken_off: BTreeSet<PrinterId>,
}

struct Worker {
    settings: Printer,
    jobs: SyncSender<PrintBegun>,
    thread: JoinHandle<()>,
}

/// Watches for attempts that have begun and hands each to its printer, until the app stops.
///
/// `left` are the attempts that the program before left without an end: none of them is made again.
pub(crate) async fn run(app: Shared, left: Vec<PrintBegun>) -> Paperwork {
    let mut paperwork = Paperwork {
        workers: BTreeMap::new(),
        in_hand: left.iter().map(|begun| (begun.visit, begun.attempt)).collect(),
        broken_off: left.into_iter().map(|begun| begun.printer).collect(),
    };
    let mut changes = app.gate.changes();
    loop {
        paperwork.hand_out(&app);
        tokio::select! {
            () = app.stop.cancelled() => return paperwork,
            changed = changes.changed() => if changed.is_err() { return paperwork },
        }
    }
}

impl Paperwork {
    fn hand_out(&mut self, app: &Shared) {
        let (begun, printers) = app.gate.read(|clinic| {
            let begun: Vec<PrintBegun> = clinic.printing.values().cloned().collect();
            let of_them = |printer: &&Printer| begun.iter().any(|begun| begun.printer == printer.printer);
            let printers: Vec<Printer> = clinic.standing.printers.values().filter(of_them).cloned().collect();
            (begun, printers)
        });
        self.in_hand.retain(|hand| begun.iter().any(|begun| (begun.visit, begun.attempt) == *hand));
        let fresh: Vec<PrintBegun> =
            begun.into_iter().filter(|begun| self.in_hand.insert((begun.visit, begun.attempt))).collect();
        for begun in fresh {
            let settings = printers.iter().find(|printer| printer.printer == begun.printer);
            let Some(settings) = settings else {
                finish(app, &begun, Outcome::Refused(PrintTrouble::Unreachable));
                continue;
            };
            let worker = self.worker(app, settings);
            if let Err(TrySendError::Full(begun) | TrySendError::Disconnected(begun)) = worker.jobs.try_send(begun) {
                finish(app, &begun, Outcome::Refused(PrintTrouble::Stalled));
            }
        }
    }

    /// Returns the worker of a printer, a new one when its settings changed.
    fn worker(&mut self, app: &Shared, settings: &Printer) -> &Worker {
        let is_current = self.workers.get(&settings.printer).is_some_and(|worker| worker.settings == *settings);
        if !is_current {
            self.workers.remove(&settings.printer);
        }
        self.workers.entry(settings.printer.clone()).or_insert_with(|| {
            let (jobs, to_do) = sync_channel(MAX_JOBS);
            let (app, of) = (Arc::clone(app), settings.clone());
            let broke_off = self.broken_off.remove(&settings.printer);
            let last = broke_off.then_some(Outcome::Unconfirmed(PrintTrouble::Restarted));
            let thread = std::thread::spawn(move || work(&app, &of, &to_do, last));
            Worker { settings: settings.clone(), jobs, thread }
        })
    }

    /// Lets the printers finish what they have begun.
    pub(crate) fn stop(self) {
        for (printer, Worker { jobs, thread, .. }) in self.workers {
            drop(jobs);
            if thread.join().is_err() {
                tracing::error!(%printer, "printer thread panicked");
            }
        }
    }
}

/// One printer's thread: a job after the other.
fn work(app: &App, settings: &Printer, jobs: &Receiver<PrintBegun>, mut last: Option<Outcome>) {
    let clock = RealTime::start();
    while let Ok(begun) = jobs.recv() {
        if app.stop.is_cancelled() {
            finish(app, &begun, Outcome::Refused(PrintTrouble::Restarted));
            continue;
        }
        let outcome = carry_out(app, settings, &begun, &clock, last);
        last = outcome.told_next(last);
        finish(app, &begun, outcome);
    }
}

fn carry_out(
    app: &App,
    settings: &Printer,
    begun: &PrintBegun,
    clock: &dyn Monotonic,
    last: Option<Outcome>,
) -> Outcome {
    let Ok(profile) = Profile::named(&settings.profile) else { return Outcome::Refused(PrintTrouble::NotDrawn) };
    let Ok(address) = settings.address.parse::<Address>() else {
        return Outcome::Refused(PrintTrouble::Unreachable);
    };
    let Some(dots) = draw(app, begun, profile) else { return Outcome::Refused(PrintTrouble::NotDrawn) };
    let job = Job { profile, dots: &dots, last };
    print(&mut *address.transport(), &job, &Limits::USUAL, clock)
}

/// Draws the ticket of an attempt; none when there is no such visit any more or it cannot be drawn.
fn draw(app: &App, begun: &PrintBegun, profile: &Profile) -> Option<Dots> {
    let (now, _) = app.gate.clock.now();
    let view =
        app.gate.read(|clinic| ticket(clinic, begun.visit, now, begun.reprint, added(app, clinic, begun.visit)))?;
    let paper = Paper::of_dots(profile.dots)?;
    match app.panel.ticket_dots(&view, paper) {
        Ok(dots) => Some(dots),
        Err(cause) => {
            tracing::warn!(error = %cause, "cannot draw a ticket");
            None
        }
    }
}

/// Writes down how an attempt ended; asked again while the disk is full, because paper cannot be taken back.
fn finish(app: &App, begun: &PrintBegun, outcome: Outcome) {
    if let Some(health) = PrinterHealth::after(outcome.outcome(), outcome.trouble()) {
        app.printers.note(&begun.printer, health);
    }
    let command = Command::EndPrint {
        visit: begun.visit,
        attempt: begun.attempt,
        outcome: outcome.outcome(),
        trouble: outcome.trouble(),
    };
    if outcome.outcome() != PrintOutcome::Printed {
        tracing::warn!(printer = %begun.printer, attempt = begun.attempt, ?outcome, "ticket is not known to be printed");
    }
    match app.gate.ask_waiting(&app.own_device, command) {
        Ok(_) | Err(GateError::Refused(_)) => {}
        Err(cause) => tracing::warn!(error = %cause, "end of a print is not written down, the next start says so"),
    }
}
