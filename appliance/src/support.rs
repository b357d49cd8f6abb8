//! Remote support: orders that came as facts are looked at, asked of the clinic, carried out once, and told back.
//!
//! Nothing is done that no key of the configuration signed, and nothing without a yes that was said at this box: the
//! mark under it is checked again before anything begins. It listens nowhere.

pub(crate) mod acts;
pub(crate) mod bundle;
pub(crate) mod log;
pub(crate) mod redact;
mod tar;

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use machiai_core::command::Command;
use machiai_core::envelope::{By, Cmd};
use machiai_core::ids::FactId;
use machiai_core::support::decide::SupportCommand;
use machiai_core::support::order::{Act, Order, SIGNED_UNDER};
use machiai_core::support::{Answer, Ordered, Outcome, Said, SupportAnswered, SupportOrdered, SupportReported, Why};
use machiai_core::time::AtMs;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::app::{App, Shared};
use crate::config::Config;
use crate::gate::{Gate, GateError};
use acts::Ran;

/// How often it looks whether it is time for an order, or no longer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long an act may take: a ticket may stand before a test page, and a screen starts anew.
const ACT_FOR: Duration = Duration::from_secs(120);

/// Says who signed an order; the name is the one in the configuration.
///
/// # Errors
/// [`Why::Forged`].
pub(crate) fn signer(config: &Config, order: &SupportOrdered) -> Result<String, Why> {
    signer_of(config, (SIGNED_UNDER, &order.order), &order.signature).ok_or(Why::Forged)
}

/// Says who signed a text under what such texts begin with; none where it was none of those whom the configuration names.
pub(crate) fn signer_of(config: &Config, (under, text): (&str, &str), signature: &str) -> Option<String> {
    let signature = STANDARD.decode(signature).ok()?;
    let signed = [under.as_bytes(), text.as_bytes()].concat();
    let is_by = |key: &[u8; 32]| UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).is_ok();
    let operator = config.support.operators.iter().find(|operator| is_by(operator.key.bytes()));
    operator.map(|operator| operator.name.clone())
}

/// Returns an answer with this box's mark under it.
pub(crate) fn marked(app: &App, (asked, order): (FactId, &SupportOrdered), said: Answer) -> SupportAnswered {
    SupportAnswered { asked, said, mark: mark(app, (asked, order), said) }
}

fn mark(app: &App, (asked, order): (FactId, &SupportOrdered), said: Answer) -> String {
    let said = match said {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::Withdrawn => "withdrawn",
    };
    let parts = [asked.origin.bytes().as_slice(), &asked.seq.0.to_be_bytes(), order.order.as_bytes(), said.as_bytes()];
    app.gate.tokens().mark(&parts)
}

/// Returns by what the pages name an order: the fact that brought it.
pub(crate) fn name_of(asked: FactId) -> String {
    format!("{}-{}", asked.origin, asked.seq)
}

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// The clinic is to be asked.
    Asks,
    /// The clinic said yes, and it is not time yet.
    Waits,
    /// The clinic said yes, and it is time.
    Due,
    /// It was begun.
    Begun,
    /// It cannot be carried out.
    Refused(Why),
    /// What came of it has been told.
    Over,
}

/// An order as the box sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The fact that brought it.
    pub(crate) asked: FactId,
    /// What is known of it.
    pub(crate) ordered: Ordered,
    /// What was ordered; none where nobody's order could be read.
    pub(crate) order: Option<Order>,
    /// Who ordered it; none for a signature that is nobody's.
    pub(crate) operator: Option<String>,
    /// Where it stands.
    pub(crate) stands: Stands,
}

/// Looks at every order.
pub(crate) fn look(app: &App) -> Vec<Seen> {
    let support = app.gate.read(|clinic| clinic.support.clone());
    let config = app.configured();
    let mut seen: Vec<Seen> = support
        .orders
        .iter()
        .map(|(asked, ordered)| {
            let signer = signer(&config, &ordered.order);
            // What nobody signed is not read.
            let order = if signer.is_ok() { Order::read(&ordered.order.order) } else { Err(Why::Forged) };
            let is_replay = order.as_ref().is_ok_and(|order| support.is_replay(*asked, order.order));
            let stands = stands(app, (*asked, ordered), &order, is_replay);
            Seen { asked: *asked, ordered: ordered.clone(), order: order.ok(), operator: signer.ok(), stands }
        })
        .collect();
    seen.sort_by_key(|seen| std::cmp::Reverse(seen.ordered.at));
    seen
}

