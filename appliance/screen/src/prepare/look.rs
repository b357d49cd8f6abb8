//! The look at a film before any of its pictures is decoded: what is in it, how long it is, and how loud.
//!
//! Sound is decoded here and its loudness measured, because a gain must be known before the prepared sound is coded.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::{AppSink, AppSinkCallbacks};
use machiai_panel::film::Reason;

use super::decoder::{Decoder, Passed, PrepareError, Tell, to_nowhere};
use super::loudness::Meter;
use crate::output::SOUND;

/// The longer side of the largest picture that is decoded, in pixels: 4K of cinemas.
const MOST_SIDE_PX: i32 = 4_096;

/// The most pixels of a picture: 4K.
const MOST_PX: i32 = 4_096 * 2_304;

/// How much of a film may be missing at its end: coders leave some of the last sound out.
const MOST_MISSING: ClockTime = ClockTime::from_mseconds(500);

/// What is in a film.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) frames_per_s: String,
    pub(super) picture_codec: String,
    pub(super) sound_codec: Option<String>,
    pub(super) is_still: bool,
    /// Pictures as they are coded.
    pub(super) n_coded: u64,
    pub(super) loudness_lufs: Option<f64>,
    pub(super) gain_db: f64,
    pub(super) has_sound: bool,
}

/// The streams as they turn up.
#[derive(Default)]
struct Streams {
    pictures: Option<(gst::Pad, Arc<Passed>)>,
    /// How the pictures are coded, once that is known; the pad forgets it at the end.
    caps: Option<gst::Caps>,
    sounds: Option<Arc<Passed>>,
    others: Arc<Passed>,
}

type Shared = Arc<Mutex<Streams>>;

