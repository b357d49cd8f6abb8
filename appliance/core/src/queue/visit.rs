//! One patient's day: what the ticket said, where the patient stands now, and the acts that led there.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::envelope::{By, Stamp};
use crate::facts::{Channel, Family, Lang, PrintOutcome, PrintTrouble, Rank, TicketIssued};
use crate::ids::{FactId, KeyId, Label, LineNo, Number, RoomId, SessionId, VisitId};
use crate::seal::Sealed;
use crate::settings::Rules;
use crate::time::{AtMs, MINUTE_MS};

/// Where a visit stands in its present line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// 来院前: holds a remote or booked ticket and has not come.
    NotArrived,
    /// お待ち.
    Waiting,
    /// 呼出中.
    Called,
    /// 診察中.
    InRoom,
    /// 不在: called and did not come.
    Absent,
    /// 保留.
    OnHold,
    /// 終了.
    Finished,
    /// 取消.
    Cancelled,
    /// Left over when the business day ended.
    LeftOver,
}

/// The states of those who are still somewhere in the clinic's day.
pub const OPEN_STATES: [State; 6] =
    [State::NotArrived, State::Waiting, State::Called, State::InRoom, State::Absent, State::OnHold];

impl State {
    /// Returns the state's name as it stands in views.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotArrived => "not_arrived",
            Self::Waiting => "waiting",
            Self::Called => "called",
            Self::InRoom => "in_room",
            Self::Absent => "absent",
            Self::OnHold => "on_hold",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::LeftOver => "left_over",
        }
    }

    /// Whether the visit is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Finished | Self::Cancelled | Self::LeftOver)
    }

    /// Whether the visit is counted as waiting (worked cases, ticket states).
    #[must_use]
    pub const fn counts_as_waiting(self, rules: &Rules) -> bool {
        match self {
            Self::Waiting | Self::Absent => true,
            Self::NotArrived => rules.count_not_arrived,
            Self::Called | Self::InRoom | Self::OnHold | Self::Finished | Self::Cancelled | Self::LeftOver => false,
        }
    }

    /// Whether the visit adds its line's minutes to the wait of those behind it.
    #[must_use]
    pub const fn adds_minutes(self) -> bool {
        match self {
            Self::NotArrived | Self::Waiting | Self::Absent => true,
            Self::Called | Self::InRoom | Self::OnHold | Self::Finished | Self::Cancelled | Self::LeftOver => false,
        }
    }
}

/// The part of a visit that acts change, and that an undo puts back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The line of the present stage.
    pub line: LineNo,
    /// Where the visit stands there.
    pub state: State,
    /// Its place in the order.
    pub rank: Rank,
    /// The room it was last called to.
    pub room: Option<RoomId>,
    /// When it came to this state.
    pub since: AtMs,
    /// When it was first called in this stage.
    pub called_at: Option<AtMs>,
    /// When it went into the room.
    pub entered_at: Option<AtMs>,
    /// Whether the patient is in the clinic.
    pub arrived: bool,
    /// Whether the patient came after the turn had passed.
    pub late: bool,
    /// Which stage this is, from 1.
    pub stage: u32,
    /// The family it is called with.
    pub family: Option<Family>,
    /// How often it was called again while absent.
    pub n_again: u32,
    /// When it was last called again while absent.
    pub again_at: Option<AtMs>,
}

/// What was done to a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// Came in.
    Arrived,
    /// Called.
    Called,
    /// Went in.
    Entered,
    /// Marked absent.
    MarkedAbsent,
    /// Came back.
    Returned,
    /// Done.
    Finished,
    /// Cancelled.
    Cancelled,
    /// Set aside.
    Held,
    /// Taken up again.
    Released,
    /// Moved to another line.
    Moved,
    /// Sent on to the next stage.
    SentOn,
    /// Given another place.
    Reordered,
    /// Joined to a family.
    Joined,
}

/// One act on a visit, with what it changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The fact.
    pub id: FactId,
    /// The key of the command that made it: acts of one press are undone together.
    pub press: Option<String>,
    /// What was done.
    pub kind: ActKind,
    /// By whom.
    pub by: By,
    /// When.
    pub at: AtMs,
    /// How the visit stood before.
    pub before: Turn,
}

/// What is known of a visit's paper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// Attempts begun.
    pub n_attempts: u32,
    /// How the newest one ended; none while it runs.
    pub outcome: Option<PrintOutcome>,
    /// Why it did not end as printed.
    pub trouble: Option<PrintTrouble>,
}

impl Paper {
    /// Whether an attempt is under way.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.n_attempts > 0 && self.outcome.is_none()
    }
}

