//! The book of who may come in, as it lies among the journal's secrets: hashes alone.

use std::collections::BTreeMap;

use machiai_core::ids::{DeviceId, StaffId};
use machiai_core::time::Day;
use machiai_journal::{SecretChange, StoreError};
use serde::{Deserialize, Serialize};

use super::secret::{Digest, Hashed, digest};
use crate::gate::Gate;

/// The purposes under which the hashes lie among the secrets.
const PASSWORD: &str = "password";
const DEVICE: &str = "device";
const SIGN_IN: &str = "sign-in";
const PIN: &str = "pin";

/// A sign-in at a device.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInKept {
    /// Digest of the cookie's token, in hexadecimal.
    token: String,
    /// Where.
    pub(crate) device: DeviceId,
    /// Who.
    pub(crate) staff: StaffId,
    /// For which business day.
    pub(crate) day: Day,
}

/// A PIN for one device and day.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PinKept {
    /// Where it is valid.
    pub(crate) device: DeviceId,
    /// Whose.
    pub(crate) staff: StaffId,
    /// On which business day.
    pub(crate) day: Day,
    /// The PIN, hashed.
    hashed: Vec<u8>,
}

/// Who may come in.
#[derive(Default)]
pub(crate) struct Book {
    passwords: BTreeMap<StaffId, Hashed>,
    devices: BTreeMap<[u8; 32], DeviceId>,
    sign_ins: BTreeMap<DeviceId, SignInKept>,
    pins: BTreeMap<(DeviceId, StaffId), PinKept>,
}

impl Book {
    /// Reads the book; what cannot be understood in it lets nobody in.
    ///
    /// # Errors
    /// [`StoreError`] when the secrets cannot be read.
    pub(crate) fn read(gate: &Gate) -> Result<Self, StoreError> {
        let mut book = Self::default();
        for (key, value) in gate.secrets_for(PASSWORD)? {
            if let (Some(staff), Some(hashed)) = (named(&key, PASSWORD), Hashed::read(&value)) {
                book.passwords.insert(staff, hashed);
            }
        }
        for (key, value) in gate.secrets_for(DEVICE)? {
            if let (Some(device), Ok(digest)) = (named(&key, DEVICE), value.try_into()) {
                book.devices.insert(digest, device);
            }
        }
        for (_, value) in gate.secrets_for(SIGN_IN)? {
            if let Ok(kept) = serde_json::from_slice::<SignInKept>(&value) {
                book.sign_ins.insert(kept.device.clone(), kept);
            }
        }
        for (_, value) in gate.secrets_for(PIN)? {
            if let Ok(kept) = serde_json::from_slice::<PinKept>(&value) {
                book.pins.insert((kept.device.clone(), kept.staff.clone()), kept);
            }
        }
        Ok(book)
    }

    /// Returns a person's password, hashed.
    pub(crate) fn password(&self, staff: &StaffId) -> Option<&Hashed> {
        self.passwords.get(staff)
    }

    /// Returns the device that holds a token.
    pub(crate) fn device(&self, token: &str) -> Option<&DeviceId> {
        self.devices.get(digest(token).as_bytes())
    }

    /// Returns the sign-in at a device if the token is its own.
    pub(crate) fn sign_in(&self, device: &DeviceId, token: &str) -> Option<&SignInKept> {
        self.sign_ins.get(device).filter(|kept| is_of(&kept.token, token))
    }

    /// Returns a person's PIN at a device.
    pub(crate) fn pin(&self, device: &DeviceId, staff: &StaffId, day: Day) -> Option<Hashed> {
        let kept = self.pins.get(&(device.clone(), staff.clone())).filter(|kept| kept.day == day)?;
        Hashed::read(&kept.hashed)
    }

    /// Returns those who have a PIN at a device.
    pub(crate) fn pins_at(&self, device: &DeviceId, day: Day) -> Vec<StaffId> {
        let here = self.pins.values().filter(|kept| kept.device == *device && kept.day == day);
        here.map(|kept| kept.staff.clone()).collect()
    }

