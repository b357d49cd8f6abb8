//! The command line of remote support, and what each answers: `support key`, `sign`, `order`, `send`, `list` and `show`.

use std::error::Error;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use machiai_core::ids::{OrderId, PlaceId, PrinterId, SiteId};
use machiai_core::support::order::{Act, LogLevel, Order, Purpose};
use machiai_core::support::{Answer, Ordered, Outcome, SupportOrdered, Why};
use machiai_core::time::AtMs;

use super::key::SigningKey;
use crate::chance;
use crate::publish::Publisher;
use crate::publish::orders::{read_document, read_site};
use crate::serve::now_s;
use crate::store::Store;
use crate::store::operators::{CONSOLE, Entry};

/// A key to be drawn, which stays with the operator.
#[derive(Debug, Args)]
pub struct DrawKey {
    /// The file in which it is kept, which is not there yet.
    file: PathBuf,
}

/// What is ordered, and with whose key it is signed.
#[derive(Debug, Args)]
pub struct Wanted {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// The operator's key.
    #[arg(long)]
    key: PathBuf,
    /// What is to be done.
    #[arg(long = "do")]
    act: ActName,
    /// What for.
    #[arg(long)]
    purpose: PurposeName,
    /// Why: the clinic reads it.
    #[arg(long)]
    why: String,
    /// From when on, in Asia/Tokyo, as 2026-12-01T10:00; from now on by default.
    #[arg(long, value_parser = read_at)]
    from: Option<AtMs>,
    /// For how many minutes.
    #[arg(long, default_value_t = 60)]
    minutes: u16,
    /// The printer of `test-page` and `update-configuration`.
    #[arg(long)]
    printer: Option<PrinterId>,
    /// The monitor of `restart-screen`.
    #[arg(long)]
    monitor: Option<PlaceId>,
    /// The printer's device or address, for `update-configuration`.
    #[arg(long)]
    address: Option<String>,
    /// The printer's kind, for `update-configuration`.
    #[arg(long)]
    profile: Option<String>,
    /// How much the log says, for `log-level`.
    #[arg(long)]
    level: Option<LevelName>,
}

/// An order that was signed elsewhere.
#[derive(Debug, Args)]
pub struct SendOrder {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// The document that `support sign` wrote.
    file: PathBuf,
}

/// A site whose orders are listed.
#[derive(Debug, Args)]
pub struct ListOrders {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
}

/// An order to be shown: what was ordered against what was done.
#[derive(Debug, Args)]
pub struct ShowOrder {
    /// The site.
    #[arg(value_parser = read_site)]
    site: SiteId,
    /// Its id, as `support list` has it.
    order: OrderId,
    /// Where the picture is left, if one was taken.
    #[arg(long)]
    picture: Option<PathBuf>,
}

/// What can be done.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ActName {
    /// How the box does, in counts and codes.
    Diagnostics,
    /// What `machiai doctor` finds.
    Doctor,
    /// A picture of the board, numbers struck out.
    Screenshot,
    /// Start a monitor's program anew.
    RestartScreen,
    /// Print a test page.
    TestPage,
    /// Have the log say more for a while.
    LogLevel,
    /// Ask for the program and its films at once.
    PullProgram,
    /// Change how a printer is reached.
    UpdateConfiguration,
}

/// What it can be for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PurposeName {
    /// Looking whether all is well.
    Checkup,
    /// A printer that does not print.
    Printer,
    /// A monitor that does not show what it should.
    Monitor,
    /// A program that does not come or air.
    Program,
    /// The line to the hub.
    Line,
    /// Anything else, to be looked into.
    Fault,
}

/// How much the log can say.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelName {
    /// The usual.
    Info,
    /// What finds a fault.
    Debug,
}

fn read_at(text: &str) -> Result<AtMs, String> {
    text.parse().map(AtMs::from_tokyo).map_err(|_bad| "an instant is written as 2026-12-01T10:00".to_owned())
}

fn shown(at: AtMs) -> String {
    at.in_tokyo().strftime("%Y-%m-%d %H:%M").to_string()
}

impl From<PurposeName> for Purpose {
    fn from(name: PurposeName) -> Self {
        match name {
            PurposeName::Checkup => Self::Checkup,
            PurposeName::Printer => Self::Printer,
            PurposeName::Monitor => Self::Monitor,
            PurposeName::Program => Self::Program,
            PurposeName::Line => Self::Line,
            PurposeName::Fault => Self::Fault,
        }
    }
}

