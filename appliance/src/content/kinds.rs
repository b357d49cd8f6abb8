//! The kinds of file that are taken at all, by their first bytes.
//!
//! Only containers of films and stills: a playlist or a subtitle with a film's name would make a player open addresses.

/// How many bytes of a file tell its kind.
pub(super) const N_HEAD: usize = 12;

/// Whether a file that begins so is a film or a still of a kind that is taken.
pub(super) fn is_taken(head: &[u8]) -> bool {
    let is_box = |name: &[u8; 4]| head.get(4..8).is_some_and(|found| found == name);
    let is_riff = |kind: &[u8; 4]| head.starts_with(b"RIFF") && head.get(8..12).is_some_and(|found| found == kind);
    // MP4 and QuickTime.
    [b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"].into_iter().any(is_box)
        // Matroska and WebM.
        || head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
        || is_riff(b"AVI ")
        // MPEG programme and transport streams.
        || head.starts_with(&[0, 0, 1, 0xba])
        || head.starts_with(&[0x47])
        // PNG and JPEG.
        || head.starts_with(b"\x89PNG\r\n\x1a\n")
        || head.starts_with(&[0xff, 0xd8, 0xff])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_and_stills_are_taken_and_nothing_else() {
        for taken in [b"\0\0\0\x20ftypisom".as_slice(), b"\x1a\x45\xdf\xa3", b"RIFF\0\0\0\0AVI ", b"\x89PNG\r\n\x1a\n"]
        {
            assert!(is_taken(taken), "{taken:?} was not taken");
        }
        for other in [b"".as_slice(), b"#EXTM3U\n#EXT", b"RIFF\0\0\0\0WAVE", b"<?xml versio", b"\x7fELF", b"hello"] {
            assert!(!is_taken(other), "{other:?} was taken");
        }
    }
}
