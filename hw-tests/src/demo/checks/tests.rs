//! Each check against a small morning that holds, and against the same one falsified.

use std::time::Duration;

use machiai_panel::FontPaths;
use machiai_panel::dots::Dots;
use serde_json::{Value, json};

use super::*;
use crate::demo::api::{Answered, Press};
use crate::demo::facts;
use crate::demo::player::{Role, Seen, SeenDesk, Sent};
use crate::demo::row;

/// What a small morning left behind, to be falsified.
pub(super) struct Case {
    pub(super) rows: &'static str,
    pub(super) facts: Vec<Value>,
    pub(super) sent: Vec<Sent>,
    /// What the hub holds, where it is not the same.
    pub(super) hub: Option<Vec<Value>>,
    /// What consultation calls come to.
    pub(super) calls: Calls,
    boards: Vec<Seen>,
    pub(super) desks: Vec<SeenDesk>,
    papers: Vec<Paper>,
    span_ms: (i64, i64),
    ended: Result<(), String>,
    memory: Memory,
}

const ROWS: &str = "at,action,line,who,detail\n08:30:00,open,1,,morning\n08:31:00,take,1,p1,family=2\n\
    08:32:00,take,1,p2,\n08:33:00,emergency,1,e1,chest pain\n08:34:00,call,1,,room1\n08:35:00,call,1,,room1\n\
    08:36:00,start,1,,room2\n";

pub(super) fn fact(seq: u64, key: Option<usize>, kind: &str, body: Value) -> Value {
    let mut fact = json!({"site": 1, "line": 1, "origin": "o", "seq": seq, "at_ms": 1_000 + seq, "at_n": 0, "mono_ms": seq, "clock": "rehearsal",
        "by": {"device": "d"}, "kind": kind, "body": body});
    if let Some(row) = key {
        fact["cmd"] = json!(format!("{row}#digest"));
    }
    fact
}

fn ticket(number: u64, channel: &str, family: Option<&str>) -> Value {
    let mut ticket = json!({"visit": format!("v{number}"), "day": "2026-11-24", "session": "morning", "number": number,
        "label": number.to_string(), "rank": number, "channel": channel, "arrived": true, "token_hash": "h"});
    if let Some(first) = family {
        ticket["family"] = json!({"first": first, "idx": 1, "of": 2});
    }
    ticket
}

pub(super) fn sent(row_idx: usize, (path, body): (&str, Value), (status, answer): (u16, Value)) -> Sent {
    let at = Duration::from_millis(row_idx as u64 * 10);
    let press = Press { device: "d".to_owned(), path: path.to_owned(), body };
    let answered =
        Answered { press, key: row_idx.to_string(), sent: at, answered: at + Duration::from_millis(5), status, answer };
    Sent { row_idx, role: Role::Asked, clock_ms: (0, 0), answered, reach: None }
}

