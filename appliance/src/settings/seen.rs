//! Which settings somebody has seen, as a short text, and the history behind it.

use std::fmt;
use std::str::FromStr;

use machiai_core::envelope::Envelope;
use machiai_core::ids::{BadId, FactId, Seq};
use machiai_core::standing::STANDING_KINDS;
use machiai_core::standing::history::{self, Change};
use machiai_journal::{Reader, StoreError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::gate::{Gate, GateError};

/// How many changes a page is shown and may take back.
const MOST_CHANGES: usize = 20;

/// The newest fact of the settings that somebody has seen, written `origin-seq`, or `none` before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) Option<FactId>);

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "{}-{}", id.origin, id.seq),
            None => f.write_str("none"),
        }
    }
}

impl FromStr for Seen {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        if text == "none" {
            return Ok(Self(None));
        }
        let bad = BadId { wanted: "change of the settings, or none" };
        let (origin, seq) = text.split_once('-').ok_or(bad)?;
        match (origin.parse(), seq.parse()) {
            (Ok(origin), Ok(seq)) => Ok(Self(Some(FactId { origin, seq: Seq(seq) }))),
            (Err(_), _) | (_, Err(_)) => Err(bad),
        }
    }
}

impl Serialize for Seen {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seen {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Returns the newest changes of the settings, newest first.
///
/// # Errors
/// [`GateError`] when the journal cannot be read.
pub(crate) async fn history(gate: &Gate) -> Result<Vec<Change>, GateError> {
    gate.ask_journal(|reader| Ok(history::history(&standing_facts(reader)?, MOST_CHANGES))).await
}

/// Returns the standing facts of all time in canonical order.
///
/// # Errors
/// [`StoreError`] when the journal cannot be read.
pub(crate) fn standing_facts(reader: &Reader) -> Result<Vec<Envelope>, StoreError> {
    let kept = reader.facts_of_kinds(&STANDING_KINDS)?;
    let mut facts: Vec<Envelope> = kept.iter().filter_map(|kept| kept.envelope().ok()).collect();
    facts.sort_by_key(|fact| fact.head.canonical());
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_reads_back_as_written() {
        let id = FactId { origin: machiai_core::ids::Origin::from_bytes([3; 16]), seq: Seq(12) };
        for seen in [Seen(None), Seen(Some(id))] {
            assert_eq!(seen.to_string().parse(), Ok(seen));
        }
        for bad in ["", "none-1", "-", "12", &format!("{}-x", id.origin)] {
            assert!(bad.parse::<Seen>().is_err(), "{bad:?} was taken for a change");
        }
    }
}
