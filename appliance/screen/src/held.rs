//! A frame in which nothing changed is not composed again: the last one is handed on with a moment of its own.
//!
//! The compositor copies every layer into every frame, and most frames of a waiting room are like the one before. When it
//! has chosen what goes into a frame it says so and waits for the answer: if each layer gives the same picture as much to
//! be seen as before, all are hidden from it, and what it then makes of nothing is replaced by the frame before. Both
//! happen on the compositor's own thread, between the frames, so that no frame is ever half of one and half of another.
//!
//! Without a layer it would still paint its ground. So there is one more layer, opaque and as large as the canvas, whose
//! picture is empty: what it covers needs no ground, and there is nothing of it to copy.

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_base::Aggregator;
use gstreamer_base::prelude::*;

use crate::layers::{Layers, N_LAYERS};

/// The last frame, and what it was composed of.
pub(crate) struct Held {
    pads: [gst::Pad; N_LAYERS],
    /// The layer that is empty.
    nothing: gst::Pad,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last frame that was really composed; none while one is.
    frame: Option<gst::Buffer>,
    /// What each layer gave to it.
    of: [Given; N_LAYERS],
    /// Whether nothing is composed in this frame.
    is_hollow: bool,
}

/// What a layer gives to a frame.
#[derive(Default)]
struct Given {
    picture: Option<gst::Buffer>,
    /// How much of it is seen, from 0 to 1.
    alpha: f64,
}

impl Given {
    fn is_as(&self, other: &Self) -> bool {
        let is_same_picture = match (&self.picture, &other.picture) {
            // Both are kept, so that one place in memory is one picture.
            (Some(one), Some(other)) => ptr::eq(one.as_ref(), other.as_ref()),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same_picture && self.alpha.total_cmp(&other.alpha).is_eq()
    }
}

impl Held {
    /// Takes hold of a compositor's pads: the layers, lowest first, and the empty one. From then on it sets how much of
    /// each is seen.
    pub(crate) fn hold(
        mixer: &Aggregator,
        pads: [gst::Pad; N_LAYERS],
        nothing: gst::Pad,
        layers: Arc<Layers>,
    ) -> Arc<Self> {
        let held = Arc::new(Self { pads, nothing, state: Mutex::default() });
        let kept = Arc::clone(&held);
        mixer.connect_samples_selected(move |mixer, _, at, _, _, _| {
            kept.choose(mixer, layers.at(at.unwrap_or(ClockTime::ZERO)));
        });
        held
    }

    /// Returns what goes out in the place of what was composed.
    pub(crate) fn give(&self, composed: gst::Buffer) -> gst::Buffer {
        let mut state = self.state();
        match &state.frame {
            Some(frame) if state.is_hollow => {
                let mut again = frame.copy();
                if let Some(again) = again.get_mut() {
                    again.set_pts(composed.pts());
                    again.set_dts(composed.dts());
                    again.set_duration(composed.duration());
                    again.unset_flags(gst::BufferFlags::DISCONT);
                }
                again
            }
            Some(_) | None => {
                state.frame = Some(composed.clone());
                composed
            }
        }
    }

    /// Shows the compositor its layers, or none where it would compose the same again.
    fn choose(&self, mixer: &Aggregator, alphas: [f64; N_LAYERS]) {
        let mut state = self.state();
        let mut given: [Given; N_LAYERS] = Default::default();
        for ((given, pad), alpha) in given.iter_mut().zip(&self.pads).zip(alphas) {
            // What is not seen may change as it likes.
            let picture = if alpha > 0.0 { picture(mixer, pad) } else { None };
            *given = Given { picture, alpha };
        }
        let is_same = state.of.iter().zip(&given).all(|(before, now)| before.is_as(now));
        state.is_hollow = is_same && state.frame.is_some();
        if !state.is_hollow {
            state.frame = None;
            state.of = given;
        }
        let is_hollow = state.is_hollow;
        let shown = self.pads.iter().zip(alphas.map(|alpha| if is_hollow { 0.0 } else { alpha }));
        for (pad, alpha) in shown.chain([(&self.nothing, if is_hollow { 1.0 } else { 0.0 })]) {
            if pad.property::<f64>("alpha").total_cmp(&alpha).is_ne() {
                pad.set_property("alpha", alpha);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the picture of the empty layer.
pub(crate) fn nothing() -> gst::Buffer {
    let mut nothing = gst::Buffer::new();
    let made = nothing.make_mut();
    made.set_pts(ClockTime::ZERO);
    made.set_flags(gst::BufferFlags::GAP);
    nothing
}

/// Returns the picture that a layer gives to the frame which is about to be composed.
fn picture(mixer: &Aggregator, pad: &gst::Pad) -> Option<gst::Buffer> {
    mixer.peek_next_sample(pad.downcast_ref::<gstreamer_base::AggregatorPad>()?)?.buffer_owned()
}
