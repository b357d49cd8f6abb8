//! What keeps a printer from printing is said, and nothing is sent that could come out later.

use std::time::Duration;

use machiai::surface::printer::{Job, Limits, Outcome};
use machiai_core::facts::{PrintOutcome, PrintTrouble};
use machiai_hw_tests::printer::{Emulator, Knobs, Line, Setup};
use rstest::rstest;

use super::pictures::{blank, stamp, ticket};
use super::{SHORT, SOON, print_after, print_at, print_on, printer_for, profile, status_of};

#[rstest]
fn a_printer_that_cannot_print_refuses_and_gets_nothing(
    #[values(Line::Tcp, Line::Pty)] line: Line,
    #[values(PrintTrouble::PaperOut, PrintTrouble::CoverOpen, PrintTrouble::Mechanism)] trouble: PrintTrouble,
) {
    let printer = printer_for("58mm", line);
    printer.turn(|knobs| {
        knobs.paper_out = trouble == PrintTrouble::PaperOut;
        knobs.cover_open = trouble == PrintTrouble::CoverOpen;
        knobs.jammed = trouble == PrintTrouble::Mechanism;
    });
    assert_eq!(print_on(&printer, "58mm", &stamp(384), &Limits::USUAL), Outcome::Refused(trouble));
    assert_eq!(status_of(&printer, "58mm").unwrap().trouble(), Some(trouble));
    // When all is well again nothing comes out but what is sent then.
    printer.turn(|knobs| *knobs = Knobs::default());
    assert_eq!(print_on(&printer, "58mm", &stamp(384), &Limits::USUAL), Outcome::Printed);
    assert_eq!(printer.stop().0.len(), 1);
}

#[test]
fn a_roll_near_its_end_is_told_and_prints() {
    let printer = printer_for("epson-80", Line::Tcp);
    printer.turn(|knobs| knobs.paper_near_end = true);
    let status = status_of(&printer, "epson-80").unwrap();
    assert!(status.paper_near_end && !status.paper_out);
    assert_eq!(print_on(&printer, "epson-80", &stamp(576), &Limits::USUAL), Outcome::Printed);
}

#[test]
fn a_printer_that_is_not_there_is_unreachable() {
    let gone = printer_for("58mm", Line::Tcp);
    let tcp = gone.address().to_owned();
    drop(gone);
    let dots = stamp(384);
    let job = Job { profile: profile("58mm"), dots: &dots, last: None };
    for address in [tcp.as_str(), "serial:/dev/no-such-port:9600", "file:/dev/usb/no-such-printer"] {
        assert_eq!(print_at(address, &job, &SHORT), Outcome::Refused(PrintTrouble::Unreachable), "{address}");
    }
}

#[test]
fn a_line_that_breaks_before_the_ticket_is_unreachable() {
    let printer = printer_for("58mm", Line::Tcp);
    for bytes in [0, 3, 7] {
        printer.turn(|knobs| knobs.drop_after = Some(bytes));
        let outcome = print_on(&printer, "58mm", &stamp(384), &Limits::USUAL);
        assert_eq!(outcome, Outcome::Refused(PrintTrouble::Unreachable), "after {bytes} bytes");
    }
    assert!(printer.stop().0.is_empty());
}

#[test]
fn a_picture_that_does_not_fit_is_refused_before_anything_is_opened() {
    let dots = blank(576, 8);
    let job = Job { profile: profile("58mm"), dots: &dots, last: None };
    let outcome = print_at("file:/dev/usb/no-such-printer", &job, &SHORT);
    assert_eq!(outcome, Outcome::Refused(PrintTrouble::NotDrawn));
}

#[test]
fn a_printer_that_stops_answering_prints_and_is_called_silent() {
    let printer = printer_for("epson-80", Line::Tcp);
    printer.turn(|knobs| knobs.silent = true);
    assert_eq!(print_on(&printer, "epson-80", &stamp(576), &SHORT), Outcome::Unconfirmed(PrintTrouble::Silent));
    assert_eq!(printer.wait_for_papers(1, SOON).unwrap().len(), 1);
    assert_eq!(status_of(&printer, "epson-80"), Err(PrintTrouble::Silent));
    // A clone is not even asked.
    assert_eq!(status_of(&printer, "58mm-clone"), Err(PrintTrouble::Silent));
}

#[test]
fn a_printer_that_takes_no_more_bytes_is_stalled() {
    let printer = printer_for("epson-80", Line::Tcp);
    printer.turn(|knobs| knobs.stalled = true);
    let picture = blank(576, 2000);
    let mut noise = picture.clone();
    noise.rows.fill(0xa5);
    assert_eq!(print_on(&printer, "epson-80", &noise, &SHORT), Outcome::Unconfirmed(PrintTrouble::Stalled));
    // What had not gone out is not printed when the printer takes bytes again.
    printer.turn(|knobs| knobs.stalled = false);
    printer.wait_until_idle(SOON).unwrap();
    assert!(printer.stop().0.is_empty());
}

