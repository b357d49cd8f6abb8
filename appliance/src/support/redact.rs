//! Strikes out what is nobody's business but the clinic's: secrets of the configuration, and what a log line could hold.
//!
//! What is let through is named; everything else is struck.

use std::collections::BTreeSet;

use machiai_core::facts::Lang;
use machiai_panel::words::Words;
use serde_json::{Value, json};

use crate::config::Config;

/// What stands for something that was struck out.
pub(crate) const STRUCK: &str = "…";

/// The longest number that is let through, in figures: an errno, a count, a status.
const MOST_FIGURES: usize = 3;

/// Fields of a line whose words are let through as those of a message are: they hold what an error says.
const FIELDS: [&str; 5] = ["error", "cause", "why", "outcome", "keys"];

/// Returns what support may know of a configuration: which keys are set, and no text that anybody chose.
pub(crate) fn configuration(config: &Config) -> Value {
    let origin = |url: &String| reqwest::Url::parse(url).ok().map(|url| format!("{}:{:?}", url.scheme(), url.port()));
    json!({
        "site": config.site,
        "listen_port": config.listen.port(),
        "lan_port": config.lan.map(|lan| lan.port()),
        "n_lan_names": config.lan_names.len(),
        "hub": config.hub.as_ref().and_then(origin),
        "hub_proxy": config.hub_proxy.as_ref().and_then(origin),
        "hub_kbit_s": config.hub_kbit_s,
        "screen_socket_is_set": config.screen_socket.is_some(),
        "content": {
            "watched_is_set": config.content.watched.is_some(),
            "prepare_is_set": config.content.prepare.is_some(),
            "quota_mib": config.content.quota_mib,
        },
        "calls": {
            "livekit_is_set": config.calls.livekit.is_some(),
            "twilio_is_set": config.calls.twilio.is_some(),
        },
        "n_support_operators": config.support.operators.len(),
        "assets_is_set": config.assets.is_some(),
        "ballast_mib": config.ballast_mib,
        "is_rehearsal": config.rehearsal.is_some(),
    })
}

/// Words of messages and of the system's errors that stand in no sentence for staff.
const OURS: &str = "a about after again air aired all an and appended are argument as asked at be been before began begun \
    box broken by came cannot carried certificate changed checkpoint closed come command connected connection \
    content could denied device directory disk done due else end ended error every fact facts failed file film \
    films folder for found from full gave given go gone has have heard here hub if in input into invalid is it its \
    journal kept known late left level line link listen lock log long look made make may minute missing monitor more \
    new next no nobody not nothing of on one open opened or order os out output over page permission pipe place printed \
    printer process program read ready refused remote removed renewed reset resource rests restored restart right \
    said salvaged screen second see sent server service session set settings short shown signal site socket somebody \
    space stands start started state stop stopped stops such support system taken template temporarily test that the \
    their then there thread ticket time timed to told too tried turn unavailable unexpected unit until used vector \
    waits was went what when which while whole with without worked writable write written wrong yet";

/// The tables of sentences whose words are let through: nobody typed them.
const SENTENCES: [&str; 4] = ["status", "doctor", "refusal", "support"];

/// The words that a message may have.
pub(crate) struct Vocabulary(BTreeSet<String>);

impl Vocabulary {
    /// Gathers them: those of our own sentences, and a few more.
    pub(crate) fn of(words: &Words) -> Self {
        let sentences = SENTENCES.iter().flat_map(|table| words.table(Lang::En, table).into_values());
        let known = sentences.chain([OURS]).flat_map(str::split_whitespace).map(bare).filter(|word| is_plain(word));
        Self(known.map(str::to_owned).collect())
    }

    fn has(&self, word: &str) -> bool {
        self.0.contains(bare(word))
    }
}

/// Takes off the signs that stand about words.
fn bare(word: &str) -> &str {
    word.trim_matches(|sign| matches!(sign, '(' | ')' | '"' | ',' | '.' | ':' | ';' | '\''))
}

/// Whether a word is of small letters alone.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase())
}

/// Returns what support may know of a log: of each line when, how bad, from where, and those words of its message that
/// stand in the vocabulary.
///
/// Lines are those of `journalctl --output=short-iso`: instant, machine, program, and then ours: level, place, message
/// and fields.
pub(crate) fn log(known: &Vocabulary, text: &str) -> String {
    text.lines().filter_map(|text| line(known, text)).map(|line| line + "\n").collect()
}

