//! The output: one pipeline, built once, whose capabilities and sink never change.
//!
//! The panel is a whole picture at the bottom, films lie on their region, a call lies over both, and a cover over all. Each
//! comes in by an appsrc of its own; a slot that is given nothing keeps its last picture, so that nothing is ever black.
//! A layer of which nothing is seen costs nothing, nor does a frame that is like the one before (`mixer.rs`).
//!
//! ```text
//! panel  appsrc -> videoconvert -> I420 -.
//! lower  appsrc -------------------------+
//! upper  appsrc -------------------------+-> mixer -> I420 30/1 -> queue -> videoconvert -> sink
//! call   appsrc -> videoconvert -> I420 -+
//! cover  appsrc -> videoconvert -> I420 -'
//! sound  appsrc -> clocksync -.
//! voice  appsrc -> clocksync -+-> audiomixer -> F32 48 kHz -> queue -> audioconvert -> sink
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use clap::ValueEnum;
use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use machiai_panel::link::{Heard, Speech};
use machiai_panel::{Lang, Pixels};
use thiserror::Error;

use crate::canvas::{Canvas, Region};
use crate::kms::{self, Card, KmsError};
use crate::lamp;
use crate::layers::{Layers, Slot};
use crate::mixer::{self, Mixer};
use crate::sound::Sound;
use crate::speaker::Speaker;
use crate::voice::Voice;
use crate::x11::{Display, X11Error};

/// Frames per second of the output; every join of two films falls on this grid.
pub const FRAMES_PER_S: u64 = 30;

/// How far ahead of its moment a picture or sound is handed in.
pub(crate) const AHEAD: ClockTime = ClockTime::from_mseconds(800);

/// How long before its moment a film's sound reaches the mixer, in nanoseconds. Sound that were mixed as soon as it was
/// handed in would leave a call no moment to be heard in: the mixer would be past it.
const MIXED_BEFORE_NS: u64 = 50_000_000;

/// How much sound is mixed at once, in nanoseconds: shorter than a frame, so that sound delays no picture, and short
/// enough that a film grows quiet without steps.
const MIXED_AT_ONCE_NS: u64 = 20_000_000;

/// How much mixed sound may wait to be heard, in nanoseconds. A mixer whose clock has not begun mixes silence as fast as
/// it is taken, and a call of the first second would find its moment mixed already.
const MIXED_AHEAD_NS: u64 = 40_000_000;

/// Sound as it is mixed.
pub(crate) const SOUND: &str = "audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved";

