//! What a box of the fleet holds: facts that are made when they are asked for, so that a thousand boxes with two weeks
//! each need no disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use machiai_core::envelope::{By, Envelope, Head as Named, Trust};
use machiai_core::facts::Fact;
use machiai_core::ids::{BootId, Origin, Seq, SiteId};
use machiai_core::program::as_run::{AiringBegun, Seen};
use machiai_core::program::content::{ContentHash, ContentKind};
use machiai_core::time::AtMs;
use machiai_wire::box_side::{Facts, Most};
use machiai_wire::chain::Hash;
use machiai_wire::run::{Head, Heads, follow, read_named};

/// What a box holds.
#[derive(Debug)]
pub(super) struct Held {
    site: SiteId,
    heads: Heads,
    made: BTreeMap<Origin, Made>,
}

/// An origin's facts, all of the same length or nearly so: airings of one film.
#[derive(Debug)]
struct Made {
    /// What stands before the number, between it and the time, and behind that.
    parts: [Vec<u8>; 3],
    /// Where the hash was last asked for: the next question is about a place behind it.
    hashed: Mutex<Head>,
}

impl Held {
    /// Makes a box that holds so many facts of each origin.
    ///
    /// # Errors
    /// A fact cannot be written.
    pub(super) fn new(site: SiteId, origins: impl IntoIterator<Item = (Origin, u64)>) -> Result<Self> {
        let (mut heads, mut made) = (Heads::new(), BTreeMap::new());
        for (origin, n_facts) in origins {
            let of_origin = Made::new(site, origin)?;
            heads.insert(origin, of_origin.head_at(Head::START, Seq(n_facts)));
            made.insert(origin, of_origin);
        }
        Ok(Self { site, heads, made })
    }

    /// Takes facts in, all of one origin, that follow what is held.
    ///
    /// # Errors
    /// They do not.
    pub(super) fn take(&mut self, lines: &[Vec<u8>]) -> Result<()> {
        let Some(first) = lines.first() else { return Ok(()) };
        let origin = read_named(first, 0)?.origin;
        let before = self.heads.get(&origin).copied().unwrap_or(Head::START);
        let after = follow((self.site, origin), before, lines.iter().map(Vec::as_slice))?;
        self.heads.insert(origin, after);
        Ok(())
    }
}

impl Facts for Held {
    fn heads(&self) -> &Heads {
        &self.heads
    }

    fn hash_at(&self, origin: Origin, seq: Seq) -> Option<Hash> {
        let head = self.heads.get(&origin)?;
        if seq == head.seq {
            return Some(head.hash);
        }
        if seq > head.seq {
            return None;
        }
        let made = self.made.get(&origin)?;
        let mut hashed = made.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        let from = if hashed.seq <= seq { *hashed } else { Head::START };
        *hashed = made.head_at(from, seq);
        Some(hashed.hash)
    }

    fn lines(&self, origin: Origin, after: Seq, most: Most) -> Vec<Vec<u8>> {
        let (Some(head), Some(made)) = (self.heads.get(&origin), self.made.get(&origin)) else { return Vec::new() };
        let (mut lines, mut n_bytes) = (Vec::new(), 0);
        for seq in (after.0 + 1..=head.seq.0).take(most.lines) {
            let line = made.line(seq);
            n_bytes += line.len();
            if n_bytes > most.bytes && !lines.is_empty() {
                break;
            }
            lines.push(line);
        }
        lines
    }
}

/// When the first fact was written, and the milliseconds between two: 45,000 are two weeks.
const BEGAN_MS: u64 = 1_790_000_000_000;
const STEP_MS: u64 = 26_880;

impl Made {
    fn new(site: SiteId, origin: Origin) -> Result<Self> {
        let by = By { device: "screen".parse().context("no device")?, person: None };
        let head = Named {
            site,
            line: None,
            origin,
            seq: Seq(1),
            at_ms: AtMs(i64::try_from(BEGAN_MS + STEP_MS)?),
            at_n: 0,
            boot: BootId::from_bytes([7; 16]),
            mono_ms: 1,
            clock: Trust::Synced,
            by,
            cmd: None,
        };
        let fact = Fact::AiringBegun(AiringBegun {
            monitor: "main".parse().context("no monitor")?,
            content: ContentHash::from_bytes([9; 32]),
            kind: ContentKind::Provided,
            duration_ms: 30_000,
            place: None,
            seen: Seen::Lit,
        });
        let line = Envelope { head, fact }.write()?;
        let text = std::str::from_utf8(&line)?;
        let (before, rest) = text.split_once("\"seq\":1,").context("a fact without its number")?;
        let at = format!("\"at_ms\":{}", BEGAN_MS + STEP_MS);
        let (between, behind) = rest.split_once(&at).context("a fact without its time")?;
        let parts = [format!("{before}\"seq\":"), format!(",{between}\"at_ms\":"), behind.to_owned()];
        let made = Self { parts: parts.map(String::into_bytes), hashed: Mutex::new(Head::START) };
        ensure!(made.line(1) == line, "a fact is not made as it is written");
        Ok(made)
    }

    fn line(&self, seq: u64) -> Vec<u8> {
        let [before, between, behind] = &self.parts;
        let (seq_text, at_text) = (seq.to_string(), (BEGAN_MS + seq * STEP_MS).to_string());
        [before, seq_text.as_bytes(), between, at_text.as_bytes(), behind].concat()
    }

    fn head_at(&self, from: Head, seq: Seq) -> Head {
        let hash = (from.seq.0 + 1..=seq.0).fold(from.hash, |hash, seq| hash.after(&self.line(seq)));
        Head { seq, hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Most = Most { lines: 10, bytes: 100_000 };

    #[test]
    fn what_is_made_is_a_chain_of_facts() {
        let (site, origin) = (SiteId(7), Origin::from_bytes([3; 16]));
        let held = Held::new(site, [(origin, 25)]).unwrap();
        let mut head = Head::START;
        for expected in [10, 10, 5, 0] {
            let lines = held.lines(origin, head.seq, MOST);
            assert_eq!(lines.len(), expected);
            head = follow((site, origin), head, lines.iter().map(Vec::as_slice)).unwrap();
            assert_eq!(held.hash_at(origin, head.seq), Some(head.hash));
        }
        assert_eq!(held.heads()[&origin], head);
        assert_eq!(held.hash_at(origin, Seq(3)), Some(Held::new(site, [(origin, 3)]).unwrap().heads()[&origin].hash));
        assert_eq!(held.hash_at(origin, Seq(26)), None);
    }

    #[test]
    fn facts_of_others_are_taken_in_where_they_follow() {
        let (site, origin) = (SiteId(7), Origin::from_bytes([3; 16]));
        let lines = Held::new(site, [(origin, 3)]).unwrap().lines(origin, Seq(0), MOST);
        let mut held = Held::new(site, []).unwrap();
        assert!(held.take(&lines[1..]).is_err(), "a gap");
        held.take(&lines).unwrap();
        assert_eq!(held.heads()[&origin].seq, Seq(3));
    }
}
