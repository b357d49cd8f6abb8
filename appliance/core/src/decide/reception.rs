//! Reception: opening and closing lines, and giving tickets.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Context, Draft, Edge, line_of, number, place, print};
use crate::calendar::{Calendar, Held};
use crate::command::Take;
use crate::estimate;
use crate::facts::{Channel, Fact, Family, LineClosed, LineOpened, Rank, TicketIssued};
use crate::ids::{LineNo, SessionId};
use crate::queue::Clinic;
use crate::queue::line::Reception;
use crate::queue::visit::OPEN_STATES;
use crate::refusal::{Refusal, RefusalCode};
use crate::seal::Sealed;
use crate::settings::{Line, Window};
use crate::time::{AtMs, Day, MINUTE_MS};

/// Decides that a line opens.
pub(super) fn open(clinic: &Clinic, line: LineNo, session: &SessionId) -> Result<Vec<Draft>, Refusal> {
    let settings = line_of(clinic, line)?;
    if !clinic.standing.hours.sessions.is_empty() && clinic.standing.session(session).is_none() {
        return Err(Refusal::new(RefusalCode::UnknownSession).with("session", session));
    }
    let is_open = clinic
        .lines
        .get(&line)
        .is_some_and(|day| day.reception == Reception::Open && day.session.as_ref() == Some(session));
    if is_open {
        return Err(Refusal::new(RefusalCode::LineOpen).with("line", &settings.name.ja));
    }
    let opened = LineOpened { session: session.clone() };
    Ok(alloc::vec![Draft::of_line(line, Fact::LineOpened(opened))])
}

/// Decides that a line closes, naming everybody who is left.
pub(super) fn close(clinic: &Clinic, line: LineNo, now: AtMs) -> Result<Vec<Draft>, Refusal> {
    let settings = line_of(clinic, line)?;
    let day = clinic.lines.get(&line).filter(|day| day.reception == Reception::Open);
    let Some(day) = day else {
        return Err(closed(clinic, settings, now));
    };
    let left = OPEN_STATES.into_iter().flat_map(|state| day.in_state(state)).map(|place| place.visit).collect();
    Ok(alloc::vec![Draft::of_line(line, Fact::LineClosed(LineClosed { left }))])
}

/// Decides that consultation pauses.
pub(super) fn pause(clinic: &Clinic, line: LineNo) -> Result<Vec<Draft>, Refusal> {
    line_of(clinic, line)?;
    Ok(alloc::vec![Draft::of_line(line, Fact::LinePaused)])
}

/// Decides that consultation goes on.
pub(super) fn resume(clinic: &Clinic, line: LineNo) -> Result<Vec<Draft>, Refusal> {
    line_of(clinic, line)?;
    Ok(alloc::vec![Draft::of_line(line, Fact::LineResumed)])
}

/// Decides a ticket, or a family's.
pub(super) fn take(
    clinic: &Clinic,
    take: &Take,
    context: &Context,
    edge: &mut dyn Edge,
) -> Result<Vec<Draft>, Refusal> {
    let line = line_of(clinic, take.line)?;
    if take.family == 0 || take.family > clinic.standing.rules.family_most {
        return Err(Refusal::new(RefusalCode::FamilySize).with("most", &clinic.standing.rules.family_most));
    }
    if take.channel == Channel::Emergency {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"channel"));
    }
    let booked_for = booked_for(clinic, take, context.now)?;
    let session = session_of(clinic, line, take.channel, context.now)?;
    let interrupt = if take.interrupt { interrupt(clinic, line, take)? } else { None };
    let (given, first_rank) = match interrupt {
        Some(kept) => {
            let rank = place::by_number(clinic, line.line, kept.number);
            (alloc::vec![kept], rank)
        }
        None => (number::next(clinic, line, session.as_ref(), take.family)?, place_of_new(clinic, line, take.channel)),
    };
    let arrived = matches!(take.channel, Channel::Kiosk | Channel::Desk);
    let ranks = place::side_by_side(clinic, line.line, first_rank);
    let (mut drafts, mut prints) = (Vec::new(), Vec::new());
    let mut first_visit = None;
    for ((idx, given), rank) in (1_u8..).zip(given).zip(ranks) {
        let visit = edge.draw_visit();
        let first = *first_visit.get_or_insert(visit);
        let family = (take.family > 1).then_some(Family { first, idx, of: take.family });
        let ticket = TicketIssued {
            visit,
            day: today(clinic, context.now),
            session: session.clone(),
            number: given.number,
            label: given.label,
            rank,
            channel: take.channel,
            arrived,
            booked_for,
            family,
            lang: take.lang,
            text_call: take.text_call,
            name_shown: take.name_shown,
            token_hash: edge.token_hash(visit),
            personal: take.personal.clone().filter(|_| idx == 1),
            skipped: given.skipped,
        };
        drafts.push(Draft::of_line(take.line, Fact::TicketIssued(ticket)));
        if arrived {
            prints.extend(print::first(clinic, take.line, visit));
        }
    }
    drafts.extend(prints);
    Ok(drafts)
}

