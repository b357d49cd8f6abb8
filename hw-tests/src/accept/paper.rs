//! The printer: a ticket comes out whole, and paper that is out is told and printed after.

use machiai::surface::printer::address::Address;
use machiai::surface::printer::clock::RealTime;
use machiai::surface::printer::profile::Profile;
use machiai::surface::printer::{Job, Limits, Outcome, print, status};
use machiai_core::facts::PrintTrouble;
use machiai_panel::dots::Dots;

use super::person::Person;
use super::{DONE_WITHIN, Step};
use crate::demo::stopwatch::Stopwatch;

/// How many rows the bars of the page take.
const ROWS: u32 = 400;

/// How many bars it has: whoever stands there counts them, so that half a page is not taken for a whole one.
const N_BARS: u32 = 5;

type Named<'a> = (&'a str, &'a str);

/// Reads an address, also as a web address has it.
fn address(text: &str) -> Result<Address, String> {
    let text = text.strip_prefix("tcp://").map_or_else(|| text.to_owned(), |rest| format!("tcp:{rest}"));
    text.parse().map_err(|cause: machiai::surface::printer::address::AddressError| cause.to_string())
}

fn profile(name: &str) -> Result<&'static Profile, String> {
    Profile::named(name).map_err(|cause| cause.to_string())
}

/// Returns a page of so many bars across the whole width.
fn bars(profile: &Profile) -> Dots {
    let row_bytes = usize::try_from(profile.dots.div_ceil(8)).unwrap_or_default();
    let height = ROWS / N_BARS;
    let row = |nth: u32| if nth % height < height / 2 { 0xff } else { 0x00 };
    let rows = (0..ROWS).flat_map(|nth| std::iter::repeat_n(row(nth), row_bytes)).collect();
    Dots { width: profile.dots, height: ROWS, rows, number_rows: None }
}

fn print_page((text, named): Named<'_>) -> Result<Outcome, String> {
    let (address, profile) = (address(text)?, profile(named)?);
    let dots = bars(profile);
    let job = Job { profile, dots: &dots, last: None };
    Ok(print(&mut *address.transport(), &job, &Limits::USUAL, &RealTime::start()))
}

/// A page comes out whole.
pub(super) fn prints(printer: Named<'_>, person: &mut dyn Person) -> Step {
    match print_page(printer)? {
        Outcome::Printed => {}
        Outcome::Unconfirmed(PrintTrouble::Silent) if !profile(printer.1)?.fence => {}
        other @ (Outcome::Refused(_) | Outcome::Unconfirmed(_)) => return Err(format!("the printer says {other:?}")),
    }
    let question = format!("Did a page with {N_BARS} black bars come out of the printer, cut off or ready to be torn?");
    if person.confirms(&question) { Ok(()) } else { Err("nobody saw the page come out whole".to_owned()) }
}

/// Whether a printer of a kind never says that its paper is out.
pub(super) fn tells_nothing(named: &str) -> bool {
    profile(named).is_ok_and(|profile| !profile.answers_status)
}

/// Paper that is taken out is told; put in again, the printer prints.
pub(super) fn runs_out(printer: Named<'_>, person: &mut dyn Person) -> Step {
    person.please("Open the printer and take the roll of paper out.");
    until(printer, |told| told == Some(PrintTrouble::PaperOut) || told == Some(PrintTrouble::CoverOpen))
        .map_err(|told| format!("the printer never said that its paper is out, but {told}"))?;
    person.please("Put the paper in again and close the printer.");
    until(printer, |told| told.is_none()).map_err(|told| format!("the printer is not well again: {told}"))?;
    prints(printer, person)
}

/// Asks the printer until what it says is as wanted; says what it said last where it never was.
fn until((text, named): Named<'_>, is: impl Fn(Option<PrintTrouble>) -> bool) -> Result<(), String> {
    let (address, profile) = (address(text)?, profile(named)?);
    let (watch, clock) = (Stopwatch::start(), RealTime::start());
    loop {
        let told = match status(&mut *address.transport(), profile, &Limits::USUAL, &clock) {
            Ok(told) => told.trouble(),
            Err(trouble) => Some(trouble),
        };
        if is(told) {
            return Ok(());
        }
        if watch.read() > DONE_WITHIN {
            return Err(format!("{told:?}"));
        }
        watch.wait_until(watch.read().saturating_add(std::time::Duration::from_millis(300)));
    }
}
