//! The soak: many switches over every kind of film, one file in twenty bad, calls at random moments, in real time.
//!
//! Each composed frame is compared with the picture that belongs there by the moment at which its film began.

mod gaps;
mod judge;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use gstreamer::ClockTime;
use machiai_panel::link::Speech;
use machiai_panel::{Layout, Pixels};
use machiai_screen::canvas::Canvas;
use machiai_screen::output::{Composed, Output, Sink};
use machiai_screen::playout::{Playout, Told};
use serde::{Deserialize, Serialize};

use crate::bench::machine;
use crate::chance::Chance;
use crate::demo::daemon::write;
use crate::demo::progress::out;
use crate::films::{Coding, Film, Odd, read};
use crate::glass::monotonic;
use gaps::{Bare, Gaps};
use judge::{Judged, Shown, Silences};

/// How often the soak looks, and after how many looks in which nothing ended it gives up: a minute.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const MOST_LOOKS: usize = 3_000;

/// From so many switches on memory must be flat: in a short soak the films that happen to be open at its end decide.
const LONG: usize = 300;

/// How long a still is shown.
const STILL_FOR: Duration = Duration::from_millis(700);

/// Items that are cued and not over: what follows is opened three seconds ahead, as the daemon does it.
const MOST_CUED: usize = 3;

/// One file in so many is bad.
const ONE_BAD_IN: u64 = 20;

/// A call begins in one look of so many, and is over after so many.
const ONE_CALL_IN: u64 = 120;
const CALL_FOR: u64 = 25;

/// What came of a soak.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Items that were shown or passed over.
    pub switches: usize,
    /// Those that were bad.
    pub bad: usize,
    /// Calls over them.
    pub calls: u64,
    /// What was found in the frames and sounds.
    #[serde(flatten)]
    pub judged: Judged,
    /// The longest time between two frames as they came, in milliseconds; 0 when none was late by a dozen.
    pub gap_ms_max: f64,
    /// The same of a bare pipeline beside it, which does nothing but hand on frames: the machine's share.
    pub bare_gap_ms_max: f64,
    /// The longest of the screen's while the bare pipeline's frames came in time.
    pub own_gap_ms_max: f64,
    /// How much more memory the last third took than the first, at most, in MiB.
    pub memory_growth_mib: f64,
    /// The same of threads and of open files.
    pub threads_growth: i64,
    /// See above.
    pub descriptors_growth: i64,
}

/// What a soak cues.
#[derive(Clone)]
pub(crate) struct Part {
    file: PathBuf,
    /// The film; none is a still.
    film: Option<Film>,
    is_bad: bool,
}

/// Frames and sounds as they came.
struct Taken {
    shown: Vec<Shown>,
    silences: Silences,
    gaps: Gaps,
}

/// Shows so many items, in an order that a seed repeats.
///
/// # Errors
/// An encoder is missing, the output fails, or nothing goes on.
pub fn soak(n_switches: usize, seed: u64) -> Result<Figures> {
    let folder = tempfile::tempdir().context("cannot make a folder")?;
    let (good, bad) = parts(folder.path())?;
    let taken = Taken { shown: Vec::new(), silences: Silences::default(), gaps: Gaps::default() };
    let taken = Arc::new(Mutex::new(taken));
    let kept = Arc::clone(&taken);
    let take = move |composed: Composed<'_>| kept.lock().unwrap_or_else(PoisonError::into_inner).take(composed);
    let output = Arc::new(Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take)))?);
    output.show_panel(&plain([200, 190, 180, 255]))?;
    let mut soak = Soak {
        playout: Playout::start(Arc::clone(&output))?,
        output,
        chance: Chance::new(seed),
        call: plain([23, 48, 92, 255]),
        call_for: 0,
        n_calls: 0,
        cued: Vec::new(),
        told: Vec::new(),
        held: Vec::new(),
    };
    let bare = Bare::start()?;
    soak.run(n_switches, (&good, &bad))?;
    let bare = bare.stop()?;
    let Soak { cued, told, held, n_calls, playout, .. } = soak;
    drop(playout);
    let taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
    judge::bad_ends(&cued, &told).iter().for_each(|bad| out(&format!("{bad}\n")));
    let growth = |of: fn(&Held) -> f64| growth(&held, of);
    #[expect(clippy::cast_possible_truncation, reason = "counts of threads and files")]
    Ok(Figures {
        switches: cued.len(),
        bad: cued.iter().filter(|part| part.is_bad).count(),
        calls: n_calls,
        judged: judge::judge(&cued, &told, &taken.shown, &taken.silences),
        gap_ms_max: taken.gaps.ms_max(),
        bare_gap_ms_max: bare.ms_max(),
        own_gap_ms_max: taken.gaps.ms_max_beside(&bare),
        memory_growth_mib: growth(|held| held.memory_mib),
        threads_growth: growth(|held| held.n_threads) as i64,
        descriptors_growth: growth(|held| held.n_files) as i64,
    })
}

