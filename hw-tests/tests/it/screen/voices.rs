//! Calls are heard: the chime at once, what is said after it, one announcement after the other, the film quiet meanwhile.
//!
//! What is said is a tone here, each text its own, so that what is heard at any moment can be told apart.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gstreamer::ClockTime;
use machiai_core::facts::Lang;
use machiai_core::speech::Spoken;
use machiai_hw_tests::demo::daemon::SITE;
use machiai_hw_tests::demo::stopwatch::Stopwatch;
use machiai_hw_tests::films::Film;
use machiai_panel::Layout;
use machiai_panel::link::Speech;
use machiai_screen::canvas::Canvas;
use machiai_screen::lamp::Lamp;
use machiai_screen::output::{Composed, Output, Sink};
use machiai_screen::playout::{Playout, Told};
use machiai_screen::voice::{Voice, VoicePaths, name_of};
use serde_json::json;

use super::monitor::Monitor;
use super::press;

/// Samples a second.
const RATE: usize = 48_000;

/// How finely it is told what is heard: a fiftieth of a second has whole periods of every tone but the chime's.
const WINDOW: usize = RATE / 50;

/// The tones of a film, far from all others, and of the chime's beginning, in hertz.
const FILM: f32 = 6_000.0;
const CHIME: f32 = 659.26;

/// How long after it was announced a call may begin to be heard.
const HEARD_WITHIN: f64 = 0.150;

/// What was heard, by the moment of its first sample on the output's clock, in samples.
type Heard = Arc<Mutex<BTreeMap<u64, Vec<f32>>>>;

/// An output whose sound is kept.
struct Ears {
    output: Arc<Output>,
    heard: Heard,
    stop: Arc<AtomicBool>,
}

impl Drop for Ears {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Ears {
    fn open(voices: VoicePaths) -> Self {
        let heard = Heard::default();
        let kept = Arc::clone(&heard);
        let take = move |composed: Composed<'_>| match composed {
            Composed::Frame(..) => {}
            Composed::Sound(at, bytes) => {
                let left = bytes.chunks_exact(8).map(|both| f32::from_le_bytes(both[..4].try_into().unwrap()));
                let at = (at.nseconds() * RATE as u64 + 500_000_000) / 1_000_000_000;
                kept.lock().unwrap().insert(at, left.collect());
            }
        };
        let output = Output::start(Canvas::of(Layout::Landscape), &Sink::Handed(Arc::new(take))).unwrap();
        output.speak_with(Voice::start(voices).unwrap());
        let (output, stop) = (Arc::new(output), Arc::<AtomicBool>::default());
        let (sounding, stopped) = (Arc::clone(&output), Arc::clone(&stop));
        // As a screen does it, however long it takes to look at what was heard.
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                sounding.sound();
                std::thread::park_timeout(Duration::from_millis(15));
            }
        });
        Self { output, heard, stop }
    }

    /// Lets it sound until something is true of all that was heard.
    fn until(&self, what: &str, is: impl Fn(&Sounds) -> bool) -> Sounds {
        let watch = Stopwatch::start();
        let mut sounds = self.sounds();
        while watch.read() < Duration::from_secs(30) {
            if is(&sounds) {
                return sounds;
            }
            std::thread::park_timeout(Duration::from_millis(10));
            sounds = self.sounds();
        }
        panic!("never heard: {what}, but chimes {:?} until {} s", sounds.spans(CHIME), sounds.until_s());
    }

    fn sounds(&self) -> Sounds {
        let heard = self.heard.lock().unwrap();
        let first = heard.keys().next().copied().unwrap_or_default();
        let mut samples = Vec::new();
        for (at, piece) in heard.iter() {
            samples.resize(usize::try_from(at - first).unwrap(), 0.0);
            samples.extend(piece);
        }
        Sounds { from_s: first as f64 / RATE as f64, samples }
    }

    fn now_s(&self) -> f64 {
        seconds(self.output.now())
    }
}

fn seconds(at: ClockTime) -> f64 {
    at.nseconds() as f64 / 1e9
}

/// Sound from a moment on.
struct Sounds {
    from_s: f64,
    samples: Vec<f32>,
}

