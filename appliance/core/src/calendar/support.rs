//! The calendar of the vendor's support desk: Monday to Friday 8:00 to 20:00, Saturday 8:00 to 18:00.
//!
//! It is closed on Sundays, on public holidays and from 29 December to 3 January. It is not the clinic's calendar:
//! neither the clinic's closures nor its corrections of the holidays change when somebody answers the telephone.

use crate::settings::WeekDay;
use crate::time::{AtMs, Day, DayTime};

use super::{holidays, week_day};

/// When the desk opens.
const OPENS: DayTime = DayTime(8 * 60);
/// When it closes from Monday to Friday.
const CLOSES: DayTime = DayTime(20 * 60);
/// When it closes on Saturday.
const CLOSES_ON_SATURDAY: DayTime = DayTime(18 * 60);

/// Returns the desk's hours on a day; none when it is closed.
#[must_use]
pub fn hours_on(day: Day) -> Option<(DayTime, DayTime)> {
    let is_year_end = matches!((day.0.month(), day.0.day()), (12, 29..) | (1, ..=3));
    if is_year_end || holidays::on(day).is_some() {
        return None;
    }
    match week_day(day) {
        WeekDay::Mon | WeekDay::Tue | WeekDay::Wed | WeekDay::Thu | WeekDay::Fri => Some((OPENS, CLOSES)),
        WeekDay::Sat => Some((OPENS, CLOSES_ON_SATURDAY)),
        WeekDay::Sun => None,
    }
}

/// Tells whether somebody answers at an instant: the opening minute included, the closing one not.
#[must_use]
pub fn is_open(at: AtMs) -> bool {
    let day = Day::holding(at, 0);
    hours_on(day).is_some_and(|(opens, closes)| day.at_min(opens.minutes()) <= at && at < day.at_min(closes.minutes()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::monday_before_eight("2026-11-30T07:59:59", false)]
    #[case::monday_at_eight("2026-11-30T08:00:00", true)]
    #[case::friday_evening("2026-11-27T19:59:59", true)]
    #[case::friday_at_twenty("2026-11-27T20:00:00", false)]
    #[case::saturday_afternoon("2026-11-28T17:59:59", true)]
    #[case::saturday_at_eighteen("2026-11-28T18:00:00", false)]
    #[case::sunday("2026-11-29T12:00:00", false)]
    #[case::labour_thanksgiving("2026-11-23T12:00:00", false)]
    #[case::citizens_holiday("2026-09-22T12:00:00", false)]
    #[case::before_the_year_end("2026-12-28T12:00:00", true)]
    #[case::the_year_end_begins("2026-12-29T12:00:00", false)]
    #[case::new_years_eve("2026-12-31T12:00:00", false)]
    #[case::third_of_january("2028-01-03T12:00:00", false)]
    #[case::fourth_of_january("2028-01-04T12:00:00", true)]
    fn the_support_desk_keeps_its_own_hours(#[case] wall: &str, #[case] open: bool) {
        assert_eq!(is_open(AtMs::from_tokyo(wall.parse().unwrap())), open, "{wall}");
    }
}
