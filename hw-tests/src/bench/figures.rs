//! What the bench finds: figures with their limits, told one a line as they come and left as JSON.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::machine::Machine;
use crate::demo::daemon::write;
use crate::demo::progress::out;

/// How long each of some like things took.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Takes more in.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Duration>) {
        self.0.extend(more);
        self.0.sort_unstable();
    }

    /// Returns them, the shortest first.
    pub fn times(&self) -> impl Iterator<Item = Duration> {
        self.0.iter().copied()
    }

    /// Returns how many there are.
    #[must_use]
    pub const fn n(&self) -> usize {
        self.0.len()
    }

    /// Returns the time within which so many in a thousand lay, in milliseconds; 0 when there is none.
    #[must_use]
    pub fn within_ms(&self, per_mille: usize) -> f64 {
        let idx = (self.0.len() * per_mille / 1_000).min(self.0.len().saturating_sub(1));
        self.0.get(idx).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// Returns the median, in milliseconds.
    #[must_use]
    pub fn p50_ms(&self) -> f64 {
        self.within_ms(500)
    }

    /// Returns the time that one in a hundred exceeds, in milliseconds.
    #[must_use]
    pub fn p99_ms(&self) -> f64 {
        self.within_ms(990)
    }

    /// Returns the longest, in milliseconds.
    #[must_use]
    pub fn worst_ms(&self) -> f64 {
        self.within_ms(1_000)
    }
}

impl FromIterator<Duration> for Samples {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut samples = Self::default();
        samples.extend(times);
        samples
    }
}

/// What a figure must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// It is good up to this.
    AtMost(f64),
    /// It is good from this on.
    AtLeast(f64),
}

impl Limit {
    /// Whether a figure keeps to it.
    #[must_use]
    pub fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// How much it is.
    pub value: f64,
    /// Of what: `x` is a ratio.
    pub unit: &'static str,
    /// What it must not pass.
    pub limit: Limit,
    /// Whether it does not.
    pub met: bool,
    /// What it comes from, in words.
    pub from: String,
}

/// Something that could not be measured.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// All that was found in one run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// The figures, in the order of measuring.
    pub figures: Vec<Figure>,
    /// What is missing.
    pub left_out: Vec<LeftOut>,
}

impl Report {
    /// Begins a report on a machine.
    #[must_use]
    pub const fn on(machine: Machine) -> Self {
        Self { machine, figures: Vec::new(), left_out: Vec::new() }
    }

    /// Notes a figure and tells it.
    pub fn add(&mut self, what: &str, (value, unit): (f64, &'static str), limit: Limit, from: String) {
        let met = limit.is_met_by(value);
        let bound = match limit {
            Limit::AtMost(most) => format!("<= {}", shown(most)),
            Limit::AtLeast(least) => format!(">= {}", shown(least)),
        };
        let verdict = if met { "met   " } else { "MISSED" };
        out(&format!("{verdict} {what}: {} {unit} ({bound} {unit}); {from}\n", shown(value)));
        self.figures.push(Figure { what: what.to_owned(), value, unit, limit, met, from });
    }

    /// Notes that something could not be measured, and says why.
    pub fn leave_out(&mut self, what: &str, why: &anyhow::Error) {
        let why = format!("{why:#}");
        out(&format!("left out {what}: {why}\n"));
        self.left_out.push(LeftOut { what: what.to_owned(), why });
    }

    /// Returns how many limits were passed.
    #[must_use]
    pub fn n_missed(&self) -> usize {
        self.figures.iter().filter(|figure| !figure.met).count()
    }

    /// Writes the report as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write(path, serde_json::to_vec_pretty(self).context("cannot write the report")?)
    }
}

/// Writes a figure with as many digits as mean something.
#[must_use]
pub fn shown(value: f64) -> String {
    let n_digits = match value.abs() {
        of if of < 0.1 => 4,
        of if of < 10.0 => 2,
        of if of < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.n_digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_samples_lie_within_the_median_and_one_in_a_hundred_beyond_the_p99() {
        let samples: Samples = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(samples.n(), 200);
        assert!((samples.p50_ms() - 101.0).abs() < 1e-9, "{}", samples.p50_ms());
        assert!((samples.p99_ms() - 199.0).abs() < 1e-9, "{}", samples.p99_ms());
        assert!((samples.worst_ms() - 200.0).abs() < 1e-9, "{}", samples.worst_ms());
        assert!(Samples::default().p99_ms().abs() < 1e-9);
    }

    #[test]
    fn a_limit_is_met_from_its_own_side() {
        assert!(Limit::AtMost(4.0).is_met_by(4.0) && !Limit::AtMost(4.0).is_met_by(4.01));
        assert!(Limit::AtLeast(15.0).is_met_by(15.0) && !Limit::AtLeast(15.0).is_met_by(14.9));
    }

    #[test]
    fn figures_are_told_with_the_digits_that_count() {
        assert_eq!([4.0, 1.234, 12.34, 1234.5, 0.05123].map(shown), ["4", "1.23", "12.3", "1234", "0.0512"]);
    }
}