fn line(known: &Vocabulary, line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let at = words.next().filter(|at| is_instant(at))?;
    let _machine = words.next()?;
    let program = words.next()?.split(['[', ':']).next()?;
    let program = ["machiai", "machiai-screen", "systemd"].into_iter().find(|known| *known == program)?;
    let mut rest = words.peekable();
    let level = rest.next_if(|word| ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(word)).unwrap_or_default();
    let place = rest.next_if(|word| is_place(word)).unwrap_or_default();
    Some(format!("{at} {program} {level} {place} {}", message(known, rest)))
}

/// Whether a word is an instant, as `2026-11-24T09:10:00+0900`.
fn is_instant(word: &str) -> bool {
    let shape: String = word.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect();
    ["0000-00-00T00:00:00+0000", "0000-00-00T00:00:00+00:00"].contains(&shape.as_str())
}

/// Whether a word is the place of a line in the program, as `machiai::link::line:`.
fn is_place(word: &str) -> bool {
    let of_path = |letter: char| letter.is_ascii_lowercase() || letter == '_' || letter == ':';
    word.starts_with("machiai") && word.ends_with(':') && word.chars().all(of_path)
}

/// Lets the known words of a message through, and those of the fields that say what went wrong.
fn message<'a>(known: &Vocabulary, words: impl Iterator<Item = &'a str>) -> String {
    let (mut told, mut is_let, mut was_number) = (Vec::new(), true, false);
    for word in words {
        let word = match word.split_once('=') {
            Some((field, value)) => {
                is_let = FIELDS.contains(&field);
                told.push(if is_let || known.has(field) { format!("{field}=") } else { STRUCK.to_owned() });
                value
            }
            None => word,
        };
        let is_number = word.chars().any(char::is_numeric);
        // Figures beside figures could be a telephone number.
        let is_short = word.chars().all(|letter| letter.is_ascii_digit()) && word.len() <= MOST_FIGURES && !was_number;
        let lets = is_let && (known.has(word) || is_number && is_short);
        was_number = is_number;
        if lets {
            told.push(word.to_owned());
        } else if told.last().is_none_or(|last| last != STRUCK) {
            told.push(STRUCK.to_owned());
        }
    }
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> String {
        super::log(&Vocabulary::of(&Words::built_in().unwrap()), text)
    }

    #[test]
    fn a_line_keeps_when_how_bad_where_and_its_plain_words() {
        let line = "2026-11-24T09:10:00+0900 sakura-pc machiai[812]:  WARN machiai::surface::paper: ticket is not known to \
            be printed printer=kiosk attempt=2 error=cannot open /dev/usb/lp0: no such device (os error 19)\n";
        assert_eq!(
            log(line),
            "2026-11-24T09:10:00+0900 machiai WARN machiai::surface::paper: ticket is not known to be printed printer= … \
             attempt= … error= cannot open … no such device (os error …\n"
        );
        assert_eq!(log("-- Boot 0123 --\nhello\n"), "");
        let others = "2026-11-24T09:10:00+0900 sakura-pc sshd[1]: accepted password for yamada\n";
        assert_eq!(log(others), "", "another program's line is none of ours");
    }

    #[test]
    fn nothing_that_could_be_a_patients_passes_in_whichever_place_of_a_line() {
        for canary in [
            "山田太郎",
            "ﾔﾏﾀﾞ",
            "Yamada",
            "090-1234-5678",
            "09012345678",
            "A012",
            "r-2026/11",
            "a1b2c3d4",
            "hanako",
            "sesame",
        ] {
            for line in [
                format!("cannot find {canary} here"),
                format!("found name={canary}"),
                format!("failed error={canary}"),
                format!("failed {canary}=1"),
                format!("\"{canary}\","),
            ] {
                let told = log(&format!("2026-11-24T09:10:00+0900 {canary} machiai[1]: INFO machiai::gate: {line}"));
                assert!(!told.is_empty() && !told.contains(canary), "{line}: {told}");
            }
        }
        let told = log("2026-11-24T09:10:00+0900 x machiai[1]: INFO machiai: call 090 123 456 and 404 next");
        assert!(told.ends_with("call 090 … and 404 next\n"), "{told}");
    }
}
