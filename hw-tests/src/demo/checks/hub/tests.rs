//! Each check of the hub against a small story that holds, and against the same one falsified.

use serde_json::{Value, json};

use super::super::refusals::explained;
use super::super::tests::{Case, fact, held, sent};
use super::super::{acts, queue, tickets};
use super::*;
use crate::demo::player::{Role, SeenDesk};

/// Where the facts of the story stand that are falsified.
const LEASED: usize = 2;
const GIVEN: usize = 3;
const AT_DESK: usize = 5;
const PLACED: usize = 7;

fn token_hash(token: &str) -> String {
    blake3::hash(token.as_bytes()).to_hex().chars().take(32).collect()
}

fn by_hub(mut fact: Value, (seq, at_ms): (u64, i64)) -> Value {
    fact["origin"] = json!("h");
    fact["by"]["device"] = json!("hub");
    fact["seq"] = json!(seq);
    fact["at_ms"] = json!(at_ms);
    fact
}

/// A ticket of line 1, whose rank is its number unless told.
fn ticket(visit: &str, number: u64, (channel, rank): (&str, u64)) -> Value {
    json!({"visit": visit, "day": "2026-11-24", "session": "morning", "number": number, "label": number.to_string(),
        "rank": rank, "channel": channel, "arrived": channel == "kiosk", "token_hash": token_hash(visit)})
}

/// Two numbers are leased; one is taken from afar and heard of, the other while the line is cut: it is received at the
/// desk before the hub's fact of it comes, and a third who took a ticket meanwhile stands in its place.
fn story() -> Vec<Value> {
    let leased = json!({"leased": [{"number": 101, "label": "101", "visit": "v101"},
        {"number": 102, "label": "102", "visit": "v102"}], "session": "morning", "skipped": []});
    let far = |visit, number, rank| fact(0, None, "TicketIssued", ticket(visit, number, ("remote", rank)));
    let at = |mut fact: Value, at_ms: i64| {
        fact["at_ms"] = json!(at_ms);
        fact
    };
    vec![
        fact(1, None, "LineSet", json!({"line": 1, "first": {"morning": 101}})),
        fact(2, None, "RoomSet", json!({"room": "room1", "lines": [1]})),
        fact(3, None, "NumbersLeased", leased),
        by_hub(far("v101", 101, 10), (1, 1_004)),
        at(fact(4, Some(1), "TicketIssued", ticket("v103", 103, ("kiosk", 20))), 1_010),
        at(fact(5, Some(2), "TicketIssued", ticket("v102", 102, ("remote", 30))), 1_020),
        at(fact(6, Some(2), "Arrived", json!({"visit": "v102", "rank": 30})), 1_020),
        at(fact(7, None, "Reordered", json!({"visit": "v101", "rank": 15})), 1_030),
        by_hub(far("v102", 102, 20), (2, 1_008)),
    ]
}

fn page(row_idx: usize, visit: &str, number: u64) -> Sent {
    let ticket = json!({"visit": visit, "label": number.to_string(), "page": format!("/t/1/{visit}")});
    from_afar(sent(row_idx, ("s/1/take", json!({"line": 1, "key": visit})), (200, json!({"tickets": [ticket]}))))
}

fn from_afar(mut sent: Sent) -> Sent {
    sent.reach = Some(Reach { least: (5, 0), most: None });
    sent.clock_ms = (1_100, 1_101);
    sent
}

