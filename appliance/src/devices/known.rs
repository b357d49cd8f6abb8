//! How the devices do: which are there, which hang, and what the last press was refused for.
//!
//! What was read or typed is never kept: a refusal is a code.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use machiai_core::ids::DeviceId;
use machiai_core::time::AtMs;
use serde::{Deserialize, Serialize};

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Buttons of a room.
    Buttons,
    /// It shows a number.
    Display,
    /// Numbers are typed on it.
    Keypad,
    /// It reads the codes of tickets.
    Reader,
}

/// Whether a device is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Nobody has looked yet.
    Untried,
    /// It is open.
    There,
    /// It cannot be opened, or went.
    Away,
}

/// What came of the last press that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// Why, by code.
    pub(crate) code: String,
    /// The same in Japanese.
    pub(crate) ja: String,
    /// The same in English.
    pub(crate) en: String,
    /// When.
    pub(crate) at_ms: AtMs,
}

/// How a device does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// What it is.
    pub(crate) kind: Kind,
    /// Whether it is there.
    pub(crate) standing: Standing,
    /// Whether a key of it hangs.
    pub(crate) is_stuck: bool,
    /// Frames that came damaged, or that no key means, since the start.
    pub(crate) n_damaged: u64,
    /// The last press that was refused.
    pub(crate) refused: Option<Refused>,
}

/// The devices that the configuration names.
#[derive(Debug, Default)]
pub(crate) struct Devices(Mutex<BTreeMap<DeviceId, Known>>);

impl Devices {
    /// Notes that there is to be a device.
    pub(crate) fn expect(&self, device: &DeviceId, kind: Kind) {
        let known = Known { kind, standing: Standing::Untried, is_stuck: false, n_damaged: 0, refused: None };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(device.clone(), known);
    }

    /// Forgets all of them: others are to be expected.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Notes something of a device.
    pub(crate) fn note(&self, device: &DeviceId, note: impl FnOnce(&mut Known)) {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(device) {
            note(known);
        }
    }

    /// Returns how all of them do.
    pub(crate) fn now(&self) -> BTreeMap<DeviceId, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether one is away.
    pub(crate) fn lack_one(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().any(|known| known.standing == Standing::Away)
    }

    /// Whether a key hangs.
    pub(crate) fn have_one_stuck(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().any(|known| known.is_stuck)
    }
}
