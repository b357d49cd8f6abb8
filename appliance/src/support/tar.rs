//! An archive of a few small texts, as POSIX has it (IEEE Std 1003.1, ustar), packed by gzip.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The size of a block.
const BLOCK: usize = 512;

/// Writes texts, each under its name of at most 99 ASCII letters, with their age in seconds since 1970.
///
/// # Errors
/// A name that does not fit, or a text that cannot be packed.
pub(crate) fn packed(texts: &[(&str, Vec<u8>)], at_s: u64) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    for (name, text) in texts {
        packer.write_all(&head(name, text.len(), at_s)?)?;
        packer.write_all(text)?;
        packer.write_all(&vec![0; text.len().next_multiple_of(BLOCK).saturating_sub(text.len())])?;
    }
    packer.write_all(&[0; 2 * BLOCK])?;
    packer.finish()
}

fn head(name: &str, size: usize, at_s: u64) -> io::Result<[u8; BLOCK]> {
    let mut head = [0_u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        let place = head.get_mut(at..at.saturating_add(bytes.len()));
        place.map(|place| place.copy_from_slice(bytes)).ok_or_else(|| io::Error::other("it does not fit a tar archive"))
    };
    if name.is_empty() || name.len() > 99 || !name.is_ascii() {
        return Err(io::Error::other("it is no name in a tar archive"));
    }
    put(0, name.as_bytes())?;
    put(100, b"0000600\0")?;
    put(108, b"0000000\0")?;
    put(116, b"0000000\0")?;
    put(124, format!("{size:011o}\0").as_bytes())?;
    put(136, format!("{at_s:011o}\0").as_bytes())?;
    // The sum is taken with its own field blank.
    put(148, b"        ")?;
    put(156, b"0")?;
    put(257, b"ustar\x0000")?;
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    if let Some(place) = head.get_mut(148..156) {
        place.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    Ok(head)
}
