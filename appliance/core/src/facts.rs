//! Every kind of fact, in the past tense.
//!
//! Kinds and fields are only ever added, and a meaning never changes under a name. What a patient said or is called
//! stands here only sealed. Golden lines of every kind are kept in `tests/golden/facts-v1.ndjson`.

mod about;
mod numbers;

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use numbers::{Gap, GapReason, JumpReason, Lease, NumbersJumped, NumbersLeased};

use crate::call::told::{CallAssigned, CallEnd, CallWitnessed, RecordingMarked, Reservation, TariffRemoved, TariffSet};
use crate::health::HealthReported;
use crate::ids::{FactId, KeyId, Label, LineNo, Number, PrinterId, RoomId, SessionId, VisitId};
use crate::people::{OfDevice, OfStaff, Pairing, SignedIn, SignedOut, Staff};
use crate::program::as_run::{AiringBegun, AiringContinued, AiringEnded, ItemSkipped};
use crate::program::content::{Content, ContentQuarantined, LeasesRenewed, OfContent, OwnAiring};
use crate::program::table::{
    ApprovalReopened, EmergencyBegun, ItemReplaced, MonitorHours, OfTable, Table, TableApproved, UrgentNotice,
};
use crate::seal::Sealed;
use crate::settings::{Hours, Line, Printer, Room, Rules, Site};
use crate::support::commission::Commissioned;
use crate::support::{SupportAnswered, SupportBegun, SupportOrdered, SupportReported};
use crate::time::{AtMs, Day};

/// What happened. In JSON: `"kind"` names it and `"body"` holds its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body")]
pub enum Fact {
    /// The journal was opened for writing.
    JournalOpened(JournalOpened),

    /// The clinic's name, address and looks were set.
    SiteSet(Site),
    /// A line was added or changed.
    LineSet(Line),
    /// A line was taken out of service; its numbers stay taken.
    LineRemoved(LineRemoved),
    /// A room was added or changed.
    RoomSet(Room),
    /// A room was taken out of service.
    RoomRemoved(RoomRemoved),
    /// Sessions, weekly hours and closures were set.
    HoursSet(Hours),
    /// The rules of the queue were set.
    RulesSet(Rules),
    /// A printer was added or changed.
    PrinterSet(Printer),
    /// A printer was taken out of service.
    PrinterRemoved(PrinterRemoved),

    /// A business day began; who was left from the day before is named.
    DayOpened(DayOpened),
    /// The running business day got another date, because the clock had been wrong.
    DayRedated(DayRedated),
    /// Reception of a line opened for a session.
    LineOpened(LineOpened),
    /// Reception of a line closed.
    LineClosed(LineClosed),
    /// Consultation in a line paused: estimates stop.
    LinePaused,
    /// Consultation in a line went on.
    LineResumed,
    /// Numbering of a line jumped ahead.
    NumbersJumped(NumbersJumped),
    /// Numbers of a line were set apart for the hub, which alone gives them from now on.
    NumbersLeased(NumbersLeased),
    /// The clinic's short message to patients (i-message) was set, or withdrawn when empty.
    MessageSet(MessageSet),

    /// A number was given to a patient.
    TicketIssued(TicketIssued),
    /// The holder of a remote or booked ticket came in.
    Arrived(Arrived),
    /// Patients were called to a room.
    Called(Called),
    /// A room called the next, and nobody was waiting.
    NobodyCalled(InRoom),
    /// Patients already called were called again.
    Recalled(Called),
    /// Patients went into the room.
    Entered(Called),
    /// Called patients did not come.
    MarkedAbsent(Called),
    /// An absent patient came back and got a place.
    Returned(Placed),
    /// Patients were done in a room.
    Finished(Called),
    /// A visit was cancelled.
    Cancelled(Cancelled),
    /// The holder of a ticket left the line from afar; it counts only for who is not called yet.
    LeftLine(OfVisit),
    /// A waiting patient was set aside.
    Held(OfVisit),
    /// A patient set aside got a place again.
    Released(Placed),
    /// A visit was moved to another line, as having been received in the wrong one.
    Moved(MovedTo),
    /// A visit went on to its next stage in another line: a test, a second consultation, payment.
    StageEntered(MovedTo),
    /// A waiting patient got another place.
    Reordered(Placed),
    /// Tickets were joined into one family, to be called together.
    FamilyJoined(FamilyJoined),
    /// Earlier acts were undone.
    Undone(Undone),

