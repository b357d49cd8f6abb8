//! The monitor itself, without a desktop: the graphics card at which it hangs, opened, and the mode that is taken.
//!
//! kmssink opens cards by the names of drivers that it knows, and takes whatever mode is set: it is handed a card here,
//! of whatever driver, and a picture of the mode's size.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::lamp::{self, Connector};

/// Where Linux has its cards, by the names that begin the connectors' ones.
pub(crate) const CARDS: &str = "/dev/dri";

/// Why there is no monitor to be shown at.
#[derive(Debug, Error)]
pub enum KmsError {
    /// No connector has one.
    #[error("no monitor is connected{}", name.as_ref().map_or_else(String::new, |name| format!(" to {name}")))]
    NoMonitor {
        /// The connector that was asked for, if one was.
        name: Option<String>,
    },
    /// The card does not open.
    #[error("cannot open the graphics card {}", at.display())]
    Open {
        /// Which.
        at: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// An opened card with a monitor. Whoever opens a card first, and keeps it open, sets its modes.
#[derive(Debug)]
pub(crate) struct Card {
    device: File,
    /// The width and height of the mode to be set.
    pub(crate) size_px: (u16, u16),
}

impl Card {
    /// Opens the card of the connected monitor, or of the one at a connector of a name; its mode is of the wanted size
    /// where the monitor has one, and else the one it likes best.
    ///
    /// # Errors
    /// [`KmsError`]: try again when there is a monitor.
    pub(crate) fn open(
        (connectors, cards): (&Path, &Path),
        name: Option<&str>,
        wanted_px: (u32, u32),
    ) -> Result<Self, KmsError> {
        let no_monitor = || KmsError::NoMonitor { name: name.map(str::to_owned) };
        let is_connected = |connector: &Connector| connector.told("status").as_deref() == Some("connected");
        let monitor = lamp::connectors(connectors, name).into_iter().find(is_connected).ok_or_else(no_monitor)?;
        // The best liked first.
        let modes: Vec<(u16, u16)> = monitor.told("modes").unwrap_or_default().lines().filter_map(mode).collect();
        let is_wanted = |(width, height): &&(u16, u16)| (u32::from(*width), u32::from(*height)) == wanted_px;
        let size_px = modes.iter().find(is_wanted).or_else(|| modes.first());
        let size_px = *size_px.ok_or_else(no_monitor)?;
        let at = cards.join(monitor.card);
        let device = OpenOptions::new().read(true).write(true).open(&at);
        Ok(Self { device: device.map_err(|source| KmsError::Open { at, source })?, size_px })
    }

    /// Returns the descriptor; it is open as long as this is kept.
    pub(crate) fn fd(&self) -> RawFd {
        self.device.as_raw_fd()
    }
}

/// Reads a mode; none of what is interlaced, `1920x1080i`.
fn mode(line: &str) -> Option<(u16, u16)> {
    let (width, height) = line.trim().split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn write(path: &Path, text: &str) {
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Opens among some connectors, each with its status and modes; returns the size, or what was said.
    fn opened(connectors: &[(&str, &str, &str)], name: Option<&str>) -> Result<(u16, u16), String> {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("card0"), "");
        for (connector, status, modes) in connectors {
            let own = folder.path().join(connector);
            std::fs::create_dir(&own).unwrap();
            write(&own.join("status"), &format!("{status}\n"));
            write(&own.join("modes"), modes);
        }
        let card = Card::open((folder.path(), folder.path()), name, (1920, 1080));
        card.map(|card| card.size_px).map_err(|cause| cause.to_string().replace(folder.path().to_str().unwrap(), ""))
    }

    #[test]
    fn the_mode_is_as_large_as_the_picture_where_the_monitor_has_one() {
        let hdmi = |modes| ("card0-HDMI-A-1", "connected", modes);
        assert_eq!(opened(&[hdmi("3840x2160\n1920x1080i\n1920x1080\n")], None), Ok((1920, 1080)));
        assert_eq!(opened(&[hdmi("1366x768\n1920x1080i\n1024x768\n")], None), Ok((1366, 768)));
        assert_eq!(opened(&[hdmi("")], None), Err("no monitor is connected".to_owned()));
    }

    #[test]
    fn the_monitor_is_the_one_that_was_named_or_that_is_connected() {
        let both = [("card0-DP-1", "disconnected", ""), ("card1-HDMI-A-1", "connected", "1920x1080")];
        assert_eq!(opened(&both, Some("DP-1")), Err("no monitor is connected to DP-1".to_owned()));
        assert_eq!(opened(&both, None), Err("cannot open the graphics card /card1".to_owned()));
        assert_eq!(opened(&[], None), Err("no monitor is connected".to_owned()));
        let two = [("card0-DP-1", "connected", "1280x720"), ("card0-DP-2", "connected", "1920x1080")];
        assert_eq!(opened(&two, Some("DP-2")), Ok((1920, 1080)));
    }
}
