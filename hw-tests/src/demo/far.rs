//! Patients' telephones: they take tickets from afar at the hub, and hold up nothing at the clinic meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use machiai_core::facts::Lang;
use machiai_panel::Panel;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::{Answered, Api, Press};
use super::clock::Clock;
use super::daemon::SITE;
use super::outage::Turn;
use super::player::{Role, Sent};
use crate::hub::phone::{Offer, Phone, Taken, label, told};

/// Why the hub may say no to a patient.
const CODES: [&str; 5] = ["lease_used_up", "remote_closed", "line_closed", "full_for_now", "numbers_used_up"];
/// The refusal of a moment in which the clinic has leased no numbers yet.
const USED_UP: &str = "lease_used_up";
/// A patient who finds nothing left looks again after so long on the rehearsal's clock, and so often.
const LOOKS_AGAIN_AFTER: Duration = Duration::from_secs(30);
const MOST_LOOKS: usize = 20;

/// What the box wrote so long ago has come to the hub, or the box says that it is pending.
const SENT_WITHIN: Duration = Duration::from_secs(1);

/// What the hub can have known of the clinic when something was asked there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// At least so many facts, but for the last so many of the box's own.
    pub least: (u64, u64),
    /// No more than so many facts, where the line was cut then.
    pub most: Option<u64>,
}

/// What is known of that, as the box was read.
#[derive(Debug, Default)]
pub struct Reaching {
    /// When the box was read, and how many facts it held.
    read: VecDeque<(Duration, u64)>,
    now: Reach,
    /// Whether the line was cut, and the box has not been heard of at the hub since.
    is_cut: bool,
}

impl Reaching {
    /// Takes note of how the box does, and of what was done to the line.
    pub fn note(&mut self, clock: &Clock, turn: Option<Turn>) {
        let status = &clock.status;
        let n_pending = status.hub.as_ref().map_or(0, |channel| channel.n_pending);
        let is_linked = status.hub.as_ref().is_some_and(|channel| channel.mode.is_some());
        self.read.push_back((clock.read_at, status.n_facts));
        match turn {
            Some(Turn::Cut) => (self.is_cut, self.now.most) = (true, Some(status.n_facts)),
            // It hears of the box again when that has rested.
            Some(Turn::Mended) => self.now.most = None,
            None if is_linked && self.now.most.is_none() => self.is_cut = false,
            None => {}
        }
        while self.read.get(1).is_some_and(|(at, _)| *at + SENT_WITHIN <= clock.read_at) {
            self.read.pop_front();
        }
        let (at, n_facts) = self.read.front().copied().unwrap_or_default();
        if !self.is_cut && at + SENT_WITHIN <= clock.read_at {
            self.now.least = (n_facts, n_pending);
        }
    }

    /// Returns what the hub can know by now.
    #[must_use]
    pub const fn now(&self) -> Reach {
        self.now
    }
}

/// What a patient does.
#[derive(Clone, Debug)]
pub struct Call {
    /// The row, and the one that it is of the same finger where it slipped.
    pub row_idx: usize,
    /// How many presses one finger makes.
    pub n_presses: usize,
    /// The record's name of the patient.
    pub who: String,
    /// The line.
    pub line: u64,
    /// How many people take a ticket, each by a telephone of their own.
    pub n_people: u32,
    /// The daemon's clock.
    pub clock: Clock,
    /// What the hub can know by then.
    pub reach: Reach,
}

/// Telephones that are in use.
pub struct Telephones {
    hand: Hand,
    under_way: JoinSet<Result<(String, Vec<Sent>)>>,
    /// Patients whose telephone is in use.
    busy: BTreeSet<String>,
}

/// What every patient has.
#[derive(Clone)]
struct Hand {
    phone: Phone,
    api: Api,
    /// Lines by number, as pages name them.
    names: Arc<BTreeMap<u64, String>>,
    reasons: Arc<BTreeMap<&'static str, String>>,
    looks_again_after: Duration,
}

impl Telephones {
    /// Gives every patient a telephone that reaches the hub; the clinic's clock runs so many times faster than theirs.
    ///
    /// # Errors
    /// The daemon does not tell its lines.
    pub async fn new(phone: Phone, api: Api, panel: &Panel, speed: u32) -> Result<Self> {
        let settings = api.get("settings").await?;
        let lines = settings["lines"].as_array().context("the settings name no lines")?;
        let name = |line: &Value| Some((line["line"].as_u64()?, line["name"]["ja"].as_str()?.to_owned()));
        let names = lines.iter().filter_map(name).collect();
        let words = |code| Some((code, panel.words().get(Lang::Ja, "refusal", code)?.to_owned()));
        let reasons = CODES.into_iter().filter_map(words).collect();
        let looks_again_after = LOOKS_AGAIN_AFTER / speed;
        let hand = Hand { phone, api, names: Arc::new(names), reasons: Arc::new(reasons), looks_again_after };
        Ok(Self { hand, under_way: JoinSet::new(), busy: BTreeSet::new() })
    }

    /// Lets a patient take a ticket.
    pub fn call(&mut self, call: Call) {
        let hand = self.hand.clone();
        self.busy.insert(call.who.clone());
        self.under_way.spawn(async move {
            let mut sent = Vec::new();
            for nth in 0..call.n_people {
                sent.extend(hand.take(&call, nth).await?);
            }
            Ok((call.who, sent))
        });
    }

    /// Lets a patient send the same press once more, as a browser does whose answer was lost.
    pub fn again(&mut self, call: Call, press: Press, key: String) {
        let hand = self.hand.clone();
        self.busy.insert(call.who.clone());
        self.under_way.spawn(async move {
            let sent = hand.press(&call, (Role::Repeat, call.row_idx), (press, key)).await?;
            Ok((call.who, vec![sent]))
        });
    }