impl Sounds {
    fn until_s(&self) -> f64 {
        self.from_s + self.samples.len() as f64 / RATE as f64
    }

    /// Which sample belongs to a moment.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test, from zero on")]
    fn nth_at(&self, moment_s: f64) -> usize {
        ((moment_s - self.from_s).max(0.0) * RATE as f64) as usize
    }

    /// When anything is heard for the first time after a moment.
    fn first_after(&self, moment_s: f64) -> Option<f64> {
        let from = self.nth_at(moment_s);
        let at = self.samples.get(from..)?.iter().position(|sample| sample.abs() > 0.005)?;
        Some(self.from_s + (from + at) as f64 / RATE as f64)
    }

    /// How loud a tone is in each window, with the window's beginning: Goertzel's way.
    fn tone(&self, hertz: f32) -> Vec<(f64, f32)> {
        let turn = 2.0 * (std::f32::consts::TAU * hertz / RATE as f32).cos();
        let windows = self.samples.chunks_exact(WINDOW).enumerate();
        let loud = windows.map(|(nth, window)| {
            let (last, before) =
                window.iter().fold((0.0, 0.0), |(last, before), sample| (sample + turn * last - before, last));
            let power = last * last + before * before - turn * last * before;
            (self.from_s + (nth * WINDOW) as f64 / RATE as f64, 2.0 * power.max(0.0).sqrt() / WINDOW as f32)
        });
        loud.collect()
    }

    /// From when until when a tone is heard, each time.
    fn spans(&self, hertz: f32) -> Vec<(f64, f64)> {
        let mut spans: Vec<(f64, f64)> = Vec::new();
        let window_s = WINDOW as f64 / RATE as f64;
        for (at, _) in self.tone(hertz).into_iter().filter(|(_, loud)| *loud > 0.1) {
            match spans.last_mut() {
                Some((_, until)) if at - *until < 0.1 => *until = at + window_s,
                _ => spans.push((at, at + window_s)),
            }
        }
        spans
    }

    /// How loud the film is between two moments, at the least and the most.
    fn film(&self, from_s: f64, until_s: f64) -> (f32, f32) {
        let tones = self.tone(FILM).into_iter().filter(|(at, _)| (from_s..until_s).contains(at)).map(|(_, loud)| loud);
        tones.fold((f32::MAX, 0.0), |(least, most), loud| (least.min(loud), most.max(loud)))
    }
}

