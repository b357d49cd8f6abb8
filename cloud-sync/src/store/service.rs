//! When the hub serves, as the store keeps it for all nodes.

use machiai_wire::service::Service;

use super::{Store, StoreError};

impl Store {
    /// Returns what was said of when the hub serves; always, where nothing was.
    ///
    /// # Errors
    /// [`StoreError`]: ask again.
    pub async fn service(&self) -> Result<Service, StoreError> {
        let said = match self {
            Self::Sqlite(sqlite) => sqlite.service().await?,
            Self::Postgres(postgres) => postgres.service().await?,
        };
        let Some(said) = said else { return Ok(Service::default()) };
        serde_json::from_str(&said).map_err(|_bad| StoreError::Lacks { what: "hours and pauses as they are written" })
    }

    /// Says when the hub serves, in the place of what was said before.
    ///
    /// # Errors
    /// [`StoreError`]: look what stands.
    pub async fn say_service(&self, service: &Service) -> Result<(), StoreError> {
        let unwritten = |_cause| StoreError::Lacks { what: "a way to write hours and pauses" };
        let said = serde_json::to_string(service).map_err(unwritten)?;
        match self {
            Self::Sqlite(sqlite) => sqlite.say_service(said).await,
            Self::Postgres(postgres) => postgres.say_service(&said).await,
        }
    }
}