    /// Returns the changes that destroy the sign-ins and PINs that `are` true of.
    pub(crate) fn forget(&self, are: impl Fn(&DeviceId, &StaffId, Day) -> bool) -> Vec<SecretChange> {
        let sign_ins = self.sign_ins.values().filter(|kept| are(&kept.device, &kept.staff, kept.day));
        let pins = self.pins.values().filter(|kept| are(&kept.device, &kept.staff, kept.day));
        let sign_ins = sign_ins.map(|kept| gone(key(SIGN_IN, kept.device.as_str())));
        sign_ins.chain(pins.map(|kept| gone(pin_key(&kept.device, &kept.staff)))).collect()
    }
}

fn is_of(kept: &str, token: &str) -> bool {
    // Compared in constant time.
    Digest::from_hex(kept).is_ok_and(|kept| kept == digest(token))
}

/// Returns the change that keeps a person's password.
pub(crate) fn keep_password(staff: &StaffId, hashed: &Hashed) -> SecretChange {
    put(key(PASSWORD, staff.as_str()), PASSWORD, hashed.bytes())
}

/// Returns the change that destroys a person's password.
pub(crate) fn drop_password(staff: &StaffId) -> SecretChange {
    gone(key(PASSWORD, staff.as_str()))
}

/// Returns the change that keeps a device's token, in the stead of the one before.
pub(crate) fn keep_device(device: &DeviceId, token: &str) -> SecretChange {
    put(key(DEVICE, device.as_str()), DEVICE, digest(token).as_bytes().to_vec())
}

/// Returns the change that destroys a device's token.
pub(crate) fn drop_device(device: &DeviceId) -> SecretChange {
    gone(key(DEVICE, device.as_str()))
}

/// Returns the change that keeps a sign-in, in the stead of the one before at that device.
pub(crate) fn keep_sign_in(device: &DeviceId, (staff, day): (&StaffId, Day), token: &str) -> SecretChange {
    let token = digest(token).to_hex().to_string();
    let kept = SignInKept { token, device: device.clone(), staff: staff.clone(), day };
    put(key(SIGN_IN, device.as_str()), SIGN_IN, written(&kept))
}

/// Returns the change that destroys the sign-in at a device.
pub(crate) fn drop_sign_in(device: &DeviceId) -> SecretChange {
    gone(key(SIGN_IN, device.as_str()))
}

/// Returns the change that keeps a PIN, in the stead of the one before.
pub(crate) fn keep_pin(device: &DeviceId, (staff, day): (&StaffId, Day), hashed: &Hashed) -> SecretChange {
    let kept = PinKept { device: device.clone(), staff: staff.clone(), day, hashed: hashed.bytes() };
    put(pin_key(device, staff), PIN, written(&kept))
}

fn key(purpose: &str, name: &str) -> Vec<u8> {
    format!("{purpose}/{name}").into_bytes()
}

/// Device and person together may be too long for a secret's name.
fn pin_key(device: &DeviceId, staff: &StaffId) -> Vec<u8> {
    let both = digest(&format!("{device} {staff}")).to_hex();
    key(PIN, both.get(..32).unwrap_or_default())
}

fn named<T: std::str::FromStr>(key: &[u8], purpose: &str) -> Option<T> {
    std::str::from_utf8(key).ok()?.strip_prefix(purpose)?.strip_prefix('/')?.parse().ok()
}

fn written(kept: &impl Serialize) -> Vec<u8> {
    // Ids and dates cannot fail to be written; an empty secret would let nobody in.
    serde_json::to_vec(kept).unwrap_or_default()
}

fn put(key_id: Vec<u8>, purpose: &str, value: Vec<u8>) -> SecretChange {
    SecretChange::Put { key_id, purpose: purpose.to_owned(), value }
}

const fn gone(key_id: Vec<u8>) -> SecretChange {
    SecretChange::Delete { key_id }
}
