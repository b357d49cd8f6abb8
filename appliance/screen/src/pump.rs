//! Two threads that carry decoded pictures and sounds from items to the output, one item after the other without a gap.
//!
//! The pictures decide: an item begins on the grid of the output where the last one ended, and ends with its last
//! picture. Its sound is laid beside it; where the item was whole it rings out under the next one's beginning.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use gstreamer::prelude::MulDiv;
use gstreamer::{self as gst, ClockTime};
use machiai_panel::link::End;

use crate::item::{Item, Pulled};
use crate::output::{FRAMES_PER_S, Output};

/// How long the first picture of an item may take, from when its turn has come.
const FIRST_WITHIN: Duration = Duration::from_secs(4);

/// How long every later picture may take.
const NEXT_WITHIN: Duration = Duration::from_millis(1_500);

/// How far from now an item begins when nothing is shown before it.
const LEAD: ClockTime = ClockTime::from_mseconds(150);

/// How long before a still is over the next item's pictures are handed in.
const HAND_OVER: ClockTime = ClockTime::from_mseconds(500);

/// How long an item without an end of its own may sound beyond a picture, before its sound is looked at again.
const SOUND_WITHIN: Duration = Duration::from_millis(100);

/// How long a whole item may sound beyond its last picture. A coder delays its sound, AAC by 21 or 44 ms: the last of it
/// comes after the pictures, and the next item's begins with as much silence.
const RINGS_OUT: ClockTime = ClockTime::from_mseconds(45);

/// One item's turn on the output.
pub(crate) struct Turn {
    /// Its number, as it was cued.
    pub(crate) id: u64,
    /// The item.
    pub(crate) item: Item,
    /// When to cut it, from its beginning; a still is shown so long.
    pub(crate) play_for: Option<ClockTime>,
    span: Mutex<Span>,
    changed: Condvar,
    /// How many pumps still carry from it: its last sound is pulled after its last picture, or before.
    n_pumps: AtomicUsize,
}

/// When a turn is on the output.
#[derive(Debug, Default)]
pub(crate) struct Span {
    /// When its first picture is shown; none before its turn.
    pub(crate) begins: Option<ClockTime>,
    /// When its last picture is over, and why.
    pub(crate) ended: Option<(ClockTime, End)>,
    /// The moments of pictures handed in and not counted as shown yet.
    pub(crate) ahead: VecDeque<ClockTime>,
    /// Pictures that came too late to be shown.
    pub(crate) n_late: u64,
    /// Whether something else is to be put in its place.
    replaced: bool,
}

impl Turn {
    pub(crate) fn new(id: u64, item: Item, play_for: Option<ClockTime>) -> Self {
        Self { id, item, play_for, span: Mutex::default(), changed: Condvar::new(), n_pumps: AtomicUsize::new(2) }
    }

    /// Reads or changes when it is shown.
    pub(crate) fn span<T>(&self, act: impl FnOnce(&mut Span) -> T) -> T {
        act(&mut self.span.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends it as soon as can be: what has been handed in is still shown.
    pub(crate) fn replace(&self) {
        self.span(|span| span.replaced = true);
        self.changed.notify_all();
    }

    /// Waits for so long, or until it is to be replaced; returns whether it is.
    fn is_replaced_within(&self, wait: ClockTime) -> bool {
        let span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = Duration::from_nanos(wait.nseconds());
        let waited = self.changed.wait_timeout_while(span, wait, |span| !span.replaced);
        waited.unwrap_or_else(PoisonError::into_inner).0.replaced
    }

    fn begin(&self, at: ClockTime) {
        self.span(|span| span.begins = Some(at));
        self.changed.notify_all();
    }

    fn end(&self, at: ClockTime, end: End) {
        self.span(|span| span.ended = Some((at, end)));
        self.changed.notify_all();
    }

    /// Waits until its turn has come; none if it ended before.
    fn begins(&self) -> Option<ClockTime> {
        let span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |span: &mut Span| span.begins.is_none() && span.ended.is_none();
        let span = self.changed.wait_while(span, waits).unwrap_or_else(PoisonError::into_inner);
        span.begins
    }

    /// Ends decoding when both pumps have left.
    fn leave(&self) {
        if self.n_pumps.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.item.close();
        }
    }

    fn is_over(&self) -> bool {
        self.span(|span| span.ended.is_some())
    }

    /// Returns from when on it is no longer heard, if that is known.
    fn heard_until(&self) -> Option<ClockTime> {
        self.span(|span| {
            let (at, end) = span.ended.as_ref()?;
            Some(if *end == End::Whole { at.saturating_add(RINGS_OUT) } else { *at })
        })
    }
}

/// Returns the first moment on the grid that is not before `at`.
pub(crate) fn on_grid(at: ClockTime) -> ClockTime {
    let frame = ClockTime::SECOND.nseconds();
    let nth = at.nseconds().saturating_mul(FRAMES_PER_S).div_ceil(frame);
    moment(nth)
}

/// Returns the moment of a frame of the output.
fn moment(nth: u64) -> ClockTime {
    ClockTime::SECOND.mul_div_floor(nth, FRAMES_PER_S).unwrap_or(ClockTime::ZERO)
}

/// Carries pictures until there are no more turns, or the output has stopped.
pub(crate) fn carry_pictures(turns: &Receiver<Arc<Turn>>, output: &Output) {
    let mut free_from = ClockTime::ZERO;
    let mut has_stopped = false;
    for turn in turns {
        if has_stopped {
            // Whoever waits for its turn must not wait for ever.
            turn.end(free_from, End::Replaced);
            turn.leave();
            continue;
        }
        let base = on_grid(free_from.max(output.now().saturating_add(LEAD)));
        let (ends, end) = carry_one(&turn, base, output);
        free_from = ends.unwrap_or(base);
        has_stopped = end.is_none();
        turn.end(free_from, end.unwrap_or(End::Replaced));
        turn.leave();
    }
}

/// Carries one item's pictures; returns when they end, and why; no reason when the output has stopped.
fn carry_one(turn: &Turn, base: ClockTime, output: &Output) -> (Option<ClockTime>, Option<End>) {
    let mut ends = None;
    let mut slot = None;
    let mut base = base;
    loop {
        if turn.span(|span| span.replaced) {
            return (ends, Some(End::Replaced));
        }
        let within = if ends.is_none() { FIRST_WITHIN } else { NEXT_WITHIN };
        let (mut buffer, at) = match turn.item.picture(within) {
            Pulled::Buffer(buffer, at) => (buffer, at),
            Pulled::Ended => match still(turn, base, ends) {
                Some(over) => return hold(turn, (base, over), output),
                None => return (ends, Some(whole(ends))),
            },
            Pulled::Broken(why) => return (ends, Some(End::Broken { why })),
            Pulled::Silent => return (ends, Some(End::Silent)),
        };
        if ends.is_none() && base < output.now().saturating_add(LEAD / 2) {
            // It took long to open: its pictures would come too late one by one.
            base = on_grid(output.now().saturating_add(LEAD));
        }
        if turn.play_for.is_some_and(|most| at >= most) {
            return (turn.play_for.map(|most| on_grid(base.saturating_add(most))), Some(End::TimeUp));
        }
        let shown_at = base.saturating_add(at);
        let lasts = buffer.duration().unwrap_or_else(|| moment(1));
        let is_late = ends.is_some() && shown_at.saturating_add(lasts) < output.now();
        if ends.is_none() {
            turn.begin(base);
        }
        ends = ends.max(Some(on_grid(shown_at.saturating_add(lasts).saturating_sub(ClockTime::from_mseconds(5)))));
        if is_late {
            turn.span(|span| span.n_late = span.n_late.saturating_add(1));
            continue;
        }
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(shown_at);
            buffer.set_duration(lasts);
        }
        turn.span(|span| span.ahead.push_back(shown_at));
        let slot = slot.get_or_insert_with(|| output.join(base, turn.item.is_still()));
        if slot.push_buffer(buffer).is_err() {
            return (ends, None);
        }
    }
}

