//! The house rules as tests: what a reader may rely on in every file of the repository.
//!
//! Each rule is a pure function from a file's path and text to a complaint, shown to fail on an example beside it.

mod source;
mod tree;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A rule: what is wrong with a file of this path, from the root with forward slashes, and this text.
type Rule = fn(&str, &str) -> Option<String>;

/// Names that no rule looks into: what is built, what is drawn out, what git keeps.
const NOT_OURS: [&str; 4] = [".git", "target", "out", "node_modules"];

/// Shows that a rule complains of a bad example, then that it complains of no file.
#[track_caller]
fn check(rule: Rule, bad_path: &str, bad_text: &str) {
    assert!(rule(bad_path, bad_text).is_some(), "the rule would pass {bad_path}:\n{bad_text}");
    let complaints: Vec<String> = texts()
        .iter()
        .filter_map(|(path, text)| rule(path, text).map(|complaint| format!("{path}: {complaint}")))
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every file's path from the root, in order.
fn paths() -> BTreeSet<String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if NOT_OURS.iter().any(|name| entry.file_name() == *name) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                walk(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_string());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&root(), &root(), &mut found);
    found
}

/// Every file that is text, with its path from the root.
fn texts() -> Vec<(String, String)> {
    let read = |path: String| fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    paths().into_iter().filter_map(read).collect()
}

/// Reads a file that must be there.
fn text_of(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("cannot read {path}: {error}"))
}

#[test]
fn the_walk_finds_this_file_and_nothing_built() {
    let paths = paths();
    assert!(paths.contains("hw-tests/tests/it/tidy.rs"));
    assert!(paths.iter().all(|path| !path.starts_with("target/") && !path.starts_with(".git/")));
}
