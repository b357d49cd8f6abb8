//! What a patient holds in the hand, and what is written down of its printing.

use machiai_core::desk::desk;
use machiai_core::envelope::Trust;
use machiai_core::facts::Fact;
use machiai_core::ticket::{Added, ticket};
use machiai_core::view::{FamilyPlace, TicketView, Wait};
use rstest::rstest;

use crate::play::{Play, at, tuesday};

fn view(play: &Play, label: &str, reprint: bool) -> TicketView {
    let added = Added { url: Some("https://example.jp/t/abc".into()), name: Some("待合花子".into()) };
    ticket(&play.clinic, play.id(label), play.now, reprint, added).unwrap()
}

#[test]
fn a_ticket_says_what_a_patient_needs() {
    let play = Play::new().run(&["8:10 remote 1", "8:30 open 1 morning", "take 1", "take 1", "8:42 take 1"]);
    let view = view(&play, "4", false);
    assert_eq!((view.label.as_str(), view.clinic.ja.as_str(), view.line.ja.as_str()), ("4", "待合内科", "内科"));
    assert_eq!((view.day, view.taken), (Some(tuesday()), Some((8, 42))));
    assert_eq!(view.session.map(|session| session.ja), Some("午前".to_string()));
    assert_eq!((view.n_ahead, view.n_ahead_not_arrived), (2, 1));
    assert!(matches!(view.wait, Wait::Band(band) if (band.from_min, band.to_min) == (5, 10)), "{:?}", view.wait);
    assert_eq!(view.url.as_deref(), Some("https://example.jp/t/abc"));
    assert_eq!((view.reprinted, view.family, view.name), (None, None, None), "a name only where it is allowed");
}

#[rstest]
#[case::first(&["take 1"], "1", Wait::Nobody)]
#[case::paused(&["take 1", "pause 1"], "1", Wait::Paused)]
#[case::called(&["take 1", "call room1"], "1", Wait::Unknown)]
fn a_ticket_says_of_the_wait_what_is_known(#[case] steps: &[&str], #[case] label: &str, #[case] wait: Wait) {
    let play = Play::new().run(&["8:30 open 1 morning"]).run(steps);
    assert_eq!(view(&play, label, false).wait, wait);
}

#[test]
fn each_of_a_family_has_a_ticket() {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1 family=3 name note=1"]);
    let places: Vec<Option<FamilyPlace>> = ["1", "2", "3"].map(|label| view(&play, label, false).family).to_vec();
    assert_eq!(places, [1, 2, 3].map(|idx| Some(FamilyPlace { idx, of: 3 })));
    let sealed: Vec<bool> = ["1", "2", "3"].map(|label| play.visit(label).personal.is_some()).to_vec();
    assert_eq!(sealed, [true, false, false], "what was said belongs to the first");
    assert!(view(&play, "1", false).name.is_some());
}

#[test]
fn a_ticket_taken_with_a_lost_clock_names_no_day_and_no_hour() {
    let mut play = Play::new();
    play.trust = Trust::Lost;
    let mut play = play.run(&["8:30 open 1 morning", "take 1"]);
    play.trust = Trust::Synced;
    let view = view(&play, "1", false);
    assert_eq!((view.day, view.taken), (None, None));
}

#[test]
fn a_reprint_says_so_and_keeps_the_number() {
    let play = Play::new().run(&["8:30 open 1 morning", "take 1", "printed 1 1", "9:12 print 1"]);
    let view = view(&play, "1", true);
    assert_eq!((view.label.as_str(), view.reprinted), ("1", Some((9, 12))));
    let begun: Vec<(u32, bool)> = play
        .written
        .iter()
        .filter_map(|envelope| match &envelope.fact {
            Fact::PrintBegun(begun) => Some((begun.attempt, begun.reprint)),
            _ => None,
        })
        .collect();
    assert_eq!(begun, [(1, false), (2, true)]);
}

#[rstest]
#[case::while_one_runs(&["print 1 ! print_running"])]
#[case::an_end_of_another_attempt(&["printed 1 2 ! unknown_print"])]
#[case::an_end_twice(&["printed 1 1", "printed 1 1 ! unknown_print"])]
fn an_attempt_to_print_is_recorded_once(#[case] steps: &[&str]) {
    Play::new().run(&["8:30 open 1 morning", "take 1"]).run(steps);
}

#[test]
fn a_restart_leaves_what_was_printing_unconfirmed() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1", "take 1", "printed 1 1"]);
    play.restart();
    let n_before = play.written.len();
    let play = play.run(&["opened run"]);
    assert_eq!(play.kinds_since(n_before), ["JournalOpened", "PrintEnded"]);
    let unprinted: Vec<String> =
        desk(&play.clinic, at("9:00")).unprinted.iter().map(|row| row.label.to_string()).collect();
    assert_eq!(unprinted, ["2"]);
}

#[test]
fn a_remote_ticket_is_not_printed() {
    let mut play = Play::new();
    play.step("8:10 remote 1");
    assert!(play.clinic.printing.is_empty());
}
