//! As-run (放映実績): the facts of one airing, and the rows that are made of them, split at the hour.
//!
//! An airing is known by the fact that began it, and counted once by it. How long it ran comes from the monotonic
//! clock where both facts are of one start of the machine, so that no step of the clock changes it. An airing without
//! an end, because a process or the machine died, ends at its last evidence.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::content::{ContentHash, ContentKind};
use super::table::ItemPlace;
use crate::envelope::{Canonical, Envelope, Head, Trust};
use crate::facts::Fact;
use crate::ids::{FactId, PlaceId};
use crate::time::{AtMs, HOUR_MS};

/// Whether a lit monitor was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A monitor was connected and switched on.
    Lit,
    /// None was, or it was switched off.
    Dark,
    /// The monitor does not say.
    Unknown,
}

impl Seen {
    /// What is known of a time of which two things were: it was lit if both say so.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Dark, _) | (_, Self::Dark) => Self::Dark,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Lit, Self::Lit) => Self::Lit,
        }
    }
}

/// See [`Fact::AiringBegun`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiringBegun {
    /// On which monitor.
    pub monitor: PlaceId,
    /// What.
    pub content: ContentHash,
    /// What kind of content it was.
    pub kind: ContentKind,
    /// How long it would run, in milliseconds.
    pub duration_ms: u32,
    /// The place in the table it aired at or stood in for; none where no table was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<ItemPlace>,
    /// Whether a lit monitor was there.
    pub seen: Seen,
}

/// See [`Fact::AiringContinued`]: evidence at an instant of an airing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiringContinued {
    /// The fact that began it.
    pub begun: FactId,
    /// Frames shown since it began.
    pub frames: u32,
    /// Whether a lit monitor was there since the evidence before.
    pub seen: Seen,
}

/// Why an airing did not run to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// An emergency took the screen over.
    Emergency,
    /// An urgent notice came.
    UrgentNotice,
    /// The content was withdrawn.
    Withdrawn,
    /// The file could not be played on.
    Broken,
    /// The program ended in order.
    Stopped,
    /// The screen died, or nothing was heard of it any more.
    ScreenGone,
}

/// See [`Fact::AiringEnded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AiringEnded {
    /// The fact that began it.
    pub begun: FactId,
    /// Frames shown since it began.
    pub frames: u32,
    /// Whether a lit monitor was there since the evidence before.
    pub seen: Seen,
    /// Why it was cut short; none for one that ran to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

/// See [`Fact::ItemSkipped`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemSkipped {
    /// Where.
    pub place: ItemPlace,
    /// What would have aired.
    pub content: ContentHash,
    /// The code of the reason, as [`super::why::Why::code`] gives it.
    pub why: String,
}

/// How an airing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It ran to its end.
    Whole,
    /// It was cut short.
    Cut(Cut),
    /// Nothing tells: it is counted up to the last evidence.
    LastEvidence,
}

/// One airing, or the part of it that falls into one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsRun {
    /// The fact that began the airing; with `part` it names the row.
    pub begun: FactId,
    /// Which part of it, from 0.
    pub part: u32,
    /// On which monitor.
    pub monitor: PlaceId,
    /// What.
    pub content: ContentHash,
    /// What kind of content it was.
    pub kind: ContentKind,
    /// The place in the table it aired at or stood in for.
    pub place: Option<ItemPlace>,
    /// The part's start, included.
    pub from: AtMs,
    /// The part's end, excluded.
    pub to: AtMs,
    /// Frames shown in the part; the parts of an airing add up to its frames.
    pub frames: u32,
    /// Milliseconds of the part for which a lit monitor was there.
    pub lit_ms: u32,
    /// How the airing ended.
    pub end: End,
    /// Whether it was a rehearsal's: decided as ever, and nobody's evidence of anything.
    pub rehearsal: bool,
}

/// What is known of an airing at an instant of it.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    at_ms: i64,
    frames: u32,
    seen: Seen,
}

/// One airing as its facts tell it.
struct Airing<'a> {
    head: &'a Head,
    begun: &'a AiringBegun,
    evidence: Vec<Evidence>,
    end: End,
}

/// Makes the rows of all airings that the facts hold, in the order in which they began.
///
/// Facts may come in any order and any number of times.
#[must_use]
pub fn as_run<'a>(facts: impl IntoIterator<Item = &'a Envelope>) -> Vec<AsRun> {
    let ordered: BTreeMap<Canonical, &Envelope> =
        facts.into_iter().map(|envelope| (envelope.head.canonical(), envelope)).collect();
    let mut airings: Vec<Airing<'_>> = Vec::new();
    let mut places: BTreeMap<FactId, usize> = BTreeMap::new();
    for envelope in ordered.values() {
        if let Fact::AiringBegun(begun) = &envelope.fact {
            places.insert(envelope.head.id(), airings.len());
            airings.push(Airing { head: &envelope.head, begun, evidence: Vec::new(), end: End::LastEvidence });
        }
    }
    for envelope in ordered.values() {
        let Some((id, frames, seen, end)) = evidence_of(&envelope.fact) else { continue };
        if let Some(airing) = places.get(&id).and_then(|idx| airings.get_mut(*idx)) {
            airing.take_in(&envelope.head, frames, seen, end);
        }
    }
    airings.iter().flat_map(Airing::rows).collect()
}

