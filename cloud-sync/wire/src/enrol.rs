//! Enrolment: the code that is typed into a box once, what the box sends with it, and the name its certificate bears.
//!
//! A code proves both ways: its secret tells the hub that this box may speak for the site, and its fingerprint tells the
//! box which hub drew it, so that nothing else has to be trusted beforehand. It is read off a screen, a paper or a
//! telephone; its check figures tell a slip of the finger from a refusal.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use machiai_core::ids::SiteId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where a box without a certificate asks for its first.
pub const ENROL_PATH: &str = "/v1/enrol";

/// Why a hub does not listen, in its own word: the `code` of an answer 400, 403 or 429.
pub mod reason {
    /// The connection has no certificate of this hub.
    pub const NO_CERTIFICATE: &str = "no_certificate";
    /// The certificate speaks for another site.
    pub const OTHER_SITE: &str = "other_site";
    /// The certificate was revoked.
    pub const REVOKED: &str = "revoked";
    /// The box was replaced.
    pub const FENCED: &str = "fenced";
    /// The certificate ended: it may only be renewed.
    pub const EXPIRED: &str = "expired";
    /// The certificate ended too long ago to be renewed.
    pub const TOO_OLD: &str = "too_old";
    /// Lines that are no run of a site's facts.
    pub const BAD_RUN: &str = "bad_run";
    /// Facts in the hub's name that it did not write.
    pub const NOT_THE_HUBS: &str = "not_the_hubs";
    /// The enrolment code is mistyped.
    pub const MISTYPED: &str = "mistyped";
    /// The enrolment code was drawn by another hub.
    pub const OTHER_HUB: &str = "other_hub";
    /// No such enrolment code was drawn.
    pub const UNKNOWN_CODE: &str = "unknown_code";
    /// The enrolment code was used.
    pub const USED_CODE: &str = "used_code";
    /// The enrolment code is too old.
    pub const OLD_CODE: &str = "old_code";
    /// The site has a box, and the enrolment code does not replace it.
    pub const HAS_A_BOX: &str = "has_a_box";
    /// The request for a certificate cannot be read, or is not signed by its own key.
    pub const BAD_REQUEST: &str = "bad_certificate_request";
    /// More than is served at once.
    pub const TOO_MANY: &str = "too_many";
}

/// Returns where a box renews its certificate.
#[must_use]
pub fn renew_path(site: SiteId) -> String {
    alloc::format!("/v1/sites/{site}/renew")
}

/// What a box sends to be enrolled.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrol {
    /// The code as it was typed.
    pub code: String,
    /// The request for a certificate, PEM.
    pub csr: String,
}

/// What a box sends to go on with a new certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// The request for a certificate, PEM.
    pub csr: String,
}

/// What a hub gives for both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// The box's certificate, PEM.
    pub certificate: String,
    /// The certificate of the hub's authority, PEM.
    pub authority: String,
}

/// What a hub answers to a box that it enrols.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// Who the box is from now on.
    #[serde(flatten)]
    pub enrolled: Enrolled,
    /// Whether the hub holds facts that a box of the site wrote: an empty one must not begin as if nothing had been.
    #[serde(default)]
    pub has_facts: bool,
}

/// How often a site's box was replaced, from 1: a box of an earlier one is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(pub u32);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One enrolled box: drawn at random when it is, kept by its renewals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoxId(pub u128);

/// Whom a certificate speaks for, as its one URI: `machiai:site/1001/generation/1/box/` and 32 figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BoxName {
    /// The facility.
    pub site: SiteId,
    /// Which of its boxes, in time.
    pub generation: Generation,
    /// The box.
    pub id: BoxId,
}

impl fmt::Display for BoxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { site, generation, id: BoxId(id) } = self;
        write!(f, "machiai:site/{site}/generation/{generation}/box/{id:032x}")
    }
}

/// A text that names no box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not the name of a box")]
pub struct BadName;

