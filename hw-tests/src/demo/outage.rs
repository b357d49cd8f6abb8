//! A line that is cut for a span of the rehearsal's clock, and mended.

use std::str::FromStr;

use anyhow::{Context, Error, Result, ensure};

use crate::hub::Line;

/// A span of a morning, in seconds of the day in Asia/Tokyo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// When it begins.
    pub from_s: u32,
    /// When it ends.
    pub to_s: u32,
}

impl FromStr for Span {
    type Err = Error;

    /// Reads `10:00-11:30`.
    fn from_str(text: &str) -> Result<Self> {
        let (from, to) = text.split_once('-').context("a span is written as 10:00-11:30")?;
        let span = Self { from_s: second_of_day(from)?, to_s: second_of_day(to)? };
        ensure!(span.from_s < span.to_s, "the span {text} ends before it begins");
        Ok(span)
    }
}

fn second_of_day(time: &str) -> Result<u32> {
    let wrong = || format!("{time:?} is no time as 10:00");
    let (hour, minute) = time.trim().split_once(':').with_context(wrong)?;
    let (hour, minute): (u32, u32) = (hour.parse().ok().with_context(wrong)?, minute.parse().ok().with_context(wrong)?);
    ensure!(hour < 24 && minute < 60, wrong());
    Ok(hour * 3_600 + minute * 60)
}

/// What is done to the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is cut.
    Cut,
    /// It is mended.
    Mended,
}

/// Cuts a line and mends it.
pub struct Outage<'a> {
    line: &'a Line,
    /// When it is to be cut and mended, milliseconds of UTC.
    due_ms: (i64, i64),
    /// When it was.
    cut_ms: Option<i64>,
    mended_ms: Option<i64>,
}

impl<'a> Outage<'a> {
    /// Gets ready to cut a line for a span of the day that begins at `midnight_ms`.
    #[must_use]
    pub fn new(line: &'a Line, span: Span, midnight_ms: i64) -> Self {
        let at = |second: u32| midnight_ms + i64::from(second) * 1_000;
        Self { line, due_ms: (at(span.from_s), at(span.to_s)), cut_ms: None, mended_ms: None }
    }

    /// Does to the line what is due by the daemon's clock.
    pub fn look(&mut self, now_ms: i64) -> Option<Turn> {
        if self.cut_ms.is_none() && now_ms >= self.due_ms.0 {
            self.line.cut();
            self.cut_ms = Some(now_ms);
            return Some(Turn::Cut);
        }
        if self.cut_ms.is_some() && self.mended_ms.is_none() && now_ms >= self.due_ms.1 {
            self.line.mend();
            self.mended_ms = Some(now_ms);
            return Some(Turn::Mended);
        }
        None
    }

    /// Returns when there is something to do next, on the daemon's clock; none when all is over.
    #[must_use]
    pub const fn next_ms(&self) -> Option<i64> {
        match (self.cut_ms, self.mended_ms) {
            (None, _) => Some(self.due_ms.0),
            (Some(_), None) => Some(self.due_ms.1),
            (Some(_), Some(_)) => None,
        }
    }

    /// Returns for how many seconds of the rehearsal's clock the line was cut.
    #[must_use]
    pub fn cut_for_s(&self) -> u64 {
        let span_ms = self.mended_ms.zip(self.cut_ms).map_or(0, |(mended, cut)| mended - cut);
        u64::try_from(span_ms / 1_000).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_one_that_cannot_be_is_refused() {
        assert_eq!("10:00-11:30".parse::<Span>().unwrap(), Span { from_s: 36_000, to_s: 41_400 });
        for bad in ["", "10:00", "11:30-10:00", "10:00-10:00", "10-11", "10:00-24:00", "9:60-10:00"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }
}
