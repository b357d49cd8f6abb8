//! What the mixer copies, and what it does not.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use machiai_panel::{Layout, Pixels};

use crate::canvas::Canvas;
use crate::output::{Composed, Output, Sink};

/// Luma at the lower right of each frame, and where the frame lies in memory.
type Frames = Arc<(Mutex<Vec<(u8, usize)>>, Condvar)>;

fn until(frames: &Frames, is: impl Fn(&[(u8, usize)]) -> bool) -> Vec<(u8, usize)> {
    let waits = |frames: &mut Vec<(u8, usize)>| !is(frames);
    let (frames, late) = frames.1.wait_timeout_while(frames.0.lock().unwrap(), Duration::from_secs(30), waits).unwrap();
    assert!(!late.timed_out(), "only {frames:?}");
    frames.clone()
}

fn plain(grey: u8) -> Pixels {
    Pixels { width: 1920, height: 1080, rgba: [grey, grey, grey, 255].repeat(1920 * 1080) }
}

#[test]
fn a_frame_like_the_one_before_is_not_composed_again_and_a_new_picture_is_seen_in_the_next() {
    let frames = Frames::default();
    let kept = Arc::clone(&frames);
    let take = move |composed: Composed<'_>| {
        if let Composed::Frame(_, i420) = composed {
            kept.0.lock().unwrap().push((i420[1920 * 1080 - 1], i420.as_ptr().addr()));
            kept.1.notify_all();
        }
    };
    let output = Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take))).unwrap();
    output.show_panel(&plain(0)).unwrap();
    let n_dark = |frames: &[(u8, usize)]| frames.iter().filter(|(luma, _)| *luma < 20).count();
    until(&frames, |frames| n_dark(frames) >= 20);
    output.show_call(&plain(200)).unwrap();
    let shown = until(&frames, |frames| frames.iter().filter(|(luma, _)| (150..220).contains(luma)).count() >= 20);

    let dark: Vec<usize> = shown.iter().filter(|(luma, _)| *luma < 20).map(|(_, place)| *place).collect();
    let n_composed = dark.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(n_composed == 0, "composed {n_composed} times: {dark:?}");
    let light: Vec<usize> = shown.iter().rev().take(20).map(|(_, place)| *place).collect();
    assert!(light.iter().all(|place| *place == light[0] && *place != dark[0]), "{light:?}");
}