impl FromStr for BoxName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let rest = text.strip_prefix("machiai:site/").ok_or(BadName)?;
        let (site, rest) = rest.split_once("/generation/").ok_or(BadName)?;
        let (generation, id) = rest.split_once("/box/").ok_or(BadName)?;
        let read = || {
            let generation = Generation(generation.parse().ok()?);
            Some(Self { site: SiteId(site.parse().ok()?), generation, id: BoxId(u128::from_str_radix(id, 16).ok()?) })
        };
        // One box has one name: neither signs nor further zeros nor capitals.
        read().filter(|name| name.to_string() == text).ok_or(BadName)
    }
}

/// Bytes of a code's secret, and of its fingerprint: 80 bits each, 16 figures.
const HALF_BYTES: usize = 10;

/// The figures of both, and those that check them.
const N_FIGURES: usize = 32;
const N_CHECK: usize = 2;

/// The figures of a site's number at most.
const MAX_SITE_FIGURES: usize = 10;

/// Figures between two hyphens.
const GROUP: usize = 5;

/// Crockford's base 32: no letter looks like a figure, and none spells a word.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The largest prime that two figures hold: whatever single figure is wrong, and whichever two neighbours are swapped,
/// the remainder is another one.
const CHECK_PRIME: u32 = 1_021;

/// What a box knows of the hub beforehand: the first 80 bits of blake3 of its authority's public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; HALF_BYTES]);

impl Fingerprint {
    /// Takes the fingerprint of a public key (`SubjectPublicKeyInfo`, DER).
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        let hash = blake3::hash(public_key);
        Self(hash.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// A code that enrols one box of a site once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The site.
    pub site: SiteId,
    /// What the hub knows it by.
    pub secret: [u8; HALF_BYTES],
    /// What the box knows the hub by.
    pub fingerprint: Fingerprint,
}

/// What a log may have of a code.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code of site {}", self.site)
    }
}

impl Code {
    /// Returns what a hub keeps in the place of the code.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"machiai enrolment code 1");
        hasher.update(&self.site.0.to_be_bytes());
        hasher.update(&self.secret);
        *hasher.finalize().as_bytes()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut figures = figures(&self.secret);
        figures.extend(figures_of(&self.fingerprint.0));
        let check = check(self.site, &figures);
        figures.extend([check >> 5, check & 31]);
        write!(f, "{}", self.site)?;
        for group in figures.chunks(GROUP) {
            f.write_str("-")?;
            for figure in group {
                let letter = usize::try_from(*figure).ok().and_then(|at| ALPHABET.get(at));
                write!(f, "{}", char::from(letter.copied().unwrap_or(b'?')))?;
            }
        }
        Ok(())
    }
}

/// Why a text is no code: nobody was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadCode {
    /// Figures are missing, or too many.
    #[error("the code is not whole: after the site's number it has seven groups, the last of four")]
    Length,
    /// A letter that no code has.
    #[error("the code has no \"{0}\"")]
    Letter(char),
    /// A figure is wrong, or two are swapped.
    #[error("the code is mistyped somewhere")]
    Mistyped,
}

impl FromStr for Code {
    type Err = BadCode;

    fn from_str(text: &str) -> Result<Self, BadCode> {
        let typed = text.chars().map(narrow).filter(|letter| !is_between(*letter));
        // Whatever is pasted, no more is looked at than a code may have.
        let typed = typed.take(MAX_SITE_FIGURES.saturating_add(N_FIGURES).saturating_add(N_CHECK).saturating_add(1));
        let figures = typed.map(|letter| figure(letter).ok_or(BadCode::Letter(letter)));
        let figures = figures.collect::<Result<Vec<u32>, _>>()?;
        let (rest, checks) = figures.split_last_chunk::<N_CHECK>().ok_or(BadCode::Length)?;
        let (site, halves) = rest.split_last_chunk::<N_FIGURES>().ok_or(BadCode::Length)?;
        if site.is_empty() || site.len() > MAX_SITE_FIGURES {
            return Err(BadCode::Length);
        }
        let site = site.iter().try_fold(0_u32, |number, figure| {
            let figure = Some(*figure).filter(|figure| *figure < 10)?;
            number.checked_mul(10)?.checked_add(figure)
        });
        let site = SiteId(site.ok_or(BadCode::Mistyped)?);
        let [high, low] = checks;
        if check(site, halves) != (high << 5 | low) {
            return Err(BadCode::Mistyped);
        }
        let bytes = bytes(halves);
        let (secret, fingerprint) = bytes.split_first_chunk().ok_or(BadCode::Length)?;
        let fingerprint = fingerprint.first_chunk().copied().ok_or(BadCode::Length)?;
        Ok(Self { site, secret: *secret, fingerprint: Fingerprint(fingerprint) })
    }
}