    /// An attempt to print began; without an end it is unconfirmed.
    PrintBegun(PrintBegun),
    /// An attempt to print ended.
    PrintEnded(PrintEnded),

    /// A visit's personal data was erased: its keys are destroyed.
    PersonalErased(PersonalErased),

    /// The clinic's side of a video consultation connected.
    CallConnected(CallEnd),
    /// The clinic's side of a video consultation disconnected.
    CallDisconnected(CallEnd),

    /// A member of staff was added or changed.
    StaffSet(Staff),
    /// A member of staff left.
    StaffRemoved(OfStaff),
    /// A device was paired to a place, in the stead of the one that stood there.
    DevicePaired(Pairing),
    /// A device may speak to this box no longer.
    DeviceUnpaired(OfDevice),
    /// Somebody signed in.
    SignedIn(SignedIn),
    /// Somebody signed out.
    SignedOut(SignedOut),
    /// Everybody was signed out everywhere.
    SignInsEnded,

    /// A program table of the vendor's, or a revision of one, came; its time is that at which the hub or the box
    /// wrote it, never one that the vendor says.
    TableReceived(Table),
    /// The vendor withdrew a program table.
    TableWithdrawn(OfTable),
    /// The clinic put other content in an item's stead, to be approved with its table.
    ItemReplaced(ItemReplaced),
    /// The clinic approved a program table.
    TableApproved(TableApproved),
    /// The clinic took an approval back.
    ApprovalWithdrawn(OfTable),
    /// The vendor lets a table be approved until another deadline.
    ApprovalReopened(ApprovalReopened),
    /// A piece of content was described, by the vendor or the clinic.
    ContentSet(Content),
    /// The vendor said that content may go on airing.
    LeasesRenewed(LeasesRenewed),
    /// The vendor, or the clinic for its own, withdrew a piece of content.
    ContentWithdrawn(OfContent),
    /// A piece of content was made ready to be played on this machine.
    ContentPrepared(OfContent),
    /// A piece of content could not be played and is set aside.
    ContentQuarantined(ContentQuarantined),
    /// The clinic gave content of its own an airing period.
    OwnAiringSet(OwnAiring),
    /// The clinic took the airing period of its content back.
    OwnAiringEnded(OfContent),
    /// An urgent notice stands before everything that airs.
    UrgentNoticeSet(UrgentNotice),
    /// The urgent notice was withdrawn.
    UrgentNoticeWithdrawn,
    /// An emergency took the screen over.
    EmergencyBegun(EmergencyBegun),
    /// The emergency is over.
    EmergencyEnded,
    /// How long before and after hours the monitor is lit was set.
    MonitorHoursSet(MonitorHours),
    /// An item of the running slot could not air; once a day and item.
    ItemSkipped(ItemSkipped),
    /// A piece of content began to air.
    AiringBegun(AiringBegun),
    /// A piece of content that airs was seen to go on.
    AiringContinued(AiringContinued),
    /// A piece of content ended airing.
    AiringEnded(AiringEnded),

    /// The box told how it does, in coarse values, because one of them changed.
    HealthReported(HealthReported),
    /// A reservation of a video consultation was made, moved or cancelled.
    ReservationSet(Reservation),
    /// A connection without a reservation was given to one, or taken from it.
    CallAssigned(CallAssigned),
    /// A call's recording started, paused or stopped.
    RecordingMarked(RecordingMarked),
    /// The tariff of calls was set.
    TariffSet(TariffSet),
    /// The vendor of the video product told what it saw of a call.
    CallWitnessed(CallWitnessed),
    /// The tariff that was set from a date on is taken back: the one before it goes on.
    TariffRemoved(TariffRemoved),

