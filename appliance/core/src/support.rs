//! Remote support: what an operator ordered, what the clinic said to it, and what came of it, folded from facts.
//!
//! An order is the text that was signed, kept as it came: whoever acts on it looks at the signature and at the clinic's
//! mark again, since a fact alone proves neither. Nothing of a patient stands in any of these facts.

pub mod commission;
pub mod decide;
pub mod order;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::envelope::{By, Canonical, Envelope, Head};
use crate::facts::{Fact, JournalOpened, OpenedAfter};
use crate::ids::{FactId, OrderId};
use crate::time::AtMs;

use commission::Acceptance;
use order::{Act, Order, Purpose};

/// The kinds of fact that this fold reads: a start reads these of all time.
pub const SUPPORT_KINDS: [&str; 6] =
    ["SupportOrdered", "SupportAnswered", "SupportBegun", "SupportReported", "Commissioned", "JournalOpened"];

/// Orders that are kept; the oldest one that is over goes first. Each runs once all the same: its key is the journal's.
const MOST_ORDERS: usize = 64;

/// See [`crate::facts::Fact::SupportOrdered`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportOrdered {
    /// What was signed, byte for byte: the JSON of an [`Order`].
    pub order: String,
    /// The signature of those bytes by an operator's key (Ed25519), in base64.
    pub signature: String,
}

/// What the clinic says to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It may be done.
    Yes,
    /// It may not.
    No,
    /// It might, and may no longer: what lasts ends.
    Withdrawn,
}

/// See [`crate::facts::Fact::SupportAnswered`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportAnswered {
    /// To which order, by the fact that brought it.
    pub asked: FactId,
    /// What.
    pub said: Answer,
    /// The box's own mark under it, which nobody else can make: whoever sends facts could send a yes as well.
    pub mark: String,
}

/// See [`crate::facts::Fact::SupportBegun`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportBegun {
    /// What, by the fact that brought the order.
    pub asked: FactId,
    /// The order's own id, which runs once.
    pub order: OrderId,
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The signature is by none of the keys that the box knows, or of another text.
    Forged,
    /// The text is no order.
    NotUnderstood,
    /// What is ordered is none of what can be.
    NotOnTheList,
    /// The purpose does not ask for it.
    OutsidePurpose,
    /// It is for another clinic.
    AnotherSite,
    /// Its time is over, or too long.
    Late,
    /// The time for it is longer than one may be.
    TooLong,
    /// It was ordered, and done or refused, before.
    Replayed,
    /// The clinic said no.
    Declined,
    /// The clinic did not say yes in time.
    NotConsented,
    /// The clinic took its yes back before anything was done.
    Withdrawn,
    /// The box's clock cannot be trusted: whether it is time nobody knows.
    ClockLost,
}

/// How an order came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What was ordered was done.
    Done,
    /// It was begun, and could not be done.
    Failed,
    /// It was begun, and nobody knows how it ended: the box stopped meanwhile.
    Unknown,
    /// Nothing was done.
    Refused(Why),
}

/// A picture that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its media type.
    pub kind: String,
    /// Its bytes, in base64.
    pub base64: String,
}

/// See [`crate::facts::Fact::SupportReported`]: what was ordered against what was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupportReported {
    /// Of which order, by the fact that brought it.
    pub asked: FactId,
    /// The order's own id; none where no order could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// What was ordered; none where no order could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Act>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Who ordered it, by the name of the key in the box's configuration; none for a signature that is nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Who let it be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consented: Option<By>,
    /// How it came out.
    pub outcome: Outcome,
    /// When it was begun, and when it ended; none where it was not begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ran_ms: Option<(AtMs, AtMs)>,
    /// What was done, step by step, in English.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<String>,
    /// What was found, where something was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The picture, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
}

/// What the clinic said last, who said it, and the mark under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Who.
    pub by: By,
    /// When.
    pub at: AtMs,
    /// What, with its mark.
    pub answer: SupportAnswered,
}

/// An order, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// The fact that brought it.
    pub at: Canonical,
    /// What was signed.
    pub order: SupportOrdered,
    /// What the clinic said last.
    pub said: Option<Said>,
    /// When it was begun.
    pub begun: Option<AtMs>,
    /// What came of it.
    pub report: Option<SupportReported>,
}

