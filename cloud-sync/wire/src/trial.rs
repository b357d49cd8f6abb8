//! A trial of the line between a box and its hub: bytes that mean nothing go up and come down in pieces, and are timed.
//!
//! How long it lasts and how much it moves is bounded here, whatever the line does: a thin line is not filled for long,
//! and a thick one is not paid for by the gibibyte. Nothing here reads a clock: what a piece took comes in.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use machiai_core::ids::SiteId;
use serde::{Deserialize, Serialize};

use crate::http::{Answer, no_hub, refusal};
use crate::said::Failure;

/// Where any site tries its line, for whoever routes.
pub const TRIAL_ROUTE: &str = "/v1/sites/{site}/trial";

/// What a line is recommended to carry each way where patients are consulted by video, in kilobits a second.
pub const RECOMMENDED_KBIT_S: u32 = 10_000;

/// The largest piece, in bytes: what a hub gives or takes at once.
pub const MOST_PIECE_BYTES: u32 = 2 * 1024 * 1024;

/// What is moved one way at most, in bytes.
pub const MOST_BYTES: u32 = 4 * 1024 * 1024;

/// For how long bytes are moved one way at most.
pub const TRIED_FOR: Duration = Duration::from_millis(2_500);

/// The first piece, in bytes: half a second of the thinnest line that is served, 64 kbit/s.
const FIRST_BYTES: u32 = 4 * 1024;

/// From how long on a piece tells what the line carries: shorter ones may lie in a store on the way.
const TELLS_FROM: Duration = Duration::from_millis(500);

/// How much larger the next piece is at most: after one that hardly took time, and after any other, which a store on the
/// way may have taken a part of.
const GROWS_BY: [u32; 2] = [4, 2];

/// Less than this is hardly any time.
const HARDLY: Duration = Duration::from_millis(125);

/// Returns where a site's bytes go up.
#[must_use]
pub fn up_path(site: SiteId) -> String {
    format!("/v1/sites/{site}/trial")
}

/// Returns where so many bytes come down to a site.
#[must_use]
pub fn down_path(site: SiteId, n_bytes: u32) -> String {
    format!("/v1/sites/{site}/trial?bytes={n_bytes}")
}

/// What is wanted of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// So many bytes.
    pub bytes: u32,
}

/// What the hub says of bytes that it threw away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// So many came.
    pub n_bytes: u32,
}

/// Reads what the hub says of so many bytes that went up.
///
/// # Errors
/// [`Failure`]: no hub, it refuses, or not all of them came.
pub fn read_taken(n_bytes: u32, answer: Answer<'_>) -> Result<(), Failure> {
    if !answer.is_hubs() {
        return Err(no_hub(answer));
    }
    if answer.status != 200 {
        return Err(refusal(answer));
    }
    match serde_json::from_slice(answer.body) {
        Ok(Taken { n_bytes: taken }) if taken == n_bytes => Ok(()),
        Ok(_) | Err(_) => Err(Failure::NotTheHub),
    }
}

/// Reads the head of an answer to the wish for bytes, which follow it.
///
/// # Errors
/// [`Failure`]: no hub, or it refuses.
pub fn read_given(answer: Answer<'_>) -> Result<(), Failure> {
    if !answer.is_hubs() {
        return Err(no_hub(answer));
    }
    if answer.status == 200 { Ok(()) } else { Err(refusal(answer)) }
}

/// A piece that was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    n_bytes: u32,
    took: Duration,
}

/// A trial of one way, of pieces that grow until the time or the bytes are used up. The fastest of those that took long
/// enough tells, since what was lost on the way and sent again slows one down; where none did, the largest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How long a question without bytes takes: it is part of what each piece took.
    latency: Duration,
    n_bytes: u32,
    spent: Duration,
    last: Option<Piece>,
    fastest: Option<Piece>,
}

impl Trial {
    /// Begins, on a line over which a question without bytes takes so long.
    #[must_use]
    pub const fn new(latency: Duration) -> Self {
        Self { latency, n_bytes: 0, spent: Duration::ZERO, last: None, fastest: None }
    }

    /// Returns how many bytes to move next; none when it is over.
    #[must_use]
    pub fn next(&self) -> Option<u32> {
        let Some(last) = self.last else { return Some(FIRST_BYTES) };
        // A piece that is expected to take most of what is left might well take more.
        let left_us = self.left().as_micros().checked_div(2)?;
        let fits = u128::from(last.n_bytes).saturating_mul(left_us).checked_div(last.took.as_micros().max(1))?;
        let [quick, slow] = GROWS_BY;
        let grows_by = if last.took.saturating_sub(self.latency) < HARDLY { quick } else { slow };
        let most = last.n_bytes.saturating_mul(grows_by).min(MOST_PIECE_BYTES);
        let most = most.min(MOST_BYTES.saturating_sub(self.n_bytes));
        let next = u32::try_from(fits).unwrap_or(u32::MAX).min(most);
        // A smaller piece tells no more than the last one.
        (next >= last.n_bytes).then_some(next)
    }

    /// Returns for how long bytes may still be moved: a piece that takes longer is given up.
    #[must_use]
    pub fn left(&self) -> Duration {
        TRIED_FOR.saturating_sub(self.spent)
    }

