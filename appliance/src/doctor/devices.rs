//! What is found of printers and monitors, by what was asked of them and what the daemon says.

use std::collections::BTreeMap;

use machiai_core::facts::PrintTrouble;
use machiai_core::health::{PrinterHealth, ScreenHealth};
use machiai_core::ids::{DeviceId, PlaceId, PrinterId};
use machiai_core::settings::Printer;

use super::eye::Eye;
use super::{Check, Finding, Grade};
use crate::devices::known::{Known, Standing};
use crate::surface::printer::address::Address;
use crate::surface::printer::clock::RealTime;
use crate::surface::printer::profile::Profile;
use crate::surface::printer::{Limits, Outcome, status};

/// What a printer answered, or what came of its last ticket where the daemon has it in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PrinterRead {
    /// Its settings name no device or no kind of printer that there is.
    BadSettings,
    /// It says that it is well, or the last ticket came out.
    Well,
    /// It was not asked: the daemon has it in hand and has printed nothing yet.
    Untried,
    /// Something is wrong.
    Wrong(PrintTrouble),
    /// It is reached, and never tells its state, as its kind does not.
    Mute,
    /// A test page was printed.
    Tested(Outcome),
}

impl PrinterRead {
    /// Reads what the daemon knows.
    pub(crate) const fn of_daemon(health: PrinterHealth) -> Self {
        match health {
            PrinterHealth::Untried => Self::Untried,
            PrinterHealth::Ok => Self::Well,
            PrinterHealth::PaperOut => Self::Wrong(PrintTrouble::PaperOut),
            PrinterHealth::CoverOpen => Self::Wrong(PrintTrouble::CoverOpen),
            PrinterHealth::Unreachable => Self::Wrong(PrintTrouble::Unreachable),
            PrinterHealth::Mechanism => Self::Wrong(PrintTrouble::Mechanism),
            PrinterHealth::Silent => Self::Wrong(PrintTrouble::Silent),
            PrinterHealth::Unconfirmed => Self::Wrong(PrintTrouble::Broken),
        }
    }

    /// Asks a printer itself; only while no ticket can be on its way there.
    pub(crate) fn ask(printer: &Printer) -> Self {
        let (Ok(profile), Ok(address)) = (Profile::named(&printer.profile), printer.address.parse::<Address>()) else {
            return Self::BadSettings;
        };
        match status(&mut *address.transport(), profile, &Limits::USUAL, &RealTime::start()) {
            Ok(status) => status.trouble().map_or(Self::Well, Self::Wrong),
            Err(PrintTrouble::Silent) if !profile.answers_status => Self::Mute,
            Err(trouble) => Self::Wrong(trouble),
        }
    }
}

/// Judges the printers.
pub(crate) fn printers(read: &BTreeMap<PrinterId, PrinterRead>) -> Vec<Finding> {
    if read.is_empty() {
        return vec![Finding::new(Check::Printers, Grade::Note, "printer_none")];
    }
    read.iter().map(|(printer, read)| judged(read).with("printer", printer)).collect()
}

fn judged(read: &PrinterRead) -> Finding {
    let found = |grade, code| Finding::new(Check::Printers, grade, code);
    match read {
        PrinterRead::BadSettings => found(Grade::Broken, "printer_settings"),
        PrinterRead::Well => found(Grade::Ok, "printer_ok"),
        PrinterRead::Untried => found(Grade::Ok, "printer_untried"),
        PrinterRead::Mute => found(Grade::Ok, "printer_mute"),
        PrinterRead::Tested(Outcome::Printed) => found(Grade::Ok, "printer_tested"),
        PrinterRead::Tested(Outcome::Refused(trouble) | Outcome::Unconfirmed(trouble))
        | PrinterRead::Wrong(trouble) => found(Grade::Broken, code_of(*trouble)),
    }
}

const fn code_of(trouble: PrintTrouble) -> &'static str {
    match trouble {
        PrintTrouble::PaperOut => "printer_paper_out",
        PrintTrouble::CoverOpen => "printer_cover_open",
        PrintTrouble::Unreachable => "printer_unreachable",
        PrintTrouble::Mechanism | PrintTrouble::Stalled => "printer_mechanism",
        PrintTrouble::Silent => "printer_silent",
        PrintTrouble::Broken | PrintTrouble::Restarted => "printer_unconfirmed",
        PrintTrouble::NotDrawn => "printer_settings",
    }
}

