//! Rules of the repository's shape, its manifests and its texts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{NOT_OURS, check, paths, root, text_of, texts};

/// What may stand at the top beside dotfiles.
const TOP: [&str; 13] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.ja.md",
    "README.md",
    "appliance",
    "cloud-sync",
    "hw-tests",
    "kiosk-assets",
    "systemd",
];

fn may_stand_at_the_top(name: &str) -> bool {
    name.starts_with('.') || TOP.contains(&name) || NOT_OURS.contains(&name)
}

#[test]
fn the_top_level_is_fixed() {
    assert!(!may_stand_at_the_top("scripts"));
    for entry in fs::read_dir(root()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        assert!(may_stand_at_the_top(&name), "{name} does not belong at the top level");
    }
}

/// Which of our packages a manifest may name, by the manifest's path; none for a package nobody has thought of.
fn arrows(path: &str) -> Option<&'static [&'static str]> {
    match path {
        "appliance/core/Cargo.toml" => Some(&[]),
        "cloud-sync/wire/Cargo.toml" | "appliance/panel/Cargo.toml" => Some(&["machiai-core"]),
        "appliance/journal/Cargo.toml" | "cloud-sync/Cargo.toml" => Some(&["machiai-core", "machiai-wire"]),
        "appliance/screen/Cargo.toml" => Some(&["machiai-panel"]),
        "appliance/Cargo.toml" => Some(&["machiai-core", "machiai-journal", "machiai-panel", "machiai-wire"]),
        "hw-tests/Cargo.toml" => Some(&[
            "machiai",
            "machiai-core",
            "machiai-hub",
            "machiai-journal",
            "machiai-panel",
            "machiai-screen",
            "machiai-wire",
        ]),
        _ => None,
    }
}

/// Lists the crates that a manifest depends on, tests and build scripts included.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            is_inside = table.ends_with("dependencies");
            // [dependencies.name] and [target.'cfg(…)'.dependencies.name] name the crate in their head.
            found.extend(table.split_once("dependencies.").map(|(_, name)| name));
        } else if is_inside && !line.starts_with('#') {
            found.extend(line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty()));
        }
    }
    found
}

fn is_package(path: &str) -> bool {
    path.ends_with("/Cargo.toml")
}

fn points_the_wrong_way(path: &str, text: &str) -> Option<String> {
    if !is_package(path) {
        return None;
    }
    let Some(may) = arrows(path) else {
        return Some("is a package whose arrows no rule knows: say in the tidy test what it may depend on".to_string());
    };
    let ours = dependencies(text).into_iter().filter(|name| *name == "machiai" || name.starts_with("machiai-"));
    let wrong: Vec<&str> = ours.filter(|name| !may.contains(name)).collect();
    (!wrong.is_empty()).then(|| format!("may not depend on {}", wrong.join(", ")))
}

#[test]
fn packages_depend_on_each_other_in_one_direction() {
    check(points_the_wrong_way, "appliance/core/Cargo.toml", "[dev-dependencies]\nmachiai-panel.workspace = true\n");
    let in_the_head = "[target.'cfg(unix)'.dependencies.machiai-journal]\nworkspace = true\n";
    check(points_the_wrong_way, "appliance/panel/Cargo.toml", in_the_head);
    check(points_the_wrong_way, "appliance/new/Cargo.toml", "[package]\nname = \"machiai-new\"\n");
}

/// Crates that one package alone may name, with that package; `hw-tests` may break anything.
const KEPT_TO: [(&str, &str); 4] = [
    ("rusqlite", "appliance/journal/Cargo.toml"),
    ("refinery", "appliance/journal/Cargo.toml"),
    ("gstreamer", "appliance/screen/Cargo.toml"),
    ("resvg", "appliance/panel/Cargo.toml"),
];

