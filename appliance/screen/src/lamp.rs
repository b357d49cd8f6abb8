//! Whether a lit monitor is there, as far as the kernel knows: what hangs at a connector, and whether it is switched on.
//!
//! A monitor whose own button was pressed mostly stays connected: nobody but a person in the room can tell.

use std::fs;
use std::path::{Path, PathBuf};

use machiai_panel::Seen;

/// Where Linux tells of connectors, a folder each: `card0-HDMI-A-1`.
pub const CONNECTORS: &str = "/sys/class/drm";

/// Where a screen looks whether its monitor is lit.
#[derive(Clone, Debug, Default)]
pub struct Lamp {
    /// The folder of connectors; none for a screen without a monitor.
    pub connectors: Option<PathBuf>,
    /// Its own connector's name, where it was told.
    pub name: Option<String>,
}

impl Lamp {
    /// Looks.
    #[must_use]
    pub fn look(&self) -> Seen {
        self.connectors.as_deref().map_or(Seen::Unknown, |folder| look(folder, self.name.as_deref()))
    }
}

/// A connector of a card.
pub(crate) struct Connector {
    /// The card's name, `card0`.
    pub(crate) card: String,
    folder: PathBuf,
}

impl Connector {
    /// Returns what the kernel tells of it in a file, if it does.
    pub(crate) fn told(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.folder.join(file)).map(|text| text.trim().to_owned()).ok()
    }
}

/// Lists the connectors below a folder, by their names: the one of a name, or all of them.
pub(crate) fn connectors(folder: &Path, name: Option<&str>) -> Vec<Connector> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let connector = |path: PathBuf| {
        let (card, own) = path.file_name()?.to_str()?.split_once('-')?;
        let is_wanted = name.is_none_or(|name| name == own);
        is_wanted.then(|| Connector { card: card.to_owned(), folder: path.clone() })
    };
    paths.into_iter().filter_map(connector).collect()
}

/// Looks at the connectors below a folder: at the one of that name, or at all of them.
fn look(folder: &Path, name: Option<&str>) -> Seen {
    let connectors = connectors(folder, name).into_iter();
    let seen =
        connectors.map(|connector| match (connector.told("status").as_deref(), connector.told("dpms").as_deref()) {
            (Some("connected"), Some("On")) => Seen::Lit,
            (Some("connected"), Some("Off" | "Standby" | "Suspend")) | (Some("disconnected"), _) => Seen::Dark,
            _ => Seen::Unknown,
        });
    // One that is lit is enough; one that does not say may be.
    seen.max_by_key(|seen| match seen {
        Seen::Dark => 0,
        Seen::Unknown => 1,
        Seen::Lit => 2,
    })
    .unwrap_or(Seen::Unknown)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn seen(connectors: &[(&str, &str, &str)], name: Option<&str>) -> Seen {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("version"), "drm 1.1.0");
        fs::create_dir(folder.path().join("card0")).unwrap();
        for (connector, status, dpms) in connectors {
            let own = folder.path().join(connector);
            fs::create_dir(&own).unwrap();
            for (file, text) in [("status", status), ("dpms", dpms)] {
                write(&own.join(file), &format!("{text}\n"));
            }
        }
        look(folder.path(), name)
    }

    #[test]
    fn a_monitor_is_lit_where_one_is_connected_and_switched_on() {
        let hdmi = |status, dpms| ("card0-HDMI-A-1", status, dpms);
        let other = ("card0-DP-1", "disconnected", "Off");
        assert_eq!(seen(&[hdmi("connected", "On"), other], None), Seen::Lit);
        assert_eq!(seen(&[hdmi("connected", "Off"), other], None), Seen::Dark);
        assert_eq!(
            seen(&[hdmi("disconnected", "On"), other], None),
            Seen::Dark,
            "as it was before the plug was pulled"
        );
        assert_eq!(seen(&[hdmi("unknown", "On"), other], None), Seen::Unknown);
        assert_eq!(seen(&[hdmi("connected", ""), other], None), Seen::Unknown);
        assert_eq!(seen(&[], None), Seen::Unknown, "a machine that has no such connectors");
        assert_eq!(look(Path::new("/there/is/none"), None), Seen::Unknown);
    }

    #[test]
    fn of_two_monitors_each_screen_looks_at_its_own() {
        let both = [("card0-HDMI-A-1", "connected", "On"), ("card1-DP-1", "disconnected", "Off")];
        assert_eq!(seen(&both, Some("HDMI-A-1")), Seen::Lit);
        assert_eq!(seen(&both, Some("DP-1")), Seen::Dark);
        assert_eq!(seen(&both, Some("DP-2")), Seen::Unknown, "no connector has that name");
    }
}
