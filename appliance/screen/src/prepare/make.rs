//! The making of the prepared film: every picture decoded once, scaled to the region, and coded in the one house format.
//!
//! ```text
//! pictures -> deinterlace -> scale with borders -> tee -> 30/1 -> openh264enc -> mp4mux -> file
//! sound    -> 48 kHz stereo -> gain -> AAC -----------|-----------------------'
//!                               one picture of all ---'-> small -> JPEG
//! ```
//!
//! H.264 of the constrained baseline, I420, a closed group of pictures every 2 s; AAC of 48 kHz. Debian's openh264 is
//! taken and not x264, which is under the GPL.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use machiai_panel::film::{Order, Reason};

use super::decoder::{Decoder, Passed, PrepareError, Tell, part, to_nowhere};
use super::look::{Look, select};
use crate::output::{FRAMES_PER_S, SOUND};

/// Pictures in a group: 2 s.
const GROUP: u64 = 2 * FRAMES_PER_S;

/// The picture by which staff know a film is one third into it: titles are over by then.
const SHOWN_AFTER: u64 = 3;

/// The size of that picture, in pixels.
const SMALL: (u32, u32) = (320, 180);

/// The longest side of a still's, which may be a notice's photo, in pixels: it is as high or wide as it came.
const PHOTO: u32 = 640;

/// Bits of the prepared film for each second and pixel: 4 Mbit/s at 1280×720.
const BITS_PER_PX_S: f64 = 4.35;

/// Broken pictures that are let pass: a quarter of a second, as where a film was cut between two key pictures.
const MOST_BROKEN: u64 = 8;

/// What came of it.
pub(super) struct Made {
    pub(super) n_decoded: u64,
    pub(super) n_prepared: u64,
    /// One picture, JPEG.
    pub(super) picture: Option<Vec<u8>>,
}

/// Decodes the film once and writes the prepared one; tells how many pictures are done.
pub(super) fn make(
    (film, prepared): (&File, &File),
    order: &Order,
    look: &Look,
    tell: &mut Tell<'_>,
) -> Result<Made, PrepareError> {
    let decoder = Decoder::build(film, &describe(order, look, prepared.as_raw_fd()))?;
    select(&decoder.bin, |_| false);
    let decoded = Arc::new(Passed::default());
    let coded = Arc::new(Passed::default());
    let coder = part(&decoder.pipeline, "coder")?;
    coded.count(&coder.static_pad("src").ok_or(PrepareError::Lacks { name: "coder's source" })?);
    let pictures = entry(&decoder, "pictures")?;
    let sounds = if look.has_sound { Some(entry(&decoder, "sounds")?) } else { None };
    connect(&decoder, (pictures, sounds), &decoded);
    let picture = keep_one(&decoder, look.n_coded / SHOWN_AFTER)?;
    let n_done = || decoded.n_buffers() + coded.n_buffers();
    decoder.run(&n_done, &mut |_| tell(coded.n_buffers()))?;
    let broken = decoded.n_corrupt() + look.n_coded.saturating_sub(decoded.n_buffers());
    if decoded.n_buffers() == 0 || broken > MOST_BROKEN {
        let detail = format!("{broken} of {} pictures", look.n_coded);
        return Err(PrepareError::refused(Reason::Damaged, detail));
    }
    let picture = picture.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(Made { n_decoded: decoded.n_buffers(), n_prepared: coded.n_buffers(), picture })
}

/// Lets one picture of all through to where it is made small, and returns where it will lie.
fn keep_one(decoder: &Decoder, nth: u64) -> Result<Arc<Mutex<Option<Vec<u8>>>>, PrepareError> {
    let lacks = |name| PrepareError::Lacks { name };
    let gate = part(&decoder.pipeline, "glimpse")?.static_pad("sink").ok_or(lacks("glimpse"))?;
    let n_seen = AtomicU64::new(0);
    gate.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let is_it = n_seen.fetch_add(1, Ordering::Relaxed) == nth;
        if is_it { gst::PadProbeReturn::Ok } else { gst::PadProbeReturn::Drop }
    });
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    let take = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_ended| gst::FlowError::Eos)?;
        if let Some(map) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(map.to_vec());
        }
        Ok(gst::FlowSuccess::Ok)
    };
    let sink = part(&decoder.pipeline, "picture")?.downcast::<AppSink>().map_err(|_other| lacks("picture"))?;
    sink.set_callbacks(AppSinkCallbacks::builder().new_sample(take).build());
    Ok(kept)
}

