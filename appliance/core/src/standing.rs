//! The standing state: what stays true from day to day until somebody changes it.

pub mod history;

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::call::tariff::Tariff;
use crate::facts::Fact;
use crate::ids::{DeviceId, LineNo, PrinterId, RoomId, SessionId, StaffId};
use crate::people::{Pairing, Role, Staff};
use crate::settings::{Hours, Line, Printer, Room, Rules, Session, Site};
use crate::time::Day;
use crate::view::NumberFace;

/// Settings as the facts left them, and the i-message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The clinic.
    pub site: Site,
    /// Its lines.
    pub lines: BTreeMap<LineNo, Line>,
    /// Its rooms.
    pub rooms: BTreeMap<RoomId, Room>,
    /// Its calendar.
    pub hours: Hours,
    /// Its rules.
    pub rules: Rules,
    /// Its printers.
    pub printers: BTreeMap<PrinterId, Printer>,
    /// The tariffs of consultation calls, by the date from which reservations are rated by each.
    pub tariffs: BTreeMap<Day, Tariff>,
    /// The message to patients, if one stands.
    pub message: Option<String>,
    /// Who works here.
    pub staff: BTreeMap<StaffId, Staff>,
    /// The devices that may speak to this box over the network.
    pub devices: BTreeMap<DeviceId, Pairing>,
}

/// The kinds of fact that this fold reads: a start reads these of all time, and of others only today's.
pub const STANDING_KINDS: [&str; 16] = [
    "SiteSet",
    "LineSet",
    "LineRemoved",
    "RoomSet",
    "RoomRemoved",
    "HoursSet",
    "RulesSet",
    "PrinterSet",
    "PrinterRemoved",
    "TariffSet",
    "TariffRemoved",
    "MessageSet",
    "StaffSet",
    "StaffRemoved",
    "DevicePaired",
    "DeviceUnpaired",
];

