//! The element that lays the layers onto one another, thirty times a second.
//!
//! It is GStreamer's video aggregator with two rules of its own, since most frames of a waiting room are like the one
//! before: what an opaque layer hides is not copied, and where each layer gives the same picture as much to be seen as
//! before nothing is copied at all, but the last frame handed on with a moment of its own. When a picture is due and what
//! becomes of late ones is the aggregator's affair. It never scales and never converts: all is I420.

mod planes;

use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use gstreamer::{self as gst, ClockTime, glib};
use gstreamer_base::prelude::*;
use gstreamer_base::subclass::prelude::*;
use gstreamer_video::prelude::*;
use gstreamer_video::subclass::AggregateFramesToken;
use gstreamer_video::subclass::prelude::*;
use gstreamer_video::{VideoAggregatorConvertPad, VideoAggregatorPad, VideoCapsBuilder, VideoFormat, VideoFrameRef};

use crate::canvas::Canvas;
use crate::layers::{Layers, N_LAYERS, Pictures, Shares};
use machiai_panel::Layout;
use planes::{Place, Plane, lay, tint};

/// The element's name in a description of a pipeline.
pub(crate) const NAME: &str = "machiaimixer";

/// The layer of calls.
const CALL: usize = 3;

/// The frame along a call's edges, in samples of luma.
const FRAME_WIDE: usize = Layout::CALL_FRAME_PX as usize;

/// Luma and chroma of what lies under all: white.
const GROUND: [u8; 3] = [235, 128, 128];

glib::wrapper! {
    /// The element; its pads `sink_0` to `sink_4` are the layers, lowest first.
    pub(crate) struct Mixer(ObjectSubclass<Inner>)
        @extends gstreamer_video::VideoAggregator, gstreamer_base::Aggregator, gst::Element, gst::Object;
}

impl Mixer {
    /// Lets pipelines name the element.
    pub(crate) fn register() -> Result<(), glib::BoolError> {
        gst::Element::register(None, NAME, gst::Rank::NONE, Self::static_type())
    }

    /// Says where the layers lie, whose pads must be linked, and what tells how much of each is seen; once.
    pub(crate) fn set_up(&self, canvas: &Canvas, layers: Arc<Layers>) -> Result<(), &'static str> {
        let pad = |name| self.static_pad(name).and_then(|pad| pad.downcast().ok()).ok_or(name);
        let pads = [pad("sink_0")?, pad("sink_1")?, pad("sink_2")?, pad("sink_3")?, pad("sink_4")?];
        let samples = |px: u32| usize::try_from(px).unwrap_or_default();
        let film = Place {
            x: samples(canvas.film.x_px),
            y: samples(canvas.film.y_px),
            width: samples(canvas.film.width_px),
            height: samples(canvas.film.height_px),
        };
        let whole = Place { x: 0, y: 0, width: samples(canvas.width_px), height: samples(canvas.height_px) };
        let setting = Setting { pads, places: [whole, film, film, whole, whole], whole, layers };
        self.imp().setting.set(setting).map_err(|_again| "a setting of its own")
    }
}

/// What is mixed, and how.
struct Setting {
    pads: [VideoAggregatorPad; N_LAYERS],
    places: [Place; N_LAYERS],
    whole: Place,
    layers: Arc<Layers>,
}

/// The element's own part.
#[derive(Default)]
pub(crate) struct Inner {
    setting: OnceLock<Setting>,
    last: Mutex<Last>,
}

/// The last frame, and what it was composed of.
#[derive(Default)]
struct Last {
    /// None while one is composed.
    frame: Option<gst::Buffer>,
    of: [Given; N_LAYERS],
    /// How much of the frame around the call was seen, from 0 to 1.
    call_frame: f64,
    /// Whether it goes out again.
    again: bool,
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

/// A layer of which something is seen in a frame.
struct Seen<'a> {
    picture: VideoFrameRef<&'a gst::BufferRef>,
    place: Place,
    /// Of 256.
    share: u16,
    /// How much of the frame along its edges has given way to its ground, of 256.
    frame_gone: u16,
}

impl Inner {
    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how much is seen, where the frame is not like the one before.
    fn changed(&self, setting: &Setting, token: &AggregateFramesToken, at: ClockTime) -> Option<Shares> {
        let [_, _, _, call, cover] = setting.pads.each_ref().map(|pad| pad.current_buffer(token)?.pts());
        let mut shares = setting.layers.at(at, Pictures { call, cover });
        if shares.layers[CALL] <= 0.0 {
            shares.call_frame = 1.0;
        }
        let mut of: [Given; N_LAYERS] = Default::default();
        for ((given, pad), alpha) in of.iter_mut().zip(&setting.pads).zip(shares.layers) {
            // What is not seen may change as it likes.
            let picture = if alpha > 0.0 { pad.current_buffer(token) } else { None };
            *given = Given { picture, alpha };
        }
        let mut last = self.last();
        let is_as_before = last.of.iter().zip(&of).all(|(before, now)| before.is_as(now))
            && last.call_frame.total_cmp(&shares.call_frame).is_eq();
        last.again = last.frame.is_some() && is_as_before;
        if last.again {
            return None;
        }
        *last = Last { frame: None, of, call_frame: shares.call_frame, again: false };
        Some(shares)
    }

