//! What the waiting room sees: tiles, cards, the absent, the message; never an emergency, never a name.

use machiai_core::envelope::Trust;
use machiai_core::view::{BoardView, NumberFace, Often, TileState};
use rstest::rstest;

use crate::play::{Play, at};

/// Says what the tiles, cards and rows show.
fn shown(board: &BoardView) -> String {
    let tiles = board.rooms.iter().filter_map(|tile| {
        let state = match tile.state {
            TileState::Called => "called",
            TileState::InRoom => "in",
            TileState::Empty => return None,
        };
        Some(format!("{} {state} {}", tile.room, tile.label.as_deref().unwrap_or("-")))
    });
    let cards = board.lines.iter().filter(|card| card.n_waiting + card.n_not_arrived > 0 || !card.next.is_empty()).map(
        |card| {
            let next: Vec<&str> = card.next.iter().map(|label| label.as_str()).collect();
            format!(
                "{}: {} waiting, {} to come, next {}",
                card.line,
                card.n_waiting,
                card.n_not_arrived,
                next.join(" ")
            )
        },
    );
    let row = |name: &str, labels: &[machiai_core::ids::Label]| {
        let labels: Vec<&str> = labels.iter().map(|label| label.as_str()).collect();
        (!labels.is_empty()).then(|| format!("{name} {}", labels.join(" ")))
    };
    let rows = row("absent", &board.absent).into_iter().chain(row("longer", &board.wait_longer));
    tiles.chain(cards).chain(rows).collect::<Vec<_>>().join("; ")
}

const OPEN: [&str; 4] = ["8:30 open 1 morning", "take 1", "take 1", "take 1"];

#[rstest]
#[case::waiting(&[], "1: 3 waiting, 0 to come, next 1 2 3")]
#[case::called(&["call room1"], "room1 called 1; 1: 2 waiting, 0 to come, next 2 3")]
#[case::in_the_room(&["call room1", "enter room1"], "room1 in 1; 1: 2 waiting, 0 to come, next 2 3")]
#[case::done(&["call room1", "finish room1"], "1: 2 waiting, 0 to come, next 2 3")]
#[case::absent(&["call room1", "absent room1"], "1: 3 waiting, 0 to come, next 2 3; absent 1")]
#[case::the_longest_absent_first(&["call room1", "call room1", "call room1"], "room1 called 3; 1: 2 waiting, 0 to come, next ; absent 1 2")]
#[case::set_aside(&["hold 2"], "1: 2 waiting, 0 to come, next 1 3")]
#[case::to_come(&["remote 1"], "1: 3 waiting, 1 to come, next 1 2 3")]
#[case::a_family(&["take 1 family=3", "first 4", "first 5", "first 6", "call room1"], "room1 called 4–6; 1: 3 waiting, 0 to come, next 1 2 3")]
#[case::a_joined_family(&["join 1 3", "call room1"], "room1 called 1・3; 1: 1 waiting, 0 to come, next 2")]
#[case::payment(&["call room1", "finish room1", "send 1 9", "call cashier"], "cashier called 1; 1: 2 waiting, 0 to come, next 2 3")]
#[case::an_emergency_waits(&["emergency 1"], "1: 3 waiting, 0 to come, next 1 2 3")]
#[case::an_emergency_is_called(&["emergency 1", "call room1"], "1: 3 waiting, 0 to come, next 1 2 3")]
#[case::an_emergency_is_seen(&["emergency 1", "call room1", "enter room1"], "1: 3 waiting, 0 to come, next 1 2 3")]
#[case::an_emergency_does_not_come(&["emergency 1", "call room1", "absent room1"], "1: 3 waiting, 0 to come, next 1 2 3")]
fn the_board_shows(#[case] steps: &[&str], #[case] expected: &str) {
    let play = Play::new().run(&OPEN).run(steps);
    assert_eq!(shown(&play.board()), expected);
    if steps.first().is_some_and(|step| step.starts_with("emergency")) {
        assert_eq!(play.board().calls, [], "no call frame either");
    }
}

#[test]
fn at_most_eight_labels_are_named_as_next() {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1 family=6", "take 1 family=6"]);
    assert_eq!(play.board().lines[0].next.len(), 8);
}

#[test]
fn tiles_keep_the_order_of_the_doors() {
    let room = r#"set {"kind":"RoomSet","body":{"room":"annex","name":{"ja":"別館とても長い名前の診察室"},"short":"別館診察室","lines":[2],"order":0}}"#;
    let play = Play::new().run(&OPEN).run(&[room, "call room2"]);
    let board = play.board();
    let rooms: Vec<&str> = board.rooms.iter().map(|tile| tile.room.as_str()).collect();
    assert_eq!(rooms, ["annex", "room1", "room2", "xray", "cashier"]);
    assert_eq!(board.rooms[0].name.ja, "別館診察室", "the short name");
    assert_eq!(board.rooms[2].line_name.ja, "内科", "the line of the patient shown, not of the room");
}

#[rstest]
#[case::trusted(Trust::Free, Some("9:05"))]
#[case::lost(Trust::Lost, None)]
fn the_clock_is_shown_while_it_can_be_trusted(#[case] trust: Trust, #[case] clock: Option<&str>) {
    let mut play = Play::new().run(&["9:05 house"]);
    play.trust = trust;
    assert_eq!(play.board().clock.as_deref(), clock);
}

#[rstest]
#[case::day("16:59", false)]
#[case::evening("17:00", true)]
#[case::before_dawn("29:59", true)]
#[case::dawn("30:00", false)]
fn the_night_palette_is_used_from_five_to_six(#[case] clock: &str, #[case] night: bool) {
    let mut play = Play::new();
    play.now = at(clock);
    assert_eq!(play.board().night, night);
}

#[test]
fn the_message_stands_until_it_is_withdrawn() {
    let play = Play::new().run(&["8:30 message 本日は大変混み合っております"]);
    assert_eq!(play.board().message.as_deref(), Some("本日は大変混み合っております"));
    assert_eq!(play.run(&["message"]).board().message, None);
}

#[rstest]
#[case::a_letter(r#""prefix":"A""#, NumberFace::Letters)]
#[case::four_figures(r#""last_number":1000"#, NumberFace::Letters)]
#[case::three_figures(r#""last_number":999"#, NumberFace::Figures)]
fn one_face_for_all_numbers(#[case] rule: &str, #[case] face: NumberFace) {
    let mut play = Play::empty();
    play.step(&format!(r#"set {{"kind":"LineSet","body":{{"line":1,"name":{{"ja":"内科"}},{rule}}}}}"#));
    assert_eq!(play.board().face, face);
}

#[test]
fn the_hours_of_the_week_stand_on_the_board_in_the_order_of_the_day() {
    let week = Play::new().board().week;
    let shown: Vec<String> = week
        .iter()
        .map(|row| {
            let days = row.days.map(|often| match often {
                Often::Always => 'o',
                Often::Sometimes => '?',
                Often::Never => '-',
            });
            format!("{} {}-{} {}", row.name.ja, row.from, row.to, days.iter().collect::<String>())
        })
        .collect();
    assert_eq!(shown, ["午前 8:30-12:00 ooo-oo-", "午後 15:00-18:30 ooo-o--"]);
}
