//! Films follow one another on the output's grid: no picture is missing, repeated or black, whatever a bad file does.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use machiai_panel::link::End;
use machiai_panel::{Layout, Pixels};
use machiai_screen::canvas::Canvas;
use machiai_screen::item::ItemError;
use machiai_screen::output::{Composed, Output, Sink};
use machiai_screen::playout::{Playout, Told};

use machiai_hw_tests::films::{Film, Seen, luma_at, read};

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
    // Nobody writes into it: whoever opened it would wait, and the queue with him.
    let pipe = screen.folder.path().join("pipe.mp4");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(matches!(screen.playout.cue(8, &pipe, None), Err(ItemError::NoFile { .. })));
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

/// Returns a picture of one grey, as large as the film's region.
fn still(grey: u8) -> Pixels {
    Pixels { width: 1280, height: 720, rgba: [grey, grey, grey, 255].repeat(1280 * 720) }
}

#[test]
fn a_scene_is_mixed_with_its_neighbours_for_nine_frames_and_shows_nothing_else_between_them() {
    let luma = Arc::<Mutex<Vec<(u64, u8)>>>::default();
    let kept = Arc::clone(&luma);
    let place = (1270, 700);
    let take = move |composed: Composed<'_>| match composed {
        Composed::Frame(at, i420) => kept.lock().unwrap().push((at.nseconds(), luma_at(i420, 1920, place))),
        Composed::Sound(..) => {}
    };
    let output = Arc::new(Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take))).unwrap());
    // What lies under all is black, so that it would be seen.
    output.show_panel(&Pixels { width: 1920, height: 1080, rgba: [0, 0, 0, 255].repeat(1920 * 1080) }).unwrap();
    let playout = Playout::start(Arc::clone(&output)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    Film::of(5, 30).write(&path).unwrap();
    // A film of luma 120 at that place, a lighter scene, a darker one, and the film again.
    playout.cue(1, &path, None).unwrap();
    playout.cue_drawn(2, || Ok(still(250)), Duration::from_secs(1)).unwrap();
    playout.cue_drawn(3, || Ok(still(150)), Duration::from_secs(1)).unwrap();
    playout.cue(4, &path, None).unwrap();
    let mut told = Vec::new();
    for _ in 0..3_000 {
        told.extend(playout.told());
        if ends(&told).len() == 4 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(ends(&told), [(1, 30, End::Whole), (2, 1, End::Whole), (3, 1, End::Whole), (4, 30, End::Whole)]);
    let at = |wanted: u64| {
        let begun = told.iter().find_map(|one| match one {
            Told::Begun { id, at } if *id == wanted => Some(at.nseconds()),
            Told::Begun { .. } | Told::Shown { .. } | Told::Ended { .. } => None,
        });
        begun.unwrap()
    };
    let luma = luma.lock().unwrap();
    for (id, from, to) in [(2, 120, 231), (3, 231, 145), (4, 145, 120)] {
        let mixed: Vec<u8> =
            luma.iter().filter(|(moment, _)| *moment >= at(id)).map(|(_, luma)| *luma).take(10).collect();
        let between = |value: &u8| (from.min(to) - 4..=from.max(to) + 4).contains(value);
        assert!(mixed.iter().all(between), "{id}: {mixed:?}");
        let n_mixed = mixed.iter().filter(|value| value.abs_diff(from) > 1 && value.abs_diff(to) > 1).count();
        assert!((7..=9).contains(&n_mixed), "{id}: {mixed:?}");
        assert!(mixed.last().unwrap().abs_diff(to) <= 3, "{id}: {mixed:?}");
    }
    let first = luma.iter().position(|(moment, _)| *moment >= at(1)).unwrap();
    assert!(luma[first..].iter().all(|(_, luma)| *luma > 100), "what lies under them was seen");
}

#[test]
fn a_still_gives_way_at_once_to_what_is_put_in_its_place() {
    let screen = Screen::start();
    screen.playout.cue_drawn(1, || Ok(still(200)), Duration::from_secs(600)).unwrap();
    let mut told = Vec::new();
    for _ in 0..1_500 {
        told.extend(screen.playout.told());
        if told.iter().any(|one| matches!(one, Told::Begun { id: 1, .. })) {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    screen.playout.replace_all();
    screen.playout.cue(2, &screen.film(Film::of(8, 30)), None).unwrap();
    let over = screen.until_over(2);
    assert_eq!(ends(&over), [(1, 1, End::Replaced), (2, 30, End::Whole)]);
}

#[test]
fn what_is_put_in_the_place_of_a_still_that_has_not_begun_is_seen() {
    let screen = Screen::start();
    screen.playout.cue(1, &screen.film(Film { sounds: false, ..Film::of(9, 90) }), None).unwrap();
    screen.playout.cue_drawn(2, || Ok(still(200)), Duration::from_secs(600)).unwrap();
    // The film is handed in to its end by then, and the still behind it.
    let n_shown = || match screen.playout.running() {
        Some(Told::Shown { id: 1, n_frames }) => n_frames,
        Some(Told::Shown { .. } | Told::Begun { .. } | Told::Ended { .. }) | None => 0,
    };
    let mut told = Vec::new();
    for _ in 0..3_000 {
        told.extend(screen.playout.told());
        if n_shown() >= 75 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    screen.playout.replace_all();
    screen.playout.cue_drawn(3, || Ok(still(250)), Duration::from_secs(1)).unwrap();
    told.extend(screen.until_over(3));
    assert_eq!(ends(&told), [(1, 90, End::Whole), (2, 1, End::Replaced), (3, 1, End::Whole)]);
    let seen = screen.seen.lock().unwrap();
    assert_eq!(seen.last().unwrap().1, Seen::Other, "the film's last picture is seen again");
}
