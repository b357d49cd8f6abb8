//! The hub's own certificate authority: made once, it signs the hub's certificate and those of the boxes.
//!
//! Its key lies in a file that only the hub reads. The hub's certificate lives in memory, made at each start and anew
//! long before it ends.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use machiai_wire::enrol::{BoxName, Fingerprint};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use thiserror::Error;

use super::verifier::Boxes;
use crate::chance::{self, NoChance};
use crate::store::devices::{NewCertificate, Serial};

/// A day, in seconds.
const DAY_S: u64 = 24 * 60 * 60;

/// How long a box's certificate is good, and the hub's own.
const BOX_FOR_S: u64 = 90 * DAY_S;
const HUB_FOR_S: u64 = 90 * DAY_S;

/// Before any plausible clock: 2025-01-01T00:00:00Z.
const BEGINS_S: u64 = 1_735_689_600;

/// The end of the authority: 2050-01-01T00:00:00Z. No certificate of its outlives it.
const ENDS_S: u64 = 2_524_608_000;

/// How far another node of the hub may be behind.
const EARLIER_S: u64 = DAY_S;

/// Why the authority cannot be used.
#[derive(Debug, Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A certificate or key cannot be made, or is not what it should be.
    #[error("cannot make or read a certificate or key")]
    Made(#[source] rcgen::Error),
    /// The certificate's file holds no certificate.
    #[error("{path} holds no certificate")]
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// No random bytes.
    #[error("cannot draw a serial number")]
    Chance(#[source] NoChance),
    /// TLS does not take what was made.
    #[error("cannot set TLS up")]
    Tls(#[source] rustls::Error),
    /// TLS does not take the authority.
    #[error("cannot trust the authority")]
    Verifier(#[source] VerifierBuilderError),
}

/// The wall clock, in seconds since 1970.
pub(crate) type NowS = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The wall clock as TLS asks it.
struct Wall(NowS);

impl std::fmt::Debug for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wall")
    }
}

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs((self.0)())))
    }
}

/// A request for a certificate that is signed by its own key; what else it asks for is ignored.
pub(crate) struct Request(CertificateSigningRequestParams);

impl Request {
    /// Reads a request, PEM.
    ///
    /// # Errors
    /// It cannot be read, or is not signed by its own key.
    pub(crate) fn read(pem: &str) -> Result<Self, AuthorityError> {
        CertificateSigningRequestParams::from_pem(pem).map(Self).map_err(AuthorityError::Made)
    }
}

/// The authority.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    fingerprint: Fingerprint,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads the authority, or makes it at the first start.
    ///
    /// # Errors
    /// [`AuthorityError`]; a key without its certificate is never replaced, as every box trusts the one that was.
    pub fn open(state: &Path) -> Result<Self, AuthorityError> {
        let (key_path, path) = (state.join("hub-ca.key"), state.join("hub-ca.crt"));
        if !key_path.exists() && !path.exists() {
            let key = KeyPair::generate().map_err(AuthorityError::Made)?;
            let made = authority().self_signed(&key).map_err(AuthorityError::Made)?;
            // The certificate first: without its key it is made anew.
            write_private(&path, made.pem().as_bytes()).map_err(at(&path))?;
            write_private(&key_path, key.serialize_pem().as_bytes()).map_err(at(&key_path))?;
        } else if !key_path.exists() {
            fs::remove_file(&path).map_err(at(&path))?;
            return Self::open(state);
        }
        let key = fs::read_to_string(&key_path).map_err(at(&key_path))?;
        let key = KeyPair::from_pem(&key).map_err(AuthorityError::Made)?;
        let pem = fs::read_to_string(&path).map_err(at(&path))?;
        let read = CertificateDer::from_pem_slice(pem.as_bytes());
        let certificate = read.map_err(|_broken| AuthorityError::NoCertificate { path })?;
        let fingerprint = Fingerprint::of(&key.subject_public_key_info());
        Ok(Self { certificate, pem, fingerprint, issuer: Issuer::new(authority(), key) })
    }

    /// Returns what boxes know it by.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns its certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// Makes the hub's certificate and what TLS needs to serve with it: version 1.3 alone, boxes' certificates asked
    /// for and looked at.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub(crate) fn server(&self, names: &[String], now_s: &NowS) -> Result<Arc<ServerConfig>, AuthorityError> {
        let mut params = CertificateParams::new(names).map_err(AuthorityError::Made)?;
        params.distinguished_name = named("Machiai hub");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // A box whose clock is lost takes the day of its program for today's.
        set_life(&mut params, BEGINS_S, now_s().saturating_add(HUB_FOR_S));
        let key = KeyPair::generate().map_err(AuthorityError::Made)?;
        let made = params.signed_by(&key, &self.issuer).map_err(AuthorityError::Made)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_details(Arc::clone(&ring), Arc::new(Wall(Arc::clone(now_s))));
        let config = config.with_protocol_versions(&[&rustls::version::TLS13]).map_err(AuthorityError::Tls)?;
        let chain = vec![made.der().clone(), self.certificate.clone()];
        let config = config.with_client_cert_verifier(self.verifier(ring)?).with_single_cert(chain, key);
        let mut config = config.map_err(AuthorityError::Tls)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn verifier(
        &self,
        ring: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, AuthorityError> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(AuthorityError::Tls)?;
        let chain = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), ring).allow_unauthenticated();
        Ok(Arc::new(Boxes::new(chain.build().map_err(AuthorityError::Verifier)?)))
    }

    /// Signs a box's certificate for the key of its request, under a name and serial number that the hub gives; returns
    /// it as PEM.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub(crate) fn sign(
        &self,
        Request(request): &Request,
        name: BoxName,
        certificate: &NewCertificate,
    ) -> Result<String, AuthorityError> {
        let uri = Ia5String::try_from(name.to_string()).map_err(AuthorityError::Made)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named(&format!("Machiai {}", name.site));
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.serial_number = Some(SerialNumber::from_slice(&certificate.serial));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let made_s = certificate.not_after_s.saturating_sub(BOX_FOR_S);
        set_life(&mut params, made_s.saturating_sub(EARLIER_S), certificate.not_after_s);
        params.signed_by(&request.public_key, &self.issuer).map(|made| made.pem()).map_err(AuthorityError::Made)
    }
}

