//! Remote support: what may be ordered, when, and what the facts make of it.

use std::collections::BTreeMap;

use machiai_core::envelope::{By, Envelope, Head, Trust};
use machiai_core::facts::{Fact, JournalOpened, OpenedAfter};
use machiai_core::ids::{BootId, FactId, OrderId, Origin, Seq, SiteId};
use machiai_core::refusal::RefusalCode;
use machiai_core::support::commission::{Came, Commissioned, MAX_REPORT_BYTES, Report, Scene, accept};
use machiai_core::support::decide::{SupportCommand, decide};
use machiai_core::support::order::{ACTS, Act, LogLevel, MAX_SPAN_MS, Order, Purpose};
use machiai_core::support::{Answer, Outcome, Support, SupportAnswered, SupportOrdered, SupportReported, Why};
use machiai_core::time::AtMs;

const SITE: SiteId = SiteId(1001);
const FROM: AtMs = AtMs(1_795_471_200_000);
const UNTIL: AtMs = AtMs(1_795_471_200_000 + 3_600_000);

fn order() -> Order {
    Order {
        order: OrderId::from_bytes([1; 16]),
        site: SITE,
        act: Act::TestPage { printer: "kiosk".parse().unwrap() },
        purpose: Purpose::Printer,
        why: "プリンターが印刷しないため".into(),
        not_before_ms: FROM,
        not_after_ms: UNTIL,
    }
}

fn acts() -> [Act; 8] {
    let printer = || "kiosk".parse().unwrap();
    [
        Act::Diagnostics {},
        Act::Doctor {},
        Act::Screenshot {},
        Act::RestartScreen { monitor: "monitor1".parse().unwrap() },
        Act::TestPage { printer: printer() },
        Act::LogLevel { level: LogLevel::Debug },
        Act::PullProgram {},
        Act::UpdateConfiguration { printer: printer(), address: "tcp://192.0.2.7:9100".into(), profile: "x".into() },
    ]
}

fn text(order: &Order) -> String {
    serde_json::to_string(order).unwrap()
}

#[test]
fn every_act_is_read_as_it_was_written_and_stands_on_the_list() {
    assert_eq!(acts().map(|act| act.name()), ACTS);
    for act in acts() {
        let order = Order { act, ..order() };
        assert_eq!(Order::read(&text(&order)), Ok(order));
    }
}

