//! What may be written down of support. The signature and the mark under a yes are the box's to check, before it asks.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::commission::{Commissioned, accept};
use super::order::{MAX_ORDER_BYTES, Order};
use super::{Answer, Ordered, Support, SupportAnswered, SupportBegun, SupportOrdered, SupportReported};
use crate::facts::Fact;
use crate::ids::{FactId, SiteId};
use crate::refusal::{Refusal, RefusalCode};
use crate::time::AtMs;

/// The longest signature, in characters: 64 bytes in base64.
const MAX_SIGNATURE_CHARS: usize = 88;

/// What can be asked about support.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum SupportCommand {
    /// Brings an order to the box; by the hub alone. Whether it is one the box finds out.
    Order {
        /// The order.
        order: SupportOrdered,
    },
    /// The clinic says something to an order.
    Answer {
        /// What.
        answer: SupportAnswered,
    },
    /// The box begins to carry an order out.
    Begin {
        /// Which.
        asked: FactId,
    },
    /// Takes the signed report of the site's acceptance in; the edge has checked whose signature it is.
    Commission {
        /// Of which facility the box is.
        site: SiteId,
        /// The report.
        report: Commissioned,
    },
    /// The box tells what came of an order; once.
    Report {
        /// What.
        report: Box<SupportReported>,
    },
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`]: nothing is written.
pub fn decide(support: &Support, command: &SupportCommand, now: AtMs) -> Result<Vec<Fact>, Refusal> {
    match command {
        SupportCommand::Order { order } => take_in(order),
        SupportCommand::Answer { answer } => say(support, answer, now),
        SupportCommand::Begin { asked } => begin(support, *asked),
        SupportCommand::Commission { site, report } => {
            accept(report, *site).map(|()| vec![Fact::Commissioned(report.clone())])
        }
        SupportCommand::Report { report } => match of(support, report.asked)?.report {
            Some(_) => Ok(Vec::new()),
            None => Ok(vec![Fact::SupportReported((**report).clone())]),
        },
    }
}

fn of(support: &Support, asked: FactId) -> Result<&Ordered, Refusal> {
    support.orders.get(&asked).ok_or_else(|| Refusal::new(RefusalCode::UnknownOrder))
}

fn take_in(order: &SupportOrdered) -> Result<Vec<Fact>, Refusal> {
    let too_long =
        |field: &str, most: usize| Refusal::new(RefusalCode::TooLong).with("field", &field).with("most", &most);
    if order.order.len() > MAX_ORDER_BYTES {
        return Err(too_long("order", MAX_ORDER_BYTES));
    }
    if order.signature.len() > MAX_SIGNATURE_CHARS {
        return Err(too_long("signature", MAX_SIGNATURE_CHARS));
    }
    Ok(vec![Fact::SupportOrdered(order.clone())])
}

fn say(support: &Support, answer: &SupportAnswered, now: AtMs) -> Result<Vec<Fact>, Refusal> {
    let ordered = of(support, answer.asked)?;
    let over = || Refusal::new(RefusalCode::OrderOver);
    let order = ordered.read().ok_or_else(over)?;
    let stands = ordered.report.is_none() && now < order.not_after_ms;
    let may = match (ordered.last_said(), answer.said) {
        (None, Answer::Yes | Answer::No) | (Some(Answer::Yes), Answer::Withdrawn) => true,
        (None, Answer::Withdrawn) | (Some(Answer::Yes), Answer::Yes | Answer::No) => false,
        (Some(Answer::No | Answer::Withdrawn), Answer::Yes | Answer::No | Answer::Withdrawn) => false,
    };
    if stands && may { Ok(vec![Fact::SupportAnswered(answer.clone())]) } else { Err(over()) }
}

fn begin(support: &Support, asked: FactId) -> Result<Vec<Fact>, Refusal> {
    let ordered = of(support, asked)?;
    let order: Option<Order> = ordered.read();
    let is_fresh = |order: &Order| {
        let is_untouched = ordered.begun.is_none() && ordered.report.is_none();
        is_untouched && ordered.last_said() == Some(Answer::Yes) && !support.is_replay(asked, order.order)
    };
    match order.filter(is_fresh) {
        Some(order) => Ok(vec![Fact::SupportBegun(SupportBegun { asked, order: order.order })]),
        None => Err(Refusal::new(RefusalCode::OrderOver)),
    }
}
