//! The store on a PostgreSQL server, which many nodes share.
//!
//! A change is one transaction of one site; whoever appends locks the stream's row before its tail is used, so that
//! messages are numbered without holes and no reader passes one that comes later. An answer is given after the commit.

mod devices;
mod facts;
mod fleet;
mod lives;
mod operators;
mod rows;
mod server;
mod sites;

use std::collections::BTreeMap;

use axum::body::Bytes;
use machiai_core::ids::{Origin, Seq, SiteId};
use machiai_wire::box_side::Most;
use machiai_wire::hub_side::Judged;
use machiai_wire::offset::{Incarnation, Offset};
use machiai_wire::said::Run;

use super::{Before, Lines, SentBy, Standing, StoreError};
use crate::chance;
use crate::stream::{About, Append, Appended, Made, Read, Wanted};
use server::{Server, begin, begin_to_read, commit};

/// The store.
#[derive(Clone, Debug)]
pub struct Postgres(Server);

impl Postgres {
    /// Connects to a server and brings its tables up to date: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`, or
    /// `postgres:` and libpq's words, as in `postgres:host=/run/postgresql user=hub dbname=hub`.
    ///
    /// The line to the server is not encrypted: it is to be a Unix socket, this machine, or a network of the hub's own.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be reached, has tables of a later version, or answers before changes are on disk.
    pub async fn open(name: &str) -> Result<Self, StoreError> {
        Server::open(name).await.map(Self)
    }

    pub(crate) async fn make(&self, path: &str, content_type: &str, first: Vec<Bytes>) -> Result<Made, StoreError> {
        let incarnation = draw()?;
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let made = rows::make(&tx, (rows::OUTSIDE_SITES, path), (content_type, incarnation), &first).await?;
        commit(tx).await?;
        Ok(made)
    }

    pub(crate) async fn remove(&self, path: &str) -> Result<bool, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let is_removed = rows::remove(&tx, path).await?;
        commit(tx).await?;
        Ok(is_removed)
    }

    pub(crate) async fn append(&self, path: &str, append: Append) -> Result<Appended, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let appended = rows::append(&tx, path, append).await?;
        commit(tx).await?;
        Ok(appended)
    }

    pub(crate) async fn about(&self, path: &str) -> Result<Option<About>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let found = rows::find(&tx, path).await?;
        commit(tx).await?;
        Ok(found.map(|found| found.stream.about()))
    }

    pub(crate) async fn read(&self, path: &str, wanted: Wanted) -> Result<Read, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let read = rows::read(&tx, path, wanted).await?;
        commit(tx).await?;
        Ok(read)
    }

    pub(crate) async fn tails(&self, paths: Vec<String>) -> Result<BTreeMap<String, Offset>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let tails = rows::tails(&tx, paths).await?;
        commit(tx).await?;
        Ok(tails)
    }

    pub(crate) async fn add_site(&self, site: SiteId) -> Result<bool, StoreError> {
        let incarnations = (draw()?, draw()?);
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let is_new = facts::add_site(&tx, site, incarnations).await?;
        commit(tx).await?;
        Ok(is_new)
    }

    pub(crate) async fn standing(&self, site: SiteId) -> Result<Option<Standing>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let standing = facts::standing(&tx, site).await?;
        commit(tx).await?;
        Ok(standing)
    }

    pub(crate) async fn keep(&self, site: SiteId, run: Run, by: SentBy) -> Result<Option<Judged>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let judged = facts::keep(&tx, site, (&run, by)).await?;
        commit(tx).await?;
        Ok(judged)
    }

    pub(crate) async fn write_own(&self, site: SiteId, origin: Origin, lines: Lines) -> Result<bool, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let is_written = facts::write_own(&tx, (site, origin), lines).await?;
        commit(tx).await?;
        Ok(is_written)
    }

    pub(crate) async fn note_seen(&self, heard: BTreeMap<SiteId, i64>) -> Result<(), StoreError> {
        if heard.is_empty() {
            return Ok(());
        }
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        sites::note_seen(&tx, heard).await?;
        commit(tx).await
    }

    pub(crate) async fn seen_ms(&self, site: SiteId) -> Result<Option<i64>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let seen = sites::seen_ms(&tx, site).await?;
        commit(tx).await?;
        Ok(seen)
    }

    pub(crate) async fn adopt(&self, site: SiteId, until_ms: i64) -> Result<bool, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let is_known = sites::adopt(&tx, site, until_ms).await?;
        commit(tx).await?;
        Ok(is_known)
    }

    pub(crate) async fn adopted_ms(&self, site: SiteId) -> Result<i64, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let until_ms = sites::adopted_ms(&tx, site).await?;
        commit(tx).await?;
        Ok(until_ms)
    }

    pub(crate) async fn service(&self) -> Result<Option<String>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let said = sites::service(&tx).await?;
        commit(tx).await?;
        Ok(said)
    }

    pub(crate) async fn say_service(&self, said: &str) -> Result<(), StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        sites::say_service(&tx, said).await?;
        commit(tx).await
    }

    pub(crate) async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let drawn = chance::bytes().map_err(StoreError::Chance)?;
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        let secret = sites::secret(&tx, name, drawn).await?;
        commit(tx).await?;
        Ok(secret)
    }

    pub(crate) async fn facts(
        &self,
        of: (SiteId, Origin),
        after: Seq,
        most: Most,
    ) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let facts = facts::facts(&tx, of, after, most).await?;
        commit(tx).await?;
        Ok(facts)
    }
}

fn draw() -> Result<Incarnation, StoreError> {
    Ok(Incarnation(u64::from_le_bytes(chance::bytes().map_err(StoreError::Chance)?)))
}
