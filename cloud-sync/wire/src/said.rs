//! What a box asks of the hub, and what comes back, before it is written as HTTP and after it was read.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use machiai_core::ids::{Origin, Seq};

use crate::chain::Hash;
use crate::offset::Offset;
use crate::producer::Turn;
use crate::vector::{Answer, Question};

/// How a box hears of the hub's own facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Events on a line that stays open.
    Events,
    /// One answer, once there is something.
    LongPoll,
    /// A question now and then: what any proxy lets through.
    Poll,
}

/// Facts to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Whose they are.
    pub origin: Origin,
    /// The session, and the append's number in it among those of this origin.
    pub turn: Turn,
    /// The running hash after the last of them.
    pub hash: Hash,
    /// The facts' lines.
    pub lines: Vec<Vec<u8>>,
}

/// Something a box asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What each side lacks.
    Vector(Question),
    /// To keep facts.
    Append(Run),
    /// Facts of an origin, after a number.
    Fetch(Origin, Seq),
    /// The hub's own facts, from a place on.
    Listen(Offset, Mode),
    /// A vector or an append of a box that knows that it was replaced: it hands over what it had not sent.
    Left(Box<Ask>),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// What the hub holds.
    Vector(Answer),
    /// The append is on the hub's disk.
    Kept,
    /// The append's number was seen before; whether its facts are held, only a vector says.
    Seen,
    /// Facts of an origin, in order; as many as one answer takes.
    Facts(Vec<Vec<u8>>),
    /// The hub's own facts, and where they go on; none is a sign of life.
    Heard(Vec<Vec<u8>>, Offset),
    /// The listening came to its regular end.
    ListenedOut,
}

/// Why nothing came back, or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The line is down, or too slow.
    NoLine,
    /// Somebody else answered: a captive portal, a proxy, another server.
    NotTheHub,
    /// The hub or a proxy cannot now; it may say for how long.
    Busy {
        /// Milliseconds to wait, if it said so.
        after_ms: Option<u64>,
    },
    /// Another session of the same origin has begun.
    Stale {
        /// Its epoch.
        epoch: u64,
    },
    /// Another box has taken this one's place: all that is still taken of it is what it had not sent.
    Replaced {
        /// The hub's reason.
        why: String,
    },
    /// This box was shut out, or its site is closed: nothing it sends is kept.
    Fenced {
        /// The hub's reason.
        why: String,
    },
    /// This box has no certificate of the hub's, or one that is over and can only be renewed.
    NoCertificate {
        /// What is wrong with the one it has; empty where it was never enrolled.
        why: String,
    },
    /// A place or number that the hub does not have, or not yet.
    Behind,
    /// The facts are not those that the hub holds.
    Diverged {
        /// The hub's reason.
        why: String,
    },
    /// The facts are none that the hub may keep: whoever brings them again meanwhile is refused again.
    Unfit {
        /// The hub's reason.
        why: String,
    },
    /// More than the hub or a proxy takes at once.
    TooLarge,
    /// The hub does not understand: one of the two is of another version.
    Refused {
        /// The hub's reason.
        why: String,
    },
}
