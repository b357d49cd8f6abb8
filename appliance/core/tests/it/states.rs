//! The counting rules of every state (worked cases, ticket states), as a table.

use machiai_core::desk::desk;
use machiai_core::estimate::end_of_line;
use machiai_core::ids::LineNo;
use machiai_core::time::MINUTE_MS;
use machiai_core::view::TileState;
use rstest::rstest;

use crate::play::Play;

const COUNT_NOT_ARRIVED: &str = r#"set {"kind":"RulesSet","body":{"count_not_arrived":true}}"#;
const COUNT_LATE: &str = r#"set {"kind":"RulesSet","body":{"count_late":true}}"#;

/// Says what line, minutes, button and board make of the only patient, whose label is given.
fn counted(play: &Play, line: u16, room: &str, label: &str) -> String {
    let board = play.board();
    let card = board.lines.iter().find(|card| card.line == LineNo(line)).unwrap();
    let minutes = end_of_line(&play.clinic, LineNo(line), play.now).unwrap().since(play.now) / MINUTE_MS;
    let desk = desk(&play.clinic, play.now);
    let next = desk.rooms.iter().find(|desk| desk.room.as_str() == room).unwrap().next.as_ref();
    let tile = board.rooms.iter().find(|tile| tile.label.as_deref() == Some(label)).map(|tile| match tile.state {
        TileState::Called => "called",
        TileState::InRoom => "now",
        TileState::Empty => "empty",
    });
    let is_in = |labels: &[machiai_core::ids::Label]| labels.iter().any(|other| other.as_str() == label);
    let absent = is_in(&board.absent).then_some("absent");
    let waiting = is_in(&card.next).then_some("waiting");
    let shown: Vec<&str> = tile.into_iter().chain(absent).chain(waiting).collect();
    let next = next.map_or("no", |_| "yes");
    format!("waits {} minutes {minutes} next {next} board {}", card.n_waiting, shown.join("+"))
}

#[track_caller]
fn check(steps: &[&str], line: u16, room: &str, label: &str, expected: &str) {
    let mut play = Play::new();
    // One room, so that a patient is six minutes.
    play.step(r#"set {"kind":"RoomSet","body":{"room":"room2","name":{"ja":"第2診察室"},"lines":[2]}}"#);
    let play = play.run(steps);
    assert_eq!(counted(&play, line, room, label), expected, "{}", play.shows());
}

#[rstest]
#[case::not_arrived(&["8:10 remote 1"], "waits 0 minutes 6 next no board ")]
#[case::not_arrived_counted(&["8:10 remote 1", COUNT_NOT_ARRIVED], "waits 1 minutes 6 next no board ")]
#[case::waiting(&["8:30 open 1 morning", "take 1"], "waits 1 minutes 6 next yes board waiting")]
#[case::arrived(&["8:10 remote 1", "arrive 1"], "waits 1 minutes 6 next yes board waiting")]
#[case::called(&["8:30 open 1 morning", "take 1", "call room1"], "waits 0 minutes 6 next no board called")]
#[case::in_room(
    &["8:30 open 1 morning", "take 1", "9:00 call room1", "9:01 enter room1", "9:03 house"],
    "waits 0 minutes 4 next no board now"
)]
#[case::absent(
    &["8:30 open 1 morning", "take 1", "call room1", "absent room1"],
    "waits 1 minutes 6 next no board absent"
)]
#[case::on_hold(&["8:30 open 1 morning", "take 1", "hold 1"], "waits 0 minutes 0 next no board ")]
#[case::late(&["8:10 book 1 9:00", "9:16 house"], "waits 0 minutes 0 next no board ")]
#[case::late_counted(&["8:10 book 1 9:00", COUNT_LATE, "9:16 house"], "waits 1 minutes 6 next no board ")]
#[case::finished(
    &["8:30 open 1 morning", "take 1", "call room1", "enter room1", "finish room1"],
    "waits 0 minutes 0 next no board "
)]
#[case::cancelled(&["8:30 open 1 morning", "take 1", "cancel 1"], "waits 0 minutes 0 next no board ")]
fn each_state_counts_as_the_rules_say(#[case] steps: &[&str], #[case] expected: &str) {
    check(steps, 1, "room1", "1", expected);
}

#[rstest]
#[case::own_line_keeps_nobody(1, "room1", "waits 0 minutes 0 next no board ")]
#[case::the_stage_counts(3, "xray", "waits 1 minutes 6 next yes board waiting")]
fn a_test_is_a_stage_of_its_own(#[case] line: u16, #[case] room: &str, #[case] expected: &str) {
    check(&["8:30 open 1 morning", "take 1", "call room1", "enter room1", "send 1 3"], line, room, "1", expected);
}

#[rstest]
#[case::own_line_keeps_nobody(1, "room1", "waits 0 minutes 0 next no board ")]
#[case::the_payment_line_counts(9, "cashier", "waits 1 minutes 2 next yes board waiting")]
fn payment_is_a_line_of_its_own(#[case] line: u16, #[case] room: &str, #[case] expected: &str) {
    check(&["8:30 open 1 morning", "take 1", "call room1", "finish room1", "send 1 9"], line, room, "1", expected);
}
