//! The making of the prepared film: every picture decoded once, scaled to the region, and coded in the one house format.
//!
//! ```text
//! pictures -> deinterlace -> scale with borders -> 30/1 -> openh264enc -> mp4mux -> file
//! sound    -> 48 kHz stereo -> gain -> AAC ---------------------------'
//! ```
//!
//! H.264 of the constrained baseline, I420, a closed group of pictures every 2 s; AAC of 48 kHz. Debian's openh264 is
//! taken and not x264, which is under the GPL.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use machiai_panel::film::{Order, Reason};

use super::decoder::{Decoder, Passed, PrepareError, Tell, part, to_nowhere};
use super::look::{Look, select};
use crate::output::{FRAMES_PER_S, SOUND};

/// Pictures in a group: 2 s.
const GROUP: u64 = 2 * FRAMES_PER_S;

/// Bits of the prepared film for each second and pixel: 4 Mbit/s at 1280×720.
const BITS_PER_PX_S: f64 = 4.35;

/// Broken pictures that are let pass: a quarter of a second, as where a film was cut between two key pictures.
const MOST_BROKEN: u64 = 8;

/// What came of it.
pub(super) struct Made {
    pub(super) n_decoded: u64,
    pub(super) n_prepared: u64,
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
    let n_done = || decoded.n_buffers() + coded.n_buffers();
    decoder.run(&n_done, &mut |_| tell(coded.n_buffers()))?;
    let broken = decoded.n_corrupt() + look.n_coded.saturating_sub(decoded.n_buffers());
    if decoded.n_buffers() == 0 || broken > MOST_BROKEN {
        let detail = format!("{broken} of {} pictures", look.n_coded);
        return Err(PrepareError::refused(Reason::Damaged, detail));
    }
    Ok(Made { n_decoded: decoded.n_buffers(), n_prepared: coded.n_buffers() })
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
    let bits_per_s = f64::from(width_px.saturating_mul(*height_px)) * BITS_PER_PX_S;
    // A still is one picture; a film has one every 1/30 s, whatever it had.
    let paced = if look.is_still { "imagefreeze num-buffers=1" } else { "videorate" };
    let sound = format!(
        "queue name=sounds max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0 \
         ! audioconvert ! audioresample ! {SOUND} ! volume volume={:.6} ! audioconvert \
         ! avenc_aac bitrate=160000 ! aacparse ! queue max-size-time=0 ! house.",
        10.0f64.powf(look.gain_db / 20.0)
    );
    format!(
        "queue name=pictures max-size-buffers=4 max-size-bytes=0 max-size-time=0 \
         ! videoconvert ! deinterlace ! videoconvertscale add-borders=true \
         ! video/x-raw,format=I420,width={width_px},height={height_px},pixel-aspect-ratio=1/1,colorimetry=bt709 \
         ! {paced} ! video/x-raw,framerate={FRAMES_PER_S}/1 \
         ! openh264enc name=coder bitrate={bits_per_s:.0} rate-control=bitrate gop-size={GROUP} \
           complexity=medium multi-thread=1 scene-change-detection=false \
         ! h264parse ! queue max-size-time=0 ! mp4mux name=house ! fdsink name=prepared fd={fd} sync=false {}",
        if look.has_sound { sound.as_str() } else { "" }
    )
}
