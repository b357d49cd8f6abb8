//! Who works here and at which device: the bodies of the facts about staff and paired devices.
//!
//! A password, PIN, code or token never stands here, nor anything that could be made of one.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceId, PlaceId, StaffId};

/// What a member of staff may do beside the queue's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 受付.
    Reception,
    /// 看護師.
    Nurse,
    /// 医師.
    Doctor,
    /// 管理者: settings, staff and devices too.
    Manager,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Reception, Self::Nurse, Self::Doctor, Self::Manager];

    /// Returns the word as it stands in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reception => "reception",
            Self::Nurse => "nurse",
            Self::Doctor => "doctor",
            Self::Manager => "manager",
        }
    }
}

/// A member of staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staff {
    /// What is typed to sign in.
    pub staff: StaffId,
    /// How colleagues read it on their screens: 佐藤.
    pub name: String,
    /// What may be done.
    pub role: Role,
}

/// Names a member of staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfStaff {
    /// Whom.
    pub staff: StaffId,
}

/// How somebody said who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// By the password.
    Password,
    /// By the PIN of this device and day.
    Pin,
}

/// Somebody signed in at a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// Who.
    pub staff: StaffId,
    /// At which device.
    pub device: DeviceId,
    /// How.
    pub means: Means,
}

/// Somebody signed out at a device, or was followed there by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOut {
    /// Who.
    pub staff: StaffId,
    /// At which device.
    pub device: DeviceId,
}

/// What a paired device is for, and so what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// Shows the board.
    Board,
    /// Gives numbers to patients.
    Kiosk,
    /// Staff work at it.
    Desk,
}

impl DeviceKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Board, Self::Kiosk, Self::Desk];

    /// Returns the word as it stands in JSON and in the ids of devices.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Board => "board",
            Self::Kiosk => "kiosk",
            Self::Desk => "desk",
        }
    }
}

/// A device that may speak to this box over the clinic's network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// Its id: kind and place, so that a new tablet takes over the name of the one before.
    pub device: DeviceId,
    /// What it is for.
    pub kind: DeviceKind,
    /// Where it stands.
    pub place: PlaceId,
}

impl Pairing {
    /// Names the device that stands at a place; none when the two together are too long for a name.
    #[must_use]
    pub fn of(kind: DeviceKind, place: &PlaceId) -> Option<Self> {
        let device = alloc::format!("{}/{place}", kind.as_str()).parse().ok()?;
        Some(Self { device, kind, place: place.clone() })
    }

    /// Returns the room or counter: the place without the mark that tells a second tablet from the first.
    #[must_use]
    pub fn counter(&self) -> &str {
        let place = self.place.as_str();
        place.split_once('/').map_or(place, |(counter, _)| counter)
    }
}

/// Names a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfDevice {
    /// Which.
    pub device: DeviceId,
}
