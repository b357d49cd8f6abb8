//! A QR code as one path of whole modules, for paper that is burnt in whole dots.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// A QR code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Qr {
    /// Modules on a side, without the quiet zone.
    pub(crate) n_modules: usize,
    /// The path, a horizontal stroke for each run of dark modules, from 0,0 in units of one module.
    pub(crate) path: String,
}

/// Draws an address at error correction level M; none if no QR code can hold it.
pub(crate) fn draw(address: &str) -> Option<Qr> {
    let code = QrCode::with_error_correction_level(address, EcLevel::M).ok()?;
    let n_modules = code.width();
    let modules = code.to_colors();
    let mut path = String::with_capacity(modules.len() * 4);
    for (row, colors) in modules.chunks_exact(n_modules).enumerate() {
        let mut from = 0_usize;
        while let Some(start) = first(colors, from, Color::Dark) {
            let end = first(colors, start, Color::Light).unwrap_or(n_modules);
            // Writing to a string cannot fail.
            write!(path, "M{start} {row}h{}v1H{start}z", end - start).ok()?;
            from = end;
        }
    }
    Some(Qr { n_modules, path })
}

/// Draws an address as an SVG of its own, with the quiet zone of four modules; none if no QR code can hold it.
#[must_use]
pub fn qr_svg(address: &str) -> Option<String> {
    let Qr { n_modules, path } = draw(address)?;
    let side = n_modules + 8;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-4 -4 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M-4-4h{side}v{side}h-{side}z\"/><path d=\"{path}\"/></svg>"
    ))
}

fn first(colors: &[Color], from: usize, wanted: Color) -> Option<usize> {
    let rest = colors.get(from..)?;
    rest.iter().position(|color| *color == wanted).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_clinic_needs_29_modules() {
        let qr = draw("https://m.example.jp/t/3kq9-x7fa-2mzp").unwrap();
        assert_eq!(qr.n_modules, 29);
        assert!(qr.path.starts_with("M0 0h7v1H0z"), "the finder's upper edge is one stroke");
    }

    #[test]
    fn a_code_for_a_screen_has_its_quiet_zone() {
        let svg = qr_svg("https://m.example.jp/t/3kq9-x7fa-2mzp").unwrap();
        assert!(svg.contains(r#"viewBox="-4 -4 37 37""#), "{svg}");
    }

    #[test]
    fn what_no_code_can_hold_is_refused() {
        assert_eq!(draw(&"x".repeat(3000)), None);
    }
}
