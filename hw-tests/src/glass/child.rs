//! The monitor without glass as a process of its own, so that what it costs is the screen's alone.
//!
//! It is told a line and answers with a line: `want call`, `found PICTURE`, `listen sound`, `heard`, `tally`; it ends with
//! its input.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::ears::Noise;
use super::{Glass, Sight, Tally, picture};
use crate::bench::child::Talker;
use crate::bench::machine;

/// The word on the command line that makes a program this one.
pub const WORD: &str = "glass";

/// Shows what a daemon says until the input ends, and does what the lines of the input ask.
///
/// # Errors
/// The screen failed, a sight was never seen, or a line asks for something else.
pub fn serve(socket: PathBuf, input: impl BufRead, mut output: impl Write) -> Result<()> {
    let glass = Glass::start(socket);
    glass.want(Sight::Any);
    let (first_at, _) = glass.found()?;
    let mut say = |line: String| writeln!(output, "{line}").and_then(|()| output.flush()).context("nobody listens");
    say(format!("ready {}", first_at.as_nanos()))?;
    for line in input.lines() {
        let line = line.context("cannot read")?;
        say(answer(&glass, &line)?)?;
    }
    glass.end()
}

fn answer(glass: &Glass, line: &str) -> Result<String> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "want" => {
            let sight = Sight::ALL.into_iter().find(|sight| sight.word() == rest).context("no such sight")?;
            glass.want(sight);
            Ok("waits".to_owned())
        }
        "found" => {
            let (at, frame) = glass.found()?;
            if !rest.is_empty() {
                picture(Path::new(rest), &frame)?;
            }
            Ok(at.as_nanos().to_string())
        }
        "listen" => {
            let noise = Noise::ALL.into_iter().find(|noise| noise.word() == rest).context("no such noise")?;
            glass.listen(noise);
            Ok("listens".to_owned())
        }
        "heard" => Ok(glass.heard()?.as_nanos().to_string()),
        "tally" => serde_json::to_string(&glass.tally()).context("cannot write the tally"),
        other => bail!("a monitor without glass does not {other}"),
    }
}

/// A running monitor without glass; it is ended when dropped.
#[derive(Debug)]
pub struct GlassChild {
    talker: Talker,
    first_at: Duration,
}

impl GlassChild {
    /// Starts one out of a program that knows [`WORD`].
    ///
    /// # Errors
    /// It shows no frame.
    pub fn start(program: &Path, socket: &Path) -> Result<Self> {
        Self::of(Command::new(program).arg(WORD).arg(socket))
    }

    /// Starts one by a command that ends with [`WORD`] and the socket.
    ///
    /// # Errors
    /// It shows no frame.
    pub fn of(command: &mut Command) -> Result<Self> {
        let mut talker = Talker::start(command)?;
        let first_at = nanoseconds(&talker.ready().context("the screen does not start")?)?;
        Ok(Self { talker, first_at })
    }

    /// Returns when its first frame came, on the clock of [`super::monotonic`].
    #[must_use]
    pub const fn first_at(&self) -> Duration {
        self.first_at
    }

    /// Has it wait for a sight from now on.
    ///
    /// # Errors
    /// It has ended.
    pub fn want(&mut self, sight: Sight) -> Result<()> {
        self.ask(&format!("want {}", sight.word())).map(drop)
    }

    /// Waits for the sight that is wanted, leaves a picture where one is named, and returns when it came.
    ///
    /// # Errors
    /// It was never seen.
    pub fn found(&mut self, file: Option<&Path>) -> Result<Duration> {
        let file = file.map_or_else(String::new, |file| format!(" {}", file.display()));
        nanoseconds(&self.ask(&format!("found{file}"))?)
    }

    /// Has it wait for a noise from now on.
    ///
    /// # Errors
    /// It has ended.
    pub fn listen(&mut self, noise: Noise) -> Result<()> {
        self.ask(&format!("listen {}", noise.word())).map(drop)
    }

    /// Waits for the noise that is wanted, and returns when it came.
    ///
    /// # Errors
    /// It never came.
    pub fn heard(&mut self) -> Result<Duration> {
        nanoseconds(&self.ask("heard")?)
    }

    /// Returns what was counted so far.
    ///
    /// # Errors
    /// It has ended.
    pub fn tally(&mut self) -> Result<Tally> {
        serde_json::from_str(&self.ask("tally")?).context("cannot read the tally")
    }

    /// Returns the processor time it has used.
    ///
    /// # Errors
    /// It has ended.
    pub fn used(&self) -> Result<Duration> {
        machine::used_by(self.talker.pid())
    }

    /// Returns its memory in MiB, what it shares counted by its share.
    ///
    /// # Errors
    /// It has ended.
    pub fn pss_mib(&self) -> Result<f64> {
        Ok(machine::pss_kib(self.talker.pid())? / 1_024.0)
    }

    /// Ends it.
    ///
    /// # Errors
    /// The screen had failed.
    pub fn end(self) -> Result<()> {
        self.talker.finish().context("the screen")
    }

    fn ask(&mut self, line: &str) -> Result<String> {
        self.talker.say(line)?;
        self.talker.line()
    }
}

fn nanoseconds(told: &str) -> Result<Duration> {
    told.parse().map(Duration::from_nanos).with_context(|| format!("{told:?} is no moment"))
}