/// Returns the figures of a half.
fn figures(half: &[u8; HALF_BYTES]) -> Vec<u32> {
    figures_of(half).collect()
}

/// Cuts five bytes into eight figures at a time.
fn figures_of(half: &[u8; HALF_BYTES]) -> impl Iterator<Item = u32> {
    half.chunks(5).flat_map(|five| {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        [35_u32, 30, 25, 20, 15, 10, 5, 0].into_iter().map(move |shift| {
            let figure = bits.checked_shr(shift).unwrap_or_default() & 31;
            u32::try_from(figure).unwrap_or_default()
        })
    })
}

/// Joins eight figures to five bytes at a time.
fn bytes(figures: &[u32]) -> Vec<u8> {
    let five = |eight: &[u32]| {
        let bits = eight.iter().fold(0_u64, |bits, figure| bits << 5 | u64::from(*figure));
        let [_, _, _, five @ ..] = bits.to_be_bytes();
        five
    };
    figures.chunks(8).flat_map(five).collect()
}

/// Returns what remains of site and figures, read as one number.
fn check(site: SiteId, figures: &[u32]) -> u32 {
    let step = |rest: u32, figure: &u32| rest.saturating_mul(32).saturating_add(*figure) % CHECK_PRIME;
    figures.iter().fold(site.0 % CHECK_PRIME, step)
}

/// Takes a letter of full width, as Japanese keyboards write, for the one that is meant.
fn narrow(letter: char) -> char {
    let is_wide = ('\u{ff01}'..='\u{ff5e}').contains(&letter);
    let meant = u32::from(letter).checked_sub(0xfee0).filter(|_| is_wide).and_then(char::from_u32);
    meant.unwrap_or(letter)
}

/// Whether a letter stands between figures: any blank, any kind of hyphen.
fn is_between(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}')
}

