//! Who the box is to the hub: its key, its certificate, and the authority of the hub that gave it.
//!
//! They lie in one private file beside the journal. A journal that is restored, set aside or copied
//! away takes nobody's identity with it; the file is replaced whole or not at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use machiai_core::time::AtMs;
use machiai_wire::enrol::{BoxName, Enrolled, Fingerprint};
use rcgen::{KeyPair, PublicKeyData as _};
use reqwest::redirect::Policy;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::hub_clock::HubClock;
use super::trust::fingerprint_of;
use crate::vault::Private;

/// So long before its end a certificate is to be renewed: a third of its life, in milliseconds.
const RENEW_BEFORE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// How long a line to the hub may take to stand.
pub(super) const CONNECT_FOR: Duration = Duration::from_secs(20);

/// Why the box is nobody to the hub.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What the hub gave, or what the file holds, is not what it should be.
    #[error("the certificate {what}")]
    Wrong {
        /// What about it.
        what: &'static str,
    },
    /// The key cannot be read.
    #[error("cannot read the key")]
    Key(#[source] rcgen::Error),
    /// TLS does not take it.
    #[error("cannot set TLS up")]
    Tls(#[source] rustls::Error),
    /// No client can be made of it.
    #[error("cannot make a client")]
    Client(#[source] reqwest::Error),
}

/// Where the box stands among those that the site has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    /// It is the site's.
    Serves,
    /// It is the site's in another one's place, and does not hold yet what the hub does.
    Fills,
    /// Another one has taken its place.
    Replaced,
}

impl Stands {
    const ALL: [Self; 3] = [Self::Serves, Self::Fills, Self::Replaced];

    /// Returns its word in the file; none where there is nothing to say.
    const fn word(self) -> &'static str {
        match self {
            Self::Serves => "",
            Self::Fills => "takes the place of another",
            Self::Replaced => "was replaced by another",
        }
    }
}

/// The box's identity.
pub struct Identity {
    key: KeyPair,
    given: Enrolled,
    name: BoxName,
    not_after: AtMs,
    stands: Stands,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).field("not_after", &self.not_after).finish()
    }
}

/// Where who the box is lies, among its private files.
pub(super) const FILE: &str = "hub-identity.pem";

impl Identity {
    /// Takes what a hub gave for a key.
    ///
    /// # Errors
    /// [`IdentityError::Wrong`]: the certificate is for another key or nobody, or the authority did not sign it.
    pub fn new(key: KeyPair, given: Enrolled) -> Result<Self, IdentityError> {
        let (der, authority) = (certificate(&given.certificate)?, certificate(&given.authority)?);
        let (read, signer) = (parsed(&der)?, parsed(&authority)?);
        if read.public_key().raw != key.subject_public_key_info() {
            return Err(IdentityError::Wrong { what: "is for another key" });
        }
        if read.verify_signature(Some(signer.public_key())).is_err() {
            return Err(IdentityError::Wrong { what: "is not signed by the hub's authority" });
        }
        let name = name(&read).ok_or(IdentityError::Wrong { what: "names no box" })?;
        let not_after = AtMs(read.validity().not_after.timestamp().saturating_mul(1_000));
        Ok(Self { key, given, name, not_after, stands: Stands::Serves })
    }

    /// Reads who the box is, if it was enrolled.
    ///
    /// # Errors
    /// [`IdentityError`]: enrol the box again.
    pub fn read(private: &Private) -> Result<Option<Self>, IdentityError> {
        let read = private.read(FILE).map_err(|source| IdentityError::File { path: private.path(FILE), source })?;
        let Some(read) = read else { return Ok(None) };
        let text = String::from_utf8(read).map_err(|_binary| IdentityError::Wrong { what: "is no text" })?;
        let parts: Vec<&str> = text.split_inclusive(END).collect();
        let [key, certificate, authority, rest @ ..] = parts.as_slice() else {
            return Err(IdentityError::Wrong { what: "is not whole" });
        };
        let key = KeyPair::from_pem(key).map_err(IdentityError::Key)?;
        let given = Enrolled { certificate: (*certificate).to_owned(), authority: (*authority).to_owned() };
        let word = rest.first().map_or("", |word| word.trim());
        let stands = Stands::ALL.into_iter().find(|stands| stands.word() == word);
        let stands = stands.ok_or(IdentityError::Wrong { what: "is followed by an unknown word" })?;
        Self::new(key, given).map(|identity| Some(identity.standing(stands)))
    }

