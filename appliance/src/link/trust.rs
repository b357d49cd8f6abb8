//! Whom the box trusts before it is enrolled: the hub whose authority the code names, and nobody else.

use std::sync::Arc;

use machiai_wire::enrol::Fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Trusts a chain whose authority has a key of a known fingerprint.
#[derive(Debug)]
pub(super) struct ByFingerprint {
    fingerprint: Fingerprint,
    ring: Arc<CryptoProvider>,
}

impl ByFingerprint {
    /// Knows a fingerprint.
    pub(super) const fn new(fingerprint: Fingerprint, ring: Arc<CryptoProvider>) -> Self {
        Self { fingerprint, ring }
    }
}

/// Takes the fingerprint of a certificate's key.
pub(super) fn fingerprint_of(der: &[u8]) -> Option<Fingerprint> {
    let (_, read) = x509_parser::parse_x509_certificate(der).ok()?;
    Some(Fingerprint::of(read.public_key().raw))
}

impl ServerCertVerifier for ByFingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut known = intermediates.iter().filter(|der| fingerprint_of(der) == Some(self.fingerprint));
        let authority = known.next().ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.ring)).build();
        let chain = chain.map_err(|cause| Error::General(cause.to_string()))?;
        chain.verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.ring.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.ring.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.ring.signature_verification_algorithms.supported_schemes()
    }
}
