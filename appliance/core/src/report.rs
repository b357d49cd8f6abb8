//! A business day's report: how many came, how long they waited, what became of everybody, and who was left over.
//!
//! It names nobody and drops nobody: every ticket of the day is finished, cancelled or left over.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::envelope::Envelope;
use crate::facts::{CancelReason, Channel, Fact, PrintOutcome, PrintTrouble};
use crate::ids::{Label, LineNo, VisitId};
use crate::queue::Clinic;
use crate::queue::visit::{ActKind, State, Visit};
use crate::settings::{Line, LineColor, StageKind, Text};
use crate::time::{AtMs, Day, MINUTE_MS};

/// A wait of at most so many minutes is a short one.
const SHORT_WAIT_MIN: i64 = 30;

/// One stretch of reception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// The session's name, where the calendar knows it.
    pub session: Option<Text>,
    /// When it was opened, `8:32`.
    pub from: String,
    /// When it was closed; none while it is open.
    pub to: Option<String>,
}

/// How long people waited, from coming to the first call of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// How many were called.
    pub n: usize,
    /// Half of them waited at most so many minutes.
    pub median_min: i64,
    /// The longest wait in minutes.
    pub longest_min: i64,
    /// How many waited at most half an hour.
    pub n_short: usize,
}

/// One line's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineReport {
    /// Its number.
    pub line: LineNo,
    /// Its name.
    pub name: Text,
    /// Its colour.
    pub color: LineColor,
    /// When it gave numbers.
    pub open: Vec<Stretch>,
    /// Tickets given here, by how they came about.
    pub issued: BTreeMap<Channel, usize>,
    /// Stages that ended here: done, or sent on.
    pub n_seen: usize,
    /// Cancelled here.
    pub n_cancelled: usize,
    /// Left over here.
    pub n_left: usize,
    /// The waits; none when nobody was called.
    pub waits: Option<Waits>,
}

/// Somebody who was left over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// The number.
    pub label: Label,
    /// The line of the present stage.
    pub line: Text,
    /// Where the visit stood.
    pub state: State,
    /// Since when, `11:42`.
    pub since: String,
    /// Whether it is payment that is left.
    pub unpaid: bool,
}

/// A ticket that was cancelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CancelledTicket {
    /// The number.
    pub label: Label,
    /// Its line.
    pub line: Text,
    /// When, `11:42`.
    pub at: String,
    /// Why; none where the ticket itself was taken back.
    pub reason: Option<CancelReason>,
}

/// What became of the printing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PaperReport {
    /// Attempts that came out.
    pub n_printed: usize,
    /// Attempts that printed nothing, by the reason.
    pub refused: BTreeMap<PrintTrouble, usize>,
    /// Attempts of which nobody knows what came out, by the reason.
    pub unconfirmed: BTreeMap<PrintTrouble, usize>,
    /// Numbers whose paper is not known to be out.
    pub unprinted: Vec<Label>,
}

/// A business day's report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The day.
    pub day: Day,
    /// The clinic's name.
    pub clinic: Text,
    /// When the report was made.
    pub as_of: AtMs,
    /// Tickets of the day.
    pub n_tickets: usize,
    /// Of them finished.
    pub n_finished: usize,
    /// Lines by number.
    pub lines: Vec<LineReport>,
    /// Who was left over; with the finished and the cancelled they are all of the day.
    pub left: Vec<Left>,
    /// Which tickets were cancelled.
    pub cancelled: Vec<CancelledTicket>,
    /// The printing.
    pub paper: PaperReport,
    /// How often something was undone.
    pub n_undone: usize,
    /// How many settings were set.
    pub n_settings: usize,
    /// Whether this is a rehearsal.
    pub rehearsal: bool,
}

