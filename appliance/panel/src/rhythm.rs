//! What a board does by itself as time goes: labels take turns in the languages, pages turn, and the whole drawing moves
//! a little against burn-in (LOOKS, board with film; night and burn-in).
//!
//! Everything is a function of the view's instant, so that every board of a clinic does the same at the same moment.

use machiai_core::facts::Lang;
use machiai_core::settings::Text;
use machiai_core::time::AtMs;
use machiai_core::view::BoardView;

/// How long a page of what does not fit at once is shown, in milliseconds.
pub const PAGE_MS: i64 = 8_000;

/// How long labels are in Japanese, and in each other language.
const JAPANESE_MS: i64 = 12_000;
const OTHER_MS: i64 = 6_000;

/// How long the drawing stays in one place.
const STEP_MS: i64 = 180_000;

/// The places of the ring around home: 2 px apart, never more than 3 px away.
const RING: [(i8, i8); 8] = [(0, -2), (2, -2), (2, 0), (2, 2), (0, 2), (-2, 2), (-2, 0), (-2, -2)];

/// Returns how far the drawing is moved at an instant, in pixels to the right and down; the film is never moved.
#[must_use]
pub fn ring(at: AtMs) -> (i8, i8) {
    let step = at.0.div_euclid(STEP_MS).rem_euclid(8);
    usize::try_from(step).ok().and_then(|step| RING.get(step)).copied().unwrap_or_default()
}

/// Returns the language of the labels of a board.
///
/// English always takes its turn; Chinese and Korean do where the clinic has named its lines in them.
#[must_use]
pub fn label_lang(view: &BoardView) -> Lang {
    turn(view).0
}

/// Returns the page that a board shows of what takes several.
pub(crate) fn page(at: AtMs) -> usize {
    usize::try_from(at.0.div_euclid(PAGE_MS)).unwrap_or_default()
}

/// Returns the instant at which a board of so many pages changes by itself.
pub(crate) fn changes_at(view: &BoardView, n_pages: usize) -> AtMs {
    let next = |each_ms: i64| AtMs(view.as_of.0.div_euclid(each_ms).saturating_add(1).saturating_mul(each_ms));
    let pages = (n_pages > 1).then(|| next(PAGE_MS));
    let labels = view.calls.is_empty().then(|| turn(view).1);
    pages.into_iter().chain(labels).fold(next(STEP_MS), AtMs::min)
}

/// Returns the language of the labels, and until when.
fn turn(view: &BoardView) -> (Lang, AtMs) {
    let has = |of: fn(&Text) -> bool| view.lines.iter().any(|line| of(&line.name));
    let others =
        [(Lang::En, true), (Lang::Zh, has(|name| name.zh.is_some())), (Lang::Ko, has(|name| name.ko.is_some()))];
    let others = others.into_iter().filter(|(_, is_spoken)| *is_spoken).map(|(lang, _)| (lang, OTHER_MS));
    let turns = || core::iter::once((Lang::Ja, JAPANESE_MS)).chain(others.clone());
    let round_ms: i64 = turns().map(|(_, each_ms)| each_ms).sum();
    let since_ms = view.as_of.0.rem_euclid(round_ms);
    let mut end_ms = 0;
    for (lang, each_ms) in turns() {
        end_ms += each_ms;
        if since_ms < end_ms {
            return (lang, view.as_of.plus_ms(end_ms - since_ms));
        }
    }
    (Lang::Ja, view.as_of.plus_ms(round_ms - since_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    /// Long enough for every rhythm to come round.
    const ROUND: i64 = 8 * STEP_MS;

    #[test]
    fn the_ring_has_eight_places_two_pixels_apart_and_near_home() {
        let places: Vec<(i8, i8)> = (0..8).map(|step| ring(AtMs(step * STEP_MS))).collect();
        for (at, (x, y)) in places.iter().enumerate() {
            let (next_x, next_y) = places[(at + 1) % 8];
            assert_eq!((next_x - x).abs() + (next_y - y).abs(), 2, "step {at}");
            assert!(i32::from(*x).pow(2) + i32::from(*y).pow(2) <= 16, "{x} {y} is far from home");
            assert_eq!(places.iter().filter(|other| *other == &(*x, *y)).count(), 1, "{x} {y} comes twice");
        }
        let sum = places.iter().fold((0, 0), |(x, y), place| (x + place.0, y + place.1));
        assert_eq!(sum, (0, 0), "home is not the middle");
        assert_eq!(ring(AtMs(STEP_MS - 1)), places[0]);
        assert_eq!(ring(AtMs(-1)), places[7], "before 1970 it goes round too");
    }

    #[test]
    fn labels_are_japanese_for_twelve_seconds_and_six_in_each_language_of_the_lines() {
        let mut view = samples::board(3, 2);
        let start = view.as_of;
        let heard = |view: &mut BoardView| -> Vec<Lang> {
            (0..10)
                .map(|n| {
                    view.as_of = start.plus_ms(n * 3_000);
                    label_lang(view)
                })
                .collect()
        };
        use Lang::{En, Ja, Ko, Zh};
        assert_eq!(heard(&mut view), [Ja, Ja, Ja, Ja, En, En, Zh, Zh, Ko, Ko]);
        for line in &mut view.lines {
            (line.name.zh, line.name.ko) = (None, None);
        }
        assert_eq!(heard(&mut view), [Ja, Ja, Ja, Ja, En, En, Ja, Ja, Ja, Ja]);
    }

    #[test]
    fn nothing_changes_by_itself_before_it_was_said() {
        for n_pages in [1, 3] {
            let mut view = samples::board(3, 2);
            let shown = |view: &BoardView| (label_lang(view), ring(view.as_of), page(view.as_of) % n_pages);
            let (mut due, mut last) = (changes_at(&view, n_pages), shown(&view));
            let start = view.as_of;
            for now in (0..ROUND).step_by(1_000) {
                view.as_of = start.plus_ms(now);
                if view.as_of >= due {
                    assert!(view.as_of.since(due) < 1_000);
                    (due, last) = (changes_at(&view, n_pages), shown(&view));
                }
                assert_eq!(shown(&view), last, "changed unsaid after {now} ms");
            }
        }
    }
}