/// One patient's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Its id.
    pub visit: VisitId,
    /// The session it was taken in.
    pub session: Option<SessionId>,
    /// The line that gave the number.
    pub home: LineNo,
    /// The number.
    pub number: Number,
    /// What is called.
    pub label: Label,
    /// How it came about.
    pub channel: Channel,
    /// The booked time.
    pub booked_for: Option<AtMs>,
    /// The patient's language.
    pub lang: Lang,
    /// Whether to call in writing.
    pub text_call: bool,
    /// Whether the name may be printed.
    pub name_shown: bool,
    /// Digest of the token on the ticket.
    pub token_hash: Option<String>,
    /// Name, telephone number and note; gone once erased.
    pub personal: Option<Sealed>,
    /// Keys of everything sealed about this visit.
    pub keys: Vec<KeyId>,
    /// Whether the personal data was erased.
    pub erased: bool,
    /// The fact that issued it.
    pub issued_by: FactId,
    /// The press that issued it.
    pub press: Option<String>,
    /// When it was issued.
    pub issued: Stamp,
    /// Whether the clock could be trusted then.
    pub issued_in_time: bool,
    /// Where it stands.
    pub turn: Turn,
    /// What was done to it, oldest first; an undone act is taken off.
    pub acts: Vec<Act>,
    /// Its paper.
    pub paper: Paper,
}

impl Visit {
    /// Makes the visit of a ticket that the fact `id` issued in `line`.
    #[must_use]
    pub fn of_ticket(ticket: &TicketIssued, line: LineNo, issue: &crate::envelope::Head) -> Self {
        Self {
            visit: ticket.visit,
            session: ticket.session.clone(),
            home: line,
            number: ticket.number,
            label: ticket.label.clone(),
            channel: ticket.channel,
            booked_for: ticket.booked_for,
            lang: ticket.lang,
            text_call: ticket.text_call,
            name_shown: ticket.name_shown,
            token_hash: ticket.token_hash.clone(),
            keys: ticket.personal.iter().map(|sealed| sealed.key_id).collect(),
            personal: ticket.personal.clone(),
            erased: false,
            issued_by: issue.id(),
            press: issue.cmd.as_ref().map(|cmd| cmd.key.clone()),
            issued: issue.stamp(),
            issued_in_time: issue.clock != crate::envelope::Trust::Lost,
            turn: Turn {
                line,
                state: if ticket.arrived { State::Waiting } else { State::NotArrived },
                rank: ticket.rank,
                room: None,
                since: issue.at_ms,
                called_at: None,
                entered_at: None,
                arrived: ticket.arrived,
                late: false,
                stage: 1,
                family: ticket.family,
                n_again: 0,
                again_at: None,
            },
            acts: Vec::new(),
            paper: Paper::default(),
        }
    }

    /// Returns its place in the order of its line.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { rank: self.turn.rank, issued: self.issued, visit: self.visit }
    }

    /// Returns how often it was called again while absent.
    #[must_use]
    pub const fn n_again(&self) -> u32 {
        self.turn.n_again
    }

    /// Whether a booked patient has let the time pass (時間切れ).
    #[must_use]
    pub fn is_overdue(&self, rules: &Rules, now: AtMs) -> bool {
        let grace_ms = i64::from(rules.booked_grace_min).saturating_mul(MINUTE_MS);
        self.turn.state == State::NotArrived && self.booked_for.is_some_and(|at| now.since(at) > grace_ms)
    }

    /// Whether this is a booked visit, which takes turns with walk-ins.
    #[must_use]
    pub const fn is_booked(&self) -> bool {
        matches!(self.channel, Channel::Booked)
    }

    /// Whether this is an urgent patient, of whom no board tells.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        matches!(self.channel, Channel::Emergency)
    }

    /// Returns the booked time of a patient who has booked and not come: only that time says when the turn will be.
    #[must_use]
    pub fn awaited_at(&self) -> Option<AtMs> {
        self.booked_for.filter(|_| self.is_booked() && self.turn.state == State::NotArrived)
    }
}

/// A place in a line's order: rank first; equal ranks go by issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// As given by a fact.
    pub rank: Rank,
    /// When the ticket was issued.
    pub issued: Stamp,
    /// Whose it is.
    pub visit: VisitId,
}

impl Place {
    /// A place behind everybody.
    pub const LAST: Self = Self {
        rank: Rank(i64::MAX),
        issued: Stamp { at: AtMs(i64::MAX), n: u32::MAX },
        visit: VisitId::from_bytes([u8::MAX; 16]),
    };
}