/// Reads what a fact tells of an airing; none for a fact that tells nothing of one.
fn evidence_of(fact: &Fact) -> Option<(FactId, u32, Seen, End)> {
    if let Fact::AiringContinued(on) = fact {
        return Some((on.begun, on.frames, on.seen, End::LastEvidence));
    }
    if let Fact::AiringEnded(ended) = fact {
        return Some((ended.begun, ended.frames, ended.seen, ended.cut.map_or(End::Whole, End::Cut)));
    }
    None
}

impl Airing<'_> {
    /// Takes in evidence in canonical order; what comes after the end tells nothing, and frames never become fewer.
    fn take_in(&mut self, head: &Head, frames: u32, seen: Seen, end: End) {
        if self.end != End::LastEvidence {
            return;
        }
        let by_clock = head.at_ms.since(self.head.at_ms);
        let since_ms = if head.boot == self.head.boot {
            i64::try_from(head.mono_ms.saturating_sub(self.head.mono_ms)).unwrap_or(i64::MAX)
        } else {
            by_clock
        };
        // Nothing shows for longer than it runs, but a frame or two: a longer one only means a late report.
        let since_ms = since_ms.clamp(0, i64::from(self.begun.duration_ms));
        let last = self.evidence.last().copied();
        let at_ms = last.map_or(since_ms, |last| last.at_ms.max(since_ms));
        let frames = last.map_or(frames, |last| last.frames.max(frames));
        self.evidence.push(Evidence { at_ms, frames, seen });
        self.end = end;
    }

    /// Splits the airing at the hours.
    fn rows(&self) -> Vec<AsRun> {
        let length_ms = self.evidence.last().map_or(0, |last| last.at_ms);
        let mut rows = Vec::new();
        let mut from_ms = 0;
        loop {
            let at = self.head.at_ms.plus_ms(from_ms);
            let hour = AtMs(at.0.div_euclid(HOUR_MS).saturating_add(1).saturating_mul(HOUR_MS));
            let to_ms = length_ms.min(hour.since(self.head.at_ms));
            rows.push(self.row(rows.len(), from_ms, to_ms));
            if to_ms >= length_ms || to_ms <= from_ms {
                return rows;
            }
            from_ms = to_ms;
        }
    }

    fn row(&self, part: usize, from_ms: i64, to_ms: i64) -> AsRun {
        AsRun {
            begun: self.head.id(),
            part: u32::try_from(part).unwrap_or(u32::MAX),
            monitor: self.begun.monitor.clone(),
            content: self.begun.content,
            kind: self.begun.kind,
            place: self.begun.place.clone(),
            from: self.head.at_ms.plus_ms(from_ms),
            to: self.head.at_ms.plus_ms(to_ms),
            frames: self.frames_by(to_ms).saturating_sub(if part == 0 { 0 } else { self.frames_by(from_ms) }),
            lit_ms: self.lit_by(to_ms).saturating_sub(self.lit_by(from_ms)),
            end: self.end,
            rehearsal: self.head.clock == Trust::Rehearsal,
        }
    }

    /// Returns how many frames had been shown after so many milliseconds: evenly between two pieces of evidence.
    fn frames_by(&self, ms: i64) -> u32 {
        let (mut before_ms, mut before) = (0, 0_u32);
        for now in &self.evidence {
            if ms < now.at_ms {
                let new = i64::from(now.frames.saturating_sub(before)).saturating_mul(ms.saturating_sub(before_ms));
                let new = new.checked_div(now.at_ms.saturating_sub(before_ms)).unwrap_or_default();
                return before.saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
            }
            (before_ms, before) = (now.at_ms, now.frames);
        }
        before
    }

    /// Returns for how many of the first so many milliseconds a lit monitor was there.
    fn lit_by(&self, ms: i64) -> u32 {
        let (mut before_ms, mut lit_ms) = (0, 0_i64);
        for now in &self.evidence {
            if now.seen == Seen::Lit {
                lit_ms = lit_ms.saturating_add(now.at_ms.min(ms).saturating_sub(before_ms).max(0));
            }
            before_ms = now.at_ms;
        }
        u32::try_from(lit_ms).unwrap_or(u32::MAX)
    }
}
