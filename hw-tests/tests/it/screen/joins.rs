//! Films follow one another on the output's grid: no picture is missing, repeated or black, whatever a bad file does.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use machiai_panel::link::End;
use machiai_panel::{Layout, Pixels};
use machiai_screen::canvas::Canvas;
use machiai_screen::output::{Composed, Output, Sink};
use machiai_screen::playout::{Playout, Told};

use machiai_hw_tests::films::{Film, Seen, read};

/// A screen whose composed frames are read.
pub(super) struct Screen {
    output: Arc<Output>,
    pub(super) playout: Playout,
    seen: Arc<Mutex<Vec<(u64, Seen)>>>,
    pub(super) folder: tempfile::TempDir,
}

impl Screen {
    pub(super) fn start() -> Self {
        let canvas = Canvas::of(Layout::Landscape);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let take = move |composed: Composed<'_>| match composed {
            Composed::Frame(at, i420) => kept.lock().unwrap().push((at.nseconds(), read(i420, 1920))),
            Composed::Sound(..) => {}
        };
        let output = Arc::new(Output::start(canvas, &Sink::Handed(Arc::new(take))).unwrap());
        let rgba = [200, 190, 180, 255].repeat(1920 * 1080);
        output.show_panel(&Pixels { width: 1920, height: 1080, rgba }).unwrap();
        let playout = Playout::start(Arc::clone(&output)).unwrap();
        Self { output, playout, seen, folder: tempfile::tempdir().unwrap() }
    }

    fn film(&self, film: Film) -> PathBuf {
        let path = self.folder.path().join(format!("{}.mp4", film.clip));
        film.write(&path).unwrap();
        path
    }

    /// Waits until so many items are over, and returns all that was told.
    pub(super) fn until_over(&self, n_items: usize) -> Vec<Told> {
        let mut n_looks = 0;
        let mut told = Vec::new();
        let n_over = |told: &[Told]| told.iter().filter(|one| matches!(one, Told::Ended { .. })).count();
        while n_over(&told) < n_items {
            assert!(n_looks < 3_000, "only {told:?}");
            n_looks += 1;
            assert!(self.output.fault().is_none(), "{:?}", self.output.fault());
            told.extend(self.playout.told());
            std::thread::park_timeout(Duration::from_millis(20));
        }
        told
    }

    /// Returns the pictures that were composed from the first film's to the last one's.
    pub(super) fn pictures(&self) -> Vec<(u64, Seen)> {
        let seen = self.seen.lock().unwrap();
        let is_film = |(_, seen): &(u64, Seen)| matches!(seen, Seen::Picture { .. });
        let (first, last) = (seen.iter().position(is_film).unwrap(), seen.iter().rposition(is_film).unwrap());
        seen[first..=last].to_vec()
    }
}

pub(super) fn ends(told: &[Told]) -> Vec<(u64, u64, End)> {
    let ended = told.iter().filter_map(|one| match one {
        Told::Ended { id, n_frames, end, .. } => Some((*id, *n_frames, end.clone())),
        Told::Begun { .. } | Told::Shown { .. } => None,
    });
    ended.collect()
}

#[test]
fn good_films_follow_one_another_picture_by_picture() {
    let screen = Screen::start();
    let films = [Film::of(1, 45), Film { sounds: false, ..Film::of(2, 31) }, Film::of(3, 60)];
    for film in films {
        screen.playout.cue(u64::from(film.clip), &screen.film(film), None).unwrap();
    }
    let told = screen.until_over(3);
    assert_eq!(ends(&told), [(1, 45, End::Whole), (2, 31, End::Whole), (3, 60, End::Whole)]);

    let expected: Vec<Seen> = films
        .iter()
        .flat_map(|film| (0..film.n_frames).map(|frame| Seen::Picture { clip: film.clip, frame }))
        .collect();
    let mut shown: Vec<Seen> = screen.pictures().into_iter().map(|(_, seen)| seen).collect();
    // The last picture stays until something else is shown.
    shown.truncate(expected.len());
    assert_eq!(shown, expected);
}

#[test]
fn bad_files_cost_their_own_place_and_the_last_picture_is_held() {
    let screen = Screen::start();
    let good = screen.film(Film::of(7, 40));
    let bytes = std::fs::read(&good).unwrap();
    let bad = |name: &str, bytes: &[u8]| {
        let path = screen.folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        path
    };
    let noise: Vec<u8> = (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let order: [(&str, PathBuf); 5] = [
        ("good", good.clone()),
        ("empty", bad("empty.mp4", b"")),
        ("noise", bad("noise.mp4", &noise)),
        ("headless", bad("headless.mp4", &bytes[bytes.len() / 2..])),
        ("good again", good.clone()),
    ];
    for (nth, (_, path)) in order.iter().enumerate() {
        screen.playout.cue(nth as u64, path, None).unwrap();
    }
    let missing = screen.playout.cue(9, Path::new("/there/is/no.mp4"), None);
    let n_cued = if missing.is_ok() { 6 } else { 5 };
    let told = screen.until_over(n_cued);
    let ends = ends(&told);
    for (id, n_frames, end) in &ends {
        match id {
            0 | 4 => assert_eq!((*n_frames, end), (40, &End::Whole)),
            _ => assert!(matches!(end, End::Broken { .. }) && *n_frames == 0, "{id}: {end:?}"),
        }
    }
    let pictures = screen.pictures();
    assert!(
        pictures.iter().all(|(_, seen)| matches!(seen, Seen::Picture { clip: 7, .. })),
        "never another, never black"
    );
    let gaps: Vec<u64> = pictures.windows(2).map(|pair| (pair[1].0 - pair[0].0) / 1_000_000).collect();
    assert!(gaps.iter().all(|gap_ms| *gap_ms <= 34), "{gaps:?}");
}
