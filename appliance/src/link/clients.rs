//! With what the box speaks to its hub: in clear on this machine, else as whom it was enrolled.
//!
//! The identity is read again when its file changes, so that a box that is enrolled while it runs speaks at once, and
//! one whose certificate was renewed goes on with the new one.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use machiai_core::time::AtMs;
use machiai_wire::said::Failure;
use tokio_util::sync::CancellationToken;

use super::LinkError;
use super::enrol::{EnrolError, renew};
use super::hub_clock::{HubClock, hub_clock};
use super::identity::{CONNECT_FOR, FILE, Identity, IdentityError, Stands};
use crate::causes::with_causes;
use crate::config::Config;
use crate::vault::Private;

/// How often the box looks whether its certificate is due, and how long it lets be what went wrong.
const LOOK_EVERY: Duration = Duration::from_secs(60);
const REST_AFTER_FAULT: Duration = Duration::from_secs(600);

/// The clients of one hub.
#[derive(Clone)]
pub(super) enum Clients {
    /// One, for as long as it is spoken: the hub is on this machine.
    One(reqwest::Client),
    /// The hub knows the box.
    Known(Arc<Known>),
}

/// The client as whom the box was enrolled.
pub(super) struct Known {
    private: Private,
    proxy: Option<String>,
    clock: HubClock,
    newest: Mutex<Option<Newest>>,
}

/// What was last read of the identity.
struct Newest {
    version: Version,
    stands: Stands,
    client: reqwest::Client,
}

/// Which state of the identity's file: another one has another.
type Version = (u64, i64, i64);

fn version(meta: &Metadata) -> Version {
    (meta.ino(), meta.mtime(), meta.mtime_nsec())
}

impl Clients {
    /// Finds with what to speak to the hub of a configuration.
    ///
    /// # Errors
    /// [`LinkError::Client`].
    pub(super) fn of(config: &Config, hub: &str) -> Result<Self, LinkError> {
        if hub.starts_with("http://") {
            let client = super::on_this_machine().map_err(IdentityError::Tls).map_err(LinkError::Client)?;
            let client = client.connect_timeout(CONNECT_FOR).redirect(reqwest::redirect::Policy::none()).build();
            return client.map(Self::One).map_err(|cause| LinkError::Client(IdentityError::Client(cause)));
        }
        let clock = hub_clock();
        let (private, proxy) = (config.private(), config.hub_proxy.clone());
        Ok(Self::Known(Arc::new(Known { private, proxy, clock, newest: Mutex::default() })))
    }

    /// Returns the client of now.
    ///
    /// # Errors
    /// [`Failure::NoCertificate`].
    pub(super) fn client(&self) -> Result<reqwest::Client, Failure> {
        match self {
            Self::One(client) => Ok(client.clone()),
            Self::Known(known) => known.client(),
        }
    }

    /// Returns where the box stands among those that the site has had, as far as its identity can be read.
    pub(super) fn stands(&self) -> Stands {
        let Self::Known(known) = self else { return Stands::Serves };
        let newest = known.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.as_ref().map_or(Stands::Serves, |newest| newest.stands)
    }

    /// Writes down where the box stands from now on.
    ///
    /// # Errors
    /// [`IdentityError`]: it stands where it stood.
    pub(super) fn stand(&self, stands: Stands) -> Result<(), IdentityError> {
        let Self::Known(known) = self else { return Ok(()) };
        let identity = Identity::read(&known.private)?.ok_or(IdentityError::Wrong { what: "was just removed" })?;
        identity.standing(stands).keep(&known.private)?;
        if let Some(newest) = known.newest.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            newest.stands = stands;
        }
        Ok(())
    }

    /// Takes in what time it is for a hub whose certificate was good.
    pub(super) fn heard(&self, date: &str) {
        if let (Self::Known(known), Some(at_s)) = (self, read_date(date)) {
            known.clock.heard(at_s);
        }
    }

    /// Keeps the certificate young until the channel stops.
    pub(super) async fn keep_young(self, config: Config, stop: CancellationToken) {
        let Self::Known(known) = self else { return };
        let look = async {
            loop {
                let rest = match known.renew(&config).await {
                    Ok(()) => LOOK_EVERY,
                    Err(cause) => {
                        tracing::warn!(error = %with_causes(&cause), "the certificate could not be renewed");
                        REST_AFTER_FAULT
                    }
                };
                tokio::time::sleep(rest).await;
            }
        };
        stop.run_until_cancelled(look).await;
    }
}

impl Known {
    fn client(&self) -> Result<reqwest::Client, Failure> {
        let Ok(meta) = std::fs::metadata(self.private.path(FILE)) else {
            return Err(Failure::NoCertificate { why: String::new() });
        };
        let version = version(&meta);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = newest.as_ref().filter(|newest| newest.version == version) {
            return Ok(newest.client.clone());
        }
        let read = self.read().map_err(|cause| Failure::NoCertificate { why: with_causes(&cause) });
        let (stands, client) = read?;
        *newest = Some(Newest { version, stands, client: client.clone() });
        Ok(client)
    }

    fn read(&self) -> Result<(Stands, reqwest::Client), IdentityError> {
        let identity = Identity::read(&self.private)?.ok_or(IdentityError::Wrong { what: "was just removed" })?;
        Ok((identity.stands(), identity.client(&self.clock, self.proxy.as_deref())?))
    }

    /// Renews the certificate when it is due.
    async fn renew(&self, config: &Config) -> Result<(), EnrolError> {
        let Some(identity) = Identity::read(&self.private).map_err(EnrolError::Given)? else { return Ok(()) };
        let now_s = i64::try_from(self.clock.now_s()).unwrap_or(i64::MAX);
        if identity.is_due(AtMs(now_s.saturating_mul(1_000))) {
            let renewed = renew(config, &identity, &self.clock).await?;
            tracing::info!(until_ms = renewed.not_after().0, "the certificate was renewed");
        }
        Ok(())
    }
}

/// Reads the `Date` of an answer, in seconds since 1970.
fn read_date(text: &str) -> Option<u64> {
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    u64::try_from(date.timestamp().as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        assert_eq!(read_date("Mon, 21 Sep 2026 14:13:20 GMT"), Some(1_790_000_000));
        for bad in ["", "yesterday", "Mon, 21 Sep 1926 14:13:20 GMT"] {
            assert_eq!(read_date(bad), None, "{bad}");
        }
    }
}
