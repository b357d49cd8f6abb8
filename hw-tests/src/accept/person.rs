//! Whoever stands before the devices: asked on the terminal, and answering there alone.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};

/// How often a question is asked again that was answered with neither yes nor no.
const ASKED: usize = 3;

/// Somebody who sees the devices.
pub trait Person {
    /// Tells something.
    ///
    /// # Errors
    /// Nobody can be told any more.
    fn tell(&mut self, what: &str) -> Result<()>;

    /// Asks whether something is so. Whoever says neither yes nor no has not said yes.
    fn confirms(&mut self, question: &str) -> bool;

    /// Asks for something to be done at a device, without waiting for an answer.
    fn please(&mut self, what: &str);
}

/// A person at a terminal.
pub struct AtTerminal<R, W> {
    from: R,
    to: W,
}

impl<R: BufRead, W: Write> AtTerminal<R, W> {
    /// Asks by one end and hears by the other.
    pub const fn new(from: R, to: W) -> Self {
        Self { from, to }
    }

    fn say(&mut self, text: &str) -> Result<()> {
        writeln!(self.to, "{text}").and_then(|()| self.to.flush()).context("cannot write to the terminal")
    }
}

impl<R: BufRead, W: Write> Person for AtTerminal<R, W> {
    fn tell(&mut self, what: &str) -> Result<()> {
        self.say(what)
    }

    fn confirms(&mut self, question: &str) -> bool {
        for _ in 0..ASKED {
            if self.say(&format!("? {question} [yes/no]")).is_err() {
                return false;
            }
            let mut said = String::new();
            match self.from.read_line(&mut said) {
                Ok(0) | Err(_) => return false,
                Ok(_) => {}
            }
            match said.trim().to_lowercase().as_str() {
                "yes" | "y" | "はい" => return true,
                "no" | "n" | "いいえ" => return false,
                _ => {}
            }
        }
        false
    }

    fn please(&mut self, what: &str) {
        // A terminal that is gone is found out by the next question.
        self.say(&format!("> {what}")).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: &str) -> (bool, usize) {
        let mut told = Vec::new();
        let is_so = AtTerminal::new(typed.as_bytes(), &mut told).confirms("Is it so?");
        (is_so, String::from_utf8(told).unwrap().matches("Is it so?").count())
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert_eq!(asked("yes\n"), (true, 1));
        assert_eq!(asked("はい\n"), (true, 1));
        assert_eq!(asked("No\n"), (false, 1));
        assert_eq!(asked("perhaps\n\ny\n"), (true, 3));
        assert_eq!(asked("perhaps\nperhaps\nperhaps\nyes\n"), (false, 3));
        assert_eq!(asked(""), (false, 1), "nobody answered");
    }
}
