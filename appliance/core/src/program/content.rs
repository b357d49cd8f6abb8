//! Content: what can air, who made it, and what stands against it. The structs are bodies of facts.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ids::{AdvertClass, AdvertiserId, BadId};
use crate::settings::Text;
use crate::time::{AtMs, Day};

/// How long provided content may air after it was set or its lease renewed, where no other end is named: 14 days.
pub const LEASE_MS: i64 = 14 * 24 * crate::time::HOUR_MS;

/// What a piece of content is known by: blake3 of its bytes as distributed, 64 hexadecimal figures in JSON.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// Makes the hash from its 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentHash {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { wanted: "content hash of 64 lower-case hexadecimal figures" };
        let figures = text.as_bytes();
        if figures.len() != 64 {
            return Err(bad);
        }
        let mut bytes = [0_u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(figures.chunks_exact(2)) {
            let [high, low] = pair else { return Err(bad) };
            *byte = nibble(*high).zip(nibble(*low)).map(|(high, low)| (high << 4) | low).ok_or(bad)?;
        }
        Ok(Self(bytes))
    }
}

const fn nibble(figure: u8) -> Option<u8> {
    match figure {
        b'0'..=b'9' => Some(figure.saturating_sub(b'0')),
        b'a'..=b'f' => Some(figure.saturating_sub(b'a').saturating_add(10)),
        _ => None,
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// Where content comes from: a closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// アイチケット提供コンテンツ: the vendor's health films.
    Provided,
    /// 広告.
    Advert,
    /// 紹介: the clinic's, from a template and photos.
    Introduction,
    /// お知らせ: the clinic's, from a template and text.
    Notice,
    /// 自作: the clinic's, from a presentation.
    Own,
    /// 代替コンテンツ: relaxation films for what was not approved.
    Substitute,
}

impl ContentKind {
    /// Whether it airs only in an approved slot.
    #[must_use]
    pub const fn needs_approval(self) -> bool {
        matches!(self, Self::Provided | Self::Advert)
    }

    /// Whether the clinic made it.
    #[must_use]
    pub const fn is_clinics(self) -> bool {
        matches!(self, Self::Introduction | Self::Notice | Self::Own)
    }
}

/// What was agreed with an advertiser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvertTerms {
    /// Who pays.
    pub advertiser: AdvertiserId,
    /// What it is for.
    pub class: AdvertClass,
    /// Whether no other advertiser of the class airs beside it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub exclusive: bool,
    /// The most airings in any 60 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_per_hour: Option<u16>,
}

/// The drawing that a scene is made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SceneTemplate {
    /// A headline over a text.
    Notice,
}

/// Content without a file: the screen draws it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scene {
    /// By which drawing.
    pub template: SceneTemplate,
    /// Its headline.
    pub headline: Text,
    /// Its text.
    pub text: Text,
    /// Content whose small picture is its photo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<ContentHash>,
}

impl Scene {
    /// Returns what it is known by: blake3 of its JSON, written with its fields in the order above and no blanks.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        // Strings and enums are always JSON.
        let json = serde_json::to_vec(self).unwrap_or_default();
        ContentHash::from_bytes(*blake3::hash(&json).as_bytes())
    }
}

/// One piece of content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Which.
    pub content: ContentHash,
    /// Where it comes from.
    pub kind: ContentKind,
    /// Its title for staff.
    pub title: String,
    /// How long it runs, in milliseconds.
    pub duration_ms: u32,
    /// What was agreed, for adverts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advert: Option<AdvertTerms>,
    /// When provided content and adverts rest unless the lease is renewed; 14 days from the fact where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<AtMs>,
    /// What is drawn, for content that has no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<Scene>,
}

/// A piece of content alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfContent {
    /// Which.
    pub content: ContentHash,
}

/// See [`crate::facts::Fact::LeasesRenewed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasesRenewed {
    /// Which content may go on airing.
    pub contents: Vec<ContentHash>,
    /// Until when, excluded.
    pub until: AtMs,
}

/// Why content cannot be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentTrouble {
    /// Its bytes are not those of its hash.
    WrongBytes,
    /// It cannot be decoded, or not to its end.
    Undecodable,
    /// It has no picture, or no length.
    Empty,
    /// It is larger or longer than this machine plays.
    TooLarge,
}

/// See [`crate::facts::Fact::ContentQuarantined`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentQuarantined {
    /// Which.
    pub content: ContentHash,
    /// Why.
    pub trouble: ContentTrouble,
}

/// The airing period that the clinic gives to content of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnAiring {
    /// Which.
    pub content: ContentHash,
    /// The first day, in Asia/Tokyo.
    pub from: Day,
    /// The last day, to 24:00 in Asia/Tokyo.
    pub until: Day,
    /// Whether it joins the loop of every slot, and not only where a table or a replacement names it.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub every_loop: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_is_known_by_its_json_alone() {
        let text = |ja: &str| Text { ja: ja.into(), ..Text::default() };
        let scene =
            |words| Scene { template: SceneTemplate::Notice, headline: text("休診"), text: text(words), photo: None };
        let json = r#"{"template":"notice","headline":{"ja":"休診"},"text":{"ja":"29日"}}"#;
        assert_eq!(scene("29日").hash(), ContentHash::from_bytes(*blake3::hash(json.as_bytes()).as_bytes()));
        assert_ne!(scene("29日").hash(), scene("30日").hash());
    }

    #[test]
    fn a_hash_is_64_lower_case_figures() {
        let hash = ContentHash::from_bytes([0xa9; 32]);
        assert_eq!(hash.to_string().parse::<ContentHash>(), Ok(hash));
        for bad in ["", "a9", &"A9".repeat(32), &"g0".repeat(32), &"a9".repeat(33)] {
            assert!(bad.parse::<ContentHash>().is_err(), "{bad:?} was taken for a hash");
        }
    }
}
