//! What is said aloud of a call: sentences to be spoken, in Japanese first and in English for whoever chose another
//! language. Numbers and rooms only, never a name.
//!
//! The Japanese number is written as it sounds, in katakana: engines read hiragana as particles now and then (はち after
//! はっぴゃく becomes わち), and kanji as they like.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::facts::Lang;
use crate::settings::{Room, StageKind};

/// The longest text that is spoken in one piece, in characters.
pub const MAX_SPOKEN_CHARS: usize = 200;

/// Something to be said aloud.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spoken {
    /// The language of the voice.
    pub lang: Lang,
    /// What it says, at most [`MAX_SPOKEN_CHARS`] long.
    pub text: String,
}

/// A call, as far as it is heard.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    /// The labels of all who are called together, in their order.
    pub labels: &'a [&'a str],
    /// Whether they follow one another, so that the first and the last say it all.
    pub is_range: bool,
    /// Where to.
    pub room: &'a Room,
    /// What for.
    pub kind: StageKind,
    /// Whether they were called before.
    pub again: bool,
    /// Whether one of them reads another language than Japanese.
    pub is_abroad: bool,
}

/// Returns what is said of a call, in the order in which it is said; nothing where nobody is called.
#[must_use]
pub fn of_call(called: &Called<'_>) -> Vec<Spoken> {
    if called.labels.is_empty() {
        return Vec::new();
    }
    let said = |lang, say: fn(&Called<'_>, &str) -> String, whom: fn(&Called<'_>) -> String, shown: &str| {
        let text = say(called, &whom(called));
        // Of many numbers none is caught by ear.
        let fits = text.chars().count() <= MAX_SPOKEN_CHARS;
        Spoken { lang, text: if fits { text } else { say(called, shown) } }
    };
    let mut all = Vec::from([said(Lang::Ja, japanese, whom_in_japanese, "画面の番号のかた")]);
    if called.is_abroad {
        all.push(said(Lang::En, english, whom_in_english, "The numbers on the screen"));
    }
    all
}

fn japanese(called: &Called<'_>, whom: &str) -> String {
    let again = if called.again { "もう一度お呼びします。" } else { "" };
    let room = called.room.say.as_ref().map_or(called.room.name.ja.as_str(), |say| say.ja.as_str());
    let please = match called.kind {
        StageKind::Consultation | StageKind::Test => "おはいりください",
        StageKind::Reception | StageKind::Payment => "おこしください",
    };
    format!("{again}{whom}、{room}へ{please}。")
}

fn whom_in_japanese(called: &Called<'_>) -> String {
    let labels: Vec<String> = called.labels.iter().map(|label| format!("{}番", label_in_japanese(label))).collect();
    match (called.is_range, labels.first(), labels.last()) {
        (true, Some(first), Some(last)) => format!("番号ふだ、{first}から{last}のかた"),
        (_, _, _) => format!("番号ふだ、{}のかた", labels.join("、")),
    }
}

fn english(called: &Called<'_>, whom: &str) -> String {
    let again = if called.again { "Calling again. " } else { "" };
    let said = called.room.say.as_ref().and_then(|say| say.en.as_deref());
    // A voice for English spells a Japanese name letter by letter, or not at all.
    let room = said.or(called.room.name.en.as_deref()).filter(|room| room.is_ascii());
    match room {
        Some(room) => format!("{again}{whom}, please come to {room}."),
        None => format!("{again}{whom}, please look at the screen."),
    }
}

fn whom_in_english(called: &Called<'_>) -> String {
    let labels: Vec<String> = called.labels.iter().map(|label| label_in_english(label)).collect();
    match (called.is_range, labels.as_slice()) {
        (_, [one]) => format!("Number {one}"),
        (true, [first, .., last]) => format!("Numbers {first} to {last}"),
        (_, all) => format!("Numbers {}", all.join(" and ")),
    }
}

/// Returns a label's letters, and its number without the zeros before it.
fn parts(label: &str) -> (Vec<char>, u32) {
    let figures = label.chars().filter_map(|sign| sign.to_digit(10));
    let number = figures.fold(0_u32, |number, figure| number.saturating_mul(10).saturating_add(figure));
    (label.chars().filter(char::is_ascii_alphabetic).collect(), number)
}

/// Says a label in Japanese, in katakana: `A012` is エーのジュウニ.
#[must_use]
pub fn label_in_japanese(label: &str) -> String {
    let (letters, number) = parts(label);
    let spelt: String = letters.iter().map(|letter| letter_in_japanese(*letter)).collect();
    let joined = if spelt.is_empty() { "" } else { "の" };
    format!("{spelt}{joined}{}", number_in_japanese(number))
}

