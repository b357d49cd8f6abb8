//! The words of the hub's pages, in the languages that a clinic's own pages have.

use std::collections::BTreeMap;

use machiai_core::facts::Lang;
use machiai_core::refusal::Refusal;
use machiai_core::view::Wait;

/// Every language with its code and its own name.
pub(crate) const LANGS: [(Lang, &str, &str); 4] =
    [(Lang::Ja, "ja", "日本語"), (Lang::En, "en", "English"), (Lang::Zh, "zh", "中文"), (Lang::Ko, "ko", "한국어")];

/// Tables of words.
type Tables = BTreeMap<String, BTreeMap<String, String>>;

/// The words of all languages.
#[derive(Debug)]
pub(crate) struct Words(BTreeMap<&'static str, Tables>);

impl Words {
    /// Reads the words that are built in.
    ///
    /// # Errors
    /// A file of words is no TOML, which a test would have found.
    pub(crate) fn built_in() -> Result<Self, toml::de::Error> {
        let files = [
            ("ja", include_str!("../../kiosk-assets/words/ja.toml")),
            ("en", include_str!("../../kiosk-assets/words/en.toml")),
            ("zh", include_str!("../../kiosk-assets/words/zh.toml")),
            ("ko", include_str!("../../kiosk-assets/words/ko.toml")),
        ];
        let read = files.into_iter().map(|(lang, text)| Ok((lang, toml::from_str(text)?)));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Returns a sentence with its gaps filled; its key where there is none.
    pub(crate) fn say(&self, lang: Lang, (table, key): (&str, &str), values: &[(&str, &str)]) -> String {
        let found = self.0.get(code(lang)).and_then(|tables| tables.get(table)).and_then(|table| table.get(key));
        let Some(text) = found else { return key.to_owned() };
        values.iter().fold(text.clone(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }

    /// Returns all sentences of a table, by their keys.
    pub(crate) fn table(&self, lang: Lang, table: &str) -> Option<&BTreeMap<String, String>> {
        self.0.get(code(lang)).and_then(|tables| tables.get(table))
    }

    /// Says how long the wait is.
    pub(crate) fn wait(&self, lang: Lang, wait: &Wait) -> String {
        let board = |key, values: &[(&str, &str)]| self.say(lang, ("board", key), values);
        match wait {
            Wait::Nobody => board("nobody", &[]),
            Wait::Unknown => board("computing", &[]),
            Wait::Paused => board("paused", &[]),
            Wait::Band(band) => {
                let (from, to) = (band.from_min.to_string(), band.to_min.to_string());
                let key = if band.from_min == band.to_min { "band_one" } else { "band" };
                board(key, &[("from", &from), ("to", &to)])
            }
        }
    }

    /// Says why something is not done.
    pub(crate) fn refusal(&self, lang: Lang, refusal: &Refusal) -> String {
        let values: Vec<(&str, &str)> =
            refusal.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.say(lang, ("refusal", refusal.code.as_str()), &values)
    }

    /// Says how old something is.
    pub(crate) fn age(&self, lang: Lang, age_s: u64) -> String {
        let (key, n) = match age_s {
            0..60 => ("age_s", age_s),
            60..7_200 => ("age_min", age_s / 60),
            _ => ("age_h", age_s / 3_600),
        };
        self.say(lang, ("patient", key), &[("n", &n.to_string())])
    }
}

/// Returns a language's code.
pub(crate) fn code(lang: Lang) -> &'static str {
    LANGS.iter().find(|(known, _, _)| *known == lang).map_or("ja", |(_, code, _)| code)
}
