//! The project's own tickets on every kind of printer.

use machiai::surface::printer::profile::Profile;
use machiai::surface::printer::{Limits, Outcome, encode};
use machiai_hw_tests::printer::Line;
use machiai_panel::{FontPaths, Panel, Paper, samples};
use rstest::rstest;

use super::drawn::as_shown;
use super::pictures::qr_text;
use super::{SOON, print_on, printer_for, profile};

fn panel() -> Panel {
    Panel::open(&FontPaths::debian(), None).unwrap().0
}

fn paper_of(profile: &Profile) -> Paper {
    Paper::of_dots(profile.dots).unwrap()
}

/// What a ticket may weigh on a printer, in bytes.
fn budget(profile: &Profile) -> usize {
    match (profile.dots, profile.half_number, profile.left_margin) {
        (_, true, _) => 18_000,
        (384, _, true) => 22_000,
        // A clone gets the blank left edge too, which no clone misunderstands.
        (384, _, false) => 28_000,
        (_, _, _) => 40_000,
    }
}

/// Tickets that pile one rare thing on another: they are longer, and may weigh half as much again.
const PILED: [&str; 5] = ["family-en", "reprint-en", "long-address", "long-names", "everything"];

#[test]
fn every_ticket_keeps_within_the_bytes_of_its_printer() {
    let panel = panel();
    for profile in Profile::all() {
        for (name, view) in samples::tickets() {
            let dots = panel.ticket_dots(&view, paper_of(profile)).unwrap();
            let bytes = encode(&dots, profile).unwrap().len();
            let limit = if PILED.contains(&name) { budget(profile) * 3 / 2 } else { budget(profile) };
            assert!(bytes <= limit, "{name} on {}: {bytes} bytes", profile.name);
        }
    }
}

#[rstest]
fn a_ticket_of_ours_comes_out_whole_and_its_code_reads_back(
    #[values("epson-80", "epson-80-512", "58mm", "58mm-serial")] name: &str,
) {
    let panel = panel();
    let printer = printer_for(name, Line::Tcp);
    let shown = ["ja", "reprint-en", "family", "letters", "everything"];
    let views = samples::tickets().into_iter().filter(|(name, _)| shown.contains(name)).map(|(_, view)| view);
    for (number, view) in (1..).zip(views) {
        let dots = panel.ticket_dots(&view, paper_of(profile(name))).unwrap();
        assert_eq!(print_on(&printer, name, &dots, &Limits::USUAL), Outcome::Printed);
        let paper = printer.wait_for_papers(number, SOON).unwrap().pop().unwrap();
        assert_eq!((paper.garbage, &paper.dots.rows), (0, &as_shown(&dots, name).rows));
        assert_eq!(qr_text(&paper.dots), [view.url.unwrap()]);
    }
}
