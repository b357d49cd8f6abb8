//! When the monitor is dark, and what stands before the loop.

use machiai_core::envelope::Trust;
use machiai_core::facts::Fact;
use machiai_core::program::airs::What;
use machiai_core::program::table::MonitorHours;
use machiai_core::settings::{Closure, Hours, Session, WeekDay, WeekRule};
use machiai_core::time::DayTime;
use rstest::rstest;

use super::{Stage, at, day, line, text};

const SENT: &str = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";
const APPROVED: &str = "11-18 12:00 approve r1";

/// Mornings 9:00 to 12:00 and afternoons 15:00 to 18:00 from Monday to Friday.
pub(super) fn hours() -> Hours {
    let sessions = [("morning", 540, 720), ("afternoon", 900, 1_080)].map(|(id, from, to)| Session {
        session: id.parse().unwrap(),
        name: text(id),
        from: DayTime(from),
        to: DayTime(to),
    });
    let ids = sessions.iter().map(|session| session.session.clone()).collect();
    let days = vec![WeekDay::Mon, WeekDay::Tue, WeekDay::Wed, WeekDay::Thu, WeekDay::Fri];
    let week = vec![WeekRule { days, nth: Vec::new(), sessions: ids }];
    Hours { sessions: sessions.to_vec(), week, open_on_holidays: true, ..Hours::default() }
}

fn stage() -> Stage {
    let mut stage = Stage::new().run(&[SENT, APPROVED]);
    stage.standing.hours = hours();
    stage
}

#[rstest]
#[case::half_an_hour_before("11-24 8:30", "P1 scheduled")]
#[case::earlier("11-24 8:29:59", "dark closed_until")]
#[case::over_midday("11-24 13:30", "P1 scheduled")]
#[case::half_an_hour_after("11-24 18:29:59", "P1 scheduled")]
#[case::later("11-24 18:30", "dark closed_until")]
#[case::on_a_sunday("11-29 10:00", "dark closed_until")]
fn the_monitor_is_dark_outside_hours(#[case] when: &str, #[case] expected: &str) {
    assert_eq!(line(&stage().airs(at(when))), expected);
}

#[test]
fn it_is_dark_until_the_next_hours_and_says_so() {
    let on_air = stage().airs(at("11-27 19:00"));
    assert_eq!((on_air.until, on_air.why.values()["at_date"].as_str()), (at("11-30 8:30"), "2026-11-30"));
    assert_eq!(on_air.why.values()["time"], "8:30");
}

#[test]
fn a_clinic_that_never_opens_again_is_dark_without_a_date() {
    let mut stage = stage();
    let (from, to) = (day("11-20"), "2028-12-31".parse().unwrap());
    stage.standing.hours.closures = vec![Closure { from, to, why: text("閉院") }];
    assert_eq!(line(&stage.airs(at("11-24 10:00"))), "dark closed");
}

#[test]
fn while_somebody_waits_it_is_not_dark() {
    let mut stage = stage();
    stage.n_waiting = 1;
    assert_eq!(line(&stage.airs(at("11-24 21:00"))), "P1 scheduled");
}

#[test]
fn what_began_before_the_end_runs_to_its_end() {
    let mut stage = stage();
    assert_eq!(line(&stage.airs(at("11-24 18:29:30"))), "P1 scheduled");
    assert_eq!(line(&stage.airs(at("11-24 18:30:29"))), "P1 scheduled");
    assert_eq!(line(&stage.airs(at("11-24 18:30:30"))), "dark closed_until");
}

#[rstest]
#[case::longer((60, 90), "11-24 8:00", "11-24 19:29:59")]
#[case::not_at_all((0, 0), "11-24 9:00", "11-24 17:59:59")]
fn how_long_before_and_after_is_a_setting(#[case] set: (u16, u16), #[case] first: &str, #[case] last: &str) {
    let mut stage = stage();
    let hours = MonitorHours { before_min: set.0, after_min: set.1 };
    stage.write(at("11-12 9:00"), Trust::Synced, Fact::MonitorHoursSet(hours));
    let is_dark = |at| matches!(stage.program.airs(&stage.ask(at)).what, What::Dark);
    let (first, last) = (at(first), at(last));
    assert_eq!((is_dark(first.plus_ms(-1)), is_dark(first)), (true, false));
    assert_eq!((is_dark(last), is_dark(last.plus_ms(1_000))), (false, true));
}

#[test]
fn an_urgent_notice_beats_the_loop_at_once_and_lights_the_monitor() {
    let mut stage = stage();
    stage.airs(at("11-24 9:00"));
    stage.step("11-24 9:00:20 notice 11-24/20:00");
    let notice = stage.airs(at("11-24 9:00:20"));
    assert_eq!((line(&notice).as_str(), notice.until), ("notice urgent_notice", at("11-24 20:00")));
    assert_eq!(line(&stage.airs(at("11-24 19:59"))), "notice urgent_notice");
    assert_eq!(line(&stage.airs(at("11-24 20:00"))), "dark closed_until", "it ends by itself");
}

#[test]
fn after_a_withdrawn_notice_the_loop_goes_on() {
    let mut stage = stage();
    stage.airs(at("11-24 9:00"));
    stage.step("11-24 9:00:20 notice 11-24/20:00");
    stage.airs(at("11-24 9:00:20"));
    stage.step("11-24 9:05 unnotice");
    assert_eq!(line(&stage.airs(at("11-24 9:05"))), "A1 scheduled");
}

#[test]
fn an_emergency_takes_everything_over_until_it_ends() {
    let mut stage = stage().run(&["11-24 9:00 notice 11-24/20:00", "11-24 9:01 emergency"]);
    assert_eq!(line(&stage.airs(at("11-24 9:01"))), "emergency emergency");
    assert_eq!(line(&stage.airs(at("11-24 23:00"))), "emergency emergency", "also outside hours");
    stage.step("11-24 23:05 all_clear");
    assert_eq!(line(&stage.airs(at("11-24 23:05"))), "dark closed_until");
}

#[test]
fn what_the_vendor_withdraws_is_stopped_where_it_is() {
    let mut stage = stage();
    assert_eq!(line(&stage.airs(at("11-24 9:00"))), "P1 scheduled");
    stage.step("11-24 9:00:10 gone P1");
    assert_eq!(line(&stage.airs(at("11-24 9:00:10"))), "A1 scheduled");
}
