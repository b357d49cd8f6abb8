//! How the hub judges what a box appends: all or nothing, an origin's next facts only.

use machiai_core::ids::SiteId;

use crate::producer::{Turn, Verdict, judge};
use crate::run::{BadRun, Head, follow, is_as_stated};
use crate::said::Run;

/// By which device the hub writes its own facts: both sides tell them from a box's by it.
pub const DEVICE: &str = "hub";

/// What is to be done with an append.
#[derive(Debug)]
pub enum Judged {
    /// Keep all of it; the origin stands here then.
    Keep(Head),
    /// Keep nothing: the number was seen.
    Seen(Turn),
    /// Keep nothing: it does not follow, for the reason of the producer's rules.
    OutOfTurn(Verdict),
    /// Keep nothing: the first fact is not the origin's next.
    Behind(Head),
    /// Keep nothing: it is no run of this site's facts, or not the one that was hashed.
    Bad(BadRun),
}

/// Judges an append by where its origin and its session stand.
#[must_use]
pub fn judge_run(site: SiteId, (head, newest): (Head, Option<Turn>), run: &Run) -> Judged {
    match judge(newest, run.turn) {
        Verdict::New => {}
        Verdict::Seen { newest } => return Judged::Seen(newest),
        verdict @ (Verdict::Gap { .. } | Verdict::Stale { .. } | Verdict::BeginsLate) => {
            return Judged::OutOfTurn(verdict);
        }
    }
    let followed = follow((site, run.origin), head, run.lines.iter().map(AsRef::as_ref));
    match followed.and_then(|head| is_as_stated(head, run.hash)) {
        Ok(head) => Judged::Keep(head),
        Err(BadRun::NotNext { nth: 0, .. }) => Judged::Behind(head),
        Err(bad) => Judged::Bad(bad),
    }
}
