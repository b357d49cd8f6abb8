//! Every refusal there is, each with the values its sentence is made of, and none changes anything.

use std::collections::BTreeMap;

use machiai_core::command::{Basis, Command};
use machiai_core::facts::Fact;
use machiai_core::refusal::RefusalCode;

use crate::play::Play;

/// One refusal: its code, the names of its values, steps before it, and the step that is refused.
type Row = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

const OPEN: &str = "8:30 open 1 morning";
const FULL: &str = r#"set {"kind":"LineSet","body":{"line":1,"name":{"ja":"内科"},"minutes":240,"desk":{"opens_min":0,"closes_min":0,"predicted_end_min":0}}}"#;
const FEW: &str = r#"set {"kind":"LineSet","body":{"line":1,"name":{"ja":"内科"},"last_number":1}}"#;
const NO_PRINTER: &str = r#"set {"kind":"PrinterRemoved","body":{"printer":"p1"}}"#;

/// The refusals, but for those that a step cannot write.
const ROWS: &[Row] = &[
    ("unknown_line", &["line"], &[], "open 77 morning"),
    ("unknown_room", &["room"], &[], "call room77"),
    ("unknown_session", &["session"], &[], "open 1 noon"),
    ("line_closed", &["line", "opens"], &[], "take 1"),
    ("line_closed", &["line", "opens"], &[], "close 1"),
    ("line_open", &["line"], &[OPEN], "open 1 morning"),
    ("remote_closed", &["line", "opens"], &[], "7:00 remote 1"),
    ("full_for_now", &["line"], &[OPEN, FULL, "take 1", "take 1"], "take 1"),
    ("numbers_used_up", &["line"], &[OPEN, FEW, "take 1"], "take 1"),
    ("numbers_used_up", &["line"], &[OPEN, FEW], "take 1 family=2"),
    ("numbers_used_up", &["line"], &[], "jump 1 1000"),
    ("family_size", &["most"], &[OPEN], "take 1 family=7"),
    ("family_size", &["most"], &[OPEN], "take 1 family=0"),
    ("family_size", &["most"], &[OPEN, "take 1"], "join 1"),
    ("pressed_twice", &[], &[OPEN, "take 1"], "+1s take 1"),
    ("room_empty", &["room"], &[OPEN], "recall room1"),
    ("room_empty", &["room"], &[OPEN], "absent room1"),
    ("room_empty", &["room"], &[OPEN], "enter room1"),
    ("room_empty", &["room"], &[OPEN], "finish room1"),
    ("already_in_room", &["room"], &[OPEN, "take 1", "call room1", "enter room1"], "enter room1"),
    ("not_while_in_room", &["room"], &[OPEN, "take 1", "call room1", "enter room1"], "recall room1"),
    ("not_while_in_room", &["room"], &[OPEN, "take 1", "call room1", "enter room1"], "absent room1"),
    ("screen_was_old", &["next", "now", "room", "who"], &[OPEN, "take 1", "call room1"], "call room1 now="),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1"], "arrive 1"),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1"], "return 1"),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1"], "release 1"),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1", "cancel 1"], "cancel 1"),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1", "cancel 1"], "hold 1"),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1", "cancel 1"], "move 1 2"),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1", "cancel 1"], "send 1 2"),
    ("not_in_this_state", &["label", "state"], &[OPEN, "take 1", "call room1"], "first 1"),
    ("nobody_absent", &["line"], &[OPEN], "return_first 1"),
    ("nothing_to_undo", &["label"], &[OPEN, "take 1", "undo 1"], "undo 1"),
    ("acted_since", &["label", "who"], &[OPEN, "take 1", "call room1 @a", "enter room1 @b"], "undo 1 @a"),
    ("same_line", &["label", "line"], &[OPEN, "take 1"], "move 1 1"),
    ("same_line", &["label", "line"], &[OPEN, "take 1"], "send 1 1"),
    ("no_printer", &["label"], &[OPEN, "take 1", "printed 1 1", NO_PRINTER], "print 1"),
    ("print_running", &["label"], &[OPEN, "take 1"], "print 1"),
    ("unknown_print", &[], &[OPEN, "take 1"], "printed 1 9"),
    ("number_given", &["last"], &[OPEN, "take 1"], "jump 1 1"),
    ("bad_value", &["field"], &[], "jump 1 0"),
    ("bad_value", &["field"], &[OPEN], "take 1 interrupt"),
    ("bad_value", &["field"], &[OPEN], "take 1 family=2 desk interrupt"),
    ("bad_value", &["field"], &[OPEN], "take 1 booked=9:00"),
    ("bad_value", &["field"], &[OPEN, "take 1", "take 1"], "join 1 1"),
    ("bad_value", &["field"], &[OPEN, "open 2 morning", "take 1", "take 2"], "join 1 B1"),
    ("unknown_staff", &["staff"], &[], "leave sato"),
    ("unknown_staff", &["staff"], &[], "sign_in sato"),
    ("unknown_staff", &["staff"], &[], "sign_out sato"),
    ("unknown_device", &["device"], &[], "unpair desk/room1"),
    ("unknown_room", &["room"], &[], "pair desk cellar"),
    ("lease_used_up", &["line"], &[OPEN], "phone 1"),
    ("last_manager", &["staff"], &["staff sato manager", "staff ito nurse"], "leave sato"),
    ("last_manager", &["staff"], &["staff sato manager", "staff ito nurse"], "staff sato doctor"),
];

