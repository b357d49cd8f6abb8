//! What is drawn comes out on paper, dot for dot.

use std::time::Duration;

use machiai::surface::printer::{Limits, Outcome, encode};
use machiai_core::facts::PrintTrouble;
use machiai_hw_tests::printer::{Line, Paper};
use machiai_panel::dots::Dots;
use proptest::prelude::*;
use rstest::rstest;

use super::pictures::{QR_TEXT, blank, fill, qr_text, stamp, ticket};
use super::{SOON, print_on, printer_for, profile, status_of};

/// The picture as a printer of this kind shows it: its number at half resolution where the profile says so.
pub(super) fn as_shown(dots: &Dots, name: &str) -> Dots {
    let mut shown = Dots { number_rows: None, ..dots.clone() };
    let Some(number) = dots.number_rows.clone().filter(|_| profile(name).half_number) else { return shown };
    for row in number.clone().step_by(2).filter(|row| row + 1 < number.end) {
        for column in (0..dots.width).step_by(2) {
            let block = [(0, 0), (1, 0), (0, 1), (1, 1)];
            let black = block.iter().filter(|(x, y)| dots.is_black(column + x, row + y)).count();
            for (x, y) in block {
                let at = usize::try_from((row + y) * (dots.width / 8) + (column + x) / 8).unwrap();
                let bit = 0x80 >> ((column + x) % 8);
                shown.rows[at] = if black >= 2 { shown.rows[at] | bit } else { shown.rows[at] & !bit };
            }
        }
    }
    shown
}

fn assert_shows(paper: &Paper, dots: &Dots, fed: u32) {
    assert_eq!(paper.garbage, 0);
    assert_eq!((paper.dots.width, paper.dots.height), (dots.width, dots.height + fed));
    assert!(paper.dots.rows.starts_with(&dots.rows), "the dots differ");
    assert!(paper.dots.rows[dots.rows.len()..].iter().all(|byte| *byte == 0), "ink below the picture");
}

#[rstest]
#[case::epson_80("epson-80", Line::Tcp)]
#[case::epson_80_on_a_serial_line("epson-80", Line::Pty)]
#[case::epson_80_of_512_dots("epson-80-512", Line::Tcp)]
#[case::narrow("58mm", Line::Tcp)]
#[case::narrow_on_a_serial_line("58mm-serial", Line::Pty)]
fn a_ticket_comes_out_dot_for_dot(#[case] name: &str, #[case] line: Line) {
    let printer = printer_for(name, line);
    let dots = ticket(profile(name).dots);
    assert_eq!(print_on(&printer, name, &dots, &Limits::USUAL), Outcome::Printed);
    assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &as_shown(&dots, name), 0);
}

#[test]
fn a_clone_that_never_answers_prints_and_is_not_waited_for() {
    let printer = printer_for("58mm-clone", Line::Tcp);
    printer.turn(|knobs| knobs.silent = true);
    let dots = ticket(384);
    // No limit is reached: nothing is asked of it.
    let limits = Limits { status: SOON, fence: SOON, ..Limits::USUAL };
    let unconfirmed = Outcome::Unconfirmed(PrintTrouble::Silent);
    assert_eq!(print_on(&printer, "58mm-clone", &dots, &limits), unconfirmed);
    // It feeds four lines to its tear bar.
    assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &dots, 4 * 30);
}

#[test]
fn a_device_node_prints_too() {
    let printer = printer_for("58mm", Line::Pty);
    let node = printer.address().strip_prefix("serial:").unwrap().strip_suffix(":115200").unwrap().to_owned();
    let dots = stamp(384);
    let job = super::Job { profile: profile("58mm"), dots: &dots, last: None };
    assert_eq!(super::print_at(&format!("file:{node}"), &job, &Limits::USUAL), Outcome::Printed);
    assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &dots, 0);
}

#[test]
fn a_slow_serial_printer_is_waited_for() {
    let printer = printer_for("58mm-serial", Line::Pty);
    printer.turn(|knobs| knobs.bytes_per_second = Some(11_000));
    let dots = ticket(384);
    assert_eq!(print_on(&printer, "58mm-serial", &dots, &Limits::USUAL), Outcome::Printed);
    assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &as_shown(&dots, "58mm-serial"), 0);
}

#[test]
fn two_tickets_come_out_in_their_order() {
    let printer = printer_for("epson-80", Line::Tcp);
    let pictures = [stamp(576), ticket(576), stamp(576)];
    for dots in &pictures {
        assert_eq!(print_on(&printer, "epson-80", dots, &Limits::USUAL), Outcome::Printed);
    }
    let papers = printer.wait_for_papers(3, SOON).unwrap();
    assert_eq!(papers.len(), 3);
    for (number, (paper, dots)) in (1..).zip(papers.iter().zip(&pictures)) {
        assert_eq!(paper.number, number);
        assert_shows(paper, dots, 0);
    }
}

