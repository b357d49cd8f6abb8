//! Randomness, injected: incarnations and codes come from the system's generator and from nowhere else.

use ring::rand::{SecureRandom, SystemRandom};

/// The system's generator gave nothing.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cannot draw random bytes from the system")]
pub struct NoChance;

/// Draws random bytes from the system.
///
/// # Errors
/// [`NoChance`] when the system gives none, as before its generator is seeded.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoChance> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|ring::error::Unspecified| NoChance)?;
    Ok(bytes)
}