/// Where the picture and the sound go.
#[derive(Clone)]
pub enum Sink {
    /// The monitor itself, without a desktop.
    Kms {
        /// Its connector, where it was told: which card it hangs at.
        connector: Option<String>,
        /// How the picture of an upright monitor is turned.
        turn: Turn,
    },
    /// A window of a Wayland compositor.
    Wayland,
    /// A window of an X server.
    X11,
    /// Nowhere, in real time: for measurements.
    Null,
    /// A function that is handed each composed frame and each mixed piece of sound, in real time: for tests.
    Handed(Arc<dyn Fn(Composed<'_>) + Send + Sync>),
}

/// How a picture is turned onto a monitor that hangs upright.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Turn {
    /// The monitor's own upper edge is on the left.
    Clockwise,
    /// It is on the right.
    Counterclockwise,
}

/// What comes out, at its moment on the output's clock.
#[derive(Clone, Copy, Debug)]
pub enum Composed<'a> {
    /// A frame: I420, top row first, without padding: height × width of luma, then the two chroma planes at half size.
    Frame(ClockTime, &'a [u8]),
    /// Sound: F32LE, 48 kHz, left and right in turn.
    Sound(ClockTime, &'a [u8]),
}

/// Why there is no output.
#[derive(Debug, Error)]
pub enum OutputError {
    /// GStreamer does not start.
    #[error("cannot start GStreamer")]
    NoGstreamer(#[source] gst::glib::Error),
    /// GStreamer does not take our own element.
    #[error("cannot register the mixer")]
    NoMixer(#[source] gst::glib::BoolError),
    /// A part of the pipeline is missing or does not fit.
    #[error("cannot build the output")]
    Build(#[source] gst::glib::Error),
    /// A part that was just built is not there.
    #[error("the output lacks its {name}")]
    Lacks {
        /// Which.
        name: &'static str,
    },
    /// There is no monitor.
    #[error("cannot use the monitor")]
    NoMonitor(#[source] KmsError),
    /// There is no X server.
    #[error("cannot open a window")]
    NoServer(#[source] X11Error),
    /// A sink does not open: no monitor.
    #[error("cannot open the output")]
    Open(#[source] gst::glib::Error),
    /// The pipeline does not start, and says not why.
    #[error("cannot start the output")]
    Start(#[source] gst::StateChangeError),
    /// The system gives no thread for the speaker.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// A picture is not as large as the canvas.
    #[error("a picture of {width_px}×{height_px} does not fit the canvas")]
    Size {
        /// Its width.
        width_px: u32,
        /// Its height.
        height_px: u32,
    },
    /// The output takes nothing more.
    #[error("the output has stopped")]
    Stopped(#[source] gst::FlowError),
}

/// The running output.
pub struct Output {
    canvas: Canvas,
    pipeline: gst::Pipeline,
    lower: AppSrc,
    upper: AppSrc,
    pub(crate) sound: AppSrc,
    panel: AppSrc,
    call: AppSrc,
    cover: AppSrc,
    layers: Arc<Layers>,
    beside: Mutex<Sound>,
    speaker: OnceLock<Speaker>,
    n_composed: Arc<AtomicU64>,
    /// The monitor's card is open, or the X server does not blank, as long as this is kept.
    _surface: Surface,
}

impl Output {
    /// Builds and starts the output.
    ///
    /// # Errors
    /// [`OutputError`]: try another sink, or again when there is a monitor.
    pub fn start(canvas: Canvas, sink: &Sink) -> Result<Self, OutputError> {
        gst::init().map_err(OutputError::NoGstreamer)?;
        let surface = Surface::open(&canvas, sink)?;
        Mixer::register().map_err(OutputError::NoMixer)?;
        let built = gst::parse::launch(&describe(&canvas, sink, &surface)).map_err(OutputError::Build)?;
        let pipeline = built.downcast::<gst::Pipeline>().map_err(|_other| OutputError::Lacks { name: "pipeline" })?;
        let source = |name| find(&pipeline, name)?.downcast::<AppSrc>().map_err(|_other| OutputError::Lacks { name });
        let layers = Arc::new(Layers::new());
        let n_composed = Arc::new(AtomicU64::new(0));
        let mixer = find(&pipeline, "mixer")?.downcast::<Mixer>();
        let mixer = mixer.map_err(|_other| OutputError::Lacks { name: "mixer" })?;
        mixer.set_up(&canvas, Arc::clone(&layers)).map_err(|name| OutputError::Lacks { name })?;
        count_frames(&mixer, &n_composed)?;
        if let Sink::Handed(take) = sink {
            hand_over(&pipeline, "frames", take, |at, i420| Composed::Frame(at, i420))?;
            hand_over(&pipeline, "heard", take, |at, samples| Composed::Sound(at, samples))?;
        }
        let film_sound = find(&pipeline, "voices")?.static_pad("sink_0");
        let film_sound = film_sound.ok_or(OutputError::Lacks { name: "film's loudness" })?;
        let output = Self {
            beside: Mutex::new(Sound::new(source("voice")?, film_sound)),
            speaker: OnceLock::new(),
            canvas,
            lower: source("lower")?,
            upper: source("upper")?,
            sound: source("sound")?,
            panel: source("panel")?,
            call: source("call")?,
            cover: source("cover")?,
            layers,
            n_composed,
            pipeline,
            _surface: surface,
        };
        match output.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(output),
            Err(cause) => Err(refusal_of(&output.pipeline).map_or(OutputError::Start(cause), OutputError::Open)),
        }
    }

    /// Returns the canvas it was built for.
    #[must_use]
    pub const fn canvas(&self) -> &Canvas {
        &self.canvas
    }

    /// Returns the moment on the output's clock; zero until it runs.
    #[must_use]
    pub fn now(&self) -> ClockTime {
        self.pipeline.current_running_time().unwrap_or(ClockTime::ZERO)
    }

    /// Returns how many frames were composed so far: a watchdog's food.
    #[must_use]
    pub fn n_composed(&self) -> u64 {
        self.n_composed.load(Ordering::Relaxed)
    }

    /// Puts a picture of the whole canvas under everything, until the next one.
    ///
    /// # Errors
    /// Another size, or a stopped output.
    pub fn show_panel(&self, picture: &Pixels) -> Result<(), OutputError> {
        self.push_picture(&self.panel, picture)
    }

    /// Puts a picture of the whole canvas over everything.
    ///
    /// # Errors
    /// As [`Output::show_panel`].
    pub fn show_call(&self, picture: &Pixels) -> Result<(), OutputError> {
        let now = self.now();
        self.push_picture(&self.call, picture)?;
        self.layers.show_call(now);
        Ok(())
    }

    /// Lets the call go, if one is seen; again while it goes changes nothing.
    pub fn fade_call(&self, lasts: ClockTime) {
        self.layers.fade_call(self.now(), lasts);
    }

    /// Puts a picture of the whole canvas over everything, calls included; none takes it away.
    ///
    /// # Errors
    /// As [`Output::show_panel`].
    pub fn cover(&self, picture: Option<&Pixels>) -> Result<(), OutputError> {
        let now = self.now();
        if let Some(picture) = picture {
            self.push_picture(&self.cover, picture)?;
        }
        self.layers.cover(now, picture.is_some());
        Ok(())
    }

    /// Lets the panel be seen where films are, until the next one.
    pub fn uncover(&self) {
        self.layers.uncover(self.now());
    }

    /// Lets an item begin at a moment; returns where its pictures are to be handed in.
    pub(crate) fn join(&self, at: ClockTime, is_still: bool) -> &AppSrc {
        match self.layers.join(at, is_still) {
            Slot::Lower => &self.lower,
            Slot::Upper => &self.upper,
        }
    }

    /// Has all that is mixed be heard at the first of some devices that opens, each as GStreamer describes a sink, and
    /// again whenever one comes. To be said once.
    ///
    /// # Errors
    /// The system gives no thread, or the pipeline was built otherwise.
    pub fn be_heard_at(&self, devices: Vec<String>) -> Result<(), OutputError> {
        let mixed = find(&self.pipeline, "mixed")?.static_pad("sink");
        let mixed = mixed.ok_or(OutputError::Lacks { name: "mixed sound" })?;
        let speaker = Speaker::start(&self.pipeline, &mixed, devices).map_err(OutputError::Thread)?;
        // One that is there already is kept, and this one ended.
        drop(self.speaker.set(speaker));
        Ok(())
    }

    /// Whether a sound device takes what is mixed.
    #[must_use]
    pub fn heard(&self) -> Heard {
        self.speaker.get().map_or(Heard::Never, Speaker::heard)
    }

    /// Gives the calls a voice; until then each is the chime alone.
    pub fn speak_with(&self, voice: Voice) {
        self.beside().speak_with(voice);
    }

    /// Returns the languages in which it can speak.
    #[must_use]
    pub fn voices(&self) -> Vec<Lang> {
        self.beside().languages()
    }

    /// Rings the chime and says something, after all that was announced before.
    pub fn announce(&self, id: u64, speech: &Speech) {
        self.beside().announce(id, speech, self.now());
    }

    /// Takes back what has not been heard of an announcement.
    pub fn hush(&self, id: u64) {
        self.beside().hush(id);
    }

    /// Lets calls be heard in turn, the film quiet beside them; to be called many times a second.
    pub fn sound(&self) {
        self.beside().step(self.now());
    }

    fn beside(&self) -> MutexGuard<'_, Sound> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what went wrong since the last question, if anything: the output must be built anew then.
    #[must_use]
    pub fn fault(&self) -> Option<gst::glib::Error> {
        fault_of(&self.pipeline)
    }

    /// Stops for good: whoever hands something in is told so.
    pub fn stop(&self) {
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!("the output did not stop as it should");
        }
    }

    fn push_picture(&self, to: &AppSrc, picture: &Pixels) -> Result<(), OutputError> {
        let (width_px, height_px) = (picture.width, picture.height);
        if (width_px, height_px) != (self.canvas.width_px, self.canvas.height_px) {
            return Err(OutputError::Size { width_px, height_px });
        }
        let buffer = gst::Buffer::from_slice(picture.rgba.clone());
        to.push_buffer(buffer).map(drop).map_err(OutputError::Stopped)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns a pipeline's next error, and forgets what else it told.
pub(crate) fn fault_of(pipeline: &gst::Pipeline) -> Option<gst::glib::Error> {
    next_of(pipeline, &[gst::MessageType::Error])
}

/// Returns what a pipeline that does not start said of it first: waylandsink only warns.
fn refusal_of(pipeline: &gst::Pipeline) -> Option<gst::glib::Error> {
    next_of(pipeline, &[gst::MessageType::Error, gst::MessageType::Warning])
}

fn next_of(pipeline: &gst::Pipeline, kinds: &[gst::MessageType]) -> Option<gst::glib::Error> {
    let told = pipeline.bus()?.pop_filtered(kinds)?;
    if let gst::MessageView::Warning(warning) = told.view() {
        return Some(warning.error());
    }
    if let gst::MessageView::Error(error) = told.view() { Some(error.error()) } else { None }
}

fn find(pipeline: &gst::Pipeline, name: &'static str) -> Result<gst::Element, OutputError> {
    pipeline.by_name(name).ok_or(OutputError::Lacks { name })
}

/// Writes the pipeline down as GStreamer reads it.
fn describe(canvas: &Canvas, sink: &Sink, surface: &Surface) -> String {
    let Canvas { width_px, height_px, film } = canvas;
    let rgba = format!("video/x-raw,format=RGBA,width={width_px},height={height_px},framerate=0/1");
    let whole = format!("width={width_px},height={height_px},pixel-aspect-ratio=1/1,colorimetry=bt709");
    let composed = format!("video/x-raw,format=I420,{whole},framerate={FRAMES_PER_S}/1");
    let (screen, heard) = sinks(sink);
    let (fitted, onto) = (surface.fitted(canvas, sink), surface.onto());
    let queued = AHEAD.nseconds();
    let mixer = mixer::NAME;
    let Region { width_px: w, height_px: h, .. } = film;
    let film_slot = format!(
        "is-live=true format=time block=true max-bytes=0 max-buffers=0 max-time={queued} \
         caps=video/x-raw,format=I420,width={w},height={h},framerate=0/1,pixel-aspect-ratio=1/1,colorimetry=bt709"
    );
    format!(
        "{mixer} name=mixer \
         ! {composed} ! queue max-size-buffers=3 ! {fitted} videoconvert ! {screen} {onto} \
         appsrc name=panel is-live=true format=time do-timestamp=true caps={rgba} \
         ! videoconvert ! video/x-raw,format=I420,{whole} ! mixer.sink_0 \
         appsrc name=lower {film_slot} ! mixer.sink_1 \
         appsrc name=upper {film_slot} ! mixer.sink_2 \
         appsrc name=call is-live=true format=time do-timestamp=true caps={rgba} \
         ! videoconvert ! video/x-raw,format=I420,{whole} ! mixer.sink_3 \
         appsrc name=cover is-live=true format=time do-timestamp=true caps={rgba} \
         ! videoconvert ! video/x-raw,format=I420,{whole} ! mixer.sink_4 \
         audiomixer name=voices force-live=true ignore-inactive-pads=true output-buffer-duration={MIXED_AT_ONCE_NS} \
         ! {SOUND} ! queue name=mixed max-size-time={MIXED_AHEAD_NS} max-size-buffers=0 max-size-bytes=0 ! {heard} \
         appsrc name=sound is-live=true format=time block=true max-bytes=0 max-buffers=0 max-time={queued} caps={SOUND} \
         ! clocksync ts-offset=-{MIXED_BEFORE_NS} ! voices.sink_0 \
         appsrc name=voice is-live=true format=time caps={SOUND} \
         ! clocksync ts-offset=-{MIXED_BEFORE_NS} ! voices.sink_1"
    )
}

/// Returns the sink of the picture, and what keeps the mixed sound's time: the picture must not wait for a sound device.
const fn sinks(sink: &Sink) -> (&'static str, &'static str) {
    match sink {
        Sink::Kms { .. } => ("kmssink force-modesetting=true", UNHEARD),
        Sink::Wayland => ("waylandsink fullscreen=true", UNHEARD),
        Sink::X11 => ("ximagesink", UNHEARD),
        Sink::Null => ("fakesink sync=true", UNHEARD),
        Sink::Handed(_) => {
            ("appsink name=frames sync=true max-buffers=4", "appsink name=heard sync=true max-buffers=2")
        }
    }
}

/// What the picture is shown on, as long as it is kept.
enum Surface {
    /// A monitor's card.
    Card(Card),
    /// All of an X server.
    Display(Display),
    /// What the sink opens by itself.
    Own,
}

impl Surface {
    fn open(canvas: &Canvas, sink: &Sink) -> Result<Self, OutputError> {
        match sink {
            Sink::Kms { connector, .. } => {
                let (width_px, height_px) = (canvas.width_px, canvas.height_px);
                let wanted_px = (width_px.max(height_px), width_px.min(height_px));
                let folders = (Path::new(lamp::CONNECTORS), Path::new(kms::CARDS));
                Card::open(folders, connector.as_deref(), wanted_px).map(Self::Card).map_err(OutputError::NoMonitor)
            }
            Sink::X11 => Display::open().map(Self::Display).map_err(OutputError::NoServer),
            Sink::Wayland | Sink::Null | Sink::Handed(_) => Ok(Self::Own),
        }
    }

    /// Returns what turns the picture and makes it as large as what it is shown on, whose sink does neither.
    fn fitted(&self, canvas: &Canvas, sink: &Sink) -> String {
        let is_upright = canvas.height_px > canvas.width_px;
        let turned = match sink {
            Sink::Kms { turn: Turn::Clockwise, .. } if is_upright => "videoflip video-direction=90r ! ",
            Sink::Kms { turn: Turn::Counterclockwise, .. } if is_upright => "videoflip video-direction=90l ! ",
            Sink::Kms { .. } | Sink::Wayland | Sink::X11 | Sink::Null | Sink::Handed(_) => "",
        };
        let scaled = match self {
            Self::Card(card) => scaled(card.size_px.0, card.size_px.1),
            Self::Display(display) => scaled(display.size_px().0, display.size_px().1),
            Self::Own => String::new(),
        };
        format!("{turned}{scaled}")
    }

    /// Returns the sink's property that hands it over.
    fn onto(&self) -> String {
        if let Self::Card(card) = self { format!("fd={}", card.fd()) } else { String::new() }
    }
}

/// Returns what makes the picture as large as a monitor's mode or an X server; what is wider or higher than the picture
/// has borders.
fn scaled(width_px: u16, height_px: u16) -> String {
    format!("videoscale add-borders=true ! video/x-raw,width={width_px},height={height_px},pixel-aspect-ratio=1/1 !")
}

/// Where sound ends that the speaker was handed.
const UNHEARD: &str = "fakesink sync=true";

/// Counts each frame.
fn count_frames(mixer: &Mixer, n_composed: &Arc<AtomicU64>) -> Result<(), OutputError> {
    let pad = mixer.static_pad("src").ok_or(OutputError::Lacks { name: "mixer's source" })?;
    let counter = Arc::clone(n_composed);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

fn hand_over(
    pipeline: &gst::Pipeline,
    name: &'static str,
    take: &Arc<dyn Fn(Composed<'_>) + Send + Sync>,
    what: for<'a> fn(ClockTime, &'a [u8]) -> Composed<'a>,
) -> Result<(), OutputError> {
    let take = Arc::clone(take);
    let hand = move |sink: &AppSink| {
        let sample = sink.pull_sample().map_err(|_ended| gst::FlowError::Eos)?;
        // What cannot be read is not worth the end of the picture.
        if let Some((at, map)) = sample.buffer().and_then(|buffer| Some((buffer.pts()?, buffer.map_readable().ok()?))) {
            take(what(at, map.as_slice()));
        }
        Ok(gst::FlowSuccess::Ok)
    };
    let sink = find(pipeline, name)?.downcast::<AppSink>().map_err(|_other| OutputError::Lacks { name })?;
    sink.set_callbacks(AppSinkCallbacks::builder().new_sample(hand).build());
    Ok(())
}
