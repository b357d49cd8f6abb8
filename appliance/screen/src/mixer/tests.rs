//! What the mixer copies, and what it does not.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use machiai_panel::{Layout, Pixels};

use crate::canvas::Canvas;
use crate::output::{Composed, Output, Sink};

/// What was looked at in each frame: luma at the lower right and beside the frame of a call, and where it lies in memory.
#[derive(Clone, Copy, Debug)]
struct Look {
    corner: u8,
    within: u8,
    place: usize,
}

type Frames = Arc<(Mutex<Vec<Look>>, Condvar)>;

fn until(frames: &Frames, is: impl Fn(&[Look]) -> bool) -> Vec<Look> {
    let waits = |frames: &mut Vec<Look>| !is(frames);
    let (frames, late) = frames.1.wait_timeout_while(frames.0.lock().unwrap(), Duration::from_secs(30), waits).unwrap();
    assert!(!late.timed_out(), "only {frames:?}");
    frames.clone()
}

fn plain(grey: u8) -> Pixels {
    Pixels { width: 1920, height: 1080, rgba: [grey, grey, grey, 255].repeat(1920 * 1080) }
}

/// Starts an output whose frames are looked at.
fn looked_at() -> (Output, Frames) {
    let frames = Frames::default();
    let kept = Arc::clone(&frames);
    let take = move |composed: Composed<'_>| {
        if let Composed::Frame(_, i420) = composed {
            let (corner, within) = (i420[1920 * 1080 - 1], i420[1920 * (1080 - 25) - 26]);
            kept.0.lock().unwrap().push(Look { corner, within, place: i420.as_ptr().addr() });
            kept.1.notify_all();
        }
    };
    (Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take))).unwrap(), frames)
}

#[test]
fn a_frame_like_the_one_before_is_not_composed_again_and_a_new_picture_is_seen_in_the_next() {
    let (output, frames) = looked_at();
    output.show_panel(&plain(0)).unwrap();
    let n_dark = |frames: &[Look]| frames.iter().filter(|look| look.corner < 20).count();
    until(&frames, |frames| n_dark(frames) >= 20);
    output.show_panel(&plain(200)).unwrap();
    let is_light = |look: &&Look| (150..220).contains(&look.corner);
    let shown = until(&frames, |frames| frames.iter().filter(is_light).count() >= 20);

    let dark: Vec<usize> = shown.iter().filter(|look| look.corner < 20).map(|look| look.place).collect();
    let n_composed = dark.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(n_composed == 0, "composed {n_composed} times: {dark:?}");
    let light: Vec<usize> = shown.iter().rev().take(20).map(|look| look.place).collect();
    assert!(light.iter().all(|place| *place == light[0] && *place != dark[0]), "{light:?}");
}

#[test]
fn the_frame_around_a_call_alone_breathes() {
    let (output, frames) = looked_at();
    output.show_panel(&plain(0)).unwrap();
    let is_dark = |look: &Look| look.corner < 20;
    let n_before = until(&frames, |frames| frames.iter().any(is_dark)).len();
    // A call of dark ground with a light frame.
    let mut call = plain(60);
    for (nth, pixel) in call.rgba.chunks_exact_mut(4).enumerate() {
        let (x, y) = (nth % 1920, nth / 1920);
        if !(24..1896).contains(&x) || !(24..1056).contains(&y) {
            pixel.fill(255);
        }
    }
    output.show_call(&call).unwrap();
    let is_out = |look: &Look| (100..150).contains(&look.corner);
    let is_in = |look: &Look| look.corner > 230;
    // Out, in, and out again.
    let shown = until(&frames, |frames| {
        let mut after = frames.iter().skip(n_before).skip_while(|look| !is_out(look)).skip_while(|look| !is_in(look));
        after.any(is_out)
    });
    let called: Vec<&Look> = shown.iter().skip(n_before).skip_while(|look| is_dark(look)).collect();
    assert!(is_in(called[0]), "{:?}", called[0]);
    let ground = called[0].within;
    assert!((40..80).contains(&ground), "{ground}");
    assert!(called.iter().all(|look| look.within == ground && look.corner > 100), "{called:?}");
}