/// Returns the number kept for an interrupt that the desk asks for, if one is left.
fn interrupt(clinic: &Clinic, line: &Line, take: &Take) -> Result<Option<number::Given>, Refusal> {
    if take.channel != Channel::Desk || take.family > 1 {
        return Err(Refusal::new(RefusalCode::BadValue).with("field", &"interrupt"));
    }
    Ok(number::kept(clinic, line, number::called(clinic, line.line)))
}

/// Returns the place of a ticket taken now.
fn place_of_new(clinic: &Clinic, line: &Line, channel: Channel) -> Rank {
    match (line.interleave, channel) {
        (Some(rule), Channel::Kiosk | Channel::Desk) => place::interleaved(clinic, line.line, rule, None),
        (Some(_), Channel::Remote | Channel::Booked | Channel::Emergency) | (None, _) => place::last(clinic, line.line),
    }
}

/// Returns the booked time, which a booking has, within this business day, and nothing else.
fn booked_for(clinic: &Clinic, take: &Take, now: AtMs) -> Result<Option<AtMs>, Refusal> {
    let rules = &clinic.standing.rules;
    let is_today = |at: AtMs| rules.day_at(at) == rules.day_at(now);
    match (take.channel, take.booked_for) {
        (Channel::Booked, Some(at)) if is_today(at) => Ok(Some(at)),
        (Channel::Kiosk | Channel::Desk | Channel::Remote | Channel::Emergency, None) => Ok(None),
        (_, Some(_)) | (Channel::Booked, None) => Err(Refusal::new(RefusalCode::BadValue).with("field", &"booked_for")),
    }
}

fn today(clinic: &Clinic, now: AtMs) -> Day {
    clinic.day.unwrap_or_else(|| clinic.standing.rules.day_at(now))
}

/// Decides an urgent patient's ticket: ahead of everyone, in a line that gives numbers or not.
pub(super) fn emergency(
    clinic: &Clinic,
    line: LineNo,
    note: Option<&Sealed>,
    context: &Context,
    edge: &mut dyn Edge,
) -> Result<Vec<Draft>, Refusal> {
    let settings = line_of(clinic, line)?;
    let session = clinic.lines.get(&line).and_then(|day| day.session.clone());
    let kept = number::kept(clinic, settings, None).map(|kept| alloc::vec![kept]);
    let given = kept.map_or_else(|| number::next(clinic, settings, session.as_ref(), 1), Ok)?;
    let Some(number::Given { number, label, skipped }) = given.into_iter().next() else {
        return Err(Refusal::new(RefusalCode::NumbersUsedUp).with("line", &settings.name.ja));
    };
    let visit = edge.draw_visit();
    let ticket = TicketIssued {
        visit,
        day: today(clinic, context.now),
        session,
        number,
        label,
        rank: place::first(clinic, line),
        channel: Channel::Emergency,
        arrived: true,
        booked_for: None,
        family: None,
        lang: crate::facts::Lang::Ja,
        text_call: false,
        name_shown: false,
        token_hash: edge.token_hash(visit),
        personal: note.cloned(),
        skipped,
    };
    let issued = Draft::of_line(line, Fact::TicketIssued(ticket));
    Ok(core::iter::once(issued).chain(print::first(clinic, line, visit)).collect())
}

/// Returns the session a ticket belongs to, if its channel is open now.
pub(super) fn session_of(
    clinic: &Clinic,
    line: &Line,
    channel: Channel,
    now: AtMs,
) -> Result<Option<SessionId>, Refusal> {
    let day = clinic.lines.get(&line.line);
    let reception = day.map(|day| day.reception).unwrap_or_default();
    let opened_for = day.and_then(|day| day.session.clone());
    match channel {
        Channel::Kiosk | Channel::Desk | Channel::Emergency => {
            if reception != Reception::Open {
                return Err(closed(clinic, line, now));
            }
            if channel == Channel::Kiosk {
                // The desk knows better than a closure; a patient at the kiosk would wait for nobody.
                if Calendar::new(&clinic.standing.hours).is_suspended(clinic.standing.rules.day_at(now)) {
                    return Err(closed(clinic, line, now));
                }
                let held = opened_for.as_ref().and_then(|session| held_today(clinic, session, now));
                refuse_past_end(clinic, line, held.as_ref(), now)?;
                refuse_too_long(clinic, line, line.desk, held.as_ref(), now)?;
            }
            Ok(opened_for)
        }
        Channel::Booked => {
            let next = || next_session(clinic, now).filter(|held| held.day == today(clinic, now));
            Ok(opened_for.or_else(|| next().map(|held| held.session.session.clone())))
        }
        Channel::Remote => remote_session(clinic, line, (reception, opened_for), now),
    }
}

