//! What the vendor and the clinic's people at the cloud send down: content, program tables, the i-message, hours.
//!
//! Each becomes facts of the hub's own, decided by the clinic's rules as they stand here; against what the clinic decided
//! meanwhile the canonical order decides, as for any two facts.

pub mod orders;

use std::collections::BTreeSet;

use machiai_core::command::{Basis, Command};
use machiai_core::facts::Fact;
use machiai_core::ids::{Origin, SiteId};
use machiai_core::program::aired::Aired;
use machiai_core::program::airs::Ask;
use machiai_core::program::content::{Content, ContentHash, OfContent};
use machiai_core::program::outlook::Outlook;
use machiai_core::program::publish::refuse_content;
use machiai_core::program::table::Table;
use machiai_core::queue::Clinic;
use machiai_core::refusal::{Refusal, RefusalCode};
use machiai_core::settings::Hours;
use machiai_core::support::decide::SupportCommand;
use machiai_core::support::{Ordered, SupportOrdered};
use machiai_core::time::AtMs;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::chance;
use crate::clock::Clock;
use crate::serve::{LONG_POLL_FOR, now_s};
use crate::site::remote::{Done, Remote};
use crate::site::sealed::seal_of;
use crate::store::{Store, StoreError};
use crate::stream::routes::Streams;

/// Why nothing was published.
#[derive(Debug, Error)]
pub enum PublishError {
    /// The clinic's rules say no.
    #[error("refused: {} {:?}", .0.code, .0.values)]
    Refused(Refusal),
    /// The site is not known.
    #[error("there is no site {0}: add it first")]
    NoSite(SiteId),
    /// Others write for the same clinic all the time.
    #[error("too many write for site {0} at once: do it again")]
    Busy(SiteId),
    /// The store failed.
    #[error("cannot write for site {site}")]
    Store {
        /// Which.
        site: SiteId,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// What writes for sites beside a hub that serves them, or without one.
#[derive(Clone)]
pub struct Publisher {
    remote: Remote,
}

impl Publisher {
    /// Begins to write into a store, under an origin of its own.
    ///
    /// # Errors
    /// No random bytes, or the store failed.
    pub async fn new(store: Store, clock: Clock) -> Result<Self, StoreError> {
        let origin = Origin::from_bytes(chance::bytes().map_err(StoreError::Chance)?);
        let seal = seal_of(&store).await?;
        let streams = Streams::new(store, now_s, LONG_POLL_FOR, CancellationToken::new());
        Ok(Self { remote: Remote::new(streams, (clock, None), (origin, seal)) })
    }

    /// Publishes under the origin of a node that serves.
    pub(crate) const fn of(remote: Remote) -> Self {
        Self { remote }
    }

    /// Lets a site's box know of a piece of content, whose file lies in the store of content.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn content(&self, site: SiteId, content: &Content) -> Result<(), PublishError> {
        let facts = |_: &Clinic, _| {
            refuse_content(content)?;
            Ok(vec![Fact::ContentSet(content.clone())])
        };
        self.write(site, facts).await
    }

    /// Withdraws a piece of content from a site.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn withdraw(&self, site: SiteId, content: ContentHash) -> Result<(), PublishError> {
        let facts = |clinic: &Clinic, _| match clinic.program.content(content) {
            Some((state, _)) if state.withdrawn.value => Ok(Vec::new()),
            Some(_) => Ok(vec![Fact::ContentWithdrawn(OfContent { content })]),
            None => Err(Refusal::new(RefusalCode::UnknownContent).with("content", &content)),
        };
        self.write(site, facts).await
    }

