//! Decisions: a command and what is true now give the facts to be written, or a refusal that changes nothing.
//!
//! Nothing here changes state: the facts do, once they are on disk.

mod number;
mod people;
mod place;
mod print;
mod reception;
mod remote;
pub(crate) mod room;
mod settings;
mod undo;
pub(crate) mod visit;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::call::{self, decide::CallCommand};
use crate::command::{Basis, Command};
use crate::envelope::{By, Cmd, Trust};
use crate::facts::{DayOpened, DayRedated, Fact, JournalOpened, OpenedAfter};
use crate::ids::{LineNo, StaffId, VisitId};
use crate::program::{self, AIRING_KINDS, PROGRAM_KINDS};
use crate::queue::Clinic;
use crate::queue::visit::{State, Visit};
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::Line;
use crate::support;
use crate::time::{AtMs, HOUR_MS};

pub use people::may_pair;
pub use remote::lease_is_due;

/// A queue that nobody touched for so long belongs to a day that is over, even if somebody is still in it.
const QUIET_MS: i64 = 2 * HOUR_MS;

/// A clock that moved by so much more than time passed was wrong before.
const JUMP_MS: i64 = HOUR_MS;

/// What a decision needs from outside: randomness and secrets, which this crate cannot have.
pub trait Edge {
    /// Draws the id of a new visit.
    fn draw_visit(&mut self) -> VisitId;

    /// Returns the digest of the token that a visit's ticket will carry; none when there is no patient's page.
    fn token_hash(&mut self, visit: VisitId) -> Option<String>;
}

/// When, by whom, and with which key a command came.
#[derive(Clone, Debug)]
pub struct Context {
    /// Hybrid clock.
    pub now: AtMs,
    /// How far it can be trusted.
    pub trust: Trust,
    /// Milliseconds since the newest fact, by the monotonic clock where it can tell; 0 when there is none.
    pub quiet_ms: i64,
    /// Who pressed.
    pub by: By,
    /// The key; none for what the program does by itself.
    pub cmd: Option<Cmd>,
}

/// A fact to be stamped and written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The line it concerns.
    pub line: Option<LineNo>,
    /// What happened.
    pub fact: Fact,
}

impl Draft {
    fn of_line(line: LineNo, fact: Fact) -> Self {
        Self { line: Some(line), fact }
    }

    const fn of_site(fact: Fact) -> Self {
        Self { line: None, fact }
    }
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] says why nothing is to be done.
pub fn decide(
    clinic: &Clinic,
    command: &Command,
    context: &Context,
    edge: &mut dyn Edge,
) -> Result<Vec<Draft>, Refusal> {
    refuse_double_press(clinic, context)?;
    let Some(turn) = day_due(clinic, command, context) else {
        return decide_today(clinic, command, context, edge);
    };
    let mut turned = clinic.clone();
    let fact = match turn {
        DayTurn::Open(opened) => {
            turned.open_day(opened.day);
            Fact::DayOpened(opened)
        }
        DayTurn::Redate(redated) => {
            turned.redate(redated.from, redated.to);
            Fact::DayRedated(redated)
        }
    };
    let mut drafts = vec![Draft::of_site(fact)];
    drafts.extend(decide_today(&turned, command, context, edge)?);
    Ok(drafts)
}

