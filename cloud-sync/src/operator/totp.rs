//! The codes of an authenticator: TOTP (RFC 6238) over HMAC-SHA-1 with 20 random bytes, six figures, 30 seconds.
//!
//! SHA-1 is what every authenticator speaks; as a MAC it is sound. `ring` has it already, so that no other crate is linked.

use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

/// How long a code is shown, in seconds.
const STEP_S: u64 = 30;

/// The letters of base32 (RFC 4648, section 6).
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Returns the step of a second since 1970.
#[must_use]
pub const fn step_of(now_s: u64) -> u64 {
    now_s / STEP_S
}

/// Returns the code of a step: six figures.
#[must_use]
pub fn code(secret: &[u8; 20], step: u64) -> String {
    let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let digest = sign(&key, &step.to_be_bytes());
    let digest = digest.as_ref();
    // Four bytes from where the last half byte says (RFC 4226, section 5.3).
    let at = usize::from(digest.last().copied().unwrap_or(0) & 0x0f);
    let four = digest.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

/// Returns the step of a code that was typed, of the three about a second since 1970: clocks differ, people take their
/// time.
#[must_use]
pub fn read_step(secret: &[u8; 20], typed: &str, now_s: u64) -> Option<u64> {
    let figures: String = typed.chars().filter(|typed| !typed.is_whitespace()).collect();
    let now = step_of(now_s);
    // Compared as hashes, so that the time it takes tells nothing.
    let fits = |step: &u64| blake3::hash(code(secret, *step).as_bytes()) == blake3::hash(figures.as_bytes());
    (now.saturating_sub(1)..=now.saturating_add(1)).find(fits)
}

/// Writes a secret as people type it into an authenticator.
#[must_use]
pub fn written(secret: &[u8; 20]) -> String {
    let letter = |five: &[u8; 5], nth: u32| {
        let bits = five.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
        let idx = usize::try_from((bits >> 35_u32.saturating_sub(nth.saturating_mul(5))) & 31).unwrap_or(0);
        char::from(LETTERS.get(idx).copied().unwrap_or(b'A'))
    };
    let (fives, _) = secret.as_chunks::<5>();
    fives.iter().flat_map(|five| (0..8).map(move |nth| letter(five, nth))).collect()
}

/// Returns what an authenticator reads as a QR code.
#[must_use]
pub fn uri(name: &str, secret: &[u8; 20]) -> String {
    format!("otpauth://totp/Machiai:{name}?secret={}&issuer=Machiai", written(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8; 20] = b"12345678901234567890";

    #[rstest]
    #[case(59, "287082")]
    #[case(1_111_111_109, "081804")]
    #[case(1_111_111_111, "050471")]
    #[case(1_234_567_890, "005924")]
    #[case(2_000_000_000, "279037")]
    #[case(20_000_000_000, "353130")]
    fn the_codes_are_those_of_the_rfc(#[case] now_s: u64, #[case] expected: &str) {
        assert_eq!(code(SECRET, step_of(now_s)), expected);
    }

    #[test]
    fn a_code_counts_for_its_own_step_and_one_on_either_side() {
        let of = |now_s| read_step(SECRET, "28 7082 ", now_s);
        assert_eq!([0, 29, 30, 59, 60, 89].map(of), [Some(1); 6]);
        assert_eq!([90, 120].map(of), [None; 2]);
        for bad in ["", "287083", "0287082", "２８７０８２", "287082287082"] {
            assert_eq!(read_step(SECRET, bad, 59), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_is_written_as_the_rfc_of_base32_has_it() {
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(written(SECRET), secret);
        assert_eq!(uri("sato", SECRET), format!("otpauth://totp/Machiai:sato?secret={secret}&issuer=Machiai"));
    }
}
