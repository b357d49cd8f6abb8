//! The estimated wait: minutes of those ahead, shared among the rooms, stepped over breaks, shown as a band.
//!
//! It never promises a clock time, and says nothing where nothing can be known.

use alloc::vec::Vec;

use crate::ids::LineNo;
use crate::queue::Clinic;
use crate::queue::visit::{OPEN_STATES, Place, State, Visit};
use crate::time::{AtMs, MINUTE_MS};
use crate::view::{Band, Wait};

/// Returns what to say to somebody who joins a line now.
#[must_use]
pub fn wait_of_line(clinic: &Clinic, line: LineNo, now: AtMs) -> Wait {
    wait_after(clinic, line, n_adding_in_all(clinic, line, now), now)
}

/// Returns what to say to a waiting visit.
#[must_use]
pub fn wait_of_visit(clinic: &Clinic, visit: &Visit, now: AtMs) -> Wait {
    wait_after(clinic, visit.turn.line, ahead_of(clinic, visit).n_adding, now)
}

/// How many stand before a visit in its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Here, waiting.
    pub n_here: usize,
    /// Holding a ticket, not here yet.
    pub n_not_arrived: usize,
    /// All whose minutes come first, the absent included; those awaited at a booked time come on top.
    pub n_adding: usize,
}

/// Counts those who stand before a visit.
#[must_use]
pub fn ahead_of(clinic: &Clinic, visit: &Visit) -> Ahead {
    ahead_of_place(clinic, visit.turn.line, &visit.place())
}

/// Returns the people before the last place of a line, for a page that offers a ticket.
#[must_use]
pub fn ahead_of_new(clinic: &Clinic, line: LineNo) -> Ahead {
    ahead_of_place(clinic, line, &Place::LAST)
}

fn ahead_of_place(clinic: &Clinic, line: LineNo, place: &Place) -> Ahead {
    let Some(day) = clinic.lines.get(&line) else {
        return Ahead::default();
    };
    let n_here = day.count_before(State::Waiting, place);
    let n_not_arrived = day.count_before(State::NotArrived, place);
    let n_absent = day.count(State::Absent);
    Ahead { n_here, n_not_arrived, n_adding: n_here.saturating_add(n_not_arrived).saturating_add(n_absent) }
}

/// Returns when the last consultation of a line will end, counted from now; none when that cannot be known.
#[must_use]
pub fn end_of_line(clinic: &Clinic, line: LineNo, now: AtMs) -> Option<AtMs> {
    let ms = ms_after(clinic, line, n_adding_in_all(clinic, line, now), now)?;
    Some(now.plus_ms(ms))
}

/// Counts everybody whose minutes come before somebody who joins a line now.
fn n_adding_in_all(clinic: &Clinic, line: LineNo, now: AtMs) -> usize {
    let rules = &clinic.standing.rules;
    let late = clinic.lines.get(&line).filter(|_| rules.count_late).map_or(0, |day| day.count_overdue(rules, now));
    ahead_of_new(clinic, line).n_adding.saturating_add(late)
}

/// Returns how many people of a line are counted as waiting (worked cases, ticket states). Who is urgent is not told.
#[must_use]
pub fn n_waiting(clinic: &Clinic, line: LineNo, now: AtMs) -> usize {
    let Some(day) = clinic.lines.get(&line) else {
        return 0;
    };
    let rules = &clinic.standing.rules;
    let counted = OPEN_STATES.into_iter().filter(|state| state.counts_as_waiting(rules)).map(|state| day.count(state));
    let n_overdue = day.count_overdue(rules, now);
    let n_counted = counted.fold(0, usize::saturating_add).saturating_sub(day.n_urgent());
    match (rules.count_not_arrived, rules.count_late) {
        (true, true) | (false, false) => n_counted,
        (true, false) => n_counted.saturating_sub(n_overdue),
        (false, true) => n_counted.saturating_add(n_overdue),
    }
}

fn wait_after(clinic: &Clinic, line: LineNo, n_ahead: usize, now: AtMs) -> Wait {
    if clinic.lines.get(&line).is_some_and(|day| day.paused) {
        return Wait::Paused;
    }
    match ms_after(clinic, line, n_ahead, now) {
        None => Wait::Unknown,
        Some(0) if n_ahead == 0 => Wait::Nobody,
        Some(ms) => Wait::Band(band(minutes_up(ms))),
    }
}

