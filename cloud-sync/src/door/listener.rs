//! The one listener: TLS 1.3, bounded, with a certificate that is made anew long before it ends.

use std::io;
use std::time::Duration;

use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio_util::sync::CancellationToken;

use super::Door;
use super::authority::{AuthorityError, NowS, is_old};
use super::peer::{Bounded, Knowing, Most};
use crate::serve::http1;

/// How long a box may take to shake hands.
const HANDSHAKE_FOR: Duration = Duration::from_secs(10);

/// How often the hub looks whether its certificate is old.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// What the hub serves with.
pub(crate) struct Tls {
    config: RustlsConfig,
    names: Vec<String>,
    made_s: u64,
}

impl Tls {
    /// Makes the hub's certificate for the names by which boxes reach it.
    ///
    /// # Errors
    /// [`AuthorityError`], as for a name that no certificate can bear.
    pub(crate) fn new(door: &Door, names: Vec<String>) -> Result<Self, AuthorityError> {
        let now_s: &NowS = &door.streams().now_s;
        let config = RustlsConfig::from_config(door.authority.server(&names, now_s)?);
        Ok(Self { config, names, made_s: now_s() })
    }

    /// Keeps the certificate young.
    async fn renew(mut self, door: Door) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            look.tick().await;
            let now_s = door.now_s();
            if !is_old(self.made_s, now_s) {
                continue;
            }
            match door.authority.server(&self.names, &door.streams().now_s) {
                Ok(config) => {
                    self.config.reload_from_config(config);
                    self.made_s = now_s;
                }
                Err(cause) => tracing::warn!(error = %cause, "certificate could not be renewed, the last one stays"),
            }
        }
    }
}

/// Serves whoever may speak, until told to stop.
///
/// # Errors
/// The listener failed.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    (door, tls): (Door, Tls),
    stopping: CancellationToken,
) -> io::Result<()> {
    let limits = door.gauge.limits;
    let most = Most { connections: limits.connections, of_one: limits.connections_of_one };
    let shaking = RustlsAcceptor::new(tls.config.clone()).handshake_timeout(HANDSHAKE_FOR);
    let acceptor = Knowing::new(shaking.acceptor(Bounded::new(most)));
    let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
    let (server, stop) = http1(server, limits.head_for, &stopping);
    let service = door.routes().into_make_service();
    tokio::select! {
        served = server.serve(service) => served,
        () = tls.renew(door) => Ok(()),
        () = stop => Ok(()),
    }
}
