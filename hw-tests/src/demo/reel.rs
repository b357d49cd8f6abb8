//! The films of the demo's monitor: what clinics bring, good and bad, made when needed and never kept.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::daemon::write;
use crate::films::{Coding, Film, Odd};

/// What stands in for what may not air.
pub const SUBSTITUTE: &str = "substitute";

/// How long a still of the demo is shown, in milliseconds.
pub const STILL_MS: u64 = 3_000;

/// Full HD, as most films come.
const FULL: (usize, usize) = (1920, 1080);

/// Makes films that are played into a folder.
///
/// # Errors
/// An encoder is missing, or the folder cannot be written to.
pub fn make_good(folder: &Path) -> Result<()> {
    let films = [
        ("1080p30.mp4", Film { size: FULL, ..Film::of(1, 120) }),
        ("720p25.mp4", Film { per_s: 25, ..Film::of(2, 75) }),
        ("vp9-opus.webm", Film { coding: Coding::WebM, ..Film::of(3, 60) }),
        ("silent.mp4", Film { sounds: false, ..Film::of(4, 60) }),
        ("ten-bits.mp4", Film { coding: Coding::TenBits, ..Film::of(6, 60) }),
    ];
    for (name, film) in films {
        film.write(&folder.join(name)).with_context(|| format!("cannot make {name}"))?;
    }
    Film::of(9, 90).write(&folder.join(format!("{SUBSTITUTE}.mp4"))).context("cannot make the substitute")?;
    Odd::Png.write(&folder.join("still.png")).context("cannot make the still")
}

/// Makes files that are refused into a folder, out of a film that is played; returns how many.
///
/// # Errors
/// The folder cannot be written to.
pub fn make_bad(folder: &Path) -> Result<usize> {
    let whole = folder.join("damaged.mp4");
    Film { coding: Coding::TableFirst, sounds: false, ..Film::of(7, 60) }.write(&whole)?;
    let good = std::fs::read(&whole).context("cannot read a film that was just made")?;
    write(&folder.join("truncated.mp4"), good.get(..good.len() / 2).unwrap_or_default())?;
    write(&folder.join("empty.mp4"), [])?;
    write(&whole, damaged(good))?;
    Ok(3)
}

/// Puts other bytes into the middle of a film.
fn damaged(mut film: Vec<u8>) -> Vec<u8> {
    let (from, to) = (film.len() * 4 / 10, film.len() * 6 / 10);
    for (nth, byte) in (0_u32..).zip(film.get_mut(from..to).unwrap_or_default()) {
        let [.., mixed] = nth.wrapping_mul(2_654_435_761).to_le_bytes();
        *byte = mixed;
    }
    film
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_film_differs_in_its_middle_alone() {
        let film = damaged(vec![0; 1_000]);
        assert!(film[..400].iter().chain(&film[600..]).all(|byte| *byte == 0));
        assert!(film[400..600].iter().filter(|byte| **byte != 0).count() > 150);
    }
}
