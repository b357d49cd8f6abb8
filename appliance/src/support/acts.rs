//! What can be ordered, carried out: each act says what it did, step by step, and shows nothing of a patient.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use machiai_core::command::{Basis, Command};
use machiai_core::facts::Fact;
use machiai_core::ids::{Label, PlaceId, PrinterId};
use machiai_core::support::Picture;
use machiai_core::support::order::Act;
use machiai_core::time::AtMs;
use machiai_core::view::BoardView;

use super::bundle;
use crate::app::Shared;
use crate::doctor::look::within;
use crate::doctor::report;
use crate::surface::board::view_now;
use crate::surface::printer::Outcome;
use crate::surface::printer::address::Address;
use crate::surface::printer::profile::Profile;
use machiai_panel::Layout;

/// How long a screen may take to come back.
const SCREEN_FOR: Duration = Duration::from_secs(30);

/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The sizes of a picture of the whole monitor: the largest one that a fact can hold is taken.
const PICTURES_PX: [(u32, u32); 4] = [(960, 540), (640, 360), (480, 270), (320, 180)];

/// The most that a fact takes of a picture, in bytes, and of what was found, in characters.
const MOST_PICTURE_BYTES: usize = 40 * 1024;
/// See [`MOST_PICTURE_BYTES`].
const MOST_FOUND_BYTES: usize = 48 * 1024;

/// What was done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran {
    /// Whether what was ordered was done.
    pub(crate) is_done: bool,
    /// When it began; none where it did not.
    pub(crate) began: Option<AtMs>,
    /// Step by step.
    pub(crate) steps: Vec<String>,
    /// What was found.
    pub(crate) found: Option<String>,
    /// The picture.
    pub(crate) picture: Option<Picture>,
}

impl Ran {
    /// Says why something could not be done.
    pub(crate) fn failed(why: &str) -> Self {
        Self { steps: vec![why.to_owned()], ..Self::default() }
    }

    fn done(step: String) -> Self {
        Self { is_done: true, steps: vec![step], ..Self::default() }
    }
}

/// Carries an act out.
pub(crate) async fn carry_out(app: &Shared, act: &Act) -> Ran {
    match act {
        Act::Diagnostics {} => found("the box was looked at", &bundle::diagnostics(app)),
        Act::Doctor {} => {
            let report = report(app.panel.words(), within(app).await);
            found("the doctor looked at machine, devices and network", &report.coarse())
        }
        Act::Screenshot {} => screenshot(app),
        Act::RestartScreen { monitor } => restart(app, monitor).await,
        Act::TestPage { printer } => test_page(app, printer).await,
        // It lasts: `serve` has set it, or could not.
        Act::LogLevel { .. } => Ran::failed("the log cannot be changed here"),
        Act::PullProgram {} => pull(app),
        Act::UpdateConfiguration { printer, address, profile } => set_printer(app, printer, (address, profile)).await,
    }
}

fn found(step: &str, what: &impl serde::Serialize) -> Ran {
    match serde_json::to_string(what) {
        Ok(text) if text.len() <= MOST_FOUND_BYTES => Ran { found: Some(text), ..Ran::done(step.to_owned()) },
        Ok(_) | Err(_) => Ran::failed("what was found does not fit a report"),
    }
}

/// Takes a picture of the board, on which nobody's number, and nothing that anybody typed, can be read.
fn screenshot(app: &Shared) -> Ran {
    let view = redacted(view_now(app));
    let Ok(svg) = app.panel.board_svg(&view, Layout::Landscape) else {
        return Ran::failed("the board cannot be drawn");
    };
    let drawn = |(width, height): (u32, u32)| app.panel.pixels(&svg, width, height).ok()?.png().ok();
    match PICTURES_PX.into_iter().filter_map(drawn).find(|png| png.len() <= MOST_PICTURE_BYTES) {
        Some(png) => {
            let picture = Picture { kind: "image/png".to_owned(), base64: STANDARD.encode(png) };
            let step = "the board was drawn as it stands, with every number and message struck out";
            Ran { picture: Some(picture), ..Ran::done(step.to_owned()) }
        }
        None => Ran::failed("the picture does not fit a report"),
    }
}

/// Strikes out of a board what could tell somebody of a patient.
pub(crate) fn redacted(mut view: BoardView) -> BoardView {
    let struck = || "0".to_owned();
    for room in &mut view.rooms {
        room.label = room.label.as_ref().map(|_| struck());
    }
    for line in &mut view.lines {
        line.next.iter_mut().for_each(|label| *label = Label(struck()));
    }
    for call in &mut view.calls {
        call.label = struck();
        call.speech.clear();
    }
    view.absent.iter_mut().chain(&mut view.wait_longer).for_each(|label| *label = Label(struck()));
    view.message = None;
    view
}

async fn restart(app: &Shared, monitor: &PlaceId) -> Ran {
    let Some(before) = app.screens.restart(monitor) else { return Ran::failed("no such monitor is connected") };
    let told = format!("the screen of {monitor} was told to start anew");
    let comes_back = async {
        while !app.screens.is_back(monitor, &before) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(SCREEN_FOR, comes_back).await.is_err() {
        return Ran { steps: vec![told, "it did not come back in time".to_owned()], ..Ran::default() };
    }
    Ran { is_done: true, steps: vec![told, "it came back".to_owned()], ..Ran::default() }
}

async fn test_page(app: &Shared, printer: &PrinterId) -> Ran {
    if !app.gate.read(|clinic| clinic.standing.printers.contains_key(printer)) {
        return Ran::failed("there is no such printer");
    }
    match app.printers.test(printer.clone()).await {
        Outcome::Printed => Ran::done(format!("a test page was printed on {printer}")),
        Outcome::Refused(trouble) => Ran::failed(&format!("nothing was printed on {printer}: {trouble:?}")),
        Outcome::Unconfirmed(trouble) => {
            Ran::failed(&format!("whether {printer} printed the test page is not known: {trouble:?}"))
        }
    }
}

fn pull(app: &Shared) -> Ran {
    if app.linked.status().is_none() {
        return Ran::failed("there is no channel to the hub");
    }
    let n_missing = app.contents.coming().n_missing;
    app.contents.pull();
    Ran::done(format!("what is missing is asked for at once: {n_missing} pieces were"))
}

async fn set_printer(app: &Shared, printer: &PrinterId, (address, profile): (&String, &String)) -> Ran {
    let before = app.gate.read(|clinic| clinic.standing.printers.get(printer).cloned());
    let Some(before) = before else { return Ran::failed("there is no such printer") };
    if address.parse::<Address>().is_err() {
        return Ran::failed("no printer can be reached so");
    }
    if Profile::named(profile).is_err() {
        return Ran::failed("there is no such kind of printer");
    }
    let after =
        machiai_core::settings::Printer { address: address.clone(), profile: profile.clone(), ..before.clone() };
    let facts = vec![Fact::PrinterSet(after)];
    match app.ask_itself(Command::ChangeSettings { facts, basis: Basis::Any }).await {
        Ok(_) => Ran::done(format!(
            "{printer} is reached by {address} as {profile}; it was {} as {}",
            before.address, before.profile
        )),
        Err(_) => Ran::failed("the settings were not changed"),
    }
}
