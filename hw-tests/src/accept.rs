//! The acceptance of a site: a walk through its devices, each scene confirmed by whoever stands before it.
//!
//! A scene passes only when the device did what it must and the person said that it did. What was not named is skipped,
//! by name. The same scenes run on emulators in the tests, with a person who looks at the emulator.

pub mod cli;
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

/// Walks through a site's devices; one that failed a scene is not tried in the next ones.
///
/// # Errors
/// Nobody can be told any more.
pub async fn walk(site: &Site, api: Option<&Api>, person: &mut dyn Person) -> Result<Vec<Scene>> {
    let mut scenes: Vec<Scene> = Vec::new();
    for name in SCENES {
        let device = site.device_of(name);
        let has_failed =
            |device: &String| scenes.iter().any(|scene| scene.came == Came::Failed && scene.device == *device);
        let scene = match device {
            None => scene(name, "", Came::Skipped, "no such device was named"),
            Some(device) if has_failed(&device) => scene(name, &device, Came::Skipped, "it failed before"),
            Some(device) if name == "paper_out_is_told" && paper::tells_nothing(&site.profile) => {
                scene(name, &device, Came::Skipped, "a printer of its kind never says that its paper is out")
            }
            Some(device) => match tried(name, site, api, person).await {
                Ok(()) => scene(name, &device, Came::Passed, ""),
                Err(why) => scene(name, &device, Came::Failed, &why),
            },
        };
        person.tell(&line_of(&scene))?;
        scenes.push(scene);
    }
    Ok(scenes)
}

impl Site {
    /// Returns the device on which a scene is tried, as it was named; none where there is no such device.
    fn device_of(&self, scene: &str) -> Option<String> {
        let on_line = |device: &Option<OnLine>| device.as_ref().map(|device| device.path.clone());
        let path = match scene {
            "ticket_is_printed" | "paper_out_is_told" => return self.printer.clone(),
            "buttons_are_heard" | "buttons_come_back" => on_line(&self.serial),
            "display_shows_numbers" | "display_comes_back" => on_line(&self.display),
            "code_is_read" => on_line(&self.reader),
            "number_is_typed" => self.keypad.clone(),
            _ => return self.screen.clone(),
        };
        path.map(|path| path.to_string_lossy().into_owned())
    }
}

/// Tries one scene.
async fn tried(scene: &str, site: &Site, api: Option<&Api>, person: &mut dyn Person) -> Step {
    let missing = || "no such device was named".to_owned();
    let printer = || Ok::<_, String>((site.printer.as_deref().ok_or_else(missing)?, site.profile.as_str()));
    let on = |device: &'_ Option<OnLine>| device.clone().ok_or_else(missing);
    match scene {
        "ticket_is_printed" => paper::prints(printer()?, person),
        "paper_out_is_told" => paper::runs_out(printer()?, person),
        "buttons_are_heard" => touch::buttons(&on(&site.serial)?, person),
        "buttons_come_back" => touch::comes_back(&on(&site.serial)?, person),
        "display_shows_numbers" => numbers::shows(&on(&site.display)?, person),
        "display_comes_back" => numbers::comes_back(&on(&site.display)?, person),
        "code_is_read" => touch::reads(&on(&site.reader)?, person),
        "number_is_typed" => {
            let path = site.keypad.clone().ok_or_else(missing)?;
            touch::types(&OnLine { path, protocol: None }, person)
        }
        _ => {
            let monitor = site.screen.as_deref().ok_or_else(missing)?;
            picture::shows(monitor, api.ok_or("no box was named that shows it")?, person).await
        }
    }
}

fn scene(name: &str, device: &str, came: Came, why: &str) -> Scene {
    Scene { scene: name.to_owned(), device: device.to_owned(), came, why: why.to_owned() }
}

/// Returns the time of the machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a report says when it was made, by the clock of who makes it")]
pub fn now() -> AtMs {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    AtMs(since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0))
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
