//! What may be ordered, for which purpose, and in which time: a closed list, read strictly.

use alloc::string::String;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Why;
use crate::envelope::Trust;
use crate::ids::{OrderId, PlaceId, PrinterId, SiteId};
use crate::time::{AtMs, HOUR_MS};

/// What is signed begins with this, so that no signature under anything else is one under an order.
pub const SIGNED_UNDER: &str = "machiai support order 1\n";

/// The longest text of an order, in bytes.
pub const MAX_ORDER_BYTES: usize = 4 * 1024;

/// The longest reason that is told to the clinic, in characters.
pub const MAX_WHY_CHARS: usize = 200;

/// The longest time within which an order may be carried out.
pub const MAX_SPAN_MS: i64 = 24 * HOUR_MS;

/// What an operator orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its id, drawn at random: it is carried out once.
    pub order: OrderId,
    /// At which clinic.
    pub site: SiteId,
    /// What is to be done.
    pub act: Act,
    /// What for.
    pub purpose: Purpose,
    /// Why, in the operator's words to the clinic.
    pub why: String,
    /// Not before this instant.
    pub not_before_ms: AtMs,
    /// Not at this instant or after it.
    pub not_after_ms: AtMs,
}

/// How much the log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    /// What staff could notice: the usual.
    Info,
    /// What support needs to find a fault.
    Debug,
}

/// What can be ordered, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Tells how the box does: counts, versions, troubles.
    Diagnostics {},
    /// Tells what `machiai doctor` finds.
    Doctor {},
    /// Takes a picture of the board, with every number and message struck out.
    Screenshot {},
    /// Has a monitor's program start anew.
    RestartScreen {
        /// Which monitor, by its place.
        monitor: PlaceId,
    },
    /// Prints a test page.
    TestPage {
        /// On which printer.
        printer: PrinterId,
    },
    /// Has the log say more, or less, until the order's time is over or the clinic takes its yes back.
    LogLevel {
        /// How much.
        level: LogLevel,
    },
    /// Asks the hub for the program and its films at once.
    PullProgram {},
    /// Changes how a printer is reached.
    UpdateConfiguration {
        /// Which printer.
        printer: PrinterId,
        /// Its device or address, as the settings have it.
        address: String,
        /// Its kind, as the settings have it.
        profile: String,
    },
}

/// The names of what can be ordered.
pub const ACTS: [&str; 8] = [
    "diagnostics",
    "doctor",
    "screenshot",
    "restart_screen",
    "test_page",
    "log_level",
    "pull_program",
    "update_configuration",
];

/// What an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Looking whether all is well.
    Checkup,
    /// A printer that does not print.
    Printer,
    /// A monitor that does not show what it should.
    Monitor,
    /// A program or film that does not come or air.
    Program,
    /// The line to the hub.
    Line,
    /// Anything else that went wrong, to be looked into and not changed.
    Fault,
}

impl Act {
    /// Returns its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Diagnostics {} => "diagnostics",
            Self::Doctor {} => "doctor",
            Self::Screenshot {} => "screenshot",
            Self::RestartScreen { .. } => "restart_screen",
            Self::TestPage { .. } => "test_page",
            Self::LogLevel { .. } => "log_level",
            Self::PullProgram {} => "pull_program",
            Self::UpdateConfiguration { .. } => "update_configuration",
        }
    }

    /// Whether it changes what a manager alone may change.
    #[must_use]
    pub const fn is_for_managers(&self) -> bool {
        matches!(self, Self::UpdateConfiguration { .. })
    }
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 6] = [Self::Checkup, Self::Printer, Self::Monitor, Self::Program, Self::Line, Self::Fault];

    /// Returns its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checkup => "checkup",
            Self::Printer => "printer",
            Self::Monitor => "monitor",
            Self::Program => "program",
            Self::Line => "line",
            Self::Fault => "fault",
        }
    }

    /// Whether it asks for an act: looking is part of each, and what changes something has its own.
    #[must_use]
    pub const fn asks_for(self, act: &Act) -> bool {
        match act {
            Act::Diagnostics {} | Act::Doctor {} => true,
            Act::Screenshot {} => matches!(self, Self::Monitor | Self::Program | Self::Fault),
            Act::RestartScreen { .. } => matches!(self, Self::Monitor),
            Act::TestPage { .. } | Act::UpdateConfiguration { .. } => matches!(self, Self::Printer),
            Act::LogLevel { .. } => matches!(self, Self::Line | Self::Fault),
            Act::PullProgram {} => matches!(self, Self::Program),
        }
    }
}

impl Order {
    /// Reads the text of an order.
    ///
    /// # Errors
    /// [`Why::NotOnTheList`] where what is ordered is nothing that can be, else [`Why::NotUnderstood`].
    pub fn read(text: &str) -> Result<Self, Why> {
        /// What an order of any version says of what is ordered.
        #[derive(Deserialize)]
        struct Ordered<'a> {
            #[serde(borrow)]
            act: &'a RawValue,
        }
        #[derive(Deserialize)]
        struct Named {
            r#do: String,
        }
        if text.len() > MAX_ORDER_BYTES {
            return Err(Why::NotUnderstood);
        }
        let Ok(order) = serde_json::from_str::<Self>(text) else {
            let named =
                serde_json::from_str::<Ordered<'_>>(text).and_then(|of| serde_json::from_str::<Named>(of.act.get()));
            let is_unknown = named.is_ok_and(|named| !ACTS.contains(&named.r#do.as_str()));
            return Err(if is_unknown { Why::NotOnTheList } else { Why::NotUnderstood });
        };
        let is_told = (1..=MAX_WHY_CHARS).contains(&order.why.trim().chars().count());
        if is_told && !order.why.contains(char::is_control) { Ok(order) } else { Err(Why::NotUnderstood) }
    }

    /// Says why an order of a site cannot be carried out at an instant, now or ever.
    ///
    /// # Errors
    /// [`Why`].
    pub fn refuse(&self, site: SiteId, now: AtMs) -> Result<(), Why> {
        let span_ms = self.not_after_ms.since(self.not_before_ms);
        if self.site != site {
            return Err(Why::AnotherSite);
        }
        if !self.purpose.asks_for(&self.act) {
            return Err(Why::OutsidePurpose);
        }
        if !(1..=MAX_SPAN_MS).contains(&span_ms) {
            return Err(Why::TooLong);
        }
        if now >= self.not_after_ms { Err(Why::Late) } else { Ok(()) }
    }

    /// Whether it is time for it, by a clock that can be trusted so far.
    ///
    /// # Errors
    /// [`Why::ClockLost`].
    pub fn is_due(&self, now: AtMs, trust: Trust) -> Result<bool, Why> {
        match trust {
            Trust::Lost => Err(Why::ClockLost),
            Trust::Synced | Trust::Free | Trust::Rehearsal => {
                Ok((self.not_before_ms..self.not_after_ms).contains(&now))
            }
        }
    }
}
