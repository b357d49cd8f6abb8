//! What a clinic decides once and folds read ever after: each struct here is the body of a fact.

mod place;
pub mod problems;
pub mod warnings;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::facts::Lang;
use crate::ids::{LineNo, Number, PrinterId, RoomId, SessionId};
use crate::time::{AtMs, Day, DayTime};

pub use place::Place;

/// Most rooms that one board can show legibly.
pub const MOST_ROOMS: usize = 12;

/// The highest number a ticket can have: four figures.
pub const MAX_NUMBER: Number = Number(9_999);

/// A name in the languages it has; Japanese always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
    /// Chinese, simplified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zh: Option<String>,
    /// Korean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ko: Option<String>,
}

impl Text {
    /// Returns the text in a language, or in Japanese where it has none.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        let own = match lang {
            Lang::Ja => None,
            Lang::En => self.en.as_deref(),
            Lang::Zh => self.zh.as_deref(),
            Lang::Ko => self.ko.as_deref(),
        };
        own.unwrap_or(&self.ja)
    }
}

/// The clinic: its name, address and looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its name.
    pub name: Text,
    /// Its postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where patients look up their turn: the token is appended. No QR code is printed without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_url: Option<String>,
    /// Whether tickets write the year as 令和.
    #[serde(default)]
    pub era_years: bool,
}

/// The colour that accompanies a line's written name. Slate is for the fifth line and on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineColor {
    /// 藍.
    #[default]
    Indigo,
    /// 緑.
    Green,
    /// 紫.
    Plum,
    /// 茶.
    Brown,
    /// 灰.
    Slate,
}

impl LineColor {
    /// Returns its name as it stands in JSON and in style sheets.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Indigo => "indigo",
            Self::Green => "green",
            Self::Plum => "plum",
            Self::Brown => "brown",
            Self::Slate => "slate",
        }
    }
}

/// What patients wait for in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// 受付.
    Reception,
    /// 診察.
    #[default]
    Consultation,
    /// 検査.
    Test,
    /// 会計.
    Payment,
}

impl StageKind {
    /// Whether patients begin there: a kiosk gives no tickets for tests and payment, which are gone to from a room.
    #[must_use]
    pub const fn is_entrance(self) -> bool {
        matches!(self, Self::Reception | Self::Consultation)
    }
}

/// When a kind of ticket may be taken, relative to a session's hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Minutes from the session's start to the first ticket; negative is before it.
    pub opens_min: i32,
    /// Minutes from the session's end to the last ticket; negative is before it.
    pub closes_min: i32,
    /// No ticket while the predicted end of the last consultation is later than this many minutes after the
    /// session's end; taking goes on by itself when the queue shrinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_end_min: Option<i32>,
}

/// How booked patients and walk-ins take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interleave {
    /// So many booked,
    pub booked: u8,
    /// then so many walk-ins.
    pub walk_in: u8,
}

/// One counter's queue (業務).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number within the site.
    pub line: LineNo,
    /// Its name.
    pub name: Text,
    /// The colour that goes with the name.
    #[serde(default)]
    pub color: LineColor,
    /// What is waited for.
    #[serde(default)]
    pub kind: StageKind,
    /// Letters before the number on the label: up to two capitals, or none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// The least figures a label is written with.
    #[serde(default = "one_figure")]
    pub figures: u8,
    /// The first number of each session.
    #[serde(default)]
    pub first: BTreeMap<SessionId, Number>,
    /// The first number where the session names none.
    #[serde(default = "number_one")]
    pub first_number: Number,
    /// The last number a label can be made of in a day.
    #[serde(default = "three_figures")]
    pub last_number: Number,
    /// Endings of numbers that are never given (4, 9, 13, 42).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_endings: Vec<u32>,
    /// Every so manieth number is kept for interrupts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_every: Option<u32>,
    /// Minutes one patient takes in one room.
    #[serde(default = "six_minutes")]
    pub minutes: u32,
    /// When the kiosk and the desk give numbers.
    #[serde(default = "desk_window")]
    pub desk: Window,
    /// When remote tickets are given.
    #[serde(default = "remote_window")]
    pub remote: Window,
    /// How booked patients and walk-ins take turns; without it all go by arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interleave: Option<Interleave>,
    /// Breaks in consultation, such as lunch: estimates step over them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<Break>,
}

const fn one_figure() -> u8 {
    1
}
const fn number_one() -> Number {
    Number(1)
}
const fn three_figures() -> Number {
    Number(999)
}
const fn six_minutes() -> u32 {
    6
}
const fn desk_window() -> Window {
    Window { opens_min: -30, closes_min: 30, predicted_end_min: None }
}
const fn remote_window() -> Window {
    Window { opens_min: -30, closes_min: -30, predicted_end_min: None }
}

/// A stretch of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Break {
    /// Its start, included.
    pub from: DayTime,
    /// Its end, excluded.
    pub to: DayTime,
}

/// The direction of a room's door, seen from the monitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrow {
    /// No arrow.
    #[default]
    None,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Ahead.
    Up,
    /// Behind those who look at the monitor.
    Back,
}