    /// Says where the box stands.
    #[must_use]
    pub fn standing(self, stands: Stands) -> Self {
        Self { stands, ..self }
    }

    /// Returns where the box stands.
    #[must_use]
    pub const fn stands(&self) -> Stands {
        self.stands
    }

    /// Keeps who the box is, in the place of whom it was.
    ///
    /// # Errors
    /// [`IdentityError::File`].
    pub(crate) fn keep(&self, private: &Private) -> Result<(), IdentityError> {
        let parts = [&self.key.serialize_pem(), &self.given.certificate, &self.given.authority];
        let mut text: String = parts.into_iter().flat_map(|pem| [pem.trim(), END]).collect();
        if self.stands != Stands::Serves {
            text.extend([self.stands.word(), END]);
        }
        let kept = private.write(FILE, text.into_bytes());
        kept.map_err(|source| IdentityError::File { path: private.path(FILE), source })
    }

    /// Returns whom the certificate names.
    #[must_use]
    pub const fn name(&self) -> BoxName {
        self.name
    }

    /// Returns the certificate's last moment.
    #[must_use]
    pub const fn not_after(&self) -> AtMs {
        self.not_after
    }

    /// Whether the certificate is to be renewed; one that is over can be for a year.
    #[must_use]
    pub const fn is_due(&self, now: AtMs) -> bool {
        self.not_after.since(now) < RENEW_BEFORE_MS
    }

    /// Returns the fingerprint of the authority that gave it.
    #[must_use]
    pub fn authority(&self) -> Option<Fingerprint> {
        certificate(&self.given.authority).ok().and_then(|der| fingerprint_of(&der))
    }

    /// Makes a client that speaks as this box to its hub alone, through a proxy if there is one: TLS 1.3, judged by the
    /// hub's own time.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn client(&self, clock: &HubClock, proxy: Option<&str>) -> Result<reqwest::Client, IdentityError> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.given.authority)?).map_err(IdentityError::Tls)?;
        let own = PrivateKeyDer::try_from(self.key.serialize_der());
        let own = own.map_err(|_unknown| IdentityError::Wrong { what: "has a key of an unknown kind" })?;
        let config = tls(clock)?.with_root_certificates(roots);
        let chain = vec![certificate(&self.given.certificate)?];
        client(config.with_client_auth_cert(chain, own).map_err(IdentityError::Tls)?, proxy)
    }
}

/// Parts of the file end so.
const END: &str = "\n\n";

/// Begins to set TLS up: version 1.3 alone.
pub(super) fn tls(
    clock: &HubClock,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, IdentityError> {
    let config = ClientConfig::builder_with_details(Arc::new(ring::default_provider()), Arc::new(clock.clone()));
    config.with_protocol_versions(&[&rustls::version::TLS13]).map_err(IdentityError::Tls)
}

/// Makes a client; it follows nobody elsewhere, as those do who open lines.
pub(super) fn client(mut config: ClientConfig, proxy: Option<&str>) -> Result<reqwest::Client, IdentityError> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let client = reqwest::Client::builder().tls_backend_preconfigured(config).https_only(true).no_proxy();
    let client = match proxy {
        Some(proxy) => client.proxy(reqwest::Proxy::https(proxy).map_err(IdentityError::Client)?),
        None => client,
    };
    client.redirect(Policy::none()).connect_timeout(CONNECT_FOR).build().map_err(IdentityError::Client)
}

fn certificate(pem: &str) -> Result<CertificateDer<'static>, IdentityError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_bad| IdentityError::Wrong { what: "cannot be read" })
}

