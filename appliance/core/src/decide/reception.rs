//! Reception: opening and closing lines, and giving tickets.

use alloc::vec::Vec;

use super::{Context, Draft, Edge, line_of, number, place, print};
use crate::calendar::{Calendar, Held};
use crate::command::Take;
use crate::estimate;
use crate::facts::{Channel, Fact, Family, LineClosed, LineOpened, Rank, TicketIssued};
use crate::ids::{LineNo, SessionId};
use crate::queue::Clinic;
use crate::queue::line::Reception;
use crate::queue::visit::State;
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
pub(super) fn close(clinic: &Clinic, line: LineNo) -> Result<Vec<Draft>, Refusal> {
    let settings = line_of(clinic, line)?;
    let day = clinic.lines.get(&line).filter(|day| day.reception == Reception::Open);
    let Some(day) = day else {
        return Err(closed(clinic, settings, None));
    };
    let left = [State::Waiting, State::NotArrived, State::Called, State::InRoom, State::Absent, State::OnHold]
        .into_iter()
        .flat_map(|state| day.in_state(state))
        .map(|place| place.visit)
        .collect();
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
    let session = session_of(clinic, line, take.channel, context.now)?;
    let given = match take.interrupt.then(|| number::kept(clinic, line)).flatten() {
        Some(kept) => kept,
        None => number::next(clinic, line, session.as_ref(), take.family)?,
    };
    let arrived = matches!(take.channel, Channel::Kiosk | Channel::Desk);
    let booked_for = take.booked_for.filter(|_| take.channel == Channel::Booked);
    let first_rank = match line.interleave {
        Some(rule) if arrived => place::interleaved(clinic, line.line, rule, &place::Arriving { booked_for: None }),
        Some(_) | None => place::last(clinic, line.line),
    };
    let at_end = first_rank == place::last(clinic, line.line);
    let (mut drafts, mut prints) = (Vec::new(), Vec::new());
    let mut first_visit = None;
    let mut skipped = given.skipped;
    for (nth, (number, label)) in (0_u8..).zip(given.numbers) {
        let visit = edge.draw_visit();
        let first = *first_visit.get_or_insert(visit);
        let idx = nth.saturating_add(1);
        let family = (take.family > 1).then_some(Family { first, idx, of: take.family });
        drafts.push(Draft::of_line(
            take.line,
            Fact::TicketIssued(TicketIssued {
                visit,
                day: clinic.day.unwrap_or_else(|| Day::holding(context.now, clinic.standing.rules.day_starts.0)),
                session: session.clone(),
                number,
                label,
                rank: nth_rank(first_rank, nth, at_end),
                channel: take.channel,
                arrived,
                booked_for,
                family,
                lang: take.lang,
                text_call: take.text_call,
                name_shown: take.name_shown,
                token_hash: edge.token_hash(visit),
                personal: take.personal.clone().filter(|_| nth == 0),
                skipped: core::mem::take(&mut skipped),
            }),
        ));
        if arrived {
            prints.extend(print::first(clinic, take.line, visit));
        }
    }
    drafts.extend(prints);
    Ok(drafts)
}

/// The place of a family's `nth`: side by side, with room between them only at the end of the line.
fn nth_rank(first: Rank, nth: u8, at_end: bool) -> Rank {
    let step = if at_end { i64::from(nth).saturating_mul(1 << 20) } else { i64::from(nth) };
    Rank(first.0.saturating_add(step))
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
    let given = match number::kept(clinic, settings) {
        Some(kept) => kept,
        None => number::next(clinic, settings, session.as_ref(), 1)?,
    };
    let Some((number, label)) = given.numbers.into_iter().next() else {
        return Err(Refusal::new(RefusalCode::NumbersUsedUp).with("line", &settings.name.ja));
    };
    let visit = edge.draw_visit();
    let ticket = TicketIssued {
        visit,
        day: clinic.day.unwrap_or_else(|| Day::holding(context.now, clinic.standing.rules.day_starts.0)),
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
        skipped: given.skipped,
    };
    let issued = Draft::of_line(line, Fact::TicketIssued(ticket));
    Ok(core::iter::once(issued).chain(print::first(clinic, line, visit)).collect())
}

/// Returns the session a ticket belongs to, if its channel is open now.
fn session_of(clinic: &Clinic, line: &Line, channel: Channel, now: AtMs) -> Result<Option<SessionId>, Refusal> {
    let day = clinic.lines.get(&line.line);
    let reception = day.map(|day| day.reception).unwrap_or_default();
    let opened_for = day.and_then(|day| day.session.clone());
    match channel {
        Channel::Kiosk | Channel::Desk | Channel::Emergency => {
            if reception != Reception::Open {
                return Err(closed(clinic, line, Some(now)));
            }
            if channel == Channel::Kiosk {
                let held = opened_for.as_ref().and_then(|session| held_today(clinic, session, now));
                refuse_too_long(clinic, line, line.desk, held.as_ref(), now)?;
            }
            Ok(opened_for)
        }
        Channel::Booked => {
            Ok(opened_for.or_else(|| next_session(clinic, now).map(|held| held.session.session.clone())))
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
        return if reception == Reception::Open { Ok(opened_for) } else { Err(closed(clinic, line, Some(now))) };
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
            let later = today.iter().map(opens).filter(|at| *at > now).min();
            Err(match later.or_else(|| next_session(clinic, now).as_ref().map(opens)) {
                Some(at) => refusal.with("opens", &at.clock_face()),
                None => refusal,
            })
        }
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
fn closed(clinic: &Clinic, line: &Line, now: Option<AtMs>) -> Refusal {
    let refusal = Refusal::new(RefusalCode::LineClosed).with("line", &line.name.ja);
    match now.and_then(|now| next_session(clinic, now)) {
        Some(held) => refusal.with("opens", &held.from.clock_face()),
        None => refusal,
    }
}

fn sessions_today(clinic: &Clinic, now: AtMs) -> Vec<Held<'_>> {
    let day = Day::holding(now, clinic.standing.rules.day_starts.0);
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
