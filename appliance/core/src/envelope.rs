//! The envelope of a fact: one line of JSON whose bytes are kept and passed on as they came.
//!
//! A fact read from elsewhere is never written again from its parts: unknown kinds and fields would be lost.

mod lenient;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::facts::Fact;
use crate::ids::{BadId, BootId, DeviceId, FactId, LineNo, Origin, Seq, SiteId};
use crate::time::AtMs;

use lenient::Lenient;

/// The largest fact that is accepted, in bytes of its line: an i-message or a settings fact is well below.
pub const MAX_FACT_BYTES: usize = 64 * 1024;

/// How far the clock could be trusted when a fact was stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Set by a time server.
    Synced,
    /// The machine's own clock, plausible and not yet compared with any other.
    Free,
    /// Counted from the newest fact, because the machine's clock was implausible.
    Lost,
    /// A rehearsal's clock: nothing stamped with it is billed.
    Rehearsal,
}

/// Position in the hybrid clock: milliseconds of UTC, and a counter among equal milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// When, as told by the hybrid clock.
    pub at: AtMs,
    /// Which among the facts of the same millisecond.
    pub n: u32,
}

/// Place of a fact in the one order that every machine folds in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Canonical {
    /// Hybrid clock first.
    pub stamp: Stamp,
    /// Identity breaks ties.
    pub id: FactId,
}

/// Who acted: the device, and the person where one is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The kiosk, tablet or program.
    pub device: DeviceId,
    /// The member of staff, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

impl From<DeviceId> for By {
    /// A device at which nobody is signed in.
    fn from(device: DeviceId) -> Self {
        Self { device, person: None }
    }
}

/// A command's idempotency key and the digest of its body, written `key#digest`.
///
/// A repeat with the same digest is answered from its facts; with another it is a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cmd {
    /// The caller's key: 1 to 64 printable ASCII characters without `#`.
    pub key: String,
    /// First 8 bytes of blake3 over who pressed what, in hexadecimal.
    pub digest: String,
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.key, self.digest)
    }
}

impl FromStr for Cmd {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { wanted: "idempotency key of 1 to 64 printable ASCII characters, and its digest" };
        let (key, digest) = text.split_once('#').ok_or(bad)?;
        let fits = (1..=64).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
        if fits { Ok(Self { key: key.to_string(), digest: digest.to_string() }) } else { Err(bad) }
    }
}

impl Serialize for Cmd {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cmd {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Everything about a fact but what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The facility.
    pub site: SiteId,
    /// The line, on every fact of a queue; with the site it is the line address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<LineNo>,
    /// The journal opening that wrote it.
    pub origin: Origin,
    /// Its position there, from 1.
    pub seq: Seq,
    /// Hybrid clock, milliseconds of UTC.
    pub at_ms: AtMs,
    /// Counter among equal milliseconds.
    pub at_n: u32,
    /// The machine's start.
    pub boot: BootId,
    /// Monotonic milliseconds since that start.
    pub mono_ms: u64,
    /// How far `at_ms` could be trusted.
    pub clock: Trust,
    /// Who acted.
    pub by: By,
    /// The command that made the fact, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Cmd>,
}

impl Head {
    /// Returns the fact's identity.
    #[must_use]
    pub const fn id(&self) -> FactId {
        FactId { origin: self.origin, seq: self.seq }
    }

    /// Returns the fact's place on the hybrid clock.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        Stamp { at: self.at_ms, n: self.at_n }
    }

    /// Returns the fact's place in the one order that every machine folds in.
    #[must_use]
    pub const fn canonical(&self) -> Canonical {
        Canonical { stamp: self.stamp(), id: self.id() }
    }
}

/// A fact with its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Where, when, by whom.
    pub head: Head,
    /// What happened.
    pub fact: Fact,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    head: &'a Head,
    #[serde(flatten)]
    fact: &'a Fact,
}

/// Bytes that are no fact at all.
#[derive(Debug)]
pub enum Malformed {
    /// Longer than [`MAX_FACT_BYTES`].
    TooLong {
        /// Their length in bytes.
        n_bytes: usize,
    },
    /// More than one line.
    ManyLines,
    /// Not JSON, or without the envelope's fields.
    Json(serde_json::Error),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { n_bytes } => {
                write!(f, "a fact of {n_bytes} bytes, more than {MAX_FACT_BYTES}")
            }
            Self::ManyLines => f.write_str("a fact of more than one line"),
            Self::Json(_) => f.write_str("cannot read a fact's envelope"),
        }
    }
}

impl core::error::Error for Malformed {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::TooLong { .. } | Self::ManyLines => None,
            Self::Json(cause) => Some(cause),
        }
    }
}

impl Envelope {
    /// Reads a fact from its line, without a line break.
    ///
    /// A kind this version does not know, or a body it cannot read, gives [`Fact::Unknown`]; fields that it does not
    /// know are left out, which is why a fact is passed on by its bytes.
    ///
    /// # Errors
    /// [`Malformed`] when there is no envelope: refuse the bytes, they cannot be placed or counted.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_FACT_BYTES {
            return Err(Malformed::TooLong { n_bytes: bytes.len() });
        }
        if bytes.contains(&b'\n') {
            return Err(Malformed::ManyLines);
        }
        let head = serde_json::from_slice(bytes).map_err(Malformed::Json)?;
        let strict: Result<Fact, serde_json::Error> = serde_json::from_slice(bytes);
        let fact = match strict.or_else(|_| Fact::deserialize(Lenient(serde_json::from_slice(bytes)?))) {
            Ok(fact) => fact,
            Err(_) => Fact::Unknown(serde_json::from_slice(bytes).map_err(Malformed::Json)?),
        };
        Ok(Self { head, fact })
    }

    /// Writes a fact made here as its line, without a line break.
    ///
    /// # Errors
    /// [`Malformed`] when the fact is too long, or is an unknown one, which only its own bytes can stand for.
    pub fn write(&self) -> Result<Vec<u8>, Malformed> {
        let bytes = serde_json::to_vec(&Line { head: &self.head, fact: &self.fact }).map_err(Malformed::Json)?;
        if bytes.len() > MAX_FACT_BYTES { Err(Malformed::TooLong { n_bytes: bytes.len() }) } else { Ok(bytes) }
    }
}