fn stands(app: &App, (asked, ordered): (FactId, &Ordered), order: &Result<Order, Why>, is_replay: bool) -> Stands {
    if ordered.report.is_some() {
        return Stands::Over;
    }
    if ordered.begun.is_some() {
        return Stands::Begun;
    }
    let order = match order {
        Ok(order) => order,
        Err(why) => return Stands::Refused(*why),
    };
    if is_replay {
        return Stands::Refused(Why::Replayed);
    }
    let (now, trust) = (app.gate.clock.now().0, app.gate.clock.shown().1);
    let said = ordered.said.as_ref().map(|said| &said.answer);
    match (order.refuse(app.site, now), said.map(|answer| answer.said)) {
        // Nobody said yes while it was time.
        (Err(Why::Late), None) if ordered.at.stamp.at < order.not_after_ms => Stands::Refused(Why::NotConsented),
        (Err(why), _) => Stands::Refused(why),
        (Ok(()), None) => Stands::Asks,
        (Ok(()), Some(Answer::No)) => Stands::Refused(Why::Declined),
        (Ok(()), Some(Answer::Withdrawn)) => Stands::Refused(Why::Withdrawn),
        (Ok(()), Some(Answer::Yes)) => {
            let is_ours = said.is_some_and(|said| said.mark == mark(app, (asked, &ordered.order), Answer::Yes));
            match order.is_due(now, trust) {
                // A yes that was not said here is none, whoever sends it.
                _ if !is_ours => Stands::Refused(Why::NotConsented),
                Err(why) => Stands::Refused(why),
                Ok(true) => Stands::Due,
                Ok(false) => Stands::Waits,
            }
        }
    }
}

/// What lasts until its time is over: the log says more.
struct Lasting {
    asked: FactId,
    until: AtMs,
    began: AtMs,
    done: String,
}

/// What this program has begun and not yet told the end of.
#[derive(Default)]
struct Doing {
    lasting: Option<Lasting>,
    /// What could not be written down: a disk was full, say.
    untold: BTreeMap<FactId, (Outcome, Ran)>,
}

