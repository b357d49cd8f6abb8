//! Staff, devices and who is signed in where. Whether a password, PIN or code was right is not decided here: whoever
//! asks has proved it, or acts at the box itself.

use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::Draft;
use crate::envelope::By;
use crate::facts::Fact;
use crate::ids::{DeviceId, PlaceId, StaffId};
use crate::people::{DeviceKind, Means, OfDevice, OfStaff, Pairing, Role, SignedIn, SignedOut, Staff};
use crate::queue::Clinic;
use crate::refusal::{Refusal, RefusalCode};

/// The longest name of a member of staff, in characters: it stands in a desk's bar.
const MAX_NAME_CHARS: usize = 20;

/// The most people a clinic's box knows.
const MAX_STAFF: usize = 200;

/// The most devices a clinic pairs.
const MAX_DEVICES: usize = 100;

/// The counter that is no room.
const RECEPTION: &str = "reception";

/// Decides a new member of staff, or another name or role.
pub(super) fn set(clinic: &Clinic, staff: &Staff) -> Result<Vec<Draft>, Refusal> {
    let name = staff.name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"name"));
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(Refusal::new(RefusalCode::TooLong).with("field", &"name").with("most", &MAX_NAME_CHARS));
    }
    let known = &clinic.standing.staff;
    if !known.contains_key(&staff.staff) && known.len() >= MAX_STAFF {
        return Err(Refusal::new(RefusalCode::TooMany).with("most", &MAX_STAFF));
    }
    if staff.role != Role::Manager {
        refuse_without_manager(clinic, &staff.staff)?;
    }
    let staff = Staff { name: name.to_string(), ..staff.clone() };
    Ok(vec![Draft::of_site(Fact::StaffSet(staff))])
}

/// Decides that a member of staff leaves.
pub(super) fn remove(clinic: &Clinic, staff: &StaffId) -> Result<Vec<Draft>, Refusal> {
    refuse_unknown(clinic, staff)?;
    refuse_without_manager(clinic, staff)?;
    Ok(vec![Draft::of_site(Fact::StaffRemoved(OfStaff { staff: staff.clone() }))])
}

/// Decides a pairing.
pub(super) fn pair(clinic: &Clinic, kind: DeviceKind, place: &PlaceId) -> Result<Vec<Draft>, Refusal> {
    Ok(vec![Draft::of_site(Fact::DevicePaired(may_pair(clinic, kind, place)?))])
}

/// Returns the device that would be paired: a desk stands in a room or at reception, a kiosk or board anywhere.
///
/// # Errors
/// A [`Refusal`]: no such room, too long a name, or too many devices.
pub fn may_pair(clinic: &Clinic, kind: DeviceKind, place: &PlaceId) -> Result<Pairing, Refusal> {
    let Some(pairing) = Pairing::of(kind, place) else {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"place"));
    };
    let counter = pairing.counter();
    let is_room = clinic.standing.rooms.keys().any(|room| room.as_str() == counter);
    if kind == DeviceKind::Desk && counter != RECEPTION && !is_room {
        return Err(Refusal::new(RefusalCode::UnknownRoom).with("room", &counter));
    }
    let known = &clinic.standing.devices;
    if !known.contains_key(&pairing.device) && known.len() >= MAX_DEVICES {
        return Err(Refusal::new(RefusalCode::TooMany).with("most", &MAX_DEVICES));
    }
    Ok(pairing)
}

/// Decides that a device is paired no longer.
pub(super) fn unpair(clinic: &Clinic, device: &DeviceId) -> Result<Vec<Draft>, Refusal> {
    if !clinic.standing.devices.contains_key(device) {
        return Err(Refusal::new(RefusalCode::UnknownDevice).with("device", device));
    }
    Ok(vec![Draft::of_site(Fact::DeviceUnpaired(OfDevice { device: device.clone() }))])
}

/// Decides a sign-in; whoever was signed in at the device before is signed out by it.
pub(super) fn sign_in(
    clinic: &Clinic,
    (staff, means): (&StaffId, Means),
    before: Option<&StaffId>,
    by: &By,
) -> Result<Vec<Draft>, Refusal> {
    refuse_unknown(clinic, staff)?;
    let device = by.device.clone();
    let before = before.filter(|before| *before != staff).cloned();
    let out = before.map(|staff| Fact::SignedOut(SignedOut { staff, device: device.clone() }));
    let signed_in = Fact::SignedIn(SignedIn { staff: staff.clone(), device, means });
    Ok(out.into_iter().chain([signed_in]).map(Draft::of_site).collect())
}

/// Decides a sign-out.
pub(super) fn sign_out(clinic: &Clinic, staff: &StaffId, by: &By) -> Result<Vec<Draft>, Refusal> {
    refuse_unknown(clinic, staff)?;
    let out = SignedOut { staff: staff.clone(), device: by.device.clone() };
    Ok(vec![Draft::of_site(Fact::SignedOut(out))])
}

fn refuse_unknown(clinic: &Clinic, staff: &StaffId) -> Result<(), Refusal> {
    if clinic.standing.staff.contains_key(staff) {
        return Ok(());
    }
    Err(Refusal::new(RefusalCode::UnknownStaff).with("staff", staff))
}

/// Somebody must be left who can change settings.
fn refuse_without_manager(clinic: &Clinic, without: &StaffId) -> Result<(), Refusal> {
    let mut managers = clinic.standing.managers().map(|staff| &staff.staff);
    let is_last = managers.next() == Some(without) && managers.next().is_none();
    if is_last { Err(Refusal::new(RefusalCode::LastManager).with("staff", without)) } else { Ok(()) }
}
