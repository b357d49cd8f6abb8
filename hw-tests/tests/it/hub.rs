//! The hub: its streams as a public suite judges them, its channel to a box, who may speak, and its nodes; over every
//! store.

mod between;
mod bucket;
mod calls;
mod channel;
mod cloud;
mod conformance;
mod content;
mod enrol;
mod hops;
mod limits;
mod link;
mod lives;
mod network;
mod nodes;
mod operators;
mod phone;
mod replace;
mod scene;
mod service;
mod support;
mod twin;

use machiai_hw_tests::servers::postgres::Postgres;
use tempfile::TempDir;

/// Where a store lives that is thrown away with this.
enum Home {
    /// In a file.
    Folder(TempDir),
    /// On a server.
    Server(Postgres),
}

impl Home {
    fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    fn server() -> Self {
        Self::Server(Postgres::start().unwrap())
    }

    /// What a hub calls the store.
    fn name(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite:{}", folder.path().join("hub.db").display()),
            Self::Server(server) => server.name(""),
        }
    }
}