    /// Sends a program table, or the next revision of one, to a site.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn table(&self, site: SiteId, table: &Table) -> Result<(), PublishError> {
        let facts = |clinic: &Clinic, now| {
            clinic.program.refuse_table(table, now)?;
            Ok(vec![Fact::TableReceived(table.clone())])
        };
        self.write(site, facts).await
    }

    /// Sets a site's i-message; an empty one withdraws it.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn message(&self, site: SiteId, text: &str) -> Result<(), PublishError> {
        self.ask(site, &Command::SetMessage { text: text.to_owned() }).await
    }

    /// Sets a site's sessions, weekly hours and closures.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn hours(&self, site: SiteId, hours: Hours) -> Result<(), PublishError> {
        self.ask(site, &Command::ChangeSettings { facts: vec![Fact::HoursSet(hours)], basis: Basis::Any }).await
    }

    /// Returns a site's sessions, weekly hours and closures as they stand here.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn hours_of(&self, site: SiteId) -> Result<Hours, PublishError> {
        self.read(site, |clinic| clinic.standing.hours.clone()).await
    }

    /// Returns a site's program at an instant: its tables, whether they are approved, and what would air, as far as it is
    /// known here what the box has made ready.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn outlook(&self, site: SiteId, at: AtMs) -> Result<Outlook, PublishError> {
        self.read(site, |clinic| outlook(clinic, at)).await
    }

    /// Sends an order of remote support to a site's box, signed elsewhere.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn support(&self, site: SiteId, order: &SupportOrdered) -> Result<(), PublishError> {
        self.ask(site, &Command::Support { command: SupportCommand::Order { order: order.clone() } }).await
    }

    /// Returns a site's orders of remote support, and what came of them.
    ///
    /// # Errors
    /// [`PublishError`].
    pub async fn supported(&self, site: SiteId) -> Result<Vec<Ordered>, PublishError> {
        self.read(site, |clinic| clinic.support.orders.values().cloned().collect()).await
    }

    /// Asks something of a site's clinic as it stands here.
    ///
    /// # Errors
    /// [`PublishError`].
    pub(crate) async fn read<T>(&self, site: SiteId, question: impl FnOnce(&Clinic) -> T) -> Result<T, PublishError> {
        let asked = self.remote.clinics.ask(site, |clinic, _| question(clinic)).await;
        asked.map_err(|source| PublishError::Store { site, source })?.ok_or(PublishError::NoSite(site))
    }

    async fn ask(&self, site: SiteId, command: &Command) -> Result<(), PublishError> {
        done(site, self.remote.ask(site, command).await)
    }

    async fn write(
        &self,
        site: SiteId,
        facts: impl Fn(&Clinic, AtMs) -> Result<Vec<Fact>, Refusal>,
    ) -> Result<(), PublishError> {
        done(site, self.remote.note(site, facts).await)
    }
}

/// Returns a clinic's program at an instant.
pub(crate) fn outlook(clinic: &Clinic, at: AtMs) -> Outlook {
    let (on_disk, aired) = (ready(clinic), Aired::default());
    let ask = Ask { standing: &clinic.standing, on_disk: &on_disk, aired: &aired, n_waiting: 0, now: at };
    clinic.program.outlook(&ask)
}

/// Lists the content that a clinic's box has said to be ready.
fn ready(clinic: &Clinic) -> BTreeSet<ContentHash> {
    let told = clinic.program.contents.iter().filter(|(_, state)| state.trouble.at.is_some());
    told.filter(|(_, state)| state.trouble.value.is_none()).map(|(content, _)| *content).collect()
}

fn done(site: SiteId, done: Result<Done, StoreError>) -> Result<(), PublishError> {
    match done.map_err(|source| PublishError::Store { site, source })? {
        Done::Written => Ok(()),
        Done::Refused(refusal) => Err(PublishError::Refused(refusal)),
        Done::NoSite => Err(PublishError::NoSite(site)),
        Done::Busy => Err(PublishError::Busy(site)),
    }
}

#[cfg(test)]
mod tests {
    use machiai_core::clock::Reading;
    use machiai_core::ids::BootId;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_many_who_write_for_one_clinic_at_once_nobody_is_sent_away() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("hub.db").display())).await.unwrap();
        let site = SiteId(1001);
        store.add_site(site).await.unwrap();
        let read = || Reading { wall: AtMs(1_795_478_400_000), mono_ms: 0, synced: true, rehearsal: false };
        let publisher = Publisher::new(store, Clock::new(BootId::from_bytes([1; 16]), read)).await.unwrap();
        let mut writing = JoinSet::new();
        for nth in 0..40 {
            let publisher = publisher.clone();
            writing.spawn(async move { publisher.message(site, &format!("{nth}")).await });
        }
        for done in writing.join_all().await {
            done.unwrap();
        }
    }
}
