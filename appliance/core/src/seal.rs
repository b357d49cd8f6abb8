//! Personal data as it may stand in a fact: sealed, and openable only with a key that no fact holds.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::ids::KeyId;

/// A name, telephone number or note, encrypted at the edge before it becomes part of a fact.
///
/// ChaCha20-Poly1305 (RFC 8439) over the JSON of [`Personal`]; erasing the key erases the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Names the key, which lies in the journal's secrets.
    pub key_id: KeyId,
    /// 12 bytes, in hexadecimal.
    pub nonce: String,
    /// Cipher text and tag, in hexadecimal.
    pub ct: String,
}

/// What is sealed: never a part of a fact in clear, a log line or a view that leaves the clinic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Personal {
    /// The patient's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The patient's telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Free text: a note, or the reason of a cancellation or an emergency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Personal {
    /// Whether there is nothing to seal.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.name.is_none() && self.phone.is_none() && self.note.is_none()
    }
}
