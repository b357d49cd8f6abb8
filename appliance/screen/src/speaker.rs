//! The speaker: a pipeline of its own that is handed what the output mixes. A sound device that goes, hangs or was never
//! there stops no picture, and one that comes is heard within seconds.
//!
//! ```text
//! output:   audiomixer -> queue -> fakesink, which keeps the time
//!                      |
//! speaker:  appsrc -> audioconvert -> audioresample -> the first device that opens
//! ```
//!
//! Both keep the output's clock. A device has a clock too: where the two have drifted apart, the sink skips or repeats a
//! moment. Resampling to follow was tried and left: it played the first seconds a semitone too high.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::AppSrc;
use machiai_panel::link::Heard;

use crate::output::{SOUND, fault_of};

/// How long a device that broke, or is not there, is let be.
const AGAIN_AFTER: ClockTime = ClockTime::from_seconds(2);

/// How much sound a device buffers, and how much it takes at once, in microseconds: a chime is not to wait for it.
const BUFFERED_US: i64 = 60_000;
const TAKEN_AT_ONCE_US: i64 = 10_000;

/// How much sound may wait for a device that does not take it, in nanoseconds; what is older is dropped.
const WAITING_NS: u64 = 300_000_000;

/// The speaker, until it is dropped.
pub(crate) struct Speaker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Where the mixed sound goes; none while no device is open.
    to: Mutex<Option<AppSrc>>,
    was_open: AtomicBool,
    stops: AtomicBool,
}

impl Speaker {
    /// Has what passes a pad be heard at the first of some devices that opens, each as GStreamer describes a sink, now and
    /// whenever one comes.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(output: &gst::Pipeline, mixed: &gst::Pad, devices: Vec<String>) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let hands = Arc::clone(&shared);
        mixed.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let (Some(to), Some(sound)) = (&*hands.to(), info.buffer()) {
                // Silence is played as well: a device that nothing is played on is not known to be gone.
                let mut sound = sound.copy();
                sound.make_mut().unset_flags(gst::BufferFlags::GAP);
                // A device that takes nothing is found out on its own bus.
                let _taken = to.push_buffer(sound);
            }
            gst::PadProbeReturn::Ok
        });
        let (output, keeps) = (output.clone(), Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("speaker".to_owned());
        let thread = thread.spawn(move || keeps.keep_open(&output, &devices))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Whether a device takes the sound.
    pub(crate) fn heard(&self) -> Heard {
        match (self.shared.to().is_some(), self.shared.was_open.load(Ordering::Relaxed)) {
            (true, _) => Heard::Yes,
            (false, true) => Heard::Gone,
            (false, false) => Heard::Never,
        }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the speaker's thread panicked");
            }
        }
    }
}

impl Shared {
    fn to(&self) -> MutexGuard<'_, Option<AppSrc>> {
        self.to.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a device open until it is told to stop.
    fn keep_open(&self, output: &gst::Pipeline, devices: &[String]) {
        let mut is_missed = false;
        while !self.stops.load(Ordering::Relaxed) {
            let opened = devices.iter().find_map(|device| Some((device, open(output, device)?)));
            let Some((device, (pipeline, to))) = opened else {
                if !std::mem::replace(&mut is_missed, true) {
                    tracing::warn!(?devices, "there is no sound: no device opens");
                }
                std::thread::park_timeout(AGAIN_AFTER.into());
                continue;
            };
            tracing::info!(device, "sound is heard");
            is_missed = false;
            *self.to() = Some(to);
            self.was_open.store(true, Ordering::Relaxed);
            let fault = self.fault_of(&pipeline);
            *self.to() = None;
            if let Some(fault) = fault {
                tracing::warn!(device, error = %fault, "the sound device is gone");
            }
            let _stopped = pipeline.set_state(gst::State::Null);
        }
    }

    /// Waits for a device's end, and returns why; none for one that is told to stop.
    fn fault_of(&self, pipeline: &gst::Pipeline) -> Option<gst::glib::Error> {
        while !self.stops.load(Ordering::Relaxed) {
            if let Some(fault) = fault_of(pipeline) {
                return Some(fault);
            }
            std::thread::park_timeout(AGAIN_AFTER.into());
        }
        None
    }
}

/// Opens a device in step with the output; none where it does not open.
fn open(output: &gst::Pipeline, device: &str) -> Option<(gst::Pipeline, AppSrc)> {
    let late = output.latency().unwrap_or(ClockTime::ZERO).nseconds();
    let described = format!(
        "appsrc name=mixed is-live=true format=time min-latency={late} leaky-type=downstream max-bytes=0 max-buffers=0 \
         max-time={WAITING_NS} caps={SOUND} ! audioconvert ! audioresample ! {device} name=device"
    );
    let pipeline = gst::parse::launch(&described).ok()?.downcast::<gst::Pipeline>().ok()?;
    let to = pipeline.by_name("mixed")?.downcast::<AppSrc>().ok()?;
    let device = pipeline.by_name("device")?;
    if device.has_property("buffer-time") {
        device.set_property("buffer-time", BUFFERED_US);
        device.set_property("latency-time", TAKEN_AT_ONCE_US);
    }
    pipeline.use_clock(output.clock().as_ref());
    pipeline.set_start_time(ClockTime::NONE);
    pipeline.set_base_time(output.base_time()?);
    let opened = pipeline.set_state(gst::State::Ready).and_then(|_| pipeline.set_state(gst::State::Playing));
    if opened.is_err() {
        let _stopped = pipeline.set_state(gst::State::Null);
    }
    opened.ok().map(|_| (pipeline, to))
}
