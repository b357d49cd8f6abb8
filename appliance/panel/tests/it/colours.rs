//! Contrast, measured on the drawings themselves against what was promised.

use std::collections::BTreeSet;

use machiai_core::board::NIGHT_FROM_MIN;
use machiai_core::time::Day;
use machiai_core::view::{BoardView, CallFrame};
use machiai_panel::{Look, samples};
use rstest::rstest;

use crate::looker::{PANEL, contrast, texts};

/// A text's colour, its ground, and the contrast they must have.
const PAIRS: [(&str, &str, f32); 19] = [
    ("#17212B", "#F7F4ED", 14.8),
    ("#17212B", "#ECE7DB", 13.2),
    ("#3F4B57", "#F7F4ED", 8.1),
    ("#3F4B57", "#ECE7DB", 7.2),
    ("#FFFFFF", "#16325C", 12.8),
    ("#D5E0EE", "#16325C", 9.6),
    ("#FFD166", "#16325C", 8.9),
    ("#F1ECE1", "#101822", 15.2),
    ("#F1ECE1", "#1B2735", 12.8),
    ("#B4BFCA", "#101822", 9.6),
    ("#B4BFCA", "#1B2735", 8.1),
    ("#7FA6DB", "#101822", 7.1),
    ("#5FC0A4", "#101822", 8.1),
    ("#C79ACB", "#101822", 7.6),
    ("#D9A679", "#101822", 8.2),
    // What a browser's board writes when it is old.
    ("#17212B", "#FFE3A0", 13.0),
    // The mark of a rehearsal: the ground's colour on the ink's.
    ("#F7F4ED", "#17212B", 14.8),
    ("#101822", "#F1ECE1", 15.2),
    ("#16325C", "#FFFFFF", 12.8),
];

fn color(hex: &str) -> [u8; 3] {
    [1, 3, 5].map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
}

#[test]
fn the_colours_have_the_contrast_that_was_promised() {
    for (text, ground, promised) in PAIRS {
        let measured = contrast(color(text), color(ground));
        assert!(measured >= promised - 0.06, "{text} on {ground} is {measured}");
    }
}

#[test]
fn an_old_board_is_dressed_in_listed_colours_alone() {
    let script = include_str!("../../../../kiosk-assets/pages/board.js");
    let used: Vec<&str> = script.match_indices('#').filter_map(|(at, _)| script.get(at..at + 7)).collect();
    let used = used.into_iter().filter(|hex| hex[1..].chars().all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c)));
    let known = |hex: &str| PAIRS.iter().any(|(text, ground, _)| *text == hex || *ground == hex);
    let unknown: Vec<&str> = used.clone().filter(|hex| !known(hex)).collect();
    assert!(used.count() >= 8 && unknown.is_empty(), "{unknown:?}");
}

#[rstest]
fn every_text_of_every_board_is_of_a_listed_pair(
    #[values(0, 1, 2, 3)] look: usize,
    #[values(false, true)] night: bool,
) {
    let listed: BTreeSet<_> = PAIRS.iter().map(|(text, ground, _)| (color(text), color(ground))).collect();
    for (name, view) in samples::boards().into_iter().chain(samples::calls()) {
        let view = BoardView { night, ..view };
        for seen in texts(&PANEL.board_svg(&view, Look::ALL[look]).unwrap()) {
            assert!(
                listed.contains(&(seen.color, seen.ground)),
                "{name}: {} is {:?} on {:?}",
                seen.text,
                seen.color,
                seen.ground
            );
        }
    }
}

#[rstest]
fn at_no_moment_of_dusk_is_a_text_hard_to_read(#[values(0, 1, 2, 3)] look: usize) {
    let (_, call) = samples::calls().swap_remove(0);
    for view in [samples::board(3, 2), samples::board(6, 5), call] {
        let mut papers = BTreeSet::new();
        for after_ms in (0..=60_000).step_by(5_000) {
            let as_of = Day::holding(view.as_of, 0).at_min(NIGHT_FROM_MIN).plus_ms(after_ms);
            let calls = view.calls.iter().map(|call| CallFrame { called_at: as_of, ..call.clone() }).collect();
            let view = BoardView { as_of, calls, night: true, ..view.clone() };
            for seen in texts(&PANEL.board_svg(&view, Look::ALL[look]).unwrap()) {
                let measured = contrast(seen.color, seen.ground);
                assert!(measured >= 6.0, "{} after {after_ms} ms: {measured}", seen.text);
                papers.insert(seen.ground);
            }
        }
        assert!(papers.len() > 12, "the paper stays as it is");
    }
}
