//! The facts as they were exported, read without any of the daemon's own code.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

/// The journal opening that wrote a fact, and the fact's place there.
pub type Id = (String, u64);

/// A place in the one order of facts: when, which of that millisecond, and what breaks ties.
pub type Canonical<'a> = (i64, u64, &'a str, u64);

/// The device by which the hub acts.
const HUB: &str = "hub";

/// A fact with what the checks need of its envelope.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The journal opening that wrote it, and its place there.
    pub origin: String,
    /// Its place within its origin, from 1.
    pub seq: u64,
    /// When, milliseconds of UTC.
    pub at_ms: i64,
    /// Which among the facts of the same millisecond.
    pub at_n: u64,
    /// Monotonic milliseconds since the start of the box.
    pub mono_ms: u64,
    /// How far the clock could be trusted.
    pub clock: String,
    /// The line it concerns.
    pub line: Option<u64>,
    /// The idempotency key of the command that made it.
    pub key: Option<String>,
    /// The device on which it was pressed.
    pub device: String,
    /// What happened.
    pub kind: String,
    /// Its fields.
    pub body: Value,
}

impl Fact {
    /// Returns a field that is a text.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_default()
    }

    /// Returns a field that is a number.
    #[must_use]
    pub fn number(&self, field: &str) -> u64 {
        self.body[field].as_u64().unwrap_or_default()
    }

    /// Returns its identity.
    #[must_use]
    pub fn id(&self) -> Id {
        (self.origin.clone(), self.seq)
    }

    /// Returns its place in the one order that every machine folds in.
    #[must_use]
    pub fn canonical(&self) -> Canonical<'_> {
        (self.at_ms, self.at_n, &self.origin, self.seq)
    }

    /// Whether the hub wrote it, on behalf of a patient.
    #[must_use]
    pub fn is_hubs(&self) -> bool {
        self.device == HUB
    }

    /// Returns the identities of the facts that it takes back.
    #[must_use]
    pub fn acts(&self) -> BTreeSet<Id> {
        let acts = self.body["acts"].as_array().into_iter().flatten();
        acts.filter_map(|act| Some((act["origin"].as_str()?.to_owned(), act["seq"].as_u64()?))).collect()
    }

    /// Returns the visits it concerns, one or several.
    #[must_use]
    pub fn concerned(&self) -> Vec<&str> {
        let one = self.body["visit"].as_str();
        one.into_iter().chain(self.visits()).collect()
    }

    /// Returns the visits it names together.
    #[must_use]
    pub fn visits(&self) -> Vec<&str> {
        self.body["visits"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

/// Reads exported facts, in the order of the file.
///
/// # Errors
/// Names the line that is no fact.
pub fn read(text: &str) -> Result<Vec<Fact>> {
    let fact = |(idx, line)| read_fact(line).with_context(|| format!("line {} of the export is no fact", idx + 1));
    text.lines().enumerate().map(fact).collect()
}

fn read_fact(line: &str) -> Result<Fact> {
    let value: Value = serde_json::from_str(line).context("not JSON")?;
    let text = |field: &str| value[field].as_str().map(str::to_owned);
    Ok(Fact {
        origin: text("origin").context("no origin")?,
        seq: value["seq"].as_u64().context("no seq")?,
        at_ms: value["at_ms"].as_i64().context("no instant")?,
        at_n: value["at_n"].as_u64().context("no counter")?,
        mono_ms: value["mono_ms"].as_u64().context("no monotonic instant")?,
        clock: text("clock").context("no clock")?,
        line: value["line"].as_u64(),
        key: text("cmd").and_then(|cmd| cmd.split_once('#').map(|(key, _)| key.to_owned())),
        device: value["by"]["device"].as_str().unwrap_or_default().to_owned(),
        kind: text("kind").context("no kind")?,
        body: value["body"].clone(),
    })
}

/// Returns the places of the facts that each command made, from 1, by its key.
#[must_use]
pub fn by_key(facts: &[Fact]) -> BTreeMap<&str, Vec<u64>> {
    let mut places: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (place, fact) in (1..).zip(facts) {
        if let Some(key) = &fact.key {
            places.entry(key).or_default().push(place);
        }
    }
    places
}