fn minutes_up(ms: i64) -> u32 {
    let up = ms.saturating_add(MINUTE_MS.saturating_sub(1)).checked_div(MINUTE_MS).unwrap_or(0);
    u32::try_from(up).unwrap_or(u32::MAX)
}

/// Milliseconds until a room is free for the one behind `n_ahead` others; none where no room calls the line.
fn ms_after(clinic: &Clinic, line: LineNo, n_ahead: usize, now: AtMs) -> Option<i64> {
    let settings = clinic.standing.lines.get(&line)?;
    let n_rooms = i64::try_from(clinic.standing.n_rooms_of(line)).ok().filter(|n| *n > 0)?;
    let each_ms = i64::from(settings.minutes).saturating_mul(MINUTE_MS);
    let (n_busy, remaining_ms) = being_seen(clinic, line, each_ms, now);
    let ms_behind = |n_ahead: usize| {
        // While a room is free and nobody is ahead, the wait is none at all.
        let is_next = n_ahead == 0 && n_busy < n_rooms;
        let busy_ms = i64::try_from(n_ahead).unwrap_or(i64::MAX).saturating_mul(each_ms).saturating_add(remaining_ms);
        let busy_ms = if is_next { 0 } else { busy_ms.checked_div(n_rooms).unwrap_or(busy_ms) };
        step_over_breaks(clinic, line, now, busy_ms)
    };
    let ms = ms_behind(n_ahead);
    // Whoever booked a time within the wait comes in between.
    let rules = &clinic.standing.rules;
    let day = clinic.lines.get(&line).filter(|_| ms > 0);
    let n_between = day.map_or(0, |day| day.count_awaited(rules, now, now.plus_ms(ms)));
    Some(if n_between == 0 { ms } else { ms_behind(n_ahead.saturating_add(n_between)) })
}

/// Returns how many rooms see patients of a line, and how long those will still take; a family is seen together.
fn being_seen(clinic: &Clinic, line: LineNo, each_ms: i64, now: AtMs) -> (i64, i64) {
    let rooms = clinic.rooms.values().filter_map(|room| {
        let seen: Vec<&Visit> =
            room.now.iter().filter_map(|visit| clinic.visits.get(visit)).filter(|v| v.turn.line == line).collect();
        let first = seen.first()?;
        let spent_ms = now.since(first.turn.entered_at.unwrap_or(now)).max(0);
        let whole_ms = each_ms.saturating_mul(i64::try_from(seen.len()).unwrap_or(1));
        Some(whole_ms.saturating_sub(spent_ms).max(MINUTE_MS))
    });
    rooms.fold((0, 0), |(n, sum), ms| (n.saturating_add(1), sum.saturating_add(ms)))
}

/// Lengthens a wait by the breaks it runs into.
fn step_over_breaks(clinic: &Clinic, line: LineNo, now: AtMs, wait_ms: i64) -> i64 {
    let Some(settings) = clinic.standing.lines.get(&line) else {
        return wait_ms;
    };
    let day = clinic.standing.rules.day_at(now);
    let mut breaks = settings.breaks.clone();
    breaks.sort_by_key(|stretch| stretch.from);
    let mut end = now.plus_ms(wait_ms);
    let mut from_now = now;
    for stretch in breaks {
        let (from, to) = (day.at_min(stretch.from.minutes()), day.at_min(stretch.to.minutes()));
        if to <= from_now || from > end {
            continue;
        }
        let lost_ms = to.since(from.max(from_now)).max(0);
        end = end.plus_ms(lost_ms);
        from_now = to;
    }
    end.since(now)
}

/// Returns the band that holds a number of minutes: 5 wide up to 20, 10 up to an hour, then 20 and 30.
#[must_use]
pub fn band(minutes: u32) -> Band {
    let width = match minutes {
        0..20 => 5,
        20..60 => 10,
        60..120 => 20,
        _ => 30,
    };
    let from_min = minutes.saturating_sub(minutes.checked_rem(width).unwrap_or(0));
    Band { from_min, to_min: from_min.saturating_add(width) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_holds_its_minutes_and_widens_with_them() {
        for minutes in 0..600 {
            let band = band(minutes);
            assert!(band.from_min <= minutes && minutes < band.to_min, "{minutes} is not in {band:?}");
        }
        assert_eq!(band(12), Band { from_min: 10, to_min: 15 });
        assert_eq!(band(44), Band { from_min: 40, to_min: 50 });
        assert_eq!(band(61), Band { from_min: 60, to_min: 80 });
    }
}