impl DrawKey {
    /// Carries it out, and returns the public half, to be written into the boxes' configuration.
    ///
    /// # Errors
    /// What went wrong.
    pub fn carry_out(self) -> Result<String, Box<dyn Error>> {
        let key = SigningKey::draw(&self.file)?;
        let name = "[[support.operators]]\nname = \"\"  # who it is, as the clinic is told";
        Ok(format!("{name}\nkey = \"{}\"", key.public()))
    }
}

impl Wanted {
    fn act(&self) -> Result<Act, Box<dyn Error>> {
        let lacks = |what: &str| format!("--{what} is missing");
        let printer = || self.printer.clone().ok_or_else(|| lacks("printer"));
        Ok(match self.act {
            ActName::Diagnostics => Act::Diagnostics {},
            ActName::Doctor => Act::Doctor {},
            ActName::Screenshot => Act::Screenshot {},
            ActName::PullProgram => Act::PullProgram {},
            ActName::RestartScreen => {
                Act::RestartScreen { monitor: self.monitor.clone().ok_or_else(|| lacks("monitor"))? }
            }
            ActName::TestPage => Act::TestPage { printer: printer()? },
            ActName::LogLevel => Act::LogLevel {
                level: match self.level.ok_or_else(|| lacks("level"))? {
                    LevelName::Info => LogLevel::Info,
                    LevelName::Debug => LogLevel::Debug,
                },
            },
            ActName::UpdateConfiguration => Act::UpdateConfiguration {
                printer: printer()?,
                address: self.address.clone().ok_or_else(|| lacks("address"))?,
                profile: self.profile.clone().ok_or_else(|| lacks("profile"))?,
            },
        })
    }

    /// Makes the order and signs it; `now` is what the clock shows.
    ///
    /// # Errors
    /// What is missing, or what the box would refuse anyhow.
    pub fn signed(&self, now: AtMs) -> Result<(SiteId, SupportOrdered), Box<dyn Error>> {
        let from = self.from.unwrap_or(now);
        let order = Order {
            order: OrderId::from_bytes(chance::bytes()?),
            site: self.site,
            act: self.act()?,
            purpose: self.purpose.into(),
            why: self.why.clone(),
            not_before_ms: from,
            not_after_ms: from.plus_ms(i64::from(self.minutes).saturating_mul(60_000)),
        };
        let signed = SigningKey::read(&self.key)?.sign(&order)?;
        // What the box refuses is better found out here.
        let read = Order::read(&signed.order).map_err(|why| told(Outcome::Refused(why)))?;
        read.refuse(self.site, now).map_err(|why| told(Outcome::Refused(why)))?;
        Ok((self.site, signed))
    }

    /// Signs the order alone, and returns the document to be sent.
    ///
    /// # Errors
    /// As [`Wanted::signed`].
    pub fn sign(&self, now: AtMs) -> Result<String, Box<dyn Error>> {
        Ok(serde_json::to_string(&self.signed(now)?.1)?)
    }

    /// Signs the order and sends it, and returns what is said.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(
        &self,
        store: &Store,
        (publisher, now): (&Publisher, AtMs),
    ) -> Result<String, Box<dyn Error>> {
        let (site, signed) = self.signed(now)?;
        send(store, publisher, (site, &signed)).await
    }
}

impl SendOrder {
    /// Carries it out, and returns what is said.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, store: &Store, publisher: &Publisher) -> Result<String, Box<dyn Error>> {
        let signed: SupportOrdered = read_document(&self.file)?;
        send(store, publisher, (self.site, &signed)).await
    }
}

/// Sends an order to a site's box; that it is sent stands in the audit before it is.
async fn send(
    store: &Store,
    publisher: &Publisher,
    (site, signed): (SiteId, &SupportOrdered),
) -> Result<String, Box<dyn Error>> {
    let order = Order::read(&signed.order).map_err(|why| told(Outcome::Refused(why)))?;
    let detail = format!("{} {} {}", order.order, order.act.name(), order.purpose.as_str());
    let (operator, what) = (CONSOLE.to_owned(), "support_ordered".to_owned());
    store.note_audit(Entry { at_s: now_s(), operator, what, site: Some(site), detail }).await?;
    publisher.support(site, signed).await?;
    Ok(format!("order {} sent to site {site}: the clinic is asked", order.order))
}

impl ListOrders {
    /// Carries it out, and returns the orders, the newest first, a line each.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher) -> Result<String, Box<dyn Error>> {
        let mut orders = publisher.supported(self.site).await?;
        orders.sort_by_key(|ordered| std::cmp::Reverse(ordered.at));
        Ok(orders.iter().map(line).collect::<Vec<_>>().join("\n"))
    }
}

