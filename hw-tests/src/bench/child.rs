//! Programs that the bench starts and talks to by lines: it waits until each is ready, and ends it by its process id.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::demo::daemon::apart;

/// How long a program may take until its next line.
const LINE_FOR: Duration = Duration::from_secs(60);

/// How long one may take to stop when it is told to.
const STOP_FOR: Duration = Duration::from_secs(30);

/// A running program; it is ended when dropped.
#[derive(Debug)]
pub struct Talker {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Talker {
    /// Starts a program whose lines are read as they come.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        apart(command);
        let named = command.get_program().to_string_lossy().into_owned();
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.with_context(|| format!("cannot start {named}"))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().context("a program without output")?;
        let (tell, lines) = channel();
        // Ends with the program's output.
        std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // Nobody listens any more: the rest is read all the same, so that the program is not held up.
            lines.for_each(|line| drop(tell.send(line)));
        });
        Ok(Self { child, stdin, lines })
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its next line.
    ///
    /// # Errors
    /// It ended, or said nothing for a minute.
    pub fn line(&mut self) -> Result<String> {
        self.line_within(LINE_FOR)
    }

    fn line_within(&mut self, most: Duration) -> Result<String> {
        match self.lines.recv_timeout(most) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("the program says nothing"),
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the program ended with {}", self.child.wait().context("cannot wait for it")?)
            }
        }
    }

    /// Waits until it says that it is ready, and returns what stands behind the word.
    ///
    /// # Errors
    /// As [`Talker::line`].
    pub fn ready(&mut self) -> Result<String> {
        self.ready_within(LINE_FOR)
    }

    /// Waits so long for each line until it says that it is ready, and returns what stands behind the word.
    ///
    /// # Errors
    /// It ended, or said nothing for so long.
    pub fn ready_within(&mut self, most: Duration) -> Result<String> {
        loop {
            if let Some(rest) = self.line_within(most)?.strip_prefix("ready ") {
                return Ok(rest.trim().to_owned());
            }
        }
    }

    /// Says a line to it.
    ///
    /// # Errors
    /// It does not listen any more.
    pub fn say(&mut self, line: &str) -> Result<()> {
        let stdin = self.stdin.as_mut().context("the program does not listen")?;
        stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush()).context("the program ended")
    }

    /// Tells it to stop and waits until it has.
    ///
    /// # Errors
    /// It did not stop in time, or not as it should.
    pub fn stop(self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("cannot tell a program to stop")?;
        self.finish()
    }

    /// Says nothing more to it, and waits until it has ended by itself.
    ///
    /// # Errors
    /// It did not end in time, or not as it should.
    pub fn finish(mut self) -> Result<()> {
        self.stdin = None;
        // Its output ends with it.
        loop {
            match self.lines.recv_timeout(STOP_FOR) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => bail!("a program did not stop within {STOP_FOR:?}"),
            }
        }
        let status = self.child.wait().context("cannot wait for a program")?;
        if status.success() { Ok(()) } else { bail!("a program stopped with {status}") }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        // It may have ended by itself; its files are thrown away.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_heard_and_answered_and_its_end_is_told() {
        let mut cat = Talker::start(&mut Command::new("cat")).unwrap();
        cat.say("so").unwrap();
        cat.say("ready 127.0.0.1:80 ").unwrap();
        assert_eq!(cat.ready().unwrap(), "127.0.0.1:80");
        // One that does not listen: `cat` also ends when nobody talks to it any more, before the signal or after.
        let idle = Talker::start(Command::new("sleep").arg("600")).unwrap();
        assert!(idle.stop().unwrap_err().to_string().contains("signal"));
        let mut gone = Talker::start(&mut Command::new("true")).unwrap();
        assert!(gone.line().unwrap_err().to_string().contains("ended with"));
    }
}
