//! Rules of the words that people read: what one language says, every other one says too.

use std::collections::{BTreeMap, BTreeSet};

use super::texts;

/// The languages, Japanese first: the others are compared with it.
const LANGUAGES: [&str; 4] = ["ja", "en", "zh", "ko"];

/// What each language says, by the words' place: a file, or the group of files that differ only in the language.
type Said = BTreeMap<String, BTreeMap<&'static str, BTreeSet<String>>>;

/// Takes the language out of a path or key and says which it was.
fn without_language(name: &str) -> Option<(&'static str, String)> {
    let language = LANGUAGES.into_iter().find(|language| name.split(['/', '.']).any(|part| part == *language))?;
    let parts = name.split_inclusive(['/', '.']).filter(|part| part.trim_end_matches(['/', '.']) != language);
    Some((language, parts.collect()))
}

/// Lists the keys of a file, with dots between their parts.
fn keys(path: &str, text: &str) -> Vec<String> {
    fn walk(value: &serde_json::Value, name: String, found: &mut Vec<String>) {
        let Some(parts) = value.as_object() else { return found.push(name) };
        for (part, value) in parts {
            walk(value, if name.is_empty() { part.clone() } else { format!("{name}.{part}") }, found);
        }
    }
    let mut found = Vec::new();
    if path.ends_with(".json") {
        walk(&serde_json::from_str(text).expect(path), String::new(), &mut found);
    } else if path.ends_with(".toml") {
        walk(&toml::from_str(text).expect(path), String::new(), &mut found);
    }
    found
}

/// Gathers what each language says in some files of words.
fn said<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Said {
    let mut said = Said::new();
    for (path, text) in files {
        let (of_path, place) = without_language(path).map_or((None, path.to_string()), |(it, rest)| (Some(it), rest));
        for key in keys(path, text) {
            let of_key = of_path.map(|language| (language, key.clone())).or_else(|| without_language(&key));
            if let Some((language, key)) = of_key {
                said.entry(place.clone()).or_default().entry(language).or_default().insert(key);
            }
        }
    }
    said
}

/// Lists what one language of a place says and another does not.
fn gaps(said: &Said) -> Vec<String> {
    let mut gaps = Vec::new();
    for (place, languages) in said {
        let all: BTreeSet<&String> = languages.values().flatten().collect();
        for (language, keys) in languages {
            let missing = all.iter().filter(|key| !keys.contains(**key));
            gaps.extend(missing.map(|key| format!("{place}: {key} is not said in {language}")));
        }
        if !languages.contains_key("ja") {
            gaps.push(format!("{place}: nothing is said in ja"));
        }
    }
    gaps
}

#[test]
fn every_language_says_the_same_things() {
    let by_file =
        said([("words/ja.toml", "[board]\nwait = \"約\"\nnow = \"今\""), ("words/en.toml", "board.wait = \"x\"")]);
    assert_eq!(gaps(&by_file), ["words/toml: board.now is not said in en"]);
    let by_key =
        said([("words/staff.json", r#"{"closed": {"ja": "終了", "en": "closed"}, "double": {"ja": "二重"}}"#)]);
    assert_eq!(gaps(&by_key), ["words/staff.json: double. is not said in en"]);

    let texts = texts();
    let words = texts.iter().filter(|(path, _)| path.starts_with("kiosk-assets/words/"));
    let said = said(words.map(|(path, text)| (path.as_str(), text.as_str())));
    assert!(!said.is_empty(), "no words were found in kiosk-assets/words");
    assert_eq!(gaps(&said), Vec::<String>::new());
}
