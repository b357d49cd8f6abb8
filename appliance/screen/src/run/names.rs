//! The numbers under which the daemon knows what is cued. Two daemons count alike: what was cued for one that died must
//! not be told to the next, which has given the same number to something else.

use std::collections::BTreeMap;

use machiai_panel::link::FromScreen;

use crate::playout::Told;

/// The daemon's number of each turn; what another daemon cued has none.
#[derive(Debug, Default)]
pub(super) struct Names {
    n_turns: u64,
    ids: BTreeMap<u64, u64>,
}

impl Names {
    /// Takes a turn, never used before, for the daemon's number.
    pub(super) fn take(&mut self, id: u64) -> u64 {
        self.n_turns = self.n_turns.saturating_add(1);
        self.ids.insert(self.n_turns, id);
        self.n_turns
    }

    /// Gives back a turn that comes to nothing.
    pub(super) fn give_back(&mut self, turn: u64) {
        self.ids.remove(&turn);
    }

    /// Forgets all, as another daemon is there.
    pub(super) fn forget_all(&mut self) {
        self.ids.clear();
    }

    /// Returns what the daemon is to hear of a turn, if it is its own.
    pub(super) fn said(&mut self, told: Told) -> Option<FromScreen> {
        let id_of = |turn| self.ids.get(turn).copied();
        Some(match told {
            Told::Begun { id: turn, .. } => FromScreen::Begun { id: id_of(&turn)? },
            Told::Shown { id: turn, n_frames } => FromScreen::Shown { id: id_of(&turn)?, n_frames },
            Told::Ended { id: turn, n_frames, end, .. } => {
                FromScreen::Ended { id: self.ids.remove(&turn)?, n_frames, end }
            }
        })
    }
}

/// Numbers of announcements: a daemon counts its own from 1, and those of the one before may still wait to be heard.
#[derive(Debug, Default)]
pub(super) struct Calls {
    n_before: u64,
    most: u64,
}

impl Calls {
    /// Returns the number, never another daemon's, of what the daemon of now numbers so.
    pub(super) fn of(&mut self, id: u64) -> u64 {
        let call = self.n_before.saturating_add(id);
        self.most = self.most.max(call);
        call
    }

    /// Lets another daemon count from 1.
    pub(super) const fn begin_anew(&mut self) {
        self.n_before = self.most;
    }
}

#[cfg(test)]
mod tests {
    use gstreamer::ClockTime;
    use machiai_panel::link::End;

    use super::*;

    #[test]
    fn what_was_cued_for_a_daemon_that_died_is_not_told_to_the_next() {
        let begun = |turn| Told::Begun { id: turn, at: ClockTime::ZERO };
        let ended = |turn| Told::Ended { id: turn, at: ClockTime::ZERO, n_frames: 9, n_late: 0, end: End::Replaced };
        let mut names = Names::default();
        let old = names.take(1);
        assert_eq!(names.said(begun(old)), Some(FromScreen::Begun { id: 1 }));
        names.forget_all();
        let new = names.take(1);
        assert_eq!(names.said(ended(old)), None);
        assert_eq!(names.said(begun(new)), Some(FromScreen::Begun { id: 1 }));
        assert_eq!(names.said(ended(new)), Some(FromScreen::Ended { id: 1, n_frames: 9, end: End::Replaced }));
        assert_eq!(names.said(ended(new)), None, "it is over");
    }

    #[test]
    fn a_call_of_a_daemon_that_died_is_never_taken_for_one_of_the_next() {
        let mut calls = Calls::default();
        let first = [1, 2, 2].map(|id| calls.of(id));
        assert_eq!(first, [1, 2, 2], "an announcement and its hush are one");
        calls.begin_anew();
        let second = [1, 2, 1].map(|id| calls.of(id));
        assert_eq!(second[0], second[2]);
        assert!(!second.iter().any(|call| first.contains(call)), "{second:?}");
        calls.begin_anew();
        calls.begin_anew();
        assert!(!second.contains(&calls.of(1)));
    }
}
