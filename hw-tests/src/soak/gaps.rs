//! How long no frame came, of the screen and of a bare pipeline beside it that does nothing: what holds up both at once is
//! the machine.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};

use crate::glass::monotonic;

/// From when on a frame is late enough to be remembered; on time it comes 33 ms after the one before.
const LATE: Duration = Duration::from_millis(45);

/// Frames as they come.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    came: Option<Duration>,
    /// From when until when none came, where it was long.
    late: Vec<(Duration, Duration)>,
}

impl Gaps {
    /// Notes that a frame has come.
    pub(crate) fn note(&mut self, now: Duration) {
        if let Some(before) = self.came.replace(now)
            && now.saturating_sub(before) > LATE
        {
            self.late.push((before, now));
        }
    }

    /// Returns the longest time without a frame, in milliseconds; 0 when none was late.
    pub(crate) fn ms_max(&self) -> f64 {
        longest(self.late.iter())
    }

    /// Returns the longest one while other frames came in time.
    pub(crate) fn ms_max_beside(&self, other: &Self) -> f64 {
        let is_beside = |(from, to): &&(Duration, Duration)| {
            let both = other.late.iter().any(|(since, until)| since < to && from < until);
            !both
        };
        longest(self.late.iter().filter(is_beside))
    }
}

fn longest<'a>(gaps: impl Iterator<Item = &'a (Duration, Duration)>) -> f64 {
    gaps.map(|(from, to)| to.saturating_sub(*from).as_secs_f64() * 1e3).fold(0.0, f64::max)
}

/// A pipeline of tiny frames in real time.
pub(crate) struct Bare {
    pipeline: gst::Pipeline,
    gaps: Arc<Mutex<Gaps>>,
}

impl Bare {
    /// Starts one.
    ///
    /// # Errors
    /// A part is missing.
    pub(crate) fn start() -> Result<Self> {
        gst::init()?;
        let described = "videotestsrc is-live=true pattern=black ! video/x-raw,width=16,height=16,framerate=30/1 \
                         ! appsink name=frames sync=true";
        let pipeline = gst::parse::launch(described)?.downcast::<gst::Pipeline>().ok().context("no pipeline")?;
        let sink = pipeline.by_name("frames").and_then(|sink| sink.downcast::<AppSink>().ok()).context("no sink")?;
        let gaps = Arc::<Mutex<Gaps>>::default();
        let kept = Arc::clone(&gaps);
        let note = move |sink: &AppSink| {
            sink.pull_sample().map_err(|_ended| gst::FlowError::Eos)?;
            kept.lock().unwrap_or_else(PoisonError::into_inner).note(monotonic());
            Ok(gst::FlowSuccess::Ok)
        };
        sink.set_callbacks(AppSinkCallbacks::builder().new_sample(note).build());
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self { pipeline, gaps })
    }

    /// Stops it and returns what was noted.
    ///
    /// # Errors
    /// It does not stop.
    pub(crate) fn stop(self) -> Result<Gaps> {
        self.pipeline.set_state(gst::State::Null)?;
        Ok(std::mem::take(&mut *self.gaps.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(came_ms: &[u64]) -> Gaps {
        let mut gaps = Gaps::default();
        came_ms.iter().for_each(|ms| gaps.note(Duration::from_millis(*ms)));
        gaps
    }

    #[test]
    fn a_gap_is_ours_where_a_bare_pipelines_frames_came_in_time() {
        let ours = gaps(&[0, 33, 133, 166, 236, 270]);
        assert!((ours.ms_max() - 100.0).abs() < 1e-6);
        let held_up_too = gaps(&[10, 43, 120, 153, 186, 219, 252]);
        assert!((ours.ms_max_beside(&held_up_too) - 70.0).abs() < 1e-6);
        assert!((ours.ms_max_beside(&gaps(&[10, 43, 76, 109])) - 100.0).abs() < 1e-6);
        assert!(gaps(&[0, 33, 66]).ms_max() < 1e-6);
    }
}
