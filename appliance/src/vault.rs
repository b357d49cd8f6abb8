//! The machine's own key: what is secret lies sealed under it, so that a disk that was carried away speaks for nobody.
//!
//! `machiai-key.service` opens it with the machine's TPM and hands it over as a credential; it lies on no disk in clear.
//! A person's own run has none, and keeps secrets for its owner's eyes alone. Where the key cannot be opened the queue
//! goes on: what was sealed stays as it is and is not used, and nothing is overwritten.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::access::setup::write_private;
use crate::causes::with_causes;
use crate::chance::Chance;
use crate::seal::{SealError, decrypt, encrypt};

/// The credential's name.
const CREDENTIAL: &str = "machine.key";

/// Where root finds the key on the command line, which is handed no credentials.
const OF_ROOT: &str = "/run/machiai-key/machine.key";

/// Where the key itself lies sealed, for root's eyes alone: the machine has one, whether it opens or not.
const KEPT: &str = "/var/lib/machiai-key/machine.key.cred";

/// What is sealed begins so.
const SEALED: &[u8] = b"machiai sealed 1\n";

/// How many bytes the key has.
const KEY_BYTES: usize = 32;

/// What holds the machine's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The machine's TPM, with a file on the disk.
    Tpm,
    /// A file on the same disk alone: whoever has the whole disk has the key.
    Disk,
}

/// The machine's key, or why there is none.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Vault {
    /// The box has none: a person's own run.
    #[default]
    Bare,
    /// It has one that this machine cannot open, or that is not what it should be.
    Locked,
    /// It is there.
    Open {
        /// The key.
        key: [u8; KEY_BYTES],
        /// What holds it.
        by: Keeper,
    },
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bare => "Bare",
            Self::Locked => "Locked",
            Self::Open { .. } => "Open",
        })
    }
}

impl Vault {
    /// Takes the key that was handed over; root finds it by itself.
    pub(crate) fn handed_over(credentials: Option<&Path>) -> Self {
        let path = credentials.map_or_else(|| PathBuf::from(OF_ROOT), |folder| folder.join(CREDENTIAL));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::of(&text).unwrap_or(Self::Locked),
            Err(_) if credentials.is_none() && Path::new(KEPT).exists() => Self::Locked,
            Err(_) => Self::Bare,
        }
    }

    /// Reads the key as `machiai-key-draw.service` writes it: what holds it, and the key in hexadecimal figures.
    fn of(text: &str) -> Option<Self> {
        let (by, key) = text.trim().split_once(' ')?;
        let by = match by {
            "host+tpm2" => Keeper::Tpm,
            "host" => Keeper::Disk,
            _ => return None,
        };
        Some(Self::Open { key: crate::seal::unhex(key)?.try_into().ok()?, by })
    }

    /// Seals a secret under the name by which it is kept; it stays as it is where there is no key.
    ///
    /// # Errors
    /// [`SealError`]: nothing may be kept.
    pub(crate) fn seal(&self, name: &[u8], clear: Vec<u8>) -> Result<Vec<u8>, SealError> {
        let Self::Open { key, .. } = self else { return Ok(clear) };
        let (nonce, text) = encrypt(key, name, clear, &Chance::system())?;
        Ok([SEALED, &nonce, &text].concat())
    }

    /// Opens what is kept under a name; what was kept in clear is what it is.
    ///
    /// # Errors
    /// [`SealError::Locked`] without the key; [`SealError::Cipher`] if it is another machine's, or was moved or changed.
    pub(crate) fn open(&self, name: &[u8], kept: Vec<u8>) -> Result<Vec<u8>, SealError> {
        let Some(sealed) = kept.strip_prefix(SEALED) else { return Ok(kept) };
        let Self::Open { key, .. } = self else { return Err(SealError::Locked) };
        let (nonce, text) = sealed.split_first_chunk().ok_or(SealError::Cipher)?;
        decrypt(key, name, *nonce, text.to_vec())
    }

    /// Whether what is kept should be sealed and is not.
    pub(crate) fn lacks_seal(&self, kept: &[u8]) -> bool {
        matches!(self, Self::Open { .. }) && !kept.starts_with(SEALED)
    }
}

/// The files beside the journal that only the daemon reads.
#[derive(Clone, Debug)]
pub struct Private {
    folder: PathBuf,
    vault: Vault,
}

impl Private {
    /// Takes a folder in which nothing is sealed.
    #[must_use]
    pub const fn bare(folder: PathBuf) -> Self {
        Self::new(folder, Vault::Bare)
    }

    /// Takes a folder and the key that seals what lies in it.
    pub(crate) const fn new(folder: PathBuf, vault: Vault) -> Self {
        Self { folder, vault }
    }