fn line(ordered: &Ordered) -> String {
    let stands = stands(ordered);
    let Some(order) = ordered.read() else { return format!("{} not an order: {stands}", shown(ordered.at.stamp.at)) };
    let (act, purpose) = (order.act.name(), order.purpose.as_str());
    let (from, until) = (shown(order.not_before_ms), shown(order.not_after_ms));
    format!("{} {act} for {purpose}, {from} until {until}: {stands}", order.order)
}

/// Says where an order stands, as far as the box has told.
fn stands(ordered: &Ordered) -> String {
    if let Some(report) = &ordered.report {
        return told(report.outcome);
    }
    if ordered.begun.is_some() {
        return "it runs".to_owned();
    }
    match ordered.last_said() {
        None => "the clinic has not answered".to_owned(),
        Some(Answer::Yes) => "the clinic said yes".to_owned(),
        Some(Answer::No) => "the clinic said no".to_owned(),
        Some(Answer::Withdrawn) => "the clinic took its yes back".to_owned(),
    }
}

/// Says how an order came out.
fn told(outcome: Outcome) -> String {
    let why = match outcome {
        Outcome::Done => return "done".to_owned(),
        Outcome::Failed => return "it could not be done".to_owned(),
        Outcome::Unknown => return "begun, and nobody knows how it ended".to_owned(),
        Outcome::Refused(why) => why,
    };
    let why = match why {
        Why::Forged => "nobody whom the box knows signed it",
        Why::NotUnderstood => "it is not understood",
        Why::NotOnTheList => "it is none of what may be ordered",
        Why::OutsidePurpose => "its purpose does not ask for it",
        Why::AnotherSite => "it is for another site",
        Why::Late => "its time is over",
        Why::TooLong => "its time is none, or longer than a day",
        Why::Replayed => "it was ordered before",
        Why::Declined => "the clinic said no",
        Why::NotConsented => "the clinic did not say yes",
        Why::Withdrawn => "the clinic took its yes back",
        Why::ClockLost => "the box's clock cannot be trusted",
    };
    format!("refused: {why}")
}

impl ShowOrder {
    /// Carries it out, and returns what was ordered against what was done, a line each.
    ///
    /// # Errors
    /// What went wrong.
    pub async fn carry_out(self, publisher: &Publisher) -> Result<String, Box<dyn Error>> {
        let orders = publisher.supported(self.site).await?;
        let of_it = |ordered: &&Ordered| ordered.read().is_some_and(|order| order.order == self.order);
        let found: Vec<&Ordered> = orders.iter().filter(of_it).collect();
        if found.is_empty() {
            return Err(format!("there is no order {} at site {}", self.order, self.site).into());
        }
        let picture = found.iter().find_map(|ordered| ordered.report.as_ref()?.picture.as_ref());
        if let (Some(path), Some(picture)) = (&self.picture, picture) {
            std::fs::File::create_new(path)
                .and_then(|mut file| {
                    std::io::Write::write_all(&mut file, &STANDARD.decode(&picture.base64).unwrap_or_default())
                })
                .map_err(|cause| format!("cannot write {}: {cause}", path.display()))?;
        }
        Ok(found.into_iter().map(whole).collect::<Vec<_>>().join("\n\n"))
    }
}

fn whole(ordered: &Ordered) -> String {
    let mut lines = vec![line(ordered), format!("ordered    {}", ordered.order.order)];
    if let Some(said) = &ordered.said {
        let person = said.by.person.as_deref().unwrap_or("nobody signed in");
        let said_at = shown(said.at);
        lines.push(format!("said       {:?} by {person} at {}, {said_at}", said.answer.said, said.by.device));
    }
    if let Some(report) = &ordered.report {
        lines.extend(report.operator.iter().map(|operator| format!("operator   {operator}")));
        lines.extend(report.ran_ms.map(|(from, until)| format!("ran        {} until {}", shown(from), shown(until))));
        lines.extend(report.done.iter().map(|step| format!("done       {step}")));
        lines.extend(report.found.iter().map(|found| format!("found      {found}")));
        lines.extend(report.picture.iter().map(|picture| format!("picture    {}", picture.kind)));
    }
    // Nothing that the box or a clinic wrote makes two lines of one.
    lines.iter().map(|line| line.replace(char::is_control, " ")).collect::<Vec<_>>().join("\n")
}
