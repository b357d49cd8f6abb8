//! What can be asked about the program: what is written, what has no effect, and what is refused.

use std::collections::BTreeMap;

use machiai_core::envelope::Trust;
use machiai_core::facts::Fact;
use machiai_core::program::airs::What;
use machiai_core::program::content::{OwnAiring, Scene, SceneTemplate};
use machiai_core::program::decide::{Decided, ProgramCommand, decide};
use machiai_core::program::table::{MonitorHours, UrgentNotice};
use machiai_core::refusal::Refusal;
use rstest::rstest;

use super::{Stage, TABLE, at, day, fact, hash, line, replaced, text};

const SENT: &str = "11-10 9:00 table w48 r1 11-23 11-30 D=11-21/0:00 day/0:00/24:00/P1,A1,O1";
const APPROVED: &str = "11-18 12:00 approve r1";

/// Reads `approve r1 i1=P2`, `unapprove w48`, `replace day i1 P2`…
fn command(text: &str) -> ProgramCommand {
    let words: Vec<&str> = text.split(' ').collect();
    let w48 = || "w48".parse().unwrap();
    match words[..] {
        ["approve", revision, ref rest @ ..] => ProgramCommand::Approve {
            table: w48(),
            revision: super::revision(revision),
            replaced: rest.iter().map(|word| replaced(word)).collect(),
        },
        ["unapprove", table] => ProgramCommand::WithdrawApproval { table: table.parse().unwrap() },
        ["replace", slot, item, with] => ProgramCommand::Replace {
            table: w48(),
            slot: slot.parse().unwrap(),
            item: item.parse().unwrap(),
            with: (with != "none").then(|| hash(with)),
        },
        ["own", name, from, until] => ProgramCommand::AirOwn(OwnAiring {
            content: hash(name),
            from: day(from),
            until: day(until),
            every_loop: true,
        }),
        ["rest", name] => ProgramCommand::RestOwn { content: hash(name) },
        ["notice", words, until] => {
            ProgramCommand::SetNotice(UrgentNotice { text: super::text(words), until: at(until) })
        }
        ["lit", before, after] => ProgramCommand::SetMonitorHours(MonitorHours {
            before_min: before.parse().unwrap(),
            after_min: after.parse().unwrap(),
        }),
        ref other => panic!("no such command: {other:?}"),
    }
}

fn ask(stage: &Stage, when: &str, text: &str) -> Result<Decided, Refusal> {
    decide(&stage.program, &command(text), at(when), Trust::Synced)
}