fn names_what_another_keeps(path: &str, text: &str) -> Option<String> {
    if !is_package(path) || !path.starts_with("appliance/") {
        return None;
    }
    let names = dependencies(text);
    let wrong = KEPT_TO.iter().find(|(name, keeper)| names.contains(name) && *keeper != path);
    wrong.map(|(name, keeper)| format!("names {name}, which belongs to {keeper}"))
}

#[test]
fn only_the_journal_depends_on_sqlite_and_only_the_panel_on_its_renderer() {
    check(names_what_another_keeps, "appliance/Cargo.toml", "[dependencies]\nrusqlite = { workspace = true }\n");
}

fn asks_for_a_version(path: &str, text: &str) -> Option<String> {
    let has_own = |line: &&str| line.contains("version = \"") || line.contains(" = \"");
    let mut is_inside = false;
    let mut lines = text.lines().filter(|line| {
        if line.starts_with('[') {
            is_inside = line.contains("dependencies");
        }
        is_inside && is_package(path)
    });
    lines.find(has_own).map(|line| format!("{line}: versions stand in the root manifest alone"))
}

#[test]
fn versions_stand_in_the_root_manifest_alone() {
    check(asks_for_a_version, "appliance/Cargo.toml", "[package]\nname = \"x\"\n[dependencies]\nserde = \"1\"\n");
}

#[test]
fn the_documents_every_project_has_are_here() {
    for path in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "LICENSE"] {
        assert!(text_of(path).lines().filter(|line| !line.trim().is_empty()).count() > 3, "{path} is a stub");
    }
}

#[test]
fn what_runs_on_every_change_is_the_command_of_the_readme() {
    let run = text_of(".ci/run");
    assert_eq!(run.lines().last(), Some("exec make test"));
    assert!(text_of("README.md").contains("make test"), "README.md does not name make test");
}

fn retries(path: &str, text: &str) -> Option<String> {
    let is_retry = |line: &&str| line.trim().starts_with("retries") && line.trim() != "retries = 0";
    (path == ".config/nextest.toml").then(|| text.lines().find(is_retry)).flatten().map(str::to_string)
}

#[test]
fn no_test_is_retried() {
    check(retries, ".config/nextest.toml", "[profile.default]\nretries = 2\n");
}

/// Hosts of package registries, in two parts so that this file does not name one.
const HOSTS: [(&str, &str); 7] = [
    ("crates", ".io"),
    ("pypi", ".org"),
    ("pythonhosted", ".org"),
    ("registry.npm", "js.org"),
    ("deb.debian", ".org"),
    ("proxy.golang", ".org"),
    ("index.crates", ".io"),
];

fn names_a_registry(path: &str, text: &str) -> Option<String> {
    // Cargo writes where each crate came from into its lock file.
    let by_cargo = |line: &str| path == "Cargo.lock" && line.starts_with("source = ");
    let names = |line: &&str| HOSTS.iter().any(|(name, end)| line.contains(&format!("{name}{end}")));
    text.lines().filter(|line| !by_cargo(line)).find(names).map(str::to_string)
}

#[test]
fn no_file_names_a_registry() {
    check(names_a_registry, "Makefile", concat!("\tcurl https://static.", "crates", ".io/machiai\n"));
}

/// Folders under which anybody's checkout may lie, and which a text may therefore name.
const COMMON: [&str; 7] = ["/", "/tmp", "/home", "/opt", "/srv", "/usr/src", "/var/tmp"];

/// Returns the paths that only the machine of this checkout has: the root, the folder around it, the home.
fn own_paths(root: &Path, home: Option<&str>) -> Vec<String> {
    let around = root.parent().into_iter().chain(home.map(Path::new));
    let folders = around.filter_map(Path::to_str).filter(|folder| !COMMON.contains(folder));
    let mut own: Vec<String> = folders.map(|folder| format!("{folder}/")).collect();
    own.extend(root.to_str().map(str::to_string).filter(|root| !COMMON.contains(&root.as_str())));
    own
}