fn of<T>(shared: &Shared, read: impl FnOnce(&mut Streams) -> T) -> T {
    read(&mut shared.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Looks through a film.
pub(super) fn look(film: &File, most_ms: u32, tell: &mut Tell<'_>) -> Result<Look, PrepareError> {
    let decoder = Decoder::build(film, "")?;
    let (streams, meter) = (Shared::default(), Arc::new(Mutex::new(Meter::new())));
    leave_pictures_coded(&decoder.bin);
    let (pipeline, found, heard) = (decoder.pipeline.downgrade(), Arc::clone(&streams), Arc::clone(&meter));
    decoder.bin.connect_pad_added(move |_, pad| {
        let taken = pipeline.upgrade().and_then(|pipeline| take(&pipeline, pad, &found, &heard));
        if taken.is_none() {
            tracing::warn!(pad = %pad.name(), "a stream of a film was left alone");
        }
    });
    let mut tells = ClockTime::ZERO;
    let n_done = || of(&streams, |streams| n_passed(streams));
    let tags = decoder.run(&n_done, &mut |pipeline| {
        tells = tells.max(pipeline.query_duration::<ClockTime>().unwrap_or(ClockTime::ZERO));
        tell(0)?;
        of(&streams, |streams| {
            let ends = tells.max(ends(streams));
            check_size(streams, ends, most_ms)
        })
    })?;
    let meter = meter.lock().unwrap_or_else(PoisonError::into_inner).clone();
    of(&streams, |streams| {
        let ends = ends(streams);
        let Some((_, passed)) = streams.pictures.as_ref().filter(|(_, passed)| passed.n_buffers() > 0) else {
            return Err(PrepareError::refused(Reason::NoPicture, ""));
        };
        if tells > ends.saturating_add(MOST_MISSING) {
            let detail = format!("{} of {} ms", ends.mseconds(), tells.mseconds());
            return Err(PrepareError::refused(Reason::CutShort, detail));
        }
        let told = streams.caps.as_ref().and_then(|caps| caps.structure(0));
        let told = told.ok_or(PrepareError::Lacks { name: "caps" })?;
        let rate = told.get::<gst::Fraction>("framerate").unwrap_or_else(|_none| gst::Fraction::new(0, 1));
        let (width_px, height_px) = size(told);
        let is_still = told.name().starts_with("image/") && rate.numer() == 0;
        Ok(Look {
            width_px: u32::try_from(width_px).unwrap_or(0),
            height_px: u32::try_from(height_px).unwrap_or(0),
            frames_per_s: format!("{}/{}", rate.numer(), rate.denom()),
            picture_codec: tags.picture_codec.unwrap_or_else(|| told.name().to_string()),
            has_sound: streams.sounds.as_ref().is_some_and(|sounds| sounds.n_buffers() > 0),
            sound_codec: tags.sound_codec,
            is_still,
            // A still that nothing parsed comes in pieces of the file.
            n_coded: if is_still { 1 } else { passed.n_buffers() },
            loudness_lufs: meter.loudness(),
            gain_db: meter.gain_db(),
        })
    })
}

fn size(told: &gst::StructureRef) -> (i32, i32) {
    (told.get("width").unwrap_or(0), told.get("height").unwrap_or(0))
}

fn n_passed(streams: &Streams) -> u64 {
    let passed = |passed: &Arc<Passed>| passed.n_buffers();
    let pictures = streams.pictures.as_ref().map_or(0, |(_, pictures)| passed(pictures));
    pictures + streams.sounds.as_ref().map_or(0, passed) + passed(&streams.others)
}

fn ends(streams: &Streams) -> ClockTime {
    let pictures = streams.pictures.as_ref().map_or(ClockTime::ZERO, |(_, pictures)| pictures.ends());
    pictures.max(streams.sounds.as_ref().map_or(ClockTime::ZERO, |sounds| sounds.ends()))
}

fn check_size(streams: &mut Streams, ends: ClockTime, most_ms: u32) -> Result<(), PrepareError> {
    if ends > ClockTime::from_mseconds(u64::from(most_ms)) {
        return Err(PrepareError::refused(Reason::TooLong, format!("{} s", ends.seconds())));
    }
    if let Some(caps) = streams.pictures.as_ref().and_then(|(pad, _)| pad.current_caps()) {
        streams.caps = Some(caps);
    }
    let told = streams.caps.as_ref().and_then(|caps| caps.structure(0));
    let Some((width, height)) = told.map(size) else { return Ok(()) };
    if width.max(height) > MOST_SIDE_PX || width.saturating_mul(height) > MOST_PX {
        return Err(PrepareError::refused(Reason::TooLarge, format!("{width}×{height}")));
    }
    Ok(())
}

/// Lets the decodebin stop before each decoder of pictures, and go to no playlist at all: those open addresses.
fn leave_pictures_coded(bin: &gst::Element) {
    select(bin, |class| class.contains("Decoder") && (class.contains("Video") || class.contains("Image")));
}

/// Answers `autoplug-select`: what is exposed as it is, and what is never used.
pub(super) fn select(bin: &gst::Element, is_exposed: fn(&str) -> bool) {
    let Some(results) = gst::glib::Type::from_name("GstAutoplugSelectResult").and_then(gst::glib::EnumClass::with_type)
    else {
        return;
    };
    bin.connect("autoplug-select", false, move |values| {
        let factory = values.get(3).and_then(|value| value.get::<gst::ElementFactory>().ok());
        let class = factory.and_then(|factory| factory.metadata("klass").map(str::to_owned)).unwrap_or_default();
        let nick = match class {
            class if class.contains("Adaptive") => "skip",
            class if is_exposed(&class) => "expose",
            _ => "try",
        };
        results.to_value_by_nick(nick)
    });
}

/// Takes a stream that turned up where it belongs.
fn take(pipeline: &gst::Pipeline, pad: &gst::Pad, streams: &Shared, meter: &Arc<Mutex<Meter>>) -> Option<()> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let name = caps.structure(0)?.name().to_string();
    let passed = Arc::new(Passed::default());
    if name == "audio/x-raw" && of(streams, |streams| streams.sounds.is_none()) {
        of(streams, |streams| streams.sounds = Some(Arc::clone(&passed)));
        passed.count(pad);
        return measure(pipeline, pad, meter);
    }
    let is_picture = name.starts_with("video/") || name.starts_with("image/");
    if is_picture && of(streams, |streams| streams.pictures.is_none()) {
        of(streams, |streams| streams.pictures = Some((pad.clone(), Arc::clone(&passed))));
        return to_nowhere(pipeline, pad, &passed);
    }
    to_nowhere(pipeline, pad, &of(streams, |streams| Arc::clone(&streams.others)))
}

fn measure(pipeline: &gst::Pipeline, pad: &gst::Pad, meter: &Arc<Mutex<Meter>>) -> Option<()> {
    let described =
        format!("queue ! audioconvert ! audioresample ! {SOUND} ! appsink name=heard sync=false async=false");
    let bin = gst::parse::bin_from_description(&described, true).ok()?;
    let heard = bin.by_name("heard")?.downcast::<AppSink>().ok()?;
    let meter = Arc::clone(meter);
    let hear = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_ended| gst::FlowError::Eos)?;
        if let Some(map) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            meter.lock().unwrap_or_else(PoisonError::into_inner).hear(map.as_slice());
        }
        Ok(gst::FlowSuccess::Ok)
    };
    heard.set_callbacks(AppSinkCallbacks::builder().new_sample(hear).build());
    pipeline.add(&bin).ok()?;
    bin.sync_state_with_parent().ok()?;
    pad.link(&bin.static_pad("sink")?).ok().map(drop)
}
