//! A program that speaks: started for one text with nothing but that text, and ended with all it started.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;

use machiai_panel::Lang;
use rustix::process::{Pid, Signal, kill_process_group};

use super::{MADE_WITHIN, MAX_WAV_BYTES, VoiceError};

/// A program, and how it is run.
pub(super) struct Program {
    pub(super) lang: Lang,
    /// What its samples are multiplied by.
    pub(super) loudness: f32,
    path: PathBuf,
    args: Vec<OsString>,
}

impl Program {
    /// Japanese. At its own loudness the voice is cut at full scale now and then.
    pub(super) fn open_jtalk(path: PathBuf, dictionary: &Path, voice: &Path) -> Self {
        let args = vec!["-x".into(), dictionary.into(), "-m".into(), voice.into(), "-ow".into(), "/dev/stdout".into()];
        Self { lang: Lang::Ja, loudness: 0.6, path, args }
    }

    /// English, a little slower than its own 175 words a minute.
    pub(super) fn espeak_ng(path: PathBuf) -> Self {
        let args = ["--stdin", "--stdout", "-v", "en", "-s", "150"].map(OsString::from).to_vec();
        Self { lang: Lang::En, loudness: 1.0, path, args }
    }

    /// Returns a text as the program speaks it, a WAV file.
    pub(super) fn speak(&self, text: &str) -> Result<Vec<u8>, VoiceError> {
        let failed = |source| VoiceError::Run { program: self.path.clone(), source };
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut running = Running(command.spawn().map_err(failed)?);
        if let Some(mut to) = running.0.stdin.take() {
            // A text is far shorter than what a pipe takes at once; a program that does not read says nothing.
            drop(to.write_all(text.as_bytes()));
        }
        let spoken = running.0.stdout.take().ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?;
        let (tell, heard) = channel();
        let read = move || {
            let mut wav = Vec::new();
            let done = spoken.take(MAX_WAV_BYTES.saturating_add(1)).read_to_end(&mut wav);
            // Nobody waits any more when it took too long.
            drop(tell.send(done.map(|_| wav)));
        };
        std::thread::Builder::new().name("voice's words".to_owned()).spawn(read).map_err(failed)?;
        let hung = |_late| VoiceError::Hung { program: self.path.clone() };
        let wav = heard.recv_timeout(MADE_WITHIN).map_err(hung)?.map_err(failed)?;
        if u64::try_from(wav.len()).is_ok_and(|n_bytes| n_bytes <= MAX_WAV_BYTES) {
            Ok(wav)
        } else {
            Err(VoiceError::Long)
        }
    }
}

/// A running program: it and what it started are ended with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        drop(self.0.wait());
    }
}
