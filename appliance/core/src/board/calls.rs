//! The call moment: which calls stand over the whole board, and until when (LOOKS, the call moment).
//!
//! Calls made close together share a frame; others wait for theirs. The schedule is worked out anew from the moments
//! that the fold remembers, so that every board shows the same.

use alloc::vec::Vec;

use super::{Together, joined};
use crate::facts::Lang;
use crate::ids::Label;
use crate::queue::visit::{State, Visit};
use crate::queue::{Clinic, Moment};
use crate::settings::StageKind;
use crate::speech::{self, Called};
use crate::time::AtMs;
use crate::view::CallFrame;

/// How long a call stands over the whole board; at least so long when others wait to be shown.
const CALL_MS: i64 = 8_000;
const CALL_MS_WHEN_OTHERS_WAIT: i64 = 6_000;

/// How long a call in writing stands, and after how long it comes again.
const TEXT_CALL_MS: i64 = 12_000;
const TEXT_CALL_AGAIN_MS: i64 = 20_000;

/// Calls within this time of the first share its frame.
const TOGETHER_MS: i64 = 2_000;

/// Most calls in one frame; of more the oldest two come first.
const MAX_TOGETHER: usize = 3;
const N_OF_MANY: usize = 2;

/// A call undone before it was shown so long leaves no trace.
const CHIME_MS: i64 = 1_500;

/// How long a number is asked to wait a little longer.
const WAIT_LONGER_MS: i64 = 10_000;

/// One call to be shown.
#[derive(Clone)]
struct Showing<'a> {
    moment: &'a Moment,
    at: AtMs,
    again: bool,
    /// When it was answered, undone, or replaced by a later one.
    over_at: Option<AtMs>,
    is_text: bool,
}

impl Showing<'_> {
    fn is_over(&self, at: AtMs) -> bool {
        self.over_at.is_some_and(|over| over <= at)
    }
}

/// A frame: calls shown together.
struct Frame<'a> {
    calls: Vec<Showing<'a>>,
    from: AtMs,
    until: AtMs,
}

/// Returns the calls to be shown at `now`, oldest first.
pub(super) fn calls(clinic: &Clinic, now: AtMs) -> Vec<CallFrame> {
    let shown = frames(clinic).into_iter().filter(|frame| frame.from <= now && now < frame.until);
    let live = |call: &Showing<'_>| call.at <= now && !call.is_over(now);
    shown
        .flat_map(|frame| {
            let until = frame.until;
            frame.calls.into_iter().filter(live).filter_map(move |call| drawn(clinic, &call, until))
        })
        .collect()
}

/// Returns the labels to be asked to wait a little longer: their call was undone after it had been heard.
pub(super) fn wait_longer(clinic: &Clinic, now: AtMs) -> Vec<Label> {
    let frames = frames(clinic);
    let was_heard = |moment: &&Moment| {
        let from = frames.iter().find(|f| f.calls.iter().any(|call| call.moment.id == moment.id)).map(|f| f.from);
        match (from, moment.undone_at) {
            (Some(from), Some(undone)) => {
                undone.since(from) >= CHIME_MS && (0..WAIT_LONGER_MS).contains(&now.since(undone))
            }
            (None, _) | (_, None) => false,
        }
    };
    clinic
        .moments
        .iter()
        .filter(was_heard)
        .flat_map(|moment| &moment.visits)
        .filter_map(|visit| clinic.visits.get(visit))
        .filter(|visit| visit.turn.state == State::Waiting && !visit.is_urgent())
        .map(|visit| visit.label.clone())
        .collect()
}

/// Whether a call need not be heard any more: it was undone, answered, or made anew.
pub(super) fn is_over(clinic: &Clinic, label: &str, called_at: AtMs, now: AtMs) -> bool {
    let is_it = |call: &Showing<'_>| {
        let visits = call.moment.visits.iter().filter_map(|visit| clinic.visits.get(visit));
        call.moment.at == called_at && joined(&visits.collect::<Vec<_>>()).as_deref() == Some(label)
    };
    !showings(clinic).iter().any(|call| !call.is_over(now) && is_it(call))
}

/// Returns the instants at which what is shown of calls changes by itself.
pub(super) fn changes(clinic: &Clinic) -> Vec<AtMs> {
    let frames = frames(clinic);
    let of_frames = frames.iter().flat_map(|frame| {
        let calls = frame.calls.iter().map(|call| call.at);
        [frame.from, frame.until].into_iter().chain(calls)
    });
    let bands = clinic.moments.iter().filter_map(|moment| moment.undone_at).map(|at| at.plus_ms(WAIT_LONGER_MS));
    of_frames.chain(bands).collect()
}