    /// An operator ordered something of the box, as the signed text says.
    SupportOrdered(SupportOrdered),
    /// The clinic said something to an order.
    SupportAnswered(SupportAnswered),
    /// The box began to carry an order out; without a report nobody knows how it ended.
    SupportBegun(SupportBegun),
    /// The box told what came of an order.
    SupportReported(SupportReported),
    /// The site was accepted on its real devices, as whoever installed it signed.
    Commissioned(Commissioned),

    /// A kind that this version does not know: kept and passed on by its bytes.
    #[serde(skip)]
    Unknown(UnknownFact),
}

/// What can be told of a fact of an unknown kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownFact {
    /// Its kind.
    pub kind: String,
}

/// Why a journal's opening was not an ordinary one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenedAfter {
    /// There was no journal before.
    Nothing,
    /// The journal had been closed or its process had ended.
    Run,
    /// The journal came from a backup: numbers given since may be unknown.
    Restore,
    /// This box has taken another one's place, and its facts came from the hub: numbers that the other one gave and did
    /// not send are unknown.
    Replacement,
    /// The journal was damaged and set aside; this one came from the last backup, or is new.
    Damage,
}

/// See [`Fact::JournalOpened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalOpened {
    /// Version of the program.
    pub version: String,
    /// What came before.
    pub after: OpenedAfter,
}

/// See [`Fact::LineRemoved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineRemoved {
    /// Which.
    pub line: LineNo,
}

/// See [`Fact::RoomRemoved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRemoved {
    /// Which.
    pub room: RoomId,
}

/// See [`Fact::PrinterRemoved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterRemoved {
    /// Which.
    pub printer: PrinterId,
}

/// See [`Fact::DayOpened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayOpened {
    /// The date on which it began, in Asia/Tokyo.
    pub day: Day,
    /// Visits of the day before that were neither finished nor cancelled; they end here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<VisitId>,
}

/// See [`Fact::DayRedated`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRedated {
    /// The date it had.
    pub from: Day,
    /// The date it has.
    pub to: Day,
}

/// See [`Fact::LineOpened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineOpened {
    /// For which session.
    pub session: SessionId,
}

/// See [`Fact::LineClosed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineClosed {
    /// Who was still waiting, called, absent or not arrived: nothing is dropped silently.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<VisitId>,
}

/// See [`Fact::MessageSet`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageSet {
    /// The message; it concerns no patient and is not sealed.
    pub text: String,
}

/// How a ticket came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The patient touched the kiosk.
    Kiosk,
    /// Reception gave it.
    Desk,
    /// The patient took it from elsewhere and has yet to arrive.
    Remote,
    /// The patient booked a time.
    Booked,
    /// An urgent patient (急患).
    Emergency,
}

/// The language a patient chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
    /// Chinese, simplified.
    Zh,
    /// Korean.
    Ko,
}

/// A family's ticket: several people who take consecutive numbers and are called together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// The visit of the first.
    pub first: VisitId,
    /// Which of them this is, from 1.
    pub idx: u8,
    /// How many they are.
    pub of: u8,
}

/// A place in a line: smaller is earlier. Given when the place is, never computed from a wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rank(pub i64);

