//! Names of things: small types that keep two bare integers or strings from being mistaken for each other.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that does not name what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadId {
    /// What the text should have named.
    pub wanted: &'static str,
}

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a {}", self.wanted)
    }
}

impl core::error::Error for BadId {}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes the id from 16 bytes drawn by the caller.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the 16 bytes.
            #[must_use]
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(text_of(&hex_of(&self.0)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                hex16(text).map(Self).ok_or(BadId { wanted: $what })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(text_of(&hex_of(&self.0)))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str(HexVisitor($what)).map(Self)
            }
        }
    };
}

random_id!(
    /// One read-write opening of a journal, drawn at random: 32 lower-case hexadecimal figures in JSON.
    Origin,
    "32-figure origin"
);
random_id!(
    /// One patient's day at a site (受診), drawn at random when its ticket is issued.
    VisitId,
    "32-figure visit id"
);
random_id!(
    /// The key under which one visit's personal data is sealed.
    KeyId,
    "32-figure key id"
);
random_id!(
    /// One order of remote support, drawn at random by whoever signs it: it is carried out once.
    OrderId,
    "32-figure order id"
);
random_id!(
    /// One start of the machine: durations between two facts of the same boot come from `mono_ms`.
    BootId,
    "32-figure boot id"
);

struct HexVisitor(&'static str);

impl de::Visitor<'_> for HexVisitor {
    type Value = [u8; 16];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; 16], E> {
        hex16(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// Writes 16 bytes as figures at once: ids are written several times for every fact.
fn hex_of(bytes: &[u8; 16]) -> [u8; 32] {
    const FIGURES: &[u8; 16] = b"0123456789abcdef";
    let figure = |nibble: u8| FIGURES.get(usize::from(nibble)).copied().unwrap_or(b'0');
    let mut figures = [0_u8; 32];
    for (pair, byte) in figures.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            (*high, *low) = (figure(byte >> 4), figure(byte & 0x0f));
        }
    }
    figures
}

fn text_of(figures: &[u8; 32]) -> &str {
    core::str::from_utf8(figures).unwrap_or_default()
}

/// Returns what a hexadecimal figure is worth; capitals are none.
const fn figure(figure: u8) -> Option<u8> {
    match figure {
        b'0'..=b'9' => Some(figure & 0xf),
        b'a'..=b'f' => Some((figure & 0xf).wrapping_add(9)),
        _ => None,
    }
}

fn hex16(text: &str) -> Option<[u8; 16]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pairs: &[[u8; 2]; 16] = pairs.try_into().ok().filter(|_| rest.is_empty())?;
    let mut bytes = [0_u8; 16];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = figure(*high)? << 4 | figure(*low)?;
    }
    Some(bytes)
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id!(
    /// The number of a facility (事業所).
    SiteId(u32)
);
number_id!(
    /// The number of one counter's queue (業務) within its site.
    LineNo(u16)
);
number_id!(
    /// Position of a fact within its origin, from 1, without gaps.
    Seq(u64)
);
number_id!(
    /// A ticket's number within its business day and line.
    Number(u32)
);

/// The identity of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactId {
    /// The journal opening that wrote it.
    pub origin: Origin,
    /// Its position there.
    pub seq: Seq,
}

/// A line's address (情報番号): site number, a hyphen, line number, as in `1001-2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineAddress {
    /// The facility.
    pub site: SiteId,
    /// The line within it.
    pub line: LineNo,
}

impl fmt::Display for LineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.site, self.line)
    }
}

impl FromStr for LineAddress {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { wanted: "line address such as 1001-2" };
        let (site, line) = text.split_once('-').ok_or(bad)?;
        match (site.parse(), line.parse()) {
            (Ok(site), Ok(line)) => Ok(Self { site: SiteId(site), line: LineNo(line) }),
            (Err(_), _) | (_, Err(_)) => Err(bad),
        }
    }
}

