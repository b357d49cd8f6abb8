//! Numbers: unique in their day and line, and every gap has a reason.

use machiai_core::facts::{Fact, Gap, GapReason};
use machiai_core::ids::LineNo;
use rstest::rstest;

use crate::play::Play;

/// Says which numbers a line gave, with the gaps before each: `1 [2-3 kept] 4`.
fn numbers(play: &Play, line: u16) -> String {
    let issued = play.written.iter().filter(|envelope| envelope.head.line == Some(LineNo(line)));
    let words = issued.filter_map(|envelope| match &envelope.fact {
        Fact::TicketIssued(ticket) => {
            let gaps = ticket.skipped.iter().map(gap);
            Some(gaps.chain([ticket.label.to_string()]).collect::<Vec<_>>().join(" "))
        }
        Fact::NumbersJumped(jump) => Some(format!("[to {} {:?}]", jump.to, jump.reason)),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn gap(gap: &Gap) -> String {
    let reason = match gap.reason {
        GapReason::Unlucky => "unlucky",
        GapReason::Kept => "kept",
        GapReason::LabelTaken => "taken",
        GapReason::FamilyTogether => "family",
        GapReason::SessionStart => "session",
        GapReason::Jumped => "jumped",
    };
    if gap.from == gap.to { format!("[{} {reason}]", gap.from) } else { format!("[{}-{} {reason}]", gap.from, gap.to) }
}

#[track_caller]
fn check(settings: &str, steps: &[&str], expected: &str) {
    let mut play = Play::new();
    if !settings.is_empty() {
        play.step(&format!(r#"set {{"kind":"LineSet","body":{{"line":1,"name":{{"ja":"内科"}},{settings}}}}}"#));
    }
    let play = play.run(&["8:30 open 1 morning"]).run(steps);
    assert_eq!(numbers(&play, 1), expected);
    assert_eq!(play.clinic.lines[&LineNo(1)].unexplained, [], "a gap without a reason");
}

const UNLUCKY: &str = r#""skip_endings":[4,9,42]"#;
const FIRST: &str = r#""first":{"morning":101,"afternoon":201}"#;

#[rstest]
#[case::one_after_the_other("", &["take 1", "take 1", "take 1"], "1 2 3")]
#[case::a_cancelled_number_stays_given("", &["take 1", "cancel 1", "take 1"], "1 2")]
#[case::unlucky_ones_are_passed_over(UNLUCKY, &["jump 1 38", "take 1", "take 1", "take 1", "take 1"], "[to 38 TypedByStaff] 38 [39 unlucky] 40 41 [42 unlucky] 43")]
#[case::a_family_follows_without_a_gap(UNLUCKY, &["take 1", "take 1 family=3"], "1 [2-3 family] [4 unlucky] 5 6 7")]
#[case::a_family_too_large_for_that_goes_around(UNLUCKY, &["take 1 family=6"], "1 2 3 [4 unlucky] 5 6 7")]
#[case::every_third_is_kept(r#""keep_every":3"#, &["take 1", "take 1", "take 1", "take 1"], "1 2 [3 kept] 4 5")]
#[case::a_kept_one_is_used_once(r#""keep_every":3"#, &["take 1", "take 1", "take 1", "take 1 desk interrupt", "emergency 1"], "1 2 [3 kept] 4 3 5")]
#[case::a_session_has_a_first_number(FIRST, &["take 1", "close 1", "15:00 open 1 afternoon", "take 1"], "101 [102-200 session] 201")]
#[case::a_session_never_goes_back(FIRST, &["jump 1 300", "take 1", "close 1", "15:00 open 1 afternoon", "take 1"], "[to 300 TypedByStaff] 300 301")]
#[case::staff_type_the_last_number_on_paper("", &["take 1", "jump 1 30", "take 1"], "1 [to 30 TypedByStaff] 30")]
#[case::before_the_first_ticket_too("", &["jump 1 30", "take 1"], "[to 30 TypedByStaff] 30")]
#[case::of_a_restored_box_numbers_jump("", &["take 1", "opened restore", "take 1"], "1 [to 52 Restored] 52")]
#[case::of_a_new_box_too("", &["take 1", "opened replacement", "take 1"], "1 [to 52 Restored] 52")]
#[case::or_go_on_from_the_last_number_on_paper("", &["take 1", "opened restore", "jump 1 7", "take 1", "take 1"], "1 [to 52 Restored] [to 7 TypedByStaff] 7 8")]
#[case::once_one_was_given_it_is_too_late_for_that("", &["take 1", "opened restore", "take 1", "jump 1 7 ! number_given", "take 1"], "1 [to 52 Restored] 52 53")]
#[case::and_never_from_a_number_that_is_known("", &["take 1", "take 1", "opened restore", "jump 1 2 ! number_given", "take 1"], "1 2 [to 53 Restored] 53")]
fn a_line_gives_numbers(#[case] settings: &str, #[case] steps: &[&str], #[case] expected: &str) {
    check(settings, steps, expected);
}

#[test]
fn two_lines_without_letters_never_show_the_same_label() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "open 2 morning"]);
    play.step(r#"set {"kind":"LineSet","body":{"line":2,"name":{"ja":"外科"}}}"#);
    let play = play.run(&["take 1", "take 1", "take 1 family=2", "take 2", "take 2", "take 1"]);
    assert_eq!(numbers(&play, 1), "1 2 3 4 [5-6 taken] 7");
    assert_eq!(numbers(&play, 2), "[1-4 taken] 5 6");
}

#[test]
fn a_kept_number_whose_label_another_line_shows_is_not_given() {
    let settings = r#"set {"kind":"LineSet","body":{"line":LINE,"name":{"ja":"科"},"keep_every":EVERY}}"#;
    let of = |line: &str, every: &str| settings.replace("LINE", line).replace("EVERY", every);
    let play = Play::new().run(&["8:30 open 1 morning", "open 2 morning", &of("1", "2"), &of("2", "9")]);
    let play = play.run(&["take 1", "take 1", "take 2", "take 2", "take 1 desk interrupt", "take 1 desk interrupt"]);
    assert_eq!(numbers(&play, 2), "[1 taken] 2 [3 taken] 4");
    assert_eq!(numbers(&play, 1), "1 [2 kept] 3 [4 taken] 5 [6 kept] 7");
}

#[test]
fn a_gap_of_hundreds_is_one_entry() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "open 2 morning"]);
    play.step(r#"set {"kind":"LineSet","body":{"line":2,"name":{"ja":"外科"}}}"#);
    play.step("jump 2 1");
    for _ in 0..50 {
        play = play.run(&["take 1 family=6"]);
    }
    play.step("take 2");
    assert_eq!(numbers(&play, 2), "[to 1 TypedByStaff] [1-300 taken] 301");
}

#[rstest]
#[case::this_morning("restore", &["8:30 open 1 morning", "take 1", "take 1"], "9:00", "1 2 [to 53 Restored] 53")]
#[case::a_backup_of_last_night("restore", &[], "9:00", "[to 51 Restored] 51")]
#[case::in_the_afternoon("restore", &[], "15:10", "[to 251 Restored] 251")]
#[case::damage("damage", &[], "9:00", "[to 51 Restored] 51")]
#[case::an_ordinary_start("run", &["8:30 open 1 morning", "take 1"], "9:00", "1 2")]
fn after_a_restore_numbering_jumps_past_what_may_be_on_paper(
    #[case] after: &str,
    #[case] before: &[&str],
    #[case] now: &str,
    #[case] expected: &str,
) {
    let mut play = Play::new().run(before);
    play.restart();
    let session = if now.starts_with('9') { "morning" } else { "afternoon" };
    let open = format!("{now} opened {after}");
    let mut play = play.run(&[&open]);
    if before.is_empty() {
        play.step(&format!("open 1 {session}"));
    }
    play.step("take 1");
    assert_eq!(numbers(&play, 1), expected);
    assert_eq!(play.clinic.lines[&LineNo(1)].unexplained, []);
}

#[test]
fn a_backup_of_yesterday_does_not_lose_the_jump_when_the_day_opens() {
    let mut play = Play::new().run(&["8:30 open 1 morning", "take 1", "take 1", "18:30 close 1"]);
    play.restart();
    let play = play.run(&["33:00 opened restore", "open 1 morning", "take 1"]);
    assert_eq!(numbers(&play, 1), "1 2 [to 51 Restored] 51");
}

#[test]
fn a_missing_fact_is_seen_as_a_gap_without_reason() {
    let full = Play::new().run(&["8:30 open 1 morning", "take 1", "take 1", "take 1", "take 1"]);
    let mut without = machiai_core::queue::Clinic::default();
    let is_lost = |fact: &Fact| matches!(fact, Fact::TicketIssued(ticket) if [2, 3].contains(&ticket.number.0));
    for envelope in full.written.iter().filter(|envelope| !is_lost(&envelope.fact)) {
        without.after(envelope);
    }
    let runs: Vec<(u32, u32)> = without.lines[&LineNo(1)].unexplained.iter().map(|run| (run.0.0, run.1.0)).collect();
    assert_eq!(runs, [(2, 3)], "two tickets are missing");
}