/// Looks at orders and carries them out, until the app stops.
pub(crate) async fn serve(app: Shared) {
    let mut changes = app.gate.changes();
    let mut doing = Doing::default();
    loop {
        // Each look reads signatures: most facts are none of ours.
        let is_open = app.gate.read(|clinic| clinic.support.orders.values().any(|ordered| ordered.report.is_none()));
        // While the day is still coming, so may be what became of an order.
        for seen in if is_open && app.gate.aside().is_none() { look(&app) } else { Vec::new() } {
            match &seen.stands {
                Stands::Asks | Stands::Waits | Stands::Over => {}
                Stands::Refused(why) => doing.tell(&app, &seen, (Outcome::Refused(*why), Ran::default())).await,
                Stands::Begun => end(&app, &seen, &mut doing).await,
                Stands::Due => carry_out(&app, &seen, &mut doing).await,
            }
        }
        tokio::select! {
            () = app.stop.cancelled() => break,
            changed = changes.changed() => if changed.is_err() { break },
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    if doing.lasting.is_some() {
        log::put_back();
    }
}

/// Begins an order and does what it says; whatever happens then is told.
async fn carry_out(app: &Shared, seen: &Seen, doing: &mut Doing) {
    let Some(order) = &seen.order else { return };
    // What changes the log changes it alone: a second one waits for the first.
    if matches!(order.act, Act::LogLevel { .. }) && doing.lasting.is_some() {
        return;
    }
    match begin(app, seen, order).await {
        Ok(true) => {}
        Ok(false) => return doing.tell(app, seen, (Outcome::Refused(Why::Replayed), Ran::default())).await,
        Err(cause) => {
            tracing::warn!(error = %cause, "an order of support waits: it cannot be written down that it begins");
            return;
        }
    }
    tracing::info!(order = %order.order, act = order.act.name(), "an order of support is carried out");
    let began = app.gate.clock.now().0;
    if let Act::LogLevel { level } = &order.act
        && log::set(*level)
    {
        let done = format!("the log said {level:?}");
        doing.lasting = Some(Lasting { asked: seen.asked, until: order.not_after_ms, began, done });
        return;
    }
    let ran = tokio::time::timeout(ACT_FOR, acts::carry_out(app, &order.act)).await;
    let ran = ran.unwrap_or_else(|_late| Ran::failed("it took too long"));
    let outcome = if ran.is_done { Outcome::Done } else { Outcome::Failed };
    doing.tell(app, seen, (outcome, Ran { began: Some(began), ..ran })).await;
}

impl Doing {
    /// Tells what came of an order, or keeps it for the next look.
    async fn tell(&mut self, app: &App, seen: &Seen, (outcome, ran): (Outcome, Ran)) {
        if tell(app, seen, outcome, &ran).await {
            self.untold.remove(&seen.asked);
        } else {
            self.untold.insert(seen.asked, (outcome, ran));
        }
    }
}

/// Writes down that an order begins; returns false where it had begun before, under whatever fact.
async fn begin(app: &App, seen: &Seen, order: &Order) -> Result<bool, GateError> {
    let key = format!("support-{}", order.order);
    let digest = app.gate.tokens().mark(&[seen.asked.origin.bytes(), &seen.asked.seq.0.to_be_bytes()]);
    let cmd = Cmd { key, digest: digest.chars().take(16).collect() };
    let command = Command::Support { command: SupportCommand::Begin { asked: seen.asked } };
    match app.gate.ask(Gate::by(app.own_device.clone(), Some(cmd), command)).await {
        Ok(done) => Ok(!done.replayed),
        Err(GateError::Refused(_) | GateError::Journal(machiai_journal::JournalError::Conflict)) => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// Ends what lasts when its time is over or the clinic took its yes back, and tells it; of whatever else was begun, tells
/// what came of it.
async fn end(app: &App, seen: &Seen, doing: &mut Doing) {
    let Some(running) = doing.lasting.as_ref().filter(|running| running.asked == seen.asked) else {
        // What a program before this one had begun, or another box, nobody knows the end of.
        let came = doing.untold.get(&seen.asked).cloned().unwrap_or((Outcome::Unknown, Ran::default()));
        return doing.tell(app, seen, came).await;
    };
    let is_withdrawn = seen.ordered.last_said() == Some(Answer::Withdrawn);
    if !is_withdrawn && app.gate.clock.now().0 < running.until {
        return;
    }
    log::put_back();
    let why = if is_withdrawn { "the clinic took its yes back" } else { "its time was over" };
    let steps = vec![running.done.clone(), format!("it was put back, as {why}")];
    let ran = Ran { is_done: true, began: Some(running.began), steps, ..Ran::default() };
    doing.lasting = None;
    doing.tell(app, seen, (Outcome::Done, ran)).await;
}

/// Tells what came of an order: what was ordered against what was done. Returns whether it is written down.
async fn tell(app: &App, seen: &Seen, outcome: Outcome, ran: &Ran) -> bool {
    let now = app.gate.clock.now().0;
    let yes = |said: &&Said| said.answer.said != Answer::No;
    let consented: Option<By> = seen.ordered.said.as_ref().filter(yes).map(|said| said.by.clone());
    let report = SupportReported {
        asked: seen.asked,
        order: seen.order.as_ref().map(|order| order.order),
        ordered: seen.order.as_ref().map(|order| order.act.clone()),
        purpose: seen.order.as_ref().map(|order| order.purpose),
        operator: seen.operator.clone(),
        consented,
        outcome,
        ran_ms: ran.began.map(|began| (began, now)),
        done: ran.steps.clone(),
        found: ran.found.clone(),
        picture: ran.picture.clone(),
    };
    if let Outcome::Refused(why) = outcome {
        tracing::warn!(?why, "an order of support is refused");
    }
    let told = app.ask_itself(Command::Support { command: SupportCommand::Report { report: Box::new(report) } }).await;
    told.inspect_err(
        |cause| tracing::warn!(error = %cause, "what came of an order of support is told at the next look"),
    )
    .is_ok()
}

#[cfg(test)]
mod tests;