macro_rules! word_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        word_id!($(#[$doc])* $name, $what, 40, b"-_./");
    };
    ($(#[$doc:meta])* $name:ident, $what:literal, $most:literal, $signs:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Returns the word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let fits = (1..=$most).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || $signs.contains(&b));
                if fits { Ok(Self(text.to_string())) } else { Err(BadId { wanted: $what }) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

word_id!(
    /// A room (診察室), test room or payment desk (窓口) to which patients are called.
    RoomId,
    "room id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// A kiosk, tablet, button or program that sends commands.
    DeviceId,
    "device id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// A member of staff: what is typed to sign in, and what facts say of who acted.
    StaffId,
    "staff id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// Where a paired device stands: a room, `reception`, `entrance`; a second tablet there is `room1/2`.
    PlaceId,
    "place of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// A session of reception: `morning`, `afternoon`, `night`, or the clinic's own word.
    SessionId,
    "session id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// A ticket printer.
    PrinterId,
    "printer id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// A video consultation's reservation.
    ReservationId,
    "reservation id of 1 to 40 letters, figures, or - _ . /"
);

word_id!(
    /// A program table (番組表): what the vendor sent to air in one period, in all its revisions.
    TableId,
    "table id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// A slot (枠) of a program table: when its items air.
    SlotId,
    "slot id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// An item (番組) of a slot: a place for one piece of content.
    ItemId,
    "item id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// Who pays for an advert (広告主).
    AdvertiserId,
    "advertiser id of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// What an advert is for, so that competitors can be told: `pharmacy`, `insurance`.
    AdvertClass,
    "advert class of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// One connection of one end of a consultation call, drawn by whoever connects.
    ConnectionId,
    "connection id of 1 to 64 letters, figures, or - _ . /",
    64,
    b"-_./"
);
word_id!(
    /// The vendor's own name of something that it saw of a call.
    EventId,
    "event id of 1 to 64 letters, figures, or - _ . /",
    64,
    b"-_./"
);
word_id!(
    /// A version of the cancellation policy, as it was shown at booking.
    PolicyVersion,
    "policy version of 1 to 40 letters, figures, or - _ . /"
);
word_id!(
    /// A tariff of consultation calls.
    TariffName,
    "tariff of 1 to 40 letters, figures, or - _ . /"
);
impl TariffName {
    /// Names a tariff that is built in.
    pub(crate) fn built_in(word: &'static str) -> Self {
        Self(word.to_string())
    }
}

word_id!(
    /// Where a recording lies: an address without a query, or a path.
    RecordingPlace,
    "place of 1 to 200 letters, figures, or - _ . / :",
    200,
    b"-_./:"
);

/// What is printed, shown and called (受付番号): the line's prefix and the number, as in `105` or `A012`.
///
/// Unique in the site's business day; it goes with the visit through every stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Label(pub String);

impl Label {
    /// Joins a line's prefix and a number written with at least `n_figures` figures.
    #[must_use]
    pub fn new(prefix: &str, number: Number, n_figures: u8) -> Self {
        Self(alloc::format!("{prefix}{:0width$}", number.0, width = usize::from(n_figures)))
    }

    /// Returns the label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_address_reads_back_as_written() {
        let address: LineAddress = "1001-2".parse().unwrap();
        assert_eq!(address, LineAddress { site: SiteId(1001), line: LineNo(2) });
        assert_eq!(address.to_string(), "1001-2");
        for bad in ["", "1001", "1001-", "-2", "1001-2-3", "1001-70000", "a-b"] {
            assert!(bad.parse::<LineAddress>().is_err(), "{bad:?} was taken for an address");
        }
    }

    #[test]
    fn a_random_id_is_32_lower_case_figures() {
        let id = VisitId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse::<VisitId>(), Ok(id));
        for bad in ["", "ab", "ABABABABABABABABABABABABABABABAB", "+1ababababababababababababababab"] {
            assert!(bad.parse::<VisitId>().is_err(), "{bad:?} was taken for an id");
        }
    }

    #[test]
    fn a_label_is_prefix_and_number() {
        assert_eq!(Label::new("A", Number(12), 3).as_str(), "A012");
        assert_eq!(Label::new("", Number(105), 1).as_str(), "105");
    }

    #[test]
    fn a_word_id_refuses_what_could_be_markup_or_a_path_trick() {
        for bad in ["", "a b", "<b>", "第1", "x\0"] {
            assert!(bad.parse::<RoomId>().is_err(), "{bad:?} was taken for a room");
        }
        assert!("room1".parse::<RoomId>().is_ok());
    }
}
