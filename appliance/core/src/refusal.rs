//! Why a command was not carried out: a code and its values. The sentences stand in the words of the assets, in
//! Japanese and in English, under the same code.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal),+ $(,)?) => {
        /// What kind of refusal it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum RefusalCode {
            $($(#[$doc])* #[serde(rename = $code)] $name,)+
        }

        impl RefusalCode {
            /// Every code there is, for checking that each has its words.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the code as it stands in answers, words and the guide.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

codes! {
    /// No such line.
    UnknownLine = "unknown_line",
    /// No such room.
    UnknownRoom = "unknown_room",
    /// No such visit or number today.
    UnknownVisit = "unknown_visit",
    /// No such session in the calendar.
    UnknownSession = "unknown_session",
    /// The line is not open; `opens` says when it will be, where that is known.
    LineClosed = "line_closed",
    /// The line is open already.
    LineOpen = "line_open",
    /// Remote reception is outside its hours; `opens` says when it begins.
    RemoteClosed = "remote_closed",
    /// So many are waiting that no more can be seen in time.
    FullForNow = "full_for_now",
    /// The numbers that the hub may give are used up, and the clinic is not there to lease more.
    LeaseUsedUp = "lease_used_up",
    /// The line has given its last number.
    NumbersUsedUp = "numbers_used_up",
    /// Numbering is to go on from a number that was given already; `last` is the highest known.
    NumberGiven = "number_given",
    /// A family of none, or larger than the clinic allows.
    FamilySize = "family_size",
    /// The same button on the same device, pressed twice.
    PressedTwice = "pressed_twice",
    /// Nobody is called to this room or in it.
    RoomEmpty = "room_empty",
    /// The called patient is already in the room.
    AlreadyInRoom = "already_in_room",
    /// The patient is in the room and so cannot be absent or called again.
    NotWhileInRoom = "not_while_in_room",
    /// The screen showed something else than what is true: `who` was quicker.
    ScreenWasOld = "screen_was_old",
    /// The visit is not in a state in which this can be done; `state` says which it is in.
    NotInThisState = "not_in_this_state",
    /// Nobody is absent in this line.
    NobodyAbsent = "nobody_absent",
    /// There is nothing to undo.
    NothingToUndo = "nothing_to_undo",
    /// Somebody acted on the ticket since; `who` did.
    ActedSince = "acted_since",
    /// The visit is already in that line.
    SameLine = "same_line",
    /// Settings that contradict themselves; `where` and `why` say how.
    BadSettings = "bad_settings",
    /// Somebody changed the settings since they were shown; `who` did, at `at`.
    SettingsChanged = "settings_changed",
    /// A text longer than allowed; `field` and `most` say which and how long.
    TooLong = "too_long",
    /// No printer prints this line's tickets.
    NoPrinter = "no_printer",
    /// The ticket is being printed at this moment.
    PrintRunning = "print_running",
    /// No such attempt to print.
    UnknownPrint = "unknown_print",
    /// The request holds a value that cannot be.
    BadValue = "bad_value",
    /// No such member of staff.
    UnknownStaff = "unknown_staff",
    /// No such paired device.
    UnknownDevice = "unknown_device",
    /// Nobody would be left who can change settings.
    LastManager = "last_manager",
    /// So many there cannot be.
    TooMany = "too_many",
    /// No such program table, or the vendor withdrew it.
    UnknownTable = "unknown_table",
    /// No such item in the program table.
    UnknownItem = "unknown_item",
    /// No such content, or it was withdrawn.
    UnknownContent = "unknown_content",
    /// The program table changed since it was shown.
    TableChanged = "table_changed",
    /// The program table is not approved.
    NotApproved = "not_approved",
    /// The program table's deadline, `month` and `day`, has passed.
    DeadlinePassed = "deadline_passed",
    /// The connection of a call runs already.
    CallRunning = "call_running",
    /// No such connection runs: it never began, or is over.
    CallNotRunning = "call_not_running",
    /// No such connection without a reservation.
    UnknownCall = "unknown_call",
    /// No such reservation of a consultation call.
    UnknownReservation = "unknown_reservation",
    /// The connection is too far from the reservation's start to belong to it.
    OutsideWindow = "outside_window",
    /// No such order of remote support.
    UnknownOrder = "unknown_order",
    /// The order of remote support is over, or was answered already.
    OrderOver = "order_over",
    /// The time that is told is still to come.
    FromTheFuture = "from_the_future",
}

impl fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command that was not carried out: nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why.
    pub code: RefusalCode,
    /// Values for the sentence.
    pub values: BTreeMap<String, String>,
}

impl Refusal {
    /// Makes a refusal without values.
    #[must_use]
    pub const fn new(code: RefusalCode) -> Self {
        Self { code, values: BTreeMap::new() }
    }

    /// Adds a value for the sentence.
    #[must_use]
    pub fn with(mut self, name: &str, value: &dyn fmt::Display) -> Self {
        self.values.insert(name.to_string(), value.to_string());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

impl core::error::Error for Refusal {}
