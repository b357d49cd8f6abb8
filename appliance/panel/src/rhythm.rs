//! What a board does by itself as time goes: labels take turns in the languages, pages turn, and the whole drawing moves
//! a little against burn-in (LOOKS, board with film; night and burn-in).
//!
//! Everything is a function of the view's instant, so that every board of a clinic does the same at the same moment.

use machiai_core::board::{NIGHT_FROM_MIN, NIGHT_TO_MIN};
use machiai_core::facts::Lang;
use machiai_core::settings::Text;
use machiai_core::time::{AtMs, Day, HOUR_MS};
use machiai_core::view::BoardView;

use crate::palette::NIGHT_STEPS;

/// How long a page of what does not fit at once is shown, in milliseconds.
pub const PAGE_MS: i64 = 8_000;

/// How long a page of lines' cards is shown: it says more than a line of text.
pub const CARD_PAGE_MS: i64 = 10_000;

/// How long night takes to come, and to go.
const DUSK_MS: i64 = 60_000;

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

/// Returns the page of lines' cards that a board shows.
pub(crate) fn card_page(at: AtMs) -> usize {
    usize::try_from(at.0.div_euclid(CARD_PAGE_MS)).unwrap_or_default()
}

/// Returns how far the night has come on a board, from 0 by day to [`NIGHT_STEPS`]; while a call is shown it stands still.
pub(crate) fn night(view: &BoardView) -> u8 {
    let gone_ms = since_edge_ms(view).unwrap_or(DUSK_MS).clamp(0, DUSK_MS);
    let gone = u8::try_from(gone_ms * i64::from(NIGHT_STEPS) / DUSK_MS).unwrap_or(NIGHT_STEPS);
    if view.night { gone } else { NIGHT_STEPS - gone }
}

/// Returns how long ago night or day began, at the first call if one is shown; none if the time of day is not known.
fn since_edge_ms(view: &BoardView) -> Option<i64> {
    view.clock.as_ref()?;
    let edge = Day::holding(view.as_of, 0).at_min(if view.night { NIGHT_FROM_MIN } else { NIGHT_TO_MIN });
    let called = view.calls.iter().map(|call| call.called_at).min();
    let since_ms = view.as_of.since(edge).rem_euclid(24 * HOUR_MS);
    Some(since_ms - called.map_or(0, |called| view.as_of.since(called).max(0)))
}

/// Returns the instant at which a board of so many pages of text and of cards changes by itself.
pub(crate) fn changes_at(view: &BoardView, n_pages: usize, n_card_pages: usize) -> AtMs {
    let next = |each_ms: i64| AtMs(view.as_of.0.div_euclid(each_ms).saturating_add(1).saturating_mul(each_ms));
    let pages = (n_pages > 1).then(|| next(PAGE_MS));
    let labels = view.calls.is_empty().then(|| turn(view).1);
    let cards = (n_card_pages > 1).then(|| next(CARD_PAGE_MS));
    let is_dusk = view.calls.is_empty() && since_edge_ms(view).is_some_and(|since_ms| since_ms < DUSK_MS);
    let dusk = is_dusk.then(|| next(DUSK_MS / i64::from(NIGHT_STEPS)));
    [pages, cards, labels, dusk].into_iter().flatten().fold(next(STEP_MS), AtMs::min)
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
        for (n_pages, n_cards) in [(1, 1), (3, 1), (1, 3), (2, 3)] {
            let mut view = samples::board(3, 2);
            let shown = |view: &BoardView| {
                let pages = (page(view.as_of) % n_pages, card_page(view.as_of) % n_cards);
                (label_lang(view), ring(view.as_of), pages)
            };
            let (mut due, mut last) = (changes_at(&view, n_pages, n_cards), shown(&view));
            let start = view.as_of;
            for now in (0..ROUND).step_by(1_000) {
                view.as_of = start.plus_ms(now);
                if view.as_of >= due {
                    assert!(view.as_of.since(due) < 1_000);
                    (due, last) = (changes_at(&view, n_pages, n_cards), shown(&view));
                }
                assert_eq!(shown(&view), last, "changed unsaid after {now} ms");
            }
        }
    }

    #[test]
    fn pages_of_text_turn_after_eight_seconds_and_pages_of_cards_after_ten() {
        let turns = |of: fn(AtMs) -> usize| -> Vec<i64> {
            (1..=40).filter(|after_s| of(AtMs(after_s * 1_000 - 1)) != of(AtMs(after_s * 1_000))).collect()
        };
        assert_eq!(turns(page), [8, 16, 24, 32, 40]);
        assert_eq!(turns(card_page), [10, 20, 30, 40]);
    }

    /// A board at a time of day, as core would say it.
    fn at(minute: i32, after_ms: i64) -> BoardView {
        let mut view = samples::board(3, 2);
        view.as_of = Day::holding(view.as_of, 0).at_min(minute).plus_ms(after_ms);
        let minute_there = minute + i32::from(after_ms >= 60_000) - i32::from(after_ms < 0);
        view.night = !(NIGHT_TO_MIN..NIGHT_FROM_MIN).contains(&minute_there);
        view
    }

    #[test]
    fn night_comes_in_a_minute_step_by_step_and_goes_as_it_came() {
        let steps = |minute| -> Vec<u8> { (-1..=13).map(|nth| night(&at(minute, nth * 5_000))).collect() };
        let coming = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12];
        assert_eq!(steps(NIGHT_FROM_MIN), coming);
        assert_eq!(steps(NIGHT_TO_MIN), coming.map(|step| NIGHT_STEPS - step));
        assert_eq!([night(&at(3 * 60, 0)), night(&at(12 * 60, 0))], [NIGHT_STEPS, 0]);
        assert_eq!(night(&BoardView { clock: None, ..at(NIGHT_TO_MIN, 30_000) }), 0, "nobody knows that it is morning");
    }

    #[test]
    fn each_step_of_dusk_is_said_before_it_comes() {
        for (minute, after_ms) in [(NIGHT_FROM_MIN, 0), (NIGHT_FROM_MIN, 52_345), (NIGHT_TO_MIN, 7_500)] {
            let view = at(minute, after_ms);
            let due = changes_at(&view, 1, 1);
            assert!(due.since(view.as_of) <= 5_000, "the step after {after_ms} ms was not said");
            let before = BoardView { as_of: due.plus_ms(-1), ..view.clone() };
            assert_eq!(night(&before), night(&view));
        }
    }

    #[test]
    fn no_step_of_dusk_falls_into_a_call() {
        let (_, calling) = samples::calls().swap_remove(0);
        for (called_ms, wanted) in [(-3_000, 0), (0, 0), (22_000, 4), (59_000, 11), (61_000, 12)] {
            for later_ms in [0, 4_000, 8_000] {
                let mut view = BoardView { calls: calling.calls.clone(), ..at(NIGHT_FROM_MIN, called_ms + later_ms) };
                view.calls[0].called_at = view.as_of.plus_ms(-later_ms);
                assert_eq!(night(&view), wanted, "called {called_ms} ms after 17:00, {later_ms} ms later");
                let due = changes_at(&view, 1, 1).since(view.as_of);
                assert!(due == STEP_MS - view.as_of.0.rem_euclid(STEP_MS), "due in {due} ms during a call");
            }
        }
    }
}
