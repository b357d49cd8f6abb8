//! Who a request comes from, as its connection and cookies prove it: headers that anybody can write do not count.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode};
use machiai_core::envelope::By;
use machiai_core::ids::DeviceId;
use machiai_core::people::{DeviceKind, Pairing, Role, Staff};
use machiai_core::time::Day;

use super::cookies::Cookie;
use crate::app::App;
use crate::problem::Problem;

/// By which door a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Loopback: the box itself.
    Box,
    /// The clinic's network, over TLS.
    Lan,
}

/// The address of the network that a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Who a request comes from.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// By which door.
    pub(crate) via: Via,
    /// The paired device; none at the box.
    pub(crate) pairing: Option<Pairing>,
    /// Who is signed in.
    pub(crate) person: Option<Staff>,
}

impl Caller {
    /// Reads who a request comes from.
    pub(crate) fn read(app: &App, via: Via, headers: &HeaderMap) -> Self {
        let pairing = match via {
            Via::Box => None,
            Via::Lan => paired(app, headers),
        };
        let mut caller = Self { via, pairing, person: None };
        caller.person = caller.device().and_then(|device| person(app, via, &device, headers));
        caller
    }

    /// Returns the device at which somebody signs in; none on the network before it is paired.
    pub(crate) fn device(&self) -> Option<DeviceId> {
        match self.via {
            Via::Box => "box".parse().ok(),
            Via::Lan => self.pairing.as_ref().map(|pairing| pairing.device.clone()),
        }
    }

    /// Returns what the device is for.
    pub(crate) fn kind(&self) -> Option<DeviceKind> {
        self.pairing.as_ref().map(|pairing| pairing.kind)
    }

    /// Returns what the person may do.
    pub(crate) fn role(&self) -> Option<Role> {
        self.person.as_ref().map(|person| person.role)
    }

    /// Whether names, telephone numbers and notes may be shown.
    pub(crate) fn may_read_personal(&self) -> bool {
        match self.via {
            Via::Box => true,
            Via::Lan => self.kind() == Some(DeviceKind::Desk) && self.person.is_some(),
        }
    }

    /// Returns who acts; at the box the device is the one that a command names, on the network the paired one.
    pub(crate) fn by(&self, named: Option<DeviceId>) -> Option<By> {
        let device = match self.via {
            Via::Box => named,
            Via::Lan => self.device(),
        };
        let person = self.person.as_ref().map(|person| person.staff.to_string());
        device.map(|device| By { device, person })
    }
}

fn paired(app: &App, headers: &HeaderMap) -> Option<Pairing> {
    let token = Cookie::Device.read(Via::Lan, headers)?;
    let device = app.access.book(|book| book.device(&token).cloned())?;
    app.gate.read(|clinic| clinic.standing.devices.get(&device).cloned())
}

fn person(app: &App, via: Via, device: &DeviceId, headers: &HeaderMap) -> Option<Staff> {
    let token = Cookie::Person.read(via, headers)?;
    let kept = app.access.book(|book| book.sign_in(device, &token).cloned())?;
    if kept.day != today(app) {
        return None;
    }
    app.gate.read(|clinic| clinic.standing.staff.get(&kept.staff).cloned())
}

/// Returns the business day for which somebody signs in.
pub(crate) fn today(app: &App) -> Day {
    let (now, _) = app.gate.clock.now();
    app.gate.read(|clinic| clinic.standing.rules.day_at(now))
}

/// Makes the one answer that a device which is not paired gets to everything.
pub(crate) fn not_paired(app: &App) -> Problem {
    Problem::request(app.panel.words(), StatusCode::UNAUTHORIZED, "not_paired", None)
}
