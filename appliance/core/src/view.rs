//! What is true now, ready to be drawn: codes and values, no words. Surfaces and templates choose the words.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::facts::Lang;
use crate::ids::{Label, LineNo, RoomId, VisitId};
use crate::settings::{Arrow, LineColor, StageKind, Text};
use crate::speech::Spoken;
use crate::time::{AtMs, Day};

/// An estimated wait as a band of minutes, rounded up; never a clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// At least so many minutes.
    pub from_min: u32,
    /// At most so many minutes.
    pub to_min: u32,
}

/// What is said of the wait in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Wait {
    /// An estimate.
    Band(Band),
    /// Nobody is ahead: お待ちの方はいません.
    Nobody,
    /// No estimate is possible: the row is left out on paper, ただいま計算中 on the board.
    Unknown,
    /// Consultation has paused: 診察が中断しています.
    Paused,
}

/// Which face numbers are set in, the same for the whole day and board (LOOKS, type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFace {
    /// Up to three figures and no letter: the proportional face in cells of 0.70 em.
    Figures,
    /// A letter, or four glyphs: the fixed-width face in cells of 0.50 em.
    Letters,
}

/// What a room's tile shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TileState {
    /// 呼出中: somebody is called and has not come in.
    Called,
    /// 診察中, or 会計中 at a payment desk.
    InRoom,
    /// Nobody: an en dash.
    Empty,
}

/// One room on the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomTile {
    /// Which room.
    pub room: RoomId,
    /// Its name for the board, short where the name is long.
    pub name: Text,
    /// Its line's name: that of the patient shown, or of the room's first line.
    pub line_name: Text,
    /// That line's colour.
    pub color: LineColor,
    /// What that line waits for.
    pub kind: StageKind,
    /// What is shown.
    pub state: TileState,
    /// The label, `112–114` for a family; none when empty.
    pub label: Option<String>,
}

/// One line on the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineCard {
    /// Which line.
    pub line: LineNo,
    /// Its name.
    pub name: Text,
    /// Its colour.
    pub color: LineColor,
    /// What is waited for.
    pub kind: StageKind,
    /// People waiting.
    pub n_waiting: u32,
    /// People who hold a ticket and have not come.
    pub n_not_arrived: u32,
    /// What is said of the wait.
    pub wait: Wait,
    /// Whether numbers are being given.
    pub open: bool,
    /// Whether they were given today and no longer are; a line that has not begun is neither.
    pub over: bool,
    /// The next labels in the order they will be called, at most eight.
    pub next: Vec<Label>,
}

/// A call to be shown over the whole board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFrame {
    /// The label, `112–114` for a family.
    pub label: String,
    /// Where to go.
    pub room: RoomId,
    /// Its name.
    pub room_name: Text,
    /// The line's name.
    pub line_name: Text,
    /// What the line waits for.
    pub kind: StageKind,
    /// Where the door is.
    pub arrow: Arrow,
    /// Whether it is a repeated call.
    pub again: bool,
    /// When it was made.
    pub called_at: AtMs,
    /// When the frame goes.
    pub until: AtMs,
    /// What is said of it, for the loudspeakers; nothing that is drawn needs it.
    #[serde(skip)]
    pub speech: Vec<Spoken>,
}

/// What reception is doing, for the head of the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// A session is to come today: 午前の受付 8:30 から.
    Before {
        /// Its name.
        session: Text,
        /// When it begins, `8:30`.
        from: String,
    },
    /// Numbers are being given in some line, or nobody knows what hour it is: nothing is said of hours then.
    Open {
        /// The session's name, where the calendar knows it.
        session: Option<Text>,
    },
    /// A session is over and another is to come: 午前の受付は終了しました　午後は 15:00 から.
    Between {
        /// The session that is over.
        over: Text,
        /// The one to come.
        next: Text,
        /// When it begins, `15:00`.
        from: String,
    },
    /// The clinic is closed for the day, suddenly or by plan: 本日は休診いたします.
    Suspended {
        /// The next day with a session, where the calendar knows one.
        next_day: Option<Day>,
    },
    /// No more today.
    Closed {
        /// The next day with a session, where the calendar knows one.
        next_day: Option<Day>,
    },
}

/// How often a session is held on a day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Often {
    /// Every week.
    Always,
    /// In some weeks of the month.
    Sometimes,
    /// Never.
    Never,
}

/// A session's row in the hours of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionWeek {
    /// Its name.
    pub name: Text,
    /// When it begins, `9:00`.
    pub from: String,
    /// When it ends, `12:30`.
    pub to: String,
    /// Monday to Sunday, holidays and closures aside.
    pub days: [Often; 7],
}

/// The board: everything the monitor and the browser show, except the film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardView {
    /// The clinic's name.
    pub clinic: Text,
    /// The time of day, `10:24`; none while the clock is not trusted.
    pub clock: Option<String>,
    /// The instant it was drawn for.
    pub as_of: AtMs,
    /// How many facts it is folded from.
    pub n_facts: u64,
    /// What reception is doing.
    pub phase: Phase,
    /// The hours of the week, session by session; none where the settings have none.
    pub week: Vec<SessionWeek>,
    /// The face of numbers.
    pub face: NumberFace,
    /// Rooms in door order.
    pub rooms: Vec<RoomTile>,
    /// Lines in the order of their numbers.
    pub lines: Vec<LineCard>,
    /// Called and not come: labels, the longest absent first.
    pub absent: Vec<Label>,
    /// The clinic's message.
    pub message: Option<String>,
    /// Calls to be shown now, oldest first.
    pub calls: Vec<CallFrame>,
    /// Labels whose call was undone after it was shown, to be asked to wait a little longer.
    pub wait_longer: Vec<Label>,
    /// Whether the night palette is in use.
    pub night: bool,
    /// Whether this is a rehearsal.
    pub rehearsal: bool,
}

/// A ticket's place among its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyPlace {
    /// Which of them, from 1.
    pub idx: u8,
    /// How many they are.
    pub of: u8,
}

/// A printed ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketView {
    /// Whose.
    pub visit: VisitId,
    /// The clinic's name.
    pub clinic: Text,
    /// The business day; none while the clock is not trusted.
    pub day: Option<Day>,
    /// Whether its year is written as 令和.
    pub era_years: bool,
    /// The session's name.
    pub session: Option<Text>,
    /// The line's name.
    pub line: Text,
    /// What is called.
    pub label: Label,
    /// The face of the number.
    pub face: NumberFace,
    /// When it was taken, hour and minute in Asia/Tokyo; none while the clock is not trusted.
    pub taken: Option<(u8, u8)>,
    /// People before this one who are here.
    pub n_ahead: u32,
    /// People before this one who have not come yet.
    pub n_ahead_not_arrived: u32,
    /// The estimated wait.
    pub wait: Wait,
    /// The patient's page, token included; none leaves the QR code out.
    pub url: Option<String>,
    /// Its place among a family.
    pub family: Option<FamilyPlace>,
    /// The patient's language.
    pub lang: Lang,
    /// Whether the patient is called in writing.
    pub text_call: bool,
    /// The name, where the patient allowed it.
    pub name: Option<String>,
    /// When it was printed again, hour and minute; none on the first paper.
    pub reprinted: Option<(u8, u8)>,
    /// Whether this is a rehearsal.
    pub rehearsal: bool,
}