/// Draws the serial number of a box's certificate, and says when it ends.
///
/// # Errors
/// No random bytes.
pub(crate) fn next_certificate(now_s: u64) -> Result<NewCertificate, AuthorityError> {
    let mut serial: Serial = chance::bytes().map_err(AuthorityError::Chance)?;
    if let Some(first) = serial.first_mut() {
        // A number above zero that takes its 16 bytes exactly.
        *first = *first & 0x3f | 0x40;
    }
    Ok(NewCertificate { serial, not_after_s: now_s.saturating_add(BOX_FOR_S).min(ENDS_S) })
}

/// Whether the hub's certificate, made at one second, is to be made anew: after a third of its life, or when the clock
/// was set back.
pub(crate) const fn is_old(made_s: u64, now_s: u64) -> bool {
    now_s.abs_diff(made_s) >= HUB_FOR_S / 3
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Machiai hub authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_life(&mut params, BEGINS_S, ENDS_S);
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Sets from when until when a certificate is good: never after the authority's end.
fn set_life(params: &mut CertificateParams, from_s: u64, until_s: u64) {
    let date = |at_s: u64| date_time_ymd(1970, 1, 1) + Duration::from_secs(at_s.min(ENDS_S));
    (params.not_before, params.not_after) = (date(from_s), date(until_s));
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path, source }
}

/// Writes a file that its folder's owner alone can read: aside first, on disk, then under its name.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let aside = path.with_extension("new");
    // A leftover of a start that was cut off may have another owner or mode.
    match fs::remove_file(&aside) {
        Ok(()) => {}
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(cause),
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(bytes)?;
    let (made, around) = (file.metadata()?, fs::metadata(folder)?);
    if made.uid() != around.uid() {
        // Made by root for the hub.
        chown(&aside, Some(around.uid()), Some(around.gid()))?;
    }
    file.sync_all()?;
    fs::rename(&aside, path)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::door::certificate::Certificate;
    use machiai_core::ids::SiteId;
    use machiai_wire::enrol::{BoxId, Generation};

    const NAME: BoxName = BoxName { site: SiteId(1001), generation: Generation(3), id: BoxId(7) };

    fn request() -> (String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["hub.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params.serialize_request(&key).unwrap().pem().unwrap(), key)
    }

    #[test]
    fn the_authority_is_made_once_and_only_its_owner_reads_the_key() {
        let state = tempfile::tempdir().unwrap();
        let first = Authority::open(state.path()).unwrap();
        let again = Authority::open(state.path()).unwrap();
        assert_eq!((first.fingerprint(), first.pem()), (again.fingerprint(), again.pem()));
        let mode = fs::metadata(state.path().join("hub-ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_file(state.path().join("hub-ca.crt")).unwrap();
        assert!(Authority::open(state.path()).is_err(), "every box trusts the certificate that was");
    }

    #[test]
    fn a_start_cut_off_between_certificate_and_key_makes_both_anew() {
        let state = tempfile::tempdir().unwrap();
        let first = Authority::open(state.path()).unwrap().fingerprint();
        fs::remove_file(state.path().join("hub-ca.key")).unwrap();
        assert_ne!(Authority::open(state.path()).unwrap().fingerprint(), first);
    }

    #[test]
    fn a_certificate_bears_what_the_hub_gives_and_nothing_that_was_asked_for() {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::open(state.path()).unwrap();
        let next = next_certificate(1_800_000_000).unwrap();
        let (pem, key) = request();
        let made = authority.sign(&Request::read(&pem).unwrap(), NAME, &next).unwrap();
        let made = CertificateDer::from_pem_slice(made.as_bytes()).unwrap();
        let read = Certificate::read(&made).unwrap();
        let expected = Certificate { name: NAME, serial: next.serial, not_after_s: 1_800_000_000 + 90 * DAY_S };
        assert_eq!(read, expected);
        let (_, parsed) = x509_parser::parse_x509_certificate(&made).unwrap();
        assert!(!parsed.is_ca());
        assert_eq!(parsed.public_key().raw, key.subject_public_key_info());
    }

    #[test]
    fn a_request_that_its_own_key_did_not_sign_is_refused() {
        let (pem, _) = request();
        let mut der = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec();
        *der.last_mut().unwrap() ^= 1;
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        let forged = format!("-----BEGIN CERTIFICATE REQUEST-----\n{text}\n-----END CERTIFICATE REQUEST-----\n");
        assert!(Request::read(&forged).is_err());
        assert!(Request::read("nothing of the kind").is_err());
    }

    #[test]
    fn the_hubs_certificate_is_made_anew_long_before_it_ends_and_after_the_clock_was_set_back() {
        let made_s = 1_800_000_000;
        assert!(!is_old(made_s, made_s + 29 * DAY_S));
        assert!(is_old(made_s, made_s + 30 * DAY_S) && is_old(made_s, made_s - 40 * DAY_S));
    }
}
