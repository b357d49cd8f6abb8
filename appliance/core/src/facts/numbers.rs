//! Facts about numbers: given apart, jumped over, leased.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{Label, Number, SessionId, VisitId};

/// Why numbering jumped ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JumpReason {
    /// The journal was restored: later numbers may have been given.
    Restored,
    /// Staff typed the last number on paper.
    TypedByStaff,
}

/// See [`super::Fact::NumbersJumped`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumbersJumped {
    /// The next number is at least this one.
    pub to: Number,
    /// Why.
    pub reason: JumpReason,
}

/// A number that the hub may give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The number in its day and line.
    pub number: Number,
    /// What is printed, shown and called.
    pub label: Label,
    /// The visit that it will be: whoever comes with it is known, although the hub's own fact may not be here yet.
    pub visit: VisitId,
}

/// See [`super::Fact::NumbersLeased`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumbersLeased {
    /// Which, in order.
    pub leased: Vec<Lease>,
    /// The session whose numbers they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Numbers passed over before and between them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Gap>,
}

/// Why a number was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The clinic does not give such numbers (4, 9, 13, 42).
    Unlucky,
    /// Kept for interrupts.
    Kept,
    /// Another line already shows this label today.
    LabelTaken,
    /// A family needs consecutive numbers.
    FamilyTogether,
    /// The session begins with a number of its own.
    SessionStart,
    /// Numbering jumped after a restore or by staff.
    Jumped,
}

/// A run of numbers passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first of them.
    pub from: Number,
    /// The last of them.
    pub to: Number,
    /// Why.
    pub reason: GapReason,
}
