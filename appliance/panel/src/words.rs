//! The words that people read, in four languages, out of `kiosk-assets/words`; no sentence stands in the code.
//!
//! Each file holds tables of strings (`[board]`, `[ticket]`…) with `{name}` for what is filled in.

use std::collections::BTreeMap;

use machiai_core::facts::Lang;
use thiserror::Error;

type Tables = BTreeMap<String, BTreeMap<String, String>>;

const JA: &str = include_str!("../../../kiosk-assets/words/ja.toml");
const EN: &str = include_str!("../../../kiosk-assets/words/en.toml");
const ZH: &str = include_str!("../../../kiosk-assets/words/zh.toml");
const KO: &str = include_str!("../../../kiosk-assets/words/ko.toml");

/// A file of words that cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the words of {lang:?}")]
pub struct WordsError {
    /// Whose words.
    pub lang: Lang,
    /// Why.
    #[source]
    source: toml::de::Error,
}

/// The words.
#[derive(Clone, Debug)]
pub struct Words {
    ja: Tables,
    en: Tables,
    zh: Tables,
    ko: Tables,
}

impl Words {
    /// Reads the words that are built in.
    ///
    /// # Errors
    /// A file that is not tables of strings.
    pub fn built_in() -> Result<Self, WordsError> {
        Ok(Self { ja: read(Lang::Ja, JA)?, en: read(Lang::En, EN)?, zh: read(Lang::Zh, ZH)?, ko: read(Lang::Ko, KO)? })
    }

    /// Returns the words of a key, in Japanese where the language lacks them.
    #[must_use]
    pub fn get(&self, lang: Lang, table: &str, key: &str) -> Option<&str> {
        let own = self.tables(lang).get(table).and_then(|words| words.get(key));
        own.or_else(|| self.ja.get(table)?.get(key)).map(String::as_str)
    }

    /// Returns a table of a language, empty if there is none.
    #[must_use]
    pub fn table(&self, lang: Lang, table: &str) -> BTreeMap<&str, &str> {
        let words = self.tables(lang).get(table);
        words.map(|words| words.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect()).unwrap_or_default()
    }

    fn tables(&self, lang: Lang) -> &Tables {
        match lang {
            Lang::Ja => &self.ja,
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
            Lang::Ko => &self.ko,
        }
    }
}

/// Returns the text with each `{name}` replaced by its value; a name without a value stays as it is.
///
/// Values are not looked into, so that a value with braces changes nothing else.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let placed = after.split_once('}').and_then(|(name, tail)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, tail))
        });
        match placed {
            Some((value, tail)) => {
                filled.push_str(value);
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

fn read(lang: Lang, text: &str) -> Result<Tables, WordsError> {
    toml::from_str(text).map_err(|source| WordsError { lang, source })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const OURS: [&str; 5] = ["board", "call", "ticket", "scene", "date"];

    fn names(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect()
    }

    #[test]
    fn every_language_has_the_same_keys_and_no_strange_placeholder() {
        let words = Words::built_in().unwrap();
        for table in OURS {
            let ja = words.table(Lang::Ja, table);
            assert!(!ja.is_empty(), "no [{table}]");
            for lang in [Lang::En, Lang::Zh, Lang::Ko] {
                let other = words.table(lang, table);
                assert_eq!(ja.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>(), "[{table}] of {lang:?}");
                if table == "date" {
                    continue;
                }
                for (key, text) in other {
                    assert_eq!(names(text), names(ja[key]), "{lang:?} {table}.{key}");
                }
            }
        }
    }

    #[test]
    fn a_language_that_lacks_a_word_says_it_in_japanese() {
        let mut words = Words::built_in().unwrap();
        words.ko.get_mut("board").unwrap().remove("called");
        assert_eq!(words.get(Lang::Ko, "board", "called"), Some("呼出中"));
        assert_eq!(words.get(Lang::Ko, "board", "no such word"), None);
    }

    #[test]
    fn values_fill_their_places_and_nothing_else() {
        assert_eq!(fill("{n}人のうち {i}人目", &[("n", "3"), ("i", "1")]), "3人のうち 1人目");
        assert_eq!(fill("{a}{b}", &[("a", "{b}"), ("b", "x")]), "{b}x");
        assert_eq!(fill("{unknown} {", &[]), "{unknown} {");
    }
}