/// Two patients together, one alone, an emergency called first, then the two; a room that has called nobody.
fn good() -> Case {
    let done = |happened: &[&str], visits: &[&str]| {
        let tickets: Vec<Value> = visits.iter().map(|visit| json!({"visit": visit})).collect();
        (200, json!({"replayed": false, "happened": happened, "tickets": tickets}))
    };
    let printed = |visit: &str| json!({"visit": visit, "attempt": 1, "outcome": "printed"});
    let begun = |visit: &str| json!({"visit": visit, "attempt": 1, "printer": "kiosk"});
    let called = |visits: &[&str]| json!({"visits": visits, "room": "room1"});
    let mut facts = vec![
        fact(1, None, "LineSet", json!({"line": 1, "first": {"morning": 101}, "first_number": 1})),
        fact(2, Some(0), "LineOpened", json!({"session": "morning"})),
        fact(3, Some(1), "TicketIssued", ticket(101, "kiosk", Some("v101"))),
        fact(4, Some(1), "TicketIssued", ticket(102, "kiosk", Some("v101"))),
        fact(5, Some(1), "PrintBegun", begun("v101")),
        fact(6, Some(1), "PrintBegun", begun("v102")),
        fact(7, Some(2), "TicketIssued", ticket(103, "remote", None)),
        fact(8, Some(3), "TicketIssued", ticket(104, "emergency", None)),
        fact(9, Some(3), "PrintBegun", begun("v104")),
        fact(10, Some(4), "Called", called(&["v104"])),
        fact(11, Some(5), "Called", called(&["v101", "v102"])),
    ];
    facts.extend([(12, "v101"), (13, "v102"), (14, "v104")].map(|(seq, v)| fact(seq, None, "PrintEnded", printed(v))));
    let family = ["TicketIssued", "TicketIssued", "PrintBegun", "PrintBegun"];
    let sent = vec![
        sent(0, ("lines/1-1/open", json!({})), done(&["LineOpened"], &[])),
        sent(1, ("lines/1-1/tickets", json!({"family": 2})), done(&family, &["v101", "v102"])),
        sent(2, ("lines/1-1/tickets", json!({"family": 1})), done(&["TicketIssued"], &["v103"])),
        sent(3, ("lines/1-1/emergency", json!({})), done(&["TicketIssued", "PrintBegun"], &["v104"])),
        sent(4, ("rooms/room1/call", json!({})), done(&["Called"], &[])),
        sent(5, ("rooms/room1/call", json!({})), done(&["Called"], &[])),
        sent(6, ("rooms/room2/enter", json!({})), (409, json!({"code": "room_empty", "title_ja": "呼んでいません"}))),
    ];
    let rooms = BTreeMap::from([("room1".to_owned(), "101–102".to_owned())]);
    // The emergency has gone in the meantime, as far as the board is concerned.
    let boards = vec![Seen { n_facts: 11, rooms }];
    let papers = ["101", "102", "104"].map(|name| Paper {
        name: name.to_owned(),
        visit: format!("v{name}"),
        paper: printer::Paper { number: 1, dots: dots(), raw: Vec::new(), garbage: 0 },
    });
    Case {
        rows: ROWS,
        facts,
        sent,
        hub: None,
        calls: Calls::default(),
        boards,
        desks: Vec::new(),
        papers: papers.into(),
        span_ms: (1_000, 2_000),
        ended: Ok(()),
        memory: Memory { most_mib: 60.0, of_files_mib: 30.0, own_mib: 25.0 },
    }
}

/// A paper that is black all over.
fn dots() -> Dots {
    Dots { width: 16, height: 100, rows: vec![0xff; 200], number_rows: None }
}

