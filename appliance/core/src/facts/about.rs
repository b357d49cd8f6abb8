//! What can be said of any fact without folding it.

use core::slice;

use super::{Fact, LineRemoved, PrinterRemoved, RoomRemoved};
use crate::call::told::{TariffRemoved, TariffSet};
use crate::ids::VisitId;
use crate::settings::{Line, Place, Printer, Room};

impl Fact {
    /// Returns the kind's name, as it stands in JSON.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm a kind of fact")]
    pub fn kind(&self) -> &str {
        match self {
            Self::JournalOpened(_) => "JournalOpened",
            Self::SiteSet(_) => "SiteSet",
            Self::LineSet(_) => "LineSet",
            Self::LineRemoved(_) => "LineRemoved",
            Self::RoomSet(_) => "RoomSet",
            Self::RoomRemoved(_) => "RoomRemoved",
            Self::HoursSet(_) => "HoursSet",
            Self::RulesSet(_) => "RulesSet",
            Self::PrinterSet(_) => "PrinterSet",
            Self::PrinterRemoved(_) => "PrinterRemoved",
            Self::DayOpened(_) => "DayOpened",
            Self::DayRedated(_) => "DayRedated",
            Self::LineOpened(_) => "LineOpened",
            Self::LineClosed(_) => "LineClosed",
            Self::LinePaused => "LinePaused",
            Self::LineResumed => "LineResumed",
            Self::NumbersJumped(_) => "NumbersJumped",
            Self::NumbersLeased(_) => "NumbersLeased",
            Self::MessageSet(_) => "MessageSet",
            Self::TicketIssued(_) => "TicketIssued",
            Self::Arrived(_) => "Arrived",
            Self::Called(_) => "Called",
            Self::NobodyCalled(_) => "NobodyCalled",
            Self::Recalled(_) => "Recalled",
            Self::Entered(_) => "Entered",
            Self::MarkedAbsent(_) => "MarkedAbsent",
            Self::Returned(_) => "Returned",
            Self::Finished(_) => "Finished",
            Self::Cancelled(_) => "Cancelled",
            Self::LeftLine(_) => "LeftLine",
            Self::Held(_) => "Held",
            Self::Released(_) => "Released",
            Self::Moved(_) => "Moved",
            Self::StageEntered(_) => "StageEntered",
            Self::Reordered(_) => "Reordered",
            Self::FamilyJoined(_) => "FamilyJoined",
            Self::Undone(_) => "Undone",
            Self::PrintBegun(_) => "PrintBegun",
            Self::PrintEnded(_) => "PrintEnded",
            Self::PersonalErased(_) => "PersonalErased",
            Self::CallConnected(_) => "CallConnected",
            Self::CallDisconnected(_) => "CallDisconnected",
            Self::StaffSet(_) => "StaffSet",
            Self::StaffRemoved(_) => "StaffRemoved",
            Self::DevicePaired(_) => "DevicePaired",
            Self::DeviceUnpaired(_) => "DeviceUnpaired",
            Self::SignedIn(_) => "SignedIn",
            Self::SignedOut(_) => "SignedOut",
            Self::SignInsEnded => "SignInsEnded",
            Self::TableReceived(_) => "TableReceived",
            Self::TableWithdrawn(_) => "TableWithdrawn",
            Self::ItemReplaced(_) => "ItemReplaced",
            Self::TableApproved(_) => "TableApproved",
            Self::ApprovalWithdrawn(_) => "ApprovalWithdrawn",
            Self::ApprovalReopened(_) => "ApprovalReopened",
            Self::ContentSet(_) => "ContentSet",
            Self::LeasesRenewed(_) => "LeasesRenewed",
            Self::ContentWithdrawn(_) => "ContentWithdrawn",
            Self::ContentPrepared(_) => "ContentPrepared",
            Self::ContentQuarantined(_) => "ContentQuarantined",
            Self::OwnAiringSet(_) => "OwnAiringSet",
            Self::OwnAiringEnded(_) => "OwnAiringEnded",
            Self::UrgentNoticeSet(_) => "UrgentNoticeSet",
            Self::UrgentNoticeWithdrawn => "UrgentNoticeWithdrawn",
            Self::EmergencyBegun(_) => "EmergencyBegun",
            Self::EmergencyEnded => "EmergencyEnded",
            Self::MonitorHoursSet(_) => "MonitorHoursSet",
            Self::ItemSkipped(_) => "ItemSkipped",
            Self::AiringBegun(_) => "AiringBegun",
            Self::AiringContinued(_) => "AiringContinued",
            Self::AiringEnded(_) => "AiringEnded",
            Self::HealthReported(_) => "HealthReported",
            Self::ReservationSet(_) => "ReservationSet",
            Self::CallAssigned(_) => "CallAssigned",
            Self::RecordingMarked(_) => "RecordingMarked",
            Self::TariffSet(_) => "TariffSet",
            Self::CallWitnessed(_) => "CallWitnessed",
            Self::SupportOrdered(_) => "SupportOrdered",
            Self::SupportAnswered(_) => "SupportAnswered",
            Self::SupportBegun(_) => "SupportBegun",
            Self::SupportReported(_) => "SupportReported",
            Self::Commissioned(_) => "Commissioned",
            Self::TariffRemoved(_) => "TariffRemoved",
            Self::Unknown(unknown) => &unknown.kind,
        }
    }

