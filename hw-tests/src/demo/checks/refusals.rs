//! Refusals: each must be true of the facts as they stood when it was given.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::{Check, Evidence, hub};
use crate::demo::model::{Line, Model, Stand, Visit};
use crate::demo::player::{Off, Role, Sent};
use crate::demo::row::Action;
use crate::demo::telling::Telling;

/// Minutes of a day, and Asia/Tokyo's distance from UTC in minutes.
const DAY_MIN: i64 = 24 * 60;
const TOKYO_MIN: i64 = 9 * 60;
const MINUTE_MS: i64 = 60_000;
/// People in a family where the rules say nothing.
const FAMILY_MOST: u64 = 6;

/// A refusal with the places between which it was given.
struct Given<'a> {
    sent: &'a Sent,
    from: u64,
    to: u64,
    explained: bool,
}

/// Every refusal is true of some state between the answers before it and the presses after it.
pub(super) fn explained(evidence: &Evidence<'_>) -> Check {
    let mut refusals = given(evidence);
    let mut telling = Telling::default();
    for place in 0..=evidence.facts.len() {
        if let Some(fact) = place.checked_sub(1).and_then(|idx| evidence.facts.get(idx)) {
            telling.after(fact);
        }
        let place = place as u64;
        for refusal in refusals.iter_mut().filter(|refusal| !refusal.explained) {
            if (refusal.from..=refusal.to).contains(&place) {
                refusal.explained = is_true(telling.model(), refusal.sent, evidence);
            }
        }
    }
    let at_hub = evidence.played.sent.iter().filter(|sent| sent.is_from_afar() && !sent.answered.is_done());
    // What the hub refuses is judged by what the hub could know.
    let at_hub = at_hub.map(|sent| (sent, hub::is_true(evidence, sent)));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut faults = Vec::new();
    for (sent, explained) in refusals.iter().map(|refusal| (refusal.sent, refusal.explained)).chain(at_hub) {
        let answered = &sent.answered;
        let code = answered.code().unwrap_or_default();
        *counts.entry(code).or_default() += 1;
        if !explained {
            let row = evidence.rows.get(sent.row_idx).map(|row| (row.clock_face(), row.action.word()));
            faults.push(format!("{code} of {} at {row:?} is not true", answered.press.path));
        }
        if answered.answer["title_ja"].as_str().is_none_or(|told| told.is_empty() || told == code) {
            faults.push(format!("{code} is not said in words"));
        }
    }
    faults.extend(without_press(evidence));
    let counts: Vec<String> = counts.iter().map(|(code, n)| format!("{n} {code}")).collect();
    let good = if counts.is_empty() { "nothing was refused".to_owned() } else { counts.join(", ") };
    Check::of("every refusal is explained", &faults, good)
}

/// Returns the rows that were not pressed though there was something to press.
fn without_press(evidence: &Evidence<'_>) -> Vec<String> {
    let lost = evidence.played.off.iter().filter(|off| !is_off(evidence, off));
    let rows = lost.filter_map(|off| evidence.rows.get(off.row_idx));
    rows.map(|row| format!("{} {} of {} could not be pressed", row.clock_face(), row.action.word(), row.slot()))
        .collect()
}

/// Whether nothing could be pressed: the patient had been refused a number, the room was empty, or the press before
/// did nothing that could be repeated or taken back.
fn is_off(evidence: &Evidence<'_>, off: &Off) -> bool {
    let Some(row) = evidence.rows.get(off.row_idx) else { return false };
    let of_row = |sent: &&Sent| evidence.rows.get(sent.row_idx).is_some_and(|other| other.slot() == row.slot());
    let mut of_slot = evidence.played.sent.iter().filter(|sent| sent.row_idx < off.row_idx).filter(of_row);
    if let Some(n_facts) = off.looked_at {
        let mut telling = Telling::default();
        let until = usize::try_from(n_facts).unwrap_or(usize::MAX);
        evidence.facts.iter().take(until).for_each(|fact| telling.after(fact));
        return telling.model().in_room(&row.detail).is_empty();
    }
    if matches!(row.action, Action::Undo | Action::Again) {
        let concerns_nobody =
            |sent: &Sent| sent.answered.answer["visits"].is_null() && sent.answered.issued().is_empty();
        let is_undo = |sent: &Sent| sent.answered.press.path.ends_with("/undo");
        let last = of_slot.rfind(|sent| sent.role == Role::Asked);
        return last.is_none_or(|last| !last.answered.is_done() || concerns_nobody(last) || is_undo(last));
    }
    let asks = |sent: &&Sent| sent.is_from_afar() || sent.answered.press.path.starts_with("lines/");
    let mut asked = of_slot.filter(asks).peekable();
    asked.peek().is_some() && asked.all(|sent| !sent.answered.is_done())
}