/// Returns when a still is over, which stays for its time; none for what has more pictures, or none.
fn still(turn: &Turn, base: ClockTime, ends: Option<ClockTime>) -> Option<ClockTime> {
    // Two moments of the grid are a nanosecond more or less apart.
    let one = moment(1).saturating_add(ClockTime::from_mseconds(5));
    let is_still = ends.is_some_and(|ends| ends <= base.saturating_add(one));
    turn.play_for.filter(|_| is_still).map(|play_for| on_grid(base.saturating_add(play_for)))
}

/// Holds a still until it is time for what comes next, or something else is to be put in its place at once.
fn hold(turn: &Turn, (begins, over): (ClockTime, ClockTime), output: &Output) -> (Option<ClockTime>, Option<End>) {
    let wait = over.saturating_sub(HAND_OVER).saturating_sub(output.now());
    if turn.is_replaced_within(wait) {
        // Never before it begins: the film before it is handed in until then, and its place is not free.
        let at = on_grid(output.now().saturating_add(LEAD)).max(begins).min(over);
        return (Some(at), Some(End::Replaced));
    }
    (Some(over), Some(End::Whole))
}

/// A file that ends without a picture is broken, whatever its decoder says.
fn whole(ends: Option<ClockTime>) -> End {
    if ends.is_some() { End::Whole } else { End::Broken { why: "no picture in the file".to_owned() } }
}

/// Carries sounds until there are no more turns, or the output has stopped.
pub(crate) fn carry_sounds(turns: &Receiver<Arc<Turn>>, output: &Output) {
    let mut has_stopped = false;
    for turn in turns {
        has_stopped = has_stopped || !carry_sound_of(&turn, output);
        turn.leave();
    }
}

/// Carries one item's sound; returns whether the output takes more.
fn carry_sound_of(turn: &Turn, output: &Output) -> bool {
    let Some(base) = turn.begins() else { return true };
    let mut is_first = true;
    while let Some((mut buffer, at)) = next_sound(turn) {
        let heard_at = base.saturating_add(at);
        if turn.heard_until().is_some_and(|until| heard_at >= until) {
            break;
        }
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(heard_at);
            if is_first {
                buffer.set_flags(gst::BufferFlags::DISCONT | gst::BufferFlags::RESYNC);
            }
        }
        is_first = false;
        if output.sound.push_buffer(buffer).is_err() {
            return false;
        }
    }
    true
}

/// Waits for the next piece of sound; none when there is no more, or the pictures are over.
fn next_sound(turn: &Turn) -> Option<(gst::Buffer, ClockTime)> {
    loop {
        match turn.item.sound(SOUND_WITHIN) {
            Pulled::Buffer(buffer, at) => return Some((buffer, at)),
            Pulled::Ended | Pulled::Broken(_) => return None,
            Pulled::Silent if turn.is_over() => return None,
            Pulled::Silent => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_of_the_grid_is_its_own_and_others_go_to_the_next() {
        for nth in [0, 1, 2, 29, 30, 31, 1_000_003] {
            assert_eq!(on_grid(moment(nth)), moment(nth), "frame {nth}");
            assert_eq!(on_grid(moment(nth) + ClockTime::from_nseconds(1)), moment(nth + 1), "after frame {nth}");
        }
        assert_eq!(moment(30), ClockTime::SECOND);
    }
}