impl Figures {
    /// Writes them as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write(path, serde_json::to_vec_pretty(self).context("cannot write the figures")?)
    }

    /// Returns what is not as it must be, however busy the machine is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        beyond(&[
            ("black frames", self.judged.black_frames as f64, 0.0),
            ("wrong pictures", self.judged.wrong_pictures as f64, 0.0),
            ("items that ended as they should not", self.judged.bad_ends as f64, 0.0),
            ("MiB more memory", self.memory_growth_mib, if self.switches < LONG { 96.0 } else { 32.0 }),
            ("more threads", self.threads_growth as f64, 8.0),
            ("more open files", self.descriptors_growth as f64, 16.0),
        ])
    }

    /// Returns what was too late for a machine that has nothing else to do.
    #[must_use]
    pub fn delays(&self) -> Vec<String> {
        beyond(&[
            ("ms between two frames", self.gap_ms_max, 66.0),
            ("ms of silence at a join", self.judged.silence_ms_max, 25.0),
        ])
    }
}

/// Returns those of some figures that exceed their limits.
fn beyond(limits: &[(&str, f64, f64)]) -> Vec<String> {
    let missed = limits.iter().filter(|(_, value, most)| value > most);
    missed.map(|(what, value, most)| format!("{value:.1} {what}, more than {most}")).collect()
}

/// A soak that runs.
struct Soak {
    playout: Playout,
    output: Arc<Output>,
    chance: Chance,
    call: Pixels,
    /// For how many more looks the call is shown.
    call_for: u64,
    n_calls: u64,
    cued: Vec<Part>,
    told: Vec<Told>,
    held: Vec<Held>,
}

impl Soak {
    fn run(&mut self, n_switches: usize, (good, bad): (&[Part], &[Part])) -> Result<()> {
        let (mut n_looks, mut n_ended) = (0, 0);
        while n_ended < n_switches {
            while self.cued.len() < n_switches && self.playout.n_cued() < MOST_CUED {
                self.cue(good, bad)?;
            }
            self.call()?;
            let told = self.playout.told();
            let n_now = told.iter().filter(|one| matches!(one, Told::Ended { .. })).count();
            self.told.extend(told);
            n_ended += n_now;
            n_looks = if n_now > 0 { 0 } else { n_looks + 1 };
            if n_now > 0 {
                self.held.push(Held::now()?);
            }
            ensure!(n_looks < MOST_LOOKS, "nothing ends any more after {n_ended} items");
            if let Some(fault) = self.output.fault() {
                bail!("the output failed after {n_ended} items: {fault}");
            }
            std::thread::park_timeout(LOOK_EVERY);
        }
        Ok(())
    }

    fn cue(&mut self, good: &[Part], bad: &[Part]) -> Result<()> {
        // By its place, so that a short soak has one too.
        let is_bad = self.cued.len() as u64 % ONE_BAD_IN == ONE_BAD_IN / 2;
        let part = self.chance.one_of(if is_bad { bad } else { good }).context("nothing to show")?.clone();
        let play_for = part.film.is_none().then_some(STILL_FOR);
        self.playout.cue(self.cued.len() as u64, &part.file, play_for)?;
        self.cued.push(part);
        Ok(())
    }

