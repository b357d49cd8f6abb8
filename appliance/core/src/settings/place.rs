//! The parts of the settings.

use core::fmt;

use serde::{Serialize, Serializer};

use crate::ids::{LineNo, PrinterId, RoomId};
use crate::time::Day;

/// The part of the settings that something is about, and that a fact of theirs replaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The clinic itself.
    Site,
    /// The calendar.
    Hours,
    /// The rules of the queue.
    Rules,
    /// A line.
    Line(LineNo),
    /// A room.
    Room(RoomId),
    /// A printer.
    Printer(PrinterId),
    /// The tariff of consultation calls from a date on.
    Tariff(Day),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Site => f.write_str("site"),
            Self::Hours => f.write_str("hours"),
            Self::Rules => f.write_str("rules"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Room(room) => write!(f, "room {room}"),
            Self::Printer(printer) => write!(f, "printer {printer}"),
            Self::Tariff(from) => write!(f, "tariff {from}"),
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
