//! A pipeline that reads one hostile film, and the wait for its end: whatever goes wrong becomes a reason.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer::prelude::*;
use gstreamer::{self as gst, ClockTime};
use gstreamer_app::AppSrc;
use machiai_panel::film::{Reason, Refused};
use thiserror::Error;

/// How often a running pipeline is looked at.
const LOOK_EVERY: ClockTime = ClockTime::from_mseconds(200);

/// How long this process may work and nothing come of it before the film counts as stalled, on the processor: a busy
/// machine gives it less, and the film is not to blame.
const MOST_IDLE_CPU: ClockTime = ClockTime::from_seconds(20);

/// How many looks may find nothing new at all before the process gives up without blaming the film: 5 min.
const MOST_IDLE_LOOKS: u32 = 1_500;

/// Why a film was not prepared.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// It is the film's fault.
    #[error("the film is refused: {}", .0.reason.as_str())]
    Refused(Refused),
    /// It does not go on, and hardly had the processor meanwhile.
    #[error("the film does not go on")]
    Stuck,
    /// A part of the pipeline is missing.
    #[error("cannot build a pipeline")]
    Build(#[source] gst::glib::Error),
    /// A part that was just built is not there.
    #[error("the pipeline lacks its {name}")]
    Lacks {
        /// Which.
        name: &'static str,
    },
    /// The film's or the prepared film's file does not behave as one.
    #[error("cannot use the files that were handed in")]
    Files(#[source] std::io::Error),
    /// The prepared film cannot be written.
    #[error("cannot write the prepared film")]
    Write(#[source] gst::glib::Error),
    /// Nobody hears what is said: whoever wanted the film is gone.
    #[error("nobody hears what is said")]
    Unheard(#[source] std::io::Error),
}

/// What hears how many pictures are prepared.
pub(super) type Tell<'a> = dyn FnMut(u64) -> Result<(), PrepareError> + 'a;

impl PrepareError {
    /// Refuses a film for what the counts say.
    pub(super) fn refused(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Refused(Refused { reason, detail: detail.into() })
    }
}

/// What a decoded or parsed stream has let through.
#[derive(Debug, Default)]
pub(super) struct Passed {
    n_buffers: AtomicU64,
    n_corrupt: AtomicU64,
    ends_ns: AtomicU64,
}

impl Passed {
    pub(super) fn n_buffers(&self) -> u64 {
        self.n_buffers.load(Ordering::Relaxed)
    }

    /// Buffers that the decoder itself calls corrupt.
    pub(super) fn n_corrupt(&self) -> u64 {
        self.n_corrupt.load(Ordering::Relaxed)
    }

    /// The end of the last buffer, from the film's beginning.
    pub(super) fn ends(&self) -> ClockTime {
        ClockTime::from_nseconds(self.ends_ns.load(Ordering::Relaxed))
    }

    /// Counts all that passes a pad from now on.
    pub(super) fn count(self: &Arc<Self>, pad: &gst::Pad) {
        let passed = Arc::clone(self);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(buffer) = info.buffer() {
                passed.add(pad, buffer);
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn add(&self, pad: &gst::Pad, buffer: &gst::BufferRef) {
        self.n_buffers.fetch_add(1, Ordering::Relaxed);
        if buffer.flags().contains(gst::BufferFlags::CORRUPTED) {
            self.n_corrupt.fetch_add(1, Ordering::Relaxed);
        }
        let end = buffer.pts().map(|pts| pts.saturating_add(buffer.duration().unwrap_or(ClockTime::ZERO)));
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let segment = segment.as_ref().and_then(|event| event.segment().downcast_ref::<ClockTime>());
        let running = segment.zip(end).and_then(|(segment, end)| segment.to_running_time(end));
        if let Some(end) = running {
            self.ends_ns.fetch_max(end.nseconds(), Ordering::Relaxed);
        }
    }
}

/// A pipeline that begins with the film's bytes and a decodebin.
pub(super) struct Decoder {
    pub(super) pipeline: gst::Pipeline,
    pub(super) bin: gst::Element,
    n_read: Arc<AtomicU64>,
    errors: Errors,
}

/// The errors that the elements of a pipeline told, whoever heard them.
///
/// A decodebin swallows what an element tells while it is being taken in, so that it can try another one. A demuxer
/// that reads by itself may have met its film's end by then: it rests for ever, and nobody is told (GStreamer 1.22).
#[derive(Clone, Debug, Default)]
struct Errors(Arc<Mutex<Vec<gst::Message>>>);

impl Errors {
    /// Hears every element that joins the pipeline from now on, before its bin does.
    fn hear(&self, pipeline: &gst::Pipeline) {
        let errors = self.clone();
        pipeline.connect_deep_element_added(move |_, _, element| {
            let Some(bins) = element.bus() else { return };
            let (own, errors) = (gst::Bus::new(), errors.clone());
            own.set_sync_handler(move |_, message| {
                if message.type_() == gst::MessageType::Error {
                    errors.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.clone());
                }
                if bins.post(message.clone()).is_err() {
                    tracing::debug!("a pipeline that stops hears no more");
                }
                gst::BusSyncReply::Drop
            });
            element.set_bus(Some(&own));
        });
    }

    /// Returns what an element told that was taken in all the same.
    fn swallowed(&self) -> Option<PrepareError> {
        let is_in = |message: &&gst::Message| {
            let source = message.src().and_then(|source| source.downcast_ref::<gst::Element>());
            source.is_some_and(|source| source.parent().is_some() && source.current_state() >= gst::State::Paused)
        };
        let errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let message = errors.iter().find(is_in)?;
        if let gst::MessageView::Error(error) = message.view() { Some(fault(error)) } else { None }
    }
}

impl Decoder {
    /// Builds the pipeline, with more behind `decodebin name=decoder` as described.
    pub(super) fn build(film: &File, behind: &str) -> Result<Self, PrepareError> {
        let described = format!("appsrc name=film ! decodebin name=decoder {behind}");
        let built = gst::parse::launch(&described).map_err(PrepareError::Build)?;
        let pipeline = built.downcast::<gst::Pipeline>().map_err(|_other| PrepareError::Lacks { name: "pipeline" })?;
        let errors = Errors::default();
        errors.hear(&pipeline);
        let source = part(&pipeline, "film")?.downcast::<AppSrc>();
        let source = source.map_err(|_other| PrepareError::Lacks { name: "source" })?;
        let n_read = Arc::new(AtomicU64::new(0));
        let n_bytes = film.metadata().map_err(PrepareError::Files)?.len();
        super::source::feed(&source, film.try_clone().map_err(PrepareError::Files)?, n_bytes, &n_read);
        Ok(Self { bin: part(&pipeline, "decoder")?, pipeline, n_read, errors })
    }

    /// Runs to the film's end; `look` is called whenever it has gone on, and at the end.
    pub(super) fn run(
        &self,
        n_done: &dyn Fn() -> u64,
        look: &mut dyn FnMut(&gst::Pipeline) -> Result<(), PrepareError>,
    ) -> Result<Tags, PrepareError> {
        let ended = self.run_on(n_done, look);
        if ended.is_err() {
            // A decoder that does not stop is ended with the process, and the answer does not wait for it.
            self.pipeline.call_async(stop);
        } else {
            stop(&self.pipeline);
        }
        ended
    }

    fn run_on(
        &self,
        n_done: &dyn Fn() -> u64,
        look: &mut dyn FnMut(&gst::Pipeline) -> Result<(), PrepareError>,
    ) -> Result<Tags, PrepareError> {
        let bus = self.pipeline.bus().ok_or(PrepareError::Lacks { name: "bus" })?;
        let mut tags = Tags::default();
        if self.pipeline.set_state(gst::State::Playing).is_err() {
            tracing::debug!("the pipeline does not start; its bus says why");
        }
        let wanted = [gst::MessageType::Eos, gst::MessageType::Error, gst::MessageType::Tag, gst::MessageType::Element];
        let (mut last, mut n_idle, mut worked) = (0, 0, cpu());
        while n_idle < MOST_IDLE_LOOKS {
            let message = bus.timed_pop_filtered(LOOK_EVERY, &wanted);
            let is_quiet = message.is_none();
            if let Some(message) = message
                && tags.take(&message)?
            {
                self.errors.swallowed().map_or(Ok(()), Err)?;
                look(&self.pipeline)?;
                return Ok(tags);
            }
            if is_quiet {
                let now = n_done().saturating_add(self.n_read.load(Ordering::Relaxed));
                if now == last {
                    n_idle += 1;
                    self.errors.swallowed().map_or(Ok(()), Err)?;
                    if cpu().saturating_sub(worked) > MOST_IDLE_CPU {
                        return Err(PrepareError::refused(Reason::Stalled, ""));
                    }
                    continue;
                }
                (last, n_idle, worked) = (now, 0, cpu());
                look(&self.pipeline)?;
            }
        }
        Err(PrepareError::Stuck)
    }
}

fn stop(pipeline: &gst::Pipeline) {
    if pipeline.set_state(gst::State::Null).is_err() {
        tracing::warn!("a decoder did not stop as it should");
    }
}

/// Returns how long this process was on the processor, all its threads together.
fn cpu() -> ClockTime {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let of = |part: i64| u64::try_from(part).unwrap_or(0);
    ClockTime::from_seconds(of(spent.tv_sec)).saturating_add(ClockTime::from_nseconds(of(spent.tv_nsec)))
}

/// What the film tells of itself.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub(super) picture_codec: Option<String>,
    pub(super) sound_codec: Option<String>,
}

impl Tags {
    /// Takes a message in; true at the film's end.
    fn take(&mut self, message: &gst::Message) -> Result<bool, PrepareError> {
        if let gst::MessageView::Eos(_) = message.view() {
            return Ok(true);
        }
        if let gst::MessageView::Error(error) = message.view() {
            return Err(fault(error));
        }
        if let gst::MessageView::Tag(tag) = message.view() {
            let tags = tag.tags();
            if let Some(codec) = tags.get::<gst::tags::VideoCodec>() {
                self.picture_codec = Some(codec.get().to_owned());
            }
            if let Some(codec) = tags.get::<gst::tags::AudioCodec>() {
                self.sound_codec = Some(codec.get().to_owned());
            }
        }
        let missing = message.structure().filter(|structure| structure.name() == "missing-plugin");
        if let Some(missing) = missing {
            let name = missing.get::<String>("name").unwrap_or_default();
            return Err(PrepareError::refused(Reason::UnknownCodec, name));
        }
        Ok(false)
    }
}

/// Turns what a pipeline says into whose fault it is.
fn fault(told: &gst::message::Error) -> PrepareError {
    let error = told.error();
    let detail = error.to_string();
    if let Some(kind) = error.kind::<gst::StreamError>() {
        let is_unknown = matches!(kind, gst::StreamError::TypeNotFound | gst::StreamError::WrongType);
        let reason = match kind == gst::StreamError::CodecNotFound {
            true => Reason::UnknownCodec,
            false if is_unknown => Reason::NotAFilm,
            false => Reason::Damaged,
        };
        return PrepareError::refused(reason, detail);
    }
    if error.kind::<gst::ResourceError>().is_some() && told.src().is_some_and(|from| from.name() == "prepared") {
        return PrepareError::Write(error);
    }
    if error.kind::<gst::CoreError>() == Some(gst::CoreError::MissingPlugin) {
        return PrepareError::refused(Reason::UnknownCodec, detail);
    }
    PrepareError::refused(Reason::Damaged, detail)
}

/// Finds a part of a pipeline.
pub(super) fn part(pipeline: &gst::Pipeline, name: &'static str) -> Result<gst::Element, PrepareError> {
    pipeline.by_name(name).ok_or(PrepareError::Lacks { name })
}

/// Lets whatever comes out of a pad go to nowhere, counted.
pub(super) fn to_nowhere(pipeline: &gst::Pipeline, pad: &gst::Pad, passed: &Arc<Passed>) -> Option<()> {
    let nowhere =
        gst::ElementFactory::make("fakesink").property("sync", false).property("async", false).build().ok()?;
    pipeline.add(&nowhere).ok()?;
    nowhere.sync_state_with_parent().ok()?;
    passed.count(pad);
    pad.link(&nowhere.static_pad("sink")?).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_nobody_heard_of_an_element_that_was_taken_in_is_known() {
        gst::init().unwrap();
        let (pipeline, errors) = (gst::Pipeline::new(), Errors::default());
        errors.hear(&pipeline);
        let make = |kind: &'static str| gst::ElementFactory::make(kind);
        let failing = make("identity").property("error-after", 2).build().unwrap();
        let parts = [make("fakesrc").build().unwrap(), failing, make("fakesink").build().unwrap()];
        pipeline.add_many(&parts).unwrap();
        gst::Element::link_many(&parts).unwrap();
        assert!(errors.swallowed().is_none());
        // As in a decodebin that has just taken the element in: what is told is dropped.
        pipeline.bus().unwrap().set_flushing(true);
        pipeline.set_state(gst::State::Playing).unwrap();
        let is_known = (0..1_000).any(|_| {
            std::thread::park_timeout(std::time::Duration::from_millis(10));
            matches!(errors.swallowed(), Some(PrepareError::Refused(refused)) if refused.reason == Reason::Damaged)
        });
        assert!(is_known, "nothing was heard");
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(errors.swallowed().is_none(), "what was taken out tells nothing of the film");
    }
}
