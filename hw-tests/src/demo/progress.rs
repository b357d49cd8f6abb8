//! How far a morning has come: one line that changes on a terminal, a few lines elsewhere.

use std::io::{IsTerminal, Write};

/// How many lines are written where there is no terminal.
const N_LINES: usize = 10;

/// Says how far it has come.
pub struct Progress {
    n_rows: usize,
    is_terminal: bool,
    n_said: usize,
}

impl Progress {
    /// Begins with a number of rows to play.
    #[must_use]
    pub fn new(n_rows: usize) -> Self {
        Self { n_rows, is_terminal: std::io::stdout().is_terminal(), n_said: 0 }
    }

    /// Says where it is, if it is time to.
    pub fn say(&mut self, n_done: usize, text: &str) {
        if self.is_terminal {
            out(&format!("\r\u{1b}[K{n_done:>5} of {} rows  {text}", self.n_rows));
            return;
        }
        let due = n_done * N_LINES / self.n_rows.max(1);
        if due > self.n_said {
            self.n_said = due;
            out(&format!("{n_done:>5} of {} rows  {text}\n", self.n_rows));
        }
    }

    /// Ends the line that changes.
    pub fn end(&self) {
        if self.is_terminal {
            out("\n");
        }
    }
}

/// Writes to standard output.
pub fn out(text: &str) {
    let mut stdout = std::io::stdout();
    // Nobody reads any more: the files say the same.
    drop(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()));
}
