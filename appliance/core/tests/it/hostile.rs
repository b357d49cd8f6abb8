//! Absurd facts: the fold takes every one, leaves a remark where it could not follow, and stays sound.

use machiai_core::decide::Draft;
use machiai_core::facts::{
    Arrived, Called, Cancelled, Channel, Fact, FamilyJoined, Gap, GapReason, JumpReason, MovedTo, NumbersJumped,
    PersonalErased, Placed, PrintEnded, PrintOutcome, Rank, TicketIssued, Undone,
};
use machiai_core::ids::{FactId, Label, LineNo, Number, Origin, Seq};
use machiai_core::queue::RemarkKind;
use rstest::rstest;

use crate::play::{Play, visit_id};
use crate::properties::sound::assert_sound;

fn ticket(n: u64, number: u32) -> TicketIssued {
    TicketIssued {
        visit: visit_id(n),
        day: crate::play::tuesday(),
        session: None,
        number: Number(number),
        label: Label(number.to_string()),
        rank: Rank(i64::from(number)),
        channel: Channel::Kiosk,
        arrived: true,
        booked_for: None,
        family: None,
        lang: machiai_core::facts::Lang::Ja,
        text_call: false,
        name_shown: false,
        token_hash: None,
        personal: None,
        skipped: Vec::new(),
    }
}

fn nobody() -> machiai_core::ids::VisitId {
    visit_id(777)
}

/// Facts that follow two tickets, 1 and 2, in line 1.
#[rstest]
#[case::the_same_visit_twice(Fact::TicketIssued(ticket(1, 9)), Some(RemarkKind::Taken))]
#[case::a_label_that_is_taken(Fact::TicketIssued(ticket(50, 1)), Some(RemarkKind::Taken))]
#[case::the_highest_number_there_is(Fact::TicketIssued(ticket(50, u32::MAX)), None)]
#[case::a_gap_of_everything(Fact::TicketIssued(TicketIssued { skipped: vec![Gap { from: Number(0), to: Number(u32::MAX), reason: GapReason::Kept }], ..ticket(50, u32::MAX) }), None)]
#[case::a_gap_backwards(Fact::TicketIssued(TicketIssued { skipped: vec![Gap { from: Number(9), to: Number(3), reason: GapReason::Kept }], ..ticket(50, 9) }), None)]
#[case::the_last_rank_there_is(Fact::TicketIssued(TicketIssued { rank: Rank(i64::MAX), ..ticket(50, 3) }), None)]
#[case::the_first_rank_there_is(Fact::TicketIssued(TicketIssued { rank: Rank(i64::MIN), ..ticket(50, 3) }), None)]
#[case::a_jump_past_all_numbers(Fact::NumbersJumped(NumbersJumped { to: Number(u32::MAX), reason: JumpReason::Restored }), None)]
#[case::an_arrival_of_nobody(Fact::Arrived(Arrived { visit: nobody(), rank: Rank(0), late: false }), Some(RemarkKind::UnknownVisit))]
#[case::a_call_of_nobody(Fact::Called(Called { visits: vec![nobody()], room: "room1".parse().unwrap() }), Some(RemarkKind::UnknownVisit))]
#[case::a_call_of_no_one_at_all(Fact::Called(Called { visits: Vec::new(), room: "room1".parse().unwrap() }), None)]
#[case::a_call_to_no_such_room(Fact::Called(Called { visits: vec![visit_id(1)], room: "attic".parse().unwrap() }), None)]
#[case::a_call_of_the_same_twice(Fact::Called(Called { visits: vec![visit_id(1), visit_id(1)], room: "room1".parse().unwrap() }), None)]
#[case::a_move_to_no_such_line(Fact::Moved(MovedTo { visit: visit_id(1), to: LineNo(99), rank: Rank(0) }), None)]
#[case::a_place_for_nobody(Fact::Returned(Placed { visit: nobody(), rank: Rank(0), note: None }), Some(RemarkKind::UnknownVisit))]
#[case::a_cancellation_of_nobody(Fact::Cancelled(Cancelled { visit: nobody(), reason: machiai_core::facts::CancelReason::Other, note: None }), Some(RemarkKind::UnknownVisit))]
#[case::a_family_of_none(Fact::FamilyJoined(FamilyJoined { visits: Vec::new() }), None)]
#[case::an_undo_of_nothing(Fact::Undone(Undone { acts: vec![FactId { origin: Origin::from_bytes([9; 16]), seq: Seq(9) }] }), Some(RemarkKind::ActedSince))]
#[case::an_end_of_no_print(Fact::PrintEnded(PrintEnded { visit: nobody(), attempt: 3, outcome: PrintOutcome::Printed, trouble: None }), Some(RemarkKind::UnknownVisit))]
#[case::an_erasure_of_nobody(Fact::PersonalErased(PersonalErased { visits: vec![nobody()], keys: Vec::new() }), None)]
#[case::a_kind_of_tomorrow(Fact::Unknown(machiai_core::facts::UnknownFact { kind: "LampLit".into() }), Some(RemarkKind::UnknownKind))]
fn an_absurd_fact_does_no_harm(#[case] fact: Fact, #[case] remark: Option<RemarkKind>) {
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1", "take 1"]);
    play.write(Draft { line: Some(LineNo(1)), fact }, None, "elsewhere");
    assert_eq!(play.clinic.remarks.first().map(|remark| remark.what), remark);
    assert_sound(&play.clinic, play.now);
    assert_eq!(play.visit("1").visit, visit_id(1), "the first keeps the label");
    // Work goes on.
    for step in ["call room1", "+5s enter room1", "+5s call room2", "+5s emergency 2", "house"] {
        play.step(step);
        assert_sound(&play.clinic, play.now);
    }
}

#[test]
fn a_queue_fact_without_a_line_is_remarked() {
    let mut play = Play::new();
    play.write(Draft { line: None, fact: Fact::TicketIssued(ticket(1, 1)) }, None, "elsewhere");
    play.write(Draft { line: None, fact: Fact::LinePaused }, None, "elsewhere");
    assert_eq!(play.clinic.remarks.iter().map(|remark| remark.what).collect::<Vec<_>>(), [RemarkKind::NoLine; 2]);
}

#[test]
fn what_is_done_to_a_finished_visit_is_remarked_and_going_on_is_not() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1", "call room1", "finish room1", "send 1 9"]);
    assert_eq!(play.clinic.remarks, []);
    play.step("cancel 1");
    let called = Called { visits: vec![visit_id(1)], room: "room1".parse().unwrap() };
    play.write(Draft { line: Some(LineNo(9)), fact: Fact::Called(called) }, None, "elsewhere");
    assert_eq!(play.clinic.remarks.iter().map(|remark| remark.what).collect::<Vec<_>>(), [RemarkKind::VisitOver]);
}

#[test]
fn remarks_have_an_end() {
    let mut play = Play::new();
    for _ in 0..300 {
        play.write(Draft { line: None, fact: Fact::LinePaused }, None, "elsewhere");
    }
    assert_eq!(play.clinic.remarks.len(), 100);
}
