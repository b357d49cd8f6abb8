//! One film, still or drawn scene in a small pipeline of its own, so that whatever is wrong with it stays there.
//!
//! ```text
//! uridecodebin -> videoconvertscale -> I420 of the film region -> appsink
//!              -> audioconvert -> audioresample -> F32 48 kHz  -> appsink
//! drawn picture -> videoconvert     -> I420 of the film region -> appsink
//! ```
//!
//! Both ends hold a few buffers and then wait, so that an opened item stands ready behind a closed gate. A film that was
//! prepared for the region passes the scaler untouched.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::{AppSink, AppSrc};
use machiai_panel::{DrawError, Pixels};
use thiserror::Error;

use crate::canvas::Region;
use crate::output::{SOUND, fault_of};

/// How often a wait for the next picture looks whether the item has failed.
const LOOK_EVERY: ClockTime = ClockTime::from_mseconds(50);

/// Why an item cannot be opened.
#[derive(Debug, Error)]
pub enum ItemError {
    /// No address can be made of the path.
    #[error("cannot name the file {path}")]
    Name {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: gst::glib::Error,
    },
    /// It is no file, but a folder or a pipe, say, at which whoever opens it may wait for ever.
    #[error("{path} is no file")]
    NoFile {
        /// Which.
        path: PathBuf,
    },
    /// A part of the pipeline is missing.
    #[error("cannot build a decoder")]
    Build(#[source] gst::glib::Error),
    /// A part that was just built is not there.
    #[error("the decoder lacks its {name}")]
    Lacks {
        /// Which.
        name: &'static str,
    },
    /// The file is not there, or nothing here reads it.
    #[error("cannot open {path}")]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: gst::StateChangeError,
    },
    /// What converts a drawing does not start.
    #[error("cannot convert a drawing")]
    Convert(#[source] gst::StateChangeError),
    /// The system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// What came when the next picture or sound was waited for.
#[derive(Debug)]
pub(crate) enum Pulled {
    /// A buffer, and its moment from the item's own beginning.
    Buffer(gst::Buffer, ClockTime),
    /// There is no more.
    Ended,
    /// Decoding failed.
    Broken(String),
    /// Nothing came in time.
    Silent,
}

/// An opened film, still or scene.
pub(crate) struct Item {
    pipeline: gst::Pipeline,
    pictures: AppSink,
    /// None for what cannot sound.
    sounds: Option<AppSink>,
    fault: Arc<OnceLock<String>>,
}

impl Item {
    /// Opens a file, whose first pictures are decoded from then on.
    ///
    /// # Errors
    /// [`ItemError`]: go on with the next.
    pub(crate) fn open(path: &Path, region: Region) -> Result<Self, ItemError> {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(ItemError::NoFile { path: path.to_owned() });
        }
        let uri = gst::glib::filename_to_uri(path, None)
            .map_err(|source| ItemError::Name { path: path.to_owned(), source })?;
        let Region { width_px, height_px, .. } = region;
        let description = format!(
            "uridecodebin name=file \
             file. ! videoconvertscale add-borders=true \
             ! video/x-raw,format=I420,width={width_px},height={height_px},pixel-aspect-ratio=1/1,colorimetry=bt709 \
             ! queue max-size-buffers=2 max-size-bytes=0 max-size-time=0 \
             ! appsink name=pictures sync=false async=false max-buffers=4 \
             file. ! audioconvert ! audioresample ! {SOUND} ! queue \
             ! appsink name=sounds sync=false async=false max-buffers=8"
        );
        let built = gst::parse::launch(&description).map_err(ItemError::Build)?;
        let pipeline = built.downcast::<gst::Pipeline>().map_err(|_other| ItemError::Lacks { name: "pipeline" })?;
        let part = |name| pipeline.by_name(name).ok_or(ItemError::Lacks { name });
        part("file")?.set_property("uri", uri.as_str());
        let sink = |name| part(name)?.downcast::<AppSink>().map_err(|_other| ItemError::Lacks { name });
        let item = Self {
            pictures: sink("pictures")?,
            sounds: Some(sink("sounds")?),
            pipeline: pipeline.clone(),
            fault: Arc::default(),
        };
        match item.start() {
            Ok(()) => Ok(item),
            Err(source) => {
                item.close();
                Err(ItemError::Open { path: path.to_owned(), source })
            }
        }
    }

    /// Draws a scene on a thread of its own; its one picture comes when it is drawn.
    ///
    /// # Errors
    /// [`ItemError`]: go on with the next.
    pub(crate) fn draw(
        draw: impl FnOnce() -> Result<Pixels, DrawError> + Send + 'static,
        region: Region,
    ) -> Result<Self, ItemError> {
        let Region { width_px, height_px, .. } = region;
        let size = format!("width={width_px},height={height_px},pixel-aspect-ratio=1/1");
        let description = format!(
            "appsrc name=drawn format=time caps=video/x-raw,format=RGBA,{size},framerate=0/1 \
             ! videoconvert ! video/x-raw,format=I420,{size},colorimetry=bt709 \
             ! appsink name=pictures sync=false async=false max-buffers=1"
        );
        let built = gst::parse::launch(&description).map_err(ItemError::Build)?;
        let pipeline = built.downcast::<gst::Pipeline>().map_err(|_other| ItemError::Lacks { name: "pipeline" })?;
        let part = |name| pipeline.by_name(name).ok_or(ItemError::Lacks { name });
        let drawn = part("drawn")?.downcast::<AppSrc>().map_err(|_other| ItemError::Lacks { name: "drawn" })?;
        let pictures = part("pictures")?.downcast().map_err(|_other| ItemError::Lacks { name: "pictures" })?;
        let item = Self { pictures, sounds: None, pipeline: pipeline.clone(), fault: Arc::default() };
        let fault = Arc::clone(&item.fault);
        let hand_in = move || {
            if let Err(why) = draw().map_err(|cause| cause.to_string()).and_then(|drawn_now| push(&drawn, drawn_now)) {
                fault.get_or_init(|| why);
            }
        };
        let started = item.start().map_err(ItemError::Convert);
        let spawn = |_| std::thread::Builder::new().name("scene".to_owned()).spawn(hand_in).map_err(ItemError::Thread);
        match started.and_then(spawn) {
            Ok(_) => Ok(item),
            Err(cause) => {
                item.close();
                Err(cause)
            }
        }
    }

    /// Lets it decode, its ends first: an end that is full waits with its lock held, and the pipeline, which takes that
    /// lock to let an end play, would wait as well, for a sound that nobody pulls before the first picture has come.
    fn start(&self) -> Result<(), gst::StateChangeError> {
        for end in self.ends() {
            end.set_locked_state(true);
            end.set_state(gst::State::Playing)?;
        }
        self.pipeline.set_state(gst::State::Playing).map(drop)
    }

    fn ends(&self) -> impl Iterator<Item = &AppSink> {
        [Some(&self.pictures), self.sounds.as_ref()].into_iter().flatten()
    }

    /// Whether it has one picture alone; to be asked when the first has come.
    pub(crate) fn is_still(&self) -> bool {
        let caps = self.pictures.static_pad("sink").and_then(|pad| pad.current_caps());
        let per_s = caps.and_then(|caps| caps.structure(0)?.get::<gst::Fraction>("framerate").ok());
        per_s.is_some_and(|per_s| per_s.numer() == 0)
    }

    /// Waits for the next picture.
    pub(crate) fn picture(&self, within: Duration) -> Pulled {
        self.pull(&self.pictures, within)
    }

    /// Waits for the next piece of sound.
    pub(crate) fn sound(&self, within: Duration) -> Pulled {
        self.sounds.as_ref().map_or(Pulled::Ended, |sounds| self.pull(sounds, within))
    }

    fn pull(&self, from: &AppSink, within: Duration) -> Pulled {
        let mut waited = ClockTime::ZERO;
        while u128::from(waited.nseconds()) < within.as_nanos() {
            if let Some(sample) = from.try_pull_sample(LOOK_EVERY) {
                return buffer_of(&sample).unwrap_or_else(|| Pulled::Broken("a buffer without its time".to_owned()));
            }
            if from.is_eos() {
                return Pulled::Ended;
            }
            if let Some(fault) = self.fault() {
                return Pulled::Broken(fault);
            }
            waited = waited.saturating_add(LOOK_EVERY);
        }
        Pulled::Silent
    }

    /// Returns why decoding failed, to both ends that ask.
    fn fault(&self) -> Option<String> {
        if let Some(fault) = fault_of(&self.pipeline) {
            return Some(self.fault.get_or_init(|| fault.to_string()).clone());
        }
        self.fault.get().cloned()
    }

    /// Ends decoding on a thread of its own: a decoder that hangs blocks nobody.
    pub(crate) fn close(&self) {
        let ends = self.ends().map(|end| end.clone().upcast());
        let parts: Vec<gst::Element> = ends.chain([self.pipeline.clone().upcast()]).collect();
        let ending = std::thread::Builder::new().name("item's end".to_owned()).spawn(move || {
            for part in parts {
                if part.set_state(gst::State::Null).is_err() {
                    tracing::warn!(part = %part.name(), "a decoder did not stop as it should");
                }
            }
        });
        if let Err(cause) = ending {
            tracing::warn!(error = %cause, "a decoder was not stopped");
        }
    }
}

/// Hands a drawn picture in as the only one.
fn push(to: &AppSrc, drawn: Pixels) -> Result<(), String> {
    let mut buffer = gst::Buffer::from_slice(drawn.rgba);
    buffer.make_mut().set_pts(ClockTime::ZERO);
    let pushed = to.push_buffer(buffer).and_then(|_| to.end_of_stream());
    pushed.map(drop).map_err(|cause| cause.to_string())
}

fn buffer_of(sample: &gst::Sample) -> Option<Pulled> {
    let buffer = sample.buffer_owned()?;
    let segment = sample.segment()?.downcast_ref::<ClockTime>()?;
    let at = segment.to_running_time(buffer.pts()?)?;
    Some(Pulled::Buffer(buffer, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_play_before_anything_comes_to_them() {
        gst::init().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let item = Item::open(file.path(), Region { x_px: 0, y_px: 0, width_px: 64, height_px: 36 }).unwrap();
        for end in item.ends() {
            assert_eq!(end.current_state(), gst::State::Playing, "{}", end.name());
        }
        // Closed, none is left waiting: whoever asks hears that there is no more.
        item.close();
        let ended = || matches!(item.picture(Duration::from_millis(60)), Pulled::Ended | Pulled::Broken(_));
        assert!((0..100).any(|_| ended()), "a closed item goes on");
    }
}
