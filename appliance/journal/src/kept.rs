//! Facts on their way into the journal and as they come out again: always by their bytes.

use std::borrow::Cow;
use std::fmt;

use machiai_core::call::told::Evidence;
use machiai_core::envelope::{Envelope, Head, Malformed, Stamp};
use machiai_core::ids::FactId;
use machiai_core::time::Day;
use serde::Deserialize;

/// A place in this box's order of knowing, from 1; 0 is before the first fact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

impl Position {
    /// Returns the place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A fact as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it stands in this box's order of knowing.
    pub position: Position,
    /// Its line of JSON as received, without a line break.
    pub line: Vec<u8>,
}

impl Kept {
    /// Reads the fact from its bytes.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are no fact, which no fact that the journal took in is: the file is damaged.
    pub fn envelope(&self) -> Result<Envelope, Malformed> {
        Envelope::read(&self.line)
    }
}

/// A fact that the journal is asked to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFact {
    pub(crate) head: Head,
    pub(crate) kind: String,
    pub(crate) day: Option<Day>,
    pub(crate) line: Vec<u8>,
}

#[derive(Deserialize)]
struct OnlyKind<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

impl NewFact {
    /// Writes a fact made here, in the business day in which its writer stood.
    ///
    /// # Errors
    /// [`Malformed`] when the fact is too long or of an unknown kind: refuse the command that made it.
    pub fn made(envelope: &Envelope, day: Option<Day>) -> Result<Self, Malformed> {
        let line = envelope.write()?;
        Ok(Self { head: envelope.head.clone(), kind: envelope.fact.kind().to_owned(), day, line })
    }

    /// Takes a fact received from elsewhere by its bytes, for the business day to which it counts here.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are no fact: refuse them.
    pub fn received(line: Vec<u8>, day: Option<Day>) -> Result<Self, Malformed> {
        let head = Envelope::read(&line)?.head;
        let kind = kind_of(&line)?;
        Ok(Self { head, kind, day, line })
    }

    /// Returns everything about the fact but what happened.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// Returns the bytes that will be kept.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.line
    }
}

/// Reads the kind of a fact from its line.
pub(crate) fn kind_of(line: &[u8]) -> Result<String, Malformed> {
    serde_json::from_slice(line).map(|only: OnlyKind<'_>| only.kind.into_owned()).map_err(Malformed::Json)
}

/// Writes a business day as the journal's column has it: yyyymmdd, 0 for none.
pub(crate) fn day_column(day: Option<Day>) -> i64 {
    day.map_or(0, |Day(date)| {
        let (year, month, day) = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
        year.saturating_mul(10_000).saturating_add(month.saturating_mul(100)).saturating_add(day)
    })
}

/// A stretch of time whose facts count to another business day than was thought when they were kept: what opened the
/// day came after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redated {
    /// The day under which they were kept.
    pub from: Option<Day>,
    /// The day to which they count.
    pub to: Day,
    /// Where the stretch begins, itself included.
    pub first: Stamp,
    /// Where it ends, itself left out; none while nothing ended it.
    pub end: Option<Stamp>,
}

/// A change of the secrets that goes to disk with the facts of the same command.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretChange {
    /// Keeps a secret, in place of an older one of the same name.
    Put {
        /// Its name: 1 to 64 bytes.
        key_id: Vec<u8>,
        /// What it is for, in one word.
        purpose: String,
        /// The secret.
        value: Vec<u8>,
    },
    /// Destroys a secret, leaving no copy in the file or its log.
    Delete {
        /// Its name.
        key_id: Vec<u8>,
    },
}

impl fmt::Debug for SecretChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { purpose, .. } => f.debug_struct("Put").field("purpose", purpose).finish_non_exhaustive(),
            Self::Delete { .. } => f.debug_struct("Delete").finish_non_exhaustive(),
        }
    }
}

/// A change of what is known of calls that run, which goes to disk with the facts of the same command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// A call was seen to stand: in place of what was seen before.
    Renew {
        /// The fact that began it.
        call: FactId,
        /// When, by which clocks.
        seen: Evidence,
    },
    /// A call is over.
    End {
        /// The fact that began it.
        call: FactId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_day_is_eight_figures() {
        assert_eq!(day_column("2026-11-24".parse().ok()), 20_261_124);
        assert_eq!(day_column(None), 0);
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let change = SecretChange::Put { key_id: vec![1], purpose: "visit".into(), value: b"hush".to_vec() };
        assert_eq!(format!("{change:?}"), "Put { purpose: \"visit\", .. }");
    }
}
