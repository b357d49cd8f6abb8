//! Each check of acts against a small story that holds, and against the same one falsified.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::queue;
use super::super::tests::{Case, fact, held, sent};
use super::*;
use crate::demo::player::SeenDesk;

/// Where the facts of the story stand that are falsified.
const SENT_OFF: usize = 8;
const BACK: usize = 10;
const HELD: usize = 11;
const RELEASED: usize = 12;
const CALLED: usize = 13;
const UNDONE: usize = 14;

/// Three take numbers; one goes for a test behind another and comes back, one is set aside and waits again, and the
/// last call is taken back.
fn story() -> Vec<Value> {
    let ticket = |seq: u64| {
        let visit = ["a", "b", "c"][usize::try_from(seq - 5).unwrap()];
        let number = 101 + seq - 5;
        fact(
            seq,
            Some(0),
            "TicketIssued",
            json!({"visit": visit, "number": number, "label": number.to_string(),
            "rank": number, "channel": "kiosk", "arrived": true}),
        )
    };
    let of = |seq: u64, key: usize, kind: &str, line: u64, body: Value| {
        let mut fact = fact(seq, Some(key), kind, body);
        fact["line"] = json!(line);
        fact
    };
    let called = |seq, key, line, room: &str| of(seq, key, "Called", line, json!({"visits": ["a"], "room": room}));
    vec![
        fact(1, None, "LineSet", json!({"line": 1})),
        fact(2, None, "LineSet", json!({"line": 3})),
        fact(3, None, "RoomSet", json!({"room": "room1", "lines": [1]})),
        fact(4, None, "RoomSet", json!({"room": "blood", "lines": [3]})),
        ticket(5),
        ticket(6),
        ticket(7),
        called(8, 1, 1, "room1"),
        of(9, 2, "StageEntered", 1, json!({"visit": "a", "to": 3, "rank": 5})),
        called(10, 3, 3, "blood"),
        of(11, 4, "StageEntered", 3, json!({"visit": "a", "to": 1, "rank": 50})),
        of(12, 5, "Held", 1, json!({"visit": "b"})),
        of(13, 6, "Released", 1, json!({"visit": "b", "rank": 102})),
        called(14, 7, 1, "room1"),
        of(15, 8, "Undone", 1, json!({"acts": [{"origin": "o", "seq": 14}]})),
    ]
}

/// The story with the press that took the call back.
fn told(case: &mut Case) {
    case.facts = story();
    case.sent = vec![sent(8, ("visits/a/undo", json!({})), (200, json!({"happened": ["Undone"]})))];
}

