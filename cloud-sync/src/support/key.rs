//! An operator's key: drawn and kept where the operator works, used to sign, and shown by its public half alone.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use machiai_core::support::SupportOrdered;
use machiai_core::support::order::{Order, SIGNED_UNDER};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

/// Letters in a line of a PEM file (RFC 7468).
const PEM_LINE: usize = 64;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system gives no random bytes.
    #[error("cannot draw a key")]
    NoChance,
    /// The file cannot be used.
    #[error("cannot use the key file {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What the file holds is no key.
    #[error("{path} holds no Ed25519 key")]
    NoKey {
        /// Which.
        path: PathBuf,
    },
    /// An order cannot be written.
    #[error("cannot write the order")]
    Unwritable(#[source] serde_json::Error),
}

/// A key that signs.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

impl SigningKey {
    /// Draws a key and keeps it in a new file, for its owner alone.
    ///
    /// # Errors
    /// [`KeyError`]: a file that is there is left as it is.
    pub fn draw(path: &Path) -> Result<Self, KeyError> {
        let drawn = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        let drawn = drawn.map_err(|ring::error::Unspecified| KeyError::NoChance)?;
        let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let written =
            written.and_then(|mut file| file.write_all(pem(drawn.as_ref()).as_bytes()).and_then(|()| file.sync_all()));
        written.map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        Self::read(path)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = fs::read(path).map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        let no_key = || KeyError::NoKey { path: path.to_owned() };
        let der = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|_no_pem| no_key())?;
        // A key of another program lacks its public half.
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        key.map(Self).map_err(|_rejected| no_key())
    }

    /// Returns its public half, as a box's configuration has it.
    #[must_use]
    pub fn public(&self) -> String {
        STANDARD.encode(self.0.public_key())
    }

    /// Signs an order.
    ///
    /// # Errors
    /// [`KeyError::Unwritable`].
    pub fn sign(&self, order: &Order) -> Result<SupportOrdered, KeyError> {
        let order = serde_json::to_string(order).map_err(KeyError::Unwritable)?;
        let signature = self.sign_under(SIGNED_UNDER, &order);
        Ok(SupportOrdered { order, signature })
    }

    /// Signs a text under what such texts begin with; returns the signature in base64.
    #[must_use]
    pub fn sign_under(&self, under: &str, text: &str) -> String {
        STANDARD.encode(self.0.sign(&[under.as_bytes(), text.as_bytes()].concat()))
    }
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(PEM_LINE).map(|line| String::from_utf8_lossy(line).into_owned() + "\n");
    format!("-----BEGIN PRIVATE KEY-----\n{}-----END PRIVATE KEY-----\n", lines.collect::<String>())
}
