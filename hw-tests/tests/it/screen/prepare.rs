//! Films of every kind are prepared, or refused with the reason; what is prepared plays picture by picture.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use machiai_hw_tests::films::{Coding, Film, Odd, Seen, jpeg_size};
use machiai_panel::film::{Findings, Line, Order, Reason};
use machiai_panel::link::End;
use machiai_screen::prepare::carry_out;
use rstest::rstest;

use super::joins::{Screen, ends};

/// The landscape's film region.
const ORDER: Order = Order { width_px: 1280, height_px: 720, most_ms: 600_000 };

fn lines(film: &Path, order: &Order, prepared: &Path) -> Vec<Line> {
    let mut said = Vec::new();
    let (film, prepared) = (File::open(film).unwrap(), File::create(prepared).unwrap());
    carry_out(order, (&film, &prepared), &mut said).unwrap();
    said.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn answer(film: &Path, order: &Order) -> Line {
    lines(film, order, &film.with_extension("prepared")).pop().unwrap()
}

fn findings(film: &Path) -> Findings {
    match answer(film, &ORDER) {
        Line::Prepared(findings) => findings,
        other @ (Line::Working { .. } | Line::Refused(_) | Line::Stuck | Line::Failed(_) | Line::Died { .. }) => {
            panic!("{other:?}")
        }
    }
}

/// Returns the width and height that the small picture's own head tells (JPEG: the frame header, SOF0).
fn size_of(found: &Findings) -> (u16, u16) {
    let jpeg = gstreamer::glib::base64_decode(found.picture.as_ref().expect("a picture"));
    assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.len() < 120_000, "{} bytes", jpeg.len());
    jpeg_size(&jpeg).expect("a frame header")
}

fn refused(film: &Path) -> Reason {
    match answer(film, &ORDER) {
        Line::Refused(refused) => refused.reason,
        other @ (Line::Working { .. } | Line::Prepared(_) | Line::Stuck | Line::Failed(_) | Line::Died { .. }) => {
            panic!("{other:?}")
        }
    }
}

fn written(folder: &tempfile::TempDir, film: Film) -> PathBuf {
    let path = folder.path().join(format!("{}.film", film.clip));
    film.write(&path).unwrap();
    path
}

fn put(folder: &tempfile::TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("bad.film");
    File::create(&path).unwrap().write_all(bytes).unwrap();
    path
}

#[rstest]
#[case::as_the_region(Film::of(1, 45), 45, "H.264")]
#[case::full_hd(Film { size: (1920, 1080), ..Film::of(2, 45) }, 45, "H.264")]
#[case::of_25_a_second(Film { per_s: 25, ..Film::of(3, 50) }, 60, "H.264")]
#[case::silent(Film { sounds: false, ..Film::of(4, 30) }, 30, "H.264")]
#[case::webm(Film { coding: Coding::WebM, ..Film::of(5, 30) }, 30, "VP9")]
#[case::ten_bits(Film { coding: Coding::TenBits, ..Film::of(6, 30) }, 30, "H.264")]
fn a_good_film_is_prepared_and_plays_picture_by_picture(
    #[case] film: Film,
    #[case] n_prepared: u64,
    #[case] codec: &str,
) {
    let screen = Screen::start();
    let path = written(&screen.folder, film);
    let found = findings(&path);
    assert_eq!((found.n_frames, found.n_prepared), (u64::from(film.n_frames), n_prepared));
    assert_eq!(u64::from(found.duration_ms), n_prepared * 1_000 / 30);
    assert_eq!((found.width_px as usize, found.height_px as usize), film.size);
    assert!(found.picture_codec.contains(codec), "{found:?}");
    assert_eq!(found.frames_per_s, format!("{}/1", film.per_s));
    assert_eq!((found.sound_codec.is_some(), found.loudness_lufs.is_some()), (film.sounds, film.sounds));
    assert_eq!(size_of(&found), (320, 180), "the picture by which staff know it");

    screen.playout.cue(1, &path.with_extension("prepared"), None).unwrap();
    assert_eq!(ends(&screen.until_over(1)), [(1, n_prepared, End::Whole)]);
    let mut shown: Vec<Seen> = screen.pictures().into_iter().map(|(_, seen)| seen).collect();
    shown.dedup();
    let expected: Vec<Seen> = (0..film.n_frames).map(|frame| Seen::Picture { clip: film.clip, frame }).collect();
    assert_eq!(shown, expected);
}

