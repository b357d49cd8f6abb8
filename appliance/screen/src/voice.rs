//! The voice: recorded clips, or a program that is installed; where there is none, a call is the chime alone.
//!
//! A clip is the file `<language>/<blake3 of the text>.wav`, such as `ja/0f3a….wav`, in the folder of clips. Of programs
//! `open_jtalk` speaks Japanese with the first `.htsvoice` that is found, and `espeak-ng` English. A program is handed the
//! text and nothing else, and may take no longer than [`MADE_WITHIN`]: one that hangs, fails or is missing costs the
//! speech, never the chime or the picture.

mod program;
mod samples;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use machiai_panel::link::Speech;
use machiai_panel::{Lang, Spoken};
use thiserror::Error;

use program::Program;

/// How long a program may take for one text.
pub const MADE_WITHIN: std::time::Duration = std::time::Duration::from_secs(3);

/// The longest recording or spoken text that is taken, in bytes: a minute as 16 bits of two channels at 48 kHz.
const MAX_WAV_BYTES: u64 = 60 * 48_000 * 4;

/// Announcements that may wait for their voice; those beyond are heard as the chime alone.
const MOST_ASKED: usize = 16;

/// What is kept of what was said, in bytes as it is mixed: about eighty seconds. A repeated call is at hand at once.
const MAX_KEPT_BYTES: usize = 32 * 1024 * 1024;

/// Where voices may be found.
#[derive(Clone, Debug, Default)]
pub struct VoicePaths {
    /// Recorded clips.
    pub clips: Option<PathBuf>,
    /// Folders of programs, the first ones first.
    pub programs: Vec<PathBuf>,
    /// Folders of voices for `open_jtalk`, the first ones first.
    pub voices: Vec<PathBuf>,
    /// The dictionary of `open_jtalk`.
    pub dictionary: PathBuf,
}

impl VoicePaths {
    /// Returns the places of Debian's packages.
    #[must_use]
    pub fn debian() -> Self {
        Self {
            clips: None,
            programs: vec!["/usr/local/bin".into(), "/usr/bin".into()],
            voices: vec!["/usr/share/machiai/voice".into(), "/usr/share/hts-voice".into()],
            dictionary: "/var/lib/mecab/dic/open-jtalk/naist-jdic".into(),
        }
    }

    /// Lists the programs that are there, one a language.
    fn found(&self) -> Vec<Program> {
        let program = |name: &str| self.programs.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        let voice = self.voices.iter().find_map(|folder| first_voice(folder));
        let japanese = program("open_jtalk").zip(voice).filter(|_| self.dictionary.is_dir());
        let japanese = japanese.map(|(program, voice)| Program::open_jtalk(program, &self.dictionary, &voice));
        japanese.into_iter().chain(program("espeak-ng").map(Program::espeak_ng)).collect()
    }

    /// Lists the languages in which anything can be said.
    fn languages(&self, programs: &[Program]) -> BTreeSet<Lang> {
        let recorded = [Lang::Ja, Lang::En]
            .into_iter()
            .filter(|lang| self.clips.as_ref().is_some_and(|clips| clips.join(folder_of(*lang)).is_dir()));
        programs.iter().map(|program| program.lang).chain(recorded).collect()
    }
}

/// Finds the first voice in a folder or in the folders in it, by name.
fn first_voice(folder: &Path) -> Option<PathBuf> {
    let entries = |folder: &Path| {
        let read = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        read.map(|entry| entry.path()).collect::<BTreeSet<PathBuf>>()
    };
    let is_voice = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "htsvoice");
    let here = entries(folder);
    here.iter()
        .find(|path| is_voice(path))
        .cloned()
        .or_else(|| here.iter().flat_map(|path| entries(path)).find(is_voice))
}

const fn folder_of(lang: Lang) -> &'static str {
    match lang {
        Lang::Ja => "ja",
        Lang::En => "en",
        Lang::Zh => "zh",
        Lang::Ko => "ko",
    }
}