    /// Whether a patient's telephone is in use.
    #[must_use]
    pub fn is_busy(&self, who: &str) -> bool {
        self.busy.contains(who)
    }

    /// Returns what has come of calls by now.
    ///
    /// # Errors
    /// The hub or the daemon cannot be reached.
    pub fn by_now(&mut self) -> Result<Vec<Sent>> {
        let mut all = Vec::new();
        while let Some(done) = self.under_way.try_join_next() {
            let (who, sent) = done.context("a telephone of the demo broke off")??;
            self.busy.remove(&who);
            all.extend(sent);
        }
        Ok(all)
    }

    /// Waits for the next call to end; none when no telephone is in use.
    ///
    /// # Errors
    /// As [`Telephones::by_now`].
    pub async fn next(&mut self) -> Result<Option<Vec<Sent>>> {
        let Some(done) = self.under_way.join_next().await else { return Ok(None) };
        let (who, sent) = done.context("a telephone of the demo broke off")??;
        self.busy.remove(&who);
        Ok(Some(sent))
    }
}

impl Hand {
    /// Takes a ticket for the nth of a family; looks again where the clinic, which is there, has leased nothing yet.
    async fn take(&self, call: &Call, nth: u32) -> Result<Vec<Sent>> {
        let name = self.names.get(&call.line).with_context(|| format!("there is no line {}", call.line))?;
        let device = if nth == 0 { format!("phone/{}", call.who) } else { format!("phone/{}/{nth}", call.who) };
        let mut all = Vec::new();
        for look in 0..MOST_LOOKS {
            let asked_at = self.api.elapsed();
            let Offer { key, is_out_of_reach } = self.phone.offer(name).await?;
            let press = |key: &str| Press {
                device: device.clone(),
                path: format!("s/{SITE}/take"),
                body: json!({"line": call.line, "key": key}),
            };
            let of = format!("demo-far-{}-{nth}-{look}", call.row_idx);
            let fresh = match key {
                Ok(key) => self.press_once_or_more(call, &press(&key), &of).await?,
                Err(why) => {
                    let answered = self.answered((press(""), of), asked_at, (409, self.no(&why)));
                    vec![sent(call, (Role::Asked, call.row_idx), answered)]
                }
            };
            let looks_again = fresh.iter().all(|sent| sent.answered.code() == Some(USED_UP));
            all.extend(fresh);
            if !looks_again || is_out_of_reach {
                break;
            }
            tokio::time::sleep(self.looks_again_after).await;
        }
        Ok(all)
    }

    /// Presses the button of a page, as often as the finger slips on it.
    async fn press_once_or_more(&self, call: &Call, press: &Press, of: &str) -> Result<Vec<Sent>> {
        let mut pressing = JoinSet::new();
        for nth in 0..call.n_presses {
            let (hand, call, press) = (self.clone(), call.clone(), press.clone());
            let key = if nth == 0 { of.to_owned() } else { format!("{of}-{nth}") };
            let role = if nth == 0 { Role::Asked } else { Role::Double };
            pressing.spawn(async move { hand.press(&call, (role, call.row_idx + nth), (press, key)).await });
        }
        let mut all = Vec::new();
        while let Some(sent) = pressing.join_next().await {
            all.push(sent.context("a finger of the demo broke off")??);
        }
        all.sort_by_key(|sent| sent.row_idx);
        Ok(all)
    }

    async fn press(&self, call: &Call, (role, row_idx): (Role, usize), (press, key): (Press, String)) -> Result<Sent> {
        let asked_at = self.api.elapsed();
        let taken = self.phone.take(call.line, press.body["key"].as_str().unwrap_or_default()).await?;
        let (status, answer) = match taken {
            Taken::Ticket(path) => (200, path),
            Taken::Refused(page) => (409, page),
        };
        let mut answered = self.answered((press, key), asked_at, (status, Value::Null));
        answered.answer =
            if status == 200 { self.ticket(&answer).await? } else { self.no(told(&answer).unwrap_or("")) };
        Ok(sent(call, (role, row_idx), answered))
    }

    /// Reads the label off a ticket's page, and has the desk find the visit by it.
    async fn ticket(&self, path: &str) -> Result<Value> {
        let page = self.phone.page(path).await?;
        let label = label(&page).with_context(|| format!("no label on {path}"))?;
        let found = self.api.get(&format!("visits?label={label}")).await?;
        Ok(json!({"tickets": [{"visit": found["visit"], "label": label, "page": path}], "happened": []}))
    }

    /// Returns the refusal that a page tells in words.
    fn no(&self, words: &str) -> Value {
        let code = self.reasons.iter().find(|(_, reason)| says(words, reason)).map_or("?", |(code, _)| code);
        json!({"code": code, "title_ja": words})
    }

    fn answered(&self, (press, key): (Press, String), sent: Duration, (status, answer): (u16, Value)) -> Answered {
        Answered { press, key, sent, answered: self.api.elapsed(), status, answer }
    }
}

fn sent(call: &Call, (role, row_idx): (Role, usize), answered: Answered) -> Sent {
    Sent { row_idx, role, clock_ms: call.clock.around(&answered), answered, reach: Some(call.reach) }
}

/// Whether words are a reason with its gaps filled.
fn says(words: &str, reason: &str) -> bool {
    let mut pieces = reason.split('{').map(|piece| piece.split_once('}').map_or(piece, |(_, rest)| rest));
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = words.strip_prefix(first) else { return false };
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_by_its_words_whatever_fills_its_gaps() {
        let reason = "{line}では、番号が{n}つもありません。";
        assert!(says("内科では、番号が1つもありません。", reason));
        assert!(!says("内科では、番号が1つあります。", reason) && !says("", reason));
    }
}
