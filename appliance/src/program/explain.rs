//! `machiai explain program`: what airs at an instant, and why, as the facts up to then tell it.

use std::collections::BTreeSet;

use machiai_core::facts::Lang;
use machiai_core::ids::PlaceId;
use machiai_core::program::airs::{Ask, OnAir, What};
use machiai_core::program::content::ContentHash;
use machiai_core::program::why::{Frame, Why};
use machiai_core::queue::Clinic;
use machiai_core::queue::visit::State;
use machiai_core::time::{AtMs, HOUR_MS};
use machiai_panel::{Words, fill};

/// For how long a loop is followed from what aired last: the machine was off before that.
const FOLLOWED_MS: i64 = 24 * HOUR_MS;

/// Returns what airs on a monitor at an instant, as the facts up to then left the clinic.
///
/// From what aired last the loop is followed to that instant, so that an instant to come is answered too.
pub(crate) fn airs_at(clinic: &Clinic, on_disk: &BTreeSet<ContentHash>, monitor: &PlaceId, at: AtMs) -> OnAir {
    let aired = clinic.aired.get(monitor).cloned().unwrap_or_default();
    let began = aired.running().map(|running| running.from);
    let from = began.filter(|from| (0..FOLLOWED_MS).contains(&at.since(*from))).unwrap_or(at);
    let n_waiting = clinic.count(State::Waiting);
    let ask = Ask { standing: &clinic.standing, on_disk, aired: &aired, n_waiting, now: from };
    let last = clinic.program.schedule(&ask, at.plus_ms(1)).pop();
    last.unwrap_or_else(|| clinic.program.airs(&Ask { now: at, ..ask }))
}

/// Writes what airs down in two languages.
pub(crate) fn told(clinic: &Clinic, words: &Words, on_air: &OnAir, at: AtMs) -> String {
    let mut lines = vec![at.in_tokyo().strftime("%Y-%m-%d %H:%M:%S").to_string()];
    for lang in [Lang::Ja, Lang::En] {
        let what = match &on_air.what {
            What::Film { content, .. } => title(clinic, *content),
            What::Notice { text } | What::Emergency { text } => text.get(lang).to_owned(),
            What::Card | What::Dark => String::new(),
        };
        let until = on_air.until.in_tokyo().strftime("%H:%M:%S").to_string();
        let key = what_key(&on_air.what);
        lines.push(said(words, lang, "explain", key, &[("what", &what), ("until", &until)]));
        lines.push(format!("  {}", sentence(words, lang, &on_air.why, on_air.frame())));
        for passed in &on_air.passed {
            let why = sentence(words, lang, &passed.why, Some(Frame::Skipped));
            lines.push(format!("  {}: {why}", title(clinic, passed.content)));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Returns a reason as a sentence.
fn sentence(words: &Words, lang: Lang, why: &Why, frame: Option<Frame>) -> String {
    let values = why.values();
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reason = said(words, lang, "why", why.code(), &values);
    match frame {
        Some(frame) => said(words, lang, "on_air", frame.code(), &[("why", &reason)]),
        None => reason,
    }
}

fn said(words: &Words, lang: Lang, table: &str, key: &str, values: &[(&str, &str)]) -> String {
    fill(words.get(lang, table, key).unwrap_or(key), values)
}

const fn what_key(what: &What) -> &'static str {
    match what {
        What::Film { .. } => "film",
        What::Notice { .. } => "notice",
        What::Emergency { .. } => "emergency",
        What::Card => "card",
        What::Dark => "dark",
    }
}

/// Returns the title of a piece of content with the first figures of its hash.
fn title(clinic: &Clinic, content: ContentHash) -> String {
    let hash = content.to_string();
    let short = hash.get(..8).unwrap_or_default();
    match clinic.program.content(content) {
        Some((_, told)) => format!("{} ({short})", told.title),
        None => short.to_owned(),
    }
}
