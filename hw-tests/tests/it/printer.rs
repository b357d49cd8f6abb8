//! The printer driver against an emulated printer that speaks real ESC/POS.

mod breaks;
mod drawn;
mod others;
mod pictures;
mod tickets;
mod troubles;

use std::time::Duration;

use machiai::surface::printer::clock::RealTime;
use machiai::surface::printer::profile::{Cutter, Profile};
use machiai::surface::printer::status::Status;
use machiai::surface::printer::{Job, Limits, Outcome, print, status};
use machiai_core::facts::PrintTrouble;
use machiai_hw_tests::printer::{Emulator, Line, Setup};
use machiai_panel::dots::Dots;

/// How long a test waits for what must come.
const SOON: Duration = Duration::from_secs(20);

/// Limits for tests in which something does not come.
const SHORT: Limits = Limits {
    status: Duration::from_millis(300),
    stall: Duration::from_millis(300),
    fence: Duration::from_millis(300),
    look: Duration::from_millis(100),
    ..Limits::USUAL
};

fn profile(name: &str) -> &'static Profile {
    Profile::named(name).unwrap()
}

/// Starts the printer that a profile is for.
fn printer_for(name: &str, line: Line) -> Emulator {
    let profile = profile(name);
    let mut setup = Setup::new(line, profile.dots);
    setup.dpi = profile.dpi;
    setup.has_cutter = profile.cutter != Cutter::None;
    if profile.motion_units {
        // As the TM-T88 series comes: a unit is half a dot.
        setup.motion_units = (usize::from(profile.dpi), usize::from(profile.dpi) * 2);
    }
    Emulator::start(setup).unwrap()
}

fn print_on(printer: &Emulator, name: &str, dots: &Dots, limits: &Limits) -> Outcome {
    print_after(printer, name, dots, limits, None)
}

fn print_after(printer: &Emulator, name: &str, dots: &Dots, limits: &Limits, last: Option<Outcome>) -> Outcome {
    let job = Job { profile: profile(name), dots, last };
    print_at(printer.address(), &job, limits)
}

fn print_at(address: &str, job: &Job<'_>, limits: &Limits) -> Outcome {
    let mut line = address.parse::<machiai::surface::printer::address::Address>().unwrap().transport();
    print(line.as_mut(), job, limits, &RealTime::start())
}

fn status_of(printer: &Emulator, name: &str) -> Result<Status, PrintTrouble> {
    let mut line = printer.address().parse::<machiai::surface::printer::address::Address>().unwrap().transport();
    status(line.as_mut(), profile(name), &SHORT, &RealTime::start())
}
