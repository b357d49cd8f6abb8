//! How an amount came about is a sentence in every language, and what should be known of it too.

use std::collections::BTreeMap;

use machiai_core::call::tariff::{Rule, Tariff};
use machiai_core::call::told::{TariffSet, Vendor};
use machiai_core::call::why::{Flag, HowAmount, Unbilled};
use machiai_core::facts::Fact;
use rstest::rstest;

use super::{MINUTE_MS, START, Stage, nothing_open};
use crate::program::words::{EN, JA, KO, ZH, fill, words};

fn sentence(file: &str, how: &HowAmount) -> String {
    fill(words(file)[&("call_amount", how.code)], &how.values)
}

fn told(file: &str, rule: Rule) -> String {
    let mut stage = Stage::new();
    stage.reserve("R1", START);
    stage.write(Fact::TariffSet(TariffSet { from: "2026-11-01".parse().unwrap(), tariff: Tariff::built_in(rule) }));
    stage.connections("R1", &[(0, 700_000), (900_000, 35 * MINUTE_MS)]);
    sentence(file, &stage.calls().rated(&nothing_open())[0].how)
}

#[rstest]
#[case(
    Rule::ReservationTotal,
    "医院側の接続は2回、合計31分40秒です。予約ごとに30分単位で切り上げ、2単位 × 100円 = 200円（税別）です。"
)]
#[case(Rule::Span, "最初の接続から最後の切断まで35分0秒です。30分単位で切り上げ、2単位 × 100円 = 200円（税別）です。")]
#[case(
    Rule::PerConnection,
    "医院側の接続は2回、合計31分40秒です。1回ごとに30分単位で切り上げ、2単位 × 100円 = 200円（税別）です。"
)]
#[case(
    Rule::Windows,
    "最初の接続から30分ごとに区切り、接続のあった区切りを数えて、2単位 × 100円 = 200円（税別）です。"
)]
#[case(
    Rule::MergeGap,
    "10分未満の中断をつなぐと、接続は1回です。1回ごとに30分単位で切り上げ、2単位 × 100円 = 200円（税別）です。"
)]
fn an_amount_is_explained_in_japanese(#[case] rule: Rule, #[case] expected: &str) {
    assert_eq!(told(JA, rule), expected);
}

#[rstest]
#[case::ja(JA)]
#[case::en(EN)]
#[case::zh(ZH)]
#[case::ko(KO)]
fn every_code_has_its_words_in_every_language_and_none_is_left_over(#[case] file: &str) {
    for rule in Rule::ALL {
        let told = told(file, rule);
        assert!(!told.contains(['{', '}']) && told.contains("200"), "{rule:?}: {told}");
    }
    let words: BTreeMap<(&str, &str), &str> = words(file);
    let keys = |table: &str| -> Vec<&str> { words.keys().filter(|key| key.0 == table).map(|key| key.1).collect() };
    let sorted = |mut codes: Vec<&'static str>| {
        codes.sort_unstable();
        codes
    };
    assert_eq!(keys("call_amount"), sorted(Rule::ALL.map(Rule::code).to_vec()));
    assert_eq!(keys("tariff"), sorted(Rule::ALL.map(Rule::code).to_vec()));
    assert_eq!(keys("call_unbilled"), sorted(Unbilled::ALL.map(Unbilled::code).to_vec()));
    assert_eq!(keys("call_flag"), sorted(Flag::ALL.map(Flag::code).to_vec()));
    let vendors = Vendor::ALL.map(Vendor::code).into_iter().chain(["half", "length"]);
    assert_eq!(keys("call_differs"), sorted(vendors.collect()));
}
