//! Which certificates TLS lets in: those of this hub's authority, also after their end, so that they can be renewed.
//!
//! A connection without one comes in too: what it may do, `guard.rs` says.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::certificate::Certificate;

/// Verifies the certificates of boxes.
#[derive(Debug)]
pub(super) struct Boxes {
    chain: Arc<dyn ClientCertVerifier>,
}

impl Boxes {
    /// Trusts what a verifier of the authority's chain does.
    pub(super) fn new(chain: Arc<dyn ClientCertVerifier>) -> Self {
        Self { chain }
    }
}

impl ClientCertVerifier for Boxes {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let encoding = Error::InvalidCertificate(CertificateError::BadEncoding);
        let read = Certificate::read(end_entity).map_err(|_not_a_box| encoding)?;
        // One that is over is looked at as it was in its last second; each request asks when that was.
        let last = UnixTime::since_unix_epoch(Duration::from_secs(read.not_after_s));
        self.chain.verify_client_cert(end_entity, intermediates, now.min(last))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