/// A refusal's code, the values it carries, the steps before, and when what is asked.
type Row = (&'static str, &'static [&'static str], &'static [&'static str], &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("unknown_table", &["table"], &[], "11-18 9:00", "approve r1"),
    ("unknown_table", &["table"], &[SENT, "11-11 9:00 pull w48"], "11-18 9:00", "approve r1"),
    ("unknown_table", &["table"], &[SENT], "11-18 9:00", "unapprove w49"),
    ("unknown_table", &["table"], &[], "11-18 9:00", "replace day i1 P2"),
    ("table_changed", &["table"], &[SENT], "11-18 9:00", "approve r0"),
    ("unknown_item", &["item"], &[SENT], "11-18 9:00", "replace day i9 P2"),
    ("unknown_item", &["item"], &[SENT], "11-18 9:00", "replace night i1 P2"),
    ("unknown_item", &["item"], &[SENT], "11-18 9:00", "approve r1 i9=P2"),
    ("unknown_content", &["content"], &[SENT], "11-18 9:00", "replace day i1 P9"),
    ("unknown_content", &["content"], &[SENT, "11-11 9:00 gone P2"], "11-18 9:00", "replace day i1 P2"),
    ("unknown_content", &["content"], &[SENT], "11-18 9:00", "approve r1 i1=P9"),
    ("unknown_content", &["content"], &[], "11-18 9:00", "own O9 11-20 11-30"),
    ("not_approved", &["table"], &[SENT], "11-18 9:00", "unapprove w48"),
    ("deadline_passed", &["date", "day", "month"], &[SENT, APPROVED], "11-21 0:00:01", "unapprove w48"),
    ("deadline_passed", &["date", "day", "month"], &[SENT], "11-21 0:00:01", "replace day i1 P2"),
    ("bad_value", &["field"], &[SENT], "11-18 9:00", "replace day i1 A2"),
    ("bad_value", &["field"], &[], "11-18 9:00", "own P1 11-20 11-30"),
    ("bad_value", &["field"], &[], "11-18 9:00", "rest S1"),
    ("bad_value", &["field"], &[], "11-18 9:00", "own O1 11-20 11-19"),
    ("bad_value", &["field"], &[], "11-18 9:00", "notice 本日休診 11-18/9:00"),
    ("bad_value", &["field"], &[], "11-18 9:00", "notice \u{3000} 11-18/18:00"),
    ("bad_value", &["field"], &[], "11-18 9:00", "notice 本日\u{7}休診 11-18/18:00"),
    ("bad_value", &["field"], &[], "11-18 9:00", "lit 721 0"),
];

/// Returns the values that every refusal of a code carries, over all the ways to it.
pub(crate) fn values_by_code() -> BTreeMap<String, Vec<String>> {
    let rows = ROWS.iter().map(|(code, names, before, when, text)| {
        let refusal = ask(&Stage::new().run(before), when, text).unwrap_err();
        let values: Vec<String> = refusal.values.into_keys().collect();
        assert_eq!((refusal.code.as_str(), &values[..]), (*code, &names.map_str()[..]), "`{text}` after {before:?}");
        ((*code).to_string(), values)
    });
    rows.collect()
}

/// Texts of a row as owned ones.
trait MapStr {
    fn map_str(&self) -> Vec<String>;
}

impl MapStr for &[&str] {
    fn map_str(&self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn a_deadline_at_midnight_is_told_as_the_day_before() {
    let refusal = ask(&Stage::new().run(&[SENT]), "11-22 9:00", "replace day i1 P2").unwrap_err();
    assert_eq!((refusal.values["month"].as_str(), refusal.values["day"].as_str()), ("11", "20"));
    assert_eq!(refusal.values["date"], "2026-11-20");
}

#[test]
fn a_notice_that_no_screen_holds_is_refused() {
    let long = "あ".repeat(121);
    let refusal = ask(&Stage::new(), "11-18 9:00", &format!("notice {long} 11-18/18:00")).unwrap_err();
    assert_eq!(refusal.code.as_str(), "too_long");
}

#[rstest]
#[case::in_time("11-20 12:00", Trust::Synced, None)]
#[case::at_the_deadline("11-21 0:00", Trust::Synced, None)]
#[case::too_late("11-21 0:00:01", Trust::Synced, Some("approved_late"))]
#[case::with_an_unsure_clock("11-20 12:00", Trust::Free, Some("clock_unsure"))]
#[case::with_a_lost_clock("11-20 12:00", Trust::Lost, Some("clock_unsure"))]
fn an_approval_is_recorded_and_says_whether_it_counts(
    #[case] when: &str,
    #[case] trust: Trust,
    #[case] expected: Option<&str>,
) {
    let mut stage = Stage::new().run(&[SENT]);
    let decided = decide(&stage.program, &command("approve r1"), at(when), trust).unwrap();
    assert_eq!(decided.without_effect.as_ref().map(|why| why.code()), expected);
    for fact in decided.facts {
        stage.write(at(when), trust, fact);
    }
    let airs = line(&stage.airs(at("11-24 9:00")));
    let told = expected.map_or_else(|| "P1 scheduled".to_string(), |code| format!("S1 {code}"));
    assert_eq!(airs, told, "what was said came true");
}

#[rstest]
#[case("approve r1 i1=P2", "approve r1 i1=P2")]
#[case("unapprove w48", "unapprove")]
#[case("replace day i1 O2", "replace i1=O2")]
#[case("own O2 11-25 11-26", "own O2 11-25 11-26 every")]
#[case("rest O2", "rest O2")]
fn what_is_asked_is_what_is_written(#[case] asked: &str, #[case] written: &str) {
    let stage = Stage::new().run(&[SENT, APPROVED]);
    let words: Vec<&str> = written.split(' ').collect();
    assert_eq!(ask(&stage, "11-19 9:00", asked).unwrap(), Decided::from(fact(&words)));
}

#[test]
fn a_replacement_can_be_put_back() {
    let mut stage = Stage::new().run(&[SENT, "11-18 12:00 replace i1=O2"]);
    assert_eq!(stage.program.tables.values().next().unwrap().drafted().count(), 1);
    let decided = ask(&stage, "11-18 13:00", "replace day i1 none").unwrap();
    for fact in decided.facts {
        stage.write(at("11-18 13:00"), Trust::Synced, fact);
    }
    assert_eq!(stage.program.tables.values().next().unwrap().drafted().count(), 0);
    assert_eq!(stage.shows("11-24 9:00", 1), "S1 not_approved");
}

fn keep(headline: &str, words: &str, duration_ms: u32, title: &str) -> ProgramCommand {
    let scene = Scene { template: SceneTemplate::Notice, headline: text(headline), text: text(words), photo: None };
    ProgramCommand::KeepNotice { scene, duration_ms, title: title.to_owned() }
}

#[test]
fn a_notice_that_is_kept_airs_in_its_period_without_a_file() {
    let mut stage = Stage::new();
    let decided =
        decide(&stage.program, &keep("休診", "29日", 15_000, "年末"), at("11-18 9:00"), Trust::Synced).unwrap();
    let [Fact::ContentSet(content)] = &decided.facts[..] else { panic!("{decided:?}") };
    let content = content.content;
    for fact in decided.facts {
        stage.write(at("11-18 9:00"), Trust::Synced, fact);
    }
    let own = OwnAiring { content, from: day("11-20"), until: day("11-30"), every_loop: true };
    let airs_own = decide(&stage.program, &ProgramCommand::AirOwn(own), at("11-18 9:01"), Trust::Synced).unwrap();
    for fact in airs_own.facts {
        stage.write(at("11-18 9:01"), Trust::Synced, fact);
    }
    stage.step("11-10 9:00 table w48 r1 11-16 11-30 D=11-21/0:00 day/0:00/24:00/O1");
    stage.step("11-18 12:00 approve r1");
    let film = |what: What| what.content();
    assert_eq!(film(stage.airs(at("11-19 9:00")).what), Some(hash("O1")));
    assert_eq!(film(stage.airs(at("11-19 9:10")).what), Some(hash("O1")), "before its period");
    let aired: Vec<_> = (0..4).map(|n| film(stage.airs(at("11-24 9:00").plus_ms(n * 30_000)).what)).collect();
    assert!(aired.contains(&Some(content)) && aired.contains(&Some(hash("O1"))), "{aired:?}");
}

#[rstest]
#[case::no_headline("", "29日", 15_000, "年末", "headline")]
#[case::no_words("休診", " ", 15_000, "年末", "text")]
#[case::no_title("休診", "29日", 15_000, "", "title")]
#[case::too_short_to_be_read("休診", "29日", 4_999, "年末", "duration_ms")]
#[case::too_long_for_who_waits_for_the_next("休診", "29日", 120_001, "年末", "duration_ms")]
fn a_notice_that_nobody_can_read_is_not_kept(
    #[case] headline: &str,
    #[case] words: &str,
    #[case] duration_ms: u32,
    #[case] title: &str,
    #[case] field: &str,
) {
    let command = keep(headline, words, duration_ms, title);
    let refusal = decide(&Stage::new().program, &command, at("11-18 9:00"), Trust::Synced).unwrap_err();
    assert_eq!((refusal.code.as_str(), refusal.values["field"].as_str()), ("bad_value", field));
}

#[test]
fn an_emergency_needs_words_and_no_time() {
    let stage = Stage::new();
    let ask = |command| decide(&stage.program, &command, at("11-24 9:00"), Trust::Lost);
    assert_eq!(
        ask(ProgramCommand::BeginEmergency { text: text("避難してください") }).unwrap().facts,
        [fact(&["emergency"])]
    );
    assert_eq!(ask(ProgramCommand::BeginEmergency { text: text("") }).unwrap_err().code.as_str(), "bad_value");
    assert_eq!(ask(ProgramCommand::EndEmergency).unwrap().facts, [fact(&["all_clear"])]);
    assert_eq!(ask(ProgramCommand::WithdrawNotice).unwrap().facts, [fact(&["unnotice"])]);
}

#[test]
fn who_approves_must_have_seen_the_newest_revision() {
    let newer = format!("11-12 9:00 table {}", TABLE.replace("r1", "r2"));
    let stage = Stage::new().run(&[SENT, &newer]);
    assert_eq!(ask(&stage, "11-18 9:00", "approve r1").unwrap_err().code.as_str(), "table_changed");
    assert!(ask(&stage, "11-18 9:00", "approve r2").is_ok());
}
