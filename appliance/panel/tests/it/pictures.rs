//! SVG to pixels: whole, opaque, and never from a file.

use std::fs::File;
use std::io::Write as _;

use machiai_panel::{DrawError, Layout, samples};

use crate::looker::PANEL;

#[test]
fn a_board_becomes_an_opaque_picture_of_any_size() {
    let svg = PANEL.board_svg(&samples::board(3, 2), Layout::Landscape).unwrap();
    for (width, height) in [(1920, 1080), (640, 480), (33, 7)] {
        let pixels = PANEL.pixels(&svg, width, height).unwrap();
        assert_eq!(pixels.rgba.len(), width as usize * height as usize * 4);
        assert!(pixels.rgba.chunks_exact(4).all(|pixel| pixel[3] == 255));
    }
    let pixels = PANEL.pixels(&svg, 1920, 1080).unwrap();
    let at = |x: usize, y: usize| &pixels.rgba[(y * 1920 + x) * 4..][..3];
    assert_eq!(at(1600, 130), [0x16, 0x32, 0x5C], "the called tile is indigo");
    assert_eq!(at(1284, 300), [0xFF, 0xD1, 0x66], "its bar is yellow");
    assert_eq!(pixels.png().unwrap()[1..4], *b"PNG");
}

#[test]
fn sizes_beyond_reason_and_broken_drawings_are_refused() {
    let svg = PANEL.board_svg(&samples::board(1, 1), Layout::Landscape).unwrap();
    for (width, height) in [(0, 10), (10, 0), (100_000, 10), (7_681, 1)] {
        assert!(matches!(PANEL.pixels(&svg, width, height), Err(DrawError::Raster { .. })), "{width}×{height}");
    }
    assert!(PANEL.pixels("<svg", 10, 10).is_err());
}

#[test]
fn a_drawing_cannot_make_the_renderer_open_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.svg");
    let black = r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>"#;
    File::create(&path).unwrap().write_all(black.as_bytes()).unwrap();
    let mut png = path.clone();
    png.set_extension("png");
    File::create(&png).unwrap().write_all(&PANEL.pixels(black, 9, 9).unwrap().png().unwrap()).unwrap();
    for file in [path, png] {
        let file = file.display();
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{file}" width="9" height="9"/></svg>"#
        );
        let pixels = PANEL.pixels(&svg, 9, 9).unwrap();
        assert!(pixels.rgba.iter().all(|part| *part == 255), "{file} was drawn");
    }
}

#[test]
fn rare_kanji_are_drawn_and_an_unknown_glyph_is_reported() {
    assert_eq!(PANEL.missing_glyphs("髙橋﨑𠮷子"), Vec::<char>::new());
    assert_eq!(PANEL.missing_glyphs("山田🦄"), vec!['🦄']);
    let ink = |text: &str| {
        let svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="99" height="99" font-family="BIZ UDPGothic"><text y="80" font-size="90">{text}</text></svg>"#
        );
        PANEL.pixels(&svg, 99, 99).unwrap().rgba
    };
    assert_ne!(ink("𠮷"), ink(" "), "the character vanished");
    assert_ne!(ink("𠮷"), ink("🦄"), "the character is a box");
    assert_ne!(ink("𠮷"), ink("吉"), "the character is its common form");
}
