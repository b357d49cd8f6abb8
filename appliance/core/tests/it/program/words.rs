//! Every reason has its words, and the sentences that people read come out of them whole.

use std::collections::BTreeMap;

use machiai_core::program::content::ContentTrouble;
use machiai_core::program::why::{Frame, Why};
use rstest::rstest;

use super::{Stage, at};

pub(crate) const JA: &str = include_str!("../../../../../kiosk-assets/words/ja.toml");
pub(crate) const EN: &str = include_str!("../../../../../kiosk-assets/words/en.toml");
pub(crate) const ZH: &str = include_str!("../../../../../kiosk-assets/words/zh.toml");
pub(crate) const KO: &str = include_str!("../../../../../kiosk-assets/words/ko.toml");

const SENT: &str = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";

/// Reads the tables of one file: each line is `key = "text"` without escapes.
pub(crate) fn words(file: &str) -> BTreeMap<(&str, &str), &str> {
    let mut table = "";
    let mut words = BTreeMap::new();
    for line in file.lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']');
        } else if let Some((key, text)) = line.split_once(" = ") {
            words.insert((table, key), text.trim_matches('"'));
        }
    }
    words
}

pub(crate) fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    values.iter().fold(text.to_string(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

fn sentence(file: &str, why: &Why, frame: Option<Frame>) -> String {
    let words = words(file);
    let told = fill(words[&("why", why.code())], &why.values());
    let framed = frame.map(|frame| words[&("on_air", frame.code())].replace("{why}", &told));
    framed.unwrap_or(told)
}

#[rstest]
#[case::ja(JA)]
#[case::en(EN)]
#[case::zh(ZH)]
#[case::ko(KO)]
fn every_reason_makes_a_sentence_in_every_language(#[case] file: &str) {
    for why in Why::ALL {
        let frames: Vec<Option<Frame>> = if why.is_clause() { Frame::ALL.map(Some).to_vec() } else { vec![None] };
        for frame in frames {
            let sentence = sentence(file, why, frame);
            assert!(!sentence.contains(['{', '}']), "{why:?}: {sentence}");
            assert!(sentence.ends_with(['。', '.']), "{why:?}: {sentence}");
        }
    }
}

#[test]
fn no_words_are_left_over() {
    let known: Vec<&str> = Why::ALL.iter().map(Why::code).collect();
    let frames = Frame::ALL.map(Frame::code);
    for (table, key) in words(JA).into_keys() {
        assert!(table != "why" || known.contains(&key), "nobody says why.{key}");
        assert!(table != "on_air" || frames.contains(&key), "nobody says on_air.{key}");
    }
}

#[rstest]
#[case::not_approved(&[SENT], &[], "11月20日までに承認がなかったため、代わりの映像を流しています。")]
#[case::approved(&[SENT, "11-18 12:00 approve r1"], &[], "番組表のとおりに流しています。")]
#[case::vendor_late(&["11-21 9:00 table w48 r1 11-23 11-30 D=11-20/17:00 day/0:00/24:00/P1"], &[], "番組表が期限（11月20日）を過ぎて届いたため（医院の承認の遅れではありません）、代わりの映像を流しています。")]
#[case::no_substitute(&[SENT], &["S1", "S2"], "11月20日までに承認がなかったため、医院のご案内を表示しています。代わりの映像は、まだこの機械にありません。")]
#[case::no_table(&[], &[], "この期間の番組表がないため、代わりの映像を流しています。")]
fn what_airs_is_told_in_japanese(#[case] steps: &[&str], #[case] missing: &[&str], #[case] expected: &str) {
    let mut stage = Stage::new().run(steps).without(missing);
    let on_air = stage.airs(at("11-24 9:00"));
    assert_eq!(sentence(JA, &on_air.why, on_air.frame()), expected);
}

#[test]
fn what_airs_is_told_in_english() {
    let on_air = Stage::new().run(&[SENT]).airs(at("11-24 9:00"));
    assert_eq!(sentence(EN, &on_air.why, on_air.frame()), "No approval came by 2026-11-20, so a substitute is shown.");
}

#[test]
fn a_reason_reads_back_as_it_is_written() {
    let more = [Why::ContentBroken { trouble: ContentTrouble::TooLarge }];
    for why in Why::ALL.iter().chain(&more) {
        let written = serde_json::to_string(why).unwrap();
        assert_eq!(serde_json::from_str::<Why>(&written).unwrap(), *why);
    }
}