/// Returns the report of a day, from the standing facts before it and the facts of it, in canonical order.
#[must_use]
pub fn report<'a>(day: Day, facts: impl IntoIterator<Item = &'a Envelope>, now: AtMs) -> Report {
    let mut clinic = Clinic::default();
    let mut log = Log::default();
    // The fact that begins the next day still belongs to this one's journal.
    let is_other_day = |fact: &Fact| matches!(fact, Fact::DayOpened(opened) if opened.day > day);
    for envelope in facts.into_iter().filter(|envelope| !is_other_day(&envelope.fact)) {
        clinic.after(envelope);
        log.note(&clinic, envelope);
    }
    let is_of_day = clinic.day == Some(day);
    let visits: Vec<&Visit> = clinic.visits.values().filter(|_| is_of_day).collect();
    let stages = stages(&visits);
    Report {
        day,
        clinic: clinic.standing.site.name.clone(),
        as_of: now,
        n_tickets: visits.len(),
        n_finished: visits.iter().filter(|visit| visit.turn.state == State::Finished).count(),
        lines: clinic.standing.lines.values().map(|line| of_line(line, &visits, &stages, &mut log)).collect(),
        left: left(&clinic, &visits),
        cancelled: cancelled(&clinic, &visits, &log),
        paper: PaperReport { unprinted: unprinted(&visits), ..log.paper },
        n_undone: log.n_undone,
        n_settings: log.n_settings,
        rehearsal: clinic.rehearsal,
    }
}

/// What only the facts of the day tell.
#[derive(Default)]
struct Log {
    open: BTreeMap<LineNo, Vec<Stretch>>,
    reasons: BTreeMap<VisitId, CancelReason>,
    paper: PaperReport,
    n_undone: usize,
    n_settings: usize,
}

impl Log {
    fn note(&mut self, clinic: &Clinic, envelope: &Envelope) {
        // What stood before the day is no event of it.
        if clinic.day.is_none() {
            return;
        }
        let (head, fact) = (&envelope.head, &envelope.fact);
        if let (Fact::LineOpened(opened), Some(line)) = (fact, head.line) {
            let session = clinic.standing.session(&opened.session).map(|session| session.name.clone());
            let stretch = Stretch { session, from: head.at_ms.clock_face(), to: None };
            self.open.entry(line).or_default().push(stretch);
        }
        if let (Fact::LineClosed(_), Some(line)) = (fact, head.line)
            && let Some(stretch) = self.open.entry(line).or_default().last_mut()
        {
            stretch.to = Some(head.at_ms.clock_face());
        }
        if let Fact::Cancelled(cancelled) = fact {
            self.reasons.insert(cancelled.visit, cancelled.reason);
        }
        if let Fact::PrintEnded(ended) = fact {
            self.printed(ended.outcome, ended.trouble);
        }
        self.n_undone = self.n_undone.saturating_add(usize::from(matches!(fact, Fact::Undone(_))));
        self.n_settings = self.n_settings.saturating_add(usize::from(fact.is_setting()));
    }

    fn printed(&mut self, outcome: PrintOutcome, trouble: Option<PrintTrouble>) {
        let trouble = trouble.unwrap_or(PrintTrouble::Silent);
        let count = match outcome {
            PrintOutcome::Printed => &mut self.paper.n_printed,
            PrintOutcome::Refused => self.paper.refused.entry(trouble).or_default(),
            PrintOutcome::Unconfirmed => self.paper.unconfirmed.entry(trouble).or_default(),
        };
        *count = count.saturating_add(1);
    }
}

/// What happened in one line, over all visits that came through it.
#[derive(Default)]
struct Stages {
    n_seen: usize,
    waits_min: Vec<i64>,
}

fn stages(visits: &[&Visit]) -> BTreeMap<LineNo, Stages> {
    let mut stages: BTreeMap<LineNo, Stages> = BTreeMap::new();
    for visit in visits {
        let came = visit.acts.first().map_or(visit.turn.arrived, |act| act.before.arrived);
        let mut waits_since = came.then_some(visit.issued.at);
        for act in &visit.acts {
            let stage = stages.entry(act.before.line).or_default();
            match act.kind {
                ActKind::Arrived => waits_since = Some(act.at),
                ActKind::Called => {
                    let wait = waits_since.take().map(|since| act.at.since(since).max(0).div_euclid(MINUTE_MS));
                    stage.waits_min.extend(wait);
                }
                ActKind::SentOn => {
                    stage.n_seen = stage.n_seen.saturating_add(1);
                    waits_since = Some(act.at);
                }
                ActKind::Finished => stage.n_seen = stage.n_seen.saturating_add(1),
                ActKind::Entered
                | ActKind::MarkedAbsent
                | ActKind::Returned
                | ActKind::Cancelled
                | ActKind::Held
                | ActKind::Released
                | ActKind::Moved
                | ActKind::Reordered
                | ActKind::Joined => {}
            }
        }
    }
    stages
}

