//! Numbers: unique in their business day and line, never given twice, and a gap always has a reason.

use alloc::vec::Vec;

use super::{Draft, line_of};
use crate::calendar::Calendar;
use crate::facts::{Fact, Gap, GapReason, JumpReason, NumbersJumped, OpenedAfter};
use crate::ids::{Label, LineNo, Number, SessionId};
use crate::queue::Clinic;
use crate::queue::visit::State;
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::Line;
use crate::time::{AtMs, MINUTE_MS};

/// How many numbers may be passed over for a family's to follow each other without a gap. Where the clinic passes over
/// so many that they never do, the family's numbers go around those.
const FAMILY_REACH: u32 = 20;

/// One number given, and what was passed over just before it.
pub(super) struct Given {
    pub(super) number: Number,
    pub(super) label: Label,
    pub(super) skipped: Vec<Gap>,
}

/// Gives the next `n` numbers of a line, consecutive where that can be.
pub(super) fn next(clinic: &Clinic, line: &Line, session: Option<&SessionId>, n: u8) -> Result<Vec<Given>, Refusal> {
    let (numbering, start, skipped) = begin(clinic, line, session);
    let together = numbering.together(start, n, skipped.clone());
    together.or_else(|| numbering.around(start, n, skipped)).ok_or_else(|| used_up(line))
}

/// Gives the next `n` numbers of a line, whatever lies between them.
pub(super) fn next_apart(
    clinic: &Clinic,
    line: &Line,
    session: Option<&SessionId>,
    n: u8,
) -> Result<Vec<Given>, Refusal> {
    let (numbering, start, skipped) = begin(clinic, line, session);
    numbering.around(start, n, skipped).ok_or_else(|| used_up(line))
}

fn used_up(line: &Line) -> Refusal {
    Refusal::new(RefusalCode::NumbersUsedUp).with("line", &line.name.ja)
}

/// Returns from where numbering goes on, and what is passed over before that.
fn begin<'a>(clinic: &'a Clinic, line: &'a Line, session: Option<&SessionId>) -> (Numbering<'a>, Number, Vec<Gap>) {
    let first = clinic.first_number(line.line, session);
    let top = clinic.lines.get(&line.line).and_then(|day| day.top);
    let mut skipped = Vec::new();
    let start = match top.map(after) {
        Some(after_top) if after_top < first => {
            skip(&mut skipped, (after_top, before(first)), GapReason::SessionStart);
            first
        }
        Some(after_top) => after_top,
        None => first,
    };
    (Numbering { clinic, line, first }, start, skipped)
}

/// Gives the first number kept for interrupts that is higher than `called`, if one is left.
pub(super) fn kept(clinic: &Clinic, line: &Line, called: Option<Number>) -> Option<Given> {
    let day = clinic.lines.get(&line.line)?;
    let free = day.kept.iter().map(|number| (*number, label(line, *number)));
    // Another line may have come to show the same label meanwhile.
    let mut free = free.filter(|(_, label)| !clinic.labels.contains_key(label));
    let (number, label) = free.find(|(number, _)| called.is_none_or(|called| *number > called))?;
    Some(Given { number, label, skipped: Vec::new() })
}

/// Returns the number before which everybody of a line has been called, as far as the first who waits tells it.
pub(super) fn called(clinic: &Clinic, line: LineNo) -> Option<Number> {
    let visits = clinic.lines.get(&line)?.in_state(State::Waiting).filter_map(|place| clinic.visits.get(&place.visit));
    visits.filter(|visit| visit.home == line && !visit.is_urgent()).map(|visit| visit.number).min().map(before)
}

/// The numbers of one line, seen from one session.
struct Numbering<'a> {
    clinic: &'a Clinic,
    line: &'a Line,
    first: Number,
}

