//! The hours of the week, as they hang beside every clinic's door: sessions down, days across.
//!
//! Holidays and closures are left aside; the next open day, which stands beside it, knows them.

use alloc::string::String;
use alloc::vec::Vec;

use crate::calendar::{Calendar, WEEKS_OF_MONTH};
use crate::settings::{Hours, WeekDay};
use crate::time::DayTime;
use crate::view::{Often, SessionWeek};

const DAYS: [WeekDay; 7] =
    [WeekDay::Mon, WeekDay::Tue, WeekDay::Wed, WeekDay::Thu, WeekDay::Fri, WeekDay::Sat, WeekDay::Sun];

/// Returns the sessions that are held on some day, earliest first.
pub(super) fn week(hours: &Hours) -> Vec<SessionWeek> {
    let calendar = Calendar::new(hours);
    let often = |n_weeks: usize| match n_weeks {
        0 => Often::Never,
        n if n == WEEKS_OF_MONTH.len() => Often::Always,
        _ => Often::Sometimes,
    };
    let mut sessions: Vec<_> = hours.sessions.iter().filter(|session| session.from < session.to).collect();
    sessions.sort_by_key(|session| (session.from, session.to));
    let rows = sessions.into_iter().map(|session| SessionWeek {
        name: session.name.clone(),
        from: face(session.from),
        to: face(session.to),
        days: DAYS.map(|day| often(calendar.weeks_held(session, day))),
    });
    rows.filter(|row| row.days.iter().any(|often| *often != Often::Never)).collect()
}

/// Returns a time of day as a clock shows it, `9:00`; what is past midnight goes on to `25:00`.
fn face(at: DayTime) -> String {
    let minutes = at.minutes();
    alloc::format!("{}:{:02}", minutes.div_euclid(60), minutes.rem_euclid(60))
}
