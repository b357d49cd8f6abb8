//! Enrolment and renewal: the box makes a key that never leaves it, and asks the hub for a certificate.

use std::sync::Arc;
use std::time::Duration;

use machiai_core::ids::SiteId;
use machiai_wire::enrol::{Admitted, BadCode, Code, ENROL_PATH, Enrol, Enrolled, Renew, renew_path};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::hub_clock::HubClock;
use super::identity::{Identity, IdentityError, Stands, client, tls};
use super::trust::ByFingerprint;
use crate::config::Config;

/// How long the hub may take.
const ANSWER_FOR: Duration = Duration::from_secs(60);

/// What is read of an answer at most, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Why the box has no certificate, or no new one.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The configuration names no hub.
    #[error("the configuration has no `hub`")]
    NoHub,
    /// The code is mistyped.
    #[error("cannot read the code")]
    Code(#[source] BadCode),
    /// The code is another site's.
    #[error("the code is for site {of}, and this box is site {own}")]
    OtherSite {
        /// Whose it is.
        of: SiteId,
        /// Whose box this is.
        own: SiteId,
    },
    /// No key.
    #[error("cannot make a key")]
    Key(#[source] rcgen::Error),
    /// The hub cannot be reached, or is not the one that drew the code.
    #[error("cannot reach the hub at {hub}")]
    Hub {
        /// Where.
        hub: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The hub says no.
    #[error("the hub says no ({code}): {why}")]
    Denied {
        /// Its word for the reason.
        code: String,
        /// The reason.
        why: String,
    },
    /// What answers is not a hub.
    #[error("what answers at {hub} with status {status} is not a hub")]
    NotAHub {
        /// Where.
        hub: String,
        /// With which status.
        status: u16,
    },
    /// What the hub gave cannot be used or kept.
    #[error("cannot use what the hub gave")]
    Given(#[source] IdentityError),
}

/// Why a hub says no, in its words.
#[derive(Deserialize)]
struct No {
    code: String,
    #[serde(default)]
    detail: String,
}

/// Whose place a box takes, as whoever types the code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// Another one's.
    InPlace,
    /// Its own, or the site's first.
    AsItIs,
}

impl Begins {
    /// Returns where it stands once it is enrolled for a site of which the hub holds a box's facts or not.
    ///
    /// Whatever the box holds by itself, the facts may be another one's: it waits for them, so that no number is given that
    /// another gave.
    const fn stands(self, has_facts: bool) -> Stands {
        match self {
            Self::AsItIs if !has_facts => Stands::Serves,
            Self::InPlace | Self::AsItIs => Stands::Fills,
        }
    }
}

/// Enrols the box of a configuration, and keeps who it is then and where it stands.
///
/// # Errors
/// [`EnrolError`]; nothing is kept then, and whoever the box was it still is.
pub async fn enrol(config: &Config, (typed, begins): (&str, Begins), clock: &HubClock) -> Result<Identity, EnrolError> {
    let code: Code = typed.parse().map_err(EnrolError::Code)?;
    let own = config.site_id();
    if code.site != own {
        return Err(EnrolError::OtherSite { of: code.site, own });
    }
    let hub = config.hub.as_deref().ok_or(EnrolError::NoHub)?;
    let (identity, has_facts) = identity_for((hub, config.hub_proxy.as_deref()), &code, clock).await?;
    let identity = identity.standing(begins.stands(has_facts));
    identity.keep(&config.private()).map_err(EnrolError::Given)?;
    Ok(identity)
}

/// Makes a key and has the hub that drew a code certify it, through a proxy if there is one; nothing is kept. Returns
/// beside it whether the hub holds facts of a box of the site.
///
/// # Errors
/// [`EnrolError`].
pub async fn identity_for(
    (hub, proxy): (&str, Option<&str>),
    code: &Code,
    clock: &HubClock,
) -> Result<(Identity, bool), EnrolError> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let trusted = Arc::new(ByFingerprint::new(code.fingerprint, ring));
    let tls = tls(clock).map_err(EnrolError::Given)?.dangerous().with_custom_certificate_verifier(trusted);
    let client = client(tls.with_no_client_auth(), proxy).map_err(EnrolError::Given)?;
    let (key, csr) = key()?;
    let sent = Enrol { code: code.to_string(), csr };
    let Admitted { enrolled, has_facts } = ask(&client, (hub, ENROL_PATH), &sent).await?;
    let identity = Identity::new(key, enrolled).map_err(EnrolError::Given)?;
    if identity.authority() != Some(code.fingerprint) || identity.name().site != code.site {
        let what = "is another site's or another hub's";
        return Err(EnrolError::Given(IdentityError::Wrong { what }));
    }
    Ok((identity, has_facts))
}

/// Renews the box's certificate, for a new key, and keeps it.
///
/// # Errors
/// [`EnrolError`]; the certificate that was is kept then.
pub async fn renew(config: &Config, before: &Identity, clock: &HubClock) -> Result<Identity, EnrolError> {
    let hub = config.hub.as_deref().ok_or(EnrolError::NoHub)?;
    let client = before.client(clock, config.hub_proxy.as_deref()).map_err(EnrolError::Given)?;
    let (key, csr) = key()?;
    let given: Enrolled = ask(&client, (hub, &renew_path(before.name().site)), &Renew { csr }).await?;
    let identity = Identity::new(key, given).map_err(EnrolError::Given)?.standing(before.stands());
    if identity.authority() != before.authority() || identity.name() != before.name() {
        return Err(EnrolError::Given(IdentityError::Wrong { what: "is not the one that follows" }));
    }
    identity.keep(&config.private()).map_err(EnrolError::Given)?;
    Ok(identity)
}

/// Makes a key and the request for its certificate, PEM.
fn key() -> Result<(KeyPair, String), EnrolError> {
    let key = KeyPair::generate().map_err(EnrolError::Key)?;
    let mut params = CertificateParams::default();
    // The hub alone says whom a certificate names.
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).and_then(|request| request.pem()).map_err(EnrolError::Key)?;
    Ok((key, request))
}

async fn ask<T: DeserializeOwned>(
    client: &reqwest::Client,
    (hub, path): (&str, &str),
    body: &impl Serialize,
) -> Result<T, EnrolError> {
    let failed = |source| EnrolError::Hub { hub: hub.to_owned(), source };
    let address = format!("{}{path}", hub.trim_end_matches('/'));
    let mut answer = client.post(address).timeout(ANSWER_FOR).json(body).send().await.map_err(failed)?;
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER_BYTES {
            break;
        }
    }
    if status.is_success()
        && let Ok(given) = serde_json::from_slice(&bytes)
    {
        return Ok(given);
    }
    match serde_json::from_slice::<No>(&bytes) {
        Ok(No { code, detail }) => Err(EnrolError::Denied { code, why: detail }),
        Err(_) => Err(EnrolError::NotAHub { hub: hub.to_owned(), status: status.as_u16() }),
    }
}
