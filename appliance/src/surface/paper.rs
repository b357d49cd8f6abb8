//! Tickets on paper: every attempt that the facts say has begun is carried out once, and its end is written down.
//!
//! A queue per printer, one job at a time. A ticket never waits for the printer: the number stands before this begins.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use machiai_core::command::Command;
use machiai_core::facts::{Lang, PrintBegun, PrintOutcome, PrintTrouble};
use machiai_core::health::PrinterHealth;
use machiai_core::ids::{Label, PrinterId, VisitId};
use machiai_core::settings::{Printer, Text};
use machiai_core::ticket::ticket;
use machiai_core::view::{NumberFace, TicketView, Wait};
use machiai_panel::dots::Dots;
use machiai_panel::{Panel, Paper};
use tokio::sync::oneshot;

use crate::answer::added;
use crate::app::{App, Shared};
use crate::gate::GateError;
use crate::health::TestPage;
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
    jobs: SyncSender<Work>,
    thread: JoinHandle<()>,
}

/// What a printer is given to do.
enum Work {
    /// A ticket, whose end is written down.
    Ticket(PrintBegun),
    /// A test page, which is no ticket: whoever wants it is told.
    Test(oneshot::Sender<Outcome>),
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
            () = app.printers.wanted.notified() => {}
            changed = changes.changed() => if changed.is_err() { return paperwork },
        }
    }
}

impl Paperwork {
    fn hand_out(&mut self, app: &Shared) {
        for TestPage { printer, told } in app.printers.take_tests() {
            let settings = app.gate.read(|clinic| clinic.standing.printers.get(&printer).cloned());
            let handed = settings.map(|settings| self.worker(app, &settings).jobs.try_send(Work::Test(told)));
            if !matches!(handed, Some(Ok(()))) {
                tracing::warn!(%printer, "no test page: there is no such printer, or too much waits for it");
            }
        }
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
            if worker.jobs.try_send(Work::Ticket(begun.clone())).is_err() {
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
fn work(app: &App, settings: &Printer, jobs: &Receiver<Work>, mut last: Option<Outcome>) {
    let clock = RealTime::start();
    while let Ok(work) = jobs.recv() {
        if app.stop.is_cancelled() {
            if let Work::Ticket(begun) = work {
                finish(app, &begun, Outcome::Refused(PrintTrouble::Restarted));
            }
            continue;
        }
        let view = match &work {
            Work::Ticket(begun) => view_of(app, begun),
            Work::Test(_) => Some(app.gate.read(|clinic| test_page(&clinic.standing.site.name))),
        };
        let outcome = carry_out((&app.panel, settings), view.as_ref(), &clock, last);
        last = outcome.told_next(last);
        match work {
            Work::Ticket(begun) => finish(app, &begun, outcome),
            Work::Test(told) => {
                note(app, &settings.printer, outcome);
                if told.send(outcome).is_err() {
                    tracing::debug!("nobody waits for the test page any more");
                }
            }
        }
    }
}

/// Prints what there is to be printed.
pub(crate) fn carry_out(
    (panel, settings): (&Panel, &Printer),
    view: Option<&TicketView>,
    clock: &dyn Monotonic,
    last: Option<Outcome>,
) -> Outcome {
    let Ok(profile) = Profile::named(&settings.profile) else { return Outcome::Refused(PrintTrouble::NotDrawn) };
    let Ok(address) = settings.address.parse::<Address>() else {
        return Outcome::Refused(PrintTrouble::Unreachable);
    };
    let Some(dots) = view.and_then(|view| draw(panel, view, profile)) else {
        return Outcome::Refused(PrintTrouble::NotDrawn);
    };
    let job = Job { profile, dots: &dots, last };
    print(&mut *address.transport(), &job, &Limits::USUAL, clock)
}

/// Returns the ticket of an attempt; none when there is no such visit any more.
fn view_of(app: &App, begun: &PrintBegun) -> Option<TicketView> {
    let (now, _) = app.gate.clock.now();
    app.gate.read(|clinic| ticket(clinic, begun.visit, now, begun.reprint, added(app, clinic, begun.visit)))
}

/// Returns what a test page shows: the paper of a ticket, marked as practice, with nobody's number.
pub(crate) fn test_page(clinic: &Text) -> TicketView {
    let line =
        Text { ja: "プリンターの試し印刷".to_owned(), en: Some("Test page".to_owned()), ..Text::default() };
    TicketView {
        visit: VisitId::from_bytes([0; 16]),
        clinic: clinic.clone(),
        day: None,
        era_years: false,
        session: None,
        line,
        label: Label("TEST".to_owned()),
        face: NumberFace::Letters,
        taken: None,
        n_ahead: 0,
        n_ahead_not_arrived: 0,
        wait: Wait::Unknown,
        url: None,
        family: None,
        lang: Lang::Ja,
        text_call: false,
        name: None,
        reprinted: None,
        rehearsal: true,
    }
}

/// Draws a ticket; none when it cannot be drawn.
fn draw(panel: &Panel, view: &TicketView, profile: &Profile) -> Option<Dots> {
    let paper = Paper::of_dots(profile.dots)?;
    match panel.ticket_dots(view, paper) {
        Ok(dots) => Some(dots),
        Err(cause) => {
            tracing::warn!(error = %cause, "cannot draw a ticket");
            None
        }
    }
}

/// Writes down how an attempt ended; asked again while the disk is full, because paper cannot be taken back.
fn finish(app: &App, begun: &PrintBegun, outcome: Outcome) {
    note(app, &begun.printer, outcome);
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

/// Notes how a printer does, by what came of an attempt.
fn note(app: &App, printer: &PrinterId, outcome: Outcome) {
    if let Some(health) = PrinterHealth::after(outcome.outcome(), outcome.trouble()) {
        app.printers.note(printer, health);
    }
}