const fn letter_in_japanese(letter: char) -> &'static str {
    match letter.to_ascii_uppercase() {
        'A' => "エー",
        'B' => "ビー",
        'C' => "シー",
        'D' => "ディー",
        'E' => "イー",
        'F' => "エフ",
        'G' => "ジー",
        'H' => "エイチ",
        'I' => "アイ",
        'J' => "ジェー",
        'K' => "ケー",
        'L' => "エル",
        'M' => "エム",
        'N' => "エヌ",
        'O' => "オー",
        'P' => "ピー",
        'Q' => "キュー",
        'R' => "アール",
        'S' => "エス",
        'T' => "ティー",
        'U' => "ユー",
        'V' => "ブイ",
        'W' => "ダブリュー",
        'X' => "エックス",
        'Y' => "ワイ",
        'Z' => "ゼット",
        _ => "",
    }
}

/// Says a number in Japanese as tickets are called, in katakana.
#[must_use]
pub fn number_in_japanese(number: u32) -> String {
    if number == 0 {
        return "ゼロ".to_string();
    }
    let (many, rest) = (number / 10_000, number % 10_000);
    let many = if many == 0 { String::new() } else { format!("{}マン", number_in_japanese(many)) };
    let thousands = match rest / 1_000 {
        0 => "",
        1 => "セン",
        2 => "ニセン",
        3 => "サンゼン",
        4 => "ヨンセン",
        5 => "ゴセン",
        6 => "ロクセン",
        7 => "ナナセン",
        8 => "ハッセン",
        _ => "キュウセン",
    };
    let hundreds = match rest / 100 % 10 {
        0 => "",
        1 => "ヒャク",
        2 => "ニヒャク",
        3 => "サンビャク",
        4 => "ヨンヒャク",
        5 => "ゴヒャク",
        6 => "ロッピャク",
        7 => "ナナヒャク",
        8 => "ハッピャク",
        _ => "キュウヒャク",
    };
    let tens = match rest / 10 % 10 {
        0 => "",
        1 => "ジュウ",
        2 => "ニジュウ",
        3 => "サンジュウ",
        4 => "ヨンジュウ",
        5 => "ゴジュウ",
        6 => "ロクジュウ",
        7 => "ナナジュウ",
        8 => "ハチジュウ",
        _ => "キュウジュウ",
    };
    let ones = match rest % 10 {
        0 => "",
        1 => "イチ",
        2 => "ニ",
        3 => "サン",
        4 => "ヨン",
        5 => "ゴ",
        6 => "ロク",
        7 => "ナナ",
        8 => "ハチ",
        _ => "キュウ",
    };
    format!("{many}{thousands}{hundreds}{tens}{ones}")
}

/// Says a label in English: `A012` is `A, twelve`, as a bare A would be read as an article.
#[must_use]
pub fn label_in_english(label: &str) -> String {
    let (letters, number) = parts(label);
    let spelt = letters.iter().map(|letter| format!("{}, ", letter.to_ascii_uppercase()));
    format!("{}{}", spelt.collect::<String>(), number_in_english(number))
}

/// Says a number in English.
#[must_use]
pub fn number_in_english(number: u32) -> String {
    let (thousands, hundreds, rest) = (number / 1_000, number / 100 % 10, number % 100);
    let mut words = Vec::new();
    if thousands > 0 {
        words.push(format!("{} thousand", number_in_english(thousands)));
    }
    if hundreds > 0 {
        words.push(format!("{} hundred", below_a_hundred(hundreds)));
    }
    match (words.is_empty(), rest) {
        (false, 0) => {}
        (true, _) => words.push(below_a_hundred(rest)),
        (false, _) => words.push(format!("and {}", below_a_hundred(rest))),
    }
    words.join(" ")
}

fn below_a_hundred(number: u32) -> String {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let word = |words: &[&'static str], nth: u32| {
        usize::try_from(nth).ok().and_then(|nth| words.get(nth).copied()).unwrap_or_default()
    };
    let (tens, ones) = (word(&TENS, number / 10), number % 10);
    match (tens, ones) {
        ("", _) => word(&SMALL, number).to_string(),
        (_, 0) => tens.to_string(),
        (_, _) => format!("{tens}-{}", word(&SMALL, ones)),
    }
}

#[cfg(test)]
mod tests;
