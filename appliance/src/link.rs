//! The box's way to the hub: who it is there, how it got its certificate, and what it takes for the time meanwhile.
//!
//! Nothing of the queue waits for anything here.

pub mod enrol;
pub mod hub_clock;
pub mod identity;
mod trust;

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// Begins a client of what this machine serves itself, over plain HTTP: no proxy, and nobody trusted over TLS.
///
/// A client that is begun without saying whom it trusts looks for the machine's own list, and for a set of ciphers that
/// nobody chose: it panics.
///
/// # Errors
/// TLS cannot be set up.
pub fn on_this_machine() -> Result<reqwest::ClientBuilder, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[&rustls::version::TLS13])?;
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Ok(reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config))
}