/// The story with what was pressed.
fn told(case: &mut Case) {
    case.facts = story();
    let kiosk = json!({"tickets": [{"visit": "v103"}], "happened": ["TicketIssued"]});
    let arrived = json!({"tickets": [{"visit": "v102"}], "happened": ["TicketIssued", "Arrived"]});
    let no = (409, json!({"code": "lease_used_up", "title_ja": "なくなりました"}));
    case.sent = vec![
        page(0, "v101", 101),
        sent(1, ("lines/1-1/tickets", json!({"family": 1})), (200, kiosk)),
        sent(2, ("visits/v102/arrive", json!({})), (200, arrived)),
        page(3, "v102", 102),
        from_afar(sent(4, ("s/1/take", json!({"line": 1, "key": ""})), no)),
    ];
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
fn a_fact_that_one_side_lacks_or_has_otherwise_is_caught() {
    let hub = |change: fn(&mut Vec<Value>)| {
        move |case: &mut Case| {
            let mut facts = case.facts.clone();
            change(&mut facts);
            case.hub = Some(facts);
        }
    };
    catches(same, hub(|facts| drop(facts.pop())));
    catches(same, hub(|facts| facts[0]["at_ms"] = json!(7)));
    catches(same, hub(|facts| facts.push(fact(9, None, "LineClosed", json!({})))));
    let gives_again = |facts: &mut Vec<Value>| {
        let again = fact(0, None, "TicketIssued", ticket("v9", 103, ("remote", 40)));
        facts.push(by_hub(again, (3, 1_040)));
    };
    catches(tickets::unique, hub(gives_again));
}

#[test]
fn a_ticket_from_afar_that_was_not_leased_or_that_no_page_is_of_is_caught() {
    catches(leased, |case| case.facts[LEASED]["body"]["leased"][0]["number"] = json!(104));
    catches(leased, |case| case.facts[GIVEN]["body"]["token_hash"] = json!("another"));
    catches(leased, |case| case.facts[GIVEN]["body"]["label"] = json!("999"));
    catches(leased, |case| drop(case.sent.remove(0)));
    catches(leased, |case| drop(case.facts.remove(GIVEN)));
}

#[test]
fn a_refusal_from_afar_that_is_not_true_is_caught() {
    let leased_more = |case: &mut Case| {
        let more = json!({"leased": [{"number": 104, "label": "104", "visit": "v104"}]});
        case.facts.insert(LEASED + 1, fact(90, None, "NumbersLeased", more));
    };
    catches(explained, leased_more);
    // The hub cannot have known of it yet.
    assert!(held(explained, |case| {
        told(case);
        leased_more(case);
        case.sent[4].reach = Some(Reach { least: (3, 0), most: None });
    }));
    catches(explained, |case| {
        // The number was given after the refusal alone.
        case.facts[GIVEN]["at_ms"] = json!(900_000);
    });
    catches(explained, |case| case.sent[4].answered.answer["code"] = json!("remote_closed_for_good"));
    catches(explained, |case| case.sent[4].answered.answer["title_ja"] = json!(""));
}

#[test]
fn a_ticket_that_stands_twice_counts_once_and_two_of_one_side_are_caught() {
    catches(tickets::unique, |case| {
        case.facts.push(by_hub(case.facts[AT_DESK].clone(), (3, 1_040)));
    });
    catches(tickets::unique, |case| {
        let ticket = &mut case.facts[AT_DESK]["body"];
        (ticket["number"], ticket["label"]) = (json!(105), json!("105"));
    });
    catches(tickets::issued, |case| drop(case.sent.remove(3)));
    // Nor does it count when the box wrote between the two.
    catches(tickets::unique, |case| {
        let again = by_hub(case.facts[AT_DESK].clone(), (1, 1_005));
        case.facts.insert(GIVEN, again);
    });
}

/// The story without the ticket that was taken first.
fn without_the_first(case: &mut Case) {
    case.facts.remove(GIVEN);
    case.facts.retain(|fact| fact["kind"] != "Reordered");
}

#[test]
fn a_number_that_is_missing_is_a_gap_unless_it_was_leased() {
    assert!(held(tickets::gaps, |case| {
        told(case);
        without_the_first(case);
    }));
    catches(tickets::gaps, |case| {
        without_the_first(case);
        drop(case.facts[LEASED]["body"]["leased"].as_array_mut().map(|leased| leased.remove(0)));
    });
}

#[test]
fn a_double_press_from_afar_that_takes_two_is_caught() {
    let double = |visit: &'static str| {
        move |case: &mut Case| {
            let mut double = page(0, visit, 101);
            double.answered.press = case.sent[0].answered.press.clone();
            double.role = Role::Double;
            case.sent.push(double);
        }
    };
    assert!(held(tickets::double_presses, |case| {
        told(case);
        double("v101")(case);
    }));
    catches(tickets::double_presses, double("v102"));
    let again = |visit: &'static str| {
        move |case: &mut Case| {
            let mut again = page(0, visit, 101);
            again.role = Role::Repeat;
            case.sent.push(again);
        }
    };
    assert!(held(acts::again, |case| {
        told(case);
        again("v101")(case);
    }));
    catches(acts::again, again("v102"));
}

#[test]
fn who_is_placed_behind_a_later_ticket_or_before_an_earlier_one_is_caught() {
    catches(acts::effects, |case| case.facts[PLACED]["body"]["rank"] = json!(40));
    catches(acts::effects, |case| case.facts[PLACED]["body"]["visit"] = json!("v102"));
}

#[test]
fn a_desk_is_told_by_what_the_box_knew_by_then() {
    let desk = |n_facts: u64, waiting: &[&str], away: &[&str]| SeenDesk {
        n_facts,
        waiting: BTreeMap::from([(1, waiting.iter().map(|label| (*label).to_owned()).collect())]),
        away: BTreeMap::from([(1, away.iter().map(|label| (*label).to_owned()).collect())]),
        ..SeenDesk::default()
    };
    let looked = |desks: Vec<SeenDesk>| {
        move |case: &mut Case| {
            told(case);
            case.desks = desks;
        }
    };
    let truth = || vec![desk(5, &["103"], &["101"]), desk(9, &["103", "102"], &["101"])];
    assert!(held(queue::desks, looked(truth())));
    assert!(!held(queue::desks, looked(vec![desk(5, &["103"], &["101", "102"])])));
    assert!(!held(queue::desks, looked(vec![desk(9, &["102", "103"], &["101"])])));
}