impl Numbering<'_> {
    /// Returns the first `n` numbers from `start` on that follow each other; none where they are too far.
    fn together(&self, start: Number, n: u8, mut skipped: Vec<Gap>) -> Option<Vec<Given>> {
        let mut run: Vec<(Number, Label)> = Vec::new();
        let last = if n > 1 { start.0.saturating_add(FAMILY_REACH).min(self.line.last_number.0) } else { u32::MAX };
        for candidate in (start.0..=last.min(self.line.last_number.0)).map(Number) {
            let label = label(self.line, candidate);
            match self.passed_over(candidate, &label) {
                None => run.push((candidate, label)),
                Some(reason) => {
                    if let (Some((from, _)), Some((to, _))) = (run.first(), run.last()) {
                        skip(&mut skipped, (*from, *to), GapReason::FamilyTogether);
                    }
                    run.clear();
                    skip(&mut skipped, (candidate, candidate), reason);
                }
            }
            if run.len() >= usize::from(n) {
                let given = |(number, label)| Given { number, label, skipped: core::mem::take(&mut skipped) };
                return Some(run.into_iter().map(given).collect());
            }
        }
        None
    }

    /// Returns the next `n` numbers from `start` on, those between them passed over.
    fn around(&self, start: Number, n: u8, mut skipped: Vec<Gap>) -> Option<Vec<Given>> {
        let mut given = Vec::new();
        for candidate in (start.0..=self.line.last_number.0).map(Number) {
            let label = label(self.line, candidate);
            match self.passed_over(candidate, &label) {
                None => given.push(Given { number: candidate, label, skipped: core::mem::take(&mut skipped) }),
                Some(reason) => skip(&mut skipped, (candidate, candidate), reason),
            }
            if given.len() >= usize::from(n) {
                return Some(given);
            }
        }
        None
    }

    fn passed_over(&self, candidate: Number, label: &Label) -> Option<GapReason> {
        let is_leased =
            || self.clinic.lines.values().any(|day| day.leased.values().any(|leased| leased.label == *label));
        if self.clinic.labels.contains_key(label) || is_leased() {
            return Some(GapReason::LabelTaken);
        }
        let ends_with = |ending: &u32| {
            let modulus = if *ending < 10 { 10 } else { 100 };
            candidate.0.checked_rem(modulus) == Some(*ending)
        };
        if self.line.skip_endings.iter().any(ends_with) {
            return Some(GapReason::Unlucky);
        }
        let nth = candidate.0.saturating_sub(self.first.0).saturating_add(1);
        match self.line.keep_every {
            Some(every) if every > 1 && nth.checked_rem(every) == Some(0) => Some(GapReason::Kept),
            Some(_) | None => None,
        }
    }
}

/// Notes numbers passed over, in one run with those just before where the reason is the same.
fn skip(skipped: &mut Vec<Gap>, (from, to): (Number, Number), reason: GapReason) {
    match skipped.last_mut() {
        Some(last) if last.reason == reason && after(last.to) == from => last.to = to,
        Some(_) | None => skipped.push(Gap { from, to, reason }),
    }
}

fn label(line: &Line, number: Number) -> Label {
    Label::new(&line.prefix, number, line.figures)
}

const fn after(number: Number) -> Number {
    Number(number.0.saturating_add(1))
}

const fn before(number: Number) -> Number {
    Number(number.0.saturating_sub(1))
}

/// Decides that staff let numbering go on from a number: after a jump that was made for want of knowledge, from any
/// that is higher than those known before it.
pub(super) fn jump(clinic: &Clinic, line: LineNo, to: Number) -> Result<Vec<Draft>, Refusal> {
    let settings = line_of(clinic, line)?;
    if to > settings.last_number {
        return Err(Refusal::new(RefusalCode::NumbersUsedUp).with("line", &settings.name.ja));
    }
    let day = clinic.lines.get(&line);
    let top = day.and_then(|day| day.unsure.or(day.top));
    if to.0 == 0 {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"to"));
    }
    if let Some(last) = top.filter(|top| to <= *top) {
        return Err(Refusal::new(RefusalCode::NumberGiven).with("last", &label(settings, last)));
    }
    let jump = NumbersJumped { to, reason: JumpReason::TypedByStaff };
    Ok(alloc::vec![Draft::of_line(line, Fact::NumbersJumped(jump))])
}

/// Decides the jumps after an opening at which numbers given before may be unknown: in every line, also in one that
/// has given none as far as this journal knows.
pub(super) fn jumps(clinic: &Clinic, after_what: OpenedAfter, now: AtMs) -> Vec<Draft> {
    match after_what {
        OpenedAfter::Nothing | OpenedAfter::Run => Vec::new(),
        OpenedAfter::Restore | OpenedAfter::Replacement | OpenedAfter::Damage => {
            let jump = |line: &Line| {
                let top = clinic.lines.get(&line.line).and_then(|day| day.top);
                let known = top.into_iter().chain(firsts_by(clinic, line, now).map(before)).max();
                let to = known.unwrap_or_default().0.saturating_add(clinic.standing.rules.restore_jump);
                let jump = NumbersJumped { to: after(Number(to)), reason: JumpReason::Restored };
                Draft::of_line(line.line, Fact::NumbersJumped(jump))
            };
            clinic.standing.lines.values().map(jump).collect()
        }
    }
}

/// Returns the first numbers of the sessions for which a line may have given numbers today by `now`; of all sessions
/// where the calendar cannot tell.
fn firsts_by(clinic: &Clinic, line: &Line, now: AtMs) -> impl Iterator<Item = Number> {
    let today = clinic.standing.rules.day_at(now);
    let held = Calendar::new(&clinic.standing.hours).sessions_on(today);
    let ahead_ms = i64::from(line.desk.opens_min.min(line.remote.opens_min)).saturating_mul(MINUTE_MS);
    let (first_number, no_calendar) = (line.first_number, held.is_empty());
    let may_have = move |session: &SessionId| {
        no_calendar || held.iter().any(|held| held.session.session == *session && held.from.plus_ms(ahead_ms) <= now)
    };
    let firsts = line.first.iter().filter(move |(session, _)| may_have(session)).map(|(_, first)| *first);
    core::iter::once(first_number).chain(firsts)
}