#[test]
fn what_is_no_order_is_told_apart_from_what_is_not_on_the_list() {
    let good = text(&order());
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{good}");
        good.replace(from, to)
    };
    let act = r#"{"do":"test_page","printer":"kiosk"}"#;
    for (text, why) in [
        (with(act, r#"{"do":"run_shell","command":"rm -rf /"}"#), Why::NotOnTheList),
        (with(act, r#"{"do":"test_page"}"#), Why::NotUnderstood),
        (with(act, r#"{"do":"test_page","printer":"kiosk","times":1000}"#), Why::NotUnderstood),
        (with(act, r#"{"do":"doctor","printer":"kiosk"}"#), Why::NotUnderstood),
        (with("\"why\"", "\"because\""), Why::NotUnderstood),
        (with("プリンターが印刷しないため", " "), Why::NotUnderstood),
        (with("プリンターが印刷しないため", "a\\nb"), Why::NotUnderstood),
        (with("プリンターが印刷しないため", &"あ".repeat(201)), Why::NotUnderstood),
        (with("\"purpose\":\"printer\"", "\"purpose\":\"anything\""), Why::NotUnderstood),
        (with("{\"order\"", "{\"extra\":1,\"order\""), Why::NotUnderstood),
        (String::new(), Why::NotUnderstood),
        (" ".repeat(5_000) + &good, Why::NotUnderstood),
    ] {
        assert_eq!(Order::read(&text), Err(why), "{text}");
    }
}

#[test]
fn an_act_is_asked_for_by_its_purposes_alone() {
    let asked = acts().map(|act| {
        let purposes = Purpose::ALL.into_iter().filter(|purpose| purpose.asks_for(&act));
        purposes.map(Purpose::as_str).collect::<Vec<_>>().join(" ")
    });
    let all = "checkup printer monitor program line fault";
    assert_eq!(asked, [all, all, "monitor program fault", "monitor", "printer", "line fault", "program", "printer"]);
}

#[test]
fn an_order_counts_at_its_clinic_for_its_purpose_and_in_its_time() {
    let refused = |order: Order, now| order.refuse(SITE, now).err();
    assert_eq!(refused(order(), FROM), None);
    assert_eq!(refused(order(), AtMs(0)), None, "it is early, and will be due");
    assert_eq!(refused(order(), AtMs(UNTIL.0 - 1)), None);
    assert_eq!(refused(order(), UNTIL), Some(Why::Late));
    assert_eq!(refused(Order { site: SiteId(1002), ..order() }, FROM), Some(Why::AnotherSite));
    assert_eq!(refused(Order { purpose: Purpose::Monitor, ..order() }, FROM), Some(Why::OutsidePurpose));
    let until = |not_after_ms| refused(Order { not_after_ms, ..order() }, AtMs(0));
    assert_eq!(until(FROM.plus_ms(MAX_SPAN_MS)), None);
    assert_eq!([until(FROM.plus_ms(MAX_SPAN_MS + 1)), until(FROM)], [Some(Why::TooLong); 2]);
    let due = |now, trust| order().is_due(now, trust);
    assert_eq!([due(AtMs(FROM.0 - 1), Trust::Synced), due(FROM, Trust::Free)], [Ok(false), Ok(true)]);
    assert_eq!([due(UNTIL, Trust::Synced), due(FROM, Trust::Lost)], [Ok(false), Err(Why::ClockLost)]);
}

/// Facts one after the other, a minute apart, and what they make.
struct Told {
    support: Support,
    n: u64,
}

impl Told {
    fn new() -> Self {
        Self { support: Support::default(), n: 0 }
    }

    fn fact(&mut self, fact: Fact) -> FactId {
        self.n += 1;
        let head = Head {
            site: SITE,
            line: None,
            origin: Origin::from_bytes([9; 16]),
            seq: Seq(self.n),
            at_ms: FROM.plus_ms(i64::try_from(self.n).unwrap()),
            at_n: 0,
            boot: BootId::from_bytes([9; 16]),
            mono_ms: 0,
            clock: Trust::Synced,
            by: By { device: "reception".parse().unwrap(), person: Some("sato".into()) },
            cmd: None,
        };
        let id = head.id();
        self.support.after(&Envelope { head, fact });
        id
    }

    fn ask(&mut self, command: SupportCommand) -> Result<Option<FactId>, RefusalCode> {
        let facts = decide(&self.support, &command, FROM.plus_ms(1)).map_err(|refusal| refusal.code)?;
        Ok(facts.into_iter().map(|fact| self.fact(fact)).last())
    }

    fn order(&mut self, order: &Order) -> FactId {
        let order = SupportOrdered { order: text(order), signature: "AAAA".into() };
        self.ask(SupportCommand::Order { order }).unwrap().unwrap()
    }

    fn say(&mut self, asked: FactId, said: Answer) -> Result<Option<FactId>, RefusalCode> {
        self.ask(SupportCommand::Answer { answer: SupportAnswered { asked, said, mark: "m".into() } })
    }

    fn begin(&mut self, asked: FactId) -> Result<Option<FactId>, RefusalCode> {
        self.ask(SupportCommand::Begin { asked })
    }
}

fn report(asked: FactId) -> SupportReported {
    SupportReported {
        asked,
        order: Some(order().order),
        ordered: Some(order().act),
        purpose: Some(Purpose::Printer),
        operator: None,
        consented: None,
        outcome: Outcome::Done,
        ran_ms: None,
        done: Vec::new(),
        found: None,
        picture: None,
    }
}

#[test]
fn an_order_begins_after_a_yes_once_and_is_told_once() {
    let mut told = Told::new();
    let asked = told.order(&order());
    assert_eq!(told.begin(asked), Err(RefusalCode::OrderOver), "nobody has said yes");
    assert_eq!(told.say(asked, Answer::Withdrawn), Err(RefusalCode::OrderOver), "there is nothing to be taken back");
    told.say(asked, Answer::Yes).unwrap();
    assert_eq!(told.say(asked, Answer::Yes), Err(RefusalCode::OrderOver));
    assert!(told.begin(asked).unwrap().is_some());
    assert_eq!(told.begin(asked), Err(RefusalCode::OrderOver));
    assert!(told.ask(SupportCommand::Report { report: Box::new(report(asked)) }).unwrap().is_some());
    assert_eq!(told.ask(SupportCommand::Report { report: Box::new(report(asked)) }), Ok(None), "it is told once");
    assert_eq!(told.say(asked, Answer::Withdrawn), Err(RefusalCode::OrderOver));
}

#[test]
fn a_no_and_a_yes_taken_back_are_the_last_word() {
    for last in [vec![Answer::No], vec![Answer::Yes, Answer::Withdrawn]] {
        let mut told = Told::new();
        let asked = told.order(&order());
        for said in last {
            told.say(asked, said).unwrap();
        }
        assert_eq!(told.say(asked, Answer::Yes), Err(RefusalCode::OrderOver));
        assert_eq!(told.begin(asked), Err(RefusalCode::OrderOver));
    }
}

#[test]
fn a_yes_that_a_journal_holds_which_lost_its_newest_facts_is_asked_for_again() {
    let opened = |after| Fact::JournalOpened(JournalOpened { version: "0.1.0".into(), after });
    for after in [OpenedAfter::Restore, OpenedAfter::Replacement, OpenedAfter::Damage] {
        let mut told = Told::new();
        let orders = [1, 2, 3].map(|n| told.order(&Order { order: OrderId::from_bytes([n; 16]), ..order() }));
        let [waits, begun, declined] = orders;
        for (asked, said) in [(waits, Answer::Yes), (begun, Answer::Yes), (declined, Answer::No)] {
            told.say(asked, said).unwrap();
        }
        told.begin(begun).unwrap();
        told.fact(opened(OpenedAfter::Run));
        let said = |told: &Told| orders.map(|asked| told.support.orders[&asked].last_said());
        assert_eq!(said(&told), [Some(Answer::Yes), Some(Answer::Yes), Some(Answer::No)]);
        told.fact(opened(after));
        assert_eq!(said(&told), [None, Some(Answer::Yes), Some(Answer::No)], "{after:?}");
        told.say(waits, Answer::Yes).unwrap();
        told.begin(waits).unwrap();
    }
}

#[test]
fn the_same_order_again_is_a_replay_whichever_of_them_was_agreed_to() {
    let mut told = Told::new();
    let (first, again) = (told.order(&order()), told.order(&order()));
    assert!(!told.support.is_replay(first, order().order) && told.support.is_replay(again, order().order));
    told.say(again, Answer::Yes).unwrap();
    assert_eq!(told.begin(again), Err(RefusalCode::OrderOver));
    told.say(first, Answer::Yes).unwrap();
    assert!(told.begin(first).unwrap().is_some());
    let other = told.order(&Order { order: OrderId::from_bytes([2; 16]), ..order() });
    told.say(other, Answer::Yes).unwrap();
    assert!(told.begin(other).unwrap().is_some());
}

#[test]
fn orders_are_kept_up_to_a_number_and_those_that_are_over_go_first() {
    let mut told = Told::new();
    let ids: Vec<FactId> =
        (0..64).map(|n| told.order(&Order { order: OrderId::from_bytes([n; 16]), ..order() })).collect();
    told.fact(Fact::SupportReported(report(ids[5])));
    told.order(&order());
    assert_eq!(told.support.orders.len(), 64);
    assert!(told.support.orders.contains_key(&ids[0]) && !told.support.orders.contains_key(&ids[5]));
    told.order(&order());
    assert!(!told.support.orders.contains_key(&ids[0]));
    // Facts about what is not known any more do no harm.
    told.fact(Fact::SupportReported(report(ids[5])));
    let kept = serde_json::to_string(&told.support).unwrap();
    assert_eq!(serde_json::from_str::<Support>(&kept).unwrap(), told.support);
}

/// Returns the values that each refusal of what support may not carries.
pub(crate) fn values_by_code() -> BTreeMap<String, Vec<String>> {
    let mut told = Told::new();
    let asked = told.order(&order());
    let nobodys = FactId { origin: Origin::from_bytes([3; 16]), seq: Seq(1) };
    let refused = [SupportCommand::Begin { asked }, SupportCommand::Begin { asked: nobodys }];
    let refused = refused.map(|command| decide(&told.support, &command, FROM).unwrap_err());
    refused.map(|refusal| (refusal.code.to_string(), refusal.values.into_keys().collect())).into()
}

#[test]
fn what_is_too_long_and_what_nobody_ordered_are_refused() {
    let mut told = Told::new();
    let long = SupportOrdered { order: "x".repeat(4_097), signature: String::new() };
    assert_eq!(told.ask(SupportCommand::Order { order: long }), Err(RefusalCode::TooLong));
    let long = SupportOrdered { order: String::new(), signature: "x".repeat(89) };
    assert_eq!(told.ask(SupportCommand::Order { order: long }), Err(RefusalCode::TooLong));
    let nobodys = FactId { origin: Origin::from_bytes([3; 16]), seq: Seq(1) };
    assert_eq!(told.say(nobodys, Answer::Yes), Err(RefusalCode::UnknownOrder));
    let late = told.order(&Order { not_before_ms: AtMs(0), not_after_ms: FROM, ..order() });
    assert_eq!(told.say(late, Answer::Yes), Err(RefusalCode::OrderOver), "its time is over");
}

fn scene(name: &str, came: Came) -> Scene {
    Scene { scene: name.to_owned(), device: String::new(), came, why: String::new() }
}

fn accepted_report(site: u32, scenes: Vec<Scene>) -> Commissioned {
    let report = Report { site: SiteId(site), version: "0.1.0".into(), began_ms: AtMs(1), ended_ms: AtMs(2), scenes };
    let report = serde_json::to_string(&report).unwrap();
    Commissioned { report, signature: "AAAA".into(), operator: "山田".into() }
}

#[test]
fn a_site_is_accepted_when_something_was_tried_and_nothing_failed() {
    let both = vec![scene("ticket", Came::Passed), scene("buttons", Came::Skipped)];
    assert_eq!(accept(&accepted_report(1001, both.clone()), SiteId(1001)), Ok(()));
    let failed = [both.clone(), vec![scene("display", Came::Failed)]].concat();
    let long = vec![scene(&"x".repeat(MAX_REPORT_BYTES), Came::Passed)];
    let refused = [
        (accepted_report(1001, failed), RefusalCode::BadValue),
        (accepted_report(1001, vec![scene("ticket", Came::Skipped)]), RefusalCode::BadValue),
        (accepted_report(1001, Vec::new()), RefusalCode::BadValue),
        (accepted_report(1002, both), RefusalCode::BadValue),
        (accepted_report(1001, long), RefusalCode::TooLong),
        (Commissioned { report: "{}".into(), ..accepted_report(1001, Vec::new()) }, RefusalCode::BadValue),
    ];
    for (report, code) in refused {
        assert_eq!(accept(&report, SiteId(1001)).unwrap_err().code, code, "{}", report.report.len());
    }
}
