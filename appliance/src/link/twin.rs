//! Another box that speaks for this site: a copied disk, or the box before this one that was not switched off.
//!
//! Openings draw their origins, so that nothing collides and nothing is lost; but two boxes give the same numbers. It
//! shows by facts that come from the hub, were written after this opening began, and are not this opening's.

use machiai_core::envelope::{Head, Trust};
use machiai_core::ids::Origin;
use machiai_core::time::AtMs;
use machiai_wire::hub_side::DEVICE;
use serde::Deserialize;

/// What tells whose a fact is.
#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    head: Head,
}

/// This opening, as another box is told from it.
#[derive(Debug)]
pub(super) struct Opening {
    own: Vec<Origin>,
    began: AtMs,
}

impl Opening {
    /// Describes an opening that writes under these origins and began at an instant of the clinic's clock.
    pub(super) const fn new(own: Vec<Origin>, began: AtMs) -> Self {
        Self { own, began }
    }

    /// Whether a fact that came from the hub was written by another box while this opening runs.
    pub(super) fn is_anothers(&self, line: &[u8]) -> bool {
        let Ok(Told { head }) = serde_json::from_slice(line) else { return false };
        // A clock that nobody vouches for may have been ahead of ours long before.
        let is_sure = matches!(head.clock, Trust::Synced | Trust::Rehearsal);
        // The hub's own facts come by the same way.
        let is_a_boxs = head.by.device.as_str() != DEVICE;
        is_sure && head.at_ms > self.began && !self.own.contains(&head.origin) && is_a_boxs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::after_this_opening(1_001, "synced", "11", "desk-1", true)]
    #[case::in_a_rehearsal(1_001, "rehearsal", "11", "desk-1", true)]
    #[case::before_it(1_000, "synced", "11", "desk-1", false)]
    #[case::by_a_clock_that_nobody_vouches_for(1_001, "free", "11", "desk-1", false)]
    #[case::its_own(1_001, "synced", "22", "desk-1", false)]
    #[case::its_own_airing(1_001, "synced", "33", "screen", false)]
    #[case::the_hubs(1_001, "synced", "11", "hub", false)]
    fn another_box_is_told_by_what_it_wrote_since(
        #[case] at_ms: i64,
        #[case] clock: &str,
        #[case] origin: &str,
        #[case] device: &str,
        #[case] expected: bool,
    ) {
        let own = ["22", "33"].map(|origin| origin.repeat(16).parse().unwrap());
        let opening = Opening::new(own.to_vec(), AtMs(1_000));
        let (origin, boot) = (origin.repeat(16), "b2".repeat(16));
        let line = format!(
            r#"{{"site":1,"origin":"{origin}","seq":1,"at_ms":{at_ms},"at_n":0,"boot":"{boot}","mono_ms":1,"clock":"{clock}","by":{{"device":"{device}"}},"kind":"LinePaused","line":1}}"#
        );
        assert_eq!(opening.is_anothers(line.as_bytes()), expected);
        assert!(!opening.is_anothers(b"{}"));
    }
}