/// Reads a figure; letters that look like one are taken for it.
fn figure(letter: char) -> Option<u32> {
    let meant = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        meant => meant,
    };
    let at = ALPHABET.iter().position(|known| char::from(*known) == meant)?;
    u32::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn any_code() -> impl Strategy<Value = Code> {
        let halves = (any::<[u8; HALF_BYTES]>(), any::<[u8; HALF_BYTES]>());
        (any::<u32>(), halves).prop_map(|(site, (secret, key))| Code {
            site: SiteId(site),
            secret,
            fingerprint: Fingerprint(key),
        })
    }

    /// A known code, as version 1 writes it for ever.
    fn known() -> Code {
        Code { site: SiteId(1001), secret: [0xff; 10], fingerprint: Fingerprint([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) }
    }

    #[test]
    fn a_known_code_is_written_as_it_always_was() {
        assert_eq!(known().to_string(), "1001-ZZZZZ-ZZZZZ-ZZZZZ-Z000G-40R40-M30E2-092S");
        assert_eq!(format!("{:?}", known()), "Code of site 1001");
    }

    #[rstest]
    #[case::small_letters("1001-zzzzz-zzzzz-zzzzz-z000g-40r40-m30e2-092s")]
    #[case::letters_that_look_alike("l0O1ZZZZZZZZZZZZZZZZOOOG4OR4OM3OE2O92S")]
    #[case::full_width("１００１ーＺＺＺＺＺ－ＺＺＺＺＺ　ＺＺＺＺＺ Ｚ０００Ｇ－４０Ｒ４０－Ｍ３０Ｅ２－０９２Ｓ")]
    fn a_code_is_read_however_it_is_typed(#[case] typed: &str) {
        assert_eq!(typed.parse(), Ok(known()));
    }

    #[rstest]
    #[case::nothing("", BadCode::Length)]
    #[case::without_its_site("ZZZZZ-ZZZZZ-ZZZZZ-Z000G-40R40-M30E2-092S", BadCode::Length)]
    #[case::cut_short("1001-ZZZZZ", BadCode::Length)]
    #[case::a_letter_that_no_code_has("1001-ZZZZU", BadCode::Letter('U'))]
    #[case::a_page_of_text(&"Z".repeat(100_000), BadCode::Length)]
    // Read as figures of ten, it would be site 1101.
    #[case::a_letter_in_the_site("10A1-ZZZZZ-ZZZZZ-ZZZZZ-Z000G-40R40-M30E2-09CC", BadCode::Mistyped)]
    fn what_is_no_code_is_told_apart(#[case] typed: &str, #[case] expected: BadCode) {
        assert_eq!(typed.parse::<Code>(), Err(expected));
    }

    proptest! {
        #[test]
        fn a_code_is_read_as_it_was_written(code in any_code()) {
            prop_assert_eq!(code.to_string().parse::<Code>(), Ok(code));
        }

        #[test]
        fn one_wrong_letter_or_two_swapped_ones_are_found(code in any_code(), at in 0..46_usize, other in 0..32_usize) {
            let written: Vec<char> = code.to_string().chars().filter(|letter| *letter != '-').collect();
            let (mut wrong, at) = (written.clone(), at.min(written.len().saturating_sub(1)));
            wrong[at] = char::from(ALPHABET[other]);
            let typed: String = wrong.iter().collect();
            prop_assert_eq!(typed.parse::<Code>().is_ok(), wrong == written, "{}", typed);
            let mut swapped = written.clone();
            // A site's number and the figures after it are read apart.
            let after_site = swapped.split_at_mut(written.len().saturating_sub(N_FIGURES.saturating_add(N_CHECK))).1;
            let pair = after_site.iter_mut().skip(at).take(2).collect::<Vec<_>>();
            if let Ok([one, other]) = <[_; 2]>::try_from(pair) {
                core::mem::swap(one, other);
            }
            let typed: String = swapped.iter().collect();
            prop_assert_eq!(typed.parse::<Code>().is_ok(), swapped == written, "{}", typed);
        }

        #[test]
        fn a_boxs_name_is_read_as_it_was_written(site: u32, generation: u32, id: u128) {
            let name = BoxName { site: SiteId(site), generation: Generation(generation), id: BoxId(id) };
            prop_assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[rstest]
    #[case::nothing("")]
    #[case::another_scheme("urn:site/1001/generation/1/box/00000000000000000000000000000001")]
    #[case::a_sign("machiai:site/+1001/generation/1/box/00000000000000000000000000000001")]
    #[case::a_zero_too_many("machiai:site/01001/generation/1/box/00000000000000000000000000000001")]
    #[case::capitals("machiai:site/1001/generation/1/box/0000000000000000000000000000000A")]
    #[case::something_after("machiai:site/1001/generation/1/box/00000000000000000000000000000001/")]
    #[case::too_short("machiai:site/1001/generation/1/box/1")]
    fn a_name_that_is_written_another_way_is_none(#[case] text: &str) {
        assert_eq!(text.parse::<BoxName>(), Err(BadName));
    }

    #[test]
    fn codes_of_two_sites_with_one_secret_are_kept_apart() {
        let other = Code { site: SiteId(1002), ..known() };
        assert_ne!(known().hash(), other.hash());
    }
}