#[rstest]
#[case::png(Odd::Png, ("PNG", (640, 480)), (640, 480))]
#[case::jpeg(Odd::Jpeg, ("jpeg", (2400, 1600)), (640, 427))]
fn a_still_becomes_a_film_of_one_picture_and_may_be_a_photo(
    #[case] still: Odd,
    #[case] (codec, size): (&str, (u32, u32)),
    #[case] photo: (u16, u16),
) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("still");
    still.write(&path).unwrap();
    let found = findings(&path);
    assert_eq!((found.duration_ms, found.n_frames, found.n_prepared), (0, 1, 1));
    assert_eq!((found.width_px, found.height_px), size);
    assert_eq!(size_of(&found), photo, "without borders, and not larger than it came");
    assert!(found.picture_codec.to_lowercase().contains(&codec.to_lowercase()), "{found:?}");
}

#[test]
fn a_loud_film_and_a_prepared_one_are_heard_alike() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, Film::of(1, 60));
    let loud = findings(&path);
    assert!(loud.gain_db < -1.0, "{loud:?}");
    let again = path.with_extension("again");
    std::fs::rename(path.with_extension("prepared"), &again).unwrap();
    let evened = findings(&again);
    assert!((evened.loudness_lufs.unwrap() + 24.0).abs() < 0.5, "{evened:?}");
    assert!(evened.gain_db.abs() < 0.5, "{evened:?}");
}

#[rstest]
#[case::eight_k(Odd::EightK, Reason::TooLarge)]
#[case::ten_hours(Odd::TenHours, Reason::TooLong)]
#[case::no_picture(Odd::SoundOnly, Reason::NoPicture)]
fn what_this_machine_does_not_play_is_refused(#[case] odd: Odd, #[case] expected: Reason) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd");
    odd.write(&path).unwrap();
    assert_eq!(refused(&path), expected);
}

#[test]
fn a_broken_film_is_refused_for_what_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let good = std::fs::read(written(&folder, Film { coding: Coding::TableFirst, ..Film::of(1, 90) })).unwrap();
    let late = std::fs::read(written(&folder, Film::of(2, 90))).unwrap();
    let noise: Vec<u8> = (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let mut middle = good.clone();
    let (from, to) = (good.len() * 4 / 10, good.len() * 6 / 10);
    middle[from..to].copy_from_slice(&noise[..to - from]);
    let named = |name: &[u8; 4]| {
        let mut bytes = good.clone();
        let at = bytes.windows(4).position(|window| window == name).unwrap();
        bytes[at..at + 4].copy_from_slice(b"zzzz");
        bytes
    };
    for (bytes, expected) in [
        (Vec::new(), Reason::Empty),
        (noise.clone(), Reason::NotAFilm),
        (b"A letter to the clinic.\n".repeat(99), Reason::NotAFilm),
        (
            b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n".to_vec(),
            Reason::UnknownCodec,
        ),
        (good[..good.len() * 6 / 10].to_vec(), Reason::CutShort),
        (late[..late.len() / 2].to_vec(), Reason::Damaged),
        (middle, Reason::Damaged),
        (named(b"avc1"), Reason::UnknownCodec),
        (named(b"mp4a"), Reason::UnknownCodec),
    ] {
        assert_eq!(refused(&put(&folder, &bytes)), expected);
    }
}

#[test]
fn a_film_longer_than_is_ordered_is_refused_and_one_as_long_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(&folder, Film { sounds: false, ..Film::of(1, 60) });
    let for_ms = |most_ms| answer(&path, &Order { most_ms, ..ORDER });
    assert!(matches!(for_ms(1_999), Line::Refused(refused) if refused.reason == Reason::TooLong));
    assert!(matches!(for_ms(2_000), Line::Prepared(_)));
}

#[test]
fn any_byte_of_a_films_head_may_be_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let small = Film { size: (320, 180), sounds: false, coding: Coding::TableFirst, ..Film::of(1, 6) };
    let good = std::fs::read(written(&folder, small)).unwrap();
    for at in (0..400).step_by(37) {
        let mut bytes = good.clone();
        bytes[at] ^= 0xff;
        let line = answer(&put(&folder, &bytes), &ORDER);
        assert!(matches!(line, Line::Prepared(_) | Line::Refused(_)), "byte {at}: {line:?}");
    }
}
