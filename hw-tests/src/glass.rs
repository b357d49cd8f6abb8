//! A monitor without glass: a whole screen whose composed frames are counted, judged and pictured.
//!
//! It looks at what the sink is handed, in real time, and touches nothing of what is shown.

pub mod child;
pub mod ears;

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use gstreamer::ClockTime;
use machiai_panel::Layout;
use machiai_screen::lamp::Lamp;
use machiai_screen::output::{Composed, Sink};
use machiai_screen::run::{ScreenError, Setting, run};
use machiai_screen::voice::VoicePaths;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use self::ears::{Ears, Noise};
use crate::films::{Seen, luma_at, read, rgb};

/// The landscape.
const SIZE: (usize, usize) = (1920, 1080);

/// How long anything may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// A frame of the output, in nanoseconds.
const FRAME_NS: u64 = 33_333_333;

/// Luma of paper, of the indigo of a call, of the band of caution, and of ink.
const PAPER: std::ops::RangeInclusive<u8> = 215..=255;
const INDIGO: std::ops::RangeInclusive<u8> = 30..=90;
const CAUTION: std::ops::RangeInclusive<u8> = 205..=214;
const INK: std::ops::RangeInclusive<u8> = 25..=60;

/// What can be waited for on a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Whatever is shown.
    Any,
    /// The board, with no call over it.
    Board,
    /// The board of a box that does not know the time: the queue, and no clock.
    Timeless,
    /// A call over all.
    Call,
    /// An urgent notice in the film's region.
    Urgent,
}

impl Sight {
    /// Every sight.
    pub const ALL: [Self; 5] = [Self::Any, Self::Board, Self::Timeless, Self::Call, Self::Urgent];

    /// Returns its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Board => "board",
            Self::Timeless => "timeless",
            Self::Call => "call",
            Self::Urgent => "urgent",
        }
    }

    /// Whether a frame of the landscape, I420, shows it.
    #[must_use]
    pub fn is_in(self, frame: &[u8]) -> bool {
        let luma = |x, y| luma_at(frame, SIZE.0, (x, y));
        // Beside the frame's edge, at half height: a call's ground covers it, and paper otherwise.
        let ground = luma(1860, 600);
        // The clock at the upper right.
        let has_clock = (1700..1880).step_by(3).any(|x| luma(x, 64) < 120);
        match self {
            Self::Any => true,
            // A plain sheet of paper is no board: it has no clock, and nothing left of a room's name.
            Self::Board => PAPER.contains(&ground) && has_clock,
            Self::Timeless => PAPER.contains(&ground) && !has_clock && luma(1288, 300) < 120,
            Self::Call => INDIGO.contains(&ground),
            Self::Urgent => CAUTION.contains(&luma(1200, 20)) && INK.contains(&luma(10, 50)),
        }
    }
}

/// What was counted of the frames that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Frames that came.
    pub frames: u64,
    /// Frames of the output's grid that never came.
    pub dropped: u64,
    /// Frames whose film region was black.
    pub black_frames: u64,
    /// Frames that were black all over the monitor.
    pub dark_frames: u64,
    /// The most frames of the grid that were missing between two that came.
    pub gap_frames_max: u64,
    /// The longest time between two frames as they came, in milliseconds.
    pub gap_ms_max: f64,
}

/// What happens to frames as they come.
#[derive(Default)]
struct Looking {
    tally: Tally,
    last: Option<(ClockTime, Duration)>,
    wanted: Option<Sight>,
    found: Option<(Duration, Vec<u8>)>,
    ears: Ears,
}

impl Looking {
    fn look(&mut self, at: ClockTime, now: Duration, i420: &[u8]) {
        let tally = &mut self.tally;
        tally.frames += 1;
        let is_black = read(i420, SIZE.0) == Seen::Black;
        tally.black_frames += u64::from(is_black);
        tally.dark_frames +=
            u64::from(is_black && i420.iter().take(SIZE.0 * SIZE.1).step_by(997).all(|luma| *luma < 24));
        if let Some((before, came)) = self.last {
            // Half a frame more, since moments of the grid are a nanosecond more or less apart.
            let n_steps = (at.saturating_sub(before).nseconds() + FRAME_NS / 2) / FRAME_NS;
            let n_missing = n_steps.saturating_sub(1);
            tally.dropped += n_missing;
            tally.gap_frames_max = tally.gap_frames_max.max(n_missing);
            tally.gap_ms_max = tally.gap_ms_max.max(now.saturating_sub(came).as_secs_f64() * 1e3);
        }
        self.last = Some((at, now));
        if self.wanted.is_some_and(|wanted| wanted.is_in(i420)) {
            self.wanted = None;
            self.found = Some((now, i420.to_vec()));
        }
    }
}

/// A screen in a thread of this process.
pub struct Glass {
    looking: Arc<(Mutex<Looking>, Condvar)>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<Result<(), ScreenError>>>,
}

