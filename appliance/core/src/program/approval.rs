//! Whether a slot is approved: decided here alone, offline, from the table and what people did about it.
//!
//! An approval counts if it was given by the deadline, and if the clock could be trusted then. A table that the vendor
//! opens again has a new deadline, and the vendor vouches for what was approved before. The last approval that counts
//! holds for the slots that did not change since.

use super::table::{Replaced, Revision, Slot};
use super::why::Why;
use super::{Act, Deed, Received, TableState};
use crate::envelope::Trust;
use crate::time::AtMs;

/// What the acts on a table amount to.
struct Outcome<'a> {
    /// The approval that counts: the revision it speaks of, and its replacements.
    valid: Option<(&'a Received, &'a [Replaced])>,
    /// Why the last approval does not count.
    lacks: Option<Why>,
}

/// Returns the replacements approved with a slot of a table's current revision.
///
/// # Errors
/// Why the slot is not approved.
pub fn of_slot<'a>(state: &'a TableState, slot: &Slot, now: AtMs) -> Result<&'a [Replaced], Why> {
    let outcome = outcome(state);
    if let Some((seen, replaced)) = outcome.valid {
        return if seen.table.slot(&slot.slot) == Some(slot) { Ok(replaced) } else { Err(Why::SlotChanged) };
    }
    let Some(deadline) = state.current().map(|current| deadline(state, current)) else {
        return Err(Why::NoTable);
    };
    let same = state.revisions.values().filter(|seen| seen.table.slot(&slot.slot) == Some(slot));
    let received = same.map(|seen| seen.at.stamp.at).min();
    if let Some(received) = received.filter(|received| *received > deadline) {
        return Err(Why::VendorLate { deadline, received });
    }
    let not_yet = if now <= deadline { Why::AwaitsApproval { deadline } } else { Why::NotApproved { deadline } };
    Err(outcome.lacks.unwrap_or(not_yet))
}

/// Tells whether an approval counts for at least the slots that did not change.
#[must_use]
pub fn stands(state: &TableState) -> bool {
    outcome(state).valid.is_some()
}

/// Tells why a whole table, or a slot of it, is not approved; none when every slot is.
#[must_use]
pub fn lacks(state: &TableState, now: AtMs) -> Option<Why> {
    let slots = state.current().map(|current| current.table.slots.iter());
    slots.into_iter().flatten().find_map(|slot| of_slot(state, slot, now).err())
}

/// Returns the last instant at which an approval of a table's current revision counts; none before the table came.
#[must_use]
pub fn deadline_of(state: &TableState) -> Option<AtMs> {
    state.current().map(|current| deadline(state, current))
}

/// Tells whether an approval given now would count.
///
/// # Errors
/// Why it would not.
pub fn would_count(state: &TableState, now: AtMs, trust: Trust) -> Result<(), Why> {
    let Some(deadline) = deadline_of(state) else {
        return Err(Why::NoTable);
    };
    in_time(deadline, now, is_trusted(trust))
}

fn outcome(state: &TableState) -> Outcome<'_> {
    let mut outcome = Outcome { valid: None, lacks: None };
    for act in &state.acts {
        match &act.what {
            Deed::Approved { revision, replaced } => match counts(state, act, *revision) {
                Some(Ok(seen)) => outcome = Outcome { valid: Some((seen, replaced)), lacks: None },
                Some(Err(why)) => outcome.lacks = Some(why),
                None => {}
            },
            Deed::Withdrawn => {
                let open = |seen: &Received| act.at.stamp.at <= deadline(state, seen);
                if outcome.valid.is_some_and(|(seen, _)| open(seen)) {
                    outcome = Outcome { valid: None, lacks: Some(Why::ApprovalWithdrawn) };
                }
            }
            Deed::Reopened { .. } => {}
        }
    }
    outcome
}

/// Returns the revision that an approval counts for, or why it does not; none for one that never came here.
fn counts<'a>(state: &'a TableState, act: &Act, revision: Revision) -> Option<Result<&'a Received, Why>> {
    let seen = state.revisions.get(&revision)?;
    let is_vouched = state.acts.iter().any(|other| other.at > act.at && matches!(other.what, Deed::Reopened { .. }));
    let in_time = in_time(deadline(state, seen), act.at.stamp.at, is_vouched || is_trusted(act.trust));
    Some(in_time.map(|()| seen))
}

fn in_time(deadline: AtMs, approved: AtMs, is_sure: bool) -> Result<(), Why> {
    if approved > deadline {
        return Err(Why::ApprovedLate { deadline, approved });
    }
    if is_sure { Ok(()) } else { Err(Why::ClockUnsure { deadline }) }
}

/// A rehearsal is true to itself: nothing it approves airs elsewhere.
const fn is_trusted(trust: Trust) -> bool {
    matches!(trust, Trust::Synced | Trust::Rehearsal)
}

/// Returns a revision's deadline: its own, or that of the last time the vendor opened it again.
fn deadline(state: &TableState, seen: &Received) -> AtMs {
    let reopened = state.acts.iter().rev().filter(|act| act.at > seen.at).find_map(|act| match act.what {
        Deed::Reopened { deadline } => Some(deadline),
        Deed::Approved { .. } | Deed::Withdrawn => None,
    });
    reopened.unwrap_or(seen.table.deadline)
}