    /// Whether the fact sets what a clinic decides once: all that the settings document holds.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        self.sets().is_some()
    }

    /// Returns the part of the settings that the fact replaces; none for facts that set nothing.
    #[must_use]
    pub fn sets(&self) -> Option<Place> {
        if let Self::LineSet(Line { line, .. }) | Self::LineRemoved(LineRemoved { line }) = self {
            return Some(Place::Line(*line));
        }
        if let Self::RoomSet(Room { room, .. }) | Self::RoomRemoved(RoomRemoved { room }) = self {
            return Some(Place::Room(room.clone()));
        }
        if let Self::PrinterSet(Printer { printer, .. }) | Self::PrinterRemoved(PrinterRemoved { printer }) = self {
            return Some(Place::Printer(printer.clone()));
        }
        if let Self::TariffSet(TariffSet { from, .. }) | Self::TariffRemoved(TariffRemoved { from }) = self {
            return Some(Place::Tariff(*from));
        }
        let whole = [
            (matches!(self, Self::SiteSet(_)), Place::Site),
            (matches!(self, Self::HoursSet(_)), Place::Hours),
            (matches!(self, Self::RulesSet(_)), Place::Rules),
        ];
        whole.into_iter().find(|(is_it, _)| *is_it).map(|(_, place)| place)
    }

    /// Returns the visits that the fact is about; none for settings, lines and what an undo names by its acts.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one arm a kind of fact")]
    pub fn visits(&self) -> &[VisitId] {
        match self {
            Self::TicketIssued(fact) => slice::from_ref(&fact.visit),
            Self::Arrived(fact) => slice::from_ref(&fact.visit),
            Self::Called(fact)
            | Self::Recalled(fact)
            | Self::Entered(fact)
            | Self::MarkedAbsent(fact)
            | Self::Finished(fact) => &fact.visits,
            Self::Returned(fact) | Self::Released(fact) | Self::Reordered(fact) => slice::from_ref(&fact.visit),
            Self::Cancelled(fact) => slice::from_ref(&fact.visit),
            Self::Held(fact) | Self::LeftLine(fact) => slice::from_ref(&fact.visit),
            Self::Moved(fact) | Self::StageEntered(fact) => slice::from_ref(&fact.visit),
            Self::FamilyJoined(fact) => &fact.visits,
            Self::PrintBegun(fact) => slice::from_ref(&fact.visit),
            Self::PrintEnded(fact) => slice::from_ref(&fact.visit),
            Self::PersonalErased(fact) => &fact.visits,
            Self::JournalOpened(_)
            | Self::SiteSet(_)
            | Self::LineSet(_)
            | Self::LineRemoved(_)
            | Self::RoomSet(_)
            | Self::RoomRemoved(_)
            | Self::HoursSet(_)
            | Self::RulesSet(_)
            | Self::PrinterSet(_)
            | Self::PrinterRemoved(_)
            | Self::DayOpened(_)
            | Self::DayRedated(_)
            | Self::LineOpened(_)
            | Self::LineClosed(_)
            | Self::LinePaused
            | Self::LineResumed
            | Self::NumbersJumped(_)
            | Self::NumbersLeased(_)
            | Self::MessageSet(_)
            | Self::NobodyCalled(_)
            | Self::Undone(_)
            | Self::CallConnected(_)
            | Self::CallDisconnected(_)
            | Self::StaffSet(_)
            | Self::StaffRemoved(_)
            | Self::DevicePaired(_)
            | Self::DeviceUnpaired(_)
            | Self::SignedIn(_)
            | Self::SignedOut(_)
            | Self::SignInsEnded
            | Self::TableReceived(_)
            | Self::TableWithdrawn(_)
            | Self::ItemReplaced(_)
            | Self::TableApproved(_)
            | Self::ApprovalWithdrawn(_)
            | Self::ApprovalReopened(_)
            | Self::ContentSet(_)
            | Self::LeasesRenewed(_)
            | Self::ContentWithdrawn(_)
            | Self::ContentPrepared(_)
            | Self::ContentQuarantined(_)
            | Self::OwnAiringSet(_)
            | Self::OwnAiringEnded(_)
            | Self::UrgentNoticeSet(_)
            | Self::UrgentNoticeWithdrawn
            | Self::EmergencyBegun(_)
            | Self::EmergencyEnded
            | Self::MonitorHoursSet(_)
            | Self::ItemSkipped(_)
            | Self::AiringBegun(_)
            | Self::AiringContinued(_)
            | Self::AiringEnded(_)
            | Self::HealthReported(_)
            | Self::ReservationSet(_)
            | Self::CallAssigned(_)
            | Self::RecordingMarked(_)
            | Self::TariffSet(_)
            | Self::CallWitnessed(_)
            | Self::SupportOrdered(_)
            | Self::SupportAnswered(_)
            | Self::SupportBegun(_)
            | Self::SupportReported(_)
            | Self::Commissioned(_)
            | Self::TariffRemoved(_)
            | Self::Unknown(_) => &[],
        }
    }
}