/// Makes a check of a morning that was falsified.
pub(super) fn held(check: fn(&Evidence<'_>) -> Check, falsify: impl FnOnce(&mut Case)) -> bool {
    let mut case = good();
    falsify(&mut case);
    let text: String = case.facts.iter().map(|fact| format!("{fact}\n")).collect();
    let (rows, facts) = (row::read(case.rows).unwrap(), facts::read(&text).unwrap());
    let folder = tempfile::tempdir().unwrap();
    crate::demo::daemon::write(&folder.path().join("facts.ndjson"), &text).unwrap();
    let played =
        Played { sent: case.sent, boards: case.boards, desks: case.desks, lock_ms: 2_000, ..Played::default() };
    let there = case.hub.as_ref().unwrap_or(&case.facts).iter().map(Value::to_string).collect();
    let both = Both { here: text.clone(), there, n_starts: 0 };
    let (panel, _) = Panel::open(&FontPaths::debian(), None).unwrap();
    let evidence = Evidence {
        rows: &rows,
        played: &played,
        places: facts::by_key(&facts),
        both: &both,
        calls: &case.calls,
        speed: 600,
        papers: &case.papers,
        panel: &panel,
        span_ms: case.span_ms,
        verified: Ok(format!("{} facts of 1 origins are whole", facts.len())),
        ended: case.ended,
        memory: case.memory,
        places_to_search: vec![folder.path().to_owned()],
        facts: &facts,
    };
    check(&evidence).held
}

/// Shows that a check holds for the good morning and not for a falsified one.
#[track_caller]
fn catches(check: fn(&Evidence<'_>) -> Check, falsify: impl FnOnce(&mut Case)) {
    assert!(held(check, |_| ()), "the good morning fails");
    assert!(!held(check, falsify), "the falsified morning passes");
}

#[test]
fn a_ticket_that_nobody_asked_for_is_caught() {
    catches(tickets::issued, |case| case.facts.push(fact(15, None, "TicketIssued", ticket(105, "kiosk", None))));
    catches(tickets::issued, |case| drop(case.facts.remove(6)));
}

#[test]
fn a_number_given_twice_is_caught() {
    catches(tickets::unique, |case| case.facts[6]["body"]["number"] = json!(101));
    catches(tickets::unique, |case| case.facts[6]["body"]["label"] = json!("101"));
}

#[test]
fn a_gap_without_a_reason_is_caught() {
    let skip = |case: &mut Case| case.facts[7]["body"]["number"] = json!(106);
    catches(tickets::gaps, skip);
    assert!(held(tickets::gaps, |case| {
        skip(case);
        case.facts[7]["body"]["skipped"] = json!([{"from": 104, "to": 105, "reason": "unlucky"}]);
    }));
}

#[test]
fn a_double_press_that_counts_twice_is_caught() {
    catches(tickets::double_presses, |case| {
        let mut again = case.sent[2].clone();
        again.role = Role::Double;
        again.answered.key = "3".to_owned();
        case.sent.push(again);
    });
}

#[test]
fn paper_that_came_twice_or_not_at_all_is_caught() {
    catches(paper::attempts, |case| drop(case.facts.pop()));
    catches(paper::attempts, |case| case.facts[11]["body"]["outcome"] = json!("unconfirmed"));
    catches(paper::attempts, |case| case.facts[6]["body"]["channel"] = json!("desk"));
    catches(paper::papers, |case| drop(case.papers.pop()));
    catches(paper::papers, |case| case.papers[0].paper.garbage = 3);
}

#[test]
fn a_paper_without_its_number_or_its_code_is_caught() {
    // These papers show nothing that could be read.
    assert!(!held(paper::numbers, |case| case.papers[0].paper.dots.rows = vec![0; 200]));
    assert!(!held(paper::codes, |_| ()));
}

#[test]
fn a_refusal_that_is_not_true_is_caught() {
    catches(refusals::explained, |case| case.sent[6].answered.press.path = "rooms/room1/enter".to_owned());
    catches(refusals::explained, |case| case.sent[6].answered.answer["code"] = json!("disk_full"));
    catches(refusals::explained, |case| case.sent[6].answered.answer["title_ja"] = json!("room_empty"));
}

#[test]
fn an_emergency_that_waits_and_a_family_that_is_torn_apart_are_caught() {
    catches(queue::emergencies, |case| case.facts.swap(9, 10));
    catches(queue::families, |case| case.facts[10]["body"]["visits"] = json!(["v101"]));
}

#[test]
fn a_board_that_lies_is_caught() {
    let show = |tile: &str| BTreeMap::from([("room1".to_owned(), tile.to_owned())]);
    for tile in ["103", "101", ""] {
        catches(queue::boards, |case| case.boards[0].rooms = show(tile));
    }
    catches(queue::boards, |case| case.boards[0] = Seen { n_facts: 10, rooms: show("104") });
    assert!(held(queue::boards, |case| case.boards[0] = Seen { n_facts: 10, rooms: show("") }));
}

#[test]
fn a_journal_with_a_hole_is_caught() {
    catches(journal::sequences, |case| drop(case.facts.remove(3)));
    catches(journal::counted, |case| drop(case.facts.remove(1)));
    catches(journal::rehearsed, |case| case.facts[3]["clock"] = json!("free"));
    catches(journal::rehearsed, |case| case.span_ms = (1_005, 2_000));
}

#[test]
fn what_is_private_is_caught_in_clear() {
    catches(journal::private, |case| case.facts[7]["body"]["note"] = json!("chest pain"));
}

#[test]
fn a_daemon_that_fails_or_grows_is_caught() {
    catches(journal::ended, |case| case.ended = Err("it ended with 1".to_owned()));
    catches(journal::memory, |case| case.memory.most_mib = 71.0);
    catches(journal::memory, |case| case.memory.own_mib = 33.0);
    catches(journal::memory, |case| case.memory = Memory::default());
}
