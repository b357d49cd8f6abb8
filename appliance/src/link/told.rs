//! How the channel does, for pages, for the command line and for the service's status line.

use std::sync::{Mutex, PoisonError};

use machiai_core::time::AtMs;
use machiai_wire::box_side::Told;
use machiai_wire::said::{Failure, Mode};
use serde::{Deserialize, Serialize};

/// What is wrong with the channel, by code: the words stand under the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    /// The line is down, or too slow.
    NoLine,
    /// Somebody else answers in the hub's stead.
    NotTheHub,
    /// The hub cannot now.
    Busy,
    /// This box was replaced, or its site is closed.
    Fenced,
    /// The hub and this box hold different facts.
    Diverged,
    /// The hub does not understand this box.
    Refused,
    /// This box has no certificate that counts.
    NoCertificate,
    /// The hub does not serve now, as it said before.
    Resting,
}

impl Wrong {
    /// All of them.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 8] = [
        Self::NoLine,
        Self::NotTheHub,
        Self::Busy,
        Self::Fenced,
        Self::Diverged,
        Self::Refused,
        Self::NoCertificate,
        Self::Resting,
    ];

    /// Whether the hub said before that it would be so.
    pub(crate) fn is_announced(self) -> bool {
        self == Self::Resting
    }

    /// Returns its code, under which its words stand.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NoLine => "no_line",
            Self::NotTheHub => "not_the_hub",
            Self::Busy => "busy",
            Self::Fenced => "fenced",
            Self::Diverged => "diverged",
            Self::Refused => "refused",
            Self::NoCertificate => "no_certificate",
            Self::Resting => "resting",
        }
    }
}

/// How the channel does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HubStatus {
    /// How the hub's facts are heard: `events`, `long_poll` or `poll`; none while they are not.
    pub(crate) mode: Option<String>,
    /// Facts that the hub is not known to hold.
    pub(crate) n_pending: u64,
    /// Facts that the hub holds and this box lacks.
    #[serde(default)]
    pub(crate) n_missing: u64,
    /// When something last came from the hub, on this box's clock.
    pub(crate) came_at_ms: Option<AtMs>,
    /// What is wrong.
    pub(crate) wrong: Option<Wrong>,
    /// What the hub says of it, or seconds to wait.
    pub(crate) why: Option<String>,
    /// The next pause that the hub announced: when, and what for.
    #[serde(default)]
    pub(crate) pause: Option<String>,
}

/// The newest that the channel's thread said; nothing where no hub is configured.
#[derive(Debug, Default)]
pub(crate) struct Linked(Mutex<Option<HubStatus>>);

impl Linked {
    /// Notes how the channel does at an instant, and whether something just came.
    pub(super) fn note(&self, told: &Told, (now, came): (AtMs, bool)) {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = newest.as_ref().and_then(|status| status.came_at_ms);
        let (wrong, why) = match (told.failure.as_ref().and_then(wrong), told.diverged.values().next()) {
            // A hub that is silent when it said that it would be is not in trouble, nor is the line.
            (Some((Wrong::NoLine | Wrong::Busy, _)), _) if let Some(rest) = told.service.rest(now) => {
                (Some(Wrong::Resting), Some(span(None, rest.until, rest.why)))
            }
            (Some((wrong, why)), _) => (Some(wrong), why),
            (None, Some(diverged)) => (Some(Wrong::Diverged), Some(diverged.why.clone())),
            (None, None) => (None, None),
        };
        let mode = told.mode.map(|mode| match mode {
            Mode::Events => "events".to_owned(),
            Mode::LongPoll => "long_poll".to_owned(),
            Mode::Poll => "poll".to_owned(),
        });
        let (n_pending, came_at_ms) = (told.n_pending, came.then_some(now).or(before));
        let pause = told.service.next_pause(now);
        let pause = pause.map(|pause| span(Some(pause.from_ms), pause.until_ms, &pause.why));
        let n_missing = told.n_missing;
        *newest = Some(HubStatus { mode, n_pending, n_missing, came_at_ms, wrong, why, pause });
    }

    /// Forgets how the channel did: there is none any more.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the box listens to the hub, which holds all its facts.
    pub(super) fn is_even(&self) -> bool {
        self.status().is_some_and(|status| status.mode.is_some() && status.n_pending == 0)
    }

