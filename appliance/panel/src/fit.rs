//! Fitting text by measure: the largest of some sizes in one line, else smaller in a few lines, else a refusal.
//!
//! Nothing is squeezed, clipped or ended by an ellipsis: what cannot be read whole is said to the caller instead.

use thiserror::Error;

use crate::lines::{Cut, Setter, Style};

/// A text that cannot be shown whole where it belongs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{field} does not fit: shorten it")]
pub struct DoesNotFit {
    /// Which text of the view, as in `clinic` or `rooms.name`; never the text itself.
    pub field: String,
}

/// Words are kept whole where they can be.
pub(crate) const ANYWHERE: [Cut; 2] = [Cut::BetweenWords, Cut::Anywhere];
/// Words are kept whole: of a text that is left out when it does not fit.
pub(crate) const BETWEEN_WORDS: [Cut; 1] = [Cut::BetweenWords];

/// What may be tried.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// Width, in the drawing's units.
    pub(crate) width: f32,
    /// Sizes for one line, largest first.
    pub(crate) sizes: Vec<f32>,
    /// Sizes for more than one line, largest first.
    pub(crate) small: Vec<f32>,
    /// Most lines of the small sizes.
    pub(crate) n_lines: usize,
    /// Where lines may be broken, the best first.
    pub(crate) cuts: &'static [Cut],
}

/// A text that fits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fitted {
    /// Size of the type.
    pub(crate) size: f32,
    /// One line or more.
    pub(crate) lines: Vec<String>,
    /// Width of the widest line.
    pub(crate) width: f32,
}

/// Fits a cleaned text; none if it fits in no way.
pub(crate) fn fit(setter: &Setter, text: &str, style: Style, room: &Room) -> Option<Fitted> {
    let width_em = setter.fonts().width_em(text, style.family, style.weight);
    if let Some(size) = room.sizes.iter().find(|size| width_em * **size <= room.width) {
        return Some(Fitted { size: *size, lines: vec![text.to_owned()], width: width_em * size });
    }
    // Smaller type reads better than a word that is cut.
    room.cuts.iter().find_map(|cut| {
        room.small.iter().filter(|size| **size > 0.0).find_map(|size| {
            let lines = setter.wrap_evenly(text, style, room.width / size, *cut)?;
            let widths = lines.iter().map(|line| setter.fonts().width_em(line, style.family, style.weight));
            let width = widths.fold(0.0, f32::max) * size;
            (lines.len() <= room.n_lines).then_some(Fitted { size: *size, lines, width })
        })
    })
}

/// The distance of two lines in a block, of their size.
pub(crate) const LEADING: f32 = 1.28;

/// Fits a cleaned text of any number of lines into a block, broken between phrases; none if it fits in no way.
pub(crate) fn fit_block(
    setter: &Setter,
    text: &str,
    style: Style,
    (width, height): (f32, f32),
    sizes: &[f32],
) -> Option<Fitted> {
    sizes.iter().filter(|size| **size > 0.0).find_map(|size| {
        let lines = setter.wrap(text, style, width / size)?;
        let n_lines = u16::try_from(lines.len()).map_or(f32::INFINITY, f32::from);
        let widths = lines.iter().map(|line| setter.fonts().width_em(line, style.family, style.weight));
        let widest = widths.fold(0.0, f32::max) * size;
        (n_lines * size * LEADING <= height).then_some(Fitted { size: *size, lines, width: widest })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fonts::{Family, FontPaths, Fonts, Weight};

    #[test]
    fn a_text_shrinks_by_steps_then_breaks_then_is_refused() {
        let setter = Setter::new(Arc::new(Fonts::open(&FontPaths::debian()).unwrap()));
        let style = Style { family: Family::Proportional, weight: Weight::Bold };
        let room =
            Room { width: 400.0, sizes: vec![64.0, 56.0, 48.0], small: vec![40.0, 36.0], n_lines: 2, cuts: &ANYWHERE };
        let check = |text: &str| fit(&setter, text, style, &room).map(|fitted| (fitted.size, fitted.lines.len()));
        assert_eq!(check("第1診察室"), Some((64.0, 1)));
        assert_eq!(check("処置・検査室です"), Some((48.0, 1)));
        assert_eq!(check("生活習慣病指導・栄養相談室"), Some((40.0, 2)));
        assert_eq!(check(&"長い名前".repeat(10)), None);
        let widest = fit(&setter, "生活習慣病指導・栄養相談室", style, &room).unwrap().width;
        assert!(widest <= 400.0 && widest > 200.0);
    }
}
