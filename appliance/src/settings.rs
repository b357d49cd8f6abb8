//! Settings as one file: read whole, compared with what stands, and turned into the facts that change it.

pub(crate) mod difference;
pub(crate) mod seen;

use std::collections::BTreeSet;

use machiai_core::call::told::{TariffRemoved, TariffSet};
use machiai_core::facts::{Fact, LineRemoved, PrinterRemoved, RoomRemoved};
use machiai_core::ids::PrinterId;
use machiai_core::settings::Place;
use machiai_core::settings::{Hours, Line, Printer, Room, Rules, Site};
use machiai_core::standing::Standing;
use serde::{Deserialize, Serialize};

use crate::surface::printer::address::Address;
use crate::surface::printer::profile::Profile;

/// The largest document of settings, in bytes: a clinic of twelve rooms has a tenth of it.
pub(crate) const MAX_SETTINGS_BYTES: usize = 256 * 1024;

/// Everything a clinic decides, as `machiai settings export` writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The clinic.
    pub site: Site,
    /// The rules of the queue.
    #[serde(default)]
    pub rules: Rules,
    /// The calendar.
    #[serde(default)]
    pub hours: Hours,
    /// The lines.
    #[serde(default)]
    pub lines: Vec<Line>,
    /// The rooms.
    #[serde(default)]
    pub rooms: Vec<Room>,
    /// The printers.
    #[serde(default)]
    pub printers: Vec<Printer>,
    /// The tariffs of consultation calls; reservations before the first one are rated by the one that is built in.
    #[serde(default)]
    pub tariffs: Vec<TariffSet>,
}

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not TOML, or with an unknown key.
    #[error("settings are not as they should be")]
    Malformed(#[source] Box<toml::de::Error>),
    /// They cannot be written as TOML.
    #[error("cannot write settings")]
    Unwritable(#[source] Box<toml::ser::Error>),
    /// Two lines, rooms or printers have the same number or id.
    #[error("{0} stands there twice")]
    Twice(Place),
    /// A printer's address is not known.
    #[error("printer {printer}: {why}")]
    Address {
        /// Which printer.
        printer: PrinterId,
        /// What about it.
        why: String,
    },
    /// A printer's profile is not known.
    #[error("printer {printer}: {why}")]
    Profile {
        /// Which printer.
        printer: PrinterId,
        /// What about it.
        why: String,
    },
}

impl Settings {
    /// Reads settings from TOML.
    ///
    /// # Errors
    /// [`SettingsError`] names the line.
    pub fn read(text: &str) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text).map_err(|cause| SettingsError::Malformed(Box::new(cause)))?;
        settings.check()?;
        Ok(settings)
    }

    /// Writes settings as TOML.
    ///
    /// # Errors
    /// [`SettingsError::Unwritable`], which no settings read by this program give.
    pub fn write(&self) -> Result<String, SettingsError> {
        toml::to_string_pretty(self).map_err(|cause| SettingsError::Unwritable(Box::new(cause)))
    }

    /// Checks what core cannot know: that nothing stands there twice, that printers can be reached and drawn for.
    ///
    /// # Errors
    /// The first of [`Settings::faults`].
    pub fn check(&self) -> Result<(), SettingsError> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// Lists what core cannot know to be wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<SettingsError> {
        let lines = twice(self.lines.iter().map(|line| Place::Line(line.line)));
        let rooms = twice(self.rooms.iter().map(|room| Place::Room(room.room.clone())));
        let printers = twice(self.printers.iter().map(|printer| Place::Printer(printer.printer.clone())));
        let tariffs = twice(self.tariffs.iter().map(|set| Place::Tariff(set.from)));
        let mut faults: Vec<_> =
            [lines, rooms, printers, tariffs].into_iter().flatten().map(SettingsError::Twice).collect();
        for Printer { printer, address, profile, .. } in &self.printers {
            if let Err(cause) = address.parse::<Address>() {
                faults.push(SettingsError::Address { printer: printer.clone(), why: cause.to_string() });
            }
            if let Err(cause) = Profile::named(profile) {
                faults.push(SettingsError::Profile { printer: printer.clone(), why: cause.to_string() });
            }
        }
        faults
    }

    /// Returns the settings that stand.
    #[must_use]
    pub fn of(standing: &Standing) -> Self {
        Self {
            site: standing.site.clone(),
            rules: standing.rules.clone(),
            hours: standing.hours.clone(),
            lines: standing.lines.values().cloned().collect(),
            rooms: standing.rooms.values().cloned().collect(),
            printers: standing.printers.values().cloned().collect(),
            tariffs: standing
                .tariffs
                .iter()
                .map(|(from, tariff)| TariffSet { from: *from, tariff: tariff.clone() })
                .collect(),
        }
    }

    /// Returns the facts that make these settings of those that stand; none when nothing changes.
    #[must_use]
    pub fn changes(&self, standing: &Standing) -> Vec<Fact> {
        let mut facts = Vec::new();
        if self.site != standing.site {
            facts.push(Fact::SiteSet(self.site.clone()));
        }
        if self.rules != standing.rules {
            facts.push(Fact::RulesSet(self.rules.clone()));
        }
        if self.hours != standing.hours {
            facts.push(Fact::HoursSet(self.hours.clone()));
        }
        let is_new_line = |line: &&Line| standing.lines.get(&line.line) != Some(line);
        facts.extend(self.lines.iter().filter(is_new_line).cloned().map(Fact::LineSet));
        let is_new_room = |room: &&Room| standing.rooms.get(&room.room) != Some(room);
        facts.extend(self.rooms.iter().filter(is_new_room).cloned().map(Fact::RoomSet));
        let is_new_printer = |printer: &&Printer| standing.printers.get(&printer.printer) != Some(printer);
        facts.extend(self.printers.iter().filter(is_new_printer).cloned().map(Fact::PrinterSet));
        let is_new_tariff = |set: &&TariffSet| standing.tariffs.get(&set.from) != Some(&set.tariff);
        facts.extend(self.tariffs.iter().filter(is_new_tariff).cloned().map(Fact::TariffSet));
        facts.extend(self.removals(standing));
        facts
    }

    fn removals(&self, standing: &Standing) -> Vec<Fact> {
        let mut facts = Vec::new();
        for printer in standing.printers.keys().filter(|id| !self.printers.iter().any(|p| p.printer == **id)) {
            facts.push(Fact::PrinterRemoved(PrinterRemoved { printer: printer.clone() }));
        }
        for room in standing.rooms.keys().filter(|id| !self.rooms.iter().any(|r| r.room == **id)) {
            facts.push(Fact::RoomRemoved(RoomRemoved { room: room.clone() }));
        }
        for from in standing.tariffs.keys().filter(|from| !self.tariffs.iter().any(|set| set.from == **from)) {
            facts.push(Fact::TariffRemoved(TariffRemoved { from: *from }));
        }
        for line in standing.lines.keys().filter(|id| !self.lines.iter().any(|l| l.line == **id)) {
            facts.push(Fact::LineRemoved(LineRemoved { line: *line }));
        }
        facts
    }
}

/// Returns those that stand there more than once.
fn twice(places: impl Iterator<Item = Place>) -> BTreeSet<Place> {
    let mut seen = BTreeSet::new();
    places.filter(|place| !seen.insert(place.clone())).collect()
}
