//! Numbers: unique in their business day and line, never given twice, and a gap always has a reason.

use alloc::vec::Vec;

use super::{Draft, line_of};
use crate::facts::{Fact, Gap, GapReason, JumpReason, NumbersJumped, OpenedAfter};
use crate::ids::{Label, LineNo, Number, SessionId};
use crate::queue::Clinic;
use crate::refusal::{Refusal, RefusalCode};
use crate::settings::Line;

/// Numbers given together, and what was passed over before the first.
pub(super) struct Given {
    /// Consecutive.
    pub(super) numbers: Vec<(Number, Label)>,
    /// Passed over.
    pub(super) skipped: Vec<Gap>,
}

/// Gives the next `n` consecutive numbers of a line.
pub(super) fn next(clinic: &Clinic, line: &Line, session: Option<&SessionId>, n: u8) -> Result<Given, Refusal> {
    let day = clinic.lines.get(&line.line);
    let first = clinic.first_number(line.line, session);
    let begun = session.is_none_or(|session| day.is_some_and(|day| day.begun.contains(session)));
    let after_top = day.and_then(|day| day.top).map(|top| Number(top.0.saturating_add(1)));
    let mut skipped = Vec::new();
    let start = match after_top {
        Some(after_top) if begun || after_top >= first => after_top,
        Some(after_top) => {
            let to = Number(first.0.saturating_sub(1));
            skipped.push(Gap { from: after_top, to, reason: GapReason::SessionStart });
            first
        }
        None => first,
    };
    let mut run: Vec<(Number, Label)> = Vec::new();
    for candidate in (start.0..=line.last_number.0).map(Number) {
        let label = label(line, candidate);
        match passed_over(clinic, line, (candidate, first), &label) {
            None => run.push((candidate, label)),
            Some(reason) => {
                if let (Some((from, _)), Some((to, _))) = (run.first(), run.last()) {
                    skipped.push(Gap { from: *from, to: *to, reason: GapReason::FamilyTogether });
                }
                run.clear();
                skipped.push(Gap { from: candidate, to: candidate, reason });
            }
        }
        if run.len() >= usize::from(n) {
            return Ok(Given { numbers: run, skipped });
        }
    }
    Err(Refusal::new(RefusalCode::NumbersUsedUp).with("line", &line.name.ja))
}

/// Gives a number kept for interrupts, if one is left.
pub(super) fn kept(clinic: &Clinic, line: &Line) -> Option<Given> {
    let number = clinic.lines.get(&line.line)?.kept.first().copied()?;
    Some(Given { numbers: alloc::vec![(number, label(line, number))], skipped: Vec::new() })
}

fn label(line: &Line, number: Number) -> Label {
    Label::new(&line.prefix, number, line.figures)
}

fn passed_over(clinic: &Clinic, line: &Line, (candidate, first): (Number, Number), label: &Label) -> Option<GapReason> {
    if clinic.labels.contains_key(label) {
        return Some(GapReason::LabelTaken);
    }
    let ends_with = |ending: &u32| {
        let modulus = if *ending < 10 { 10 } else { 100 };
        candidate.0.checked_rem(modulus) == Some(*ending)
    };
    if line.skip_endings.iter().any(ends_with) {
        return Some(GapReason::Unlucky);
    }
    let nth = candidate.0.saturating_sub(first.0).saturating_add(1);
    match line.keep_every {
        Some(every) if every > 1 && nth.checked_rem(every) == Some(0) => Some(GapReason::Kept),
        Some(_) | None => None,
    }
}

/// Decides that staff let numbering go on from a number.
pub(super) fn jump(clinic: &Clinic, line: LineNo, to: Number) -> Result<Vec<Draft>, Refusal> {
    let settings = line_of(clinic, line)?;
    if to > settings.last_number {
        return Err(Refusal::new(RefusalCode::NumbersUsedUp).with("line", &settings.name.ja));
    }
    let jump = NumbersJumped { to, reason: JumpReason::TypedByStaff };
    Ok(alloc::vec![Draft::of_line(line, Fact::NumbersJumped(jump))])
}

/// Decides the jumps after an opening at which numbers given before may be unknown.
pub(super) fn jumps(clinic: &Clinic, after: OpenedAfter) -> Vec<Draft> {
    match after {
        OpenedAfter::Nothing | OpenedAfter::Run => Vec::new(),
        OpenedAfter::Restore | OpenedAfter::Damage => clinic
            .lines
            .iter()
            .filter_map(|(line, day)| {
                let to = Number(day.top?.0.saturating_add(clinic.standing.rules.restore_jump).saturating_add(1));
                let jump = NumbersJumped { to, reason: JumpReason::Restored };
                Some(Draft::of_line(*line, Fact::NumbersJumped(jump)))
            })
            .collect(),
    }
}
