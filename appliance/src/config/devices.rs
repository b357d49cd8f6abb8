//! The devices on lines of their own: button boxes, number displays, keypads and readers, each by a path that stays.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use machiai_core::ids::{DeviceId, LineNo, RoomId};
use serde::Deserialize;

use crate::devices::protocol::{Protocol, ProtocolError};

/// The devices that are there to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Devices {
    /// Button boxes on serial lines.
    pub buttons: Vec<ButtonBox>,
    /// Number displays on serial lines.
    pub displays: Vec<NumberDisplay>,
    /// Keypads.
    pub keypads: Vec<Keypad>,
    /// Readers of tickets' codes.
    pub readers: Vec<Reader>,
}

/// A box of buttons.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ButtonBox {
    /// What it is called in facts.
    pub name: DeviceId,
    /// Its node, as `/dev/serial/by-id/…`.
    pub path: PathBuf,
    /// What it says: the name of a protocol that is built in, or the path of a file.
    pub protocol: String,
    /// The room whose buttons it has.
    pub room: RoomId,
}

/// A display of one number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberDisplay {
    /// What it is called.
    pub name: DeviceId,
    /// Its node.
    pub path: PathBuf,
    /// What it is told.
    pub protocol: String,
    /// The room whose number it shows.
    pub room: Option<RoomId>,
    /// The line whose number it shows, without the line's letters.
    pub line: Option<LineNo>,
}

/// A keypad on which numbers are typed and ended by Enter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keypad {
    /// What it is called in facts.
    pub name: DeviceId,
    /// Its node, as `/dev/input/by-id/…-event-kbd`.
    pub path: PathBuf,
    /// The room to which a number is called; without one, Enter says that the patient has come.
    pub room: Option<RoomId>,
}

/// A reader of the codes on tickets: what it reads has come.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// What it is called in facts.
    pub name: DeviceId,
    /// Its node: an input device, or a serial line.
    pub path: PathBuf,
    /// What it says on a serial line; none for one that plays a keyboard.
    pub protocol: Option<String>,
}

/// Why devices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A path that begins nowhere.
    #[error("device {name} needs a path that begins with /")]
    RelativePath {
        /// Whose.
        name: DeviceId,
    },
    /// Two of one name, or of one node.
    #[error("device {name} is named twice, or its path is")]
    Twice {
        /// Which.
        name: DeviceId,
    },
    /// Its protocol cannot be used.
    #[error("cannot use the protocol of device {name}")]
    Protocol {
        /// Whose.
        name: DeviceId,
        /// Why.
        #[source]
        source: ProtocolError,
    },
    /// The protocol is of another kind of device.
    #[error("the protocol of device {name} has no {lacks}")]
    OtherKind {
        /// Whose.
        name: DeviceId,
        /// What it lacks.
        lacks: &'static str,
    },
    /// A display of nothing.
    #[error("display {name} shows either a room or a line")]
    NoPlace {
        /// Which.
        name: DeviceId,
    },
}

impl Devices {
    /// Returns every device's name and path.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&DeviceId, &Path)> {
        let buttons = self.buttons.iter().map(|it| (&it.name, it.path.as_path()));
        let displays = self.displays.iter().map(|it| (&it.name, it.path.as_path()));
        let keypads = self.keypads.iter().map(|it| (&it.name, it.path.as_path()));
        let readers = self.readers.iter().map(|it| (&it.name, it.path.as_path()));
        buttons.chain(displays).chain(keypads).chain(readers)
    }

    /// Whether a protocol stands in a file of its own, which may have changed although its path did not.
    pub(super) fn read_files(&self) -> bool {
        let buttons = self.buttons.iter().map(|it| &it.protocol);
        let displays = self.displays.iter().map(|it| &it.protocol);
        let readers = self.readers.iter().filter_map(|it| it.protocol.as_ref());
        buttons.chain(displays).chain(readers).any(|protocol| protocol.starts_with('/'))
    }

    /// Checks them, protocols included.
    pub(super) fn check(&self) -> Result<(), DeviceError> {
        let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
        for (name, path) in self.all() {
            if !path.is_absolute() {
                return Err(DeviceError::RelativePath { name: name.clone() });
            }
            if !names.insert(name) || !paths.insert(path) {
                return Err(DeviceError::Twice { name: name.clone() });
            }
        }
        for it in &self.buttons {
            has(&it.name, &it.protocol, "[buttons]", |protocol| protocol.buttons.is_some())?;
        }
        for it in &self.displays {
            has(&it.name, &it.protocol, "[display]", |protocol| protocol.display.is_some())?;
            if it.room.is_some() == it.line.is_some() {
                return Err(DeviceError::NoPlace { name: it.name.clone() });
            }
        }
        for it in &self.readers {
            it.protocol.as_ref().map_or(Ok(()), |protocol| has(&it.name, protocol, "", |_| true))?;
        }
        Ok(())
    }
}

fn has(
    name: &DeviceId,
    protocol: &str,
    lacks: &'static str,
    has_it: impl FnOnce(&Protocol) -> bool,
) -> Result<(), DeviceError> {
    let read = Protocol::named(protocol);
    let protocol = read.map_err(|source| DeviceError::Protocol { name: name.clone(), source })?;
    if has_it(&protocol) { Ok(()) } else { Err(DeviceError::OtherKind { name: name.clone(), lacks }) }
}