impl Ordered {
    /// Reads what was ordered; none where the text is no order. Nothing is said of its signature.
    #[must_use]
    pub fn read(&self) -> Option<Order> {
        Order::read(&self.order.order).ok()
    }

    /// Returns what the clinic said last.
    #[must_use]
    pub fn last_said(&self) -> Option<Answer> {
        self.said.as_ref().map(|said| said.answer.said)
    }
}

/// The orders as the facts left them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// The orders, by the facts that brought them: as pairs, since a fact's identity is no key in JSON.
    #[serde(with = "pairs")]
    pub orders: BTreeMap<FactId, Ordered>,
    /// The newest acceptance of the site.
    #[serde(default)]
    pub accepted: Option<Acceptance>,
}

mod pairs {
    use super::{BTreeMap, Deserialize, FactId, Ordered, Serialize, Vec};

    pub(super) fn serialize<S: serde::Serializer>(
        orders: &BTreeMap<FactId, Ordered>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        orders.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<FactId, Ordered>, D::Error> {
        Vec::<(FactId, Ordered)>::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}

impl Support {
    /// Takes in the next fact in canonical order; facts of other kinds change nothing.
    pub fn after(&mut self, envelope: &Envelope) {
        let head = &envelope.head;
        if let Fact::SupportOrdered(order) = &envelope.fact {
            self.order(head, order);
        } else if let Fact::SupportAnswered(answer) = &envelope.fact {
            let said = Said { by: head.by.clone(), at: head.at_ms, answer: answer.clone() };
            self.of(answer.asked, |ordered| ordered.said = Some(said));
        } else if let Fact::SupportBegun(begun) = &envelope.fact {
            self.of(begun.asked, |ordered| ordered.begun = ordered.begun.or(Some(head.at_ms)));
        } else if let Fact::SupportReported(report) = &envelope.fact {
            self.of(report.asked, |ordered| ordered.report = ordered.report.take().or(Some(report.clone())));
        } else if let Fact::Commissioned(commissioned) = &envelope.fact {
            self.accepted = Acceptance::of(head, commissioned).or_else(|| self.accepted.take());
        } else if let Fact::JournalOpened(JournalOpened { after, .. }) = &envelope.fact {
            match after {
                OpenedAfter::Nothing | OpenedAfter::Run => {}
                OpenedAfter::Restore | OpenedAfter::Replacement | OpenedAfter::Damage => self.ask_again(),
            }
        }
    }

    /// Takes no yes for granted that stands in a journal which lost its newest facts: it may have been acted upon since.
    fn ask_again(&mut self) {
        let waiting = self.orders.values_mut().filter(|ordered| ordered.begun.is_none() && ordered.report.is_none());
        for ordered in waiting.filter(|ordered| ordered.last_said() == Some(Answer::Yes)) {
            ordered.said = None;
        }
    }

    fn order(&mut self, head: &Head, order: &SupportOrdered) {
        let ordered = Ordered { at: head.canonical(), order: order.clone(), said: None, begun: None, report: None };
        self.orders.insert(head.id(), ordered);
        while self.orders.len() > MOST_ORDERS {
            let oldest = self.orders.iter().min_by_key(|(_, known)| (known.report.is_none(), known.at));
            let Some(oldest) = oldest.map(|(asked, _)| *asked) else { break };
            self.orders.remove(&oldest);
        }
    }

    fn of(&mut self, asked: FactId, change: impl FnOnce(&mut Ordered)) {
        if let Some(ordered) = self.orders.get_mut(&asked) {
            change(ordered);
        }
    }

    /// Whether another fact brought an order of this id before, or one that was begun.
    #[must_use]
    pub fn is_replay(&self, asked: FactId, order: OrderId) -> bool {
        let Some(this) = self.orders.get(&asked) else { return false };
        let is_other = |(id, _): &(&FactId, &Ordered)| **id != asked;
        let mut others = self.orders.iter().filter(is_other).map(|(_, other)| other);
        others.any(|other| {
            let is_same = || other.read().is_some_and(|read| read.order == order);
            (other.begun.is_some() || other.at < this.at) && is_same()
        })
    }
}
