//! Programs that speak, hang, fail or are missing.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::*;

fn spoken(lang: Lang, text: &str) -> Spoken {
    Spoken { lang, text: text.to_owned() }
}

fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    std::fs::File::create(path).unwrap().write_all(bytes.as_ref()).unwrap();
}

/// Makes a folder of programs that are these scripts, with whatever a Japanese voice asks for.
fn paths(folder: &Path, scripts: &[(&str, &str)]) -> VoicePaths {
    for (name, script) in scripts {
        let path = folder.join(name);
        write(&path, format!("#!/bin/sh\n{script}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::create_dir_all(folder.join("voices/mei")).unwrap();
    write(folder.join("voices/mei/mei.htsvoice"), "");
    VoicePaths {
        clips: Some(folder.join("clips")),
        programs: vec![folder.to_owned()],
        voices: vec![folder.join("voices")],
        dictionary: folder.to_owned(),
    }
}

/// Returns a WAV file of so many samples of one value.
fn wav(n_samples: u32, value: i16) -> Vec<u8> {
    let n_bytes = n_samples * 2;
    let mut wav = [b"RIFF", (36 + n_bytes).to_le_bytes().as_slice(), b"WAVEfmt "].concat();
    for (value, n) in [(16, 4), (1, 2), (1, 2), (48_000, 4), (96_000, 4), (2, 2), (16, 2)] {
        wav.extend(&u32::to_le_bytes(value)[..n]);
    }
    wav.extend([b"data", n_bytes.to_le_bytes().as_slice()].concat());
    wav.extend((0..n_samples).flat_map(|_| value.to_le_bytes()));
    wav
}

/// Says texts as one announcement, and returns the bytes of each piece.
fn said(voice: &Voice, id: u64, texts: &[Spoken]) -> Vec<usize> {
    assert!(voice.ask(id, &Speech::of(texts)));
    let mut pieces = Vec::new();
    loop {
        match voice.came.recv_timeout(Duration::from_secs(20)).unwrap() {
            Came::Piece(of, samples) => {
                assert_eq!(of, id);
                pieces.push(samples.size());
            }
            Came::Whole(of) => {
                assert_eq!(of, id);
                return pieces;
            }
        }
    }
}

#[test]
fn a_clip_goes_before_a_program_and_a_text_is_made_once() {
    gst::init().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made");
    write(folder.path().join("4800.wav"), wav(4_800, 9_000));
    let script = format!("cat > {0}; cat {1}/4800.wav", made.display(), folder.path().display());
    let paths = paths(folder.path(), &[("open_jtalk", &script)]);
    let clip = spoken(Lang::Ja, "七番のかた");
    let at = folder.path().join("clips").join(name_of(&clip));
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    write(&at, wav(9_600, 9_000));

    let voice = Voice::start(paths).unwrap();
    assert_eq!(voice.languages(), [Lang::Ja]);
    let texts = [clip, spoken(Lang::Ja, "八番のかた")];
    // F32 of two channels: eight bytes a sample.
    assert_eq!(said(&voice, 1, &texts), [9_600 * 8, 4_800 * 8]);
    assert_eq!(std::fs::read_to_string(&made).unwrap(), "八番のかた");
    std::fs::remove_file(&made).unwrap();
    assert_eq!(said(&voice, 2, &texts), [9_600 * 8, 4_800 * 8]);
    assert!(!made.exists(), "it was made again");
}

#[test]
fn a_program_that_hangs_fails_or_babbles_costs_its_own_piece_alone() {
    gst::init().unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path().join("480.wav"), wav(480, 9_000));
    let good = format!("cat {}/480.wav", folder.path().display());
    let english = spoken(Lang::En, "Number seven");
    // What a script starts holds its output open too.
    for bad in ["sleep 60; true", "exit 1", "echo none of a recording", "yes 123456789", "kill -9 $$"] {
        let voice = Voice::start(paths(folder.path(), &[("open_jtalk", bad), ("espeak-ng", &good)])).unwrap();
        assert_eq!(voice.languages(), [Lang::Ja, Lang::En]);
        let texts = [spoken(Lang::Ja, "七番のかた"), english.clone()];
        assert_eq!(said(&voice, 1, &texts), [480 * 8], "{bad}");
        assert_eq!(voice.languages(), [Lang::En], "{bad}");
    }
}

#[test]
fn without_a_voice_or_a_dictionary_nothing_is_claimed_and_nothing_said() {
    gst::init().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let whole = paths(folder.path(), &[("open_jtalk", "true")]);
    let without = [
        VoicePaths { voices: vec![folder.path().join("clips")], ..whole.clone() },
        VoicePaths { dictionary: folder.path().join("none"), ..whole.clone() },
        VoicePaths { programs: Vec::new(), ..whole },
        VoicePaths::default(),
    ];
    for paths in without {
        let voice = Voice::start(paths).unwrap();
        assert_eq!(voice.languages(), []);
        assert_eq!(said(&voice, 1, &[spoken(Lang::Ja, "七番のかた")]), [0_usize; 0]);
    }
}

#[test]
fn a_program_has_an_empty_environment() {
    gst::init().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let script = format!("/usr/bin/env > {}", seen.display());
    let voice = Voice::start(paths(folder.path(), &[("espeak-ng", &script)])).unwrap();
    said(&voice, 1, &[spoken(Lang::En, "Number seven")]);
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert!(!seen.contains("HOME=") && !seen.contains("CARGO"), "{seen}");
}