    /// Begins a call, or ends one.
    fn call(&mut self) -> Result<()> {
        if self.call_for > 0 {
            self.call_for -= 1;
            if self.call_for == 0 {
                self.output.fade_call(ClockTime::ZERO);
            }
        } else if self.chance.below(ONE_CALL_IN) == 0 {
            self.output.show_call(&self.call)?;
            self.call_for = CALL_FOR;
            self.n_calls += 1;
            self.output.announce(self.n_calls, &Speech::of(&[]));
        }
        self.output.sound();
        Ok(())
    }
}

impl Taken {
    fn take(&mut self, composed: Composed<'_>) {
        match composed {
            Composed::Frame(at, i420) => {
                self.gaps.note(monotonic());
                self.shown.push(Shown { at, seen: read(i420, 1920) });
            }
            Composed::Sound(at, samples) => self.silences.hear(at, samples),
        }
    }
}

/// What this process holds.
struct Held {
    memory_mib: f64,
    n_threads: f64,
    n_files: f64,
}

impl Held {
    fn now() -> Result<Self> {
        let count = |folder: &str| -> Result<f64> {
            Ok(std::fs::read_dir(folder).with_context(|| format!("cannot look into {folder}"))?.count() as f64)
        };
        Ok(Self {
            memory_mib: machine::pss_kib(std::process::id())? / 1_024.0,
            n_threads: count("/proc/self/task")?,
            n_files: count("/proc/self/fd")?,
        })
    }
}

/// Returns by how much the most of the last third exceeds the most of the middle one: the first fills what is kept.
fn growth(held: &[Held], of: fn(&Held) -> f64) -> f64 {
    let most = |part: &[Held]| part.iter().map(of).fold(0.0, f64::max);
    let third = held.len() / 3;
    let (before, last) = held.split_at(third * 2);
    most(last) - most(before.get(third..).unwrap_or_default())
}

/// Returns a picture of one colour, as large as the canvas.
fn plain(rgba: [u8; 4]) -> Pixels {
    Pixels { width: 1920, height: 1080, rgba: rgba.repeat(1920 * 1080) }
}

/// Makes every kind of film, good and bad.
fn parts(folder: &Path) -> Result<(Vec<Part>, Vec<Part>)> {
    // As long as a whole number of pieces of sound.
    let of = |clip: u8| Film::of(clip, 48);
    let films = [
        of(1),
        of(2),
        Film { size: (1920, 1080), ..of(3) },
        Film { per_s: 25, ..Film::of(4, 40) },
        Film { coding: Coding::WebM, ..of(5) },
        Film { sounds: false, ..of(6) },
        Film { coding: Coding::TenBits, ..of(7) },
    ];
    let mut good = Vec::new();
    for film in films {
        let file = folder.join(format!("{}.film", film.clip));
        film.write(&file).with_context(|| format!("cannot make film {}", film.clip))?;
        good.push(Part { file, film: Some(film), is_bad: false });
    }
    let still = folder.join("still.png");
    Odd::Png.write(&still)?;
    good.push(Part { file: still, film: None, is_bad: false });

    let whole = std::fs::read(folder.join("1.film")).context("cannot read a film that was just made")?;
    let noise: Vec<u8> = (0..50_000_u32).map(|nth| nth.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let halves = (whole.get(..whole.len() / 2).unwrap_or_default(), whole.get(whole.len() / 2..).unwrap_or_default());
    let mut bad = Vec::new();
    for (name, bytes) in [("empty", [].as_slice()), ("noise", &noise), ("cut", halves.0), ("headless", halves.1)] {
        let file = folder.join(format!("{name}.mp4"));
        write(&file, bytes)?;
        bad.push(Part { file, film: None, is_bad: true });
    }
    Ok((good, bad))
}