    /// Returns where a file lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads a file, if there is one; one from before the machine had its key is sealed, and one that another key sealed
    /// is lost for good: it is set aside, as if there were none.
    ///
    /// # Errors
    /// It cannot be read, or the key is not there.
    pub(crate) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let kept = match std::fs::read(self.path(name)) {
            Ok(kept) => kept,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause),
        };
        let lacks_seal = self.vault.lacks_seal(&kept);
        let clear = match self.vault.open(name.as_bytes(), kept) {
            Ok(clear) => clear,
            Err(cause @ SealError::Cipher) => {
                tracing::error!(name, error = %cause, "a file of the box's own is lost and set aside");
                std::fs::rename(self.path(name), self.path(&format!("{name}.lost")))?;
                return Ok(None);
            }
            Err(cause) => return Err(io::Error::other(cause)),
        };
        if lacks_seal && let Err(cause) = self.write(name, clear.clone()) {
            tracing::warn!(name, error = %with_causes(&cause), "a key still lies in clear");
        }
        Ok(Some(clear))
    }

    /// Writes a file, sealed, in the place of the one that was.
    ///
    /// # Errors
    /// It cannot be sealed or written; the one that was stays.
    pub(crate) fn write(&self, name: &str, clear: Vec<u8>) -> io::Result<()> {
        let kept = self.vault.seal(name.as_bytes(), clear).map_err(io::Error::other)?;
        write_private(&self.path(name), &kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::Open { key: [byte; KEY_BYTES], by: Keeper::Tpm }
    }

    #[test]
    fn what_is_sealed_opens_on_its_own_machine_under_its_own_name_alone() {
        let own = vault(0xaa);
        let kept = own.seal(b"lan-ca.key", b"hush".to_vec()).unwrap();
        assert!(!kept.windows(4).any(|part| part == b"hush"));
        assert_eq!(own.open(b"lan-ca.key", kept.clone()).unwrap(), b"hush");
        assert!(matches!(own.open(b"hub-identity.pem", kept.clone()), Err(SealError::Cipher)));
        assert!(matches!(vault(0xbb).open(b"lan-ca.key", kept.clone()), Err(SealError::Cipher)));
        assert!(matches!(own.open(b"lan-ca.key", kept[..SEALED.len() + 5].to_vec()), Err(SealError::Cipher)));
        for without in [Vault::Bare, Vault::Locked] {
            assert!(matches!(without.open(b"lan-ca.key", kept.clone()), Err(SealError::Locked)), "{without:?}");
        }
    }

    #[test]
    fn without_a_key_nothing_is_sealed_and_what_is_clear_is_read_by_all() {
        for any in [Vault::Bare, Vault::Locked, vault(0xaa)] {
            assert_eq!(any.open(b"name", b"hush".to_vec()).unwrap(), b"hush");
        }
        for without in [Vault::Bare, Vault::Locked] {
            assert_eq!(without.seal(b"name", b"hush".to_vec()).unwrap(), b"hush");
            assert!(!without.lacks_seal(b"hush"));
        }
    }

    #[test]
    fn the_key_is_the_one_that_was_handed_over_and_one_that_is_empty_or_broken_stays_shut() {
        let handed = tempfile::tempdir().unwrap();
        let is = |text: &str| {
            write_private(&handed.path().join(CREDENTIAL), text.as_bytes()).unwrap();
            Vault::handed_over(Some(handed.path()))
        };
        assert_eq!(Vault::handed_over(Some(handed.path())), Vault::Bare, "nothing is handed over");
        let key = "5e".repeat(KEY_BYTES);
        assert_eq!(is(&format!("host {key}\n")), Vault::Open { key: [0x5e; KEY_BYTES], by: Keeper::Disk });
        assert_eq!(is(&format!("host+tpm2 {key}")), Vault::Open { key: [0x5e; KEY_BYTES], by: Keeper::Tpm });
        for broken in ["", "host", "host 5e", &format!("else {key}"), &format!("host {key}5e"), &key] {
            assert_eq!(is(broken), Vault::Locked, "{broken:?}");
        }
        assert!(!format!("{:?}", is(&format!("host {key}"))).contains("5e"));
    }

    #[test]
    fn a_file_from_before_the_key_is_sealed_when_it_is_read_and_one_without_its_key_is_left_alone() {
        let state = tempfile::tempdir().unwrap();
        let private = |vault: &Vault| Private::new(state.path().to_owned(), vault.clone());
        let lies = || std::fs::read(state.path().join("lan-ca.key")).unwrap();
        assert_eq!(private(&vault(0xaa)).read("lan-ca.key").unwrap(), None);
        private(&Vault::Bare).write("lan-ca.key", b"hush".to_vec()).unwrap();
        assert_eq!(lies(), b"hush");
        assert_eq!(private(&vault(0xaa)).read("lan-ca.key").unwrap().unwrap(), b"hush");
        let sealed = lies();
        assert!(sealed.starts_with(SEALED));
        assert_eq!(private(&vault(0xaa)).read("lan-ca.key").unwrap().unwrap(), b"hush");
        assert_eq!(lies(), sealed, "what is sealed is not sealed again");
        for without in [Vault::Locked, Vault::Bare] {
            private(&without).read("lan-ca.key").unwrap_err();
            assert_eq!(lies(), sealed, "{without:?}");
        }
        assert_eq!(private(&vault(0xbb)).read("lan-ca.key").unwrap(), None, "the key that sealed it is gone for good");
        assert_eq!(std::fs::read(state.path().join("lan-ca.key.lost")).unwrap(), sealed);
    }
}
