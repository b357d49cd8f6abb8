//! Printing: each attempt is written down before it begins and when it ends; nothing is printed twice by itself.

use alloc::vec::Vec;

use super::{Draft, visit_of};
use crate::facts::{Fact, PrintBegun, PrintEnded, PrintOutcome, PrintTrouble};
use crate::ids::{LineNo, PrinterId, VisitId};
use crate::queue::Clinic;
use crate::refusal::{Refusal, RefusalCode};

/// Decides the first attempt of a ticket given here, in the same commit as the ticket: after a crash it is known that
/// there may be paper. None where no printer prints the line's tickets.
pub(super) fn first(clinic: &Clinic, line: LineNo, visit: VisitId) -> Option<Draft> {
    let printer = printer_of(clinic, line)?.clone();
    let begun = PrintBegun { visit, printer, attempt: 1, reprint: false };
    Some(Draft::of_line(line, Fact::PrintBegun(begun)))
}

/// Decides another attempt: the paper says 再発行 if there was one before.
pub(super) fn again(clinic: &Clinic, visit: VisitId) -> Result<Vec<Draft>, Refusal> {
    let visit = visit_of(clinic, visit)?;
    if visit.paper.is_running() {
        return Err(Refusal::new(RefusalCode::PrintRunning).with("label", &visit.label));
    }
    let Some(printer) = printer_of(clinic, visit.home) else {
        return Err(Refusal::new(RefusalCode::NoPrinter).with("label", &visit.label));
    };
    let n_before = visit.paper.n_attempts;
    let attempt = n_before.saturating_add(1);
    let begun = PrintBegun { visit: visit.visit, printer: printer.clone(), attempt, reprint: n_before > 0 };
    Ok(alloc::vec![Draft::of_line(visit.home, Fact::PrintBegun(begun))])
}

/// Returns the printer of a line's tickets: one named for the line before one for all.
fn printer_of(clinic: &Clinic, line: LineNo) -> Option<&PrinterId> {
    let printers = || clinic.standing.printers.values();
    let named = printers().find(|printer| printer.lines.contains(&line));
    named.or_else(|| printers().find(|printer| printer.lines.is_empty())).map(|printer| &printer.printer)
}

/// Decides how an attempt ended.
pub(super) fn end(
    clinic: &Clinic,
    visit: VisitId,
    attempt: u32,
    (outcome, trouble): (PrintOutcome, Option<PrintTrouble>),
) -> Result<Vec<Draft>, Refusal> {
    match clinic.printing.get(&visit) {
        Some(begun) if begun.attempt == attempt => Ok(alloc::vec![ended(clinic, begun, outcome, trouble)]),
        Some(_) | None => Err(Refusal::new(RefusalCode::UnknownPrint)),
    }
}

/// Decides the end of attempts that a restart left without one: there may be paper or not.
pub(super) fn left_running(clinic: &Clinic) -> Vec<Draft> {
    let unconfirmed = |begun| ended(clinic, begun, PrintOutcome::Unconfirmed, Some(PrintTrouble::Restarted));
    clinic.printing.values().map(unconfirmed).collect()
}

/// The end of an attempt, also of one whose visit is of a day that is over.
fn ended(clinic: &Clinic, begun: &PrintBegun, outcome: PrintOutcome, trouble: Option<PrintTrouble>) -> Draft {
    let ended = PrintEnded { visit: begun.visit, attempt: begun.attempt, outcome, trouble };
    Draft { line: clinic.visits.get(&begun.visit).map(|visit| visit.home), fact: Fact::PrintEnded(ended) }
}
