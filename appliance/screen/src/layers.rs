//! How much of each layer is seen, frame by frame: the panel, the two places that films have, a call, what covers all.
//!
//! A film that follows a film takes its place over, picture for picture. Where one of the two is a still, the next one
//! begins in the other place and the two are mixed for a moment: the upper place alone changes then, so that nothing
//! that lies under both is ever seen between them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use gstreamer::ClockTime;

use crate::output::FRAMES_PER_S;
use crate::sound::share;

/// The layers: panel, lower film, upper film, call, cover; the lowest first.
pub(crate) const N_LAYERS: usize = 5;

/// How long two neighbours are mixed: nine frames.
const FADE: ClockTime = ClockTime::from_mseconds(300);

/// The frame around a call breathes: how long a breath takes, how often, and how much is seen at the least (LOOKS, the
/// call moment).
const BREATH: ClockTime = ClockTime::from_mseconds(2_000);
const N_BREATHS: u64 = 3;
const BREATHED_OUT: f64 = 0.35;

/// One of the two places that films have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The one beneath.
    Lower,
    /// The one that lies over it.
    Upper,
}

impl Slot {
    const fn other(self) -> Self {
        match self {
            Self::Lower => Self::Upper,
            Self::Upper => Self::Lower,
        }
    }
}

/// What is in the film's region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Item {
    slot: Slot,
    is_still: bool,
    /// Whether it is seen, and not what the board draws there.
    is_seen: bool,
}

/// The layers, of which the panel alone is seen at first.
pub(crate) struct Layers(Mutex<State>);

struct State {
    lower: Layer,
    upper: Layer,
    call: Layer,
    cover: Layer,
    /// Since when the call is seen that was seen last.
    call_since: Option<ClockTime>,
    /// Since when a call, or a cover, waits for its picture: the one that is there belongs to the one before.
    awaits_call: Option<ClockTime>,
    awaits_cover: Option<ClockTime>,
    /// The item that was joined last.
    last: Item,
}

/// How much is seen in a frame, from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Of each layer.
    pub(crate) layers: [f64; N_LAYERS],
    /// Of the frame around the call, where the call is seen; what is not is the call's ground.
    pub(crate) call_frame: f64,
}

/// The moments of the pictures that the call and the cover have, if they have any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pictures {
    pub(crate) call: Option<ClockTime>,
    pub(crate) cover: Option<ClockTime>,
}

impl Layers {
    pub(crate) fn new() -> Self {
        let [lower, upper, call, cover] = Default::default();
        let last = Item { slot: Slot::Upper, is_still: false, is_seen: false };
        let (call_since, awaits_call, awaits_cover) = (None, None, None);
        Self(Mutex::new(State { lower, upper, call, cover, call_since, awaits_call, awaits_cover, last }))
    }

    /// Returns how much is seen in the frame of a moment; moments must not go back.
    pub(crate) fn at(&self, at: ClockTime, pictures: Pictures) -> Shares {
        self.with(|state| {
            state.take(at, pictures);
            let layers = [1.0, state.lower.at(at), state.upper.at(at), state.call.at(at), state.cover.at(at)];
            Shares { layers, call_frame: state.call_since.map_or(1.0, |since| breathed(at.saturating_sub(since))) }
        })
    }

    /// Lets the call be seen as soon as its picture, which is handed in from now on, has come through.
    pub(crate) fn show_call(&self, now: ClockTime) {
        self.with(|state| state.awaits_call = Some(now));
    }

    /// Lets the call go.
    pub(crate) fn fade_call(&self, now: ClockTime, lasts: ClockTime) {
        self.with(|state| {
            state.awaits_call = None;
            state.call.change(now, lasts, 0.0);
        });
    }

    /// Lets an item begin at a moment, and returns where its pictures belong.
    pub(crate) fn join(&self, at: ClockTime, is_still: bool) -> Slot {
        self.with(|state| state.join(at, is_still))
    }

