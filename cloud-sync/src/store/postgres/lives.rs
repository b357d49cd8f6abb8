//! Lives of the store: when it came back from a backup of the server's.

use machiai_core::time::AtMs;

use super::server::{Tried as _, begin, begin_to_read, change, commit, row};
use super::{Postgres, StoreError};

impl Postgres {
    pub(crate) async fn begin_life(&self, at: AtMs) -> Result<(), StoreError> {
        let step = "begin a new life";
        let mut client = self.0.client().await?;
        let tx = begin(&mut client).await?;
        change(&tx, "INSERT INTO lives (began_ms) VALUES ($1)", &[&at.0]).await.tried(step)?;
        // Drawn by the server's own generator of what nobody can guess.
        let drawn = "('x' || left(replace(gen_random_uuid()::text, '-', ''), 12))::bit(48)::bigint";
        change(&tx, &format!("UPDATE streams SET incarnation = {drawn}"), &[]).await.tried(step)?;
        commit(tx).await
    }

    pub(crate) async fn life_began(&self) -> Result<Option<AtMs>, StoreError> {
        let step = "read when this life began";
        let mut client = self.0.client().await?;
        let tx = begin_to_read(&mut client).await?;
        let began = row(&tx, "SELECT max(began_ms) FROM lives", &[]).await.tried(step)?;
        commit(tx).await?;
        let began = began.map(|row| row.try_get::<_, Option<i64>>(0)).transpose().tried(step)?;
        Ok(began.flatten().map(AtMs))
    }
}