#[track_caller]
fn catches(check: fn(&Evidence<'_>) -> Check, falsify: impl FnOnce(&mut Case)) {
    assert!(held(check, told), "the story fails");
    assert!(!held(check, |case| {
        told(case);
        falsify(case);
    }));
}

#[test]
fn an_act_on_somebody_who_stands_otherwise_is_caught() {
    catches(effects, |case| case.facts[HELD]["body"]["visit"] = json!("nobody"));
    catches(effects, |case| case.facts[RELEASED]["kind"] = json!("Returned"));
    catches(effects, |case| case.facts[BACK]["kind"] = json!("Arrived"));
}

#[test]
fn a_place_that_was_lost_is_caught() {
    catches(effects, |case| case.facts[RELEASED]["body"]["rank"] = json!(110));
    catches(effects, |case| case.facts[BACK]["body"]["rank"] = json!(103));
    catches(effects, |case| {
        // Somebody stood in the line of tests before.
        let sent = fact(16, Some(9), "StageEntered", json!({"visit": "c", "to": 3, "rank": 6}));
        case.facts.insert(SENT_OFF, sent);
    });
}

#[test]
fn a_call_out_of_turn_is_caught() {
    catches(effects, |case| case.facts[CALLED]["body"]["visits"] = json!(["b"]));
}

#[test]
fn a_wrong_undo_is_caught() {
    catches(undone, |case| case.facts[UNDONE]["body"]["acts"][0]["seq"] = json!(11));
    catches(undone, |case| case.facts[UNDONE]["body"]["acts"] = json!([]));
    catches(undone, |case| case.sent[0].answered.press.path = "visits/b/undo".to_owned());
    assert_eq!(kinds_undone(&crate::demo::facts::read(&story()[UNDONE].to_string()).unwrap()).len(), 0);
}

#[test]
fn a_press_that_happens_again_under_its_key_is_caught() {
    let twice = |replayed: bool| {
        move |case: &mut Case| {
            let mut repeat = case.sent[0].clone();
            repeat.role = Role::Repeat;
            repeat.answered.answer["replayed"] = json!(replayed);
            case.sent.push(repeat);
        }
    };
    assert!(held(again, |case| {
        told(case);
        twice(true)(case);
    }));
    catches(again, twice(false));
    catches(again, |case| {
        twice(true)(case);
        case.facts.push(fact(16, Some(8), "Held", json!({"visit": "c"})));
    });
}

#[test]
fn two_tablets_that_both_call_are_caught() {
    let showed = json!({"now": "", "next": "101"});
    let cross = |second: (u16, Value)| {
        move |case: &mut Case| {
            told(case);
            let press = |answer| sent(1, ("rooms/room1/call", showed.clone()), answer);
            let mut other = press(second);
            other.role = Role::Crossing;
            case.sent = vec![press((200, json!({"happened": ["Called"]}))), other];
        }
    };
    assert!(held(crossing, cross.clone()((409, json!({"code": "screen_was_old"})))));
    assert!(!held(crossing, cross.clone()((200, json!({"happened": ["Called"]})))));
    assert!(!held(crossing, cross((409, json!({"code": "room_empty"})))));
}

#[test]
fn a_kind_of_act_that_never_happened_is_caught() {
    let all = |case: &mut Case| {
        case.rows = "at,action,line,who,detail\n08:30:00,hold,,p1,\n08:31:00,undo,,p1,\n";
        let done = |row| sent(row, ("visits/a/hold", json!({})), (200, json!({})));
        case.sent = vec![done(0), done(1)];
    };
    assert!(held(happened, all));
    assert!(!held(happened, |case| {
        all(case);
        case.sent[1].answered.status = 409;
    }));
}

#[test]
fn a_desk_that_lies_is_caught() {
    let seen = |waiting: &[&str], next: &str| SeenDesk {
        n_facts: 15,
        rooms: BTreeMap::from([("room1".to_owned(), (Vec::new(), next.to_owned()))]),
        waiting: BTreeMap::from([(1, waiting.iter().map(|label| (*label).to_owned()).collect())]),
        on_hold: BTreeMap::from([(1, BTreeSet::new())]),
        away: BTreeMap::from([(1, BTreeSet::new())]),
    };
    let looked = |desk: SeenDesk| {
        move |case: &mut Case| {
            told(case);
            case.desks = vec![desk];
        }
    };
    let truth = || seen(&["101", "102", "103"], "101");
    assert!(held(queue::desks, looked(truth())));
    assert!(!held(queue::desks, looked(seen(&["101", "103", "102"], "101"))));
    assert!(!held(queue::desks, looked(seen(&["101", "102", "103"], "102"))));
    let somebody = || BTreeMap::from([(1, BTreeSet::from(["102".to_owned()]))]);
    assert!(!held(queue::desks, looked(SeenDesk { on_hold: somebody(), ..truth() })));
    assert!(!held(queue::desks, looked(SeenDesk { away: somebody(), ..truth() })));
    let in_room = BTreeMap::from([("room1".to_owned(), (vec!["101".to_owned()], "101".to_owned()))]);
    assert!(!held(queue::desks, looked(SeenDesk { rooms: in_room, ..truth() })));
}