    /// Lets what the board draws be seen in the film's region.
    pub(crate) fn uncover(&self, at: ClockTime) {
        self.with(|state| {
            state.last.is_seen = false;
            state.lower.change(at, FADE, 0.0);
            state.upper.change(at, FADE, 0.0);
        });
    }

    /// Lets the cover be seen, as soon as its picture has come through, or not.
    pub(crate) fn cover(&self, now: ClockTime, is_seen: bool) {
        self.with(|state| {
            state.awaits_cover = is_seen.then_some(now);
            if !is_seen {
                state.cover.change(now, FADE, 0.0);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Lets be seen what has its own picture now.
    fn take(&mut self, at: ClockTime, pictures: Pictures) {
        let has_come = |awaits: Option<ClockTime>, picture: Option<ClockTime>| {
            awaits.zip(picture).is_some_and(|(since, picture)| picture >= since)
        };
        if has_come(self.awaits_call, pictures.call) {
            self.awaits_call = None;
            self.call = Layer { alpha: 1.0, changes: VecDeque::new() };
            self.call_since = Some(at);
        }
        if has_come(self.awaits_cover, pictures.cover) {
            self.awaits_cover = None;
            self.cover.change(at, FADE, 1.0);
        }
    }

    fn join(&mut self, at: ClockTime, is_still: bool) -> Slot {
        let last = self.last;
        let is_mixed = is_still || (last.is_seen && last.is_still);
        let slot = if last.is_seen && !is_mixed { last.slot } else { last.slot.other() };
        self.last = Item { slot, is_still, is_seen: true };
        let fade = if is_mixed { FADE } else { ClockTime::ZERO };
        match (slot, last.is_seen) {
            (Slot::Upper, true) if slot != last.slot => {
                self.upper.change(at, fade, 1.0);
                self.lower.change(at.saturating_add(fade), ClockTime::ZERO, 0.0);
            }
            (Slot::Lower, true) if slot != last.slot => {
                self.lower.change(at, ClockTime::ZERO, 1.0);
                self.upper.change(at, fade, 0.0);
            }
            // It goes on in its place.
            (Slot::Upper | Slot::Lower, true) => {}
            (Slot::Upper, false) => self.upper.change(at, fade, 1.0),
            (Slot::Lower, false) => self.lower.change(at, fade, 1.0),
        }
        slot
    }
}

/// Returns how much of what breathes is seen so long after it began to.
fn breathed(since: ClockTime) -> f64 {
    if since >= BREATH.saturating_mul(N_BREATHS) {
        return 1.0;
    }
    let gone = ClockTime::from_nseconds(since.nseconds() % BREATH.nseconds());
    let out = (1.0 - (share(gone, BREATH) * core::f64::consts::TAU).cos()) / 2.0;
    1.0 - (1.0 - BREATHED_OUT) * out
}

/// One layer, unseen at first, and how it is going to change.
#[derive(Default)]
struct Layer {
    /// How much of it was seen before the changes, from 0 to 1.
    alpha: f64,
    changes: VecDeque<Change>,
}

/// A change that begins at a moment.
struct Change {
    from: ClockTime,
    lasts: ClockTime,
    alpha: f64,
}

impl Change {
    fn ends(&self) -> ClockTime {
        self.from.saturating_add(self.lasts)
    }
}

impl Layer {
    /// Adds a change, after those that are under way.
    fn change(&mut self, at: ClockTime, lasts: ClockTime, alpha: f64) {
        let free_from = self.changes.back().map_or(ClockTime::ZERO, Change::ends);
        if self.changes.back().map_or(self.alpha, |last| last.alpha).total_cmp(&alpha).is_ne() {
            self.changes.push_back(Change { from: at.max(free_from), lasts, alpha });
        }
    }

    /// Returns how much is seen at a moment, and forgets what is over by then.
    fn at(&mut self, at: ClockTime) -> f64 {
        while let Some(over) = self.changes.pop_front_if(|change| change.ends() <= at) {
            self.alpha = over.alpha;
        }
        let Some(change) = self.changes.front().filter(|change| change.from <= at) else { return self.alpha };
        // The first frame of a change shows something of it, and the first one after it all.
        let frame = ClockTime::SECOND / FRAMES_PER_S;
        let gone = at.saturating_sub(change.from).saturating_add(frame);
        self.alpha + (change.alpha - self.alpha) * share(gone, change.lasts.saturating_add(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: usize = 3;
    const COVER: usize = 4;

    fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    fn of(call: Option<u64>, cover: Option<u64>) -> Pictures {
        Pictures { call: call.map(ms), cover: cover.map(ms) }
    }

    #[track_caller]
    fn is(layers: &Layers, (at, pictures): (u64, Pictures), layer: usize, expected: f64) {
        let alpha = layers.at(ms(at), pictures).layers[layer];
        assert!((alpha - expected).abs() < 0.001, "{alpha} at {at} ms, not {expected}");
    }

    #[test]
    fn a_call_is_not_seen_with_the_picture_of_the_one_before() {
        let layers = Layers::new();
        layers.show_call(ms(100));
        is(&layers, (110, of(None, None)), CALL, 0.0);
        is(&layers, (140, of(Some(101), None)), CALL, 1.0);
        layers.fade_call(ms(1_000), ms(0));
        is(&layers, (1_000, of(Some(101), None)), CALL, 0.0);
        layers.show_call(ms(2_000));
        is(&layers, (2_010, of(Some(101), None)), CALL, 0.0);
        is(&layers, (2_040, of(Some(2_000), None)), CALL, 1.0);
        // The next one takes its place while it is seen: it stays until then.
        layers.show_call(ms(3_000));
        is(&layers, (3_010, of(Some(2_000), None)), CALL, 1.0);
        // A call that went before its picture came is never seen.
        layers.fade_call(ms(4_000), ms(0));
        is(&layers, (4_000, of(Some(3_001), None)), CALL, 0.0);
        layers.show_call(ms(5_000));
        layers.fade_call(ms(5_001), ms(0));
        is(&layers, (5_100, of(Some(5_000), None)), CALL, 0.0);
    }

    #[test]
    fn the_frame_around_a_call_breathes_three_times_and_anew_with_the_next_one() {
        let layers = Layers::new();
        let frame = |at, picture| layers.at(ms(at), of(picture, None)).call_frame;
        assert!((frame(50, None) - 1.0).abs() < 0.001);
        layers.show_call(ms(100));
        for (at, expected) in [(100, 1.0), (600, 0.675), (1_100, 0.35), (1_600, 0.675), (2_100, 1.0), (5_100, 0.35)] {
            let seen = frame(at, Some(100));
            assert!((seen - expected).abs() < 0.001, "{seen} at {at} ms, not {expected}");
        }
        for at in [6_100, 6_600, 7_100, 60_000] {
            assert!((frame(at, Some(100)) - 1.0).abs() < 0.001, "it breathes after {at} ms");
        }
        layers.show_call(ms(61_000));
        assert!((frame(61_000, Some(61_000)) - 1.0).abs() < 0.001);
        assert!((frame(62_000, Some(61_000)) - 0.35).abs() < 0.001);
    }

    #[test]
    fn a_cover_comes_with_its_own_picture_and_goes_at_once() {
        let layers = Layers::new();
        layers.cover(ms(100), true);
        is(&layers, (200, of(None, None)), COVER, 0.0);
        is(&layers, (1_000, of(None, Some(99))), COVER, 0.0);
        assert!(layers.at(ms(1_033), of(None, Some(130))).layers[COVER] > 0.0);
        is(&layers, (2_000, of(None, Some(130))), COVER, 1.0);
        layers.cover(ms(3_000), false);
        is(&layers, (4_000, of(None, Some(130))), COVER, 0.0);
    }
}