    /// Lays what is seen onto a frame.
    fn compose(&self, onto: &mut gst::BufferRef, mut seen: Vec<Seen<'_>>, whole: Place) -> Option<()> {
        let info = self.obj().video_info()?;
        let mut onto = VideoFrameRef::from_buffer_ref_writable(onto, &info).ok()?;
        let is_opaque = |one: &Seen<'_>| one.share >= 256;
        let lowest = seen.iter().rposition(|one| is_opaque(one) && one.place.covers(whole));
        match lowest {
            Some(lowest) => drop(seen.drain(..lowest)),
            None => (0..).zip(GROUND).try_for_each(|(nth, value)| {
                onto.plane_data_mut(nth).ok()?.fill(value);
                Some(())
            })?,
        }
        let opaque = seen.iter().rposition(is_opaque);
        for (nth, one) in seen.iter().enumerate() {
            let hiding = opaque.filter(|opaque| nth < *opaque).and_then(|opaque| seen.get(opaque));
            for plane in 0..3 {
                let of_plane = |place: Place| if plane == 0 { place } else { place.half() };
                let hidden = hiding.map(|hiding| of_plane(hiding.place));
                let (onto_stride, stride) =
                    (stride(onto.plane_stride(), plane)?, stride(one.picture.plane_stride(), plane)?);
                let mut onto = Plane { samples: onto.plane_data_mut(plane).ok()?, stride: onto_stride };
                let of = Plane { samples: one.picture.plane_data(plane).ok()?, stride };
                let wide = if plane == 0 { FRAME_WIDE } else { FRAME_WIDE / 2 };
                // The ground begins where the frame ends.
                let ground = of.samples.get(2 * wide * stride + 2 * wide).copied();
                lay(&mut onto, of, of_plane(one.place), hidden, one.share);
                if let Some(ground) = ground.filter(|_| one.frame_gone > 0) {
                    let strips = of_plane(one.place).frame(wide);
                    strips.into_iter().for_each(|strip| tint(&mut onto, ground, strip, one.frame_gone));
                }
            }
        }
        Some(())
    }
}

/// Returns the length of a plane's rows, in bytes.
fn stride(of: &[i32], plane: u32) -> Option<usize> {
    usize::try_from(*of.get(usize::try_from(plane).ok()?)?).ok()
}

/// Returns how much of 256 is seen.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 256")]
fn share_of(alpha: f64) -> u16 {
    (alpha.clamp(0.0, 1.0) * 256.0).round() as u16
}

#[glib::object_subclass]
impl ObjectSubclass for Inner {
    const NAME: &'static str = "MachiaiMixer";
    type Type = Mixer;
    type ParentType = gstreamer_video::VideoAggregator;
}

impl ObjectImpl for Inner {
    fn constructed(&self) {
        self.parent_constructed();
        // Frames come when they are due, whatever the layers do.
        self.obj().set_force_live(true);
        self.obj().set_ignore_inactive_pads(true);
    }
}

impl GstObjectImpl for Inner {}

impl ElementImpl for Inner {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: OnceLock<gst::subclass::ElementMetadata> = OnceLock::new();
        let of = || {
            gst::subclass::ElementMetadata::new(
                "Machiai's mixer",
                "Mixer/Video",
                "Lays layers onto one another",
                "Machiai",
            )
        };
        Some(METADATA.get_or_init(of))
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: OnceLock<Vec<gst::PadTemplate>> = OnceLock::new();
        TEMPLATES.get_or_init(|| {
            let caps = VideoCapsBuilder::new().format(VideoFormat::I420).build();
            let (source, always) = (gst::PadDirection::Src, gst::PadPresence::Always);
            let (sink, request) = (gst::PadDirection::Sink, gst::PadPresence::Request);
            // Of the aggregator's pads this one alone takes pictures smaller than the frame; nothing is left for it to convert.
            let of_video = VideoAggregatorConvertPad::static_type();
            let of_any = gstreamer_base::AggregatorPad::static_type();
            let made = [
                gst::PadTemplate::with_gtype("src", source, always, &caps, of_any),
                gst::PadTemplate::with_gtype("sink_%u", sink, request, &caps, of_video),
            ];
            made.into_iter().flatten().collect()
        })
    }
}

impl AggregatorImpl for Inner {
    fn finish_buffer(&self, composed: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let given = {
            let mut last = self.last();
            match &last.frame {
                Some(frame) if last.again => {
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
                    last.frame = Some(composed.clone());
                    composed
                }
            }
        };
        self.parent_finish_buffer(given)
    }
}

impl VideoAggregatorImpl for Inner {
    fn aggregate_frames(
        &self,
        token: &AggregateFramesToken,
        outbuf: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let setting = self.setting.get().ok_or(gst::FlowError::NotNegotiated)?;
        let Some(Shares { layers, call_frame }) = self.changed(setting, token, outbuf.pts().unwrap_or(ClockTime::ZERO))
        else {
            return Ok(gst::FlowSuccess::Ok);
        };
        let mut seen = Vec::new();
        for (nth, ((pad, place), alpha)) in setting.pads.iter().zip(setting.places).zip(layers).enumerate() {
            let share = share_of(alpha);
            let frame_gone = if nth == CALL { share_of(alpha * (1.0 - call_frame)) } else { 0 };
            if let Some(picture) = pad.prepared_frame(token).filter(|_| share > 0) {
                seen.push(Seen { picture, place, share, frame_gone });
            }
        }
        self.compose(outbuf, seen, setting.whole).ok_or(gst::FlowError::Error)?;
        Ok(gst::FlowSuccess::Ok)
    }
}

#[cfg(test)]
mod tests;