    /// Takes in how long a piece took.
    pub fn took(&mut self, n_bytes: u32, took: Duration) {
        self.n_bytes = self.n_bytes.saturating_add(n_bytes);
        self.spent = self.spent.saturating_add(took);
        let piece = Piece { n_bytes, took };
        self.last = Some(piece);
        if took >= TELLS_FROM && self.fastest.is_none_or(|fastest| self.of(piece) > self.of(fastest)) {
            self.fastest = Some(piece);
        }
    }

    /// Takes in that a piece was given up: where it was the first one, the line carries less than that.
    pub fn gave_up(&mut self, n_bytes: u32) {
        let took = self.left();
        self.last = self.last.or(Some(Piece { n_bytes, took }));
        self.spent = TRIED_FOR;
    }

    /// Returns what the line carries this way, in kilobits a second.
    #[must_use]
    pub fn kbit_s(&self) -> u32 {
        self.fastest.or(self.last).map_or(0, |piece| self.of(piece))
    }

    /// Returns what one piece says that the line carries.
    fn of(&self, Piece { n_bytes, took }: Piece) -> u32 {
        // Where the bytes hardly add to the way there and back, the line carries at least what is said.
        let moved = took.checked_sub(self.latency).unwrap_or_default().max(took.checked_div(4).unwrap_or_default());
        let kbit_us = u128::from(n_bytes).saturating_mul(8_000);
        let kbit_s = kbit_us.checked_div(moved.as_micros().max(1)).unwrap_or_default();
        u32::try_from(kbit_s).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use alloc::vec::Vec;

    use super::*;
    use crate::http::header::HUB;

    /// Tries a line of so many kilobits a second, and returns what was found, how long it took and what was moved.
    #[expect(clippy::arithmetic_side_effects, reason = "lines of a test are neither endless nor without width")]
    fn tried(kbit_s: u64, latency: Duration) -> (u32, Duration, u64) {
        let (mut trial, mut spent, mut n_bytes) = (Trial::new(latency), Duration::ZERO, 0);
        while let Some(piece) = trial.next() {
            let took = latency + Duration::from_micros(u64::from(piece) * 8_000 / kbit_s);
            n_bytes += u64::from(piece);
            if took > trial.left() {
                spent += trial.left();
                trial.gave_up(piece);
                break;
            }
            spent += took;
            trial.took(piece, took);
        }
        (trial.kbit_s(), spent, n_bytes)
    }

    #[test]
    fn lines_of_every_width_are_told_within_a_tenth_and_never_filled_for_long() {
        for kbit_s in [32, 64, 128, 1_000, 8_000, 10_000, 100_000, 1_000_000] {
            for latency_ms in [0, 5, 50, 300] {
                let (found, spent, n_bytes) = tried(kbit_s, Duration::from_millis(latency_ms));
                assert!(spent <= TRIED_FOR && n_bytes <= u64::from(MOST_BYTES), "{kbit_s} kbit/s: {spent:?} {n_bytes}");
                // On a far line that carries much, the way there and back is most of what there is to see.
                let least = if kbit_s > 10_000 && latency_ms > 5 { 10_000 } else { kbit_s * 9 / 10 };
                assert!((least..=kbit_s * 11 / 10).contains(&u64::from(found)), "{kbit_s} at {latency_ms}: {found}");
            }
        }
    }

    #[test]
    fn a_piece_that_had_to_be_sent_again_tells_no_less() {
        let mut trial = Trial::new(Duration::from_millis(1));
        trial.took(4_096, Duration::from_millis(513));
        trial.took(11_563, Duration::from_millis(1_950));
        assert_eq!(trial.kbit_s(), 64);
        // A piece that went into a store on the way tells nothing while a longer one does.
        let mut trial = Trial::new(Duration::from_millis(1));
        trial.took(4_096, Duration::from_millis(30));
        trial.took(16_384, Duration::from_millis(2_049));
        assert_eq!(trial.kbit_s(), 64);
    }

    #[test]
    fn a_line_on_which_nothing_comes_through_is_told_by_what_it_cannot_carry() {
        assert_eq!(tried(1, Duration::ZERO).0, 13, "4 KiB in 2.5 seconds would be that");
        assert_eq!(Trial::new(Duration::ZERO).kbit_s(), 0);
    }

    fn taken(status: u16, headers: &[(&str, &str)], body: &str) -> Result<(), Failure> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        read_taken(7, Answer { status, headers: &headers, body: body.as_bytes() })
    }

    #[test]
    fn only_a_hub_that_took_every_byte_is_believed() {
        let hub = [(HUB, "1")];
        assert_eq!(taken(200, &hub, r#"{"n_bytes":7}"#), Ok(()));
        assert_eq!(taken(200, &[], r#"{"n_bytes":7}"#), Err(Failure::NotTheHub));
        for other in [r#"{"n_bytes":6}"#, "", "<html>"] {
            assert_eq!(taken(200, &hub, other), Err(Failure::NotTheHub), "{other}");
        }
        let busy = taken(429, &[hub[0], ("retry-after", "7")], "");
        assert_eq!(busy, Err(Failure::Busy { after_ms: Some(7_000) }));
    }
}
