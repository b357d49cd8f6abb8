//! The day's report: everybody is in it once, with what became of them.

use machiai_core::report::{Report, report};
use machiai_core::time::Day;

use crate::play::{Play, tuesday};

fn of(play: &Play, day: Day) -> Report {
    report(day, &play.written, play.now)
}

/// Says the report in one line: tickets, finished, cancelled, and who is left in which state.
fn told(report: &Report) -> String {
    let left = report.left.iter().map(|left| {
        let unpaid = if left.unpaid { " unpaid" } else { "" };
        format!("{} {}{unpaid}", left.label, left.state.as_str())
    });
    let left = left.collect::<Vec<_>>().join(", ");
    format!("{} = {} + {} + [{left}]", report.n_tickets, report.n_finished, report.cancelled.len())
}

const MORNING: [&str; 12] = [
    "8:30 open 1 morning",
    "open 9 morning",
    "8:31 take 1",
    "8:32 take 1",
    "8:33 take 1",
    "8:34 take 1",
    "9:00 call room1",
    "9:05 enter room1",
    "9:10 call room1",
    "9:12 absent room1",
    "9:13 cancel 4",
    "9:20 close 1",
];

#[test]
fn everybody_of_a_day_is_finished_cancelled_or_left() {
    let mut play = Play::new().run(&MORNING);
    assert_eq!(told(&of(&play, tuesday())), "4 = 1 + 1 + [3 waiting, 2 absent]");
    play = play.run(&["9:30 call room1", "9:40 send 3 9"]);
    assert_eq!(told(&of(&play, tuesday())), "4 = 1 + 1 + [2 absent, 3 waiting unpaid]");
}

#[test]
fn the_next_day_leaves_the_report_of_a_day_as_it_was() {
    let play = Play::new().run(&MORNING);
    let before = of(&play, tuesday());
    let play = play.run(&["32:30 open 1 morning", "take 1"]);
    let is_before = |fact: &&machiai_core::envelope::Envelope| fact.head.at_ms < crate::play::at("32:30");
    let facts: Vec<_> = play.written.iter().filter(is_before).collect();
    assert_eq!(report(tuesday(), facts, before.as_of), before);
    assert_eq!(told(&of(&play, tuesday().plus_days(1))).chars().next(), Some('1'));
}

#[test]
fn waits_run_from_coming_to_the_first_call() {
    let play = Play::new().run(&MORNING);
    let line = of(&play, tuesday()).lines[0].clone();
    let waits = line.waits.unwrap();
    // 8:31 to 9:00, and 8:32 to 9:10.
    assert_eq!((waits.n, waits.median_min, waits.longest_min, waits.n_short), (2, 29, 38, 1));
    assert_eq!((line.n_seen, line.n_left, line.n_cancelled), (1, 2, 1));
    assert_eq!(line.open.len(), 1);
    assert_eq!((line.open[0].from.as_str(), line.open[0].to.as_deref()), ("8:30", Some("9:20")));
}
