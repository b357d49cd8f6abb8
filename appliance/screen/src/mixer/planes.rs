//! Pictures laid onto one another, plane by plane: each is rows of one byte a sample, top row first.

use std::ops::Range;

/// Where a picture lies, in samples of its plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// From the left.
    pub(super) x: usize,
    /// From the top.
    pub(super) y: usize,
    /// Its width.
    pub(super) width: usize,
    /// Its height.
    pub(super) height: usize,
}

impl Place {
    /// Returns the same place in a plane of half the size, as chroma is.
    pub(super) const fn half(self) -> Self {
        Self { x: self.x / 2, y: self.y / 2, width: self.width.div_ceil(2), height: self.height.div_ceil(2) }
    }

    /// Whether another one lies in it.
    pub(super) const fn covers(self, other: Self) -> bool {
        let is_wide = self.x <= other.x && self.x + self.width >= other.x + other.width;
        is_wide && self.y <= other.y && self.y + self.height >= other.y + other.height
    }

    /// Returns the strips along its four edges.
    pub(super) const fn frame(self, wide: usize) -> [Self; 4] {
        let Self { x, y, width, height } = self;
        let (across, between) = (height.saturating_sub(2 * wide), width.saturating_sub(wide));
        [
            Self { x, y, width, height: wide },
            Self { x, y: y + height.saturating_sub(wide), width, height: wide },
            Self { x, y: y + wide, width: wide, height: across },
            Self { x: x + between, y: y + wide, width: wide, height: across },
        ]
    }

    /// Returns what of a row, from this place's left, does not lie in another place.
    fn beside(self, row: usize, hidden: Option<Self>) -> [Range<usize>; 2] {
        let of_row = |hidden: &Self| (hidden.y..hidden.y + hidden.height).contains(&(self.y + row));
        match hidden.filter(of_row) {
            Some(hidden) => {
                let left = hidden.x.saturating_sub(self.x).min(self.width);
                let right = (hidden.x + hidden.width).saturating_sub(self.x).min(self.width);
                [0..left, right..self.width]
            }
            None => [0..self.width, 0..0],
        }
    }
}

/// Samples with the length of a row, in bytes.
pub(super) struct Plane<T> {
    pub(super) samples: T,
    pub(super) stride: usize,
}

/// Lays a picture onto another one, but where it will be hidden; `share` of 256 of it is seen.
pub(super) fn lay(onto: &mut Plane<&mut [u8]>, of: Plane<&[u8]>, place: Place, hidden: Option<Place>, share: u16) {
    // No rows at all where a stride cannot be.
    let rows = onto.samples.chunks_mut(onto.stride.max(1)).skip(place.y).zip(of.samples.chunks(of.stride.max(1)));
    for (nth, (onto, of)) in rows.take(place.height).enumerate() {
        let Some(onto) = onto.get_mut(place.x..) else { continue };
        for span in place.beside(nth, hidden) {
            if let (Some(onto), Some(of)) = (onto.get_mut(span.clone()), of.get(span)) {
                lay_row(onto, of, share);
            }
        }
    }
}

fn lay_row(onto: &mut [u8], of: &[u8], share: u16) {
    if share >= 256 {
        onto.copy_from_slice(of);
        return;
    }
    for (onto, of) in onto.iter_mut().zip(of) {
        *onto = mixed(*onto, *of, share);
    }
}

/// Mixes what lies in a place with one value; `share` of 256 of that is seen.
pub(super) fn tint(onto: &mut Plane<&mut [u8]>, value: u8, place: Place, share: u16) {
    for onto in onto.samples.chunks_mut(onto.stride.max(1)).skip(place.y).take(place.height) {
        for onto in onto.iter_mut().skip(place.x).take(place.width) {
            *onto = mixed(*onto, value, share);
        }
    }
}

/// Mixes a sample with one that lies over it, of which `share` of 256 is seen.
const fn mixed(under: u8, over: u8, share: u16) -> u8 {
    let [mixed, _] = (under as u16 * (256 - share) + over as u16 * share).to_be_bytes();
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Place = Place { x: 0, y: 0, width: 4, height: 3 };
    const PART: Place = Place { x: 1, y: 1, width: 2, height: 1 };

    fn laid(of: &[u8], place: Place, hidden: Option<Place>, share: u16) -> Vec<u8> {
        let mut onto = vec![100; 12];
        let stride = place.width;
        lay(&mut Plane { samples: &mut onto, stride: 4 }, Plane { samples: of, stride }, place, hidden, share);
        onto
    }

    #[test]
    fn a_picture_lies_in_its_place_and_not_where_it_will_be_hidden() {
        assert_eq!(laid(&[7, 8], PART, None, 256), [100, 100, 100, 100, 100, 7, 8, 100, 100, 100, 100, 100]);
        assert_eq!(laid(&[9; 12], WHOLE, Some(PART), 256), [9, 9, 9, 9, 9, 100, 100, 9, 9, 9, 9, 9]);
        assert_eq!(laid(&[9; 12], WHOLE, Some(WHOLE), 256), [100; 12]);
    }

    #[test]
    fn a_share_of_a_picture_is_mixed_with_what_lies_under_it() {
        assert_eq!(laid(&[200; 12], WHOLE, None, 128), [150; 12]);
        assert_eq!(laid(&[200; 12], WHOLE, None, 0), [100; 12]);
        assert_eq!(laid(&[255; 12], WHOLE, Some(PART), 255)[..6], [254, 254, 254, 254, 254, 100]);
    }

    #[test]
    fn a_frame_along_the_edges_is_tinted_and_nothing_within_it() {
        let mut samples = [100; 16];
        let whole = Place { x: 0, y: 0, width: 4, height: 4 };
        for strip in whole.frame(1) {
            tint(&mut Plane { samples: &mut samples, stride: 4 }, 200, strip, 128);
        }
        let (edge, within) = ([150; 4], [150, 100, 100, 150]);
        assert_eq!(samples.chunks(4).collect::<Vec<_>>(), [&edge, &within, &within, &edge]);
    }

    #[test]
    fn a_picture_shorter_than_its_place_does_no_harm() {
        assert_eq!(laid(&[1, 2, 3], WHOLE, None, 256), [100; 12]);
        assert!(WHOLE.covers(PART) && !PART.covers(WHOLE) && WHOLE.covers(WHOLE));
        assert_eq!(Place { x: 2, y: 4, width: 5, height: 6 }.half(), Place { x: 1, y: 2, width: 3, height: 3 });
    }
}