#[test]
fn a_stall_is_known_within_five_seconds() {
    assert!(Limits::USUAL.status + Limits::USUAL.stall <= Duration::from_secs(5));
}

#[test]
fn paper_that_runs_out_leaves_the_ticket_unconfirmed_and_does_not_bring_it_later() {
    let printer = printer_for("epson-80", Line::Tcp);
    printer.turn(|knobs| knobs.rows_left = Some(300));
    let dots = ticket(576);
    let cut_short = print_on(&printer, "epson-80", &dots, &SHORT);
    assert_eq!(cut_short, Outcome::Unconfirmed(PrintTrouble::PaperOut));
    assert_eq!(
        print_after(&printer, "epson-80", &dots, &SHORT, Some(cut_short)),
        Outcome::Refused(PrintTrouble::PaperOut)
    );
    printer.wait_until_idle(SOON).unwrap();
    // A new roll; staff tear off what hangs out.
    printer.turn(|knobs| *knobs = Knobs::default());
    printer.tear();
    printer.wait_until_idle(SOON).unwrap();
    let papers = printer.papers();
    assert_eq!(papers.len(), 1, "the old ticket came out by itself");
    assert_eq!(papers[0].dots.rows, dots.rows[..papers[0].dots.rows.len()]);
    assert_eq!(print_after(&printer, "epson-80", &dots, &Limits::USUAL, Some(cut_short)), Outcome::Printed);
    let papers = printer.wait_for_papers(2, SOON).unwrap();
    assert_eq!(papers.last().unwrap().dots.rows, dots.rows);
}

#[test]
fn paper_that_runs_out_is_told_even_when_the_printer_takes_no_more() {
    let mut setup = Setup::new(Line::Tcp, 576);
    setup.buffer_bytes = 512;
    let printer = Emulator::start(setup).unwrap();
    printer.turn(|knobs| knobs.rows_left = Some(100));
    let mut noise = blank(576, 1000);
    noise.rows.fill(0xa5);
    // It is known at the first look, long before the line counts as stalled.
    let looking = Limits { look: Duration::from_millis(50), stall: SOON, ..Limits::USUAL };
    assert_eq!(print_on(&printer, "epson-80", &noise, &looking), Outcome::Unconfirmed(PrintTrouble::PaperOut));
}

#[test]
fn paper_that_ends_under_the_last_line_is_not_called_printed() {
    let printer = printer_for("58mm", Line::Tcp);
    let dots = stamp(384);
    // The sensor sees the end of the roll when the cut is through.
    printer.turn(|knobs| knobs.ends_at_cut = true);
    assert_eq!(print_on(&printer, "58mm", &dots, &SHORT), Outcome::Unconfirmed(PrintTrouble::PaperOut));
}

#[test]
fn a_printer_in_use_by_another_does_not_confirm() {
    let printer = printer_for("58mm", Line::Tcp);
    let other = std::net::TcpStream::connect(printer.address().strip_prefix("tcp:").unwrap()).unwrap();
    printer.wait_for_client(SOON).unwrap();
    let outcome = print_on(&printer, "58mm", &stamp(384), &SHORT);
    assert_eq!(outcome.outcome(), PrintOutcome::Unconfirmed);
    drop(other);
    assert_eq!(print_on(&printer, "58mm", &stamp(384), &Limits::USUAL), Outcome::Printed);
}

#[test]
fn every_trouble_is_in_the_facts_words() {
    let told = [
        (Outcome::Printed, PrintOutcome::Printed, None),
        (Outcome::Refused(PrintTrouble::CoverOpen), PrintOutcome::Refused, Some(PrintTrouble::CoverOpen)),
        (Outcome::Unconfirmed(PrintTrouble::Broken), PrintOutcome::Unconfirmed, Some(PrintTrouble::Broken)),
    ];
    for (outcome, word, trouble) in told {
        assert_eq!((outcome.outcome(), outcome.trouble()), (word, trouble));
    }
}

#[test]
fn a_refusal_leaves_the_printer_as_the_job_before_did() {
    let (broken, refused) = (Outcome::Unconfirmed(PrintTrouble::Broken), Outcome::Refused(PrintTrouble::PaperOut));
    assert_eq!(refused.told_next(Some(broken)), Some(broken));
    assert_eq!(Outcome::Printed.told_next(Some(broken)), Some(Outcome::Printed));
    assert_eq!(broken.told_next(None), Some(broken));
}