    /// Whether facts wait to be sent.
    pub(super) fn has_pending(&self) -> bool {
        self.status().is_some_and(|status| status.n_pending > 0)
    }

    /// Returns how the channel does; none where there is no hub, or before the first step.
    pub(crate) fn status(&self) -> Option<HubStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes a span of the clinic's time as any reader has it, and what it is for.
fn span(from: Option<AtMs>, until: AtMs, why: &str) -> String {
    let shown = |at: AtMs| {
        let wall = at.in_tokyo();
        format!("{}/{} {}", wall.month(), wall.day(), at.clock_face())
    };
    format!("{}–{} {why}", from.map(shown).unwrap_or_default(), shown(until)).trim_end().to_owned()
}

/// Returns what is wrong after a failure, and what was said of it; nothing for what mends itself at once.
fn wrong(failure: &Failure) -> Option<(Wrong, Option<String>)> {
    match failure {
        Failure::NoLine => Some((Wrong::NoLine, None)),
        Failure::NotTheHub => Some((Wrong::NotTheHub, None)),
        Failure::Busy { after_ms } => Some((Wrong::Busy, after_ms.map(|after_ms| (after_ms / 1_000).to_string()))),
        Failure::Fenced { why } | Failure::Replaced { why } => Some((Wrong::Fenced, Some(why.clone()))),
        Failure::Diverged { why } | Failure::Unfit { why } => Some((Wrong::Diverged, Some(why.clone()))),
        Failure::Refused { why } => Some((Wrong::Refused, Some(why.clone()))),
        Failure::NoCertificate { why } => Some((Wrong::NoCertificate, Some(why.clone()))),
        Failure::Stale { .. } | Failure::Behind | Failure::TooLarge => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use machiai_wire::service::{Pause, Service};

    fn told() -> Told {
        let (failure, diverged, service) = (None, BTreeMap::new(), Service::default());
        Told { mode: None, n_pending: 0, n_missing: 0, came_at_ms: None, failure, diverged, service }
    }

    #[test]
    fn a_hub_that_is_silent_when_it_said_so_rests_and_is_in_trouble_before_and_after() {
        let (hour_ms, why) = (3_600_000, "点検".to_owned());
        let pause = Pause { from_ms: AtMs(hour_ms), until_ms: AtMs(2 * hour_ms), why };
        let service = Service { hours: None, pauses: vec![pause] };
        let linked = Linked::default();
        let after = |at_ms, failure| {
            linked.note(&Told { failure: Some(failure), service: service.clone(), ..told() }, (AtMs(at_ms), false));
            let status = linked.status().unwrap();
            (status.wrong.unwrap(), status.why, status.pause)
        };
        let announced = Some("1/1 10:00–1/1 11:00 点検".to_owned());
        assert_eq!(after(hour_ms - 1, Failure::NoLine), (Wrong::NoLine, None, announced));
        for failure in [Failure::NoLine, Failure::Busy { after_ms: Some(60_000) }] {
            assert_eq!(after(hour_ms, failure), (Wrong::Resting, Some("–1/1 11:00 点検".to_owned()), None));
        }
        assert_eq!(after(hour_ms, Failure::NotTheHub).0, Wrong::NotTheHub, "whoever answers is not the hub at rest");
        assert_eq!(after(2 * hour_ms, Failure::NoLine).0, Wrong::NoLine);
    }

    #[test]
    fn content_comes_only_while_the_hub_listens_and_holds_every_fact() {
        let linked = Linked::default();
        assert!(!linked.is_even() && !linked.has_pending(), "nothing was said yet");
        for (mode, n_pending, expected) in [
            (None, 0, (false, false)),
            (None, 3, (false, true)),
            (Some(Mode::Events), 3, (false, true)),
            (Some(Mode::Events), 0, (true, false)),
            (Some(Mode::Poll), 0, (true, false)),
        ] {
            linked.note(&Told { mode, n_pending, ..told() }, (AtMs(0), false));
            assert_eq!((linked.is_even(), linked.has_pending()), expected, "{mode:?} {n_pending}");
        }
    }
}
