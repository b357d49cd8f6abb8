//! Golden lines of every kind of fact, version 1: each reads to the same value for ever, and is written to the same
//! bytes. The file is never edited while the version is supported; new kinds and fields get new lines.

mod calls;
mod program;
mod samples;
mod support;

use std::collections::BTreeSet;

use machiai_core::envelope::Envelope;
use machiai_core::facts::{Fact, UnknownFact};
use machiai_core::queue::Clinic;

use samples::{head, samples};

const GOLDEN: &str = include_str!("../golden/facts-v1.ndjson");

/// Lines that a newer version wrote: kinds and fields that this one does not know.
const NEWER: &str = include_str!("../golden/facts-newer.ndjson");

#[test]
fn every_golden_line_reads_to_its_value_and_is_written_to_its_bytes() {
    let expected = samples();
    assert_eq!(GOLDEN.lines().count(), expected.len());
    for (nth, (line, fact)) in GOLDEN.lines().zip(expected).enumerate() {
        let envelope = Envelope { head: head(nth), fact };
        assert_eq!(Envelope::read(line.as_bytes()).unwrap(), envelope, "line {nth}: {line}");
        assert_eq!(String::from_utf8(envelope.write().unwrap()).unwrap(), line, "line {nth}");
    }
}

/// Numbers the kinds; a new one does not compile until it is numbered, and then needs a golden line.
#[rustfmt::skip]
const fn nth_kind(fact: &Fact) -> usize {
    match fact {
        Fact::JournalOpened(_) => 0, Fact::SiteSet(_) => 1, Fact::LineSet(_) => 2, Fact::LineRemoved(_) => 3,
        Fact::RoomSet(_) => 4, Fact::RoomRemoved(_) => 5, Fact::HoursSet(_) => 6, Fact::RulesSet(_) => 7,
        Fact::PrinterSet(_) => 8, Fact::PrinterRemoved(_) => 9, Fact::DayOpened(_) => 10, Fact::DayRedated(_) => 11,
        Fact::LineOpened(_) => 12, Fact::LineClosed(_) => 13, Fact::LinePaused => 14, Fact::LineResumed => 15,
        Fact::NumbersJumped(_) => 16, Fact::MessageSet(_) => 17, Fact::TicketIssued(_) => 18, Fact::Arrived(_) => 19,
        Fact::Called(_) => 20, Fact::NobodyCalled(_) => 21, Fact::Recalled(_) => 22, Fact::Entered(_) => 23,
        Fact::MarkedAbsent(_) => 24, Fact::Returned(_) => 25, Fact::Finished(_) => 26, Fact::Cancelled(_) => 27,
        Fact::Held(_) => 28, Fact::Released(_) => 29, Fact::Moved(_) => 30, Fact::StageEntered(_) => 31,
        Fact::Reordered(_) => 32, Fact::FamilyJoined(_) => 33, Fact::Undone(_) => 34, Fact::PrintBegun(_) => 35,
        Fact::PrintEnded(_) => 36, Fact::PersonalErased(_) => 37, Fact::CallConnected(_) => 38,
        Fact::CallDisconnected(_) => 39, Fact::Unknown(_) => 40, Fact::StaffSet(_) => 41, Fact::StaffRemoved(_) => 42,
        Fact::DevicePaired(_) => 43, Fact::DeviceUnpaired(_) => 44, Fact::SignedIn(_) => 45, Fact::SignedOut(_) => 46,
        Fact::SignInsEnded => 47,
        Fact::TableReceived(_) => 48, Fact::TableWithdrawn(_) => 49, Fact::ItemReplaced(_) => 50,
        Fact::TableApproved(_) => 51, Fact::ApprovalWithdrawn(_) => 52, Fact::ApprovalReopened(_) => 53,
        Fact::ContentSet(_) => 54, Fact::LeasesRenewed(_) => 55, Fact::ContentWithdrawn(_) => 56,
        Fact::ContentPrepared(_) => 57, Fact::ContentQuarantined(_) => 58, Fact::OwnAiringSet(_) => 59,
        Fact::OwnAiringEnded(_) => 60, Fact::UrgentNoticeSet(_) => 61, Fact::UrgentNoticeWithdrawn => 62,
        Fact::EmergencyBegun(_) => 63, Fact::EmergencyEnded => 64, Fact::MonitorHoursSet(_) => 65,
        Fact::ItemSkipped(_) => 66, Fact::AiringBegun(_) => 67, Fact::AiringContinued(_) => 68,
        Fact::AiringEnded(_) => 69, Fact::NumbersLeased(_) => 70, Fact::LeftLine(_) => 71,
        Fact::HealthReported(_) => 72,
        Fact::ReservationSet(_) => 73, Fact::CallAssigned(_) => 74, Fact::RecordingMarked(_) => 75,
        Fact::TariffSet(_) => 76, Fact::CallWitnessed(_) => 77,
        Fact::SupportOrdered(_) => 78, Fact::SupportAnswered(_) => 79, Fact::SupportBegun(_) => 80,
        Fact::SupportReported(_) => 81,
        Fact::TariffRemoved(_) => 82,
        Fact::Commissioned(_) => 83,
    }
}

#[test]
fn every_kind_has_a_golden_line() {
    let lines = GOLDEN.lines().chain(NEWER.lines());
    let facts = lines.map(|line| Envelope::read(line.as_bytes()).unwrap().fact);
    let kinds: BTreeSet<usize> = facts.map(|fact| nth_kind(&fact)).collect();
    assert_eq!(kinds, (0..=83).collect());
}

#[test]
fn the_name_of_a_kind_is_the_one_in_json() {
    for (line, fact) in GOLDEN.lines().zip(samples()) {
        assert!(line.contains(&format!("\"kind\":\"{}\"", fact.kind())), "{line}");
    }
}

#[test]
fn what_a_newer_version_wrote_is_read_as_far_as_it_is_known() {
    let read: Vec<Envelope> = NEWER.lines().map(|line| Envelope::read(line.as_bytes()).unwrap()).collect();
    let unknown = |kind: &str| Fact::Unknown(UnknownFact { kind: kind.to_string() });
    assert_eq!(read[0].fact, unknown("LampLit"));
    assert_eq!(read[1].fact, unknown("Moved"), "a known kind with another shape");
    assert!(matches!(&read[2].fact, Fact::TicketIssued(ticket) if ticket.label.as_str() == "A012"), "{:?}", read[2]);
    assert!(
        matches!(&read[3].fact, Fact::LineSet(line) if line.name.ja == "内科" && line.minutes == 7),
        "{:?}",
        read[3]
    );
    assert!(matches!(&read[4].fact, Fact::HoursSet(hours) if hours.sessions.len() == 1), "{:?}", read[4]);
    assert!(read[0].write().is_err(), "an unknown fact is passed on by its bytes alone");
}

#[test]
fn what_a_newer_version_wrote_leaves_remarks_and_no_harm() {
    let mut clinic = Clinic::default();
    for line in GOLDEN.lines().chain(NEWER.lines()) {
        clinic.after(&Envelope::read(line.as_bytes()).unwrap());
    }
    assert_eq!(clinic.standing.lines.len(), 1);
    let written = serde_json::to_string(&clinic).unwrap();
    assert_eq!(serde_json::from_str::<Clinic>(&written).unwrap(), clinic);
}
