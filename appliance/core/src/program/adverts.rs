//! The rules of adverts: apart from their class, alone where a class was bought whole, and so many an hour. Each hour
//! is any 60 minutes, so that no two clock hours can be played against each other. Whoever had to wait for its class
//! goes first when the wait is over: otherwise the first advert of a loop would keep every later one out.

use super::Program;
use super::aired::Aired;
use super::content::{AdvertTerms, Content, ContentHash, ContentKind};
use super::table::AdvertRules;
use super::why::Why;
use crate::time::{AtMs, HOUR_MS, MINUTE_MS};

/// The loop in which an advert would air.
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    /// All that the loop holds.
    pub contents: &'a [ContentHash],
    /// Those of it against which nothing but these rules can stand.
    pub ready: &'a [ContentHash],
    /// The rules of its table.
    pub rules: AdvertRules,
}

/// Tells why an advert may not begin now; none when it may, and for content that is none.
#[must_use]
pub fn forbids(program: &Program, content: &Content, beside: Beside<'_>, aired: &Aired, now: AtMs) -> Option<Why> {
    breaks(program, content, beside, aired, now).or_else(|| {
        let own = content.advert.as_ref()?;
        let may_air = |other: ContentHash| {
            let told = program.content(other).map(|(_, told)| told).filter(|_| beside.ready.contains(&other));
            told.is_some_and(|told| breaks(program, told, beside, aired, now).is_none())
        };
        let mut before = aired.owed().take_while(|owed| *owed != content.content);
        let is_owed =
            before.any(|owed| terms_of(program, owed).is_some_and(|it| it.class == own.class) && may_air(owed));
        is_owed.then_some(Why::AdvertYields)
    })
}

/// Tells which rule an advert would break if it began now.
fn breaks(program: &Program, content: &Content, beside: Beside<'_>, aired: &Aired, now: AtMs) -> Option<Why> {
    if content.kind != ContentKind::Advert {
        return None;
    }
    let n_all = aired.adverts_within(HOUR_MS, now).count();
    if beside.rules.most_per_hour.is_some_and(|most| n_all >= usize::from(most)) {
        return Some(Why::AdvertCapped);
    }
    let terms = content.advert.as_ref()?;
    let n_own = aired.adverts_within(HOUR_MS, now).filter(|shown| shown.content == content.content).count();
    if terms.most_per_hour.is_some_and(|most| n_own >= usize::from(most)) {
        return Some(Why::AdvertCapped);
    }
    if is_excluded(program, terms, beside.contents, aired, now) {
        return Some(Why::AdvertExcluded);
    }
    let apart_ms = i64::from(beside.rules.apart_min).saturating_mul(MINUTE_MS).min(HOUR_MS);
    let mut near = aired.adverts_within(apart_ms, now).filter_map(|shown| terms_of(program, shown.content));
    near.any(|other| other.class == terms.class).then_some(Why::AdvertTooSoon)
}

/// Whether a competitor has the class for itself, in the loop or in the last hour. Of two in a loop that both would
/// have it, the first has.
fn is_excluded(program: &Program, own: &AdvertTerms, loops: &[ContentHash], aired: &Aired, now: AtMs) -> bool {
    let holder = loops.iter().filter_map(|content| terms_of(program, *content));
    let holder = holder.filter(|terms| terms.class == own.class).find(|terms| terms.exclusive);
    if holder.is_some_and(|holder| holder.advertiser != own.advertiser) {
        return true;
    }
    let mut shown = aired.adverts_within(HOUR_MS, now).filter_map(|shown| terms_of(program, shown.content));
    shown.any(|other| {
        other.class == own.class && other.advertiser != own.advertiser && (other.exclusive || own.exclusive)
    })
}

fn terms_of(program: &Program, content: ContentHash) -> Option<&AdvertTerms> {
    program.content(content).and_then(|(_, told)| told.advert.as_ref())
}