/// Why a text is not heard.
#[derive(Debug, Error)]
pub(crate) enum VoiceError {
    /// No voice speaks its language.
    #[error("there is no voice for this language")]
    None,
    /// The program does not start, or cannot be spoken to.
    #[error("cannot run {program}")]
    Run {
        /// Which.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program took too long.
    #[error("{program} did not speak in time")]
    Hung {
        /// Which.
        program: PathBuf,
    },
    /// A clip cannot be read.
    #[error("cannot read {clip}")]
    Clip {
        /// Which.
        clip: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is longer than anything that is said of a call.
    #[error("a recording is longer than {MAX_WAV_BYTES} bytes")]
    Long,
    /// The decoder cannot be built or started.
    #[error("cannot build a decoder of recordings")]
    Build(#[source] gst::glib::Error),
    /// A part of the decoder is missing, or takes nothing.
    #[error("the decoder of recordings has stopped")]
    Stopped,
    /// What came is no recording, or an empty one.
    #[error("there is nothing to be heard in a recording")]
    Silent,
}

/// Something that came of an announcement.
pub(crate) enum Came {
    /// A piece of it, in its order.
    Piece(u64, gst::Buffer),
    /// There is no more of it.
    Whole(u64),
}

/// The voice on a thread of its own, which ends when this is dropped.
pub struct Voice {
    ask: SyncSender<(u64, Speech)>,
    came: Receiver<Came>,
    languages: Arc<Mutex<BTreeSet<Lang>>>,
}

impl Voice {
    /// Finds voices, and starts their thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(paths: VoicePaths) -> std::io::Result<Self> {
        let (ask, asked) = sync_channel::<(u64, Speech)>(MOST_ASKED);
        let (tell, came) = sync_channel(MOST_ASKED);
        let programs = paths.found();
        let languages = Arc::new(Mutex::new(paths.languages(&programs)));
        let mut mouth =
            Mouth { clips: paths.clips, programs, languages: Arc::clone(&languages), kept: VecDeque::new() };
        let speak = move || {
            for (id, speech) in asked {
                for piece in speech.pieces().iter().filter_map(|spoken| mouth.say(spoken)) {
                    if tell.send(Came::Piece(id, piece)).is_err() {
                        return;
                    }
                }
                if tell.send(Came::Whole(id)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("voice".to_owned()).spawn(speak)?;
        Ok(Self { ask, came, languages })
    }

    /// Asks for what is to be said; false where too much is asked for already.
    pub(crate) fn ask(&self, id: u64, speech: &Speech) -> bool {
        self.ask.try_send((id, speech.clone())).is_ok()
    }

    /// Returns what came by now.
    pub(crate) fn came(&self) -> impl Iterator<Item = Came> {
        self.came.try_iter()
    }

    /// Returns the languages in which it spoke the last time, or has not tried yet.
    pub(crate) fn languages(&self) -> Vec<Lang> {
        self.languages.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// What the thread speaks with.
struct Mouth {
    clips: Option<PathBuf>,
    programs: Vec<Program>,
    languages: Arc<Mutex<BTreeSet<Lang>>>,
    /// What was said, the latest last.
    kept: VecDeque<(Spoken, gst::Buffer)>,
}

impl Mouth {
    /// Returns a text as samples; none where no voice can say it.
    fn say(&mut self, spoken: &Spoken) -> Option<gst::Buffer> {
        if let Some((_, kept)) = self.kept.iter().find(|(said, _)| said == spoken) {
            return Some(kept.copy());
        }
        let made = self.make(spoken);
        let mut languages = self.languages.lock().unwrap_or_else(PoisonError::into_inner);
        match made {
            Ok(samples) => {
                languages.insert(spoken.lang);
                drop(languages);
                self.keep(spoken, &samples);
                Some(samples)
            }
            Err(cause) => {
                // A voice that is missing on every call is told once.
                if languages.remove(&spoken.lang) {
                    tracing::warn!(
                        lang = folder_of(spoken.lang),
                        error = &cause as &dyn std::error::Error,
                        "a call is not spoken"
                    );
                }
                None
            }
        }
    }

    fn make(&self, spoken: &Spoken) -> Result<gst::Buffer, VoiceError> {
        if let Some(clip) = self.clips.as_ref().map(|clips| clips.join(name_of(spoken))).filter(|clip| clip.is_file()) {
            return samples::decode(samples::read(&clip)?, 1.0);
        }
        let program = self.programs.iter().find(|program| program.lang == spoken.lang).ok_or(VoiceError::None)?;
        samples::decode(program.speak(&spoken.text)?, program.loudness)
    }

    fn keep(&mut self, spoken: &Spoken, samples: &gst::Buffer) {
        self.kept.push_back((spoken.clone(), samples.copy()));
        while self.kept.iter().map(|(_, samples)| samples.size()).sum::<usize>() > MAX_KEPT_BYTES {
            self.kept.pop_front();
        }
    }
}

/// Returns where a text's clip lies in the folder of clips.
#[must_use]
pub fn name_of(spoken: &Spoken) -> PathBuf {
    let name = format!("{}.wav", blake3::hash(spoken.text.as_bytes()).to_hex());
    Path::new(folder_of(spoken.lang)).join(name)
}

#[cfg(test)]
mod tests;