fn parsed<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, IdentityError> {
    let read = x509_parser::parse_x509_certificate(der);
    read.map(|(_, read)| read).map_err(|_bad| IdentityError::Wrong { what: "cannot be read" })
}

fn name(read: &X509Certificate<'_>) -> Option<BoxName> {
    let names = read.subject_alternative_name().ok().flatten()?;
    let [GeneralName::URI(name)] = names.value.general_names.as_slice() else { return None };
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use rcgen::string::Ia5String;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, SanType, date_time_ymd};

    const NAME: &str = "machiai:site/1001/generation/2/box/0000000000000000000000000000000a";

    fn authority() -> (String, Issuer<'static, KeyPair>) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), Issuer::new(params, key))
    }

    fn given(key: &KeyPair, name: &str) -> Enrolled {
        let (authority, issuer) = authority();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(name).unwrap())];
        params.not_after = date_time_ymd(2027, 2, 1);
        Enrolled { certificate: params.signed_by(key, &issuer).unwrap().pem(), authority }
    }

    #[track_caller]
    fn assert_wrong(made: Result<Identity, IdentityError>, expected: &str) {
        let Err(IdentityError::Wrong { what }) = made else { panic!("{made:?}") };
        assert_eq!(what, expected);
    }

    #[test]
    fn an_identity_is_read_as_it_was_kept_and_only_its_owner_reads_it() {
        let state = tempfile::tempdir().unwrap();
        let private = Private::bare(state.path().to_owned());
        assert!(Identity::read(&private).unwrap().is_none());
        let key = KeyPair::generate().unwrap();
        let given = given(&key, NAME);
        let kept = Identity::new(key, given).unwrap();
        kept.keep(&private).unwrap();
        let read = Identity::read(&private).unwrap().unwrap();
        assert_eq!(read.stands(), Stands::Serves);
        for stands in Stands::ALL {
            Identity::read(&private).unwrap().unwrap().standing(stands).keep(&private).unwrap();
            assert_eq!(Identity::read(&private).unwrap().unwrap().stands(), stands);
        }
        let text = std::fs::read_to_string(private.path(FILE)).unwrap();
        private.write(FILE, text.replace("was replaced", "was forgotten").into_bytes()).unwrap();
        assert_wrong(Identity::read(&private).map(Option::unwrap), "is followed by an unknown word");
        kept.keep(&private).unwrap();
        assert_eq!((read.name(), read.not_after()), (kept.name(), kept.not_after()));
        assert_eq!(read.name().to_string(), NAME);
        assert_eq!(read.authority(), kept.authority());
        let mode = std::fs::metadata(private.path(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(read.client(&HubClock::new(|| 0), None).is_ok());
        assert!(!format!("{read:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_certificate_for_another_key_or_nobody_or_of_nobody_is_none() {
        let [key, other] = [(); 2].map(|()| KeyPair::generate().unwrap());
        assert_wrong(Identity::new(other, given(&key, NAME)), "is for another key");
        let nobodys = given(&key, "machiai:hub");
        assert_wrong(Identity::new(key, nobodys), "names no box");
        let key = KeyPair::generate().unwrap();
        let forged = Enrolled { authority: authority().0, ..given(&key, NAME) };
        assert_wrong(Identity::new(key, forged), "is not signed by the hub's authority");
        let key = KeyPair::generate().unwrap();
        let broken = Enrolled { certificate: "-----BEGIN".to_owned(), ..given(&key, NAME) };
        assert_wrong(Identity::new(key, broken), "cannot be read");
    }

    #[test]
    fn a_certificate_is_renewed_in_the_last_third_of_its_life_and_after_it() {
        let key = KeyPair::generate().unwrap();
        let given = given(&key, NAME);
        let identity = Identity::new(key, given).unwrap();
        let end = identity.not_after();
        let days = |n: i64| n * 24 * 60 * 60 * 1_000;
        assert!(!identity.is_due(end.plus_ms(-days(31))));
        assert!(identity.is_due(end.plus_ms(-days(29))) && identity.is_due(end.plus_ms(days(100))));
    }
}
