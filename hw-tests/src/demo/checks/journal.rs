//! The journal: nothing lost, nothing private, nothing from outside the rehearsal; and how the daemon ended.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Check, Evidence};
use crate::demo::daemon::Memory;

/// The most memory of its own that the daemon may have had, and may have when the morning is over. While it folds a day
/// anew, for what came late, it holds what it folds beside what it shows.
const MOST_OWN_MIB: f64 = 32.0;
const OWN_MIB: f64 = 32.0;
/// Shorter words stand by chance in any file.
const LEAST_PRIVATE_BYTES: usize = 6;

/// Each origin's facts are numbered from 1 without a gap.
pub(super) fn sequences(evidence: &Evidence<'_>) -> Check {
    let mut heads: BTreeMap<&str, u64> = BTreeMap::new();
    let mut faults = Vec::new();
    for fact in evidence.facts {
        let head = heads.entry(&fact.origin).or_default();
        if fact.seq != *head + 1 {
            faults.push(format!("{} goes from {head} to {}", fact.origin, fact.seq));
        }
        *head = fact.seq;
    }
    Check::of("every origin is without a gap", &faults, format!("{} origins", heads.len()))
}

/// What was answered, what the journal verifies and what was exported are as many.
pub(super) fn counted(evidence: &Evidence<'_>) -> Check {
    let mut faults = Vec::new();
    let n_facts = evidence.facts.len();
    match &evidence.verified {
        Ok(told) if told.starts_with(&format!("{n_facts} facts")) => {}
        Ok(told) => faults.push(format!("{n_facts} facts were exported, but: {}", told.trim())),
        Err(cause) => faults.push(cause.clone()),
    }
    let is_replay = |answer: &serde_json::Value| answer["replayed"].as_bool() == Some(true);
    for sent in evidence.played.sent.iter().filter(|sent| !is_replay(&sent.answered.answer)) {
        let answered = &sent.answered;
        let on_disk: Vec<&str> = evidence.of_key(&answered.key).map(|(_, fact)| fact.kind.as_str()).collect();
        if on_disk != answered.happened() {
            faults.push(format!("{} was answered with {:?} and left {on_disk:?}", answered.key, answered.happened()));
        }
    }
    Check::of("every fact that was answered is on disk", &faults, format!("{n_facts} facts, verified"))
}

/// No fact was stamped by another clock than the rehearsal's, or outside of it.
pub(super) fn rehearsed(evidence: &Evidence<'_>) -> Check {
    let (from, to) = evidence.span_ms;
    let outside = evidence.facts.iter().filter(|fact| fact.clock != "rehearsal" || !(from..=to).contains(&fact.at_ms));
    let faults: Vec<String> = outside
        .map(|fact| format!("{} {} was stamped {} by {}", fact.kind, fact.seq, fact.at_ms, fact.clock))
        .collect();
    Check::of(
        "every fact is the rehearsal's",
        &faults,
        "each is stamped by its clock, between its start and end".into(),
    )
}

/// What was private in the rows stands in no file.
pub(super) fn private(evidence: &Evidence<'_>) -> Check {
    let mut words: Vec<&str> = evidence.rows.iter().filter_map(|row| row.private()).collect();
    words.retain(|word| word.len() >= LEAST_PRIVATE_BYTES);
    words.sort_unstable();
    words.dedup();
    let mut faults = Vec::new();
    let mut n_files = 0;
    for place in &evidence.places_to_search {
        look_into(place, &mut |path, bytes| {
            n_files += 1;
            let found = words.iter().filter(|word| holds(bytes, word.as_bytes()));
            faults.extend(found.map(|word| format!("{word:?} stands in {}", path.display())));
        });
    }
    if n_files == 0 {
        faults.push("there were no files to look into".to_owned());
    }
    Check::of("nothing private is in clear", &faults, format!("{} texts looked for in {n_files} files", words.len()))
}

fn look_into(path: &Path, each: &mut impl FnMut(&Path, &[u8])) {
    if let Ok(bytes) = std::fs::read(path) {
        each(path, &bytes);
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        look_into(&entry.path(), each);
    }
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(word) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// The daemon ended by itself when it was told to.
pub(super) fn ended(evidence: &Evidence<'_>) -> Check {
    let faults: Vec<String> = evidence.ended.as_ref().err().cloned().into_iter().collect();
    Check::of("the daemon stopped when told to", &faults, "with status 0".into())
}

/// The daemon stayed small.
pub(super) fn memory(evidence: &Evidence<'_>) -> Check {
    let Memory { most_mib, of_files_mib, own_mib } = evidence.memory;
    let most_own_mib = most_mib - of_files_mib;
    let held = own_mib > 0.0 && own_mib <= OWN_MIB && most_own_mib <= MOST_OWN_MIB;
    let detail = format!(
        "{own_mib:.1} MiB of its own, of {OWN_MIB:.0}; {most_own_mib:.1} at most, of {MOST_OWN_MIB:.0}; \
         {most_mib:.1} resident at most with the pages of its program"
    );
    Check { name: "the daemon stays small", held, detail }
}