fn spoken(text: &str) -> Spoken {
    Spoken { lang: Lang::Ja, text: text.to_owned() }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

/// Records a tone of a second as what is said for a text.
#[expect(clippy::cast_possible_truncation, reason = "a second of samples")]
fn record(clips: &Path, text: &str, hertz: f32) {
    let n_bytes = (RATE * 2) as u32;
    let mut wav = [b"RIFF", (36 + n_bytes).to_le_bytes().as_slice(), b"WAVEfmt "].concat();
    for (value, n) in [(16, 4), (1, 2), (1, 2), (RATE as u32, 4), (RATE as u32 * 2, 4), (2, 2), (16, 2)] {
        wav.extend(&u32::to_le_bytes(value)[..n]);
    }
    wav.extend([b"data", n_bytes.to_le_bytes().as_slice()].concat());
    let sample = |nth: usize| (10_000.0 * (nth as f32 * hertz * std::f32::consts::TAU / RATE as f32).sin()) as i16;
    wav.extend((0..RATE).flat_map(|nth| sample(nth).to_le_bytes()));
    write(&clips.join(name_of(&spoken(text))), &wav);
}

#[test]
fn two_calls_at_once_are_heard_in_turn_over_a_quiet_film_and_a_hushed_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    for (text, hertz) in [("one", 2_000.0), ("two", 3_000.0), ("three", 4_000.0)] {
        record(folder.path(), text, hertz);
    }
    let ears = Ears::open(VoicePaths { clips: Some(folder.path().to_owned()), ..VoicePaths::default() });
    let film = folder.path().join("film.mp4");
    Film { tone_hertz: 6_000, ..Film::of(31, 540) }.write(&film).unwrap();
    let playout = Playout::start(Arc::clone(&ears.output)).unwrap();
    playout.cue(1, &film, None).unwrap();
    let sounds = ears.until("a film", |sounds| sounds.tone(FILM).iter().filter(|(_, loud)| *loud > 0.1).count() > 50);
    let asked_s = ears.now_s();
    let loud = sounds.film(sounds.until_s() - 0.5, sounds.until_s()).1;
    for (id, text) in [(1, "one"), (2, "three"), (3, "two")] {
        ears.output.announce(id, &Speech::of(&[spoken(text)]));
    }
    ears.output.hush(2);
    let over = |sounds: &Sounds| sounds.spans(3_000.0).last().is_some_and(|(_, until)| until + 1.5 < sounds.until_s());
    let sounds = ears.until("the second call, and the film after it", over);

    let (chimes, one, two) = (sounds.spans(CHIME), sounds.spans(2_000.0), sounds.spans(3_000.0));
    assert_eq!((chimes.len(), one.len(), two.len()), (2, 1, 1), "{chimes:?} {one:?} {two:?}");
    assert_eq!(sounds.spans(4_000.0), [], "what was hushed was said");
    assert!(chimes[0].0 - asked_s < HEARD_WITHIN, "{} after {asked_s}", chimes[0].0);
    let in_turn = [chimes[0], one[0], chimes[1], two[0]];
    assert!(in_turn.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{in_turn:?}");
    assert!(chimes[1].0 - one[0].1 < 0.5, "the second call did not follow: {in_turn:?}");
    let (_, ducked) = sounds.film(asked_s + 0.4, two[0].1 - 0.04);
    assert!(ducked < loud * 0.2, "the film is heard at {ducked} of {loud} beside a call");
    let (back, _) = sounds.film(two[0].1 + 0.7, two[0].1 + 1.4);
    assert!(back > loud * 0.9, "the film came back to {back} of {loud}");
}

#[test]
fn a_film_that_begins_under_a_call_is_heard_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    Film { tone_hertz: 6_000, ..Film::of(31, 150) }.write(&film).unwrap();
    let ears = Ears::open(VoicePaths::default());
    let playout = Playout::start(Arc::clone(&ears.output)).unwrap();
    ears.until("silence", |sounds| sounds.until_s() - sounds.from_s > 0.3);
    ears.output.announce(1, &Speech::of(&[]));
    ears.until("the chime", |sounds| !sounds.spans(CHIME).is_empty());
    playout.cue(1, &film, None).unwrap();
    // The film is longer than the chime, and louder after it.
    let sounds = ears.until("the film", |sounds| sounds.tone(FILM).iter().any(|(_, loud)| *loud > 0.1));
    let first_s = sounds.tone(FILM).into_iter().find(|(_, loud)| *loud > 0.005).unwrap().0;
    let began =
        playout.told().into_iter().find_map(|told| if let Told::Begun { at, .. } = told { Some(at) } else { None });
    let began_s = seconds(began.unwrap());
    assert!((first_s - began_s).abs() < 0.1, "seen at {began_s} s and heard at {first_s} s");
}

#[test]
fn a_voice_that_hangs_or_is_missing_costs_nothing_but_the_speech() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("open_jtalk");
    write(&script, b"#!/bin/sh\nsleep 60; true\n");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    write(&folder.path().join("voices/mei.htsvoice"), b"");
    let hanging = VoicePaths {
        clips: None,
        programs: vec![folder.path().to_owned()],
        voices: vec![folder.path().join("voices")],
        dictionary: folder.path().to_owned(),
    };
    for voices in [hanging, VoicePaths::default()] {
        let ears = Ears::open(voices);
        ears.until("silence", |sounds| sounds.until_s() - sounds.from_s > 0.3);
        let (asked_s, n_before) = (ears.now_s(), ears.output.n_composed());
        ears.output.announce(1, &Speech::of(&[spoken("one")]));
        ears.output.announce(2, &Speech::of(&[spoken("two")]));
        let sounds = ears.until("two chimes", |sounds| sounds.spans(CHIME).len() == 2);
        let first_s = sounds.first_after(asked_s).unwrap();
        assert!(first_s - asked_s < HEARD_WITHIN, "the chime is heard {} s late", first_s - asked_s);
        let passed_s = ears.now_s() - asked_s;
        let n_frames = ears.output.n_composed() - n_before;
        assert!(n_frames as f64 > passed_s * 25.0, "{n_frames} frames in {passed_s} s");
        assert!(ears.output.fault().is_none());
    }
}

