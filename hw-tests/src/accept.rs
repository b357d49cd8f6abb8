//! The acceptance of a site: a walk through its devices, each scene confirmed by whoever stands before it.
//!
//! A scene passes only when the device did what it must and the person said that it did. What was not named is skipped,
//! by name. The same scenes run on emulators in the tests, with a person who looks at the emulator.

mod numbers;
mod paper;
pub mod person;
mod picture;
pub mod report;
mod touch;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use machiai_core::support::commission::{Came, Scene};
use machiai_core::time::AtMs;

use crate::demo::api::Api;
use person::Person;

/// How long a person may take to do what is asked of them at a device.
pub const DONE_WITHIN: Duration = Duration::from_secs(60);

/// A device on a serial or input line, as `PATH=PROTOCOL`; a reader that plays a keyboard has no protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnLine {
    /// Its node.
    pub path: PathBuf,
    /// What it says.
    pub protocol: Option<String>,
}

impl FromStr for OnLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, protocol) = match text.rsplit_once('=') {
            Some((path, protocol)) if !protocol.is_empty() => (path, Some(protocol.to_owned())),
            Some(_) => return Err("it is PATH=PROTOCOL, or PATH alone".to_owned()),
            None => (text, None),
        };
        if !path.starts_with('/') {
            return Err("the path begins with /".to_owned());
        }
        Ok(Self { path: PathBuf::from(path), protocol })
    }
}

/// What a site has.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// A ticket printer: `tcp://HOST:PORT`, `serial:PATH:BAUD`, `file:PATH`.
    pub printer: Option<String>,
    /// The kind of printer.
    pub profile: String,
    /// A button box.
    pub serial: Option<OnLine>,
    /// A number display.
    pub display: Option<OnLine>,
    /// A reader of tickets' codes.
    pub reader: Option<OnLine>,
    /// A keypad.
    pub keypad: Option<PathBuf>,
    /// A monitor, by its name at the box.
    pub screen: Option<String>,
}

/// A step of a scene that a person or a device did not do as it must.
pub(crate) type Step = Result<(), String>;

/// Every scene, in the order in which they are walked through.
pub const SCENES: [&str; 9] = [
    "ticket_is_printed",
    "paper_out_is_told",
    "buttons_are_heard",
    "buttons_come_back",
    "display_shows_numbers",
    "display_comes_back",
    "code_is_read",
    "number_is_typed",
    "monitor_shows_the_board",
];

/// Walks through a site's devices.
///
/// # Errors
/// Nobody can be asked any more.
pub async fn walk(site: &Site, api: Option<&Api>, person: &mut dyn Person) -> Result<Vec<Scene>> {
    let mut scenes = Vec::new();
    for name in SCENES {
        let (device, came) = match name {
            "ticket_is_printed" => {
                (site.printer.clone(), site.printer.as_ref().map(|it| paper::prints((it, &site.profile), person)))
            }
            "paper_out_is_told" => {
                (site.printer.clone(), site.printer.as_ref().map(|it| paper::runs_out((it, &site.profile), person)))
            }
            "buttons_are_heard" => {
                (named(site.serial.as_ref()), site.serial.as_ref().map(|it| touch::buttons(it, person)))
            }
            "buttons_come_back" => {
                (named(site.serial.as_ref()), site.serial.as_ref().map(|it| touch::comes_back(it, person)))
            }
            "display_shows_numbers" => {
                (named(site.display.as_ref()), site.display.as_ref().map(|it| numbers::shows(it, person)))
            }
            "display_comes_back" => {
                (named(site.display.as_ref()), site.display.as_ref().map(|it| numbers::comes_back(it, person)))
            }
            "code_is_read" => (named(site.reader.as_ref()), site.reader.as_ref().map(|it| touch::reads(it, person))),
            "number_is_typed" => {
                let keypad = site.keypad.as_ref().map(|path| OnLine { path: path.clone(), protocol: None });
                (named(keypad.as_ref()), keypad.as_ref().map(|it| touch::types(it, person)))
            }
            _ => {
                let shown = match (&site.screen, api) {
                    (Some(monitor), Some(api)) => Some(picture::shows(monitor, api, person).await),
                    (Some(_), None) => Some(Err("no box was named that shows it".to_owned())),
                    (None, _) => None,
                };
                (site.screen.clone(), shown)
            }
        };
        let scene = judged(name, device.unwrap_or_default(), came);
        person.tell(&line_of(&scene))?;
        scenes.push(scene);
    }
    Ok(scenes)
}

/// Returns the time of the machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a report says when it was made, by the clock of who makes it")]
pub fn now() -> AtMs {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    AtMs(since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0))
}

fn named(device: Option<&OnLine>) -> Option<String> {
    device.map(|device| device.path.to_string_lossy().into_owned())
}

fn judged(name: &str, device: String, came: Option<Step>) -> Scene {
    let (came, why) = match came {
        None => (Came::Skipped, "no such device was named".to_owned()),
        Some(Ok(())) => (Came::Passed, String::new()),
        Some(Err(why)) => (Came::Failed, why),
    };
    Scene { scene: name.to_owned(), device, came, why }
}

/// Says how a scene came out, in a line.
#[must_use]
pub fn line_of(scene: &Scene) -> String {
    let came = match scene.came {
        Came::Passed => "passed ",
        Came::Failed => "FAILED ",
        Came::Skipped => "skipped",
    };
    let why = if scene.why.is_empty() { String::new() } else { format!(": {}", scene.why) };
    format!("{came} {}{why}", scene.scene)
}
