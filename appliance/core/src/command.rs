//! What can be asked of a clinic: every button, page and device ends in one of these.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::call::decide::CallCommand;
use crate::facts::{CancelReason, Channel, Fact, Lang, OpenedAfter, PrintOutcome, PrintTrouble};
use crate::health::HealthReported;
use crate::ids::{DeviceId, FactId, Label, LineNo, Number, PlaceId, RoomId, SessionId, StaffId, VisitId};
use crate::people::{DeviceKind, Means, Staff};
use crate::program::decide::ProgramCommand;
use crate::seal::Sealed;
use crate::support::decide::SupportCommand;
use crate::time::AtMs;

/// A ticket asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// In which line.
    pub line: LineNo,
    /// How it came about; emergencies are [`Command::Emergency`].
    pub channel: Channel,
    /// How many people: each gets a number.
    pub family: u8,
    /// The language chosen.
    pub lang: Lang,
    /// Whether to call in writing.
    pub text_call: bool,
    /// Whether the name may be printed.
    pub name_shown: bool,
    /// The time booked.
    pub booked_for: Option<AtMs>,
    /// Whether to use a number kept for interrupts.
    pub interrupt: bool,
    /// Name, telephone number, note: sealed at the edge.
    pub personal: Option<Sealed>,
}

/// What the screen showed when a room's button was pressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Showing {
    /// The label in the room, empty for nobody; none when the button does not say.
    pub now: Option<Label>,
    /// The label the button said it would call, empty for nobody.
    pub next: Option<Label>,
}

/// Which settings somebody had before them who asks to change some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Whichever stand: a file brought in says what shall be, not what was.
    Any,
    /// Those up to this fact, the newest that set anything; none where nothing had been set yet.
    Seen(Option<FactId>),
}

