//! Where a film follows a film it is not silent: the end of the one is heard under the beginning of the other.

use std::sync::{Arc, Mutex};

use machiai_hw_tests::films::Film;
use machiai_panel::Layout;
use machiai_screen::canvas::Canvas;
use machiai_screen::output::{Composed, Output, Sink};
use machiai_screen::playout::{Playout, Told};

/// Samples a millisecond.
const PER_MS: usize = 48;

#[test]
fn films_that_sound_to_their_end_leave_no_silence_between_them() {
    let heard = Arc::<Mutex<Vec<f32>>>::default();
    let kept = Arc::clone(&heard);
    let take = move |composed: Composed<'_>| match composed {
        Composed::Frame(..) => {}
        Composed::Sound(_, bytes) => {
            let left = bytes.chunks_exact(8).map(|both| f32::from_le_bytes(both[..4].try_into().unwrap()));
            kept.lock().unwrap().extend(left);
        }
    };
    let output = Arc::new(Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take))).unwrap());
    let playout = Playout::start(output).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // As long as a whole number of pieces of sound.
    for id in 1..=4 {
        let path = folder.path().join(format!("{id}.mp4"));
        Film::of(id, 48).write(&path).unwrap();
        playout.cue(u64::from(id), &path, None).unwrap();
    }
    let mut n_ended = 0;
    for _ in 0..3_000 {
        n_ended += playout.told().iter().filter(|told| matches!(told, Told::Ended { .. })).count();
        if n_ended == 4 {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    assert_eq!(n_ended, 4);

    let heard = heard.lock().unwrap();
    let is_loud = |sample: &f32| sample.abs() > 0.02;
    let (first, last) = (heard.iter().position(is_loud).unwrap(), heard.iter().rposition(is_loud).unwrap());
    assert!(last - first > 6_300 * PER_MS, "only {} ms were heard", (last - first) / PER_MS);
    let silent = heard[first..=last].split(is_loud).map(<[f32]>::len).max().unwrap();
    assert!(silent < 12 * PER_MS, "silent for {} ms", silent / PER_MS);
}
