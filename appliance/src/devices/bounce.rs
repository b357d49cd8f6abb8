//! One touch of a key is one press: a contact bounces, a box sends again what was not acknowledged, a key gets stuck.

use std::collections::BTreeMap;

/// How long a box may take to send the same press again for want of an acknowledgement, in milliseconds.
pub const RESENT_WITHIN_MS: u64 = 3_000;

/// The least time between two presses of one box, whatever its keys: no hand is quicker, and a line that went mad must
/// not call a clinic empty.
pub const BETWEEN_PRESSES_MS: u64 = 100;

/// What a key that came means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Somebody pressed it.
    Press,
    /// It belongs to the press before.
    Same,
    /// It has been held, or hangs, longer than anybody presses.
    Stuck,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug)]
struct Last {
    /// When it came first, of this press.
    pressed_ms: u64,
    /// When it came last.
    came_ms: u64,
    /// The number that the box gave the press.
    nth: Option<u8>,
}

/// Tells presses of one box apart.
#[derive(Clone, Debug)]
pub struct Bounce<K> {
    debounce_ms: u64,
    stuck_ms: u64,
    keys: BTreeMap<K, Last>,
    pressed_ms: Option<u64>,
}

impl<K: Ord + Copy> Bounce<K> {
    /// Begins with no key pressed.
    #[must_use]
    pub const fn new(debounce_ms: u64, stuck_ms: u64) -> Self {
        Self { debounce_ms, stuck_ms, keys: BTreeMap::new(), pressed_ms: None }
    }

    /// Takes a key that came, with the number of its press where the box gives one.
    pub fn take(&mut self, key: K, nth: Option<u8>, now_ms: u64) -> Touch {
        if let Some(last) = self.keys.get_mut(&key) {
            let quiet_ms = now_ms.saturating_sub(last.came_ms);
            let is_resent = nth.is_some() && last.nth == nth && quiet_ms <= RESENT_WITHIN_MS;
            if quiet_ms < self.debounce_ms || is_resent {
                last.came_ms = now_ms;
                let is_stuck = !is_resent && now_ms.saturating_sub(last.pressed_ms) >= self.stuck_ms;
                return if is_stuck { Touch::Stuck } else { Touch::Same };
            }
        }
        if self.pressed_ms.is_some_and(|pressed_ms| now_ms.saturating_sub(pressed_ms) < BETWEEN_PRESSES_MS) {
            return Touch::Same;
        }
        self.keys.insert(key, Last { pressed_ms: now_ms, came_ms: now_ms, nth });
        self.pressed_ms = Some(now_ms);
        Touch::Press
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn box_of() -> Bounce<u8> {
        Bounce::new(150, 5_000)
    }

    #[test]
    fn a_contact_that_bounces_is_one_press_and_the_next_touch_another() {
        let mut bounce = box_of();
        let came = [0, 10, 25, 140, 200, 500].map(|at| bounce.take(1, None, at));
        assert_eq!(came, [Touch::Press, Touch::Same, Touch::Same, Touch::Same, Touch::Same, Touch::Press]);
    }

    #[test]
    fn a_key_that_is_stuck_presses_once_and_is_told() {
        let mut bounce = box_of();
        let came: Vec<Touch> = (0..1_000).map(|nth| bounce.take(1, None, nth * 100)).collect();
        assert_eq!(came.iter().filter(|touch| **touch == Touch::Press).count(), 1);
        assert_eq!((came[49], came[50], came[999]), (Touch::Same, Touch::Stuck, Touch::Stuck));
    }

    #[test]
    fn what_a_box_sends_again_is_the_same_press_by_its_number() {
        let mut bounce = box_of();
        assert_eq!(bounce.take(1, Some(7), 0), Touch::Press);
        assert_eq!(bounce.take(1, Some(7), 800), Touch::Same);
        assert_eq!(bounce.take(1, Some(7), 1_600), Touch::Same);
        assert_eq!(bounce.take(1, Some(8), 2_400), Touch::Press);
        // The numbers begin again after 256, which takes longer than any repetition.
        assert_eq!(bounce.take(1, Some(8), 2_401 + RESENT_WITHIN_MS), Touch::Press);
    }

    #[test]
    fn two_keys_at_once_are_one_press() {
        let mut bounce = box_of();
        assert_eq!((bounce.take(1, None, 0), bounce.take(2, None, 20)), (Touch::Press, Touch::Same));
        assert_eq!(bounce.take(2, None, 400), Touch::Press);
    }

    proptest! {
        #[test]
        fn a_line_gone_mad_presses_no_faster_than_a_hand(
            keys in prop::collection::vec((0_u8..6, prop::option::of(0_u8..4), 0_u64..40), 1..400),
        ) {
            let (mut bounce, mut now_ms, mut pressed) = (box_of(), 0, Vec::new());
            for (key, nth, after_ms) in keys {
                now_ms += after_ms;
                if bounce.take(key, nth, now_ms) == Touch::Press {
                    pressed.push((key, now_ms));
                }
            }
            prop_assert!(pressed.windows(2).all(|two| two[1].1 - two[0].1 >= BETWEEN_PRESSES_MS));
            for key in 0..6 {
                let of_key: Vec<u64> = pressed.iter().filter(|press| press.0 == key).map(|press| press.1).collect();
                prop_assert!(of_key.windows(2).all(|two| two[1] - two[0] >= 150));
            }
        }
    }
}