#[test]
fn papers_are_saved_as_pictures_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut setup = machiai_hw_tests::printer::Setup::new(Line::Tcp, 384);
    setup.folder = Some(folder.path().to_owned());
    let printer = machiai_hw_tests::printer::Emulator::start(setup).unwrap();
    let dots = stamp(384);
    assert_eq!(print_on(&printer, "58mm", &dots, &Limits::USUAL), Outcome::Printed);
    let (papers, faults) = printer.stop();
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(papers[0].raw, encode(&dots, profile("58mm")).unwrap());
    assert_eq!(std::fs::read(folder.path().join("001.bin")).unwrap(), papers[0].raw);
    assert_eq!(std::fs::read(folder.path().join("001.png")).unwrap(), dots.png().unwrap());
}

#[rstest]
fn heights_of_48_rows_come_out_whole(
    #[values("epson-80", "58mm")] name: &str,
    #[values(48, 96, 240, 288)] height: u32,
) {
    let printer = printer_for(name, Line::Tcp);
    let mut dots = blank(profile(name).dots, height);
    fill(&mut dots, 8..200, 0..height);
    assert_eq!(print_on(&printer, name, &dots, &Limits::USUAL), Outcome::Printed);
    assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &dots, 0);
}

#[test]
fn a_blank_picture_is_blank_paper() {
    let printer = printer_for("epson-80", Line::Tcp);
    let dots = blank(576, 600);
    assert_eq!(print_on(&printer, "epson-80", &dots, &Limits::USUAL), Outcome::Printed);
    assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &dots, 0);
}

#[test]
fn a_picture_that_holds_orders_to_the_printer_is_printed_all_the_same() {
    let printer = printer_for("epson-80", Line::Tcp);
    printer.turn(|knobs| knobs.bytes_per_second = Some(2000));
    // `DLE EOT 1` and `DLE EOT 4` as dots: the printer answers each of them amid the raster.
    let mut dots = blank(576, 64);
    for row in dots.rows.chunks_mut(72) {
        row[..6].copy_from_slice(&[0x10, 0x04, 0x01, 0x10, 0x04, 0x04]);
    }
    let looking = Limits { look: Duration::from_millis(20), ..Limits::USUAL };
    assert_eq!(print_on(&printer, "epson-80", &dots, &looking), Outcome::Printed);
    assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &dots, 0);
}

#[test]
fn old_answers_on_a_serial_line_are_not_taken_for_new_ones() {
    let printer = printer_for("58mm", Line::Pty);
    // Paper out, cover open, and a fence passed: all of yesterday.
    printer.say(&[0x1e, 0x36, 0x7e, 0x00]);
    assert_eq!(status_of(&printer, "58mm").unwrap().trouble(), None);
    printer.say(&[0x1e, 0x36, 0x7e, 0x0c]);
    assert_eq!(print_on(&printer, "58mm", &stamp(384), &Limits::USUAL), Outcome::Printed);
}

#[test]
fn the_qr_code_on_paper_reads_back() {
    for name in ["epson-80", "epson-80-512", "58mm"] {
        let printer = printer_for(name, Line::Tcp);
        assert_eq!(print_on(&printer, name, &ticket(profile(name).dots), &Limits::USUAL), Outcome::Printed);
        let paper = printer.wait_for_papers(1, SOON).unwrap().remove(0);
        assert_eq!(qr_text(&paper.dots), [QR_TEXT]);
    }
}

/// Pictures of runs and noise, with a number band or none.
fn any_picture(width: u32) -> impl Strategy<Value = Dots> {
    let byte = prop_oneof![4 => Just(0), 1 => Just(0xff), 2 => any::<u8>()];
    let row_bytes = usize::try_from(width / 8).unwrap();
    (1_usize..120, 0..120_u32, 0..120_u32).prop_flat_map(move |(rows, from, to)| {
        prop::collection::vec(byte.clone(), rows * row_bytes).prop_map(move |bytes| Dots {
            width,
            height: u32::try_from(rows).unwrap(),
            rows: bytes,
            number_rows: Some(from.min(to)..to.max(from).min(u32::try_from(rows).unwrap())),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_picture_comes_out_dot_for_dot(
        name in prop::sample::select(vec!["epson-80", "epson-80-512", "58mm", "58mm-serial"]),
        seed in any_picture(576),
    ) {
        let width = profile(name).dots;
        let kept = usize::try_from(width / 8).unwrap();
        let rows = seed.rows.chunks(72).flat_map(|row| &row[..kept]).copied().collect();
        let number = seed.number_rows.clone().filter(|number| number.start < number.end);
        let dots = Dots { width, rows, number_rows: number, ..seed };
        let printer = printer_for(name, Line::Tcp);
        prop_assert_eq!(print_on(&printer, name, &dots, &Limits::USUAL), Outcome::Printed);
        assert_shows(&printer.wait_for_papers(1, SOON).unwrap()[0], &as_shown(&dots, name), 0);
    }
}