/// See [`Fact::TicketIssued`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketIssued {
    /// The new visit.
    pub visit: VisitId,
    /// Its business day.
    pub day: Day,
    /// The session it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Its number in the day and line.
    pub number: Number,
    /// What is printed, shown and called.
    pub label: Label,
    /// Its place in the line.
    pub rank: Rank,
    /// How it came about.
    pub channel: Channel,
    /// Whether the patient is here.
    pub arrived: bool,
    /// The booked time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_for: Option<AtMs>,
    /// The family it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// The patient's language.
    #[serde(default, skip_serializing_if = "is_japanese")]
    pub lang: Lang,
    /// Whether the patient is to be called in writing.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub text_call: bool,
    /// Whether the patient allowed the name to be printed.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub name_shown: bool,
    /// blake3 of the token on the ticket, first 16 bytes in hexadecimal: whoever holds the paper may look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_hash: Option<String>,
    /// Name, telephone number, note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Sealed>,
    /// Numbers passed over just before this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Gap>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a field by reference")]
fn is_japanese(lang: &Lang) -> bool {
    matches!(lang, Lang::Ja)
}

/// See [`Fact::Arrived`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// Who.
    pub visit: VisitId,
    /// The place given.
    pub rank: Rank,
    /// Whether the turn had passed.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub late: bool,
}

/// Visits and the room that concerns them: one visit, or a family.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// Who.
    pub visits: Vec<VisitId>,
    /// Where.
    pub room: RoomId,
}

/// A room alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InRoom {
    /// Where.
    pub room: RoomId,
}

/// A visit alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfVisit {
    /// Who.
    pub visit: VisitId,
}

/// A visit that got a place in its line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Who.
    pub visit: VisitId,
    /// The place given.
    pub rank: Rank,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Sealed>,
}

/// Why a visit was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The patient asked.
    Patient,
    /// The patient never came.
    NoShow,
    /// The ticket was taken by mistake.
    Mistake,
    /// Something else, said in the note.
    Other,
}

/// See [`Fact::Cancelled`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Who.
    pub visit: VisitId,
    /// Why.
    pub reason: CancelReason,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Sealed>,
}

/// See [`Fact::Moved`] and [`Fact::StageEntered`]; the envelope's line is the one left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedTo {
    /// Who.
    pub visit: VisitId,
    /// The line entered.
    pub to: LineNo,
    /// The place given there.
    pub rank: Rank,
}

/// See [`Fact::FamilyJoined`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyJoined {
    /// Who, the first of them first.
    pub visits: Vec<VisitId>,
}

/// See [`Fact::Undone`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The facts undone, each the last act on its visits.
    pub acts: Vec<FactId>,
}

/// See [`Fact::PrintBegun`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintBegun {
    /// Whose ticket.
    pub visit: VisitId,
    /// On which printer.
    pub printer: PrinterId,
    /// Which attempt for this visit, from 1.
    pub attempt: u32,
    /// Whether the paper says 再発行.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub reprint: bool,
}

/// What became of an attempt to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintOutcome {
    /// The printer answered after the cut: the paper is out.
    Printed,
    /// Nothing was sent, or the printer said why it did not print.
    Refused,
    /// Bytes were sent and no answer came: there may be paper, whole or half.
    Unconfirmed,
}

/// Why an attempt to print did not end as printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintTrouble {
    /// The printer could not be reached, or is switched off.
    Unreachable,
    /// Out of paper.
    PaperOut,
    /// The cover is open.
    CoverOpen,
    /// The cutter or the mechanism reports an error.
    Mechanism,
    /// The printer takes bytes and never answers, as some clones do.
    Silent,
    /// The line broke while the ticket was being sent.
    Broken,
    /// The printer stopped taking bytes.
    Stalled,
    /// The program ended before the answer.
    Restarted,
    /// The ticket could not be drawn.
    NotDrawn,
}

/// See [`Fact::PrintEnded`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintEnded {
    /// Whose ticket.
    pub visit: VisitId,
    /// Which attempt.
    pub attempt: u32,
    /// What became of it.
    pub outcome: PrintOutcome,
    /// Why, unless it was printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<PrintTrouble>,
}

/// See [`Fact::PersonalErased`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalErased {
    /// Whose.
    pub visits: Vec<VisitId>,
    /// The keys destroyed.
    pub keys: Vec<KeyId>,
}
