//! The daemon's API as the demo's devices speak it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use machiai::link::on_this_machine;
use serde_json::Value;

use super::stopwatch::Stopwatch;

/// How long a request may take before the demo gives up.
const ANSWER_FOR: Duration = Duration::from_secs(30);

/// One press of a button: a command before it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Press {
    /// The kiosk, tablet or telephone.
    pub device: String,
    /// The address after `/api/v1/`.
    pub path: String,
    /// The body.
    pub body: Value,
}

/// A press and its answer.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What was pressed.
    pub press: Press,
    /// The idempotency key.
    pub key: String,
    /// When it was sent, in real time since the demo's start.
    pub sent: Duration,
    /// When the whole answer was there.
    pub answered: Duration,
    /// The status of the answer.
    pub status: u16,
    /// The answer.
    pub answer: Value,
}

impl Answered {
    /// Returns whether it was done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.status == 200
    }

    /// Returns the code of the refusal, if it was refused.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        (!self.is_done()).then(|| self.answer["code"].as_str().unwrap_or("?"))
    }

    /// Returns the kinds of what happened.
    #[must_use]
    pub fn happened(&self) -> Vec<&str> {
        self.answer["happened"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// Returns the visits of the tickets that were given.
    #[must_use]
    pub fn issued(&self) -> Vec<String> {
        let tickets = self.answer["tickets"].as_array().into_iter().flatten();
        tickets.filter_map(|ticket| ticket["visit"].as_str()).map(str::to_owned).collect()
    }
}

/// How the channel to the hub does.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Channel {
    /// How the box hears of the hub's facts; none while it does not.
    pub mode: Option<String>,
    /// Facts that the hub is not known to hold.
    pub n_pending: u64,
}

/// How the daemon does.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct Status {
    /// The instant on the daemon's clock, milliseconds of UTC.
    pub now_ms: i64,
    /// Facts folded in.
    pub n_facts: u64,
    /// People waiting.
    pub n_waiting: u64,
    /// Attempts to print under way.
    pub n_printing: u64,
    /// Facts that could not be followed.
    pub n_remarks: u64,
    /// How the channel to the hub does; none where there is no hub.
    pub hub: Option<Channel>,
}

/// The way to the daemon.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: Arc<str>,
    watch: Stopwatch,
}

impl Api {
    /// Makes the way to a daemon's address.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(address: &str, watch: Stopwatch) -> Result<Self> {
        let client = on_this_machine()?.tcp_nodelay(true).build().context("cannot make a client")?;
        Ok(Self { client, base: format!("{address}/api/v1/").into(), watch })
    }

    /// Sends a press and waits for its answer; a refusal is an answer too.
    ///
    /// # Errors
    /// The daemon cannot be reached, or its answer not be read.
    pub async fn press(&self, press: Press, key: String) -> Result<Answered> {
        let request = self.client.post(format!("{}{}", self.base, press.path)).timeout(ANSWER_FOR);
        let request = request.header("idempotency-key", &key).header("machiai-device", &press.device);
        let sent = self.watch.read();
        let response = request.json(&press.body).send().await.with_context(|| format!("cannot send {}", press.path))?;
        let status = response.status().as_u16();
        let bytes = response.bytes().await.with_context(|| format!("no whole answer to {}", press.path))?;
        let answered = self.watch.read();
        let answer =
            serde_json::from_slice(&bytes).with_context(|| format!("cannot read the answer to {}", press.path))?;
        Ok(Answered { press, key, sent, answered, status, answer })
    }

    /// Brings in a text as it stands, as a program of the vendor's does.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses it.
    pub async fn bring(&self, path: &str, text: &str) -> Result<()> {
        let sent = self.client.post(format!("{}{path}", self.base)).timeout(ANSWER_FOR).body(text.to_owned());
        let answered = sent.send().await.and_then(reqwest::Response::error_for_status);
        answered.map(drop).with_context(|| format!("cannot bring {path}"))
    }

    /// Asks a question that is answered in JSON.
    ///
    /// # Errors
    /// The daemon cannot be reached or does not answer.
    pub async fn get(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.text(path).await?).with_context(|| format!("cannot read the answer to {path}"))
    }

    /// Asks a question that is answered in text.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn text(&self, path: &str) -> Result<String> {
        let asked = self.client.get(format!("{}{path}", self.base)).timeout(ANSWER_FOR).send().await;
        let response =
            asked.and_then(reqwest::Response::error_for_status).with_context(|| format!("cannot ask {path}"))?;
        response.text().await.with_context(|| format!("no whole answer to {path}"))
    }

    /// Asks how the daemon does.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn status(&self) -> Result<Status> {
        serde_json::from_value(self.get("status").await?).context("the status is not as it should be")
    }

    /// Opens a stream of events.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn events(&self, path: &str) -> Result<reqwest::Response> {
        let asked = self.client.get(format!("{}{path}", self.base)).send().await;
        asked.and_then(reqwest::Response::error_for_status).with_context(|| format!("cannot open {path}"))
    }

    /// Returns the real time since the demo's start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.watch.read()
    }
}
