//! What differs between two settings, thing by thing: where it stands, what it was and what it is.
//!
//! Values only; the words for each place stand with the page that shows them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Settings;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// Where: `["lines", "1", "minutes"]`.
    path: Vec<String>,
    /// What it was; null for what was not there.
    from: Value,
    /// What it is; null for what is gone.
    to: Value,
}

/// Lists the differences between two settings.
pub(crate) fn differences(before: &Settings, after: &Settings) -> Vec<Difference> {
    let mut found = Vec::new();
    let value = |settings: &Settings| serde_json::to_value(settings).unwrap_or_default();
    walk(&mut Vec::new(), &value(before), &value(after), &mut found);
    found
}

fn walk(path: &mut Vec<String>, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
            for key in keys {
                let of = |all: &serde_json::Map<String, Value>| all.get(key).cloned().unwrap_or_default();
                step(path, key, (&of(before), &of(after)), found);
            }
        }
        (Value::Array(before), Value::Array(after)) => match list(path) {
            List::Named(key) => named(path, key, (before, after), found),
            List::Loose if loose(path, (before, after), found) => {}
            List::Loose | List::Whole => note(path, &Value::from(before.clone()), &Value::from(after.clone()), found),
        },
        _ => note(path, before, after, found),
    }
}

fn step(path: &mut Vec<String>, key: &str, (before, after): (&Value, &Value), found: &mut Vec<Difference>) {
    path.push(key.to_owned());
    walk(path, before, after, found);
    path.pop();
}

fn note(path: &[String], from: &Value, to: &Value, found: &mut Vec<Difference>) {
    found.push(Difference { path: path.to_vec(), from: from.clone(), to: to.clone() });
}

/// How the items of a list are told apart.
enum List {
    /// By their id.
    Named(&'static str),
    /// Each stands for itself; their order says nothing.
    Loose,
    /// Only the whole says something.
    Whole,
}

fn list(path: &[String]) -> List {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["lines"] => List::Named("line"),
        ["rooms"] => List::Named("room"),
        ["printers"] => List::Named("printer"),
        ["tariffs"] => List::Named("from"),
        ["hours", "sessions"] => List::Named("session"),
        ["hours", "closures" | "openings" | "holidays"] => List::Loose,
        _ => List::Whole,
    }
}

fn named(path: &mut Vec<String>, key: &str, (before, after): (&[Value], &[Value]), found: &mut Vec<Difference>) {
    let by_name = |items: &[Value]| -> BTreeMap<String, Value> {
        let name =
            |item: &Value| item.get(key).map(|name| name.as_str().map_or_else(|| name.to_string(), str::to_owned));
        items.iter().filter_map(|item| Some((name(item)?, item.clone()))).collect()
    };
    let (before, after) = (by_name(before), by_name(after));
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        let of = |all: &BTreeMap<String, Value>| all.get(name).cloned().unwrap_or_default();
        step(path, name, (&of(&before), &of(&after)), found);
    }
}

/// Notes what came and went; tells whether anything did.
fn loose(path: &[String], (before, after): (&[Value], &[Value]), found: &mut Vec<Difference>) -> bool {
    let n_before = found.len();
    for gone in before.iter().filter(|item| !after.contains(item)) {
        note(path, gone, &Value::Null, found);
    }
    for new in after.iter().filter(|item| !before.contains(item)) {
        note(path, &Value::Null, new, found);
    }
    found.len() > n_before
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SETTINGS: &str = r#"
        site = { name = { ja = "待合内科" } }
        lines = [{ line = 1, name = { ja = "内科" } }, { line = 2, name = { ja = "外科" } }]
        rooms = [{ room = "room1", name = { ja = "第1診察室" }, lines = [1, 2] }]
        [hours]
        sessions = [{ session = "morning", name = { ja = "午前" }, from = "8:30", to = "12:00" }]
        closures = [{ from = "2026-12-29", to = "2027-01-03" }]
    "#;

    #[test]
    fn a_change_is_told_where_it_stands() {
        let closure = json!({"from": "2026-12-29", "to": "2027-01-03", "why": {"ja": ""}});
        let cases = [
            ("/rules/absent_back", json!(5), json!([["rules.absent_back", 3, 5]])),
            ("/rules/absent_back", json!(null), json!([["rules.absent_back", 3, null]])),
            ("/lines/1/name/ja", json!("整形外科"), json!([["lines.2.name.ja", "外科", "整形外科"]])),
            ("/rooms/0/lines", json!([2, 1]), json!([["rooms.room1.lines", [1, 2], [2, 1]]])),
            ("/hours/sessions/0/to", json!("12:30"), json!([["hours.sessions.morning.to", "12:00", "12:30"]])),
            ("/hours/closures", json!([]), json!([["hours.closures", closure, null]])),
            ("/rules/absent_back", json!(3), json!([])),
        ];
        for (at, to, expected) in cases {
            let before = Settings::read(SETTINGS).unwrap();
            let mut after = serde_json::to_value(&before).unwrap();
            *after.pointer_mut(at).unwrap() = to;
            let told = differences(&before, &serde_json::from_value(after).unwrap());
            let told: Vec<Value> = told.iter().map(|it| json!([it.path.join("."), it.from, it.to])).collect();
            assert_eq!(json!(told), expected, "{at}");
        }
    }

    #[test]
    fn what_comes_and_goes_is_told_whole() {
        let before = Settings::read(SETTINGS).unwrap();
        let mut after = before.clone();
        let gone = after.lines.remove(1);
        let told = differences(&before, &after);
        assert_eq!((told.len(), told[0].path.join(".").as_str()), (1, "lines.2"));
        assert_eq!((&told[0].from, &told[0].to), (&serde_json::to_value(gone).unwrap(), &Value::Null));
    }
}
