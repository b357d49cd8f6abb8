//! Randomness, injected: ids, keys and origins come from the system's generator and from nowhere else.

use machiai_core::ids::{BootId, KeyId, Origin};
use ring::rand::{SecureRandom, SystemRandom};

/// The system's generator gave nothing.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cannot draw random bytes from the system")]
pub struct NoChance;

/// Draws random bytes.
#[derive(Clone, Debug)]
pub(crate) struct Chance(SystemRandom);

impl Chance {
    /// Uses the system's generator.
    #[must_use]
    pub(crate) fn system() -> Self {
        Self(SystemRandom::new())
    }

    /// Draws `N` bytes.
    ///
    /// # Errors
    /// [`NoChance`] when the system gives none, as before its generator is seeded.
    pub(crate) fn bytes<const N: usize>(&self) -> Result<[u8; N], NoChance> {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes).map_err(|ring::error::Unspecified| NoChance)?;
        Ok(bytes)
    }

    /// Draws the origin of a journal's opening.
    ///
    /// # Errors
    /// As [`Chance::bytes`].
    pub(crate) fn origin(&self) -> Result<Origin, NoChance> {
        self.bytes().map(Origin::from_bytes)
    }

    /// Draws the id of a start.
    ///
    /// # Errors
    /// As [`Chance::bytes`].
    pub(crate) fn boot(&self) -> Result<BootId, NoChance> {
        self.bytes().map(BootId::from_bytes)
    }

    /// Draws the id of a key.
    ///
    /// # Errors
    /// As [`Chance::bytes`].
    pub(crate) fn key_id(&self) -> Result<KeyId, NoChance> {
        self.bytes().map(KeyId::from_bytes)
    }
}