fn given<'a>(evidence: &Evidence<'a>) -> Vec<Given<'a>> {
    let last = |sent: &Sent| evidence.of_key(&sent.answered.key).last().map(|(place, _)| place);
    let first = |sent: &Sent| evidence.of_key(&sent.answered.key).next().map(|(place, _)| place);
    let done: Vec<(Duration, Duration, Option<u64>, Option<u64>)> = evidence
        .played
        .sent
        .iter()
        // What is sent again tells of facts older than itself.
        .filter(|sent| sent.answered.is_done() && sent.role != Role::Repeat)
        .map(|sent| (sent.answered.sent, sent.answered.answered, first(sent), last(sent)))
        .collect();
    let refused = evidence.played.sent.iter().filter(|sent| !sent.answered.is_done() && !sent.is_from_afar());
    refused
        .map(|sent| {
            let before = done.iter().filter(|done| done.1 <= sent.answered.sent).filter_map(|done| done.3);
            let after = done.iter().filter(|done| done.0 >= sent.answered.answered).filter_map(|done| done.2);
            let end = evidence.facts.len() as u64;
            let to = after.min().map_or(end, |place| place.saturating_sub(1));
            Given { sent, from: before.max().unwrap_or(0), to, explained: false }
        })
        .collect()
}

/// Returns whether a refusal is true of a state.
fn is_true(model: &Model, sent: &Sent, evidence: &Evidence<'_>) -> bool {
    let path = &sent.answered.press.path;
    let mut parts = path.split('/');
    let (kind, of, act) = (parts.next(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let line_no = of.rsplit('-').next().and_then(|line| line.parse::<u64>().ok());
    let line = line_no.and_then(|line| model.lines.get(&line));
    let stands = || model.in_room(of).into_iter().map(|visit| visit.spot.stand).collect::<Vec<Stand>>();
    let family = sent.answered.press.body["family"].as_u64().unwrap_or(1);
    match sent.answered.code().unwrap_or_default() {
        "pressed_twice" => has_twin(sent, evidence),
        "screen_was_old" => kind == Some("rooms") && was_old(model, of, &sent.answered.press.body),
        "unknown_line" => kind == Some("lines") && line.is_none(),
        "unknown_room" => kind == Some("rooms") && !model.rooms.contains_key(of),
        "unknown_visit" => {
            kind == Some("visits") && !model.visits.contains_key(of) && was_given_from_afar(evidence, of)
        }
        "unknown_session" => !knows_session(model, &sent.answered.press.body["session"]),
        "line_open" => line.is_some_and(|line| line.is_open),
        "line_closed" => line.is_some_and(|line| !line.is_open || !is_within(model, line, "desk", sent.clock_ms)),
        "full_for_now" => line.is_some_and(|line| limits_end(&line.settings)),
        "numbers_used_up" => line_no.is_some_and(|line| are_used_up(model, line, family)),
        "family_size" => family == 0 || family > model.rules["family_most"].as_u64().unwrap_or(FAMILY_MOST),
        "room_empty" => kind == Some("rooms") && stands().is_empty(),
        "already_in_room" | "not_while_in_room" => !stands().is_empty() && !stands().contains(&Stand::Called),
        "nobody_absent" => line_no.is_some_and(|line| model.in_line(line, Stand::Absent).next().is_none()),
        "not_in_this_state" => model.visits.get(of).is_some_and(|visit| !may(act, visit.spot.stand)),
        "same_line" => model.visits.get(of).is_some_and(|visit| sent.answered.press.body["to"] == visit.spot.line),
        "nothing_to_undo" => is_undone(model, of),
        "acted_since" => {
            model.visits.get(of).is_some_and(|visit| is_anothers(model, visit, &sent.answered.press.device))
        }
        _ => false,
    }
}

/// Whether a visit is that of a ticket which the hub gave, of which the box can have heard later.
fn was_given_from_afar(evidence: &Evidence<'_>, of: &str) -> bool {
    evidence.of_kind("TicketIssued").any(|(_, fact)| fact.is_hubs() && fact.text("visit") == of)
}

/// Whether another press of the same button, of the same row or just before, was done.
fn has_twin(sent: &Sent, evidence: &Evidence<'_>) -> bool {
    let row = &evidence.rows[sent.row_idx];
    let mut others = evidence.played.sent.iter().filter(|other| other.answered.key != sent.answered.key);
    others.any(|other| {
        let same = other.answered.press == sent.answered.press && evidence.rows[other.row_idx] == *row;
        same && other.answered.is_done()
    })
}

/// Whether a screen that showed this of a room showed something else than what was true.
fn was_old(model: &Model, room: &str, showed: &Value) -> bool {
    let there = model.in_room(room);
    let now = there.first().map_or("", |visit| visit.label.as_str());
    let next = model.next(room).map_or("", |visit| visit.label.as_str());
    [("now", now), ("next", next)].iter().any(|(what, label)| showed[what].as_str().is_some_and(|told| told != *label))
}

/// Whether something can be done to somebody who stands so.
fn may(act: &str, stand: Stand) -> bool {
    let is_open = !matches!(stand, Stand::Finished | Stand::Cancelled);
    match act {
        "arrive" => stand == Stand::NotArrived,
        "cancel" => is_open,
        "hold" => is_open && !matches!(stand, Stand::InRoom | Stand::OnHold),
        "release" => stand == Stand::OnHold,
        "move" => is_open && stand != Stand::InRoom,
        "send" => matches!(stand, Stand::Waiting | Stand::Called | Stand::InRoom | Stand::Finished),
        _ => true,
    }
}

/// Whether the ticket itself has been taken back.
fn is_undone(model: &Model, of: &str) -> bool {
    model.visits.get(of).is_some_and(|visit| visit.acts.is_empty() && visit.spot.stand == Stand::Cancelled)
}

/// Whether an undo would take back what another did after this device, or bring somebody into a room that is taken.
fn is_anothers(model: &Model, visit: &Visit, device: &str) -> bool {
    let Some(last) = visit.acts.last() else { return false };
    let is_others = last.device != device && visit.acts.iter().any(|act| act.device == device);
    let room = &last.before.room;
    let was_inside = matches!(last.before.stand, Stand::Called | Stand::InRoom);
    is_others || (was_inside && model.in_room(room).iter().any(|other| other.nth != visit.nth))
}

fn knows_session(model: &Model, session: &Value) -> bool {
    model.hours["sessions"].as_array().into_iter().flatten().any(|known| known["session"] == *session)
}

fn limits_end(line: &Value) -> bool {
    ["desk", "remote"].iter().any(|window| !line[*window]["predicted_end_min"].is_null())
}

fn are_used_up(model: &Model, line: u64, family: u64) -> bool {
    let last = model.lines.get(&line).and_then(|line| line.settings["last_number"].as_u64()).unwrap_or(u64::MAX);
    let given = model.visits.values().filter(|visit| visit.home == line).map(|visit| visit.number);
    let leased = model.lines.get(&line).into_iter().flat_map(|line| line.leased.keys().copied());
    given.chain(leased).max().unwrap_or(0).saturating_add(family) > last
}

/// Whether two instants both lie within the hours of a session as a line's window widens them.
pub(super) fn is_within(model: &Model, line: &Line, window: &str, (from_ms, to_ms): (i64, i64)) -> bool {
    let minute = |at_ms: i64| (at_ms.div_euclid(MINUTE_MS) + TOKYO_MIN).rem_euclid(DAY_MIN);
    let wider = |end: &str| line.settings[window][end].as_i64().unwrap_or(0);
    // A kiosk gives numbers of the session that the line was opened for, a telephone those of any.
    let is_meant = |session: &&Value| window == "remote" || session["session"] == line.session.as_str();
    let sessions = model.hours["sessions"].as_array().into_iter().flatten().filter(is_meant);
    let hours: Vec<(i64, i64)> = sessions
        .filter_map(|session| Some((of_day(&session["from"])?, of_day(&session["to"])?)))
        .map(|(from, to)| (from + wider("opens_min"), to + wider("closes_min")))
        .collect();
    let is_open = |at: i64| hours.iter().any(|(from, to)| (*from..*to).contains(&at));
    is_open(minute(from_ms)) && is_open(minute(to_ms))
}

/// Returns the minute of the day that a time names.
fn of_day(time: &Value) -> Option<i64> {
    let (hour, minute) = time.as_str()?.split_once(':')?;
    Some(hour.parse::<i64>().ok()? * 60 + minute.parse::<i64>().ok()?)
}
