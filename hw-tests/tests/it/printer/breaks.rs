//! Lines that break and printers that lose power: a ticket is called printed only if its paper was cut.

use std::io::Read;
use std::net::TcpListener;

use machiai::surface::printer::{Job, Limits, Outcome, encode};
use machiai_core::facts::PrintTrouble;
use machiai_hw_tests::printer::Line;

use super::pictures::{blank, stamp};
use super::{SHORT, SOON, print_after, print_at, print_on, printer_for, profile};

/// Bytes of the questions before a ticket.
const ASKED: usize = 9;

#[test]
fn a_line_cut_at_any_byte_never_makes_a_printed_ticket_without_paper() {
    let dots = stamp(384);
    let bytes = ASKED + encode(&dots, profile("58mm")).unwrap().len() + 3;
    let mut printed = 0;
    for cut_at in 0..=bytes {
        let printer = printer_for("58mm", Line::Tcp);
        printer.turn(|knobs| knobs.drop_after = Some(cut_at));
        let outcome = print_on(&printer, "58mm", &dots, &Limits::USUAL);
        let papers = printer.stop().0;
        assert!(papers.len() <= 1, "cut at {cut_at}: {} papers", papers.len());
        match outcome {
            Outcome::Printed => {
                printed += 1;
                assert_eq!(papers[0].dots.rows, dots.rows, "cut at {cut_at}");
            }
            Outcome::Refused(trouble) => {
                assert_eq!(trouble, PrintTrouble::Unreachable, "cut at {cut_at}");
                assert!(papers.is_empty(), "cut at {cut_at}");
            }
            Outcome::Unconfirmed(trouble) => {
                assert_eq!(trouble, PrintTrouble::Broken, "cut at {cut_at}");
                assert!(cut_at >= ASKED, "cut at {cut_at}");
            }
        }
    }
    assert!(printed <= 1, "only the last byte is the fence");
}

#[test]
fn a_serial_line_unplugged_at_any_byte_never_makes_a_printed_ticket_without_paper() {
    let dots = stamp(384);
    let bytes = ASKED + encode(&dots, profile("58mm-serial")).unwrap().len() + 3;
    for cut_at in (0..=bytes).step_by(7) {
        let printer = printer_for("58mm-serial", Line::Pty);
        printer.turn(|knobs| knobs.drop_after = Some(cut_at));
        let outcome = print_on(&printer, "58mm-serial", &dots, &SHORT);
        let papers = printer.stop().0;
        assert!(outcome != Outcome::Printed || papers.len() == 1, "cut at {cut_at}: {outcome:?}");
        assert!(papers.len() <= 1, "cut at {cut_at}");
    }
}

#[test]
fn after_a_line_broke_amid_a_strip_the_next_ticket_is_whole() {
    let dots = stamp(384);
    let bytes = ASKED + encode(&dots, profile("58mm")).unwrap().len();
    for cut_at in (ASKED + 1..bytes).step_by(5) {
        let printer = printer_for("58mm", Line::Tcp);
        printer.turn(|knobs| knobs.drop_after = Some(cut_at));
        let broken = print_on(&printer, "58mm", &dots, &Limits::USUAL);
        assert_eq!(broken, Outcome::Unconfirmed(PrintTrouble::Broken), "cut at {cut_at}");
        printer.turn(|knobs| knobs.drop_after = None);
        assert_eq!(print_after(&printer, "58mm", &dots, &Limits::USUAL, Some(broken)), Outcome::Printed);
        let papers = printer.stop().0;
        // The scrap, if anything hung out, comes off first.
        let paper = papers.last().unwrap();
        assert_eq!((paper.garbage, &paper.dots.rows), (0, &dots.rows), "cut at {cut_at}");
        assert!(papers.len() <= 2, "cut at {cut_at}");
    }
}

#[test]
fn a_loss_of_power_amid_a_ticket_leaves_it_unconfirmed_and_the_next_one_whole() {
    let dots = stamp(384);
    let printer = printer_for("58mm", Line::Tcp);
    printer.turn(|knobs| knobs.power_cycle_after = Some(ASKED + 60));
    let broken = print_on(&printer, "58mm", &dots, &Limits::USUAL);
    assert_eq!(broken, Outcome::Unconfirmed(PrintTrouble::Broken));
    assert_eq!(print_after(&printer, "58mm", &dots, &Limits::USUAL, Some(broken)), Outcome::Printed);
    assert_eq!(printer.stop().0.last().unwrap().dots.rows, dots.rows);
}

#[test]
fn a_loss_of_power_on_a_serial_line_is_not_called_printed() {
    let dots = stamp(384);
    let printer = printer_for("58mm-serial", Line::Pty);
    printer.turn(|knobs| knobs.power_cycle_after = Some(ASKED + 60));
    let outcome = print_on(&printer, "58mm-serial", &dots, &SHORT);
    assert_eq!(outcome, Outcome::Unconfirmed(PrintTrouble::Broken));
    assert_eq!(print_after(&printer, "58mm-serial", &dots, &Limits::USUAL, Some(outcome)), Outcome::Printed);
    assert_eq!(printer.wait_for_papers(1, SOON).unwrap().last().unwrap().dots.rows, dots.rows);
}

#[test]
fn what_a_stalled_printer_did_not_take_is_torn_off_the_line() {
    // A printer that lets everybody in and reads nothing.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size(&deaf, 4096).unwrap();
    let mut dots = blank(576, 2000);
    dots.rows.fill(0xa5);
    let job = Job { profile: profile("epson-80"), dots: &dots, last: None };
    let outcome = print_at(&format!("tcp:{}", deaf.local_addr().unwrap()), &job, &SHORT);
    assert_eq!(outcome, Outcome::Unconfirmed(PrintTrouble::Stalled));
    let (mut line, _) = deaf.accept().unwrap();
    line.set_read_timeout(Some(SOON)).unwrap();
    // An end in order would mean that the rest was still delivered, to be printed whenever.
    let end = line.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
}