/// A remote ticket is given within hours of its own: before the desk opens, and not until its very end.
fn remote_session(
    clinic: &Clinic,
    line: &Line,
    (reception, opened_for): (Reception, Option<SessionId>),
    now: AtMs,
) -> Result<Option<SessionId>, Refusal> {
    if clinic.standing.hours.sessions.is_empty() {
        return if reception == Reception::Open { Ok(opened_for) } else { Err(closed(clinic, line, now)) };
    }
    let today = sessions_today(clinic, now);
    let opens = |held: &Held<'_>| held.from.plus_ms(minutes_ms(line.remote.opens_min));
    let closes = |held: &Held<'_>| held.to.plus_ms(minutes_ms(line.remote.closes_min));
    let was_closed =
        |held: &Held<'_>| reception == Reception::Closed && opened_for.as_ref() == Some(&held.session.session);
    let running = today.iter().find(|held| opens(held) <= now && now < closes(held) && !was_closed(held));
    match running {
        Some(held) => {
            refuse_too_long(clinic, line, line.remote, Some(held), now)?;
            Ok(Some(held.session.session.clone()))
        }
        None => {
            let refusal = Refusal::new(RefusalCode::RemoteClosed).with("line", &line.name.ja);
            let later = today.iter().filter(|held| !was_closed(held)).map(opens).filter(|at| *at > now).min();
            let opens = later.or_else(|| next_session(clinic, now).as_ref().map(opens).filter(|at| *at > now));
            Err(refusal.with("opens", &told(opens, now)))
        }
    }
}

/// Refuses at the kiosk once the line's own closing time is past; who opens it later than that knows better.
fn refuse_past_end(clinic: &Clinic, line: &Line, held: Option<&Held<'_>>, now: AtMs) -> Result<(), Refusal> {
    let opened_at = clinic.lines.get(&line.line).and_then(|day| day.opened_at);
    let closes = held.map(|held| held.to.plus_ms(minutes_ms(line.desk.closes_min)));
    match (closes, opened_at) {
        (Some(closes), Some(opened_at)) if opened_at < closes && closes <= now => Err(closed(clinic, line, now)),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// Refuses while the last patient would be seen too long after the session's end.
fn refuse_too_long(
    clinic: &Clinic,
    line: &Line,
    window: Window,
    held: Option<&Held<'_>>,
    now: AtMs,
) -> Result<(), Refusal> {
    let (Some(most), Some(held)) = (window.predicted_end_min, held) else {
        return Ok(());
    };
    let latest = held.to.plus_ms(minutes_ms(most));
    match estimate::end_of_line(clinic, line.line, now) {
        Some(end) if end > latest => Err(Refusal::new(RefusalCode::FullForNow).with("line", &line.name.ja)),
        Some(_) | None => Ok(()),
    }
}

/// The refusal of a line that gives no numbers, with the hour when it will.
fn closed(clinic: &Clinic, line: &Line, now: AtMs) -> Refusal {
    let day = clinic.lines.get(&line.line);
    let is_over = |held: &Held<'_>| {
        day.is_some_and(|day| day.reception != Reception::NotYet && day.session.as_ref() == Some(&held.session.session))
    };
    let sessions = sessions_today(clinic, now);
    let later = sessions.iter().filter(|held| now < held.to && !is_over(held)).map(|held| held.from).min();
    let later = later.or_else(|| next_session(clinic, now).map(|held| held.from));
    // In the middle of a session that nobody has opened, no hour would be true.
    let opens = later.filter(|at| *at > now);
    Refusal::new(RefusalCode::LineClosed).with("line", &line.name.ja).with("opens", &told(opens, now))
}

/// Returns an hour as it is told, with its date when that is not today's.
fn told(at: Option<AtMs>, now: AtMs) -> String {
    let Some(at) = at else {
        return String::from("--:--");
    };
    let date = at.in_tokyo().date();
    if date == now.in_tokyo().date() {
        return at.clock_face();
    }
    alloc::format!("{}/{} {}", date.month(), date.day(), at.clock_face())
}

fn sessions_today(clinic: &Clinic, now: AtMs) -> Vec<Held<'_>> {
    let day = clinic.standing.rules.day_at(now);
    Calendar::new(&clinic.standing.hours).sessions_on(day)
}

fn held_today<'a>(clinic: &'a Clinic, session: &SessionId, now: AtMs) -> Option<Held<'a>> {
    sessions_today(clinic, now).into_iter().find(|held| held.session.session == *session)
}

fn next_session(clinic: &Clinic, now: AtMs) -> Option<Held<'_>> {
    Calendar::new(&clinic.standing.hours).next_session(now)
}

fn minutes_ms(minutes: i32) -> i64 {
    i64::from(minutes).saturating_mul(MINUTE_MS)
}