/// Tells whether a line names an absolute path; the end of a longer path is another one.
fn names_path(line: &str, path: &str) -> bool {
    let is_within = |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || "._-/}".contains(last));
    line.match_indices(path).any(|(at, _)| line.get(..at).is_some_and(|before| !is_within(before)))
}

fn names_this_machine(_: &str, text: &str) -> Option<String> {
    let own = own_paths(&root(), std::env::var("HOME").ok().as_deref());
    text.lines().find(|line| own.iter().any(|path| names_path(line, path))).map(str::to_string)
}

#[test]
fn no_file_names_a_path_of_the_machine_it_was_written_on() {
    let own = own_paths(Path::new("/home/mio/src/machiai"), Some("/home/mio"));
    assert_eq!(own, ["/home/mio/src/", "/home/mio/", "/home/mio/src/machiai"]);
    assert_eq!(own_paths(Path::new("/tmp/machiai"), None), ["/tmp/machiai"]);
    assert!(names_path("see /src/machiai", "/src/") && !names_path("see appliance/src/lib.rs", "/src/"));
    check(names_this_machine, "README.md", &format!("See {}/README.md.\n", root().display()));
}

/// Lists the measures that a text asks for, without what all their names begin with.
fn measures(text: &str) -> BTreeSet<&str> {
    let ends = |byte: char| !(byte.is_ascii_lowercase() || byte == '_');
    let names = text.split("machiai_").skip(1).filter_map(|rest| rest.split(ends).next());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn what_alerts_and_boards_ask_for_is_told() {
    let expression = "time() - machiai_sync_up{a=\"b\"} > machiai_disk_free_percent";
    assert_eq!(measures(expression), BTreeSet::from(["sync_up", "disk_free_percent"]));
    let told = text_of("appliance/src/surface/vitals.rs") + &text_of("cloud-sync/src/watch.rs");
    let asked: Vec<String> = paths().into_iter().filter(|path| path.starts_with("systemd/monitoring/")).collect();
    assert_eq!(asked.len(), 4);
    for path in asked {
        let text = text_of(&path);
        let unknown: Vec<&str> =
            measures(&text).into_iter().filter(|name| !told.contains(&format!("\"{name}\""))).collect();
        assert_eq!(unknown, Vec::<&str>::new(), "{path} asks for what nobody tells");
    }
}

/// Returns the words of a text that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Tells whether a quoted word can only be the name of a test: a sentence of at least four words.
fn is_test_name(word: &str) -> bool {
    let is_snake = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_snake && word.split('_').filter(|part| !part.is_empty()).count() >= 4
}

/// Lists what a document names that is not there: a test by its sentence, a file or folder by its path.
fn misses(document: &str, paths: &BTreeSet<String>, sources: &str) -> Vec<String> {
    let tops: Vec<&str> = TOP.into_iter().filter(|name| !name.contains('.')).collect();
    let is_path = |word: &str| {
        word.split_once('/').is_some_and(|(top, _)| tops.contains(&top)) && !word.contains(['*', ' ', '…', '<', '{'])
    };
    let is_there = |word: &str| {
        let folder = format!("{}/", word.trim_end_matches('/'));
        paths.iter().any(|path| path == word || path.starts_with(&folder))
    };
    let gone = |word: &&str| {
        is_test_name(word) && !sources.contains(&format!("fn {word}(")) || is_path(word) && !is_there(word)
    };
    quoted(document).filter(gone).map(str::to_string).collect()
}

#[test]
fn what_the_architecture_names_exists() {
    let paths = paths();
    let sources: String = texts().into_iter().filter(|(path, _)| path.ends_with(".rs")).map(|(_, text)| text).collect();
    let wrong = "held by `a_test_that_nobody_wrote`, in `appliance/core/src/nowhere.rs`, see `hw-tests/src`";
    assert_eq!(misses(wrong, &paths, &sources), ["a_test_that_nobody_wrote", "appliance/core/src/nowhere.rs"]);
    assert_eq!(misses(&text_of("ARCHITECTURE.md"), &paths, &sources), Vec::<String>::new());
}