fn of_line(line: &Line, visits: &[&Visit], stages: &BTreeMap<LineNo, Stages>, log: &mut Log) -> LineReport {
    let mut issued: BTreeMap<Channel, usize> = BTreeMap::new();
    for visit in visits.iter().filter(|visit| visit.home == line.line) {
        let count = issued.entry(visit.channel).or_default();
        *count = count.saturating_add(1);
    }
    let here = || visits.iter().filter(|visit| visit.turn.line == line.line);
    let stage = stages.get(&line.line);
    LineReport {
        line: line.line,
        name: line.name.clone(),
        color: line.color,
        open: log.open.remove(&line.line).unwrap_or_default(),
        issued,
        n_seen: stage.map_or(0, |stage| stage.n_seen),
        n_cancelled: here().filter(|visit| visit.turn.state == State::Cancelled).count(),
        n_left: here().filter(|visit| is_left(visit)).count(),
        waits: stage.and_then(|stage| waits(&stage.waits_min)),
    }
}

fn waits(waits_min: &[i64]) -> Option<Waits> {
    let mut sorted = waits_min.to_vec();
    sorted.sort_unstable();
    let middle = sorted.len().saturating_sub(1).div_euclid(2);
    Some(Waits {
        n: sorted.len(),
        median_min: *sorted.get(middle)?,
        longest_min: *sorted.last()?,
        n_short: sorted.iter().take_while(|min| **min <= SHORT_WAIT_MIN).count(),
    })
}

fn is_left(visit: &Visit) -> bool {
    !matches!(visit.turn.state, State::Finished | State::Cancelled)
}

fn line_of(clinic: &Clinic, visit: &Visit) -> (Text, StageKind) {
    let line = clinic.standing.lines.get(&visit.turn.line);
    line.map_or_else(Default::default, |line| (line.name.clone(), line.kind))
}

fn left(clinic: &Clinic, visits: &[&Visit]) -> Vec<Left> {
    let mut left: Vec<&&Visit> = visits.iter().filter(|visit| is_left(visit)).collect();
    left.sort_by_key(|visit| (visit.turn.line, visit.turn.state, visit.place()));
    let of = |visit: &&Visit| {
        let (line, kind) = line_of(clinic, visit);
        Left {
            label: visit.label.clone(),
            line,
            state: visit.turn.state,
            since: visit.turn.since.clock_face(),
            unpaid: kind == StageKind::Payment,
        }
    };
    left.into_iter().map(of).collect()
}

fn cancelled(clinic: &Clinic, visits: &[&Visit], log: &Log) -> Vec<CancelledTicket> {
    let mut gone: Vec<&&Visit> = visits.iter().filter(|visit| visit.turn.state == State::Cancelled).collect();
    gone.sort_by_key(|visit| (visit.turn.since, visit.place()));
    let of = |visit: &&Visit| CancelledTicket {
        label: visit.label.clone(),
        line: line_of(clinic, visit).0,
        at: visit.turn.since.clock_face(),
        reason: log.reasons.get(&visit.visit).copied(),
    };
    gone.into_iter().map(of).collect()
}

fn unprinted(visits: &[&Visit]) -> Vec<Label> {
    let is_unprinted = |visit: &&&Visit| visit.paper.outcome.is_some_and(|outcome| outcome != PrintOutcome::Printed);
    let mut labels: Vec<Label> = visits.iter().filter(is_unprinted).map(|visit| visit.label.clone()).collect();
    labels.sort();
    labels
}
