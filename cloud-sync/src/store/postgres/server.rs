//! The server: a few connections that are kept, transactions on them, and the tables.

use std::time::Duration;

use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Transaction,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, IsolationLevel, NoTls, Row};

use crate::store::StoreError;

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// Connections of one node: a server takes 100 unless it is told otherwise, and serves a few per core best.
const MOST_CONNECTIONS: usize = 8;

/// How long a request waits for one of them.
const WAIT_FOR: Duration = Duration::from_secs(10);

/// How long a server may take to accept one, and to acknowledge what was sent, unless its name says otherwise.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(20);

/// What the server ends by itself: a row that a lost node has locked is free again soon, and nobody waits for ever.
const DEADLINES: &str = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=15s";

/// Without these a commit is answered before it is on disk, or a power cut may tear what was there before.
const MUST_BE_ON: [&str; 3] = ["synchronous_commit", "fsync", "full_page_writes"];

/// What nodes agree on by number so that one at a time brings the tables up to date.
const MIGRATING: i64 = 0x6d61_6368_6961_6900;

/// The server.
#[derive(Clone)]
pub(super) struct Server(Pool);

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

/// What PostgreSQL answers.
pub(super) type Answer<T> = Result<T, tokio_postgres::Error>;

/// A value that goes with a question.
pub(super) type Value<'a> = &'a (dyn ToSql + Sync);

/// Says what was tried when PostgreSQL fails.
pub(super) trait Tried<T> {
    /// Names the step.
    fn tried(self, step: &'static str) -> Result<T, StoreError>;
}

impl<T> Tried<T> for Answer<T> {
    fn tried(self, step: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Postgres { step, source })
    }
}

impl Server {
    /// Connects, and brings the tables up to date.
    pub(super) async fn open(name: &str) -> Result<Self, StoreError> {
        let config = configure(name).tried("read how the store is named")?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(MOST_CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_FOR))
            .post_create(Hook::async_fn(|client, _| Box::pin(waits_for_its_disk(client))))
            .build()
            .map_err(StoreError::Connections)?;
        let server = Self(pool);
        // The connection that made the tables ends with its locks and without its deadlines.
        migrate(Object::take(server.client().await?)).await?;
        Ok(server)
    }

    /// Waits for a connection.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        self.0.get().await.map_err(StoreError::NoConnection)
    }
}

/// Reads where the server is, and adds what its name leaves open.
fn configure(name: &str) -> Answer<Config> {
    let words = name.strip_prefix("postgres:").filter(|words| !words.starts_with("//"));
    let mut config: Config = words.unwrap_or(name).parse()?;
    let options = config.get_options().unwrap_or_default();
    config.options(format!("{DEADLINES} {options}"));
    if config.get_application_name().is_none() {
        config.application_name("machiai-hub");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_WITHIN);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(ACKNOWLEDGE_WITHIN);
    }
    Ok(config)
}

/// Refuses a server that would answer before a commit is on its disk.
async fn waits_for_its_disk(client: &mut ClientWrapper) -> Result<(), HookError> {
    for setting in MUST_BE_ON {
        let row = client.query_one("SELECT current_setting($1)", &[&setting]).await.map_err(HookError::Backend)?;
        if row.try_get::<_, &str>(0).map_err(HookError::Backend)? == "off" {
            return Err(HookError::message(format!("the server has {setting} off, facts would be lost")));
        }
    }
    Ok(())
}

/// Brings the tables up to date; of several nodes that begin together, one after the other looks.
async fn migrate(mut client: ClientWrapper) -> Result<(), StoreError> {
    let step = "wait for the tables";
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = 0").await.tried(step)?;
    client.execute("SELECT pg_advisory_lock($1)", &[&MIGRATING]).await.tried(step)?;
    let runner = embedded::migrations::runner().set_grouped(true).set_abort_missing(true);
    runner.run_async(&mut *client).await.map(drop).map_err(StoreError::Migrate)
}

/// Begins a change. Each of its questions sees what was committed before it was asked: what is read after a lock was
/// waited for is what stands then.
pub(super) async fn begin(client: &mut Client) -> Result<Transaction<'_>, StoreError> {
    client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await.tried("begin a change")
}

/// Begins several questions of one state.
pub(super) async fn begin_to_read(client: &mut Client) -> Result<Transaction<'_>, StoreError> {
    let builder = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    builder.read_only(true).start().await.tried("begin to read")
}

/// Ends a transaction; when it returns, what was changed is on disk.
pub(super) async fn commit(tx: Transaction<'_>) -> Result<(), StoreError> {
    tx.commit().await.tried("commit")
}

/// Asks for rows.
pub(super) async fn rows(tx: &Transaction<'_>, sql: &str, values: &[Value<'_>]) -> Answer<Vec<Row>> {
    let statement = tx.prepare_cached(sql).await?;
    tx.query(&statement, values).await
}

/// Asks for one row or none.
pub(super) async fn row(tx: &Transaction<'_>, sql: &str, values: &[Value<'_>]) -> Answer<Option<Row>> {
    let statement = tx.prepare_cached(sql).await?;
    tx.query_opt(&statement, values).await
}

/// Changes rows; returns how many.
pub(super) async fn change(tx: &Transaction<'_>, sql: &str, values: &[Value<'_>]) -> Answer<u64> {
    let statement = tx.prepare_cached(sql).await?;
    tx.execute(&statement, values).await
}

/// Writes a number as the server has them; one that it cannot hold is greater than any of its own.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads a number that a check of its column keeps from being negative.
pub(super) fn number(row: &Row, column: usize) -> Answer<u64> {
    row.try_get::<_, i64>(column).map(i64::cast_unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("postgres://hub@db/streams?options=-c%20lock_timeout%3D1s")]
    #[case("postgresql://hub@db/streams?options=-c%20lock_timeout%3D1s")]
    #[case("postgres:host=db user=hub dbname=streams options='-c lock_timeout=1s'")]
    fn a_server_is_named_in_either_way_and_what_its_name_says_counts(#[case] name: &str) {
        let config = configure(name).unwrap();
        assert_eq!((config.get_user(), config.get_dbname()), (Some("hub"), Some("streams")));
        assert_eq!(config.get_options(), Some(format!("{DEADLINES} -c lock_timeout=1s").as_str()));
        assert_eq!(config.get_connect_timeout(), Some(&CONNECT_WITHIN));
        let hasty = configure(&format!("{name}{}connect_timeout=1", if name.contains("//") { "&" } else { " " }));
        assert_eq!(hasty.unwrap().get_connect_timeout(), Some(&Duration::from_secs(1)));
    }
}