impl Glass {
    /// Starts a screen on a daemon's socket.
    #[must_use]
    pub fn start(socket: PathBuf) -> Self {
        let (looking, stop) = (Arc::<(Mutex<Looking>, Condvar)>::default(), Arc::new(AtomicBool::new(false)));
        let (looked, stopped) = (Arc::clone(&looking), Arc::clone(&stop));
        let take = move |composed: Composed<'_>| match composed {
            Composed::Frame(at, i420) => {
                looked.0.lock().unwrap_or_else(PoisonError::into_inner).look(at, monotonic(), i420);
                looked.1.notify_all();
            }
            Composed::Sound(_, samples) => {
                looked.0.lock().unwrap_or_else(PoisonError::into_inner).ears.hear(monotonic(), samples);
                looked.1.notify_all();
            }
        };
        let sink = Sink::Handed(Arc::new(take));
        let (monitor, layout, voices) = ("monitor1".to_owned(), Layout::Landscape, VoicePaths::debian());
        let setting = Setting { socket, monitor, layout, sink, devices: Vec::new(), lamp: Lamp::default(), voices };
        let running = std::thread::spawn(move || run(&setting, &stopped));
        Self { looking, stop, running: Some(running) }
    }

    /// Begins to wait for a sight.
    pub fn want(&self, sight: Sight) {
        let mut looking = self.looking.0.lock().unwrap_or_else(PoisonError::into_inner);
        looking.wanted = Some(sight);
        looking.found = None;
    }

    /// Waits for the sight that is wanted, and returns its first frame, I420, with the moment at which it came.
    ///
    /// # Errors
    /// It was never seen.
    pub fn found(&self) -> Result<(Duration, Vec<u8>)> {
        let looking = self.looking.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.looking.1.wait_timeout_while(looking, SEEN_WITHIN, |looking| looking.found.is_none());
        let mut looking = waited.unwrap_or_else(PoisonError::into_inner).0;
        let (wanted, n_frames) = (looking.wanted, looking.tally.frames);
        looking.found.take().with_context(|| format!("{wanted:?} was never seen in {n_frames} frames"))
    }

    /// Begins to wait for a noise.
    pub fn listen(&self, noise: Noise) {
        self.looking.0.lock().unwrap_or_else(PoisonError::into_inner).ears.want(noise);
    }

    /// Waits for the noise that is wanted, and returns when it came.
    ///
    /// # Errors
    /// It never came.
    pub fn heard(&self) -> Result<Duration> {
        let looking = self.looking.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |looking: &mut Looking| looking.ears.found().is_none();
        let waited = self.looking.1.wait_timeout_while(looking, SEEN_WITHIN, waits);
        waited.unwrap_or_else(PoisonError::into_inner).0.ears.found().context("what was listened for never came")
    }

    /// Returns what was counted so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.looking.0.lock().unwrap_or_else(PoisonError::into_inner).tally
    }

    /// Ends the screen.
    ///
    /// # Errors
    /// It had failed before.
    pub fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let Some(running) = self.running.take() else { return Ok(()) };
        match running.join() {
            Ok(ended) => ended.context("the screen failed"),
            Err(_) => bail!("the screen panicked"),
        }
    }
}

/// Returns the time on the clock that all processes of this machine share.
#[must_use]
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// Leaves a picture of a frame of the landscape, I420.
///
/// # Errors
/// The file cannot be written.
pub fn picture(path: &Path, i420: &[u8]) -> Result<()> {
    let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut encoder = png::Encoder::new(BufWriter::new(file), 1920, 1080);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().context("cannot begin a picture")?;
    writer.write_image_data(&rgb(i420, SIZE)).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::films;

    #[test]
    fn frames_that_never_came_and_black_ones_are_counted() {
        let (shown, black) = (films::picture(SIZE, 1, 1), vec![16; SIZE.0 * SIZE.1 * 3 / 2]);
        let mut beside_a_panel = black.clone();
        beside_a_panel[SIZE.0 - 640..SIZE.0].fill(220);
        beside_a_panel[SIZE.0 * 900..SIZE.0 * SIZE.1].fill(220);
        let mut looking = Looking::default();
        for (nth, frame) in [(0, &shown), (1, &beside_a_panel), (4, &black), (5, &shown)] {
            let at = ClockTime::from_nseconds(nth * 1_000_000_000 / 30);
            looking.look(at, Duration::from_millis(nth * 34), frame);
        }
        let Tally { frames, dropped, black_frames, dark_frames, gap_frames_max, gap_ms_max } = looking.tally;
        assert_eq!((frames, dropped, black_frames, dark_frames, gap_frames_max), (4, 2, 2, 1, 2));
        assert!((gap_ms_max - 102.0).abs() < 0.01, "{gap_ms_max}");
    }

    #[test]
    fn a_sight_is_found_once_with_the_moment_of_its_first_frame() {
        let frame = films::picture(SIZE, 1, 1);
        let mut looking = Looking { wanted: Some(Sight::Call), ..Looking::default() };
        looking.look(ClockTime::ZERO, Duration::from_millis(1), &frame);
        assert!(looking.found.is_none(), "a film is no call");
        looking.wanted = Some(Sight::Any);
        for ms in [2, 3] {
            looking.look(ClockTime::ZERO, Duration::from_millis(ms), &frame);
        }
        assert_eq!(looking.found.map(|(at, _)| at), Some(Duration::from_millis(2)));
    }
}
