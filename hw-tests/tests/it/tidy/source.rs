//! Rules of the Rust sources.

use super::check;

/// Tells whether a path is a Rust source's.
fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

/// Returns the lines of code with their numbers; these rules' own examples are not code.
fn code<'a>(path: &str, text: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let is_looked_at = is_rust(path) && !path.starts_with("hw-tests/tests/it/tidy");
    let lines = text.lines().enumerate().map(|(idx, line)| (idx + 1, line.trim()));
    lines.filter(move |(_, line)| is_looked_at && !line.starts_with("//"))
}

/// Complains of the first line of code that holds one of some texts.
fn holds(path: &str, text: &str, needles: &[&str]) -> Option<String> {
    let mut found = code(path, text).filter(|(_, line)| needles.iter().any(|needle| line.contains(needle)));
    found.next().map(|(nth, line)| format!("line {nth}: {line}"))
}

fn lacks_a_head(path: &str, text: &str) -> Option<String> {
    (is_rust(path) && !text.starts_with("//! ")).then(|| "does not open with what it is".to_string())
}

#[test]
fn every_source_opens_with_what_it_is() {
    check(lacks_a_head, "appliance/src/desk.rs", "use std::fmt;\n//! Too late.\n");
}

/// The most lines of a source: at 600 two things live there.
const MOST_LINES: usize = 600;

fn is_long(path: &str, text: &str) -> Option<String> {
    let n_lines = text.lines().count();
    (is_rust(path) && n_lines > MOST_LINES).then(|| format!("{n_lines} lines, more than {MOST_LINES}"))
}

#[test]
fn no_source_is_longer_than_600_lines() {
    assert_eq!(is_long("appliance/src/desk.rs", &"//\n".repeat(600)), None);
    check(is_long, "appliance/src/desk.rs", &"//\n".repeat(601));
}

fn is_mod_rs(path: &str, _: &str) -> Option<String> {
    path.ends_with("/mod.rs").then(|| "is called mod.rs: name the file after its module".to_string())
}

#[test]
fn no_source_is_called_mod_rs() {
    check(is_mod_rs, "appliance/src/intake/mod.rs", "//! Intake.\n");
}

fn leaves_something_out(path: &str, text: &str) -> Option<String> {
    holds(path, text, &["#[ignore", "todo!", "unimplemented!", "dbg!"])
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    check(leaves_something_out, "appliance/src/desk.rs", "    #[ignore = \"slow\"]\n    fn waits() {}\n");
    check(leaves_something_out, "appliance/src/desk.rs", "fn call() { todo!() }\n");
}

fn sleeps(path: &str, text: &str) -> Option<String> {
    holds(path, text, &["thread::sleep"])
}

#[test]
fn nothing_sleeps_in_place_of_waiting_for_a_state() {
    check(sleeps, "hw-tests/tests/it/kiosk.rs", "//! Kiosk.\nstd::thread::sleep(Duration::from_secs(1));\n");
}

/// Tells whether a line holds a word that is not part of a longer one, as in `unsafe-inline`.
fn has_word(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric() && !"_-".contains(letter)).any(|part| part == word)
}

fn is_unsafe(path: &str, text: &str) -> Option<String> {
    let is_power = path == "hw-tests/src/power.rs" || path.starts_with("hw-tests/src/power/");
    let mut found = code(path, text).filter(|(_, line)| !is_power && has_word(line, "unsafe"));
    found.next().map(|(nth, line)| format!("line {nth}: {line}"))
}

#[test]
fn only_the_power_cut_harness_is_unsafe() {
    assert_eq!(is_unsafe("appliance/src/desk.rs", "#![deny(unsafe_code)]\n"), None);
    assert_eq!(is_unsafe("appliance/src/http.rs", "const POLICY: &str = \"'unsafe-inline'\";\n"), None);
    assert_eq!(is_unsafe("hw-tests/src/power/vfs.rs", "unsafe { close(file) }\n"), None);
    check(is_unsafe, "hw-tests/src/printer.rs", "let file = unsafe { open(path) };\n");
}

/// Complains of a lint exception that gives no reason, and of `allow`, which stays when it is no longer needed.
fn excuses_itself_without_reason(path: &str, text: &str) -> Option<String> {
    let code: String = code(path, text).map(|(_, line)| line).collect();
    let mut attributes = code.split('#').map(|rest| rest.trim_start_matches('!'));
    let is_wrong = |rest: &&str| {
        let inside = rest.strip_prefix("[expect(").map(|rest| rest.split(")]").next().unwrap_or(rest));
        rest.starts_with("[allow(") || inside.is_some_and(|inside| !inside.contains("reason = "))
    };
    attributes.find(is_wrong).map(|rest| rest.chars().take(80).collect())
}

#[test]
fn every_lint_exception_has_a_reason() {
    let good = "#[expect(clippy::panic, reason = \"the process cannot go on\")]\nfn stop() {}\n";
    assert_eq!(excuses_itself_without_reason("appliance/src/desk.rs", good), None);
    check(excuses_itself_without_reason, "appliance/src/desk.rs", "#[expect(\n    clippy::panic\n)]\nfn stop() {}\n");
    check(excuses_itself_without_reason, "appliance/src/desk.rs", "#![allow(dead_code, reason = \"later\")]\n");
}

fn crosses_over(path: &str, text: &str) -> Option<String> {
    let is_in = |part: &str| path.starts_with(&format!("appliance/src/{part}"));
    let other = match (is_in("intake"), is_in("surface")) {
        (true, _) => "surface",
        (_, true) => "intake",
        (false, false) => return None,
    };
    let mut found = code(path, text).filter(|(_, line)| line.contains("::") && has_word(line, other));
    found.next().map(|(nth, line)| format!("line {nth}: {line}"))
}

#[test]
fn intake_and_surface_never_import_each_other() {
    assert_eq!(crosses_over("appliance/src/daemon.rs", "use crate::{intake::http, surface::board};\n"), None);
    check(crosses_over, "appliance/src/intake/http.rs", "use crate::{link, surface::board};\n");
    check(crosses_over, "appliance/src/surface.rs", "let ask = crate::intake::ask();\n");
}

fn names_sqlite(path: &str, text: &str) -> Option<String> {
    let may = !path.starts_with("appliance/") || path.starts_with("appliance/journal/");
    if may { None } else { holds(path, text, &["rusqlite::", "refinery::"]) }
}

#[test]
fn only_the_journal_speaks_to_sqlite_on_the_appliance() {
    assert_eq!(names_sqlite("appliance/journal/src/open.rs", "use rusqlite::Connection;\n"), None);
    check(names_sqlite, "appliance/src/desk.rs", "use rusqlite::Connection;\n");
}