/// Works out which frames are shown when.
fn frames(clinic: &Clinic) -> Vec<Frame<'_>> {
    let showings = showings(clinic);
    let mut rest = showings.as_slice();
    let mut frames: Vec<Frame<'_>> = Vec::new();
    while let Some((first, others)) = rest.split_first() {
        let free = frames.last().map_or(AtMs(i64::MIN), |frame| frame.until);
        let from = first.at.max(free);
        if first.is_over(from) {
            rest = others;
            continue;
        }
        let joins = first.at.plus_ms(TOGETHER_MS).max(from);
        let n_pending = rest.iter().take_while(|call| call.at <= joins).count();
        let n = if n_pending > MAX_TOGETHER { N_OF_MANY } else { n_pending };
        let (calls, after) = rest.split_at(n);
        frames.push(Frame { calls: calls.to_vec(), from, until: end_of(calls, after, from) });
        rest = after;
    }
    frames
}

/// Returns when a frame goes: after its time, earlier when others wait, and at once when every call of it is over.
fn end_of(calls: &[Showing<'_>], after: &[Showing<'_>], from: AtMs) -> AtMs {
    let longest = if calls.iter().any(|call| call.is_text) { TEXT_CALL_MS } else { CALL_MS };
    let give_way = |next: &Showing<'_>| from.plus_ms(CALL_MS_WHEN_OTHERS_WAIT).max(next.at);
    let gives_way = after.iter().find(|next| !next.is_over(give_way(next))).map(give_way);
    let over = calls.iter().map(|call| call.over_at).try_fold(from, |last, over| over.map(|over| last.max(over)));
    gives_way.into_iter().chain(over).fold(from.plus_ms(longest), AtMs::min)
}

/// Returns every call to be shown, oldest first; calls in writing come again by themselves.
fn showings(clinic: &Clinic) -> Vec<Showing<'_>> {
    let mut showings: Vec<Showing<'_>> = Vec::new();
    for moment in &clinic.moments {
        let visits: Vec<&Visit> = moment.visits.iter().filter_map(|visit| clinic.visits.get(visit)).collect();
        // An emergency shows on no board.
        if visits.is_empty() || visits.iter().any(|visit| visit.is_urgent()) {
            continue;
        }
        let is_text = visits.iter().any(|visit| visit.text_call);
        let over_at = over_at(clinic, moment, &visits);
        let again_at = moment.at.plus_ms(TEXT_CALL_AGAIN_MS);
        showings.push(Showing { moment, at: moment.at, again: moment.again, over_at, is_text });
        if is_text && over_at.is_none_or(|over| again_at < over) {
            showings.push(Showing { moment, at: again_at, again: true, over_at, is_text });
        }
    }
    showings.sort_by_key(|call| (call.at, call.moment.at));
    showings
}

/// Returns when a call was over: undone, called anew, or nobody of it any more on the way to that room.
fn over_at(clinic: &Clinic, moment: &Moment, visits: &[&Visit]) -> Option<AtMs> {
    let later = clinic.moments.iter().skip_while(|other| other.id != moment.id).skip(1);
    let anew = later.filter(|other| other.visits == moment.visits).map(|other| other.at).min();
    let stands = |visit: &&&Visit| {
        matches!(visit.turn.state, State::Called | State::Absent) && visit.turn.room.as_ref() == Some(&moment.room)
    };
    let is_answered = moment.undone_at.is_none() && !visits.iter().any(|visit| stands(&visit));
    let answered = if is_answered { visits.iter().map(|visit| visit.turn.since.max(moment.at)).max() } else { None };
    moment.undone_at.into_iter().chain(anew).chain(answered).min()
}

fn drawn(clinic: &Clinic, call: &Showing<'_>, until: AtMs) -> Option<CallFrame> {
    let visits: Vec<&Visit> = call.moment.visits.iter().filter_map(|visit| clinic.visits.get(visit)).collect();
    let line = clinic.standing.lines.get(&visits.first()?.turn.line);
    let room = clinic.standing.rooms.get(&call.moment.room)?;
    let kind = line.map_or(StageKind::Consultation, |line| line.kind);
    let together = Together::of(&visits);
    let speech = speech::of_call(&Called {
        labels: &together.labels,
        is_range: together.is_range,
        room,
        kind,
        again: call.again,
        is_abroad: visits.iter().any(|visit| visit.lang != Lang::Ja),
    });
    Some(CallFrame {
        label: joined(&visits)?,
        room: room.room.clone(),
        room_name: room.name.clone(),
        line_name: line.map(|line| line.name.clone()).unwrap_or_default(),
        kind,
        arrow: room.arrow,
        again: call.again,
        called_at: call.moment.at,
        until,
        speech,
    })
}