/// Everything that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Says that the journal was opened, and jumps ahead in numbering where numbers may be lost.
    NoteOpening {
        /// Version of the program.
        version: String,
        /// What came before.
        after: OpenedAfter,
    },
    /// Does what is due by itself: erasure, repeated calls, a wrong date.
    KeepHouse,
    /// Changes settings: facts of the standing kinds only.
    ChangeSettings {
        /// The new settings.
        facts: Vec<Fact>,
        /// What the asker had seen of the settings.
        basis: Basis,
    },
    /// Opens reception of a line.
    OpenLine {
        /// Which.
        line: LineNo,
        /// For which session.
        session: SessionId,
    },
    /// Closes reception of a line.
    CloseLine {
        /// Which.
        line: LineNo,
    },
    /// Consultation pauses.
    PauseLine {
        /// In which line.
        line: LineNo,
    },
    /// Consultation goes on.
    ResumeLine {
        /// In which line.
        line: LineNo,
    },
    /// Numbering goes on from a number that staff typed.
    JumpNumbers {
        /// In which line.
        line: LineNo,
        /// From which number.
        to: Number,
    },
    /// Leases numbers to the hub ahead, where a line takes tickets from afar; by the box alone.
    LeaseNumbers,
    /// Gives a leased number; by the hub alone.
    TakeLeased(Take),
    /// The holder of a ticket leaves the line from afar; by the hub alone.
    LeaveLine {
        /// Which visit.
        visit: VisitId,
    },
    /// Gives tickets that the hub gave out of reach the place that their time of issue asks for; by the box alone.
    PlaceRemote,
    /// Sets the i-message; empty withdraws it.
    SetMessage {
        /// The message.
        text: String,
    },
    /// Takes a ticket.
    Take(Take),
    /// Lets an urgent patient in ahead of everyone.
    Emergency {
        /// Into which line.
        line: LineNo,
        /// Why: no board shows it.
        note: Option<Sealed>,
    },
    /// The holder of a remote or booked ticket has come.
    Arrive {
        /// Who.
        visit: VisitId,
    },
    /// Calls the next to a room; whoever was in it is finished, whoever was called and did not come is absent.
    Call {
        /// Where to.
        room: RoomId,
        /// What the screen showed.
        showing: Showing,
    },
    /// Calls again.
    Recall {
        /// Where to.
        room: RoomId,
        /// What the screen showed.
        showing: Showing,
    },
    /// The called patient did not come.
    MarkAbsent {
        /// Where to.
        room: RoomId,
        /// What the screen showed.
        showing: Showing,
    },
    /// The called patient went in.
    Enter {
        /// Where.
        room: RoomId,
        /// What the screen showed.
        showing: Showing,
    },
    /// The patient is done in this room.
    Finish {
        /// Where.
        room: RoomId,
        /// What the screen showed.
        showing: Showing,
    },
    /// An absent patient is back.
    Return {
        /// Who.
        visit: VisitId,
    },
    /// The patient longest absent in a line is back.
    ReturnFirst {
        /// In which line.
        line: LineNo,
    },
    /// Cancels a ticket.
    Cancel {
        /// Whose.
        visit: VisitId,
        /// Why.
        reason: CancelReason,
        /// What was said.
        note: Option<Sealed>,
    },
    /// Sets a patient aside.
    Hold {
        /// Whom.
        visit: VisitId,
    },
    /// Takes a patient up again.
    Release {
        /// Whom.
        visit: VisitId,
    },
    /// Moves a visit received in the wrong line.
    Move {
        /// Whose.
        visit: VisitId,
        /// Where to.
        to: LineNo,
    },
    /// Sends a patient on to the next stage: a test, a second consultation, payment.
    SendOn {
        /// Whom.
        visit: VisitId,
        /// Where to.
        to: LineNo,
    },
    /// Lets a waiting patient be called first.
    PutFirst {
        /// Whom.
        visit: VisitId,
        /// Why.
        note: Option<Sealed>,
    },
    /// Joins tickets into one family.
    JoinFamily {
        /// Whose, the first of them first.
        visits: Vec<VisitId>,
    },
    /// Undoes the last act on a ticket, with the rest of that press.
    Undo {
        /// Whose.
        visit: VisitId,
    },
    /// Prints a ticket once more, or for the first time where it was taken from elsewhere.
    Print {
        /// Whose ticket.
        visit: VisitId,
    },
    /// An attempt to print ended.
    EndPrint {
        /// Whose ticket.
        visit: VisitId,
        /// Which attempt.
        attempt: u32,
        /// How.
        outcome: PrintOutcome,
        /// Why not printed.
        trouble: Option<PrintTrouble>,
    },
    /// Erases a visit's personal data now.
    Erase {
        /// Whose.
        visit: VisitId,
    },
    /// Does something about consultation calls.
    Consultation {
        /// What.
        command: CallCommand,
    },
    /// Adds a member of staff, or changes name and role.
    SetStaff {
        /// Who.
        staff: Staff,
    },
    /// Takes a member of staff out.
    RemoveStaff {
        /// Whom.
        staff: StaffId,
    },
    /// Pairs a device to a place, in the stead of the one that stands there.
    Pair {
        /// What it is for.
        kind: DeviceKind,
        /// Where it stands.
        place: PlaceId,
    },
    /// Lets a device speak to this box no longer.
    Unpair {
        /// Which.
        device: DeviceId,
    },
    /// Somebody signs in at the device that asks, in the stead of whoever is signed in there.
    SignIn {
        /// Who.
        staff: StaffId,
        /// How.
        means: Means,
        /// Who was signed in there.
        before: Option<StaffId>,
    },
    /// Whoever is signed in at the device that asks signs out.
    SignOut {
        /// Who.
        staff: StaffId,
    },
    /// Does something about the program.
    Program {
        /// What.
        command: ProgramCommand,
    },
    /// Writes down what a screen, the content store or the vendor tells of the program; nothing is decided.
    NoteProgram {
        /// What happened, in order.
        facts: Vec<Fact>,
    },
    /// Writes down how the box does; nothing is decided.
    NoteHealth {
        /// How.
        report: HealthReported,
    },
    /// Does something about remote support.
    Support {
        /// What.
        command: SupportCommand,
    },
    /// Signs everybody out everywhere.
    EndSignIns,
}
