//! The site's own certificate authority: made once beside the journal, trusted by the clinic's devices alone.
//!
//! Its key lies among the daemon's private files. Server certificates live in memory, made at each start and day.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use machiai_core::time::{AtMs, Day};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::access::setup::write_private;
use crate::vault::Private;

/// A day, in milliseconds.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long a server certificate is valid: below the 398 days that browsers allow.
const VALID_MS: i64 = 180 * DAY_MS;

/// Where the authority's key lies, among the private files.
const KEY: &str = "lan-ca.key";

/// How far a tablet's clock may be behind.
const EARLIER_MS: i64 = 30 * DAY_MS;

/// Why the authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
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
    /// TLS does not take what was made.
    #[error("cannot set TLS up")]
    Tls(#[source] rustls::Error),
}

/// The authority.
#[derive(Debug)]
pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Reads the authority from beside the journal, or makes it at the first start and where its key is lost for good.
    ///
    /// # Errors
    /// [`CaError`]; a key without its certificate is never replaced, as every device trusts the one that was.
    pub(crate) fn open(private: &Private, site: u32) -> Result<Self, CaError> {
        let (key_path, path) = (private.path(KEY), private.path("lan-ca.crt"));
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| CaError::File { path, source }
        };
        let key = match private.read(KEY).map_err(at(&key_path))? {
            Some(kept) => KeyPair::from_pem(&String::from_utf8_lossy(&kept)).map_err(CaError::Made)?,
            None => {
                let key = KeyPair::generate().map_err(CaError::Made)?;
                let made = params(site).self_signed(&key).map_err(CaError::Made)?;
                // The certificate first: without its key it is made anew.
                write_private(&path, made.pem().as_bytes()).map_err(at(&path))?;
                private.write(KEY, key.serialize_pem().into_bytes()).map_err(at(&key_path))?;
                key
            }
        };
        let pem = std::fs::read(&path).map_err(at(&path))?;
        let read = CertificateDer::from_pem_slice(&pem);
        let certificate = read.map_err(|_broken| CaError::NoCertificate { path: path.clone() })?;
        Ok(Self { certificate, issuer: Issuer::new(params(site), key) })
    }

    /// Returns the certificate that devices trust, in DER.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Returns the SHA-256 of the certificate as browsers show it: `AB:CD:…`.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = digest(&SHA256, &self.certificate);
        digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    /// Makes a server's certificate and what TLS needs to use it.
    ///
    /// # Errors
    /// [`CaError`].
    pub(crate) fn server(&self, names: &BTreeSet<String>, now: AtMs) -> Result<Arc<ServerConfig>, CaError> {
        let names: Vec<String> = names.iter().cloned().collect();
        let mut params = CertificateParams::new(names).map_err(CaError::Made)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Machiai");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let (from, to) = (civil(now.plus_ms(-EARLIER_MS)), civil(now.plus_ms(VALID_MS)));
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(to.0, to.1, to.2);
        let key = KeyPair::generate().map_err(CaError::Made)?;
        let made = params.signed_by(&key, &self.issuer).map_err(CaError::Made)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions();
        let config = config.map_err(CaError::Tls)?.with_no_client_auth();
        let mut config = config.with_single_cert(vec![made.der().clone()], key).map_err(CaError::Tls)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn params(site: u32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Machiai {site}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // From before any plausible clock until after the last of these tablets.
    (params.not_before, params.not_after) = (date_time_ymd(2025, 1, 1), date_time_ymd(2050, 1, 1));
    params
}

/// Returns year, month and day of an instant.
fn civil(at: AtMs) -> (i32, u8, u8) {
    let Day(date) = Day::holding(at, 0);
    let figure = |n: i8| u8::try_from(n).unwrap_or(1);
    (i32::from(date.year()), figure(date.month()), figure(date.day()))
}
