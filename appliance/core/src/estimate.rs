//! The estimated wait: minutes of those ahead, shared among the rooms, stepped over breaks, shown as a band.
//!
//! It never promises a clock time, and says nothing where nothing can be known.

use crate::facts::Rank;
use crate::ids::LineNo;
use crate::queue::Clinic;
use crate::queue::visit::{Place, State, Visit};
use crate::time::{AtMs, Day, MINUTE_MS};
use crate::view::{Band, Wait};

/// Returns what to say to somebody who joins a line now.
#[must_use]
pub fn wait_of_line(clinic: &Clinic, line: LineNo, now: AtMs) -> Wait {
    let Some(day) = clinic.lines.get(&line) else {
        return wait_after(clinic, line, 0, now);
    };
    let n_ahead = [State::Waiting, State::NotArrived, State::Absent]
        .into_iter()
        .filter(|state| state.adds_minutes())
        .map(|state| day.count(state))
        .fold(0, usize::saturating_add);
    wait_after(clinic, line, n_ahead, now)
}

/// Returns what to say to a waiting visit.
#[must_use]
pub fn wait_of_visit(clinic: &Clinic, visit: &Visit, now: AtMs) -> Wait {
    let ahead = ahead_of(clinic, visit);
    wait_after(clinic, visit.turn.line, ahead.n_adding, now)
}

/// How many stand before a visit in its line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Here, waiting.
    pub n_here: usize,
    /// Holding a ticket, not here yet.
    pub n_not_arrived: usize,
    /// All whose minutes come first, the absent included.
    pub n_adding: usize,
}

/// Counts those who stand before a visit.
#[must_use]
pub fn ahead_of(clinic: &Clinic, visit: &Visit) -> Ahead {
    ahead_of_place(clinic, visit.turn.line, &visit.place())
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
    let day = clinic.lines.get(&line)?;
    let n_all = [State::Waiting, State::NotArrived, State::Absent]
        .into_iter()
        .map(|state| day.count(state))
        .fold(0, usize::saturating_add);
    let minutes = minutes_after(clinic, line, n_all, now)?;
    Some(now.plus_ms(i64::from(minutes).saturating_mul(MINUTE_MS)))
}

fn wait_after(clinic: &Clinic, line: LineNo, n_ahead: usize, now: AtMs) -> Wait {
    if clinic.lines.get(&line).is_some_and(|day| day.paused) {
        return Wait::Paused;
    }
    match minutes_after(clinic, line, n_ahead, now) {
        None => Wait::Unknown,
        Some(0) if n_ahead == 0 => Wait::Nobody,
        Some(minutes) => Wait::Band(band(minutes)),
    }
}

/// Minutes until a room is free for the one behind `n_ahead` others.
fn minutes_after(clinic: &Clinic, line: LineNo, n_ahead: usize, now: AtMs) -> Option<u32> {
    let settings = clinic.standing.lines.get(&line)?;
    let n_rooms = i64::try_from(clinic.standing.n_rooms_of(line)).ok().filter(|n| *n > 0)?;
    let each_ms = i64::from(settings.minutes).saturating_mul(MINUTE_MS);
    let mut busy_ms = i64::try_from(n_ahead).ok()?.saturating_mul(each_ms);
    let mut n_free = n_rooms;
    for visit in being_seen(clinic, line) {
        let spent_ms = now.since(visit.turn.entered_at.unwrap_or(now)).max(0);
        busy_ms = busy_ms.saturating_add(each_ms.saturating_sub(spent_ms).max(MINUTE_MS));
        n_free = n_free.saturating_sub(1);
    }
    // While a room is free and nobody is ahead, the wait is none at all.
    let is_next = n_ahead == 0 && n_free > 0;
    let wait_ms = if is_next { 0 } else { busy_ms.checked_div(n_rooms).unwrap_or(busy_ms) };
    let with_breaks = step_over_breaks(clinic, line, now, wait_ms);
    u32::try_from(with_breaks.checked_div(MINUTE_MS).unwrap_or(0)).ok()
}

/// The visits of a line that are called or in a room; a family is seen together.
fn being_seen(clinic: &Clinic, line: LineNo) -> impl Iterator<Item = &Visit> {
    clinic
        .rooms
        .values()
        .filter_map(|room| room.now.first())
        .filter_map(|visit| clinic.visits.get(visit))
        .filter(move |visit| visit.turn.line == line)
}

/// Lengthens a wait by the breaks it runs into.
fn step_over_breaks(clinic: &Clinic, line: LineNo, now: AtMs, wait_ms: i64) -> i64 {
    let Some(settings) = clinic.standing.lines.get(&line) else {
        return wait_ms;
    };
    let day = Day::holding(now, clinic.standing.rules.day_starts.0);
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

/// Returns the people before the last place of a line, for a page that offers a ticket.
#[must_use]
pub fn ahead_of_new(clinic: &Clinic, line: LineNo) -> Ahead {
    let place = Place {
        rank: Rank(i64::MAX),
        issued: crate::envelope::Stamp { at: AtMs(i64::MAX), n: u32::MAX },
        visit: crate::ids::VisitId::from_bytes([u8::MAX; 16]),
    };
    ahead_of_place(clinic, line, &place)
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