/// What is known of a button box, number display, keypad or reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeviceRead {
    /// It is open.
    Well,
    /// It was not opened: nobody has it in hand, or not yet.
    Untried,
    /// It is not there, or cannot be opened.
    Away,
    /// A key of it hangs.
    Stuck,
}

impl DeviceRead {
    /// Reads what the daemon knows.
    pub(crate) const fn of_daemon(known: &Known) -> Self {
        match known.standing {
            Standing::Untried => Self::Untried,
            Standing::Away => Self::Away,
            Standing::There if known.is_stuck => Self::Stuck,
            Standing::There => Self::Well,
        }
    }
}

/// Judges the devices on lines of their own; most clinics have none.
pub(crate) fn devices(read: &BTreeMap<DeviceId, DeviceRead>) -> Vec<Finding> {
    let judged = |(device, read): (&DeviceId, &DeviceRead)| {
        let (grade, code) = match read {
            DeviceRead::Well => (Grade::Ok, "device_ok"),
            DeviceRead::Untried => (Grade::Ok, "device_untried"),
            DeviceRead::Away => (Grade::Broken, "device_away"),
            DeviceRead::Stuck => (Grade::Broken, "key_stuck"),
        };
        Finding::new(Check::Devices, grade, code).with("device", device)
    };
    read.iter().map(judged).collect()
}

/// A connector of a graphics card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connector {
    /// Its name: `card0-HDMI-A-1`.
    pub(crate) name: String,
    /// Whether a monitor hangs on it.
    pub(crate) is_connected: bool,
    /// Whether the monitor is told to be dark.
    pub(crate) is_dark: bool,
}

/// What is read of monitors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MonitorsRead {
    /// The connectors; nothing where the machine has no graphics, or draws in windows of a server.
    pub(crate) connectors: Vec<Connector>,
    /// The monitors of which the daemon heard since its start.
    pub(crate) screens: BTreeMap<PlaceId, ScreenHealth>,
}

impl MonitorsRead {
    /// Reads the connectors.
    pub(crate) fn look(eye: &Eye, screens: BTreeMap<PlaceId, ScreenHealth>) -> Self {
        let folder = "/sys/class/drm";
        let connectors = eye.names(folder).into_iter().filter_map(|name| {
            let word = |what: &str| eye.word(&format!("{folder}/{name}/{what}"));
            let is_connected = word("status")? == "connected";
            let is_dark = word("dpms").is_some_and(|dpms| dpms != "On");
            Some(Connector { name, is_connected, is_dark })
        });
        Self { connectors: connectors.collect(), screens }
    }
}

/// Judges monitors.
pub(crate) fn monitors(read: &MonitorsRead) -> Vec<Finding> {
    let found = |grade, code| Finding::new(Check::Monitors, grade, code);
    let of_screens = read.screens.iter().map(|(monitor, health)| {
        let judged = match health {
            ScreenHealth::Shown => found(Grade::Ok, "monitor_ok"),
            ScreenHealth::Gone => found(Grade::Broken, "monitor_quiet"),
            ScreenHealth::Failed => found(Grade::Broken, "monitor_failed"),
        };
        judged.with("monitor", monitor)
    });
    let mut findings: Vec<Finding> = of_screens.collect();
    let connected: Vec<&Connector> = read.connectors.iter().filter(|it| it.is_connected).collect();
    // A box whose boards are browsers elsewhere has none of its own.
    if !read.screens.is_empty() && !read.connectors.is_empty() && connected.is_empty() {
        findings.push(found(Grade::Broken, "monitor_unplugged"));
    }
    let dark = connected.iter().filter(|it| it.is_dark);
    findings.extend(dark.map(|it| found(Grade::Note, "monitor_dark").with("monitor", &it.name)));
    if findings.is_empty() {
        findings.push(match connected.first() {
            Some(it) => found(Grade::Ok, "monitor_connected").with("monitor", &it.name),
            None => found(Grade::Note, "monitor_none"),
        });
    }
    findings
}
