//! The files of the pages: how much they weigh, and what may not stand in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("kiosk-assets").join("pages")
}

fn text_of(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// Lists what a script may not do with data, line by line.
fn traps(script: &str) -> Vec<String> {
    let traps = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "http://",
        "https://",
    ];
    let is_svg = |line: &str| line.contains("'http://www.w3.org/2000/svg'");
    let bad = |line: &&str| !is_svg(line) && traps.iter().any(|trap| line.contains(trap));
    script.lines().filter(bad).map(str::to_owned).collect()
}

#[test]
fn no_page_writes_markup_or_asks_outside_the_box() {
    assert_eq!(traps("at.innerHTML = name;").len(), 1);
    assert_eq!(traps("fetch('https://cdn.example/x.js')").len(), 1);
    let scripts =
        ["board.js", "desk.js", "kiosk.js", "manager.js", "people.js", "program.js", "report.js", "style.css"];
    let pages = [
        "board.html",
        "desk.html",
        "kiosk.html",
        "manager.html",
        "program.html",
        "report.html",
        "index.html",
        "number.html",
        "sign-in.html",
        "pair.html",
        "trust.html",
    ];
    for name in scripts.into_iter().chain(pages) {
        assert_eq!(traps(&text_of(name)), Vec::<String>::new(), "{name}");
    }
}

/// Lists every key of a page's words, with dots between their parts.
fn keys(value: &Value, name: &str, found: &mut BTreeSet<String>) {
    match value.as_object() {
        Some(parts) => parts.iter().for_each(|(part, value)| keys(value, &format!("{name}.{part}"), found)),
        None => drop(found.insert(name.to_owned())),
    }
}

#[test]
fn a_page_says_the_same_things_in_each_of_its_languages() {
    for (page, languages) in
        [("kiosk.html", 4), ("desk.html", 2), ("program.html", 2), ("manager.html", 2), ("report.html", 2)]
    {
        let page_text = text_of(page);
        let (_, words) = page_text.split_once("id=\"words\">").unwrap();
        let (words, _) = words.split_once("</script>").unwrap();
        let words: BTreeMap<String, Value> = serde_json::from_str(words).unwrap();
        assert_eq!(words.len(), languages, "{page}");
        let said = |language: &str| {
            let mut found = BTreeSet::new();
            keys(&words[language], "", &mut found);
            found
        };
        for language in words.keys() {
            assert_eq!(said(language), said("ja"), "{page} in {language}");
        }
        // Every word that the page's elements name is there.
        for name in page_text.split("data-word=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(words["ja"].get(name).is_some(), "{page} names the word {name}");
        }
    }
}