fn decide_today(
    clinic: &Clinic,
    command: &Command,
    context: &Context,
    edge: &mut dyn Edge,
) -> Result<Vec<Draft>, Refusal> {
    match command {
        Command::NoteOpening { version, after } => {
            let opened = JournalOpened { version: version.clone(), after: *after };
            let mut drafts = vec![Draft::of_site(Fact::JournalOpened(opened))];
            drafts.extend(number::jumps(clinic, *after, context.now));
            drafts.extend(print::left_running(clinic));
            Ok(drafts)
        }
        Command::KeepHouse => Ok(visit::keep_house(clinic, context)),
        Command::ChangeSettings { facts, basis } => settings::change(clinic, facts, *basis),
        Command::OpenLine { line, session } => reception::open(clinic, *line, session),
        Command::CloseLine { line } => reception::close(clinic, *line, context.now),
        Command::PauseLine { line } => reception::pause(clinic, *line),
        Command::ResumeLine { line } => reception::resume(clinic, *line),
        Command::JumpNumbers { line, to } => number::jump(clinic, *line, *to),
        Command::SetMessage { text } => settings::message(text),
        Command::Take(take) => reception::take(clinic, take, context, edge),
        Command::LeaseNumbers => Ok(remote::lease(clinic, context.now, edge)),
        Command::TakeLeased(take) => remote::take(clinic, take, context, edge),
        Command::LeaveLine { visit } => remote::leave(clinic, *visit),
        Command::PlaceRemote => Ok(remote::place(clinic)),
        Command::Emergency { line, note } => reception::emergency(clinic, *line, note.as_ref(), context, edge),
        Command::Arrive { visit } => visit::arrive(clinic, *visit, context),
        Command::Call { room, showing } => room::call(clinic, room, showing),
        Command::Recall { room, showing } => room::recall(clinic, room, showing),
        Command::MarkAbsent { room, showing } => room::mark_absent(clinic, room, showing),
        Command::Enter { room, showing } => room::enter(clinic, room, showing),
        Command::Finish { room, showing } => room::finish(clinic, room, showing),
        Command::Return { visit } => visit::come_back(clinic, *visit),
        Command::ReturnFirst { line } => visit::first_comes_back(clinic, *line),
        Command::Cancel { visit, reason, note } => visit::cancel(clinic, *visit, *reason, note.as_ref()),
        Command::Hold { visit } => visit::hold(clinic, *visit),
        Command::Release { visit } => visit::release(clinic, *visit),
        Command::Move { visit, to } => visit::go_to(clinic, *visit, *to),
        Command::SendOn { visit, to } => visit::send_on(clinic, *visit, *to),
        Command::PutFirst { visit, note } => visit::put_first(clinic, *visit, note.as_ref()),
        Command::JoinFamily { visits } => visit::join(clinic, visits),
        Command::Undo { visit } => undo::undo(clinic, *visit, &context.by),
        Command::Print { visit } => print::again(clinic, *visit),
        Command::EndPrint { visit, attempt, outcome, trouble } => {
            print::end(clinic, *visit, *attempt, (*outcome, *trouble))
        }
        Command::Erase { visit } => visit::erase(clinic, *visit),
        // A tariff is a part of the settings, and judged with them.
        Command::Consultation { command: CallCommand::SetTariff { set } } => {
            settings::change(clinic, &[Fact::TariffSet(set.clone())], Basis::Any)
        }
        Command::Consultation { command } => {
            let facts = call::decide::decide(&clinic.calls, command, context.now)?;
            Ok(facts.into_iter().map(Draft::of_site).collect())
        }
        Command::SetStaff { staff } => people::set(clinic, staff),
        Command::RemoveStaff { staff } => people::remove(clinic, staff),
        Command::Pair { kind, place } => people::pair(clinic, *kind, place),
        Command::Unpair { device } => people::unpair(clinic, device),
        Command::SignIn { staff, means, before } => {
            people::sign_in(clinic, (staff, *means), before.as_ref(), &context.by)
        }
        Command::SignOut { staff } => people::sign_out(clinic, staff, &context.by),
        Command::Program { command } => {
            let decided = program::decide::decide(&clinic.program, command, context.now, context.trust)?;
            Ok(decided.facts.into_iter().map(Draft::of_site).collect())
        }
        Command::NoteProgram { facts } => note_program(facts),
        Command::NoteHealth { report } => Ok(vec![Draft::of_site(Fact::HealthReported(report.clone()))]),
        Command::Support { command } => {
            let facts = support::decide::decide(&clinic.support, command, context.now)?;
            Ok(facts.into_iter().map(Draft::of_site).collect())
        }
        Command::EndSignIns => Ok(vec![Draft::of_site(Fact::SignInsEnded)]),
    }
}

/// Takes facts of the program and of airings, and no others.
fn note_program(facts: &[Fact]) -> Result<Vec<Draft>, Refusal> {
    let is_ours = |fact: &Fact| PROGRAM_KINDS.contains(&fact.kind()) || AIRING_KINDS.contains(&fact.kind());
    match facts.iter().find(|fact| !is_ours(fact)) {
        Some(other) => Err(Refusal::new(RefusalCode::BadValue).with("field", &other.kind())),
        None => Ok(facts.iter().cloned().map(Draft::of_site).collect()),
    }
}

/// The same button on the same device within two seconds is one press.
fn refuse_double_press(clinic: &Clinic, context: &Context) -> Result<(), Refusal> {
    let Some(cmd) = &context.cmd else {
        return Ok(());
    };
    let Some(last) = clinic.presses.get(&context.by.device) else {
        return Ok(());
    };
    let within_ms = i64::from(clinic.standing.rules.double_press_ms);
    if last.digest == cmd.digest && context.now.since(last.at) < within_ms {
        return Err(Refusal::new(RefusalCode::PressedTwice));
    }
    Ok(())
}

/// How the business day changes before a command is decided.
enum DayTurn {
    /// A new one begins.
    Open(DayOpened),
    /// The running one gets its true date.
    Redate(DayRedated),
}