/// Returns the voice that `make voice` leaves, with Debian's programs.
fn real() -> VoicePaths {
    let voice = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target").join("voice");
    assert!(voice.join("mei_normal.htsvoice").is_file(), "there is no voice, type: make voice");
    VoicePaths { voices: vec![voice], ..VoicePaths::debian() }
}

#[test]
fn installed_voices_speak_after_the_chime_and_come_to_an_end() {
    let ears = Ears::open(real());
    assert_eq!(ears.output.voices(), [Lang::Ja, Lang::En]);
    ears.until("silence", |sounds| sounds.until_s() - sounds.from_s > 0.3);
    let asked_s = ears.now_s();
    let english = Spoken { lang: Lang::En, text: "Number seven, please come to room one.".to_owned() };
    let japanese = spoken("番号ふだ、ナナ番のかた、第1診察室へおはいりください。");
    ears.output.announce(1, &Speech::of(&[japanese, english]));
    let quiet_since = |sounds: &Sounds, s: f64| sounds.first_after(sounds.until_s() - s).is_none();
    // Both sentences are longer than three seconds together, and nothing pauses for two.
    let is_over = |sounds: &Sounds| sounds.until_s() > asked_s + 4.6 && quiet_since(sounds, 2.0);
    let sounds = ears.until("the end of the speech", is_over);
    let chime_over = sounds.nth_at(asked_s + 1.75);
    let speech = &sounds.samples[chime_over..];
    let n_loud = speech.iter().filter(|sample| sample.abs() > 0.02).count();
    assert!(n_loud > RATE, "only {n_loud} samples of speech");
    let loudest = speech.iter().fold(0.0_f32, |most, sample| most.max(sample.abs()));
    assert!((0.2..0.99).contains(&loudest), "the loudest is {loudest}");
    assert!(sounds.until_s() < asked_s + 20.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desks_call_is_spoken_in_the_patients_languages_and_the_status_names_the_voices() {
    let folder = super::pictures("voices");
    let clips = tempfile::tempdir().unwrap();
    let japanese = "番号ふだ、ヒャクイチ番のかた、第1診察室へおはいりください。";
    record(clips.path(), japanese, 2_000.0);
    let english = Spoken { lang: Lang::En, text: "Number one hundred and one, please come to Room 1.".to_owned() };
    std::fs::create_dir_all(clips.path().join("en")).unwrap();
    record(clips.path(), &english.text, 3_000.0);
    std::fs::rename(clips.path().join(name_of(&spoken(&english.text))), clips.path().join(name_of(&english))).unwrap();
    let mut stage = super::stage(&folder).await;
    let socket: PathBuf = stage.daemon.state().join("screen.sock");
    let voices = VoicePaths { clips: Some(clips.path().to_owned()), ..VoicePaths::default() };
    let mut monitor = Monitor::start_with(socket, voices, Lamp::default());
    monitor.latest.until("a board", |_| true);
    press(&mut stage, &format!("lines/{SITE}-1/open"), json!({"session": "morning"})).await;
    press(&mut stage, &format!("lines/{SITE}-1/tickets"), json!({"channel": "desk", "lang": "ko"})).await;
    press(&mut stage, "rooms/room1/call", json!({})).await;
    let heard = |hertz: f32| {
        let sounds = Sounds { from_s: 0.0, samples: monitor.heard.lock().unwrap().clone() };
        sounds.spans(hertz).into_iter().find(|(from, until)| until - from > 0.9)
    };
    monitor.latest.until("the call in English", |_| heard(3_000.0).is_some());
    let (japanese, english) = (heard(2_000.0).unwrap(), heard(3_000.0).unwrap());
    // The window in which the one ends and the other begins has both.
    assert!(japanese.1 <= english.0 + 0.021, "{japanese:?}, then {english:?}");
    let status = stage.api.get("status").await.unwrap();
    assert_eq!(status["screens"]["monitor1"]["voices"], json!(["ja", "en"]), "{status}");
    monitor.end();
}
