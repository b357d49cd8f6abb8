//! A film whose bytes never come: how long the picture before it is held, and that nothing else is seen meanwhile.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use machiai_panel::Layout;
use machiai_panel::link::End;
use machiai_screen::canvas::Canvas;
use machiai_screen::output::{Composed, Output, Sink};
use machiai_screen::playout::{Playout, Told};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::bench::figures::Limit::AtMost;
use crate::bench::figures::Report;
use crate::films::{Film, Seen, read};

/// How often it is asked what became true, and how often at most: half a minute.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const MOST_LOOKS: usize = 1_500;

/// Measures how soon the next film is seen after one that hangs.
///
/// # Errors
/// A film cannot be made, or the next one never begins.
pub(super) fn measure(folder: &Path, report: &mut Report) -> Result<()> {
    let (first, next) = (Film::of(1, 60), Film::of(2, 30));
    let (before, hung, after) = (folder.join("before.mp4"), folder.join("hung.mp4"), folder.join("after.mp4"));
    first.write(&before)?;
    next.write(&after)?;
    mknodat(CWD, &hung, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).context("cannot make a pipe")?;
    // Somebody who might write: without one it could not even be opened.
    let silent = std::fs::File::options().read(true).write(true).open(&hung).context("cannot hold a pipe")?;

    let seen = Arc::<Mutex<Vec<Seen>>>::default();
    let kept = Arc::clone(&seen);
    let take = move |composed: Composed<'_>| match composed {
        Composed::Frame(_, i420) => kept.lock().unwrap_or_else(PoisonError::into_inner).push(read(i420, 1920)),
        Composed::Sound(..) => {}
    };
    let output = Arc::new(Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take)))?);
    let playout = Playout::start(output)?;
    for (id, film) in [(1, &before), (2, &hung), (3, &after)] {
        playout.cue(id, film, None)?;
    }
    let healed_ms = until_next(&playout)?;
    // Whoever reads from it is told that there is no more.
    drop(silent);
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let last = Seen::Picture { clip: first.clip, frame: first.n_frames.saturating_sub(1) };
    let (began, held) = (seen.iter().position(|one| *one == last), seen.iter().filter(|one| **one == last).count());
    let is_next = |one: &&Seen| matches!(one, Seen::Picture { clip, .. } if *clip == next.clip);
    let meanwhile = seen.iter().skip(began.context("the first film was never seen whole")?);
    let n_other = meanwhile.take_while(|one| !is_next(one)).filter(|one| **one != last).count();
    let told = format!("the last picture held for {held} frames");
    report.add("from a decoder that hangs to the next film", (healed_ms, "ms"), AtMost(5_000.0), told);
    let told = "until the next film's first picture".to_owned();
    report.add("frames of anything else while a decoder hangs", (n_other as f64, "frames"), AtMost(0.0), told);
    Ok(())
}

/// Waits until the third item has begun; returns how long after the first one's end, in milliseconds.
fn until_next(playout: &Playout) -> Result<f64> {
    let mut ended = None;
    for _ in 0..MOST_LOOKS {
        for told in playout.told() {
            match (told, ended) {
                (Told::Ended { id: 1, at, .. }, _) => ended = Some(at),
                (Told::Ended { id: 2, end, .. }, _) if end != End::Silent => bail!("what hangs ended: {end:?}"),
                (Told::Begun { id: 3, at }, Some(ended)) => {
                    return Ok(at.saturating_sub(ended).nseconds() as f64 / 1e6);
                }
                (Told::Begun { .. } | Told::Shown { .. } | Told::Ended { .. }, _) => {}
            }
        }
        std::thread::park_timeout(LOOK_EVERY);
    }
    bail!("the next film never began");
}