fn entry(decoder: &Decoder, name: &'static str) -> Result<gst::Pad, PrepareError> {
    part(&decoder.pipeline, name)?.static_pad("sink").ok_or(PrepareError::Lacks { name })
}

/// Leads each stream as it turns up to its entry, the first of its kind only.
fn connect(decoder: &Decoder, (pictures, sounds): (gst::Pad, Option<gst::Pad>), decoded: &Arc<Passed>) {
    let (pipeline, decoded) = (decoder.pipeline.downgrade(), Arc::clone(decoded));
    let others = Arc::new(Passed::default());
    let entries = Mutex::new((Some(pictures), sounds));
    decoder.bin.connect_pad_added(move |_, pad| {
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let name = caps.structure(0).map(|told| told.name().to_string()).unwrap_or_default();
        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match name.as_str() {
            "video/x-raw" => entries.0.take().inspect(|_| decoded.count(pad)),
            "audio/x-raw" => entries.1.take(),
            _ => None,
        };
        let led = match entry {
            Some(entry) => pad.link(&entry).ok().map(drop),
            None => pipeline.upgrade().and_then(|pipeline| to_nowhere(&pipeline, pad, &others)),
        };
        if led.is_none() {
            tracing::warn!(name, "a stream of a film was left alone");
        }
    });
}

/// Writes down what stands behind the decoder.
fn describe(order: &Order, look: &Look, fd: i32) -> String {
    let Order { width_px, height_px, .. } = order;
    let (small_px, small_py) = SMALL;
    let bits_per_s = f64::from(width_px.saturating_mul(*height_px)) * BITS_PER_PX_S;
    // A still is one picture; a film has one every 1/30 s, whatever it had.
    let small = if look.is_still {
        format!(
            "came. ! queue name=glimpse ! videoconvertscale ! video/x-raw,format=I420,width=[16,{PHOTO}],height=[16,{PHOTO}]"
        )
    } else {
        format!(
            "seen. ! queue name=glimpse ! videoconvertscale add-borders=true \
             ! video/x-raw,format=I420,width={small_px},height={small_py}"
        )
    };
    let paced = if look.is_still { "imagefreeze num-buffers=1" } else { "videorate" };
    let sound = format!(
        "queue name=sounds max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0 \
         ! audioconvert ! audioresample ! {SOUND} ! volume volume={:.6} ! audioconvert \
         ! avenc_aac bitrate=160000 ! aacparse ! queue max-size-time=0 ! house.",
        10.0f64.powf(look.gain_db / 20.0)
    );
    format!(
        "queue name=pictures max-size-buffers=4 max-size-bytes=0 max-size-time=0 \
         ! videoconvert ! deinterlace ! tee name=came \
         came. ! queue max-size-buffers=2 ! videoconvertscale add-borders=true \
         ! video/x-raw,format=I420,width={width_px},height={height_px},pixel-aspect-ratio=1/1,colorimetry=bt709 \
         ! tee name=seen \
         {small},pixel-aspect-ratio=1/1 \
         ! jpegenc quality=70 ! appsink name=picture sync=false async=false \
         seen. ! queue max-size-buffers=2 ! {paced} ! video/x-raw,framerate={FRAMES_PER_S}/1 \
         ! openh264enc name=coder bitrate={bits_per_s:.0} rate-control=bitrate gop-size={GROUP} \
           complexity=medium multi-thread=1 scene-change-detection=false \
         ! h264parse ! queue max-size-time=0 ! mp4mux name=house ! fdsink name=prepared fd={fd} sync=false {}",
        if look.has_sound { sound.as_str() } else { "" }
    )
}
