//! Numbers in equal cells: each glyph is centred in its own, so that 99 to 100 moves nothing.

use machiai_core::view::NumberFace;

/// Width of a figure's cell in the proportional face, in em.
const FIGURE_EM: f32 = 0.70;
/// Width of a cell in the fixed-width face, in em.
const LETTER_EM: f32 = 0.50;
/// Width of the dash between a family's first and last number, in em.
const DASH_EM: f32 = 0.62;
/// Width of the wave that stands in its place in a call, in em.
const WAVE_EM: f32 = 1.0;
/// Sizes of numbers that must be made smaller are multiples of this.
const STEP: f32 = 4.0;

/// Which side of the place given the number stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It begins there.
    Start,
    /// It is centred there.
    Middle,
    /// It ends there.
    End,
}

/// Where a number may stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The place, in the drawing's units.
    pub(crate) x: f32,
    /// How the number stands to it.
    pub(crate) side: Side,
    /// The width there is.
    pub(crate) width: f32,
    /// The size wanted.
    pub(crate) size: f32,
    /// Distance of the cells at the size wanted, where it is not the face's own.
    pub(crate) pitch: Option<f32>,
}

/// A number set in cells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cells {
    /// Size of the type.
    pub(crate) size: f32,
    /// Centre of each glyph.
    pub(crate) centres: Vec<f32>,
    /// Left edge of the first cell.
    pub(crate) left: f32,
    /// Right edge of the last cell.
    pub(crate) right: f32,
}

/// Sets a label in cells, smaller than wanted where it is too long.
pub(crate) fn set_in_cells(label: &str, face: NumberFace, place: Place) -> Cells {
    let own_em = match face {
        NumberFace::Figures => FIGURE_EM,
        NumberFace::Letters => LETTER_EM,
    };
    let figure_em = place.pitch.map_or(own_em, |pitch| pitch / place.size);
    let cell_em = |c: char| match c {
        '–' => DASH_EM,
        '〜' => WAVE_EM,
        'W' | 'M' if face == NumberFace::Figures => 1.0,
        _ => figure_em,
    };
    let total_em: f32 = label.chars().map(cell_em).sum();
    let size = if total_em * place.size <= place.width + 0.5 {
        place.size
    } else {
        (place.width / total_em / STEP).floor() * STEP
    };
    let width = total_em * size;
    let left = match place.side {
        Side::Start => place.x,
        Side::Middle => place.x - width / 2.0,
        Side::End => place.x - width,
    };
    let mut at = left;
    let mut centres = Vec::with_capacity(label.len());
    for c in label.chars() {
        let cell = cell_em(c) * size;
        centres.push((at + cell / 2.0).round());
        at += cell;
    }
    Cells { size, centres, left, right: left + width }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: Place = Place { x: 600.0, side: Side::End, width: 438.0, size: 208.0, pitch: None };

    #[test]
    fn three_figures_stand_where_the_drawing_wants_them() {
        let cells = set_in_cells("105", NumberFace::Figures, TILE);
        assert_eq!((cells.size, cells.centres), (208.0, vec![236.0, 382.0, 527.0]));
    }

    #[test]
    fn ninety_nine_to_a_hundred_shifts_no_figure() {
        let two = set_in_cells("99", NumberFace::Figures, TILE);
        let three = set_in_cells("100", NumberFace::Figures, TILE);
        assert_eq!(two.size, three.size);
        assert_eq!(two.centres, three.centres[1..]);
        let narrow = set_in_cells("111", NumberFace::Figures, TILE);
        assert_eq!(narrow.centres, set_in_cells("110", NumberFace::Figures, TILE).centres);
    }

    #[test]
    fn a_family_and_a_long_label_are_smaller_and_stay_inside() {
        for (label, face) in [
            ("112–114", NumberFace::Figures),
            ("A012–A015", NumberFace::Letters),
            ("AB1024", NumberFace::Letters),
            ("1024", NumberFace::Letters),
        ] {
            let cells = set_in_cells(label, face, Place { size: 216.0, ..TILE });
            assert!(cells.left >= 161.0 && cells.right <= 600.5, "{label}: {cells:?}");
            assert_eq!(cells.centres.len(), label.chars().count());
        }
    }
}