impl Standing {
    /// Takes in the next fact in canonical order; facts of other kinds change nothing.
    #[expect(clippy::too_many_lines, reason = "one arm a kind of fact")]
    pub fn after(&mut self, fact: &Fact) {
        match fact {
            Fact::SiteSet(site) => self.site = site.clone(),
            Fact::LineSet(line) => {
                self.lines.insert(line.line, line.clone());
            }
            Fact::LineRemoved(gone) => {
                self.lines.remove(&gone.line);
            }
            Fact::RoomSet(room) => {
                self.rooms.insert(room.room.clone(), room.clone());
            }
            Fact::RoomRemoved(gone) => {
                self.rooms.remove(&gone.room);
            }
            Fact::HoursSet(hours) => self.hours = hours.clone(),
            Fact::RulesSet(rules) => self.rules = rules.clone(),
            Fact::PrinterSet(printer) => {
                self.printers.insert(printer.printer.clone(), printer.clone());
            }
            Fact::PrinterRemoved(gone) => {
                self.printers.remove(&gone.printer);
            }
            Fact::TariffSet(set) => {
                self.tariffs.insert(set.from, set.tariff.clone());
            }
            Fact::TariffRemoved(gone) => {
                self.tariffs.remove(&gone.from);
            }
            Fact::MessageSet(message) => {
                self.message = if message.text.is_empty() { None } else { Some(message.text.to_string()) };
            }
            Fact::StaffSet(staff) => {
                self.staff.insert(staff.staff.clone(), staff.clone());
            }
            Fact::StaffRemoved(gone) => {
                self.staff.remove(&gone.staff);
            }
            Fact::DevicePaired(pairing) => {
                self.devices.insert(pairing.device.clone(), pairing.clone());
            }
            Fact::DeviceUnpaired(gone) => {
                self.devices.remove(&gone.device);
            }
            Fact::JournalOpened(_)
            | Fact::DayOpened(_)
            | Fact::DayRedated(_)
            | Fact::LineOpened(_)
            | Fact::LineClosed(_)
            | Fact::LinePaused
            | Fact::LineResumed
            | Fact::NumbersJumped(_)
            | Fact::NumbersLeased(_)
            | Fact::TicketIssued(_)
            | Fact::Arrived(_)
            | Fact::Called(_)
            | Fact::NobodyCalled(_)
            | Fact::Recalled(_)
            | Fact::Entered(_)
            | Fact::MarkedAbsent(_)
            | Fact::Returned(_)
            | Fact::Finished(_)
            | Fact::Cancelled(_)
            | Fact::LeftLine(_)
            | Fact::Held(_)
            | Fact::Released(_)
            | Fact::Moved(_)
            | Fact::StageEntered(_)
            | Fact::Reordered(_)
            | Fact::FamilyJoined(_)
            | Fact::Undone(_)
            | Fact::PrintBegun(_)
            | Fact::PrintEnded(_)
            | Fact::PersonalErased(_)
            | Fact::CallConnected(_)
            | Fact::CallDisconnected(_)
            | Fact::SignedIn(_)
            | Fact::SignedOut(_)
            | Fact::SignInsEnded
            | Fact::TableReceived(_)
            | Fact::TableWithdrawn(_)
            | Fact::ItemReplaced(_)
            | Fact::TableApproved(_)
            | Fact::ApprovalWithdrawn(_)
            | Fact::ApprovalReopened(_)
            | Fact::ContentSet(_)
            | Fact::LeasesRenewed(_)
            | Fact::ContentWithdrawn(_)
            | Fact::ContentPrepared(_)
            | Fact::ContentQuarantined(_)
            | Fact::OwnAiringSet(_)
            | Fact::OwnAiringEnded(_)
            | Fact::UrgentNoticeSet(_)
            | Fact::UrgentNoticeWithdrawn
            | Fact::EmergencyBegun(_)
            | Fact::EmergencyEnded
            | Fact::MonitorHoursSet(_)
            | Fact::ItemSkipped(_)
            | Fact::AiringBegun(_)
            | Fact::AiringContinued(_)
            | Fact::AiringEnded(_)
            | Fact::HealthReported(_)
            | Fact::ReservationSet(_)
            | Fact::CallAssigned(_)
            | Fact::RecordingMarked(_)
            | Fact::CallWitnessed(_)
            | Fact::SupportOrdered(_)
            | Fact::SupportAnswered(_)
            | Fact::SupportBegun(_)
            | Fact::SupportReported(_)
            | Fact::Commissioned(_)
            | Fact::Unknown(_) => {}
        }
    }

    /// Returns the session of that id.
    #[must_use]
    pub fn session(&self, id: &SessionId) -> Option<&Session> {
        self.hours.sessions.iter().find(|session| session.session == *id)
    }

    /// Returns those who may change settings, staff and devices.
    pub fn managers(&self) -> impl Iterator<Item = &Staff> {
        self.staff.values().filter(|staff| staff.role == Role::Manager)
    }

    /// Returns how many rooms call patients of a line.
    #[must_use]
    pub fn n_rooms_of(&self, line: LineNo) -> usize {
        self.rooms.values().filter(|room| room.lines.contains(&line)).count()
    }

    /// Returns the rooms in door order.
    #[must_use]
    pub fn rooms_in_order(&self) -> Vec<&Room> {
        let mut rooms: Vec<&Room> = self.rooms.values().collect();
        rooms.sort_by(|a, b| (a.order, &a.room).cmp(&(b.order, &b.room)));
        rooms
    }

    /// Returns the face in which the longest label of any line can be set, so that no board mixes two.
    #[must_use]
    pub fn number_face(&self) -> NumberFace {
        let letters = |line: &Line| !line.prefix.is_empty() || line.last_number.0 > 999 || line.figures > 3;
        if self.lines.values().any(letters) { NumberFace::Letters } else { NumberFace::Figures }
    }
}