/// Returns the values that every refusal of a code carries, over all the ways to it.
fn values_by_code() -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (code, names, before, step) in ROWS {
        let mut play = Play::new().run(before);
        let refusal = play.refused(step);
        let values: Vec<&str> = refusal.values.keys().map(String::as_str).collect();
        assert_eq!((refusal.code.as_str(), values.as_slice()), (*code, *names), "`{step}` after {before:?}");
        found.insert((*code).to_string(), names.iter().map(ToString::to_string).collect());
    }
    let by_hand = [
        Command::Hold { visit: crate::play::visit_id(77) },
        Command::SetMessage { text: "あ".repeat(81) },
        Command::ChangeSettings {
            facts: vec![Fact::LineRemoved(machiai_core::facts::LineRemoved { line: machiai_core::ids::LineNo(9) })],
            basis: Basis::Any,
        },
        Command::ChangeSettings { facts: Vec::new(), basis: Basis::Seen(None) },
    ];
    for command in by_hand {
        let refusal = Play::new().ask("desk", &command).unwrap_err();
        found.insert(refusal.code.to_string(), refusal.values.into_keys().collect());
    }
    found.extend(crate::program::decisions::values_by_code());
    found.extend(crate::consultations::decisions::values_by_code());
    found.extend(crate::support::values_by_code());
    let crowd: Vec<String> = (0..200).map(|nth| format!("staff s{nth} nurse")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let refusal = Play::new().run(&crowd).refused("staff sato nurse");
    found.insert(refusal.code.to_string(), refusal.values.into_keys().collect());
    found
}

#[test]
fn every_refusal_there_is_can_be_met() {
    let found = values_by_code();
    let missing: Vec<&str> =
        RefusalCode::ALL.iter().map(|code| code.as_str()).filter(|code| !found.contains_key(*code)).collect();
    assert_eq!(missing, Vec::<&str>::new());
    assert_eq!(found["bad_settings"], ["code", "where", "why"]);
    assert_eq!(found["settings_changed"], ["at", "who"]);
    assert_eq!(found["too_long"], ["field", "most"]);
}

#[test]
fn a_code_reads_back_as_it_is_written() {
    for code in RefusalCode::ALL {
        let written = serde_json::to_string(code).unwrap();
        assert_eq!(written, format!("\"{code}\""));
        assert_eq!(serde_json::from_str::<RefusalCode>(&written).unwrap(), *code);
    }
}
