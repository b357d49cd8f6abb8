//! What is said, row by row.

use rstest::rstest;

use super::*;
use crate::settings::Text;

fn room(ja: &str, en: Option<&str>) -> Room {
    let name = Text { ja: ja.to_owned(), en: en.map(str::to_owned), zh: None, ko: None };
    serde_json::from_value(serde_json::json!({"room": "room1", "name": name, "lines": [1]})).unwrap()
}

fn said(labels: &[&str], is_range: bool, change: impl FnOnce(&mut Called<'_>)) -> Vec<String> {
    let room = room("第1診察室", Some("room one"));
    let mut called =
        Called { labels, is_range, room: &room, kind: StageKind::Consultation, again: false, is_abroad: true };
    change(&mut called);
    of_call(&called).into_iter().map(|spoken| spoken.text).collect()
}

#[rstest]
#[case(0, "ゼロ", "zero")]
#[case(1, "イチ", "one")]
#[case(4, "ヨン", "four")]
#[case(7, "ナナ", "seven")]
#[case(9, "キュウ", "nine")]
#[case(10, "ジュウ", "ten")]
#[case(14, "ジュウヨン", "fourteen")]
#[case(20, "ニジュウ", "twenty")]
#[case(47, "ヨンジュウナナ", "forty-seven")]
#[case(99, "キュウジュウキュウ", "ninety-nine")]
#[case(100, "ヒャク", "one hundred")]
#[case(112, "ヒャクジュウニ", "one hundred and twelve")]
#[case(300, "サンビャク", "three hundred")]
#[case(444, "ヨンヒャクヨンジュウヨン", "four hundred and forty-four")]
#[case(600, "ロッピャク", "six hundred")]
#[case(707, "ナナヒャクナナ", "seven hundred and seven")]
#[case(800, "ハッピャク", "eight hundred")]
#[case(808, "ハッピャクハチ", "eight hundred and eight")]
#[case(900, "キュウヒャク", "nine hundred")]
#[case(1_000, "セン", "one thousand")]
#[case(1_001, "センイチ", "one thousand and one")]
#[case(3_000, "サンゼン", "three thousand")]
#[case(8_000, "ハッセン", "eight thousand")]
#[case(9_999, "キュウセンキュウヒャクキュウジュウキュウ", "nine thousand nine hundred and ninety-nine")]
#[case(10_300, "イチマンサンビャク", "ten thousand three hundred")]
fn a_number_is_said(#[case] number: u32, #[case] ja: &str, #[case] en: &str) {
    assert_eq!((number_in_japanese(number).as_str(), number_in_english(number).as_str()), (ja, en));
}

#[test]
fn no_two_numbers_sound_alike() {
    let all = |say: fn(u32) -> String| (0..=9_999).map(say).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!((all(number_in_japanese), all(number_in_english)), (10_000, 10_000));
}

#[rstest]
#[case("A012", "エーのジュウニ", "A, twelve")]
#[case("B7", "ビーのナナ", "B, seven")]
#[case("AZ300", "エーゼットのサンビャク", "A, Z, three hundred")]
#[case("105", "ヒャクゴ", "one hundred and five")]
#[case("000", "ゼロ", "zero")]
fn a_label_is_said(#[case] label: &str, #[case] ja: &str, #[case] en: &str) {
    assert_eq!((label_in_japanese(label).as_str(), label_in_english(label).as_str()), (ja, en));
}

#[test]
fn every_letter_has_a_name_of_its_own() {
    let letters: std::collections::BTreeSet<&str> = ('A'..='Z').map(letter_in_japanese).collect();
    assert!(letters.len() == 26 && letters.iter().all(|name| !name.is_empty()), "{letters:?}");
}

#[rstest]
#[case::one(
    &["112"], false,
    "番号ふだ、ヒャクジュウニ番のかた、第1診察室へおはいりください。",
    "Number one hundred and twelve, please come to room one."
)]
#[case::a_family(
    &["112", "113", "114"], true,
    "番号ふだ、ヒャクジュウニ番からヒャクジュウヨン番のかた、第1診察室へおはいりください。",
    "Numbers one hundred and twelve to one hundred and fourteen, please come to room one."
)]
#[case::a_joined_family(
    &["1", "3"], false,
    "番号ふだ、イチ番、サン番のかた、第1診察室へおはいりください。",
    "Numbers one and three, please come to room one."
)]
fn a_call_is_said(#[case] labels: &[&str], #[case] is_range: bool, #[case] ja: &str, #[case] en: &str) {
    assert_eq!(said(labels, is_range, |_| {}), [ja, en]);
}

#[test]
fn a_repeated_call_says_so_and_payment_is_come_to() {
    assert_eq!(
        said(&["7"], false, |called| called.again = true),
        [
            "もう一度お呼びします。番号ふだ、ナナ番のかた、第1診察室へおはいりください。",
            "Calling again. Number seven, please come to room one."
        ]
    );
    let cashier = room("会計", None);
    let called = Called {
        labels: &["7"],
        is_range: false,
        room: &cashier,
        kind: StageKind::Payment,
        again: false,
        is_abroad: true,
    };
    let said: Vec<String> = of_call(&called).into_iter().map(|spoken| spoken.text).collect();
    // A voice for English reads no Japanese.
    assert_eq!(said, ["番号ふだ、ナナ番のかた、会計へおこしください。", "Number seven, please look at the screen."]);
}

#[test]
fn a_room_is_said_as_its_reading_says() {
    let mut annex = room("別館2F", Some("Annex 2F"));
    let say =
        Text { ja: "べっかん、にかい".into(), en: Some("the annex, second floor".into()), zh: None, ko: None };
    annex.say = Some(say);
    let called =
        Called { labels: &["7"], is_range: false, room: &annex, kind: StageKind::Test, again: false, is_abroad: true };
    let said: Vec<String> = of_call(&called).into_iter().map(|spoken| spoken.text).collect();
    assert_eq!(
        said,
        [
            "番号ふだ、ナナ番のかた、べっかん、にかいへおはいりください。",
            "Number seven, please come to the annex, second floor."
        ]
    );
}

#[test]
fn many_numbers_are_left_to_the_screen_and_nobody_is_nothing() {
    let labels: Vec<String> = (0..12).map(|nth| format!("AB{}", 8_777 - 2 * nth)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    assert_eq!(
        said(&labels, false, |_| {}),
        ["画面の番号のかた、第1診察室へおはいりください。", "The numbers on the screen, please come to room one."]
    );
    assert!(said(&[], true, |_| {}).is_empty());
}