/// A room (診察室) or desk (窓口) to which patients are called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// Its id.
    pub room: RoomId,
    /// Its name, always with its noun: 第1診察室.
    pub name: Text,
    /// At most 7 full-width characters for the board, where the name is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short: Option<String>,
    /// How it is said aloud, where a voice would read its name wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub say: Option<Text>,
    /// The lines whose patients are called here, first ones first.
    pub lines: Vec<LineNo>,
    /// Its place on the board: door order.
    #[serde(default)]
    pub order: u16,
    /// Where its door is.
    #[serde(default)]
    pub arrow: Arrow,
}

/// A stretch of reception (午前・午後・夜間).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its id.
    pub session: SessionId,
    /// Its name.
    pub name: Text,
    /// When reception begins.
    pub from: DayTime,
    /// When reception ends.
    pub to: DayTime,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeekDay {
    /// 月.
    Mon,
    /// 火.
    Tue,
    /// 水.
    Wed,
    /// 木.
    Thu,
    /// 金.
    Fri,
    /// 土.
    Sat,
    /// 日.
    Sun,
}

/// Which sessions are held on some days of the week; a later rule overrules an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeekRule {
    /// The days of the week it speaks of.
    pub days: Vec<WeekDay>,
    /// Only the so manieth of the month (2nd and 4th Thursday); empty is every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nth: Vec<u8>,
    /// The sessions held; none is closed.
    pub sessions: Vec<SessionId>,
}

/// Days on which the clinic is closed, first and last included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// What to tell patients.
    #[serde(default)]
    pub why: Text,
}

/// A day on which the clinic is open against its week or a holiday.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The day.
    pub day: Day,
    /// The sessions held.
    pub sessions: Vec<SessionId>,
}

/// A public holiday that the computed list has wrongly, or lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidayChange {
    /// The day.
    pub day: Day,
    /// Whether it is one.
    pub holiday: bool,
}

/// The clinic's calendar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// The sessions of a day, in order.
    #[serde(default)]
    pub sessions: Vec<Session>,
    /// Which are held when.
    #[serde(default)]
    pub week: Vec<WeekRule>,
    /// Whether the clinic opens on public holidays as on other days.
    #[serde(default)]
    pub open_on_holidays: bool,
    /// One-off and yearly closures (year end, お盆).
    #[serde(default)]
    pub closures: Vec<Closure>,
    /// Openings against the rule (当番医): stronger than closures.
    #[serde(default)]
    pub openings: Vec<Opening>,
    /// Corrections of the list of public holidays.
    #[serde(default)]
    pub holidays: Vec<HolidayChange>,
}

/// The rules of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// When a business day begins.
    pub day_starts: DayTime,
    /// The same button pressed again within this time does nothing, in milliseconds.
    pub double_press_ms: u32,
    /// A returning absent patient goes behind so many; without it, last.
    pub absent_back: Option<u32>,
    /// An absent patient is called again after so many minutes,
    pub absent_again_min: u32,
    /// so many times.
    pub absent_again_times: u32,
    /// A remote or booked patient who comes after the turn goes behind so many; without it, last.
    pub late_back: Option<u32>,
    /// A booked patient is late so many minutes after the time.
    pub booked_grace_min: u32,
    /// Whether those who have not arrived are counted as waiting.
    pub count_not_arrived: bool,
    /// Whether booked patients whose time has passed are still counted, in people and in minutes.
    pub count_late: bool,
    /// How far numbering jumps after a restore.
    pub restore_jump: u32,
    /// Hours after the end of the business day at which personal data is erased.
    pub erase_after_h: u32,
    /// Most people in one family ticket.
    pub family_most: u8,
    /// How many numbers of each line are leased to the hub ahead, for tickets taken from afar.
    #[serde(skip_serializing_if = "is_usual_lease")]
    pub remote_lease: u8,
}

/// How many numbers are leased unless the clinic says otherwise.
const USUAL_LEASE: u8 = 5;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a field by reference")]
const fn is_usual_lease(lease: &u8) -> bool {
    *lease == USUAL_LEASE
}

impl Rules {
    /// Returns the business day that holds an instant.
    #[must_use]
    pub fn day_at(&self, at: AtMs) -> Day {
        Day::holding(at, self.day_starts.0)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            day_starts: DayTime(4 * 60),
            double_press_ms: 2_000,
            absent_back: Some(3),
            absent_again_min: 10,
            absent_again_times: 2,
            late_back: Some(3),
            booked_grace_min: 15,
            count_not_arrived: false,
            count_late: false,
            restore_jump: 50,
            erase_after_h: 24,
            family_most: 6,
            remote_lease: USUAL_LEASE,
        }
    }
}

/// A ticket printer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Printer {
    /// Its id.
    pub printer: PrinterId,
    /// `tcp:HOST:PORT`, `serial:/dev/serial/by-id/…:BAUD` or `file:/dev/usb/lp0`.
    pub address: String,
    /// The name of its profile: dots, cutter, strips and quirks.
    pub profile: String,
    /// The lines whose tickets it prints; empty is all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineNo>,
}