/// Returns how the day changes before a command.
///
/// A day never changes under a queue in use: the clock may be wrong, and a queue is never lost.
fn day_due(clinic: &Clinic, command: &Command, context: &Context) -> Option<DayTurn> {
    let asked = asks_for_day(command)?;
    let due = clinic.standing.rules.day_at(context.now);
    let Some(day) = clinic.day else {
        let opens = || DayTurn::Open(DayOpened { day: due, left: Vec::new() });
        return (asked == Asked::ByPerson).then(opens);
    };
    if due <= day {
        return None;
    }
    let quiet_ms = clinic.untouched_ms(context.quiet_ms);
    let is_recent = quiet_ms < QUIET_MS;
    // More than the time that passed: the date was wrong, not the morning over.
    let has_jumped = clinic.touched.is_some_and(|touch| context.now.since(touch.at).saturating_sub(quiet_ms) > JUMP_MS);
    if is_recent && has_jumped {
        let redate = DayTurn::Redate(DayRedated { from: day, to: due });
        return (context.trust != Trust::Lost).then_some(redate);
    }
    let is_in_use = clinic.is_in_use();
    let may = match asked {
        Asked::ByPerson => !is_recent || !is_in_use,
        // Alone, only when the clock is beyond doubt, or when nothing can be lost.
        Asked::ByItself => !is_recent && (matches!(context.trust, Trust::Synced | Trust::Rehearsal) || !is_in_use),
    };
    let left = || clinic.open_visits().map(|visit| visit.visit).collect();
    may.then(|| DayTurn::Open(DayOpened { day: due, left: left() }))
}

/// On whose behalf a command asks that the business day be today's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Somebody wants to begin.
    ByPerson,
    /// The program looks after things.
    ByItself,
}

/// Whether a command needs the business day to be today's.
const fn asks_for_day(command: &Command) -> Option<Asked> {
    match command {
        // Numbers are leased only within the hours that the clinic's staff have set for tickets from afar.
        Command::OpenLine { .. }
        | Command::Take(_)
        | Command::LeaseNumbers
        | Command::Emergency { .. }
        | Command::JumpNumbers { .. } => Some(Asked::ByPerson),
        Command::NoteOpening {
            after: OpenedAfter::Restore | OpenedAfter::Replacement | OpenedAfter::Damage, ..
        } => Some(Asked::ByPerson),
        Command::KeepHouse => Some(Asked::ByItself),
        Command::NoteOpening { after: OpenedAfter::Nothing | OpenedAfter::Run, .. }
        | Command::ChangeSettings { .. }
        | Command::CloseLine { .. }
        | Command::PauseLine { .. }
        | Command::ResumeLine { .. }
        | Command::SetMessage { .. }
        | Command::TakeLeased(_)
        | Command::LeaveLine { .. }
        | Command::PlaceRemote
        | Command::Arrive { .. }
        | Command::Call { .. }
        | Command::Recall { .. }
        | Command::MarkAbsent { .. }
        | Command::Enter { .. }
        | Command::Finish { .. }
        | Command::Return { .. }
        | Command::ReturnFirst { .. }
        | Command::Cancel { .. }
        | Command::Hold { .. }
        | Command::Release { .. }
        | Command::Move { .. }
        | Command::SendOn { .. }
        | Command::PutFirst { .. }
        | Command::JoinFamily { .. }
        | Command::Undo { .. }
        | Command::Print { .. }
        | Command::EndPrint { .. }
        | Command::Erase { .. }
        | Command::Consultation { .. }
        | Command::SetStaff { .. }
        | Command::RemoveStaff { .. }
        | Command::Pair { .. }
        | Command::Unpair { .. }
        | Command::SignIn { .. }
        | Command::SignOut { .. }
        | Command::Program { .. }
        | Command::NoteProgram { .. }
        | Command::NoteHealth { .. }
        | Command::Support { .. }
        | Command::EndSignIns => None,
    }
}

fn line_of(clinic: &Clinic, line: LineNo) -> Result<&Line, Refusal> {
    clinic.standing.lines.get(&line).ok_or_else(|| Refusal::new(RefusalCode::UnknownLine).with("line", &line))
}

/// The name of the person who acted, or the device where nobody was signed in.
pub(crate) fn who<'a>(clinic: &'a Clinic, by: &'a By) -> &'a str {
    let Some(person) = by.person.as_deref() else { return by.device.as_str() };
    let known = person.parse().ok().and_then(|staff: StaffId| clinic.standing.staff.get(&staff));
    known.map_or(person, |staff| staff.name.as_str())
}

fn visit_of(clinic: &Clinic, visit: VisitId) -> Result<&Visit, Refusal> {
    clinic.visits.get(&visit).ok_or_else(|| Refusal::new(RefusalCode::UnknownVisit))
}

/// Returns the visit if it stands in one of `states`.
fn visit_in<'a>(clinic: &'a Clinic, visit: VisitId, states: &[State]) -> Result<&'a Visit, Refusal> {
    let visit = visit_of(clinic, visit)?;
    if states.contains(&visit.turn.state) {
        return Ok(visit);
    }
    Err(Refusal::new(RefusalCode::NotInThisState).with("label", &visit.label).with("state", &visit.turn.state.as_str()))
}
