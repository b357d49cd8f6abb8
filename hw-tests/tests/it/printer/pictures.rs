//! Pictures to print.

use machiai_panel::dots::Dots;
use qrcode::{EcLevel, QrCode};

/// What the QR code of [`ticket`] says.
pub(super) const QR_TEXT: &str = "https://machi.example/t/7Kx2mQ9vW4nR8sT1";

/// A blank picture to draw on.
pub(super) fn blank(width: u32, height: u32) -> Dots {
    Dots { width, height, rows: vec![0; usize::try_from(width / 8 * height).unwrap()], number_rows: None }
}

pub(super) fn blacken(dots: &mut Dots, column: u32, row: u32) {
    let at = usize::try_from(row * (dots.width / 8) + column / 8).unwrap();
    dots.rows[at] |= 0x80 >> (column % 8);
}

/// Fills a rectangle.
pub(super) fn fill(dots: &mut Dots, columns: std::ops::Range<u32>, rows: std::ops::Range<u32>) {
    for row in rows {
        for column in columns.clone() {
            blacken(dots, column, row);
        }
    }
}

/// Draws a ring, the shape of a large figure.
pub(super) fn ring(dots: &mut Dots, (column, row): (u32, u32), radius: u32, thickness: u32) {
    let inner = (radius - thickness).pow(2);
    for y in 0..radius * 2 {
        for x in 0..radius * 2 {
            let away = x.abs_diff(radius).pow(2) + y.abs_diff(radius).pow(2);
            if (inner..radius.pow(2)).contains(&away) {
                blacken(dots, column - radius + x, row - radius + y);
            }
        }
    }
}

/// Draws a QR code of so many dots a module.
pub(super) fn qr(dots: &mut Dots, (column, row): (u32, u32), module: u32) {
    let code = QrCode::with_error_correction_level(QR_TEXT, EcLevel::M).unwrap();
    let width = code.width();
    for (idx, colour) in code.to_colors().into_iter().enumerate() {
        let (x, y) = (u32::try_from(idx % width).unwrap() * module, u32::try_from(idx / width).unwrap() * module);
        if colour == qrcode::Color::Dark {
            fill(dots, column + x..column + x + module, row + y..row + y + module);
        }
    }
}

/// A picture laid out like a ticket: rules, lines of text, a large number, a QR code.
pub(super) fn ticket(width: u32) -> Dots {
    let mut dots = blank(width, 840);
    for row in [20, 70, 460, 510] {
        // Lines of text: many thin strokes.
        for column in (24..width - 40).step_by(9) {
            fill(&mut dots, column..column + 3, row..row + 28);
        }
    }
    for row in [108, 424, 584] {
        fill(&mut dots, 24..width - 24, row..row + 3);
    }
    for idx in 0..3 {
        ring(&mut dots, (width / 6 + width / 3 * idx, 270), width / 7, 30);
    }
    dots.number_rows = Some(160..400);
    qr(&mut dots, (24, 612), 6);
    dots
}

/// Small and different in every row, for tests that print it hundreds of times.
pub(super) fn stamp(width: u32) -> Dots {
    let mut dots = blank(width, 40);
    for row in 4..32 {
        fill(&mut dots, 16..18 + row, row..row + 1);
    }
    dots
}

/// Reads the QR codes of a picture.
pub(super) fn qr_text(dots: &Dots) -> Vec<String> {
    let size = |dots: u32| usize::try_from(dots).unwrap();
    let grey = |x, y| {
        let black = dots.is_black(u32::try_from(x).unwrap(), u32::try_from(y).unwrap());
        if black { 0 } else { 255 }
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(size(dots.width), size(dots.height), grey);
    image.detect_grids().iter().map(|grid| grid.decode().unwrap().1).collect()
}
